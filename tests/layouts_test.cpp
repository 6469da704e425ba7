// Operands laid out as views of views: see layouts.hpp. The cases of all operations are driven through the same; here
// are those that read operands in place, all pairs of layouts, and proof that a false claim is found.
#include "layouts.hpp"

#include <autodiff/op.hpp>

using namespace test;

namespace {

/// Copies; what it claims to read in place is a parameter.
struct Copying {
  static constexpr auto name = "copying";
  static constexpr auto reads = ad::Reads::nothing;
  enum Claim { nothing, forwards, anything } claim;
  ad::Shape shape(ad::Dims x) const { return {x.begin(), x.end()}; }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    if (x.shape.size() != 2) return ad::kernels::copy<T>(y, x);
    const auto step = [&](int axis) { return x.shape[axis] == 1 ? 0 : std::abs(x.strides[axis]); };
    for (std::ptrdiff_t i = 0; i < std::ptrdiff_t(x.shape[0]); ++i)
      for (std::ptrdiff_t j = 0; j < std::ptrdiff_t(x.shape[1]); ++j) *y.data++ = x.data[i * step(0) + j * step(1)];
  }
  bool takes(const ad::View& x) const {
    if (claim != forwards) return claim == anything;
    return std::ranges::all_of(x.strides, [](auto stride) { return stride >= 0; });
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const {
    return ct;
  }
};

/// The sum of two, of which the left one may be strided, but only if the right one is a matrix; `alone`: it forgets to
/// look at the right one.
struct Adding {
  static constexpr auto name = "adding";
  static constexpr auto reads = ad::Reads::nothing;
  bool alone;
  ad::Shape shape(ad::Dims a, ad::Dims b) const {
    const ad::Dims both[] = {a, b};
    return ad::broadcast_shape(name, both);
  }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> a, ad::Operand<const T> b) const {
    const std::size_t columns = a.shape[1], n = ad::count(y.shape);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = i / columns % a.shape[0], column = i % columns;
      const bool strided = b.shape.size() == 2;
      const T left = strided ? a.data[std::ptrdiff_t(row) * a.strides[0] + std::ptrdiff_t(column) * a.strides[1]]
                             : a.data[row * columns + column];
      y.data[i] = left + b.data[i];
    }
  }
  bool takes(const ad::View&, const ad::View& b) const { return ad::is_dense(b) && (alone || b.shape.size() == 2); }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a, const V& b) const {
    return sum_to(ct, (I == 0 ? a : b).shape());
  }
};

std::string of_copying(Copying::Claim claim) {
  return differing_layout(
      {"copying", [=](const auto& x) { return ad::record(Copying{claim}, x[0]); }, samples({{2, 3}})});
}
std::string of_adding(bool alone, const Shape& right) {
  return differing_layout(
      {"adding", [=](const auto& x) { return ad::record(Adding{alone}, x[0], x[1]); }, samples({{2, 3}, right})});
}

}  // namespace

TEST_CASE("products read operands in every pair of layouts, with batches of none, one and two") {
  for (const Shape& left : {Shape{2, 3}, Shape{1, 2, 3}, Shape{2, 2, 3}, Shape{1, 3}})
    for (const Shape& right : {Shape{3, 2}, Shape{1, 3, 2}, Shape{2, 3, 2}, Shape{2, 3, 1}})
      CHECK_EQ(differing_layout({"matmul", [](const auto& x) { return matmul(x[0], x[1]); }, samples({left, right})},
                                Together::every_pair),
               "");
}

TEST_CASE("clusters read operands in every pair of layouts") {
  const auto at = samples({{2, 3}, {2, 3}});
  for (const Case& c :
       {Case{"chain", [](const auto& x) { return tanh(x[0] * x[1]) + x[0]; }, at},
        Case{"chain beside its parts", [](const auto& x) { return exp(sin(x[0])) * flip(sin(x[0]), {0}) - x[1]; }, at},
        Case{"reduced rows", [](const auto& x) { return sum(sin(x[0]) * x[1], 1); }, at},
        Case{"reduced columns", [](const auto& x) { return max(x[0], 0) * mean(x[0] - x[1], 0); }, at},
        Case{"normalised", [](const auto& x) { return softmax(x[0], 1) * (x[1] - mean(x[1], 0)); }, at}})
    CHECK_EQ(differing_layout(c, Together::every_pair), "");
}

TEST_CASE("products that accumulate read operands in every pair of layouts") {
  for (std::size_t rows : {1, 2})
    CHECK_EQ(differing_layout({"w - rate (a b)", [](const auto& x) { return x[2] - 0.5 * matmul(x[0], x[1]); },
                               samples({{rows, 3}, {3, 2}, {rows, 2}})},
                              Together::every_pair),
             "");
}

TEST_CASE("layouts that an operation claims and does not read are found") {
  CHECK_EQ(of_copying(Copying::nothing), "");
  CHECK_NE(of_copying(Copying::anything), "");
  CHECK_NE(of_copying(Copying::anything).find("reversed"), std::string::npos);
  CHECK_EQ(of_copying(Copying::forwards), "");
}

TEST_CASE("layouts that an operation reads beside some others only are found") {
  for (const Shape& right : {Shape{2, 3}, Shape{1, 2, 3}, Shape{2, 2, 3}}) {
    CHECK_EQ(of_adding(false, right), "");
    CHECK_EQ(of_adding(true, right).empty(), right.size() == 2);
  }
}
