// The ends of rows, on top of lanes.hpp: what is left when a row is no multiple of a register, and the
// last step of a reduction, inside one register.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "lanes.hpp"

namespace autodiff::kernels {

/// a b + c, rounded once where the processor can: for AVX-512, xsimd 8 leaves it to the compiler, and Clang leaves it
/// at that.
template <class B>
B fused_multiply_add(B a, B b, B c) {
  [[maybe_unused]] constexpr bool single = std::is_same_v<typename B::value_type, float>;
#if defined(__AVX512F__)
  if constexpr (sizeof(B) == 64 && single) return _mm512_fmadd_ps(a, b, c);
  if constexpr (sizeof(B) == 64 && !single) return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
  if constexpr (sizeof(B) == 32 && single) return _mm256_fmadd_ps(a, b, c);
  if constexpr (sizeof(B) == 32 && !single) return _mm256_fmadd_pd(a, b, c);
#endif
  return xsimd::fma(a, b, c);
}

/// Loads at least the first `n` <= size elements: a whole register where the array, which stops at `end`,
/// has one. The other lanes hold whatever comes next.
template <class L>
L load_within(const typename L::value_type* from, std::size_t n, const typename L::value_type* end) {
  if (static_cast<std::size_t>(end - from) >= L::size) return L::load(from);
  return L::load_part(from, n);
}

/// The first `n` < size elements again and again, as in the rows of a ragged matrix: under a mask where the processor
/// has masks. The other lanes are not to be used.
template <class L>
class FirstLanes {
  using T = typename L::value_type;
  using B = decltype(L::v);

 public:
#if defined(__AVX512F__)
  explicit FirstLanes(std::size_t n) : mask_(static_cast<decltype(mask_)>((1u << n) - 1)) {}
  L load(const T* from) const {
    if constexpr (sizeof(T) == 4)
      return B(_mm512_maskz_loadu_ps(mask_, from));
    else
      return B(_mm512_maskz_loadu_pd(mask_, from));
  }
  void store(L v, T* to) const {
    if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_ps(to, mask_, v.v);
    else
      _mm512_mask_storeu_pd(to, mask_, v.v);
  }

 private:
  std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8> mask_;
#elif defined(__AVX__)
  explicit FirstLanes(std::size_t n) {
    for (std::size_t i = 0; i < L::size; ++i) mask_[i] = i < n ? -1 : 0;
  }
  L load(const T* from) const {
    if constexpr (sizeof(T) == 4)
      return B(_mm256_maskload_ps(from, mask()));
    else
      return B(_mm256_maskload_pd(from, mask()));
  }
  void store(L v, T* to) const {
    if constexpr (sizeof(T) == 4)
      _mm256_maskstore_ps(to, mask(), v.v);
    else
      _mm256_maskstore_pd(to, mask(), v.v);
  }

 private:
  __m256i mask() const { return _mm256_load_si256(reinterpret_cast<const __m256i*>(mask_)); }
  alignas(32) std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t> mask_[L::size];
#else
  explicit FirstLanes(std::size_t n) : n_(n) {}
  L load(const T* from) const { return L::load_part(from, n_); }
  void store(L v, T* to) const { v.store_part(to, n_); }

 private:
  std::size_t n_;
#endif
};

/// The lanes [begin, end) of a register that would begin at `from`, and the others of `v`: what is not asked for is not
/// read.
template <class L>
L load_lanes(L v, const typename L::value_type* from, std::size_t begin, std::size_t end) {
#if defined(__AVX512F__)
  const auto mask = (1u << end) - (1u << begin);
  if constexpr (sizeof(*from) == 4)
    return decltype(v.v)(_mm512_mask_loadu_ps(v.v, static_cast<__mmask16>(mask), from));
  else
    return decltype(v.v)(_mm512_mask_loadu_pd(v.v, static_cast<__mmask8>(mask), from));
#else
  if (begin == 0 && end == L::size) return L::load(from);
  alignas(64) typename L::value_type lanes[L::size];
  v.store(lanes);
  for (std::size_t i = begin; i < end; ++i) lanes[i] = from[i];
  return L::load(lanes);
#endif
}

/// 0, 1, 2, ... from a table: an array built on the spot would be stored and waited for in every call.
template <class L>
L lane_indices() {
  using T = typename L::value_type;
  alignas(64) static constexpr auto index = []<std::size_t... i>(std::index_sequence<i...>) {
    return std::array<T, L::size>{static_cast<T>(i)...};
  }
  (std::make_index_sequence<L::size>());
  return L::load(index.data());
}

/// The first `n` lanes of `v`, and `fill` in the others.
template <class L>
L keep_first(L v, std::size_t n, L fill) {
  return where(lane_indices<L>() < L(static_cast<double>(n)), v, fill);
}

/// Lane i becomes lane i ^ distance.
template <std::size_t distance, class L>
L exchange_lanes(L v) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return L(decltype(v.v)(__builtin_shufflevector(v.v.data, v.v.data, (i ^ distance)...)));
  }
  (std::make_index_sequence<L::size>());
}

/// The lanes of `b` whose index has the bit `distance`, and the others of `a`.
template <std::size_t distance, class L>
L blend_lanes(L a, L b) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return L(decltype(a.v)(__builtin_shufflevector(a.v.data, b.v.data, (i & distance ? i + L::size : i)...)));
  }
  (std::make_index_sequence<L::size>());
}

template <class L>
typename L::value_type first_lane(L v) {
  return v.v.data[0];
}

/// Every lane becomes op(all lanes), in a fixed order.
template <std::size_t distance, class L, class Op>
L fold_lanes(L v, Op op) {
  if constexpr (distance == L::size) {
    return v;
  } else {
    return fold_lanes<2 * distance>(op(v, exchange_lanes<distance>(v)), op);
  }
}
template <class L, class Op>
L fold_lanes(L v, Op op) {
  return fold_lanes<1>(v, op);
}

/// The same for lanes of which all but the first `n` are neutral: in fewer steps where these are few.
template <class L, class Op>
L fold_first_lanes(L v, std::size_t n, Op op) {
  if constexpr (L::size >= 4) {
    if (n <= L::size / 4) {
      v = op(v, exchange_lanes<1>(v));
      if constexpr (L::size >= 16)
        if (n > 2) v = op(v, exchange_lanes<2>(v));
      return L(decltype(L::v)(first_lane(v)));
    }
  }
  return fold_lanes(v, op);
}

/// Lane i becomes op(all lanes of row[i]), the same bits as fold_lanes at half the work.
template <std::size_t distance, class L, class Op>
L fold_rows(const L* row, Op op) {
  if constexpr (distance == 0) {
    return *row;
  } else {
    const L a = fold_rows<distance / 2>(row, op), b = fold_rows<distance / 2>(row + distance, op);
    return op(blend_lanes<distance>(a, b), exchange_lanes<distance>(blend_lanes<distance>(b, a)));
  }
}
template <class L, class Op>
L fold_rows(const L (&row)[L::size], Op op) {
  return fold_rows<L::size / 2>(static_cast<const L*>(row), op);
}

/// The lanes of `a` whose index lacks the bit `distance`, each followed, `distance` further, by the same lane of `b`;
/// or, with `upper`, the others likewise.
template <std::size_t distance, bool upper, class L>
L interleave_lanes(L a, L b) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return L(decltype(a.v)(__builtin_shufflevector(
        a.v.data, b.v.data, ((i & distance ? L::size + (upper ? i : i - distance) : (upper ? i + distance : i)))...)));
  }
  (std::make_index_sequence<L::size>());
}

/// Element j of row i changes places with element i of row j, in the first `side` rows, a power of two.
template <std::size_t side, std::size_t distance = 1, class L>
[[gnu::always_inline]] inline void transpose(L* row) {
  if constexpr (distance < side) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < side; ++i) {
      if (i & distance) continue;
      const L a = row[i], b = row[i + distance];
      row[i] = interleave_lanes<distance, false>(a, b);
      row[i + distance] = interleave_lanes<distance, true>(a, b);
    }
    transpose<side, 2 * distance>(row);
  }
}

}  // namespace autodiff::kernels
