#include "source.hpp"

#include <algorithm>
#include <nn/io/array_file.hpp>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Shape;
using autodiff::ShapeError;

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

}  // namespace

template <Real T>
void Source<T>::fetch(std::span<const std::size_t> numbers, Array<T>& inputs, Array<T>& targets) {
  if (!fits(inputs, numbers.size(), input_shape()) || !fits(targets, numbers.size(), target_shape()))
    fail<ShapeError>("fetch", "needs inputs ", Dims(batch_shape(numbers.size(), input_shape())), " and targets ",
                     Dims(batch_shape(numbers.size(), target_shape())), ": ", Dims(inputs.shape()), " and ",
                     Dims(targets.shape()));
  detail::check_numbers("fetch", numbers, size());
  copy(numbers, inputs.data(), targets.data());
}

template <Real T>
Dataset<T> Source<T>::rows(std::span<const std::size_t> numbers) {
  Dataset<T> data{autodiff::uninitialised<T>(Dims(batch_shape(numbers.size(), input_shape()))),
                  autodiff::uninitialised<T>(Dims(batch_shape(numbers.size(), target_shape())))};
  fetch(numbers, data.inputs, data.targets);
  return data;
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
  const std::size_t features = autodiff::count(Dims(input_shape_)), outputs = autodiff::count(Dims(target_shape_));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    // Samples at random lie where no processor would look ahead by itself.
    if (i + 1 < numbers.size()) fetch_ahead(data_.inputs.data() + numbers[i + 1] * features, features);
    inputs = std::copy_n(data_.inputs.data() + numbers[i] * features, features, inputs);
    targets = std::copy_n(data_.targets.data() + numbers[i] * outputs, outputs, targets);
  }
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
  const std::size_t features = autodiff::count(Dims(input_shape())), outputs = autodiff::count(Dims(target_shape()));
  // Translated piece by piece, since a batch may have any length and no memory may be taken.
  for (std::size_t translated[64]; !numbers.empty();) {
    const std::size_t n = std::min(numbers.size(), std::size(translated));
    for (std::size_t i = 0; i < n; ++i) translated[i] = numbers_[numbers[i]];
    Source<T>::copy_from(source_, std::span(translated).first(n), inputs, targets);
    inputs += n * features, targets += n * outputs;
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
  Source<T>::copy_from(source_, numbers, inputs, targets);
  const double *shift = scaling_.shift.data(), *factor = scaling_.factor.data();
  const std::size_t features = scaling_.shift.size();
  for (std::size_t i = 0; i < numbers.size(); ++i, inputs += features)
    for (std::size_t j = 0; j < features; ++j) inputs[j] = static_cast<T>((inputs[j] - shift[j]) * factor[j]);
}

#define NN_SOURCE(T)              \
  template class Source<T>;       \
  template class MemorySource<T>; \
  template class FileSource<T>;   \
  template class Subset<T>;       \
  template class ScaledSource<T>;
NN_SOURCE(float)
NN_SOURCE(double)

}  // namespace nn
