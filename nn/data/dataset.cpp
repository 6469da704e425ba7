#include "dataset.hpp"

#include <algorithm>
#include <cmath>
#include <nn/base/class_of.hpp>
#include <numeric>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Shape;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

/// The samples of these numbers along the first axis.
template <Real T>
Array<T> chosen(const Array<T>& array, std::span<const std::size_t> numbers) {
  Shape shape = array.shape();
  shape[0] = numbers.size();
  auto result = autodiff::uninitialised<T>(Dims(shape));
  const std::size_t length = autodiff::count(Dims(shape).subspan(1));
  T* to = result.data();
  for (const std::size_t number : numbers) to = std::copy_n(array.data() + number * length, length, to);
  return result;
}

/// Inputs as (samples, features).
template <Real T>
Array<T> flattened(std::string_view caller, Array<T> inputs, const Array<T>& targets) {
  if (inputs.dimension() == 0 || inputs.size() == 0 || targets.dimension() == 0 || inputs.shape(0) != targets.shape(0))
    fail<ShapeError>(caller, "needs inputs (samples, ...) and as many targets: ", Dims(inputs.shape()), " and ",
                     Dims(targets.shape()));
  inputs.reshape(Shape{inputs.shape(0), inputs.size() / inputs.shape(0)});
  return inputs;
}

template <Real T>
std::size_t test_size(std::string_view caller, const Dataset<T>& data, double fraction) {
  const double wanted = std::round(fraction * static_cast<double>(data.size()));
  if (!(wanted >= 1 && wanted < static_cast<double>(data.size())))
    fail<ValueError>(caller, "leaves a part empty: ", fraction, " of ", data.size(), " samples");
  return static_cast<std::size_t>(wanted);
}

/// The samples in runs of these lengths.
std::vector<std::vector<std::size_t>> cut(const std::vector<std::size_t>& order, auto length) {
  std::vector<std::vector<std::size_t>> parts;
  for (auto begin = order.begin(); begin != order.end();) {
    const auto end =
        begin + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(length(parts.size())), order.end() - begin);
    parts.emplace_back(begin, end);
    begin = end;
  }
  return parts;
}

}  // namespace

void detail::check_numbers(std::string_view caller, std::span<const std::size_t> numbers, std::size_t samples) {
  for (const std::size_t number : numbers)
    if (number >= samples) fail<ValueError>(caller, "there is no sample ", number, ", only ", samples);
}

template <Real T>
Dataset<T> Dataset<T>::rows(std::span<const std::size_t> numbers) const {
  detail::check_numbers("rows", numbers, size());
  return {chosen(inputs, numbers), chosen(targets, numbers), classes, feature_names, target_names, categories};
}

template <Real T>
Dataset<T> classification(Array<T> inputs, autodiff::ArrayBeside<T> labels) {
  constexpr std::size_t most_classes = 1000;
  if (labels.dimension() != 1) fail<ShapeError>("classification", "needs labels (samples): ", Dims(labels.shape()));
  Dataset<T> data{flattened("classification", std::move(inputs), labels), std::move(labels)};
  std::size_t largest = 0;
  for (std::size_t i = 0; i < data.size(); ++i)
    largest = std::max(largest, class_of("classification", data.targets, i, most_classes));
  for (std::size_t c = 0; c <= largest; ++c) data.classes.push_back(std::to_string(c));
  return data;
}

template <Real T>
Dataset<T> regression(Array<T> inputs, autodiff::ArrayBeside<T> targets) {
  if (targets.dimension() == 1) targets.reshape(Shape{targets.shape(0), 1});
  if (targets.dimension() != 2 || targets.shape(1) == 0)
    fail<ShapeError>("regression", "needs targets (samples) or (samples, outputs): ", Dims(targets.shape()));
  auto rows = flattened("regression", std::move(inputs), targets);
  return {std::move(rows), std::move(targets)};
}

template <Real T>
Array<T> one_hot(const Array<T>& labels, std::size_t classes) {
  if (labels.dimension() != 1) fail<ShapeError>("one_hot", "needs labels (samples): ", Dims(labels.shape()));
  return autodiff::one_hot(autodiff::Variable<T>(labels), classes).value();
}

template <Real T>
std::vector<double> balanced_class_weights(const Array<T>& labels, std::size_t classes) {
  if (labels.dimension() != 1)
    fail<ShapeError>("balanced_class_weights", "needs labels (samples): ", Dims(labels.shape()));
  std::vector<double> weights(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) ++weights[class_of("balanced_class_weights", labels, i, classes)];
  const auto present = static_cast<double>(std::ranges::count_if(weights, [](double count) { return count > 0; }));
  for (double& weight : weights)
    if (weight > 0) weight = static_cast<double>(labels.size()) / (present * weight);
  return weights;
}

template <Real T>
Split<T> split(const Dataset<T>& data, double fraction, std::uint64_t seed) {
  const std::size_t wanted = test_size("split", data, fraction);
  const auto order = Random(seed, "split").permutation(data.size());
  return {data.rows(std::span(order).subspan(wanted)), data.rows(std::span(order).first(wanted))};
}

template <Real T>
Split<T> stratified_split(const Dataset<T>& data, double fraction, std::uint64_t seed) {
  if (data.targets.dimension() != 1)
    fail<ShapeError>("stratified_split", "needs classes (samples) as targets: ", Dims(data.targets.shape()));
  const std::size_t wanted = test_size("stratified_split", data, fraction);
  std::map<T, std::size_t> left;  // of every class, what is still to go to the test
  for (const T label : data.targets) ++left[label];
  // Whole parts of all shares first; what is then missing goes to the largest fractions (Hare's method).
  std::vector<std::pair<double, T>> fractions;
  std::size_t given = 0;
  for (auto& [label, count] : left) {
    const double share = static_cast<double>(count) * static_cast<double>(wanted) / static_cast<double>(data.size());
    count = static_cast<std::size_t>(share);
    given += count;
    fractions.emplace_back(share - static_cast<double>(count), label);
  }
  std::ranges::stable_sort(fractions, std::ranges::greater(), &std::pair<double, T>::first);
  for (std::size_t i = 0; given < wanted; ++i, ++given) ++left[fractions[i].second];
  std::vector<std::size_t> train, test;
  for (const std::size_t number : Random(seed, "stratified_split").permutation(data.size())) {
    std::size_t& quota = left[data.targets.data()[number]];
    (quota > 0 ? test : train).push_back(number);
    if (quota > 0) --quota;
  }
  return {data.rows(train), data.rows(test)};
}

std::vector<std::vector<std::size_t>> folds(std::size_t samples, std::size_t count, std::uint64_t seed) {
  if (count < 2 || count > samples)
    fail<ValueError>("folds", samples, " samples cannot be cut into ", count, " parts for cross-validation");
  return cut(Random(seed, "folds").permutation(samples),
             [&](std::size_t part) { return samples / count + (part < samples % count ? 1 : 0); });
}

template <Real T>
std::vector<std::vector<std::size_t>> stratified_folds(const Array<T>& labels, std::size_t count, std::uint64_t seed) {
  if (labels.dimension() != 1) fail<ShapeError>("stratified_folds", "needs classes (samples): ", Dims(labels.shape()));
  if (count < 2 || count > labels.size())
    fail<ValueError>("stratified_folds", labels.size(), " samples cannot be cut into ", count, " parts");
  // Class by class, in turns: where one ends, the next goes on.
  auto order = Random(seed, "stratified_folds").permutation(labels.size());
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return labels.data()[i]; });
  std::vector<std::vector<std::size_t>> parts(count);
  for (std::size_t i = 0; i < order.size(); ++i) parts[i % count].push_back(order[i]);
  return parts;
}

std::vector<std::size_t> others(std::size_t samples, std::span<const std::size_t> part) {
  detail::check_numbers("others", part, samples);
  std::vector<bool> inside(samples);
  for (const std::size_t number : part) inside[number] = true;
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < samples; ++i)
    if (!inside[i]) result.push_back(i);
  return result;
}

std::vector<std::vector<std::size_t>> batches(std::size_t samples, std::size_t size, std::uint64_t seed,
                                              std::uint64_t epoch) {
  if (size == 0) fail<ValueError>("batches", "a batch needs at least one sample");
  return cut(Random(seed, "batches " + std::to_string(epoch)).permutation(samples),
             [&](std::size_t) { return std::min(size, samples); });
}

#define NN_DATASET(T)                                                                                           \
  template struct Dataset<T>;                                                                                   \
  template Dataset<T> classification(Array<T>, Array<T>);                                                       \
  template Dataset<T> regression(Array<T>, Array<T>);                                                           \
  template Array<T> one_hot(const Array<T>&, std::size_t);                                                      \
  template Split<T> split(const Dataset<T>&, double, std::uint64_t);                                            \
  template std::vector<double> balanced_class_weights(const Array<T>&, std::size_t);                            \
  template std::vector<std::vector<std::size_t>> stratified_folds(const Array<T>&, std::size_t, std::uint64_t); \
  template Split<T> stratified_split(const Dataset<T>&, double, std::uint64_t);
NN_DATASET(float)
NN_DATASET(double)

}  // namespace nn
