#include "value.hpp"

#include <new>

#include "memory.hpp"

namespace autodiff {

namespace detail {

namespace {

constexpr std::size_t most_elements = 64, most_axes = 4;

/// All layouts in use, by their keys; none is ever freed, since values may outlive everything.
constinit std::atomic<SmallLayout*> layouts[1024] = {};

}  // namespace

const SmallLayout* small_layout(Dims shape) {
  if (shape.size() > most_axes) return nullptr;
  std::size_t elements = 1;
  auto key = static_cast<std::uint32_t>(shape.size());
  for (std::size_t length : shape) {
    if (length > most_elements) return nullptr;
    elements *= length;
    key = key << 7 | static_cast<std::uint32_t>(length);
  }
  if (elements == 0 || elements > most_elements) return nullptr;
  std::atomic<SmallLayout*>& first = layouts[key * 2654435769u >> 22];
  std::unique_ptr<SmallLayout> mine;
  for (SmallLayout* known = first;;) {
    for (SmallLayout* layout = known; layout; layout = layout->next)
      if (layout->key == key) return layout;
    if (!mine) {
      mine = std::make_unique<SmallLayout>(key, elements, to_shape(shape));
      std::ptrdiff_t step = 1;
      for (std::size_t i = shape.size(); i-- > 0; step *= static_cast<std::ptrdiff_t>(shape[i])) mine->steps[i] = step;
    }
    mine->next = known;
    if (first.compare_exchange_strong(known, mine.get())) return mine.release();
  }
}

}  // namespace detail

template <Real T>
Value<T>::Value(Array<T> array) {
  if (const auto* layout = autodiff::has_elements(array) ? detail::small_layout(array.shape()) : nullptr) {
    *this = small(layout);
    std::copy_n(array.data(), layout->elements, block_->data());
    return;
  }
  constexpr std::size_t bytes = sizeof(Block) + sizeof(Array<T>);
  block_ = new (detail::take_memory(bytes)) Block{1, bytes, nullptr, nullptr};
  block_->array.store(new (block_->inside()) Array<T>(std::move(array)), std::memory_order_relaxed);
}

template <Real T>
Value<T> Value<T>::uninitialised(Dims shape) {
  if (const auto* layout = detail::small_layout(shape)) return small(layout);
  return Value(autodiff::uninitialised<T>(shape));
}

template <Real T>
Array<T> Value<T>::copied() const {
  if (const Array<T>* array = made()) return *array;
  Array<T> array(block_->layout->shape);
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

namespace {

/// Apart from what follows, which most values need alone.
template <Real T>
[[gnu::noinline]] void destroy_array(Array<T>* array, bool has_memory_of_its_own) noexcept {
  array->~Array<T>();
  if (has_memory_of_its_own) detail::give_memory(array, sizeof(Array<T>));
}

}  // namespace

template <Real T>
void Value<T>::destroy(Block* block) noexcept {
  if (Array<T>* array = block->array.load(std::memory_order_relaxed)) destroy_array(array, block->layout);
  detail::give_memory(block, block->bytes);
}

template class Value<float>;
template class Value<double>;

}  // namespace autodiff
