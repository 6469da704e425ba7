#include "csv_records.hpp"

#include <algorithm>
#include <nn/base/text.hpp>

namespace nn {

bool CsvRecords::skipped(std::string_view line) const {
  const auto first = std::ranges::find_if(line, [this](char c) { return !blank(c); });
  return first == line.end() || (options_.comment != 0 && *first == options_.comment);
}

void CsvRecords::check_columns(std::size_t columns) const {
  if (columns > options_.max_columns)
    lines_.refuse(line_, "there are more than the " + std::to_string(options_.max_columns) + " columns allowed");
}

bool CsvRecords::next(std::vector<std::string_view>& fields) {
  std::string_view line;
  do {
    if (!lines_.next(line)) return false;
    if (lines_.number() == 1 && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);  // a byte order mark
  } while (skipped(line));
  line_ = lines_.number();
  fields.clear();
  if (line.find('"') != line.npos) {
    split_quoted(line, fields);
    return true;
  }
  if (options_.separator == ' ') line = trimmed(line);
  for (;;) {
    const auto end = std::ranges::find_if(line, [this](char c) { return separates(c); });
    const std::size_t length = static_cast<std::size_t>(end - line.begin());
    fields.push_back(trimmed(line.substr(0, length)));
    check_columns(fields.size());
    if (end == line.end()) return true;
    line.remove_prefix(length + 1);
    if (options_.separator == ' ') line = trimmed(line);
  }
}

/// Appends the quoted field that begins at `at`, reading further lines if it holds line ends; returns what follows it.
std::size_t CsvRecords::unquote(std::string_view& line, std::size_t at) {
  for (++at;;) {
    const std::size_t quote = line.find('"', at);
    text_ += line.substr(at, quote - at);
    lines_.check_length(text_.size());
    if (quote == line.npos) {
      if (!lines_.next(line)) lines_.refuse(line_, "a quote that opens in this record is never closed");
      text_ += '\n';
      at = 0;
    } else if (quote + 1 < line.size() && line[quote + 1] == '"') {
      text_ += '"';
      at = quote + 2;
    } else {
      return quote + 1;
    }
  }
}

void CsvRecords::split_quoted(std::string_view line, std::vector<std::string_view>& fields) {
  std::vector<std::size_t> ends;  // of the fields in text_, which still grows
  text_.clear();
  std::size_t at = 0;
  const auto skip_blanks = [&] {
    while (at < line.size() && blank(line[at])) ++at;
  };
  for (;;) {
    skip_blanks();
    if (options_.separator == ' ' && at == line.size() && !ends.empty()) break;
    if (at < line.size() && line[at] == '"') {
      at = unquote(line, at);
      if (options_.separator != ' ') skip_blanks();
      if (at < line.size() && !separates(line[at]))
        lines_.refuse(line_, "column " + std::to_string(ends.size() + 1) + " goes on after its closing quote");
    } else {
      const std::size_t begin = at;
      while (at < line.size() && !separates(line[at])) ++at;
      text_ += trimmed(line.substr(begin, at - begin));
      lines_.check_length(text_.size());
    }
    ends.push_back(text_.size());
    check_columns(ends.size());
    if (at == line.size()) break;
    ++at;
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends) fields.push_back(std::string_view(text_).substr(begin, end - begin)), begin = end;
}

CsvText read_csv_text(const std::filesystem::path& path, const CsvOptions& options) {
  CsvText result{path, {}};
  Lines lines("read_csv", path, options.max_bytes, options.max_line);
  for (std::string_view line; lines.next(line);) (result.text += line) += '\n';
  return result;
}

void for_each_record(const CsvText& text, const CsvOptions& options,
                     const std::function<bool(const std::vector<std::string_view>&, std::size_t)>& visit) {
  CsvRecords records("read_csv", text, options);
  for (std::vector<std::string_view> fields; records.next(fields);)
    if (!visit(fields, records.line())) return;
}

}  // namespace nn
