// The data that train_mlp learns from, and what predict has to know to read more of the same.
#pragma once

#include <nlohmann/json.hpp>
#include <nn/nn.hpp>
#include <string>
#include <vector>

/// How a table is read: what the command line says about it, and what its first reading has shown.
struct Table {
  std::string separator = "comma", header = "automatic", target;
  std::vector<std::string> drop, categorical;
  std::string missing = "refuse";
  /// The names of all columns.
  std::vector<std::string> columns;
  /// The names of the categories of every categorical column, by the name of the column.
  std::map<std::string, std::vector<std::string>> categories;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Table, separator, header, target, drop, categorical, missing, columns, categories)

/// A column by name, or by number if the text is one.
nn::Column column(const std::string& text);
std::vector<std::string> separator_names();
std::vector<std::string> header_names();
std::vector<std::string> missing_names();

/// Classes or real values, as `task` says: "classification", "regression", or "automatic", which is that of
/// nn::CsvOptions. Fills in the columns and categories of the table. Features to be filled in are NaN
/// still, as in all that is read here. Throws nn::DataError.
template <autodiff::Real T>
nn::Dataset<T> read_table(const std::string& file, const std::string& task, Table& table);

/// More samples of the table, with the features and classes of those read before, and its columns in any order. Throws
/// nn::DataError for others; it says which columns are missing, and which are unknown.
template <autodiff::Real T>
nn::Dataset<T> read_more(const std::string& file, const Table& table, const nn::Dataset<T>& before);

/// The same for inputs (samples, features) alone, of these names: what training dropped, and the target, may be there
/// or not.
template <autodiff::Real T>
autodiff::Array<T> read_inputs(const std::string& file, const Table& table, const std::vector<std::string>& features,
                               const std::vector<std::string>& targets);

/// How many samples there are of what, and a checksum of them all, in words.
template <autodiff::Real T>
std::string fingerprint(const nn::Dataset<T>& data);

/// The MNIST digits from their four files, packed or not. Throws nn::DataError.
template <autodiff::Real T>
nn::Split<T> read_mnist(const std::string& directory);
