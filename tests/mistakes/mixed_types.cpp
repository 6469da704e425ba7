// error: variables of float and of double cannot be mixed
#include <autodiff/op.hpp>

autodiff::Variable<double> x;
autodiff::Variable<float> w;
auto y = x * w;
