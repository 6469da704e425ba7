#include "value.hpp"

#include <new>

#include "memory.hpp"

namespace autodiff {

namespace {

constexpr std::size_t small_elements = 64, small_axes = 4;
// Bytes from the elements to the next block, where there are several elements: the load of a whole register, even under
// a mask, waits for stores to what it spans.
constexpr std::size_t apart = 64;

}  // namespace

template <Real T>
Value<T>::Value(Array<T> array) {
  constexpr std::size_t bytes = sizeof(Block) + sizeof(Array<T>);
  block_ = new (detail::take_memory(bytes)) Block{1, bytes, 0, 0, nullptr};
  block_->array.store(new (block_->inside()) Array<T>(std::move(array)), std::memory_order_relaxed);
}

template <Real T>
Value<T> Value<T>::small(std::size_t elements, std::size_t axes) {
  const std::size_t first = sizeof(Block) + sizeof(Shape) + axes * sizeof(std::ptrdiff_t);
  const std::size_t bytes = first + (elements > 1 ? std::max(elements * sizeof(T), apart) : sizeof(T));
  Value value;
  value.block_ =
      new (detail::take_memory(bytes)) Block{1, static_cast<std::uint16_t>(bytes), static_cast<std::uint8_t>(first),
                                             static_cast<std::uint8_t>(elements), nullptr};
  Shape& shape = *new (&value.block_->shape()) Shape();
  if (axes > 0) shape.resize(axes);
  return value;
}

template <Real T>
Value<T> Value<T>::uninitialised(Dims shape) {
  const std::size_t elements = autodiff::count(shape);
  if (elements > small_elements || shape.size() > small_axes) return Value(autodiff::uninitialised<T>(shape));
  Value value = small(elements, shape.size());
  Shape& own = value.block_->shape();
  std::ptrdiff_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    own[i] = shape[i], value.block_->steps()[i] = step;
    step *= static_cast<std::ptrdiff_t>(shape[i]);
  }
  return value;
}

template <Real T>
Value<T> Value<T>::like(const Value& other) {
  if (other.made()) return uninitialised(other.shape());
  const Shape& shape = other.block_->shape();
  const std::size_t axes = shape.size();
  Value value = small(other.block_->elements, axes);
  for (std::size_t i = 0; i < axes; ++i)
    value.block_->shape()[i] = shape[i], value.block_->steps()[i] = other.block_->steps()[i];
  return value;
}

template <Real T>
Array<T> Value<T>::copied() const {
  if (const Array<T>* array = made()) return *array;
  Array<T> array(block_->shape());
  std::copy_n(block_->data(), array.size(), array.data());
  return array;
}

template <Real T>
Array<T>* Value<T>::make() const {
  auto* mine = new (detail::take_memory(sizeof(Array<T>))) Array<T>(copied());
  Array<T>* theirs = nullptr;
  if (block_->array.compare_exchange_strong(theirs, mine, std::memory_order_acq_rel)) return mine;
  mine->~Array<T>();  // another thread was faster
  detail::give_memory(mine, sizeof(Array<T>));
  return theirs;
}

template <Real T>
Array<T> Value<T>::take() && {
  if (Array<T>* array = made(); array && !shared()) return std::move(*array);
  return copied();
}

template <Real T>
void Value<T>::destroy(Block* block) noexcept {
  Array<T>* array = block->array.load(std::memory_order_relaxed);
  if (array) array->~Array<T>();
  if (array != block->inside()) {
    block->shape().~Shape();
    if (array) detail::give_memory(array, sizeof(Array<T>));
  }
  detail::give_memory(block, block->bytes);
}

template class Value<float>;
template class Value<double>;

}  // namespace autodiff
