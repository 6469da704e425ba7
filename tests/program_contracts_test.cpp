// What programs take an operation's word for, and where they do not.
#include <autodiff/op.hpp>
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
