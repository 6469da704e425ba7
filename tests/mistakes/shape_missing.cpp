// error: an operation needs f of one, two or three arguments, or shape and forward, or view
#include <autodiff/op.hpp>

struct Twice {
  static constexpr auto name = "twice";
  template <class T>
  void forward(autodiff::Operand<T> y, autodiff::Operand<const T> x) const {
    for (std::size_t i = 0; i < autodiff::count(y.shape); ++i) y.data[i] = 2 * x.data[i];
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const {
    return ct * 2;
  }
};

autodiff::Variable<double> y = autodiff::record(Twice{}, autodiff::Variable<double>());
