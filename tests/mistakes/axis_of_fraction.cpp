// error: an axis is a whole number; the larger of two values is maximum(a, b)
#include <autodiff/ops/reduce.hpp>

autodiff::Variable<double> x;
auto y = max(x, 0.5);
