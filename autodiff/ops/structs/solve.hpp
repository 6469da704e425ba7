// Factors of square matrices, and what is solved with them, as operations.
#pragma once

#include "../../kernels/factor.hpp"
#include "../solve.hpp"
#include "listed.hpp"

namespace autodiff {

/// The lower factor of the symmetric part of each matrix.
struct Cholesky {
  static constexpr auto name = "cholesky";
  static constexpr auto reads = Reads::output;
  friend bool operator==(const Cholesky&, const Cholesky&) = default;
  Shape shape(Dims a) const;
  template <class T>
  void forward(Operand<T> l, Operand<const T> a) const;
  template <int I, class V>
  V vjp(const V& ct, const V& l, const V&) const;
};

/// op(a)^-1 b, where one triangle of a is read. Its only result is an array, so that one rule gives both cotangents.
struct SolveTriangular {
  static constexpr auto name = "solve_triangular";
  static constexpr std::size_t results = 1;
  bool lower, transposed, unit_diagonal;
  friend bool operator==(const SolveTriangular&, const SolveTriangular&) = default;
  std::array<Shape, 1> shape(Dims a, Dims b) const;
  template <class T>
  void forward(std::array<Operand<T>, 1> x, Operand<const T> a, Operand<const T> b) const;
  template <class V>
  std::array<V, 2> vjp(const std::array<V, 1>& ct, const std::array<V, 1>& x, const V& a, const V& b,
                       const std::array<bool, 2>& wanted) const;
};

/// Both factors in one matrix, and the rows that were swapped: what SolveFactored and LogDeterminant take beside the
/// matrix itself, from which alone a gradient flows to it.
struct LuFactors {
  static constexpr auto name = "factor";
  static constexpr auto reads = Reads::nothing;
  static constexpr std::size_t results = 2;
  static constexpr bool differentiable[] = {false}, result_differentiable[] = {false, false};
  std::string_view caller = name;  // who is named in errors
  bool singular = false;           // may be
  friend bool operator==(const LuFactors&, const LuFactors&) = default;
  std::array<Shape, 2> shape(Dims a) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> a) const;
  template <class V>
  std::array<V, 1> vjp(const std::array<V, 2>&, const std::array<V, 2>&, const V&) const {
    return {};
  }
};

/// a^-1 b, or a^-T b; of the matrix itself, only the gradient knows.
struct SolveFactored {
  static constexpr auto name = "solve_factored";
  static constexpr std::size_t results = 1;
  static constexpr bool fails = false;
  static constexpr bool differentiable[] = {true, false, false, true};
  bool transposed = false;
  friend bool operator==(const SolveFactored&, const SolveFactored&) = default;
  std::array<Shape, 1> shape(Dims a, Dims factors, Dims pivots, Dims b) const;
  template <class T>
  void forward(std::array<Operand<T>, 1> x, Operand<const T> a, Operand<const T> factors, Operand<const T> pivots,
               Operand<const T> b) const;
  template <class V>
  std::array<V, 4> vjp(const std::array<V, 1>& ct, const std::array<V, 1>& x, const V& a, const V& factors,
                       const V& pivots, const V& b, const std::array<bool, 4>& wanted) const;
};

/// Sign and logarithm of the size of a determinant.
struct LogDeterminant {
  static constexpr auto name = "slogdet";
  static constexpr auto reads = Reads::inputs;
  static constexpr std::size_t results = 2;
  static constexpr bool fails = false;
  static constexpr bool differentiable[] = {true, false, false}, result_differentiable[] = {false, true};
  friend bool operator==(const LogDeterminant&, const LogDeterminant&) = default;
  std::array<Shape, 2> shape(Dims a, Dims factors, Dims pivots) const;
  template <class T>
  void forward(std::array<Operand<T>, 2> y, Operand<const T> a, Operand<const T> factors,
               Operand<const T> pivots) const;
  template <class V>
  std::array<V, 3> vjp(const std::array<V, 2>& ct, const std::array<V, 2>&, const V& a, const V& factors,
                       const V& pivots) const;
};

struct Determinant {
  static constexpr auto name = "determinant";
  static constexpr auto reads = Reads::inputs;
  static constexpr bool fails = false;
  friend bool operator==(const Determinant&, const Determinant&) = default;
  Shape shape(Dims a) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a) const;
};

/// The derivative of the determinant, det(a) a^-T where that exists.
struct Cofactors {
  static constexpr auto name = "cofactors";
  static constexpr auto reads = Reads::inputs;
  friend bool operator==(const Cofactors&, const Cofactors&) = default;
  Shape shape(Dims a) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> a) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& a) const;
};

#define AUTODIFF_SOLVE(X) \
  X(Cholesky) X(SolveTriangular) X(LuFactors) X(SolveFactored) X(LogDeterminant) X(Determinant) X(Cofactors)
AUTODIFF_SOLVE(AUTODIFF_EXTERN)

}  // namespace autodiff
