// The data that train_mlp learns from, and what predict has to know to read more of the same.
#pragma once

#include <nlohmann/json.hpp>
#include <nn/nn.hpp>
#include <string>
#include <vector>

#include "survey.hpp"

/// An eighth of what this machine has, and 256 MiB at least.
std::size_t usual_memory();

/// How a table is read: what the command line says about it, and what its first reading has shown.
struct Table {
  std::string separator = "automatic", decimal = "automatic", header = "automatic", date_order = "automatic";
  /// One name, or several with commas between them.
  std::string target;
  std::vector<std::string> drop, categorical, dates;
  std::string missing = "automatic";
  /// Texts that stand for no value, besides those that always do.
  std::vector<std::string> missing_values;
  /// What a table may take, unpacked; not kept with a network.
  std::size_t max_bytes = usual_memory();
  /// The names of all columns.
  std::vector<std::string> columns;
  /// The names of the categories of every categorical column, by the name of the column.
  std::map<std::string, std::vector<std::string>> categories;
  /// What comes first in the dates of a column, by the name of the column.
  std::map<std::string, std::string> date_orders;
};
// What older versions did not write is found out.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Table, separator, decimal, header, target, drop, categorical, missing,
                                                missing_values, columns, categories, date_orders)

/// All texts that stand for no value.
std::vector<std::string> missing_values(const Table& table);
/// How the text of a table is read, so far as it is not found out. Throws what separator() throws.
nn::CsvOptions form(const Table& table, const Survey& survey);

/// A column by name, or by number if the text is one.
nn::Column column(const std::string& text);
/// What these names stand for; they throw nn::DataError for others.
char separator(const std::string& name);
nn::CsvOptions::Header header(const std::string& name);
nn::DateOrder date_order(const std::string& name);
std::string name_of(nn::DateOrder order);
std::vector<std::string> separator_names();
std::vector<std::string> header_names();
std::vector<std::string> missing_names();
std::vector<std::string> date_order_names();

/// A table as the survey of it says. Fills in the columns and categories of the table. Features to be filled in are NaN
/// still, as in all that is read here. Throws nn::DataError.
nn::Dataset<double> read_table(const nn::CsvText& text, const Survey& survey, Table& table);

/// Throws nn::DataError if two are the same, which more of the table could not tell apart.
void need_distinct(const std::string& file, const char* what, std::vector<std::string> names);

/// How many samples there are of what, and a checksum of them all, in words.
template <autodiff::Real T>
std::string fingerprint(const nn::Dataset<T>& data);

/// "program 1.2.3"
std::string version(const std::string& program);

/// Images and labels to train with, and those to test with.
std::vector<std::filesystem::path> mnist_files(const std::filesystem::path& directory);
/// The MNIST digits from their four files, packed or not. Throws nn::DataError.
template <autodiff::Real T>
nn::Split<T> read_mnist(const std::string& directory);
