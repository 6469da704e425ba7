// What programs take an operation's word for, and where they do not.
#include <autodiff/op.hpp>
#include <autodiff/ops/structs/activations.hpp>
#include <autodiff/ops/structs/arithmetic.hpp>
#include <autodiff/ops/structs/elementary.hpp>
#include <autodiff/ops/structs/index.hpp>
#include <autodiff/ops/structs/linalg.hpp>
#include <autodiff/ops/structs/random.hpp>
#include <autodiff/ops/structs/reduce.hpp>
#include <autodiff/ops/structs/shape.hpp>
#include <autodiff/ops/structs/slice.hpp>
#include <autodiff/ops/structs/softmax.hpp>
#include "cases.hpp"

using namespace test;

namespace {

struct Scaled {
  static constexpr auto name = "scaled";
  double by;
  friend bool operator==(const Scaled&, const Scaled&) = default;
  template <class S>
  S f(const S& x) const {
    return x * by;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S&) const {
    return ct * by;
  }
};

/// Inherits an operator== that does not know `offset`.
struct ScaledAndMoved : Scaled {
  static constexpr auto name = "scaled_and_moved";
  double offset;
  template <class S>
  S f(const S& x) const {
    return x * by + offset;
  }
};

/// Has one of its own, a member.
struct ScaledAndMovedOnce : ScaledAndMoved {
  static constexpr auto name = "scaled_and_moved_once";
  bool operator==(const ScaledAndMovedOnce& other) const { return by == other.by && offset == other.offset; }
};

template <class T>
void mean_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  ad::kernels::sum_middle(y, x, outer, n, inner);
  for (std::size_t i = 0; i < outer * inner; ++i) y[i] /= static_cast<T>(n);
}
template <class T>
void sum_of_squares_middle(T* y, const T* x, std::size_t outer, std::size_t n, std::size_t inner) {
  std::fill_n(y, outer * inner, T(0));
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < n * inner; ++i) y[o * inner + i % inner] += x[o * n * inner + i] * x[o * n * inner + i];
}

/// Reduces all axes; no gradient, which these tests do not need.
template <template <class> class Kernel>
struct Reducing {
  static constexpr auto name = "reducing";
  static constexpr bool differentiable[1] = {false};  // Clang 14 needs the 1
  ad::Shape shape(ad::Dims) const { return {}; }
  template <class T>
  ad::Reduction<T> reduction(ad::Dims x) const {
    return {(std::uint32_t(1) << x.size()) - 1, Kernel<T>::reduce};
  }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    Kernel<T>::reduce(y.data, x.data, 1, ad::count(x.shape), 1);
  }
};
template <class T>
struct Mean {
  static constexpr auto reduce = mean_middle<T>;
};
template <class T>
struct SumOfSquares {
  static constexpr auto reduce = sum_of_squares_middle<T>;
};
template <class T>
struct Largest {
  static constexpr auto reduce = ad::kernels::max_middle<T>;
};

// All operations of the library that have parameters can be merged.
#define MERGES(Op) static_assert(std::is_empty_v<ad::Op> || ad::detail::Comparable<ad::Op>);
AUTODIFF_ARITHMETIC(MERGES)
AUTODIFF_ELEMENTARY(MERGES)
AUTODIFF_ACTIVATIONS(MERGES)
AUTODIFF_REDUCE(MERGES)
AUTODIFF_LINALG(MERGES)
AUTODIFF_SHAPE(MERGES)
AUTODIFF_SLICE(MERGES)
AUTODIFF_INDEX(MERGES)
AUTODIFF_SOFTMAX(MERGES)
AUTODIFF_RANDOM(MERGES)

}  // namespace

TEST_CASE("operations are merged by an operator== of their own, not by that of a base") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({2}, {1, 2}));
  const auto scaled = [&](double by) { return ad::record(Scaled{by}, x); };
  auto same = ad::compile({x}, {scaled(2), scaled(2), scaled(3)});
  CHECK_EQ(same.report().merged, 1);
  const auto moved = [&](double offset) { return ad::record(ScaledAndMoved{{2}, offset}, x); };
  auto apart = ad::compile({x}, {moved(1), moved(5)});
  CHECK_EQ(apart(x.value())[0](0), 3);
  CHECK_EQ(apart(x.value())[1](0), 7);
  const auto once = [&](double offset) { return ad::record(ScaledAndMovedOnce{{{2}, offset}}, x); };
  auto own = ad::compile({x}, {once(1), once(5), once(1)});
  CHECK_EQ(own.report().merged, 1);
  CHECK_EQ(own(x.value())[1](0), 7);
}

TEST_CASE("a reduction that cannot be taken by parts is refused") {
  ad::Tape<double> tape;
  const auto x = tape.variable(array({3}, {1, 2, 4}));
  const auto mean = ad::record(Reducing<Mean>{}, x), squares = ad::record(Reducing<SumOfSquares>{}, x);
  CHECK_THROWS_WITH_AS(ad::compile({x}, {mean}),
                       "[reducing] a reduction must be associative: of (0.5, 1.25, 2, 0.75, 3) by two parts it is "
                       "1.5625, of all at once 1.5",
                       ad::ValueError);
  CHECK_THROWS_WITH_AS(ad::compile({x}, {squares}),
                       "[reducing] a reduction of one element must be that element: 0.25 of 0.5", ad::ValueError);
  CHECK_EQ(ad::compile({x}, {ad::record(Reducing<Largest>{}, x)})(x.value())[0](), 4);
}
