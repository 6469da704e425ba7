// Primitive<T>: the little that the engine knows of any operation.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "array.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/formula.hpp"
#include "kernels/reduce.hpp"

namespace autodiff {

template <Real T>
class Variable;

/// Which values the pullback of an operation looks at, besides the cotangent.
enum class Reads : std::uint8_t { nothing = 0, inputs = 1, output = 2, both = 3 };

/// How an elementwise operation depends on one argument, the others held: y = ... + x, y = ... - x, or y = x times what
/// the others give (an operation that scales in two arguments is their product); or in another way.
enum class Linear : std::uint8_t { no, plus, minus, scales };

/// The steps along the axes of a view, in elements.
using Strides = xt::svector<std::ptrdiff_t, 4>;

/// An array that shares the memory of another: axes, steps, and where it starts, all in elements.
struct View {
  Shape shape;
  Strides strides;
  std::ptrdiff_t offset = 0;
};

/// The view of a dense row-major array of this shape.
View dense(Dims shape);
/// Whether the elements follow each other in row-major order, wherever they start.
bool is_dense(const View& view);
/// Whether each element has a place of its own since each step goes past all that axes of smaller steps reach.
bool is_apart(const View& view);

/// A reduction: the axes that it reduces, as a set, and the kernel that reduces the middle one of three axes. Programs
/// reduce by parts, and then what these give, and leave out axes of length one; the kernel must be such that this makes
/// no difference but of rounding: associative, and of one element that element. So sums, products and extrema, but not
/// means. Compiling throws ValueError for kernels that are plainly not so.
template <Real T>
struct Reduction {
  std::uint32_t axes;
  kernels::Reduce<T> kernel;
};

/// Throws ValueError, which names the operation, if the kernel breaks these rules on a few numbers.
template <Real T>
void check_reduction(std::string_view operation, kernels::Reduce<T> kernel);

template <Real T>
class Primitive;
template <Real T>
class RecordedFunction;

/// What flows back to an input: an array; or, where it is zero but for a part, what an operation adds there, so that it
/// costs what the part costs. Such an operation accumulates, is linear in what it has derivatives by, and does not look
/// at its output.
template <Real T>
struct Cotangent {
  Cotangent() = default;
  /// An array.
  Cotangent(Variable<T> array) : value(std::move(array)) {}
  /// What the operation adds, of these inputs.
  Cotangent(std::shared_ptr<const Primitive<T>> adds, std::vector<Variable<T>> from)
      : operation(std::move(adds)), inputs(std::move(from)) {}

  Variable<T> value;                                        // the array, or empty
  std::shared_ptr<const Primitive<T>> operation = nullptr;  // null: the value alone
  std::vector<Variable<T>> inputs;                          // of the operation
};

/// One step of a reverse sweep, back through an operation: what its rule is given, and what it finds.
template <Real T>
struct Pullback {
  std::span<const Variable<T>> cotangents;  // of the results; empty variables where nothing flows
  std::span<const Variable<T>> y, x;
  std::vector<bool> wanted;         // by input
  std::vector<Cotangent<T>> found;  // by input; of several results, left as it is where nothing flows
};

/// A part of an operation that is a sum: another operation, of the next `inputs` of the inputs.
template <Real T>
struct AssemblyTerm {
  std::shared_ptr<const Primitive<T>> operation;
  std::size_t inputs;
};

/// An elementwise operation as loops over plain values, which the engine runs without asking further.
template <Real T>
struct Loops {
  struct Argument {
    bool differentiable;
    bool passes;  // its cotangent is that of the result
    /// Its cotangent, where it has the shape of the result: of that of the result, the result, and the arguments. Null
    /// where it passes, or is not differentiable.
    kernels::Block<T> rule;
  };
  static constexpr std::size_t most_arguments = 3;
  kernels::Block<T> forward;
  std::span<const Argument> arguments;
};

/// An operation, as the engine knows it. Authors write a small struct instead: see op.hpp.
template <Real T>
class Primitive {
 public:
  virtual ~Primitive() = default;

  /// What errors, drawings and reports call it.
  virtual std::string_view name() const = 0;
  /// The shape of the result; throws what is wrong with the shapes of the inputs.
  virtual Shape shape(std::span<const Dims> inputs) const = 0;
  /// Fills `y`, dense and of the inferred shape. Inputs are dense.
  virtual void forward(Operand<T> y, std::span<const Operand<const T>> x) const = 0;
  /// The cotangent of input `i`, given that of the output. Recorded where what it is computed from is recorded.
  virtual Variable<T> pullback(std::size_t i, const Variable<T>& cotangent, const Variable<T>& y,
                               std::span<const Variable<T>> x) const = 0;
  /// Whether a gradient flows to input `i`: not to an index, a label or a condition.
  virtual bool differentiable(std::size_t i) const = 0;

  // An operation of several results has these, too; where there is one they are the same as above.
  virtual std::size_t results() const { return 1; }
  virtual std::vector<Shape> shapes(std::span<const Dims> inputs) const { return {shape(inputs)}; }
  virtual void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const { forward(y[0], x); }
  /// Whether a gradient flows back from result `k`.
  virtual bool result_differentiable(std::size_t) const { return true; }
  /// The cotangents of all inputs that are wanted, and to which a gradient flows.
  virtual void pull_back(Pullback<T>& step) const {
    for (std::size_t i = 0; i < step.x.size(); ++i)
      if (step.wanted[i]) step.found[i] = pullback(i, step.cotangents[0], step.y[0], step.x);
  }

  // What passes over a recorded tape need to know; each default claims nothing.
  /// Whether forward may throw for the values it meets, not the shapes. Where it may, a program holds back what it
  /// makes of its states, so that a run that throws changes none.
  virtual bool fails() const { return true; }
  virtual Reads reads() const { return Reads::both; }
  virtual Linear linear(std::size_t) const { return Linear::no; }
  /// The value of argument `i` that makes the result the other argument, to the last bit; NaN for none.
  virtual double neutral(std::size_t) const { return std::numeric_limits<double>::quiet_NaN(); }
  /// Whether two arguments may change places.
  virtual bool commutative() const { return false; }
  /// Having a block loop is what makes an operation elementwise; `self` is its first argument, and that of all loops.
  virtual kernels::Block<T> block() const { return nullptr; }
  virtual const Loops<T>* loops() const { return nullptr; }
  virtual const void* self() const { return nullptr; }
  /// Appends what an elementwise operation computes of these to the formula; nothing where registers have no
  /// instructions for it.
  virtual std::optional<kernels::Term> write(kernels::Formula&, std::span<const kernels::Term>) const {
    return std::nullopt;
  }
  /// The same for all operations of one type, whatever their parameters, and for no others.
  virtual const void* kind() const { return this; }
  /// Whether the other is the same operation with the same parameters.
  virtual bool equals(const Primitive& other) const { return this == &other; }
  /// The result as a view of the only input, for operations that move no data.
  virtual std::optional<View> view(const View&) const { return std::nullopt; }
  /// Whether it is such an operation: then there is a view of whatever is dense.
  virtual bool is_view() const { return false; }
  /// Whether the rule of a view does no more than add what flows to each element in its place, so that sweeps over
  /// values do without the rule. One that also scales or clips says no.
  virtual bool transposes() const { return false; }
  /// What flows to each input, where that is a view of what flows to the result; sweeps over values do without the rule
  /// then. Nothing where it is not.
  virtual std::vector<View> cotangent_views(const View&, std::span<const Dims>) const { return {}; }
  /// Whether forward takes inputs laid out like these, all together, of which some are not dense; what it rounds may
  /// differ then.
  virtual bool takes(std::span<const View>) const { return false; }
  /// How it reduces an input of this shape, if it is a reduction.
  virtual std::optional<Reduction<T>> reduction(Dims) const { return std::nullopt; }
  /// Whether `accumulate` exists, and is worth its while for inputs of these shapes.
  virtual bool accumulates(std::span<const Dims>) const { return false; }
  /// y = alpha forward(x) + beta y.
  virtual void accumulate(Operand<T>, std::span<const Operand<const T>>, T, T) const {}
  /// How many additions and multiplications it takes, for reports; by default one for each element of the largest
  /// array.
  virtual double arithmetic(std::span<const Dims> inputs) const;
  /// Of an operation that is a sum, its parts, which accumulate: a program adds each as soon as it can, in order.
  virtual std::span<const AssemblyTerm<T>> terms() const { return {}; }
  /// Of an operation that is made of others, these: a program has them in its place.
  virtual const RecordedFunction<T>* made_of() const { return nullptr; }
  /// Whether what it is made of is computed there, also where the same was computed elsewhere.
  virtual bool apart() const { return false; }
  /// Records the operation for n samples at once: inputs that are `stacked` have an axis of n in front of those of a
  /// sample, and so have the results, which stay empty where it does not know how.
  virtual std::vector<Variable<T>> batched(std::size_t n, const std::vector<bool>& stacked,
                                           std::span<const Variable<T>> x) const;
  /// Records the sum of what the operation gives for n samples, all inputs with an axis of n in front; an empty
  /// variable where it does not know how to do so at once.
  virtual Variable<T> summed(std::span<const Variable<T>> x) const;
  /// The operation in another form, which spares work where inputs that are `fixed` are the same in many calls: it
  /// replaces those by what it is given then, recorded once for all. Null where there is none.
  virtual std::shared_ptr<const Primitive> prepared(const std::vector<bool>& fixed, std::span<Variable<T>> x) const;
  /// Whether forward leaves out a result that nobody reads: it is given one without elements then.
  virtual bool leaves_out_results() const { return false; }
};

}  // namespace autodiff
