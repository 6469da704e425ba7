// Text files of separated values.
#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <nn/base/data_error.hpp>

#include "dataset.hpp"
#include "dates.hpp"

namespace nn {

/// A column, by the name that the header gives it or by its number, which counts from 1 as in messages.
struct Column {
  Column(std::string text) : name(std::move(text)) {}
  Column(const char* text) : name(text) {}
  Column(std::integral auto count) : number(count > 0 ? static_cast<std::size_t>(count) : 0) {}
  std::string name;
  std::size_t number = 0;
};

/// A column of categories: texts or numbers that stand for kinds of things.
struct Categorical {
  Column column;
  /// A feature of 0 or 1 for each category ("origin=2"), instead of one feature that holds the category's number.
  bool one_hot = false;
  /// The categories in order, others being refused; by default, those of the file in order of appearance.
  std::vector<std::string> names = {};
};

/// A column of dates, which become numbers as date() gives them.
struct DateColumn {
  Column column;
  DateOrder order = DateOrder::year;
};

struct CsvOptions {
  /// ' ' stands for any run of spaces and tabs.
  char separator = ',';
  /// What stands before the fraction of a number; a comma as spreadsheets write it where the separator is another one.
  char decimal_point = '.';
  /// What begins a line that is skipped; 0 for none.
  char comment = 0;
  /// `counts` is scikit-learn's form: samples, features, then the names of the classes. By default the first record is
  /// a header if it has this form, or if it has no number in it.
  enum class Header { automatic, absent, present, counts } header = Header::automatic;

  /// By default, the last column. Several only for real values.
  std::vector<Column> targets = {};
  /// There is no target: every column is a feature, and targets have shape (samples, 0).
  bool unlabelled = false;
  /// Targets are real values (samples, outputs) instead of classes (samples).
  bool regression = false;
  /// Targets are classes if all are texts or all are whole numbers from 0 to 99, and real values if all are other
  /// numbers, or several to a sample; `regression` is ignored. Texts among numbers are refused. Real values have
  /// no names of classes.
  bool automatic = false;
  /// The names of the classes in order, others being refused, but for numbers that are equal to one. By default,
  /// classes are whole numbers from 0, named so; or texts, numbered in order of appearance.
  std::vector<std::string> classes = {};
  /// Columns of categories, and columns of dates.
  std::vector<Categorical> categorical = {};
  std::vector<DateColumn> dates = {};
  /// Columns that are not read.
  std::vector<Column> drop = {};
  /// Called with the names of all columns ("column 1" where there are none), before any value is read: it may change
  /// what is done with them, that is targets, categorical, dates and drop, and throw.
  std::function<void(const std::vector<std::string>& columns, CsvOptions& options)> adapt = {};

  /// What happens where a value is missing. `mean` and `median`, those of the column's other values in this file, fill
  /// features that are numbers; categories get the most frequent one. `keep` leaves NaN, in all features of a category
  /// that is missing, for a Filling that samples to test with have no part in. A missing target is refused, or its
  /// sample dropped.
  enum class Missing { refuse, drop_row, mean, median, keep } missing = Missing::refuse;
  std::vector<std::string> missing_values = {"", "?", "NA", "N/A", "NaN", "nan", "null"};
  /// Samples without a target are left out, whatever happens to the others.
  bool drop_missing_targets = false;
  /// By default, a file with a value that is not what it should be is refused. If this is set, it is called with the
  /// sample, from 0, and what is wrong with it, for each such value, and the value is kept as a missing one, targets
  /// included; all of a record are where it has too few columns or too many. Missing values that `missing` refuses
  /// count, too.
  std::function<void(std::size_t sample, const std::string& fault)> tolerate = {};

  /// What a file may hold at most, once unpacked, and what one-hot features may take: more is refused, so that a
  /// hostile file cannot fill the memory.
  std::size_t max_bytes = std::size_t{1} << 28;
  std::size_t max_line = std::size_t{1} << 20;
  std::size_t max_columns = std::size_t{1} << 16;
  /// Of the target and of every categorical column.
  std::size_t max_classes = 1000;
};

/// Reads separated values, plain or gzip, quoted as in RFC 4180: one sample a record, by default with numbers as
/// features and its class in the last column. Blank lines are skipped. Throws DataError, with file and line, for
/// anything else: no such file, no samples, ragged records, what is not a finite number or not a class, columns that
/// the file does not have, a damaged or truncated gzip file, and one beyond the limits.
template <autodiff::Real T>
Dataset<T> read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

/// The text of such a file, unpacked, to be read more than once: what it holds may decide how it is read.
struct CsvText {
  std::filesystem::path path;
  std::string text;
};
/// Throws DataError for what cannot be read, and for more than the options allow.
CsvText read_csv_text(const std::filesystem::path& path, const CsvOptions& options = {});
/// The same as from the file.
template <autodiff::Real T>
Dataset<T> read_csv(const CsvText& text, const CsvOptions& options = {});
/// Calls `visit` with the fields of every record and the line on which it begins, until it returns false. Of the
/// options, separator, comment and limits count. Throws DataError for quotes that are not closed and for what is beyond
/// the limits.
void for_each_record(const CsvText& text, const CsvOptions& options,
                     const std::function<bool(const std::vector<std::string_view>& fields, std::size_t line)>& visit);

}  // namespace nn
