#include "source.hpp"

#include <algorithm>
#include <cmath>
#include <nn/io/array_file.hpp>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Shape;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

/// (samples, shape...)
Shape batch_shape(std::size_t samples, const Shape& shape) {
  Shape result{samples};
  result.insert(result.end(), shape.begin(), shape.end());
  return result;
}

template <Real T>
bool fits(const Array<T>& array, std::size_t samples, const Shape& shape) {
  return array.dimension() == shape.size() + 1 && array.shape(0) == samples &&
         std::equal(shape.begin(), shape.end(), array.shape().begin() + 1);
}

/// Has the memory of n elements brought into the cache while other work is done.
template <Real T>
void fetch_ahead(const T* from, std::size_t n) {
  constexpr std::size_t line = 64 / sizeof(T);
  for (std::size_t i = 0; i < n; i += line) __builtin_prefetch(from + i);
}

template <Real T>
std::size_t row_size(const Array<T>& array) {
  return autodiff::count(Dims(array.shape()).subspan(1));
}

template <Real T>
void copy_rows(const Array<T>& from, std::span<const std::size_t> numbers, T* to) {
  const std::size_t size = row_size(from);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    // Samples at random lie where no processor would look ahead by itself.
    if (i + 1 < numbers.size()) fetch_ahead(from.data() + numbers[i + 1] * size, size);
    to = std::copy_n(from.data() + numbers[i] * size, size, to);
  }
}

/// Where arrays begin. Their number is small, so that this takes no memory.
template <Real T>
using Begins = xt::svector<T*, 4>;

}  // namespace

template <Real T>
void Source<T>::fetch(std::span<const std::size_t> numbers, Array<T>& inputs, Array<T>& targets) {
  if (!fits(inputs, numbers.size(), input_shape()) || !fits(targets, numbers.size(), target_shape()))
    fail<ShapeError>("fetch", "needs inputs ", Dims(batch_shape(numbers.size(), input_shape())), " and targets ",
                     Dims(batch_shape(numbers.size(), target_shape())), ": ", Dims(inputs.shape()), " and ",
                     Dims(targets.shape()));
  check_single("fetch");
  detail::check_numbers("fetch", numbers, size());
  copy(numbers, inputs.data(), targets.data());
}

template <Real T>
void Source<T>::fetch(std::span<const std::size_t> numbers, Batch<T>& batch) {
  const auto begins = [&](const char* role, std::vector<Array<T>>& arrays, std::span<const Shape> shapes) {
    if (arrays.size() != shapes.size())
      fail<ShapeError>("fetch", "needs ", shapes.size(), " ", role, ", not ", arrays.size());
    Begins<T> result;
    for (std::size_t k = 0; k < arrays.size(); ++k) {
      if (!fits(arrays[k], numbers.size(), shapes[k]))
        fail<ShapeError>("fetch", "needs ", role, " ", Dims(batch_shape(numbers.size(), shapes[k])), ": ",
                         Dims(arrays[k].shape()));
      result.push_back(arrays[k].data());
    }
    return result;
  };
  const auto inputs = begins("inputs", batch.inputs, input_shapes()),
             targets = begins("targets", batch.targets, target_shapes());
  if (batch.weights.has_value() != weighted() || (batch.weights && !fits(*batch.weights, numbers.size(), {})))
    fail<ShapeError>("fetch", weighted() ? "needs weights, one a sample" : "samples have no weights");
  detail::check_numbers("fetch", numbers, size());
  copy(numbers, {inputs, targets, batch.weights ? batch.weights->data() : nullptr});
}

template <Real T>
Dataset<T> Source<T>::rows(std::span<const std::size_t> numbers) {
  check_single("rows");
  Dataset<T> data{autodiff::uninitialised<T>(Dims(batch_shape(numbers.size(), input_shape()))),
                  autodiff::uninitialised<T>(Dims(batch_shape(numbers.size(), target_shape())))};
  fetch(numbers, data.inputs, data.targets);
  return data;
}

template <Real T>
Batch<T> Source<T>::batch(std::span<const std::size_t> numbers) {
  Batch<T> batch;
  const auto make = [&](const Shape& shape) {
    return autodiff::uninitialised<T>(Dims(batch_shape(numbers.size(), shape)));
  };
  for (const auto& shape : input_shapes()) batch.inputs.push_back(make(shape));
  for (const auto& shape : target_shapes()) batch.targets.push_back(make(shape));
  if (weighted()) batch.weights = make({});
  fetch(numbers, batch);
  return batch;
}

template <Real T>
void Source<T>::check_single(std::string_view caller) const {
  if (const auto inputs = input_shapes().size(), targets = target_shapes().size(); inputs != 1 || targets != 1)
    fail<ShapeError>(caller, "a sample has ", inputs, " inputs and ", targets, " targets: ask for a Batch");
}

template <Real T>
void Source<T>::copy(std::span<const std::size_t> numbers, const Places& to) {
  if (to.inputs.size() != 1 || to.targets.size() != 1 || to.weights)
    fail<ValueError>("source",
                     "has several inputs or targets, or weights, but does not copy them: override copy(numbers, "
                     "places)");
  copy(numbers, to.inputs[0] + to.first * autodiff::count(Dims(input_shape())),
       to.targets[0] + to.first * autodiff::count(Dims(target_shape())));
}

template <Real T>
MemorySource<T>::MemorySource(Dataset<T> data) : data_(std::move(data)) {
  const Shape &inputs = data_.inputs.shape(), &targets = data_.targets.shape();
  if (inputs.empty() || targets.empty() || inputs[0] != targets[0])
    fail<ShapeError>("source", "needs inputs (samples, ...) and as many targets: ", Dims(inputs), " and ",
                     Dims(targets));
  input_shape_ = Shape(inputs.begin() + 1, inputs.end());
  target_shape_ = Shape(targets.begin() + 1, targets.end());
}

template <Real T>
void MemorySource<T>::copy(std::span<const std::size_t> numbers, T* inputs, T* targets) {
  copy_rows(data_.inputs, numbers, inputs);
  copy_rows(data_.targets, numbers, targets);
}

template <Real T>
BatchSource<T>::BatchSource(Batch<T> batch) : batch_(std::move(batch)) {
  if (batch_.inputs.empty() || batch_.targets.empty()) fail<ValueError>("source", "needs inputs and targets");
  const auto shapes = [&](const std::vector<Array<T>>& arrays, std::vector<Shape>& of_samples) {
    for (const auto& array : arrays) {
      if (array.dimension() == 0 || array.shape(0) != batch_.size())
        fail<ShapeError>("source", "needs a row a sample in all arrays: ", Dims(array.shape()), " for ", batch_.size(),
                         " samples");
      of_samples.emplace_back(array.shape().begin() + 1, array.shape().end());
    }
  };
  shapes(batch_.inputs, input_shapes_);
  shapes(batch_.targets, target_shapes_);
  if (!batch_.weights) return;
  if (!fits(*batch_.weights, batch_.size(), {}))
    fail<ShapeError>("source", "needs a weight a sample: ", Dims(batch_.weights->shape()), " for ", batch_.size(),
                     " samples");
  for (const T weight : *batch_.weights)
    if (!(weight >= 0) || std::isinf(weight))
      fail<ValueError>("source", "weights must be finite and not negative: ", weight);
}

template <Real T>
void BatchSource<T>::copy(std::span<const std::size_t> numbers, T* inputs, T* targets) {
  copy_rows(batch_.inputs[0], numbers, inputs);
  copy_rows(batch_.targets[0], numbers, targets);
}

template <Real T>
void BatchSource<T>::copy(std::span<const std::size_t> numbers, const Places& to) {
  const auto copy_all = [&](const std::vector<Array<T>>& from, std::span<T* const> places) {
    for (std::size_t k = 0; k < from.size(); ++k) copy_rows(from[k], numbers, places[k] + to.first * row_size(from[k]));
  };
  copy_all(batch_.inputs, to.inputs);
  copy_all(batch_.targets, to.targets);
  if (to.weights) copy_rows(*batch_.weights, numbers, to.weights + to.first);
}

template <Real T>
FileSource<T>::FileSource(const std::filesystem::path& inputs, const std::filesystem::path& targets)
    : inputs_(std::make_unique<SampleFile>("file_source", inputs)),
      targets_(std::make_unique<SampleFile>("file_source", targets)) {
  if (inputs_->samples() != targets_->samples())
    fail<DataError>("file_source", inputs.string(), ": ", inputs_->samples(), " samples, but ", targets_->samples(),
                    " targets in ", targets.string());
  if (targets_->shape().size() > 1)
    fail<DataError>("file_source", targets.string(), ": targets need shape (samples) or (samples, outputs), not ",
                    Dims(batch_shape(size(), targets_->shape())));
  input_shape_ = Shape{autodiff::count(Dims(inputs_->shape()))};
}
template <Real T>
FileSource<T>::~FileSource() = default;
template <Real T>
std::size_t FileSource<T>::size() const {
  return inputs_->samples();
}
template <Real T>
const Shape& FileSource<T>::target_shape() const {
  return targets_->shape();
}
template <Real T>
void FileSource<T>::copy(std::span<const std::size_t> numbers, T* inputs, T* targets) {
  inputs_->copy(numbers, inputs);
  targets_->copy(numbers, targets);
}

template <Real T>
void FileSource<T>::expect(std::span<const std::size_t> numbers) {
  inputs_->expect(numbers);
  targets_->expect(numbers);
}

template <Real T>
Subset<T>::Subset(Source<T>& source, std::vector<std::size_t> numbers) : source_(source), numbers_(std::move(numbers)) {
  detail::check_numbers("subset", numbers_, source.size());
}

template <Real T>
void Subset<T>::copy(std::span<const std::size_t> numbers, T* inputs, T* targets) {
  copy(numbers, {std::span(&inputs, 1), std::span(&targets, 1)});
}

template <Real T>
void Subset<T>::copy(std::span<const std::size_t> numbers, const Places& to) {
  auto next = to;
  // Translated piece by piece, since a batch may have any length and no memory may be taken.
  for (std::size_t translated[64]; !numbers.empty();) {
    const std::size_t n = std::min(numbers.size(), std::size(translated));
    for (std::size_t i = 0; i < n; ++i) translated[i] = numbers_[numbers[i]];
    Source<T>::copy_from(source_, std::span(translated).first(n), next);
    next.first += n;
    numbers = numbers.subspan(n);
  }
}

template <Real T>
void Subset<T>::expect(std::span<const std::size_t> numbers) {
  for (const std::size_t number : numbers)
    if (number < size()) source_.expect(std::span(&numbers_[number], 1));
}

template <Real T>
ScaledSource<T>::ScaledSource(Source<T>& source, Scaling scaling) : source_(source), scaling_(std::move(scaling)) {
  if (autodiff::count(Dims(input_shape())) != scaling_.shift.size())
    fail<ShapeError>("scaled_source",
                     "needs a scaling of as many features as a sample has: ", Dims(scaling_.shift.shape()), " and ",
                     Dims(input_shape()));
}

template <Real T>
void ScaledSource<T>::copy(std::span<const std::size_t> numbers, T* inputs, T* targets) {
  copy(numbers, {std::span(&inputs, 1), std::span(&targets, 1)});
}

template <Real T>
void ScaledSource<T>::copy(std::span<const std::size_t> numbers, const Places& to) {
  Source<T>::copy_from(source_, numbers, to);
  const double *shift = scaling_.shift.data(), *factor = scaling_.factor.data();
  const std::size_t features = scaling_.shift.size();
  T* inputs = to.inputs[0] + to.first * features;
  for (std::size_t i = 0; i < numbers.size(); ++i, inputs += features)
    for (std::size_t j = 0; j < features; ++j) inputs[j] = static_cast<T>((inputs[j] - shift[j]) * factor[j]);
}

#define NN_SOURCE(T)              \
  template class Source<T>;       \
  template class MemorySource<T>; \
  template class BatchSource<T>;  \
  template class FileSource<T>;   \
  template class Subset<T>;       \
  template class ScaledSource<T>;
NN_SOURCE(float)
NN_SOURCE(double)

}  // namespace nn
