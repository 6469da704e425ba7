#include "survey.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data_set.hpp"

using Header = nn::CsvOptions::Header;

namespace {

using Fields = std::vector<std::string_view>;
using Record = std::vector<std::string>;

const std::size_t most_names = nn::CsvOptions().max_classes;

bool is_missing(std::string_view field) {
  static const auto values = nn::CsvOptions().missing_values;
  return std::ranges::find(values, field) != values.end();
}

bool is_whole(double value) { return std::abs(value) < 0x1p53 && value == std::floor(value); }

std::optional<std::size_t> count(std::string_view field) {
  const auto value = nn::number(field);
  if (!value || *value < 0 || !is_whole(*value)) return {};
  return static_cast<std::size_t>(*value);
}

nn::CsvOptions plain(char separator) {
  nn::CsvOptions options;
  options.separator = separator;
  return options;
}

/// The first records, as far as they can be read.
std::vector<Record> beginning(const nn::CsvText& text, char separator) {
  constexpr std::size_t most = 1000;
  std::vector<Record> result;
  try {
    nn::for_each_record(text, plain(separator), [&](const Fields& fields, std::size_t) {
      result.emplace_back(fields.begin(), fields.end());
      return result.size() < most;
    });
  } catch (const nn::DataError&) {
  }
  return result;
}

/// Numbers with a fraction after this sign.
std::size_t fractions(const std::vector<Record>& records, char decimal_point) {
  std::size_t result = 0;
  for (const auto& record : records)
    result += static_cast<std::size_t>(std::ranges::count_if(record, [=](const auto& field) {
      return field.find(decimal_point) != field.npos && nn::number(field, decimal_point);
    }));
  return result;
}

/// The separator by which all records have the same columns, and more than one: of several, that of the most columns.
char find_separator(const nn::CsvText& text) {
  char best = ',';
  std::size_t columns = 1;
  for (const char separator : {',', ';', '\t', '|'}) {
    const auto records = beginning(text, separator);
    const auto width = records.empty() ? 0 : records.back().size();
    // The header that counts has columns of its own.
    const auto first = records.begin() + (records.size() > 2 ? 1 : 0);
    if (!std::all_of(first, records.end(), [&](const Record& record) { return record.size() == width; })) continue;
    // "1,5;2,5" has as many columns by both.
    const bool decimal_commas = width == columns && separator != ',' && fractions(records, ',') > 0;
    if (width > columns || (width > 1 && decimal_commas)) best = separator, columns = width;
  }
  return best;
}

/// How much speaks for a first record that is a header, column by column; below 0 for one that is a sample.
int header_score(const Record& first, const std::vector<Record>& records, char decimal_point) {
  std::vector<ColumnFacts> below(first.size());
  for (std::size_t i = 1; i < records.size(); ++i)
    for (std::size_t c = 0; c < std::min(first.size(), records[i].size()); ++c)
      below[c].add(records[i][c], 0, decimal_point, is_missing(records[i][c]));
  int score = 0;
  const std::size_t start = count(first[0]).value_or(2);
  bool counting = first.size() > 2 && start <= 1, fraction = false;
  for (std::size_t c = 0; c < first.size(); ++c) {
    const auto& facts = below[c];
    const auto number = nn::number(first[c]);
    const bool numeric = facts.is_number();
    fraction = fraction || facts.whole < facts.numbers;
    counting = counting && count(first[c]) == c + start;
    if (is_missing(first[c]) || facts.values == 0) continue;
    if (!number) {
      const bool again = std::ranges::find(facts.names, first[c]) != facts.names.end();
      score += numeric ? 2 : again ? -2 : 2 * facts.names.size() <= facts.values ? 1 : 0;
    } else if (!is_whole(*number)) {
      score -= 2;
    } else if (numeric) {
      const bool outside = *number < facts.least || *number > facts.most;
      score += outside && facts.whole < facts.numbers ? 1 : -1;
    }
  }
  if (counting && (fraction || first.size() > 3)) score += 10;  // as pandas numbers columns
  return score;
}

/// scikit-learn's form: samples, features, names of the classes.
bool counts_samples(const Record& first, const Record& second) {
  if (first.size() < 3 || !count(first[0]) || !count(first[1]) || second.size() != *count(first[1]) + 1) return false;
  const bool names = std::none_of(first.begin() + 2, first.end(),
                                  [](const auto& name) { return nn::number(name) || is_missing(name); });
  const auto label = count(second.back());
  return names && label && *label < first.size() - 2;
}

bool names_known(const Record& first, const std::vector<std::string>& known) {
  const auto is_known = [&](const auto& name) { return std::ranges::find(known, name) != known.end(); };
  return std::ranges::all_of(first, is_known) || std::ranges::any_of(first, [&](const auto& name) {
           return !name.empty() && !nn::number(name) && is_known(name);
         });
}

void find_header(Survey& survey, const std::vector<Record>& records, const Table& table,
                 const std::vector<std::string>& known) {
  const auto is = [&](Header header, const char* reason) { survey.header = header, survey.header_reason = reason; };
  const Record& first = records[0];
  if (table.header != "automatic") return is(header(table.header), "as --header says");
  if (records.size() > 1 && counts_samples(first, records[1])) return is(Header::counts, "else: --header present");
  if (names_known(first, known)) return is(Header::present, "as its names are those of training");
  const bool no_numbers =
      std::ranges::none_of(first, [](const auto& field) { return nn::number(field).has_value(); }) &&
      !std::ranges::all_of(first, is_missing);
  const int score = header_score(first, records, survey.decimal_point);
  if (score > 1) return is(Header::present, "else: --header absent");
  if (score == 1 || (score == 0 && no_numbers)) return is(Header::present, "but in doubt; else: --header absent");
  is(Header::absent, no_numbers ? "as the first line is like the others, but in doubt; else: --header present"
                                : "else: --header present");
}

}  // namespace

void ColumnFacts::add(std::string_view field, std::size_t line, char decimal_point, bool is_missing) {
  if (is_missing) {
    if (missing++ == 0) first_missing = line;
    counts = false;
    return;
  }
  const auto number = nn::number(field, decimal_point);
  const bool is_finite = number && std::isfinite(*number), counted = is_finite && is_whole(*number);
  counts = counts && counted && (values == 0 || *number == last_ + 1);
  if (is_finite) {
    least = numbers == 0 ? *number : std::min(least, *number), most = numbers == 0 ? *number : std::max(most, *number);
    last_ = *number, ++numbers, whole += counted;
    codes = codes || (counted && field.size() > 1 && field[0] == '0' && field[1] >= '0' && field[1] <= '9');
  }
  if (!is_finite) {
    if (numbers == values) first_text = field, first_text_line = line;
    for (std::size_t order = 0; order < dates.size(); ++order)
      if (dates[order] == values) dates[order] += nn::date(field, static_cast<nn::DateOrder>(order)).has_value();
    dotted = field.find('.') != field.npos;
  }
  ++values;
  if (is_finite && !counted) unique = false;  // measured numbers are no names
  unique = unique && hashes_.insert(std::hash<std::string_view>()(field)).second;
  if (!unique) hashes_.clear();
  std::string name(field);
  if (const auto place = places_.find(name); place != places_.end()) return void(++name_counts[place->second]);
  if (names.size() > most_names) return;
  places_.emplace(name, names.size());
  names.push_back(std::move(name)), name_counts.push_back(1);
}

std::optional<std::size_t> Survey::find(const std::string& text) const {
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (columns[c].name == text) return c;
  const auto number = column(text).number;
  return number > 0 && number <= columns.size() ? std::optional(number - 1) : std::nullopt;
}

Survey look(const nn::CsvText& text, const Table& table, const std::vector<std::string>& known) {
  Survey result;
  result.file = text.path.string();
  result.separator = table.separator == "automatic" ? find_separator(text) : separator(table.separator);
  const auto records = beginning(text, result.separator);
  if (table.decimal == "comma" ||
      (table.decimal == "automatic" && result.separator != ',' && fractions(records, ',') > fractions(records, '.')))
    result.decimal_point = ',';

  if (records.empty()) return result;
  find_header(result, records, table, known);
  const Record& first = records[0];
  bool skip = result.header != Header::absent;
  std::size_t width = result.header == Header::present ? first.size() : 0;
  const auto missing = missing_values(table);
  try {
    nn::for_each_record(text, plain(result.separator), [&](const Fields& fields, std::size_t line) {
      if (std::exchange(skip, false)) return true;
      ++result.rows;
      if (width == 0) width = fields.size();
      if (fields.size() != width && result.ragged++ == 0) result.first_ragged = line;
      result.columns.resize(std::max(result.columns.size(), fields.size()));
      for (std::size_t c = 0; c < fields.size(); ++c)
        result.columns[c].add(fields[c], line, result.decimal_point,
                              std::ranges::find(missing, fields[c]) != missing.end());
      return true;
    });
  } catch (const nn::DataError&) {  // is said when it is read
  }
  if (result.header == Header::present) result.columns.resize(std::max(result.columns.size(), first.size()));
  for (std::size_t c = 0; c < result.columns.size(); ++c)
    result.columns[c].name =
        result.header == Header::present && c < first.size() ? first[c] : "column " + std::to_string(c + 1);
  return result;
}
