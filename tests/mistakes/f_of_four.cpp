// error: an operation needs f of one, two or three arguments
#include <autodiff/op.hpp>

struct Sum {
  static constexpr auto name = "sum_of_four";
  template <class S>
  S f(const S& a, const S& b, const S& c, const S& d) const {
    return a + b + c + d;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S&, const S&, const S&, const S&) const {
    return ct;
  }
};

autodiff::Variable<double> x, y = autodiff::record(Sum{}, x, x, x, x);
