// What a table holds, found by looking at all of it before anything is learnt from it.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <nn/nn.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

struct Table;

/// The values of a column.
struct ColumnFacts {
  std::string name = {};
  /// Values that are there, those of them that are numbers, those that are whole ones, and those that are missing.
  std::size_t values = 0, numbers = 0, whole = 0, missing = 0;
  std::size_t first_missing = 0;  // its line
  double least = 0, most = 0;     // of the numbers
  /// Numbers that begin with a zero which says nothing of their size, as in "007": codes.
  bool codes = false;
  /// Each number is one more than that of the row before; each value is there once.
  bool counts = true, unique = true;
  /// Texts that are dates of each order, by nn::DateOrder, while all values so far are; and whether they have points.
  std::array<std::size_t, 3> dates = {};
  bool dotted = false;
  /// The first that is no number, and its line.
  std::string first_text = {};
  std::size_t first_text_line = 0;
  /// The different values in order of appearance and how often each is there, up to one more than CsvOptions allows.
  std::vector<std::string> names = {};
  std::vector<std::size_t> name_counts = {};

  void add(std::string_view field, std::size_t line, char decimal_point, bool is_missing);
  bool is_number() const { return numbers > 0 && 2 * numbers >= values; }
  bool is_date() const { return values > 0 && std::ranges::count(dates, values) > 0; }
  bool constant() const { return values > 0 && names.size() == 1; }

 private:
  std::unordered_map<std::string, std::size_t> places_ = {};
  std::unordered_set<std::size_t> hashes_ = {};
  double last_ = 0;
};

/// What the table is taken for, and why.
struct Survey {
  std::string file, header_reason, task_reason;
  nn::CsvOptions::Header header = nn::CsvOptions::Header::absent;
  char separator = ',', decimal_point = '.';
  std::size_t rows = 0;
  /// Rows with more or fewer columns than the first, and the line of the first of them.
  std::size_t ragged = 0, first_ragged = 0;
  std::vector<ColumnFacts> columns = {};
  /// The columns to predict; none where there are none of the names that were asked for.
  std::vector<std::size_t> targets = {};
  bool regression = false;
  /// The classes as they are spelt: numbers by size, others in order of appearance; none where the header names them.
  std::vector<std::string> classes = {};
  /// By column: what is not read, with the reason, and what becomes features of 0 and 1.
  std::map<std::size_t, std::string> dropped = {};
  std::vector<std::size_t> categorical = {};
  std::map<std::size_t, nn::DateOrder> dates = {};
  /// What becomes of missing values, in words.
  std::string missing_rule = {};
  /// What keeps it from being read, and which options mend it.
  std::vector<std::string> problems = {};

  /// The column of a name, or else of a number from 1.
  std::optional<std::size_t> find(const std::string& text) const;
  bool is_target(std::size_t column) const { return std::ranges::find(targets, column) != targets.end(); }
  /// What it was taken for, a line each.
  std::string text() const;
};

/// Separator, decimal point and header as the table says or, if it leaves them open, as the text shows: a first line
/// whose names are `known` is a header. Then the columns.
Survey look(const nn::CsvText& text, const Table& table, const std::vector<std::string>& known = {});
/// The same, and what is done with the columns.
Survey survey(const nn::CsvText& text, const std::string& task, const Table& table);
