#include "transforms.hpp"

#include <algorithm>

#include "ops/reduce.hpp"  // for sums of products
#include "ops/slice.hpp"   // for rows of a Jacobian

namespace autodiff {

namespace {

template <Real T>
Variable<T> seed(std::string_view caller, const Variable<T>& y) {
  if (y.size() != 1)
    fail<ShapeError>(caller, "y must have one element, or be given a cotangent by vjp: ", Dims(y.shape()));
  auto ones = Value<T>::uninitialised(y.shape());
  std::fill_n(ones.elements().data, y.size(), T(1));
  return Variable<T>(std::move(ones));
}

/// The arrays of plain values that nobody else shares, without copying them.
template <Real T>
std::vector<Array<T>> arrays(std::vector<Variable<T>> variables) {
  std::vector<Array<T>> result;
  for (auto& v : variables) result.push_back(std::move(v).value());
  return result;
}

template <Real T, class Vector>
void check_vectors(std::string_view caller, const std::vector<Variable<T>>& xs, const std::vector<Vector>& vectors) {
  if (xs.size() != vectors.size()) fail<ShapeError>(caller, xs.size(), " variables and ", vectors.size(), " vectors");
  for (std::size_t i = 0; i < xs.size(); ++i)
    if (!std::ranges::equal(xs[i].shape(), vectors[i].shape()))
      fail<ShapeError>(caller, "the vector must have the shape of x: ", Dims(vectors[i].shape()), " and ",
                       Dims(xs[i].shape()));
}

/// Of arrays like this, one that is zero but for one element.
template <Real T>
Variable<T> unit(const Variable<T>& like, std::size_t i) {
  Array<T> result = xt::zeros<T>(like.shape());
  result.data()[i] = 1;
  return Variable<T>(std::move(result));
}

/// Arrays of y's shape followed by that of an x.
template <Real T>
std::vector<Array<T>> matrices(std::string_view caller, const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  std::vector<Array<T>> result;
  for (const auto& x : xs) {
    Shape shape = y.shape();
    shape.insert(shape.end(), x.shape().begin(), x.shape().end());
    check_shape(caller, shape);
    result.emplace_back(shape);
  }
  return result;
}

/// All derivatives, one sweep an element of y.
template <Real T>
std::vector<Array<T>> rows(std::string_view caller, const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  auto result = matrices(caller, y, xs);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto row = sweep<T>(caller, Sweep::plain, y, unit(y, i), xs);
    for (std::size_t k = 0; k < xs.size(); ++k)
      std::copy_n(row[k].value().data(), xs[k].size(), result[k].data() + i * xs[k].size());
  }
  return result;
}

/// The same, one sweep an element of the xs, over what one sweep has recorded: see jvp.
template <Real T>
std::vector<Array<T>> columns(std::string_view caller, const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  auto result = matrices(caller, y, xs);
  typename Tape<T>::Rollback rollback(y.tape());
  const auto u = y.tape().variable(xt::zeros<T>(y.shape()));
  const auto slopes = sweep<T>(caller, Sweep::recorded, y, u, xs);
  for (std::size_t k = 0; k < xs.size(); ++k)
    for (std::size_t j = 0, n = xs[k].size(); j < n; ++j) {
      const auto column = sweep(caller, Sweep::plain, slopes[k], unit(xs[k], j), std::span(&u, 1))[0];
      const T* from = column.value().data();
      for (std::size_t i = 0; i < y.size(); ++i) result[k].data()[i * n + j] = from[i];
    }
  return result;
}

}  // namespace

template <Real T>
std::vector<Array<T>> gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  return arrays(sweep<T>("gradient", Sweep::plain, y, seed("gradient", y), xs));
}

template <Real T>
std::vector<Variable<T>> recorded_gradient(const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  return sweep<T>("recorded_gradient", Sweep::recorded, y, seed("recorded_gradient", y), xs);
}

template <Real T>
std::vector<Variable<T>> recorded_vjp(const Variable<T>& y, const Variable<T>& cotangent,
                                      const std::vector<Variable<T>>& xs) {
  Tape<T>::check_operands("recorded_vjp", std::array{y, cotangent});
  return sweep<T>("recorded_vjp", Sweep::recorded, y, cotangent, xs);
}

template <Real T>
Variable<T> recorded_jvp(const Variable<T>& y, const std::vector<Variable<T>>& xs,
                         const std::vector<Variable<T>>& tangents) {
  std::vector<Variable<T>> operands(tangents);
  operands.push_back(y);
  Tape<T>::check_operands("recorded_jvp", operands);
  if (!y.recorded()) fail<PlainError>("recorded_jvp", "y is a plain value, recorded on no tape: ", Dims(y.shape()));
  check_vectors("recorded_jvp", xs, tangents);
  const typename Tape<T>::Attempt attempt({&y});
  // As in jvp, but what both sweeps record stays.
  const auto u = y.tape().variable(Array<T>(y.shape(), T(0)));
  const auto slopes = sweep<T>("recorded_jvp", Sweep::recorded, y, u, xs);
  Variable<T> result;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const auto part = sweep<T>("recorded_jvp", Sweep::recorded, slopes[i], tangents[i], std::span(&u, 1))[0];
    result = i == 0 ? part : result + part;
  }
  return xs.empty() ? y.tape().constant(Array<T>(y.shape(), T(0))) : result;
}

template <Real T>
Variable<T> recorded_jacobian(const Variable<T>& y, const Variable<T>& x) {
  Shape shape = y.shape();
  shape.insert(shape.end(), x.shape().begin(), x.shape().end());
  check_shape("recorded_jacobian", shape);
  const typename Tape<T>::Attempt attempt({&y});
  std::vector<Variable<T>> rows;
  for (std::size_t i = 0; i < y.size(); ++i) {
    Array<T> unit(y.shape(), T(0));
    unit.data()[i] = 1;
    rows.push_back(
        sweep<T>("recorded_jacobian", Sweep::recorded, y, Variable<T>(std::move(unit)), std::span(&x, 1))[0]);
  }
  return rows.empty() ? y.tape().constant(Array<T>(shape, T(0))) : reshape(stack(rows), shape);
}

template <Real T>
Variable<T> recorded_hessian(const Variable<T>& y, const Variable<T>& x) {
  const typename Tape<T>::Attempt attempt({&y});
  return recorded_jacobian(
      sweep<T>("recorded_hessian", Sweep::recorded, y, seed("recorded_hessian", y), std::span(&x, 1))[0], x);
}

template <Real T>
std::vector<Array<T>> vjp(const Variable<T>& y, const Array<T>& cotangent, const std::vector<Variable<T>>& xs) {
  return arrays(sweep<T>("vjp", Sweep::plain, y, Variable<T>(cotangent), xs));
}

template <Real T>
Array<T> jvp(const Variable<T>& y, const std::vector<Variable<T>>& xs, const std::vector<Array<T>>& tangents) {
  check_vectors("jvp", xs, tangents);
  typename Tape<T>::Rollback rollback(y.tape());
  // The vjp is linear in its cotangent u, and so its derivative in u, whatever u is, is the transposed map: the jvp.
  const auto u = y.tape().variable(xt::zeros<T>(y.shape()));
  const auto slopes = sweep<T>("jvp", Sweep::recorded, y, u, xs);
  Array<T> result = xt::zeros<T>(y.shape());
  for (std::size_t i = 0; i < xs.size(); ++i)
    result += sweep("jvp", Sweep::plain, slopes[i], Variable<T>(tangents[i]), std::span(&u, 1))[0].value();
  return result;
}

template <Real T>
std::vector<Array<T>> hvp(const Variable<T>& y, const std::vector<Variable<T>>& xs, const std::vector<Array<T>>& v) {
  check_vectors("hvp", xs, v);
  const auto unit = seed("hvp", y);
  typename Tape<T>::Rollback rollback(y.tape());
  const auto slopes = sweep<T>("hvp", Sweep::recorded, y, unit, xs);
  Variable<T> along(Array<T>(xt::zeros<T>(Shape{})));
  for (std::size_t i = 0; i < xs.size(); ++i) along += sum(slopes[i] * v[i]);
  return arrays(sweep<T>("hvp", Sweep::plain, along, seed("hvp", along), xs));
}

template <Real T>
std::vector<Array<T>> jacobian(const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  // A sweep over a recorded sweep goes through some three times as many operations.
  std::size_t elements = 0;
  for (const auto& x : xs) elements += x.size();
  const bool wide = elements > 0 && elements * 4 <= y.size() && y.recorded() && y.alive() && y.tape().recording();
  return (wide ? columns<T> : rows<T>)("jacobian", y, xs);
}

template <Real T>
std::vector<std::vector<Array<T>>> hessian(const Variable<T>& y, const std::vector<Variable<T>>& xs) {
  const auto unit = seed("hessian", y);
  typename Tape<T>::Rollback rollback(y.tape());
  std::vector<std::vector<Array<T>>> result;
  for (const auto& slope : sweep<T>("hessian", Sweep::recorded, y, unit, xs))
    result.push_back(rows("hessian", slope, xs));
  return result;
}

#define AUTODIFF_TRANSFORMS(T)                                                                              \
  template std::vector<Array<T>> gradient(const Variable<T>&, const std::vector<Variable<T>>&);             \
  template std::vector<Variable<T>> recorded_gradient(const Variable<T>&, const std::vector<Variable<T>>&); \
  template std::vector<Variable<T>> recorded_vjp(const Variable<T>&, const Variable<T>&,                    \
                                                 const std::vector<Variable<T>>&);                          \
  template Variable<T> recorded_jvp(const Variable<T>&, const std::vector<Variable<T>>&,                    \
                                    const std::vector<Variable<T>>&);                                       \
  template Variable<T> recorded_jacobian(const Variable<T>&, const Variable<T>&);                           \
  template Variable<T> recorded_hessian(const Variable<T>&, const Variable<T>&);                            \
  template std::vector<Array<T>> vjp(const Variable<T>&, const Array<T>&, const std::vector<Variable<T>>&); \
  template Array<T> jvp(const Variable<T>&, const std::vector<Variable<T>>&, const std::vector<Array<T>>&); \
  template std::vector<Array<T>> hvp(const Variable<T>&, const std::vector<Variable<T>>&,                   \
                                     const std::vector<Array<T>>&);                                         \
  template std::vector<Array<T>> jacobian(const Variable<T>&, const std::vector<Variable<T>>&);             \
  template std::vector<std::vector<Array<T>>> hessian(const Variable<T>&, const std::vector<Variable<T>>&);
AUTODIFF_TRANSFORMS(float)
AUTODIFF_TRANSFORMS(double)

}  // namespace autodiff
