// Data sets: read, split, scaled, cut into batches.
#pragma once

#include <autodiff/autodiff.hpp>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "random.hpp"

namespace nn {

/// A file that is not what it should be: its text is "[read_csv] file:line: what is wrong".
struct DataError : autodiff::Error {
  using Error::Error;
};

/// Samples to learn from.
template <autodiff::Real T>
struct Dataset {
  /// (samples, features).
  autodiff::Array<T> inputs;
  /// (samples): the class of each, from 0.
  autodiff::Array<T> targets;
  /// The names of the classes.
  std::vector<std::string> classes;

  std::size_t size() const { return inputs.shape(0); }
  std::size_t features() const { return inputs.shape(1); }
  /// The samples of these numbers, in this order. Throws ValueError for one that does not exist.
  Dataset rows(std::span<const std::size_t> numbers) const;
};

struct CsvOptions {
  /// What a file may hold at most, once unpacked: more is refused, so that a hostile one cannot fill the memory.
  std::size_t max_bytes = std::size_t{1} << 28;
  std::size_t max_line = std::size_t{1} << 20;
  std::size_t max_classes = 1000;
};

/// Reads comma-separated numbers, plain or gzip: one sample a line, its class (from 0) in the last column; blank lines
/// are skipped. Throws DataError, with file and line, for anything else: no such file, no samples, ragged lines, what
/// is not a finite number or not a class, a damaged or truncated gzip file, and one beyond the limits.
template <autodiff::Real T>
Dataset<T> read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

template <autodiff::Real T>
struct Split {
  Dataset<T> train, test;
};

/// Every sample in one of two parts, at random: the nearest whole number of samples to `fraction` goes to the test.
/// Throws ValueError when a part would be empty.
template <autodiff::Real T>
Split<T> split(const Dataset<T>& data, double fraction, std::uint64_t seed);

/// The numbers of the samples of every batch of an epoch: all samples once, in an order that seed and epoch choose; the
/// last batch may be smaller. Throws ValueError for a size of 0.
std::vector<std::vector<std::size_t>> batches(std::size_t samples, std::size_t size, std::uint64_t seed,
                                              std::uint64_t epoch);

/// (x - shift) * factor, feature by feature: found on training data, then used on all data.
struct Scaling {
  /// (features).
  autodiff::Array<double> shift, factor;
  /// Throws ShapeError for inputs of another number of features.
  template <autodiff::Real T>
  autodiff::Array<T> operator()(const autodiff::Array<T>& inputs) const;
};

// All take inputs (samples, features) and throw ShapeError for another shape or no samples.

/// From 0 to 1 over all features together: for features of one kind, such as pixels.
template <autodiff::Real T>
Scaling scale_range(const autodiff::Array<T>& inputs);
/// Every feature to mean 0 and variance 1; one that is constant to 0.
template <autodiff::Real T>
Scaling standardise(const autodiff::Array<T>& inputs);

}  // namespace nn
