// error: the operation takes another number of arguments than it is given
#include <autodiff/op.hpp>

struct Product {
  static constexpr auto name = "product";
  template <class S>
  S f(const S& x, const S& y) const {
    return x * y;
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S& x, const S& y) const {
    return I == 0 ? ct * y : ct * x;
  }
};

autodiff::Variable<double> y = autodiff::record(Product{}, autodiff::Variable<double>());
