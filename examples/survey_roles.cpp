// What is done with the columns of a table, and how that is said.
#include <algorithm>
#include <set>

#include "data_set.hpp"
#include "survey.hpp"

using Header = nn::CsvOptions::Header;

namespace {

using std::to_string;

/// Whole numbers are classes where few of them are there for the samples that there are.
bool few(const ColumnFacts& facts) {
  constexpr std::size_t some = 20, most = 100, samples_each = 50;
  const std::size_t different = facts.names.size();
  return 2 * different <= facts.values &&
         (different <= some || (different <= most && samples_each * different <= facts.values));
}

/// Numbers by size, a number that is spelt in two ways as it is first, unless zeros in front of it make it a code.
std::vector<std::string> class_names(const ColumnFacts& facts, char decimal_point) {
  auto names = facts.names;
  if (facts.numbers < facts.values) return names;
  const auto size = [=](const std::string& name) { return *nn::number(name, decimal_point); };
  std::ranges::stable_sort(names, {}, size);
  const auto same = [&](const auto& a, const auto& b) { return size(a) == size(b); };
  if (!facts.codes) names.erase(std::unique(names.begin(), names.end(), same), names.end());
  return names;
}

std::string quoted(const ColumnFacts& facts) { return nn::in_quotes(facts.name); }

/// The column of a name that an option has; one that is not there is a problem.
std::optional<std::size_t> said_column(Survey& survey, const std::string& name, const std::string& option) {
  const auto found = survey.find(name);
  if (found) return found;
  const std::size_t number = column(name).number;
  const bool numbered = number > 0 || name == "0";
  survey.problems.push_back("there is no column " +
                            (numbered ? to_string(number) + ", only 1 to " + to_string(survey.columns.size())
                                      : "named " + nn::in_quotes(name)) +
                            " (" + option + ")");
  return {};
}

std::set<std::size_t> said_columns(Survey& survey, const std::vector<std::string>& names, const char* option) {
  std::set<std::size_t> result;
  for (const auto& name : names) {
    const auto found = said_column(survey, name, option);
    if (found) result.insert(*found);
    if (found && survey.is_target(*found))
      survey.problems.push_back("column " + nn::in_quotes(name) + " is the target, too (" + option + ")");
  }
  return result;
}

/// The columns of --target, or the last one.
void choose_targets(Survey& survey, const std::string& names) {
  if (names.empty()) return survey.targets.push_back(survey.columns.size() - 1);
  std::vector<std::string> parts{names};
  if (!survey.find(names)) {  // no column has commas in its name
    parts.clear();
    for (std::size_t begin = 0, end = 0; end != names.npos; begin = end + 1) {
      end = names.find(',', begin);
      parts.push_back(names.substr(begin, end == names.npos ? end : end - begin));
    }
  }
  for (const auto& part : parts) {
    const auto found = said_column(survey, part, "--target");
    if (found && survey.is_target(*found))
      survey.problems.push_back("column " + nn::in_quotes(part) + " is a target twice (--target)");
    else if (found)
      survey.targets.push_back(*found);
  }
}

/// Several targets are values; each must hold numbers.
void choose_values(Survey& survey, const std::string& task) {
  survey.regression = true, survey.task_reason = "as there are several targets";
  if (task == "classification")
    survey.problems.push_back("classes have one target, not several (--task regression, or one --target)");
  for (const std::size_t c : survey.targets)
    if (const auto& facts = survey.columns[c]; facts.numbers < facts.values)
      survey.problems.push_back("several targets must be numbers, and " + quoted(facts) + " holds " +
                                nn::in_quotes(facts.first_text) + " on line " + to_string(facts.first_text_line) +
                                " (--target)");
}

void choose_task(Survey& survey, const std::string& task) {
  if (survey.targets.size() > 1) return choose_values(survey, task);
  const auto& facts = survey.columns[survey.targets[0]];
  const auto is = [&](bool regression, const std::string& reason) {
    survey.regression = regression, survey.task_reason = reason;
    const bool named = survey.header == Header::counts;  // by the header
    if (!regression && !named) survey.classes = class_names(facts, survey.decimal_point);
  };
  const std::string different = to_string(facts.names.size()) + " different ";
  const std::string rows = " in " + to_string(facts.values) + " rows";
  if (task != "automatic") return is(task == "regression", "as --task says");
  if (survey.header == Header::counts) return is(false, "which the header names (else: --task regression)");
  if (facts.numbers < facts.values) {
    if (facts.numbers > 0)
      survey.problems.push_back("column " + quoted(facts) + " holds " + to_string(facts.numbers) + " numbers and " +
                                to_string(facts.values - facts.numbers) +
                                " texts (if all are classes: --task classification)");
    else if (facts.values > 20 && 2 * facts.names.size() > facts.values)
      survey.problems.push_back("the target " + quoted(facts) + " holds " + different + "texts" + rows +
                                " (another one: --target; if they are classes: --task classification)");
    return is(false, "as the target holds texts");
  }
  if (facts.codes) return is(false, "as the target holds codes such as \"007\" (else: --task regression)");
  if (facts.whole < facts.numbers)
    return is(true, "as the target holds numbers with fractions (else: --task classification)");
  if (few(facts))
    return is(false, "as the target holds " + different + "whole numbers" + rows + " (else: --task regression)");
  is(true, "as the target holds " +
               std::string(facts.names.size() > nn::CsvOptions().max_classes ? "many " : different) + "whole numbers" +
               rows + " (else: --task classification)");
}

/// The order in which all of its dates can be read; of several, that which their sign speaks for.
nn::DateOrder order_of(const ColumnFacts& facts, const std::string& said) {
  using nn::DateOrder;
  const auto can = [&](DateOrder order) { return facts.dates[static_cast<std::size_t>(order)] == facts.values; };
  if (said != "automatic") return date_order(said);
  if (can(DateOrder::year) || !can(DateOrder::day)) return can(DateOrder::year) ? DateOrder::year : DateOrder::month;
  return can(DateOrder::month) && !facts.dotted ? DateOrder::month : DateOrder::day;
}

/// What a column that nothing was said of is. Texts become features of 0 and 1, if there are few of them for the
/// samples.
void choose_column(Survey& survey, const Table& table, std::size_t c) {
  constexpr std::size_t some = 20, samples_each = 10;
  const auto& facts = survey.columns[c];
  const bool unnamed = facts.name.empty() || facts.name == "Unnamed: 0";
  const std::size_t different = facts.names.size(), most = nn::CsvOptions().max_classes;  // no more are counted
  const bool many = different > most;
  const std::string texts = (many ? "more than " + to_string(most) : to_string(different)) + " different texts in " +
                            to_string(facts.values) + " rows";
  if (c == 0 && unnamed && facts.counts && facts.values > 1) {
    survey.dropped[c] = "has no name and counts the rows";
  } else if (facts.values == 0) {
    if (survey.rows > 0) survey.dropped[c] = "holds no value at all";
  } else if (facts.numbers == facts.values) {
    return;
  } else if (facts.is_number()) {
    survey.problems.push_back("column " + quoted(facts) + " holds " + to_string(facts.numbers) + " numbers and " +
                              to_string(facts.values - facts.numbers) + " texts, the first " +
                              nn::in_quotes(facts.first_text) + " on line " + to_string(facts.first_text_line) +
                              " (--missing-values " + nn::in_quotes(facts.first_text) +
                              " if it stands for none, --drop or --categorical " + quoted(facts) + ")");
  } else if (facts.is_date()) {
    survey.dates[c] = order_of(facts, table.date_order);
  } else if (facts.unique && facts.values > some) {
    survey.dropped[c] = "holds another text in each row (else: --categorical " + facts.name + ")";
  } else if (many) {
    survey.dropped[c] = "holds " + texts;
  } else if (different <= some || samples_each * different <= facts.values) {
    survey.categorical.push_back(c);
  } else if (2 * different > facts.values) {
    survey.dropped[c] = "holds " + texts + " (else: --categorical " + facts.name + ")";
  } else {
    survey.problems.push_back("column " + quoted(facts) + " holds " + texts + " (--drop or --categorical " +
                              quoted(facts) + ")");
  }
}

void choose_columns(Survey& survey, const Table& table) {
  const auto dropped = said_columns(survey, table.drop, "--drop");
  const auto dates = said_columns(survey, table.dates, "--dates");
  const auto categorical = said_columns(survey, table.categorical, "--categorical");
  for (std::size_t c = 0; c < survey.columns.size(); ++c) {
    const auto& facts = survey.columns[c];
    if (dropped.contains(c) + dates.contains(c) + categorical.contains(c) > 1)
      survey.problems.push_back("column " + quoted(facts) +
                                " is asked for in two ways (--drop, --dates, --categorical)");
    if (survey.is_target(c)) continue;
    if (dropped.contains(c)) {
      survey.dropped[c] = "as --drop says";
    } else if (dates.contains(c)) {
      survey.dates[c] = order_of(facts, table.date_order);
      if (facts.dates[static_cast<std::size_t>(survey.dates[c])] < facts.values)
        survey.problems.push_back("column " + quoted(facts) + " holds what is no such date, as " +
                                  nn::in_quotes(facts.names.empty() ? "" : facts.names[0]) +
                                  " (--date-order, --drop or --missing-values)");
    } else if (categorical.contains(c)) {
      survey.categorical.push_back(c);
    } else {
      choose_column(survey, table, c);
    }
  }
}

/// What becomes of missing values, and which of them keep the table from being read.
void choose_missing(Survey& survey, const Table& table) {
  survey.missing_rule = table.missing == "drop" ? "their rows are left out"
                        : table.missing == "mean"
                            ? "filled by the mean of the training rows, or the most frequent category"
                            : "filled by the median of the training rows, or the most frequent category";
  for (std::size_t c = 0; c < survey.columns.size(); ++c) {
    const auto& facts = survey.columns[c];
    const bool is_target = survey.is_target(c);
    if (facts.missing == 0 || survey.dropped.contains(c)) continue;
    if (is_target && table.missing == "automatic") survey.missing_rule += "; rows without a target are left out";
    if (table.missing != "refuse" && (!is_target || table.missing == "drop" || table.missing == "automatic")) continue;
    survey.problems.push_back("column " + quoted(facts) + " misses " + to_string(facts.missing) +
                              ", the first on line " + to_string(facts.first_missing) +
                              (is_target ? " (--missing drop)" : " (--missing mean, median or drop)"));
  }
}

}  // namespace

Survey survey(const nn::CsvText& text, const std::string& task, const Table& table) {
  auto result = look(text, table);
  if (result.columns.empty()) return result;  // which the reader refuses
  if (result.ragged > 0 && result.rows > result.ragged)
    result.problems.push_back(to_string(result.ragged) +
                              " rows have more or fewer columns than the first, the first on line " +
                              to_string(result.first_ragged) + " (--separator, or quotes around fields that hold it)");
  choose_targets(result, table.target);
  if (!result.targets.empty() && result.columns.size() > 1) choose_task(result, task);
  choose_columns(result, table);
  choose_missing(result, table);
  return result;
}
