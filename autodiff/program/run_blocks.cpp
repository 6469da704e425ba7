#include "run_blocks.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../kernels/copy.hpp"

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
  const std::size_t shape[] = {rows, columns};
  const std::ptrdiff_t strides[] = {1, 0};
  kernels::copy_part<T>(to, {column, shape, strides}, 0, rows * columns);
}

template <class T>
void collect(const std::vector<Collection>& all, T* const* pointers, std::size_t first, std::size_t n) {
  for (const auto& [from, to, view] : all)
    kernels::copy_part<T>(pointers[to], {pointers[from], view.shape, view.strides}, first, n);
}

template <class T>
void find_bases(const std::vector<Base>& bases, T* const* memory, T* scratch, T** pointers) {
  for (std::size_t b = 0; b < bases.size(); ++b)
    pointers[b] = (bases[b].buffer == nowhere ? scratch : memory[bases[b].buffer]) + bases[b].offset;
}

}  // namespace

template <Real T>
SingleBlock<T>::SingleBlock(const BlockCode<T>& code)
    : code_(&code), from_(code.operands.size()), bases_(code.bases.size()) {
  for (const auto& call : code.calls)
    calls_.push_back({call.block, call.self, nullptr, from_.data() + call.first, call.single});
}

template <Real T>
void SingleBlock<T>::moves(std::uint32_t base) {
  moving_.push_back(base);
  for (std::uint32_t c = 0; c < calls_.size(); ++c)
    if (code_->calls[c].y.base == base) moving_calls_.push_back(c);
  for (std::uint32_t i = 0; i < from_.size(); ++i)
    if (code_->operands[i].base == base) moving_operands_.push_back(i);
}

template <Real T>
void SingleBlock<T>::resolve(T* const* memory, T* scratch) {
  if (std::exchange(resolved_, true)) {
    for (auto b : moving_) bases_[b] = memory[code_->bases[b].buffer] + code_->bases[b].offset;
    for (auto c : moving_calls_) calls_[c].to = bases_[code_->calls[c].y.base];
    for (auto i : moving_operands_) from_[i] = bases_[code_->operands[i].base];
    return;
  }
  find_bases(code_->bases, memory, scratch, bases_.data());
  for (std::size_t c = 0; c < calls_.size(); ++c) calls_[c].to = bases_[code_->calls[c].y.base];
  for (std::size_t i = 0; i < from_.size(); ++i) from_[i] = bases_[code_->operands[i].base];
}

template <Real T>
void SingleBlock<T>::run() const {
  const std::size_t size = code_->size, columns = code_->columns;
  for (const auto& [from, to] : code_->rows) repeat_row(bases_[to], bases_[from], columns, size / columns);
  for (const auto& [from, to] : code_->columns_of) repeat_elements(bases_[to], bases_[from], columns, size / columns);
  collect(code_->collections, bases_.data(), 0, size);
  for (const auto& call : calls_) call.block(call.self, call.to, call.from, call.single, size);
  for (const auto& r : code_->reductions) {
    const bool by_row = r.kept == Walk::row;
    r.kernel(bases_[r.y], bases_[r.value.base], by_row ? size / columns : 1, by_row ? columns : size / r.width,
             by_row ? 1 : r.width);
  }
}

template <Real T>
void run_chunks(const BlockCode<T>& code, T* const* memory, T* scratch, T** pointers, std::size_t first,
                std::size_t last) {
  const std::size_t size = code.size, columns = code.columns, block = code.block, chunk = code.chunk;
  const auto& calls = code.calls;
  find_bases(code.bases, memory, scratch, pointers);
  for (const auto& [from, to] : code.rows) repeat_row(pointers[to], pointers[from], columns, block / columns);

  std::size_t at[static_cast<std::size_t>(At::total) + 1] = {};
  const auto find = [&](Place place) { return pointers[place.base] + at[static_cast<std::size_t>(place.at)]; };
  // With each call, a share of what the next block reads and writes is fetched; beyond the end that does nothing.
  constexpr std::size_t line = 64 / sizeof(T);
  const std::size_t share = calls.empty() ? 0 : padded((block + calls.size() - 1) / calls.size());
  const T** const from = const_cast<const T**>(pointers + code.bases.size());
  const auto call_all = [&](std::size_t n) {
    std::size_t ahead = at[static_cast<std::size_t>(At::element)] + n;
    for (const auto& call : calls) {
      for (auto base : code.read)
        for (std::size_t i = 0; i < share; i += line) __builtin_prefetch(pointers[base] + ahead + i);
      for (auto base : code.written)
        for (std::size_t i = 0; i < share; i += line) __builtin_prefetch(pointers[base] + ahead + i, 1);
      ahead += share;
      const Place* const x = code.operands.data() + call.first;
      for (std::uint32_t i = 0; i < call.count; ++i) from[i] = find(x[i]);
      call.block(call.self, find(call.y), from, call.single, n);
    }
  };
  auto& element = at[static_cast<std::size_t>(At::element)];
  auto& in_chunk = at[static_cast<std::size_t>(At::in_chunk)];
  auto& column = at[static_cast<std::size_t>(At::column)];
  auto& row = at[static_cast<std::size_t>(At::row)];
  auto& total = at[static_cast<std::size_t>(At::total)];
  for (std::size_t c = first; c < last; ++c) {
    const std::size_t start = c * chunk, end = std::min(start + chunk, size);
    std::size_t blocks = 0;
    for (element = start; element < end && !calls.empty();) {
      std::size_t n = std::min(block, end - element);
      if (columns != 0) {
        row = element / columns;
        column = element - row * columns;
        if (!code.whole_rows) n = std::min(n, columns - column);
      }
      in_chunk = element - start;
      total = blocks++ * code.totals;
      for (const auto& [from, to] : code.columns_of)
        repeat_elements(pointers[to], pointers[from] + row, columns, n / columns);
      collect(code.collections, pointers, element, n);
      call_all(n);
      element += n;
    }
    element = start, in_chunk = 0, total = 0;
    for (const auto& r : code.reductions) {
      const T* value = find(r.value);
      const std::size_t n = r.of_totals ? blocks * code.totals : end - start;
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
void finish_chunks(const BlockCode<T>& code, T* const* memory) {
  const auto pointer = [&](std::uint32_t base) { return memory[code.bases[base].buffer] + code.bases[base].offset; };
  for (const auto& r : code.reductions)
    if (r.partials != nowhere) r.kernel(pointer(r.y), pointer(r.partials), 1, code.chunks(), r.width);
}

#define AUTODIFF_RUN_BLOCKS(T)                                                                 \
  template void run_chunks(const BlockCode<T>&, T* const*, T*, T**, std::size_t, std::size_t); \
  template void finish_chunks(const BlockCode<T>&, T* const*);                                 \
  template class SingleBlock<T>;
AUTODIFF_RUN_BLOCKS(float)
AUTODIFF_RUN_BLOCKS(double)

}  // namespace autodiff::detail
