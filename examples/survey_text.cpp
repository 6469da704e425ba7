// What a table is taken for, in words.
#include <algorithm>
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

/// Where days and months could be the other way round.
std::string doubt(const ColumnFacts& facts, nn::DateOrder order) {
  const bool both = facts.dates[1] == facts.values && facts.dates[2] == facts.values;
  if (!both || order == nn::DateOrder::year) return "";
  return std::string(", but in doubt; else: --date-order ") + (order == nn::DateOrder::day ? "month" : "day");
}

}  // namespace

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
  std::vector<std::string> numeric, categories, days, missing;
  std::vector<std::pair<std::string, std::string>> notes;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto& facts = columns[c];
    const std::string name = nn::in_quotes(facts.name);
    const auto dropped_here = dropped.find(c);
    if (facts.missing > 0) missing.push_back(name + " " + to_string(facts.missing));
    if (dropped_here != dropped.end()) notes.emplace_back("dropped", name + " " + dropped_here->second);
    if (dropped_here != dropped.end() || is_target(c)) continue;
    const bool categorical_here = std::ranges::find(categorical, c) != categorical.end();
    if (const auto date = dates.find(c); date != dates.end())
      days.push_back(name + " (" + name_of(date->second) + " first" + doubt(facts, date->second) + ")");
    else if (categorical_here)
      categories.push_back(name + " (" + to_string(facts.names.size()) + ": " + listed(facts.names) + ")");
    else if (facts.numbers == facts.values)  // else there is a problem
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
  if (!targets.empty()) {
    std::vector<std::string> names;
    for (const std::size_t c : targets) names.push_back(nn::in_quotes(columns[c].name));
    line("target", listed(names), targets[0] + 1 == columns.size() ? ", the last column" : "");
    const auto& facts = columns[targets[0]];
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
  if (!dates.empty()) line("dates", dates.size(), ": ", listed(days), ", as days since 1970");
  if (!categories.empty()) line("categorical", categories.size(), ": ", listed(categories));
  for (const auto& [what, note] : notes) line(what.c_str(), note);
  line("missing", missing.empty() ? "none" : listed(missing) + " (" + missing_rule + ")");
  for (const auto& problem : problems) line("problem", problem);
  return out.str();
}
