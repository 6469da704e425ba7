// Operations of your own: one small struct each, checked to second order like those of the library.
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>
#include <cstdio>

namespace ad = autodiff;
using Variable = ad::Variable<double>;

/// Elementwise: x + sin^2(a x) / a, an activation for periodic data. Ziyin, Hartwig and Ueda, 2020.
struct Snake {
  static constexpr auto name = "snake";
  static constexpr auto reads = ad::Reads::inputs;  // what the rule looks at: x, not the output
  double a = 1;
  template <class S>
  S f(const S& x) const {
    const S s = sin(a * x);
    return x + s * s / a;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x) const {
    return ct * (1 + sin(2 * a * x));
  }
};

/// Structural: the squared distances between all pairs of points, (n, d) gives (n, n).
struct SquaredDistances {
  static constexpr auto name = "squared_distances";
  static constexpr auto reads = ad::Reads::inputs;
  ad::Shape shape(ad::Dims x) const {
    if (x.size() != 2) ad::fail<ad::ShapeError>(name, "points must be the rows of a matrix: ", x);
    return {x[0], x[0]};
  }
  template <class T>
  void forward(ad::Operand<T> y, ad::Operand<const T> x) const {
    const std::size_t n = x.shape[0], d = x.shape[1];
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        T sum = 0;
        for (std::size_t k = 0; k < d; ++k) {
          const T apart = x.data[i * d + k] - x.data[j * d + k];
          sum += apart * apart;
        }
        y.data[i * n + j] = sum;
      }
  }
  /// A pair pulls on both of its points. Written with variables, the rule can be differentiated in its turn.
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const {
    const V pull = ct + ad::transpose(ct);
    return 2 * (ad::sum(pull, 1, ad::keepdims) * x - ad::matmul(pull, x));
  }
};

int main() {
  const auto snake = [](const Variable& x) { return ad::record(Snake{0.7}, x); };
  const auto distances = [](const Variable& x) { return ad::record(SquaredDistances{}, x); };
  const xt::xarray<double> points{{0.3, -1.2}, {0.8, 0.1}, {-0.5, 0.9}};

  for (bool fast : {false, true}) {
    const ad::CheckOptions options{.fast = fast, .second_order = true};
    for (const auto& report :
         {ad::check_gradient(snake, points, options), ad::check_gradient(distances, points, options)}) {
      std::puts(report.message().c_str());
      if (!report) return 1;
    }
  }

  try {  // errors of your own read like the library's, and say where they happened
    ad::Tape<double> tape;
    auto scope = tape.scope("encoder");
    distances(tape.variable(xt::xarray<double>{1, 2, 3}));
  } catch (const ad::ShapeError& error) {
    std::puts(error.what());
    return 0;
  }
  return 1;
}
