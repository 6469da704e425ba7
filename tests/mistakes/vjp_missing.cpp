// error: an operation needs vjp<I>
#include <autodiff/op.hpp>

struct Cube {
  static constexpr auto name = "cube";
  template <class S>
  S f(const S& x) const {
    return x * x * x;
  }
};

autodiff::Variable<double> y = autodiff::record(Cube{}, autodiff::Variable<double>());
