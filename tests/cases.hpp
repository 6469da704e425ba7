// The table of cases, through which every operation is driven: see check().
#pragma once

#include <doctest/doctest.h>

#include <autodiff/autodiff.hpp>
#include <cmath>
#include <complex>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace test {

namespace ad = autodiff;
using ad::Array;
using ad::Axes;
using ad::Shape;
using Arrays = std::vector<Array<double>>;
using Shapes = std::vector<Shape>;
template <class T>
using Variables = std::vector<ad::Variable<T>>;

/// One function in both element types, from one generic lambda.
class Function {
 public:
  template <class F>
  requires std::invocable < F, const Variables<double>
  & > Function(F f) : double_(f), float_(f) {}
  ad::Variable<double> operator()(const Variables<double>& x) const { return double_(x); }
  ad::Variable<float> operator()(const Variables<float>& x) const { return float_(x); }

 private:
  std::function<ad::Variable<double>(const Variables<double>&)> double_;
  std::function<ad::Variable<float>(const Variables<float>&)> float_;
};

/// A function, where it is tried, and what it must give there by an independent way (none: gradients alone are
/// checked).
struct Case {
  std::string name;
  Function f;
  Arrays at;
  std::function<Array<double>(const Arrays&)> oracle = nullptr;
};

/// The cases of an operation. One that is listed in the library and has none does not compile.
template <class Op>
std::vector<Case> cases() = delete;

/// Drives a case through: values in both element types against the oracle; first and second derivatives against finite
/// differences; sweep over arrays against recorded sweep; float against double gradients; programs against the tape,
/// with operands in all layouts; and for every operation on the tape, proofs of what it declares, of which it gives the
/// report.
ad::DeclarationReport check(const Case& c);

/// Checks all cases, and that they do record the operation that they are cases of.
void check(const std::vector<Case>& cases, std::string_view operation = {});

/// Through vmap, a case is computed of all samples at once, and what a loop over samples gives: values, gradients by
/// what differs from sample to sample and by what is shared, and the gradients of each sample.
void check_samples(const std::vector<Case>& cases);

/// The tests of all operations on one of the library's lists, each under its own name.
#define TEST_OPERATION(Op) \
  TEST_CASE("operation " #Op) { test::check(test::cases<ad::Op>(), ad::Op::name); }

// ---- what tables are made of ----

/// The same random numbers for the same seed, on any machine; exact in float, so that both types compute from the same.
Array<double> sample(const Shape& shape, double low, double high, unsigned seed = 1);
/// An array for each shape.
Arrays samples(const Shapes& shapes, double low = -2, double high = 2);

/// "(2, 3) (3)": the shapes of a case.
std::string text(const Shapes& shapes);
std::string text(const Arrays& at);

/// An array made element by element from the index: `f(std::vector<std::size_t>)`.
template <class F>
Array<double> build(const Shape& shape, F f) {
  Array<double> y(shape);
  std::vector<std::size_t> index(shape.size());
  for (std::size_t n = 0; n < y.size(); ++n) {
    std::size_t rest = n;
    for (std::size_t i = shape.size(); i-- > 0; rest /= shape[i]) index[i] = rest % shape[i];
    y.data()[n] = static_cast<double>(f(index));
  }
  return y;
}

/// The element that broadcasting puts at this index of a result: axes aligned at the end, those of length one repeated.
inline double broadcast_at(const Array<double>& x, const std::vector<std::size_t>& index) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < x.dimension(); ++i)
    n = n * x.shape(i) + (x.shape(i) == 1 ? 0 : index[index.size() - x.dimension() + i]);
  return x.data()[n];
}

/// "" when a and b agree in shape, and in each element within `tolerance` times the larger of 1 and b's size; NaN and
/// infinity agree with themselves. Otherwise where they differ most: a CHECK that compares with "" shows it.
template <class A, class B>
std::string difference(const A& a, const B& b, double tolerance) {
  const Array<double> x = ad::to_array<double>(a), y = ad::to_array<double>(b);
  const auto shape = [](const Array<double>& z) { return ad::to_string(ad::Dims(z.shape())); };
  if (shape(x) != shape(y)) return "shapes " + shape(x) + " and " + shape(y);
  double worst = 0;
  std::string where;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = x.data()[i], q = y.data()[i];
    if (p == q || (std::isnan(p) && std::isnan(q))) continue;
    const double excess = std::abs(p - q) / (tolerance * std::max(1.0, std::abs(q)));
    if (excess <= 1 || excess <= worst) continue;
    worst = excess;
    where = "element " + std::to_string(i) + ": " + std::to_string(p) + " is not " + std::to_string(q) + ", off by " +
            std::to_string(excess) + " tolerances";
    if (std::isnan(excess)) return where;
  }
  return where;
}

/// The array of these elements.
template <class T = double>
Array<T> array(const Shape& shape, std::initializer_list<std::type_identity_t<T>> elements) {
  Array<T> a(shape);
  std::copy(elements.begin(), elements.end(), a.data());
  return a;
}

}  // namespace test
