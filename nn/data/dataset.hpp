// Data sets: split, cut into batches.
#pragma once

#include <autodiff/autodiff.hpp>
#include <map>
#include <nn/base/random.hpp>
#include <span>
#include <string>
#include <vector>

namespace nn {

/// Samples to learn from.
template <autodiff::Real T>
struct Dataset {
  /// (samples, features); readers give no other shape, but further axes may be made of the features.
  autodiff::Array<T> inputs;
  /// (samples): the class of each, from 0; or (samples, outputs): real values.
  autodiff::Array<T> targets;
  /// The names of the classes; none for real values.
  std::vector<std::string> classes = {};
  /// What the features and outputs are called, if that is known.
  std::vector<std::string> feature_names = {}, target_names = {};
  /// The names of the categories of every categorical column, by its name: category 0 first.
  std::map<std::string, std::vector<std::string>> categories = {};

  std::size_t size() const { return inputs.shape(0); }
  /// Numbers that a sample has.
  std::size_t features() const { return autodiff::count(autodiff::Dims(inputs.shape()).subspan(1)); }
  /// Real values that a sample is to give; 1 for a class.
  std::size_t outputs() const { return targets.dimension() == 1 ? 1 : targets.shape(1); }
  /// The samples of these numbers, in this order. Throws ValueError for one that does not exist.
  Dataset rows(std::span<const std::size_t> numbers) const;
};

namespace detail {
/// Throws ValueError for a number that is not of one of so many samples.
void check_numbers(std::string_view caller, std::span<const std::size_t> numbers, std::size_t samples);
}  // namespace detail

/// The data set of inputs (samples, ...), each as one row of features, and classes (samples), named by their numbers
/// from 0 to the largest. Throws ShapeError for other shapes, and ValueError for what is not a class below 1000.
template <autodiff::Real T>
Dataset<T> classification(autodiff::Array<T> inputs, autodiff::ArrayBeside<T> labels);
/// The data set of inputs (samples, ...), each as one row of features, and real values (samples) or (samples, outputs).
/// Throws ShapeError for other shapes.
template <autodiff::Real T>
Dataset<T> regression(autodiff::Array<T> inputs, autodiff::ArrayBeside<T> targets);

/// Classes (samples) as (samples, classes): 1 for the class of the sample, 0 for all others. Throws ShapeError for
/// another shape, and ValueError for what is not one of the classes.
template <autodiff::Real T>
autodiff::Array<T> one_hot(const autodiff::Array<T>& labels, std::size_t classes);

/// How much a sample of each class counts so that all classes count alike, and all samples together as many as they
/// are: samples / (classes n) for a class of n; 0 for one without samples, which is not counted among the classes.
/// Throws ShapeError for labels of another shape than (samples), and ValueError for what is not one of the classes.
template <autodiff::Real T>
std::vector<double> balanced_class_weights(const autodiff::Array<T>& labels, std::size_t classes);

/// A data set in two parts: to train with, and to test with.
template <autodiff::Real T>
struct Split {
  /// No sample is in both.
  Dataset<T> train, test;
};

/// Every sample in one of two parts, at random: the nearest whole number of samples to `fraction` goes to the test.
/// Throws ValueError when a part would be empty.
template <autodiff::Real T>
Split<T> split(const Dataset<T>& data, double fraction, std::uint64_t seed);
/// The same, with every class in the test as often as its share of all samples says, to less than one sample. Throws
/// ShapeError for targets that are no classes, too.
template <autodiff::Real T>
Split<T> stratified_split(const Dataset<T>& data, double fraction, std::uint64_t seed);

/// The sample numbers of `count` test parts that hold every sample once, at random, and differ in size by one at most,
/// for cross-validation. Throws ValueError for less than 2 or more than there are samples.
std::vector<std::vector<std::size_t>> folds(std::size_t samples, std::size_t count, std::uint64_t seed);
/// The same, with every class in every part as often as its share of all samples says, to less than one sample, for
/// classes (samples). Throws ShapeError for another shape, too.
template <autodiff::Real T>
std::vector<std::vector<std::size_t>> stratified_folds(const autodiff::Array<T>& labels, std::size_t count,
                                                       std::uint64_t seed);
/// The sample numbers from 0 to samples - 1 that are not in `part`, in order. Throws ValueError for a number beyond.
std::vector<std::size_t> others(std::size_t samples, std::span<const std::size_t> part);

/// The numbers of the samples of every batch of an epoch: all samples once, in an order that seed and epoch choose; the
/// last batch may be smaller. Throws ValueError for a size of 0.
std::vector<std::vector<std::size_t>> batches(std::size_t samples, std::size_t size, std::uint64_t seed,
                                              std::uint64_t epoch);

}  // namespace nn
