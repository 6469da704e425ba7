#include "history.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <nn/base/text.hpp>
#include <nn/io/atomic_file.hpp>
#include <span>

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

/// What is wrong with the names of a first row, or nothing.
std::string rule_of(const std::vector<std::string>& names) {
  if (names.empty()) return "there are no columns";
  for (const auto& name : names) {
    const auto special = [](unsigned char c) { return c < 32 || c == 127 || c == ',' || c == '"'; };
    if (name.empty() || std::ranges::any_of(name, special))
      return "a name is empty or has a comma, a quote or a control character: " + in_quotes(name);
  }
  auto sorted = names;
  std::ranges::sort(sorted);
  const auto twice = std::ranges::adjacent_find(sorted);
  if (twice != sorted.end()) return "two columns are named " + in_quotes(*twice);
  return "";
}

std::string csv_line(const auto& cells, const auto& text) {
  std::string line;
  for (const auto& cell : cells) line += (line.empty() ? "" : ",") + text(cell);
  return line + '\n';
}

std::string json_line(const History::Row& row) {
  std::string line;
  for (const auto& [name, number] : row)
    line += (line.empty() ? "{" : ", ") +
            nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + ": " +
            (std::isfinite(number) ? digits(number) : "null");
  return line + "}\n";
}

void write(std::string_view caller, const std::filesystem::path& path, const std::string& text) {
  AtomicFile file(caller, path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const auto comma = line.find(',');
    cells.push_back(line.substr(0, comma));
    if (comma == line.npos) return cells;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

void History::append(const Row& row) {
  std::vector<std::string> names;
  for (const auto& [name, number] : row) names.push_back(name);
  if (names_.empty()) {
    if (const auto rule = rule_of(names); !rule.empty()) fail<ValueError>("history", rule);
    names_ = std::move(names);
    columns_.resize(row.size());
  } else if (names != names_) {
    const auto list = [](const auto& names) { return csv_line(names, std::identity()); };
    fail<ValueError>("history", "a row has other columns than the first one: ", list(names), "instead of ",
                     list(names_));
  }
  for (std::size_t i = 0; i < row.size(); ++i) columns_[i].push_back(row[i].second);
}

void History::keep(std::size_t rows) {
  for (auto& column : columns_) column.resize(std::min(rows, column.size()));
}

bool History::contains(std::string_view name) const { return std::ranges::find(names_, name) != names_.end(); }

const std::vector<double>& History::column(std::string_view name) const {
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end())
    fail<ValueError>("history", "there is no column named ", in_quotes(name), autodiff::names_near(name, names_));
  return columns_[static_cast<std::size_t>(found - names_.begin())];
}

History::Row History::row(std::size_t index) const {
  if (index >= rows()) fail<ValueError>("history", "there are only ", rows(), " rows: ", index);
  Row row;
  for (std::size_t i = 0; i < names_.size(); ++i) row.emplace_back(names_[i], columns_[i][index]);
  return row;
}

void write_csv(const std::filesystem::path& path, const History& history) {
  std::string text;
  if (!history.names().empty()) text += csv_line(history.names(), std::identity());
  for (std::size_t i = 0; i < history.rows(); ++i)
    text += csv_line(history.row(i), [](const auto& cell) { return digits(cell.second); });
  write("write_csv", path, text);
}

History read_history(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& place, const std::string& rule) {
    fail<DataError>("read_history", path.string(), place, ": ", rule);
  };
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) refuse("", "is not a regular file");
  constexpr std::uintmax_t most = std::uintmax_t{1} << 28;
  if (std::filesystem::file_size(path, ignored) > most)
    refuse("", "holds more than the " + std::to_string(most) + " bytes allowed");
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse("", std::string("cannot be read: ") + std::strerror(errno));

  History history;
  std::vector<std::string> names;
  std::string line;
  // At the end of the file without a line end, the line is cut off.
  for (std::size_t number = 1; std::getline(file, line) && !file.eof(); ++number) {
    const auto place = ":" + std::to_string(number);
    const auto cells = split(std::string_view(line).substr(0, line.size() - line.ends_with('\r')));
    if (number == 1) {
      names.assign(cells.begin(), cells.end());
      if (const auto rule = rule_of(names); !rule.empty()) refuse(place, rule);
      continue;
    }
    if (cells.size() != names.size())
      refuse(place, "has " + std::to_string(cells.size()) + " fields instead of " + std::to_string(names.size()));
    History::Row row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto value = nn::number(cells[i]);
      if (!value) refuse(place, in_quotes(cells[i]) + " is not a number");
      row.emplace_back(names[i], *value);
    }
    history.append(row);
  }
  if (file.bad()) refuse("", "cannot be read");
  return history;
}

void write_json_lines(const std::filesystem::path& path, const History& history) {
  std::string text;
  for (std::size_t i = 0; i < history.rows(); ++i) text += json_line(history.row(i));
  write("write_json_lines", path, text);
}

void append_json_line(const std::filesystem::path& path, const History& history) {
  if (history.rows() == 0) return;
  const auto refuse = [&](const std::string& why) {
    fail<DataError>("append_json_line", path.string(), ": cannot be written: ", why);
  };
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary | std::ios::ate);
  if (!file) file.open(path, std::ios::out | std::ios::app | std::ios::binary);
  if (!file) refuse(std::strerror(errno));
  // Back to after the last line end.
  auto end = static_cast<std::streamoff>(file.tellp());
  const auto size = end;
  for (char last = 0; end > 0; --end) {
    file.seekg(end - 1);
    if (!file.get(last)) refuse(std::strerror(errno));
    if (last == '\n') break;
  }
  if (end < size) {
    std::error_code error;
    std::filesystem::resize_file(path, static_cast<std::uintmax_t>(end), error);
    if (error) refuse(error.message());
  }
  file.seekp(end);
  file << json_line(history.row(history.rows() - 1)) << std::flush;
  if (!file) refuse(std::strerror(errno));
}

}  // namespace nn
