#include "block_code.hpp"

#include <algorithm>
#include <cstring>

namespace autodiff::detail {

namespace {

template <class T>
void repeat_row(T* to, const T* row, std::size_t columns, std::size_t rows) {
  std::memcpy(to, row, columns * sizeof(T));
  const std::size_t all = rows * columns;
  for (std::size_t done = columns; done < all;) {
    const std::size_t n = std::min(done, all - done);
    std::memcpy(to + done, to, n * sizeof(T));
    done += n;
  }
}

template <class T>
void repeat_elements(T* to, const T* column, std::size_t columns, std::size_t rows) {
  for (std::size_t i = 0; i < rows; ++i) std::fill_n(to + i * columns, columns, column[i]);
}

template <class T>
void find_bases(const std::vector<Base>& bases, T* const* memory, T* scratch, T** pointers) {
  for (std::size_t b = 0; b < bases.size(); ++b)
    pointers[b] = (bases[b].buffer == nowhere ? scratch : memory[bases[b].buffer]) + bases[b].offset;
}

}  // namespace

template <Real T>
void BlockCode<T>::resolve(T* const* memory, T* scratch, T** pointers) {
  find_bases(bases, memory, scratch, pointers);
  for (auto& call : calls) {
    call.to = pointers[call.y.base];
    for (std::size_t i = 0; i < 3; ++i) call.from[i] = pointers[call.x[i].base];
  }
}

template <Real T>
void BlockCode<T>::run_one_block(T* const* pointers) const {
  for (const auto& [from, to] : rows) repeat_row(pointers[to], pointers[from], columns, size / columns);
  for (const auto& [from, to] : columns_of) repeat_elements(pointers[to], pointers[from], columns, size / columns);
  for (const auto& call : calls) call.block(call.self, call.to, call.from, call.single, size);
  for (const auto& r : reductions) {
    const bool by_row = r.kept == Walk::row;
    r.kernel(pointers[r.y], pointers[r.value.base], by_row ? size / columns : 1, by_row ? columns : size / r.width,
             by_row ? 1 : r.width);
  }
}

template <Real T>
void BlockCode<T>::run(T* const* memory, T* scratch, T** pointers, std::size_t first, std::size_t last) const {
  find_bases(bases, memory, scratch, pointers);
  for (const auto& [from, to] : rows) repeat_row(pointers[to], pointers[from], columns, block / columns);

  std::size_t at[5] = {};
  const auto find = [&](Place place) { return pointers[place.base] + at[static_cast<std::size_t>(place.at)]; };
  // With each call, a share of what the next block reads and writes is fetched; beyond the end that does nothing.
  constexpr std::size_t line = 64 / sizeof(T);
  const std::size_t share = calls.empty() ? 0 : padded((block + calls.size() - 1) / calls.size());
  const auto call_all = [&](std::size_t n) {
    std::size_t ahead = at[static_cast<std::size_t>(At::element)] + n;
    for (const auto& call : calls) {
      for (auto base : read)
        for (std::size_t i = 0; i < share; i += line) __builtin_prefetch(pointers[base] + ahead + i);
      for (auto base : written)
        for (std::size_t i = 0; i < share; i += line) __builtin_prefetch(pointers[base] + ahead + i, 1);
      ahead += share;
      const T* const x[] = {find(call.x[0]), find(call.x[1]), find(call.x[2])};
      call.block(call.self, find(call.y), x, call.single, n);
    }
  };
  auto& element = at[static_cast<std::size_t>(At::element)];
  auto& in_chunk = at[static_cast<std::size_t>(At::in_chunk)];
  auto& column = at[static_cast<std::size_t>(At::column)];
  auto& row = at[static_cast<std::size_t>(At::row)];
  for (std::size_t c = first; c < last; ++c) {
    const std::size_t start = c * chunk, end = std::min(start + chunk, size);
    for (element = start; element < end && !calls.empty();) {
      std::size_t n = std::min(block, end - element);
      if (columns != 0) {
        row = element / columns;
        column = element - row * columns;
        if (!whole_rows) n = std::min(n, columns - column);
      }
      in_chunk = element - start;
      for (const auto& [from, to] : columns_of)
        repeat_elements(pointers[to], pointers[from] + row, columns, n / columns);
      call_all(n);
      element += n;
    }
    element = start, in_chunk = 0;
    const std::size_t n = end - start;
    for (const auto& r : reductions) {
      const T* value = find(r.value);
      if (r.kept == Walk::row) {
        r.kernel(pointers[r.y] + start / columns, value, n / columns, columns, 1);
      } else {
        T* to = r.partials == nowhere ? pointers[r.y] : pointers[r.partials] + c * r.width;
        r.kernel(to, value, 1, n / r.width, r.width);
      }
    }
  }
}

template <Real T>
void BlockCode<T>::finish(T* const* memory) const {
  const auto pointer = [&](std::uint32_t base) { return memory[bases[base].buffer] + bases[base].offset; };
  for (const auto& r : reductions)
    if (r.partials != nowhere) r.kernel(pointer(r.y), pointer(r.partials), 1, chunks(), r.width);
}

template struct BlockCode<float>;
template struct BlockCode<double>;

}  // namespace autodiff::detail
