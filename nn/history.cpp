#include "history.hpp"

#include <algorithm>
#include <autodiff/error.hpp>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "data_error.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

std::size_t History::place(std::string_view column) const {
  const auto found = std::ranges::find(columns, column);
  if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  std::string known;
  for (const auto& name : columns) known += (known.empty() ? "" : ", ") + name;
  fail<ValueError>("history", "there is no column named \"", column, "\", only ", known);
}

std::vector<double> History::column(std::string_view name) const {
  const std::size_t k = place(name);
  std::vector<double> result;
  for (const auto& row : rows) result.push_back(row.at(k));
  return result;
}

std::string exact_text(double number) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}

namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string csv(const auto& fields, auto as_text) {
  std::string line;
  for (const auto& field : fields) line += (&field == &fields.front() ? "" : ",") + as_text(field);
  return line + '\n';
}

std::string json(const History& history, const std::vector<double>& row) {
  std::string line;
  for (std::size_t k = 0; k < row.size(); ++k)
    line += (k == 0 ? "{" : ", ") + nlohmann::json(history.columns[k]).dump() + ": " +
            (std::isfinite(row[k]) ? exact_text(row[k]) : "null");
  return line + "}\n";
}

}  // namespace

HistoryFile::HistoryFile(std::filesystem::path path, const History& history)
    : path_(std::move(path)), json_(path_.extension() == ".jsonl" || path_.extension() == ".json"), file_(path_) {
  check();
  if (!json_) file_ << csv(history.columns, csv_field) << std::flush;
  check();
  for (std::size_t row = 0; row < history.rows.size(); ++row) append(history, row);
}

void HistoryFile::append(const History& history, std::size_t row) {
  const auto& numbers = history.rows.at(row);
  file_ << (json_ ? json(history, numbers) : csv(numbers, exact_text)) << std::flush;
  check();
}

void HistoryFile::check() {
  if (!file_) fail<DataError>("history", path_.string(), ": cannot be written");
}

}  // namespace nn
