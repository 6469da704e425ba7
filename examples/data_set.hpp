// The data that train_mlp learns from, and what predict has to know to read more of the same.
#pragma once

#include <nlohmann/json.hpp>
#include <nn/nn.hpp>
#include <string>
#include <vector>

#include "survey.hpp"

/// How a table is read: what the command line says about it, and what its first reading has shown.
struct Table {
  std::string separator = "automatic", decimal = "automatic", header = "automatic", target;
  std::vector<std::string> drop, categorical;
  std::string missing = "refuse";
  /// The names of all columns.
  std::vector<std::string> columns;
  /// The names of the categories of every categorical column, by the name of the column.
  std::map<std::string, std::vector<std::string>> categories;
};
// What older versions did not write is found out.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Table, separator, decimal, header, target, drop, categorical, missing,
                                                columns, categories)

/// A column by name, or by number if the text is one.
nn::Column column(const std::string& text);
/// What these names stand for; they throw nn::DataError for others.
char separator(const std::string& name);
nn::CsvOptions::Header header(const std::string& name);
std::vector<std::string> separator_names();
std::vector<std::string> header_names();
std::vector<std::string> missing_names();

/// A table as the survey of it says. Fills in the columns and categories of the table. Features to be filled in are NaN
/// still, as in all that is read here. Throws nn::DataError.
nn::Dataset<double> read_table(const nn::CsvText& text, const Survey& survey, Table& table);

/// More samples of the table, with the features and classes of those read before, and its columns in any order. Throws
/// nn::DataError for others; it says which columns are missing, and which are unknown.
nn::Dataset<double> read_more(const std::string& file, const Table& table, const nn::Dataset<double>& before);

/// The same for inputs (samples, features) alone, of these names: what training dropped, and the target, may be there
/// or not.
autodiff::Array<double> read_inputs(const std::string& file, const Table& table,
                                    const std::vector<std::string>& features, const std::vector<std::string>& targets);

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
