// Gradients against central differences, and proofs of what operations declare: for the operations of the library, and
// for a user's own.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "primitive.hpp"
#include "variable.hpp"

namespace autodiff {

/// How to check. The defaults suit functions whose values and derivatives are of the order of one.
struct CheckOptions {
  /// A sweep and a difference may differ by atol + rtol |difference|, and by what rounding does to the difference.
  double atol = 1e-7, rtol = 1e-6;
  /// Elements x are moved by step * max(1, |x|); the cube root of double's epsilon balances rounding and curvature.
  double step = 6e-6;
  /// Compares u^T J v for a few random u and v, instead of all of J: the cost does not grow with the elements of the
  /// inputs, and a fault is found but not located.
  bool fast = false;
  /// How many pairs of u and v.
  std::size_t directions = 3;
  /// Checks the derivatives of the recorded gradients as well, and that both sweeps give the same numbers.
  bool second_order = false;
  std::uint64_t seed = 0;
};

/// What a check found. Its numbers are those of the worst comparison: of an error if there is one, else of a kink.
struct CheckReport {
  bool ok = true;
  /// The differences prove nothing: the function has a kink or a jump at the point, or within a step of it.
  bool kink = false;
  /// 1, or 2: then outputs are the gradients of the first output with respect to each input, then those of the next.
  std::size_t order = 1;
  /// The input that it is derived by, its name if f gave it one, and the element. At second order the cotangents, one
  /// an output, count as more inputs. Fast checks leave these empty.
  std::size_t input = 0;
  std::string name;
  Shape index;
  /// Which output, and which element of it.
  std::size_t output = 0;
  Shape output_index;
  /// The derivative by the sweep and by the difference, and by how much they may differ.
  double analytic = 0, numeric = 0, tolerance = 0;
  /// The largest difference between the two, how many were compared, and how many of them failed.
  double max_error = 0;
  std::size_t comparisons = 0, failures = 0;
  /// What message() says, less the counts.
  std::string text;

  explicit operator bool() const { return ok; }
  /// One paragraph for people: what differs most, where, and by how much.
  std::string message() const;
};

/// What check_declarations found.
struct DeclarationReport {
  bool ok = true;
  /// Of the first declaration that is not kept: the operation, and what it declares: "reads", "takes".
  std::string operation, declaration;
  /// How many recorded operations were looked at, how many results compared, and how many declarations failed.
  std::size_t operations = 0, proofs = 0, failures = 0;
  /// What the pullbacks of the operation of a name declare to read, and what they were seen to depend on: declared and
  /// never seen, a value is kept for nothing.
  struct Pullback {
    Reads declared = Reads::nothing, seen = Reads::nothing;
    bool differentiable = false;
  };
  /// By the name of the operation.
  std::map<std::string, Pullback> pullbacks;
  /// What message() says of a failure, less the count.
  std::string text;

  explicit operator bool() const { return ok; }
  /// One paragraph for people: which operation does not keep what, and what differs.
  std::string message() const;
};

namespace detail {

/// A function to check: all of its outputs, of all of its inputs.
using Checked = std::function<std::vector<Variable<double>>(const std::vector<Variable<double>>&)>;

CheckReport check_gradient(const Checked& f, const std::vector<Array<double>>& at, const CheckOptions& options);
DeclarationReport check_declarations(const Checked& f, const std::vector<Array<double>>& at);

inline std::vector<Variable<double>> outputs(const Variable<double>& y) { return {y}; }
template <class Ys>
std::vector<Variable<double>> outputs(const Ys& ys) {
  return {ys.begin(), ys.end()};
}

/// At several inputs, or at one.
template <class F, class At>
Checked checked(F& f) {
  if constexpr (ArrayLike<At> || Number<At>)
    return [&f](const std::vector<Variable<double>>& x) { return outputs(f(x[0])); };
  else
    return [&f](const std::vector<Variable<double>>& x) { return outputs(f(x)); };
}
template <class At>
std::vector<Array<double>> point(const At& at) {
  std::vector<Array<double>> arrays;
  if constexpr (ArrayLike<At> || Number<At>)
    arrays.push_back(to_array<double>(at));
  else
    for (const auto& a : at) arrays.push_back(to_array<double>(a));
  return arrays;
}

template <class Y>
concept Outputs = std::same_as<Y, Variable<double>> ||
    (std::same_as<typename Y::value_type, Variable<double>>&& requires(const Y& y) { y.begin() != y.end(); });
template <class F, class X>
concept Gives = std::invocable<F&, const X&> && Outputs<std::remove_cvref_t<std::invoke_result_t<F&, const X&>>>;

}  // namespace detail

/// What can be checked at `At`: a function of a vector of variables at a container of arrays, or a function of one
/// variable at an array, a lazy expression or a number. It gives a variable, or several in a vector or std::array.
template <class F, class At>
concept CheckedAt = ((ArrayLike<At> || Number<At>)&&detail::Gives<F, Variable<double>>) ||
                    (!ArrayLike<At> && ArrayLike<typename At::value_type> &&
                     detail::Gives<F, std::vector<Variable<double>>>);

/// Compares the gradients of f, whose outputs may be of any shape and number, with central differences at a point, one
/// array an input: f(const std::vector<Variable<double>>&) at a vector of arrays, or f(const Variable<double>&) at one.
/// It may give a std::vector or std::array of variables, all of which are checked. f must give the same bits each time,
/// and may name its inputs for the report. An output that is not finite is reported too.
/// Throws ValueError without inputs or outputs, ShapeError when the shape of an output changes or an operation's rule
/// gives a gradient of the wrong shape, and whatever f throws.
/// After torch.autograd.gradcheck; a kink is told by differences to both sides and by smaller steps.
template <class F, class At = std::vector<Array<double>>>
requires CheckedAt<F, At> CheckReport check_gradient(F&& f, const At& at, const CheckOptions& options = {}) {
  return detail::check_gradient(detail::checked<F, At>(f), detail::point(at), options);
}

/// Proves what the operations that f records, and those that a recorded sweep through them adds, declare (see
/// Primitive), by their own forward and pullback at a point: `reads`, `linear`, `neutral`, `commutative`, that
/// `reduction`, `accumulate` and the `terms` of a sum give what forward gives, `view` its elements, that what does not
/// fail takes all values, that a cotangent that does not exist counts as zero, and that inputs in all layouts that an
/// operation `takes`, transposed, cut, reversed, strided, repeated, give what dense ones give. f and the point are
/// those of check_gradient. What a point cannot show, such as a comparison that two parameters are the same, is taken
/// on trust. Throws what f throws.
template <class F, class At = std::vector<Array<double>>>
requires CheckedAt<F, At> DeclarationReport check_declarations(F&& f, const At& at) {
  return detail::check_declarations(detail::checked<F, At>(f), detail::point(at));
}

}  // namespace autodiff
