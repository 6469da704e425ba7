// error: vjp must give the type that it is given
#include <autodiff/op.hpp>

struct Cube {
  static constexpr auto name = "cube";
  template <class S>
  S f(const S& x) const {
    return x * x * x;
  }
  template <int I, class S>
  void vjp(const S& ct, const S&, const S& x) const {
    ct * 3 * x* x;
  }
};

autodiff::Variable<double> y = autodiff::record(Cube{}, autodiff::Variable<double>());
