#include "arithmetic.hpp"

#include "compile.hpp"

namespace autodiff {

AUTODIFF_ARITHMETIC(AUTODIFF_COMPILE)

template <Real T>
Variable<T>& accumulate(Variable<T>& a, const Variable<T>& b) {
  Array<T>* mine = a.exclusive();
  if (!mine || b.recorded() || !std::ranges::equal(a.shape(), b.shape())) return a = a + b;
  const T* from[] = {mine->data(), b.value().data()};
  const auto add = primitive<Add, T>(Add{});
  add->block()(add->self(), mine->data(), from, 0, mine->size());
  return a;
}
template Variable<float>& accumulate(Variable<float>&, const Variable<float>&);
template Variable<double>& accumulate(Variable<double>&, const Variable<double>&);

}  // namespace autodiff
