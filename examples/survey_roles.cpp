// What is done with the columns of a table, and how that is said.
#include <algorithm>
#include <set>
#include <sstream>

#include "data_set.hpp"
#include "survey.hpp"

using Header = nn::CsvOptions::Header;

namespace {

using std::to_string;

constexpr std::size_t most_shown = 8;

std::string listed(const std::vector<std::string>& texts) {
  std::string result;
  for (std::size_t i = 0; i < std::min(texts.size(), most_shown); ++i) result += (i > 0 ? ", " : "") + texts[i];
  if (texts.size() > most_shown) result += " and " + to_string(texts.size() - most_shown) + " more";
  return result;
}

/// `names` in quotes, and how often each is there.
std::string counted(const std::vector<std::string>& names, const std::vector<std::size_t>& counts) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < names.size(); ++i) texts.push_back(nn::in_quotes(names[i]) + " " + to_string(counts[i]));
  return listed(texts);
}

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

void choose_task(Survey& survey, const std::string& task) {
  const auto& facts = survey.columns[*survey.target];
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
      autodiff::fail<nn::DataError>("table", survey.file, ": column ", nn::in_quotes(facts.name), " holds ",
                                    facts.numbers, " numbers and ", facts.values - facts.numbers,
                                    " texts (if all are classes: --task ", "classification)");
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

/// Texts become features of 0 and 1, if there are few of them for the samples.
void choose_columns(Survey& survey, const Table& table) {
  constexpr std::size_t some = 20, samples_each = 10;
  std::set<std::size_t> chosen;
  for (const auto& name : table.categorical)
    if (const auto found = survey.find(name)) survey.categorical.push_back(*found), chosen.insert(*found);
  for (const auto& name : table.drop)
    if (const auto found = survey.find(name)) chosen.insert(*found);
  for (std::size_t c = 0; c < survey.columns.size(); ++c) {
    const auto& facts = survey.columns[c];
    if (c == survey.target || chosen.contains(c)) continue;
    const bool unnamed = facts.name.empty() || facts.name == "Unnamed: 0";
    const std::string name = nn::in_quotes(facts.name);
    if (c == 0 && unnamed && facts.counts && facts.values > 1) {
      survey.dropped[c] = "has no name and counts the rows";
    } else if (facts.is_number() || facts.values == 0) {
      continue;
    } else if (facts.unique && facts.values > some) {
      survey.dropped[c] = "holds another text in each row (else: --categorical " + facts.name + ")";
    } else if (facts.names.size() <= some || samples_each * facts.names.size() <= facts.values) {
      survey.categorical.push_back(c);
    } else {
      survey.problems.push_back("column " + name + " holds " + to_string(facts.names.size()) + " different texts in " +
                                to_string(facts.values) + " rows (--drop or --categorical " + name + ")");
    }
  }
  std::ranges::sort(survey.categorical);
}

bool is_read(const Survey& survey, const Table& table, std::size_t c) {
  return !survey.dropped.contains(c) &&
         std::ranges::none_of(table.drop, [&](const auto& name) { return survey.find(name) == c; });
}

}  // namespace

Survey survey(const nn::CsvText& text, const std::string& task, const Table& table) {
  auto result = look(text, table);
  if (result.columns.empty()) return result;  // which the reader refuses
  result.target = table.target.empty() ? std::optional(result.columns.size() - 1) : result.find(table.target);
  if (result.target && result.columns.size() > 1) choose_task(result, task);
  choose_columns(result, table);
  for (const auto& name : table.drop)
    if (const auto found = result.find(name)) result.dropped.emplace(*found, "as --drop says");
  for (std::size_t c = 0; c < result.columns.size(); ++c) {
    const auto& facts = result.columns[c];
    if (table.missing == "refuse" && facts.missing > 0 && is_read(result, table, c))
      result.problems.push_back("column " + nn::in_quotes(facts.name) + " misses " + to_string(facts.missing) +
                                ", the first on line " + to_string(facts.first_missing) +
                                (c == result.target ? " (--missing drop)" : " (--missing mean, median or drop)"));
  }
  return result;
}

std::string Survey::text() const {
  std::ostringstream out;
  const auto line = [&](const char* what, const auto&... texts) {
    out << what << std::string(12 - std::string(what).size(), ' ');
    (out << ... << texts) << '\n';
  };
  const char* separators = separator == ','    ? "commas"
                           : separator == ';'  ? "semicolons"
                           : separator == '\t' ? "tabs"
                           : separator == '|'  ? "bars"
                                               : "blanks";
  line("table", file, ": ", rows, " rows and ", columns.size(), " columns, separated by ", separators,
       decimal_point == ',' ? ", with decimal commas (else: --decimal point)" : "");
  std::vector<std::string> numeric, categories, missing;
  std::vector<std::pair<std::string, std::string>> notes;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto& facts = columns[c];
    const std::string name = nn::in_quotes(facts.name);
    const auto dropped_here = dropped.find(c);
    if (facts.missing > 0) missing.push_back(name + " " + to_string(facts.missing));
    if (dropped_here != dropped.end()) notes.emplace_back("dropped", name + " " + dropped_here->second);
    if (dropped_here != dropped.end() || c == target) continue;
    const bool categorical_here = std::ranges::find(categorical, c) != categorical.end();
    if (categorical_here)
      categories.push_back(name + " (" + to_string(facts.names.size()) + ": " + listed(facts.names) + ")");
    else
      numeric.push_back(name);
    if (facts.constant())
      notes.emplace_back("note", name + " is the same in each row (to leave it out: --drop " + name + ")");
    if (!categorical_here && facts.unique && facts.values == facts.whole && facts.values > 20)
      notes.emplace_back("note",
                         name + " is another whole number in each row (if it only names it: --drop " + name + ")");
  }
  const char* kind = header == Header::absent   ? "none, "
                     : header == Header::counts ? "samples, features and classes, "
                                                : "the first line, ";
  line("header", kind, header_reason);
  if (target) {
    const auto& facts = columns[*target];
    line("target", nn::in_quotes(facts.name), *target + 1 == columns.size() ? ", the last column" : "");
    const std::size_t count = classes.empty() ? facts.names.size() : classes.size();
    line("task", regression ? "values" : to_string(count) + " classes", ", ", task_reason);
    if (!classes.empty()) {
      std::vector<std::size_t> counts;
      for (const auto& name : classes)
        counts.push_back(
            facts.name_counts[static_cast<std::size_t>(std::ranges::find(facts.names, name) - facts.names.begin())]);
      line("classes", counted(classes, counts));
    }
  }
  if (!numeric.empty()) line("numeric", numeric.size(), ": ", listed(numeric));
  if (!categories.empty()) line("categorical", categories.size(), ": ", listed(categories));
  for (const auto& [what, note] : notes) line(what.c_str(), note);
  line("missing", missing.empty() ? "none" : listed(missing));
  for (const auto& problem : problems) line("problem", problem);
  return out.str();
}
