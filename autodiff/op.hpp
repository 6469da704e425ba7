// What the author of an operation includes: one small struct becomes a Primitive.
//
// An elementwise operation writes
//   static constexpr auto name = "cube";
//   template <class S> S f(const S& x) const { return x * x * x; }
//   template <int I, class S> S vjp(const S& ct, const S& y, const S& x) const { return ct * 3 * x * x; }
// over a number-like S: a SIMD register; a symbol of one, when a program makes one loop of several operations; or a
// Variable when the gradient is to be differentiated again. Operators, and the elementwise functions of variables by
// their names, are there for all; of two comparisons, the product says whether both hold. f and vjp may be static.
// Several threads call them at once where arrays are large.
// Arguments whose `linear` is plus or minus need no vjp, nor do those that are declared not `differentiable`.
//
// A structural operation writes
//   Shape shape(Dims a, ...) const;                                      // or throws ShapeError, see fail()
//   template <class T> void forward(Operand<T> y, Operand<const T> a, ...) const;
//   template <int I, class V> V vjp(const V& ct, const V& y, const V& a, ...) const;   // V is Variable<T>
// or, when it moves no data, `std::optional<View> view(const View& x) const` instead of shape and forward. With any
// number of inputs: shape(std::span<const Dims>), forward(y, std::span<const Operand<const T>>),
// vjp(i, ct, y, std::span<const V>).
//
// One of several results, or one whose rule finds all cotangents at once, says how many, and handles them as arrays; a
// cotangent that does not exist is an empty variable:
//   static constexpr std::size_t results = 2;
//   std::array<Shape, 2> shape(Dims a, ...) const;
//   template <class T> void forward(std::array<Operand<T>, 2> y, Operand<const T> a, ...) const;
//   template <class V> std::array<V, inputs> vjp(const std::array<V, 2>& ct, const std::array<V, 2>& y, const V& a,
//   ...,
//                                                const std::array<bool, inputs>& wanted) const;
// where `wanted` may be left out, and what is not wanted, or zero, may be left empty. One entry a result,
// `result_differentiable` says from which no gradient flows: indices, say.
//
// Either may declare `reads` (what vjp looks at), and `differentiable`, one entry an argument. An operation with
// parameters that has an operator== of its own, which may be defaulted, is computed once where it is recorded twice.
// An elementwise operation may declare `linear` and `neutral`, one entry an argument, and be `commutative`. A
// structural one may say what else a program can make use of:
//   static constexpr bool fails = false;                                 // forward throws for no values; or a function
//   bool takes(const View& a, ...) const;                                // forward reads inputs laid out like these
//   std::vector<View> cotangent_views(const View& ct, std::span<const Dims> x) const;  // what flows to each input is
//                                                                        // a view of what flows to the result
//   template <class T> Reduction<T> reduction(Dims x) const;             // it reduces, by parts if need be: how
//   bool accumulates(Dims a, ...) const;                                 // accumulate is worth its while
//   double arithmetic(Dims a, ...) const;                                // additions and multiplications, for reports
//   template <class T> void accumulate(Operand<T> y, Operand<const T> a, ..., T alpha, T beta) const;
//   template <class V> V batched(std::size_t n, const std::vector<bool>& stacked, std::span<const V> x) const;
//                                                                        // the same for n samples at once, see vmap;
//                                                                        // of several results, a vector of them
//   template <class V> V summed(std::span<const V> x) const;              // their sum at once, for gradients of scan
//   template <class V> std::optional<Op> prepared(const std::vector<bool>& fixed, std::span<V> x) const;
//                                                                        // with inputs made ready once for many calls
// Primitive (primitive.hpp) says what each means, and Reduction what a kernel has to keep to.
#pragma once

#include <algorithm>
#include <array>
#include <tuple>

#include "kernels/copy.hpp"
#include "kernels/lanes.hpp"
#include "kernels/symbol.hpp"
#include "memory.hpp"
#include "ops/arithmetic.hpp"
#include "ops/lanes.hpp"
#include "ops/reduce.hpp"
#include "tape.hpp"

namespace autodiff {

/// The common shape of arrays by NumPy's rules: axes aligned at the end, lengths equal or one.
Shape broadcast_shape(std::string_view operation, std::span<const Dims> shapes);

/// Samples one behind the other, with axes of length one put in so that each has `rank` of them; others as they are.
template <Real T>
Variable<T> with_rank(const Variable<T>& x, bool stacked, std::size_t rank) {
  if (!stacked || x.dimension() == rank + 1) return x;
  Shape shape(rank + 1, 1);
  shape[0] = x.shape(0);
  std::copy(x.shape().begin() + 1, x.shape().end(), shape.end() - std::ptrdiff_t(x.dimension() - 1));
  return reshape(x, shape);
}

/// All of them stacked, n of each.
template <Real T>
std::vector<Variable<T>> all_stacked(std::size_t n, const std::vector<bool>& stacked, std::span<const Variable<T>> x) {
  std::vector<Variable<T>> all(x.begin(), x.end());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (stacked[i]) continue;
    Shape shape = x[i].shape();
    shape.insert(shape.begin(), n);
    all[i] = broadcast_to(x[i], shape);
  }
  return all;
}

/// Throws ShapeError when an operation is given another number of arguments than it takes.
void check_arity(std::string_view operation, std::size_t takes, std::size_t given);

namespace detail {

/// How many arguments the f of an elementwise operation takes; 0 when it has no f.
template <class Op, class S>
constexpr std::size_t arity_of() {
  if constexpr (requires(const Op& op, const S& s) { op.f(s); })
    return 1;
  else if constexpr (requires(const Op& op, const S& s) { op.f(s, s); })
    return 2;
  else if constexpr (requires(const Op& op, const S& s) { op.f(s, s, s); })
    return 3;
  else
    return 0;
}

template <class Op, std::size_t I>
constexpr Linear linear_in() {
  if constexpr (requires { Op::linear; })
    return Op::linear[I];
  else
    return Linear::no;
}

/// Whether the derivative in the argument is 1 or -1, so that it needs no rule.
template <class Op, std::size_t I>
constexpr bool has_unit_slope = linear_in<Op, I>() == Linear::plus || linear_in<Op, I>() == Linear::minus;

/// Converts to Op alone, not to a base of it.
template <class Op>
struct Exactly {
  template <std::same_as<Op> U>
  operator const U&() const;
};
/// Whether operations of this type can be compared by what they have themselves: an inherited operator== would take two
/// for one that differ in a parameter that the base does not know.
template <class Op>
concept Comparable = requires(const Op& op, const Exactly<Op>& other) {
  { op == other } -> std::convertible_to<bool>;
};

template <class Op>
concept IsView = requires(const Op& op, const View& x) {
  { op.view(x) } -> std::same_as<std::optional<View>>;
};

/// What all adaptors share: the declarations of the struct.
template <class Op, Real T>
class Declared : public Primitive<T> {
 public:
  explicit Declared(const Op& op) : op_(op) {}
  std::string_view name() const override { return Op::name; }
  Reads reads() const override {
    if constexpr (requires { Op::reads; })
      return Op::reads;
    else
      return Reads::both;
  }
  bool fails() const override {
    if constexpr (requires(const Op& op) { op.fails(); })
      return op_.fails();
    else if constexpr (requires { Op::fails; })
      return Op::fails;
    else
      return !IsView<Op>;
  }
  const void* self() const override { return &op_; }
  const void* kind() const override {
    static const char mark = 0;
    return &mark;
  }
  bool equals(const Primitive<T>& other) const override {
    if constexpr (Comparable<Op>)
      return kind() == other.kind() && op_ == *static_cast<const Op*>(other.self());
    else
      return this == &other;
  }

 protected:
  static constexpr bool declared_differentiable(std::size_t i) {
    if constexpr (requires { Op::differentiable; })
      return Op::differentiable[i];
    else
      return true;
  }
  /// Calls f(std::integral_constant<int, i>) for a run-time i < N.
  template <std::size_t N, class F>
  static Variable<T> with_index(std::size_t i, F&& f) {
    Variable<T> result;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((I == i ? void(result = f(std::integral_constant<int, int(I)>())) : void()), ...);
    }
    (std::make_index_sequence<N>());
    return result;
  }

  Op op_;
};

template <class Op, Real T>
class Elementwise;
/// In an adaptor. One without parameters is the same at every call, and never ends, so that nobody counts its owners.
template <class Adaptor, Real T, class Op>
std::shared_ptr<const Primitive<T>> adapted(const Op& op) {
  if constexpr (std::is_empty_v<Op>) {
    static const auto* const only = new Adaptor(op);
    return {std::shared_ptr<void>(), only};
  } else {
    return std::allocate_shared<const Adaptor>(SmallAllocator<Adaptor>(), op);
  }
}

template <class Op, Real T>
class Elementwise final : public Declared<Op, T> {
  using Lanes = kernels::NativeLanes<T>;
  static constexpr std::size_t arity = arity_of<Op, Lanes>();
  // Of one argument, most are functions that take longer than a loop's own work, and four of them make much code.
  static constexpr bool unrolls = arity > 1;
  template <int I>
  static constexpr bool has_vjp = []<std::size_t... J>(std::index_sequence<J...>) {
    return requires(const Op& op, const Lanes& s) { op.template vjp<I>(s, s, (void(J), s)...); };
  }
  (std::make_index_sequence<arity>());

 public:
  using Declared<Op, T>::Declared;
  /// Whether vjp of the argument exists where it is needed, and whether it gives what it should; see well_defined().
  template <int I>
  static constexpr bool has_rule = !Declared<Op, T>::declared_differentiable(I) || has_unit_slope<Op, I> || has_vjp<I>;
  template <int I>
  static constexpr bool rule_fits = []<std::size_t... J>(std::index_sequence<J...>) {
    if constexpr (!has_vjp<I>)
      return true;
    else
      return requires(const Op& op, const Lanes& s, const Variable<T>& v) {
        { op.template vjp<I>(s, s, (void(J), s)...) } -> std::convertible_to<Lanes>;
        { op.template vjp<I>(v, v, (void(J), v)...) } -> std::convertible_to<Variable<T>>;
      };
  }
  (std::make_index_sequence<arity>());

  Shape shape(std::span<const Dims> inputs) const override {
    check_arity(Op::name, arity, inputs.size());
    return broadcast_shape(Op::name, inputs);
  }

  void forward(Operand<T> y, std::span<const Operand<const T>> x) const override {
    kernels::elementwise<T>(block(), this->self(), y, x);
  }

  Variable<T> pullback(std::size_t i, const Variable<T>& ct, const Variable<T>& y,
                       std::span<const Variable<T>> x) const override {
    return this->template with_index<arity>(i, [&](auto index) {
      constexpr int I = decltype(index)::value;
      if constexpr (linear_in<Op, I>() == Linear::plus) {
        return sum_to(ct, x[I].shape());
      } else if constexpr (linear_in<Op, I>() == Linear::minus) {
        return sum_to(-ct, x[I].shape());
      } else if constexpr (has_vjp<I>) {
        return sum_to(rule<I>(ct, y, x, std::make_index_sequence<arity>()), x[I].shape());
      } else {
        return Variable<T>();
      }
    });
  }

  bool differentiable(std::size_t i) const override {
    return this->declared_differentiable(i)&& [&]<std::size_t... I>(std::index_sequence<I...>) {
      return ((I == i && (has_unit_slope<Op, I> || has_vjp<int(I)>)) || ...);
    }
    (std::make_index_sequence<arity>());
  }

  Linear linear(std::size_t i) const override {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      Linear result = Linear::no;
      ((I == i ? void(result = linear_in<Op, I>()) : void()), ...);
      return result;
    }
    (std::make_index_sequence<arity>());
  }

  std::vector<Variable<T>> batched(std::size_t, const std::vector<bool>& stacked,
                                   std::span<const Variable<T>> x) const override {
    std::size_t rank = 0;
    for (std::size_t i = 0; i < arity; ++i) rank = std::max(rank, x[i].dimension() - stacked[i]);
    std::array<Variable<T>, arity> aligned;
    for (std::size_t i = 0; i < arity; ++i) aligned[i] = with_rank(x[i], stacked[i], rank);
    return {Tape<T>::record(adapted<Elementwise, T>(this->op_), aligned)};
  }

  bool fails() const override { return false; }
  double neutral(std::size_t i) const override {
    if constexpr (requires { Op::neutral; })
      return Op::neutral[i];
    else
      return Primitive<T>::neutral(i);
  }
  bool commutative() const override {
    if constexpr (requires { Op::commutative; })
      return Op::commutative;
    else
      return false;
  }

  kernels::Block<T> block() const override { return compute; }
  std::optional<kernels::Term> write(kernels::Formula& formula, std::span<const kernels::Term> x) const override {
    using Symbol = kernels::Lanes<kernels::Symbol<T>>;
    if constexpr (arity_of<Op, Symbol>() == arity) {
      kernels::Writing writing(formula);
      const auto y = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return Symbol(this->op_.f(Symbol::of(x[I])...));
      }
      (std::make_index_sequence<arity>());
      const auto term = y.v.written();
      if (writing.complete()) return term;
    }
    return std::nullopt;
  }
  const Loops<T>* loops() const override {
    static constexpr auto arguments = []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<typename Loops<T>::Argument, arity>{argument<int(I)>()...};
    }
    (std::make_index_sequence<arity>());
    static constexpr Loops<T> all{compute, arguments};
    return &all;
  }

 private:
  static void compute(const void* self, T* y, const T* const* x, unsigned single, std::size_t n) {
    const Op& op = *static_cast<const Op*>(self);
    kernels::block_loop<Lanes, arity, unrolls>([&](const auto&... s) { return Lanes(op.f(s...)); }, y, x, single, n);
  }
  template <int I>
  static void slope(const void* self, T* to, const T* const* from, unsigned single, std::size_t n) {
    const Op& op = *static_cast<const Op*>(self);
    kernels::block_loop<Lanes, 2 + arity, unrolls>([&](const auto&... s) { return Lanes(op.template vjp<I>(s...)); },
                                                   to, from, single, n);
  }
  static void negate(const void*, T* to, const T* const* from, unsigned single, std::size_t n) {
    kernels::block_loop<Lanes, 1>([](const Lanes& ct) { return -ct; }, to, from, single, n);
  }
  template <int I>
  static constexpr typename Loops<T>::Argument argument() {
    if constexpr (!Declared<Op, T>::declared_differentiable(I))
      return {false, false, nullptr};
    else if constexpr (has_unit_slope<Op, I>)
      return {true, linear_in<Op, I>() == Linear::plus, linear_in<Op, I>() == Linear::plus ? nullptr : negate};
    else if constexpr (has_vjp<I>)
      return {true, false, slope<I>};
    else
      return {false, false, nullptr};
  }
  /// The rule as recorded operations if anything it is computed from is recorded, else as one fused loop.
  template <int I, std::size_t... J>
  Variable<T> rule(const Variable<T>& ct, const Variable<T>& y, std::span<const Variable<T>> x,
                   std::index_sequence<J...>) const {
    if (ct.recorded() || y.recorded() || (x[J].recorded() || ...)) return this->op_.template vjp<I>(ct, y, x[J]...);
    const std::array<Operand<const T>, 2 + arity> operands{ct.elements(), y.elements(), x[J].elements()...};
    auto result = Value<T>::uninitialised(y.shape());
    kernels::elementwise<T>(slope<I>, this->self(), result.elements(), operands);
    return Variable<T>(std::move(result));
  }
};

template <class Op, class... D>
constexpr std::size_t shape_arity() {
  if constexpr (sizeof...(D) > 0 && requires(const Op& op, D... d) { op.shape(d...); })
    return sizeof...(D);
  else if constexpr (sizeof...(D) < 8)
    return shape_arity<Op, Dims, D...>();
  else
    return 0;  // any number
}

template <class Op>
constexpr std::size_t structural_arity() {
  if constexpr (IsView<Op>)
    return 1;
  else
    return shape_arity<Op>();
}

template <class Op, Real T>
class Structural final : public Declared<Op, T> {
  static constexpr std::size_t arity = structural_arity<Op>();
  template <int I>
  static constexpr bool has_vjp = []<std::size_t... J>(std::index_sequence<J...>) {
    return requires(const Op& op, const Variable<T>& v) { op.template vjp<I>(v, v, (void(J), v)...); };
  }
  (std::make_index_sequence<arity>());
  static_assert(
      !requires { Op::linear; } && !requires { Op::neutral; } && !requires { Op::commutative; },
      "`linear`, `neutral` and `commutative` are for elementwise operations, those with an f");

 public:
  using Declared<Op, T>::Declared;
  /// See Elementwise; of any number of arguments, the rule is one for all.
  template <int I>
  static constexpr bool has_rule = !Declared<Op, T>::declared_differentiable(I) || has_vjp<I>;
  template <int I>
  static constexpr bool rule_fits = []<std::size_t... J>(std::index_sequence<J...>) {
    if constexpr (!has_vjp<I>)
      return true;
    else
      return requires(const Op& op, const Variable<T>& v) {
        { op.template vjp<I>(v, v, (void(J), v)...) } -> std::convertible_to<Cotangent<T>>;
      };
  }
  (std::make_index_sequence<arity>());

  Shape shape(std::span<const Dims> x) const override {
    if constexpr (arity != 0) check_arity(Op::name, arity, x.size());
    if constexpr (IsView<Op>)
      return this->op_.view(dense(x[0]))->shape;
    else if constexpr (arity == 0)
      return this->op_.shape(x);
    else
      return unpack([&](auto... i) { return this->op_.shape(x[i]...); });
  }

  void forward(Operand<T> y, std::span<const Operand<const T>> x) const override {
    if constexpr (IsView<Op>) {
      const auto from = this->op_.view(dense(x[0].shape));
      kernels::copy<T>(y, {x[0].data + from->offset, Dims(from->shape), Steps(from->strides)});
    } else if constexpr (arity == 0) {
      this->op_.template forward<T>(y, x);
    } else {
      unpack([&](auto... i) { this->op_.template forward<T>(y, x[i]...); });
    }
  }

  Variable<T> pullback(std::size_t i, const Variable<T>& ct, const Variable<T>& y,
                       std::span<const Variable<T>> x) const override {
    Pullback<T> step{std::span(&ct, 1), std::span(&y, 1), x, std::vector<bool>(x.size()), {}};
    step.wanted[i] = true;
    step.found.resize(x.size());
    pull_back(step);
    return whole(std::move(step.found[i]));
  }

  void pull_back(Pullback<T>& step) const override {
    if constexpr (arity == 0) {
      if constexpr (requires { this->op_.vjp(step.cotangents[0], step.y[0], step.x, step.wanted); }) {
        auto all = this->op_.vjp(step.cotangents[0], step.y[0], step.x, step.wanted);
        for (std::size_t i = 0; i < all.size(); ++i) step.found[i] = std::move(all[i]);
      } else {
        for (std::size_t i = 0; i < step.x.size(); ++i)
          if (step.wanted[i]) step.found[i] = this->op_.vjp(i, step.cotangents[0], step.y[0], step.x);
      }
    } else {
      unpack([&](auto... i) { (pull_back_to<int(decltype(i)::value)>(step), ...); });
    }
  }

  bool differentiable(std::size_t i) const override {
    if constexpr (arity == 0) return this->declared_differentiable(i);
    return this->declared_differentiable(i)&& [&]<std::size_t... I>(std::index_sequence<I...>) {
      return ((I == i && has_vjp<int(I)>) || ...);
    }
    (std::make_index_sequence<arity>());
  }

  std::optional<View> view(const View& x) const override {
    if constexpr (IsView<Op>)
      return this->op_.view(x);
    else
      return std::nullopt;
  }
  bool is_view() const override { return IsView<Op>; }
  bool transposes() const override {
    return requires { Op::transposes; };
  }

  std::vector<View> cotangent_views(const View& ct, std::span<const Dims> x) const override {
    if constexpr (requires(const Op& op) { op.cotangent_views(ct, x); })
      return this->op_.cotangent_views(ct, x);
    else
      return {};
  }

  bool takes(std::span<const View> x) const override {
    if constexpr (arity == 0) {
      if constexpr (requires(const Op& op) { op.takes(x); }) return this->op_.takes(x);
      return false;
    } else {
      return unpack([&](auto... i) {
        if constexpr (requires(const Op& op) { op.takes(x[i]...); })
          return this->op_.takes(x[i]...);
        else
          return false;
      });
    }
  }

  std::optional<Reduction<T>> reduction(Dims x) const override {
    if constexpr (requires(const Op& op) { op.template reduction<T>(x); })
      return this->op_.template reduction<T>(x);
    else
      return std::nullopt;
  }

  bool accumulates(std::span<const Dims> x) const override {
    return unpack([&](auto... i) {
      if constexpr (requires(const Op& op) { op.accumulates(x[i]...); })
        return this->op_.accumulates(x[i]...);
      else
        return false;
    });
  }

  double arithmetic(std::span<const Dims> x) const override {
    return unpack([&](auto... i) {
      if constexpr (requires(const Op& op) { op.arithmetic(x[i]...); })
        return this->op_.arithmetic(x[i]...);
      else
        return this->Primitive<T>::arithmetic(x);
    });
  }

  std::vector<Variable<T>> batched(std::size_t n, const std::vector<bool>& stacked,
                                   std::span<const Variable<T>> x) const override {
    if constexpr (requires(const Op& op) { op.batched(n, stacked, x); })
      if (auto y = this->op_.batched(n, stacked, x); y.alive()) return {std::move(y)};
    return {};
  }

  Variable<T> summed(std::span<const Variable<T>> x) const override {
    if constexpr (requires(const Op& op) { op.summed(x); })
      return this->op_.summed(x);
    else
      return {};
  }

  std::shared_ptr<const Primitive<T>> prepared(const std::vector<bool>& fixed,
                                               std::span<Variable<T>> x) const override {
    if constexpr (requires(const Op& op) { op.prepared(fixed, x); })
      if (const auto op = this->op_.prepared(fixed, x)) return adapted<Structural, T>(*op);
    return nullptr;
  }

  void accumulate(Operand<T> y, std::span<const Operand<const T>> x, T alpha, T beta) const override {
    unpack([&](auto... i) {
      if constexpr (requires(const Op& op) { op.template accumulate<T>(y, x[i]..., alpha, beta); })
        this->op_.template accumulate<T>(y, x[i]..., alpha, beta);
    });
  }

 private:
  // Not lambdas: Clang 14 compiles those even where `if constexpr` leaves them out.
  template <int I>
  void pull_back_to(Pullback<T>& step) const {
    if constexpr (has_vjp<I>)
      if (step.wanted[I]) step.found[I] = rule<I>(step, std::make_index_sequence<arity>());
  }
  template <int I, std::size_t... J>
  Cotangent<T> rule(const Pullback<T>& step, std::index_sequence<J...>) const {
    return this->op_.template vjp<I>(step.cotangents[0], step.y[0], step.x[J]...);
  }
  template <class F>
  static auto unpack(F&& f) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return f(std::integral_constant<std::size_t, I>()...); }
    (std::make_index_sequence<arity>());
  }
};

/// An operation of several results.
template <class Op, Real T>
class Several final : public Declared<Op, T> {
  static constexpr std::size_t arity = shape_arity<Op>(), n = Op::results;
  using Sequence = std::make_index_sequence<arity>;

 public:
  using Declared<Op, T>::Declared;

  std::size_t results() const override { return n; }
  std::vector<Shape> shapes(std::span<const Dims> x) const override {
    if constexpr (arity != 0) check_arity(Op::name, arity, x.size());
    const std::array<Shape, n> all = call(x, [&](const auto&... each) { return this->op_.shape(each...); });
    return {all.begin(), all.end()};
  }
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override {
    call(x, [&](const auto&... each) { this->op_.template forward<T>(to_array<n>(y), each...); });
  }
  void pull_back(Pullback<T>& step) const override {
    auto all = call(step.x, [&](const auto&... x) {
      const auto ct = to_array<n>(step.cotangents), y = to_array<n>(step.y);
      if constexpr (arity == 0) {
        if constexpr (requires { this->op_.vjp(ct, y, x..., step.wanted); })
          return this->op_.vjp(ct, y, x..., step.wanted);
        else
          return this->op_.vjp(ct, y, x...);
      } else if constexpr (requires(std::array<bool, arity> wanted) { this->op_.vjp(ct, y, x..., wanted); }) {
        std::array<bool, arity> wanted;
        std::copy_n(step.wanted.begin(), arity, wanted.begin());
        return this->op_.vjp(ct, y, x..., wanted);
      } else {
        return this->op_.vjp(ct, y, x...);
      }
    });
    for (std::size_t i = 0; i < all.size(); ++i)
      if (step.wanted[i]) step.found[i] = std::move(all[i]);
  }
  bool differentiable(std::size_t i) const override { return this->declared_differentiable(i); }
  bool result_differentiable(std::size_t k) const override {
    if constexpr (requires { Op::result_differentiable; })
      return Op::result_differentiable[k];
    else
      return true;
  }
  bool takes(std::span<const View> x) const override {
    if constexpr (requires(const Op& op) { op.takes(x); }) return this->op_.takes(x);
    return false;
  }
  std::vector<Variable<T>> batched(std::size_t n, const std::vector<bool>& stacked,
                                   std::span<const Variable<T>> x) const override {
    if constexpr (requires(const Op& op) { op.batched(n, stacked, x); }) return this->op_.batched(n, stacked, x);
    return {};
  }

  // Of an only result: not asked for where there are several.
  Shape shape(std::span<const Dims> x) const override { return shapes(x)[0]; }
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const override {
    if constexpr (n == 1) forward(std::span<const Operand<T>>(&y, 1), x);
  }
  Variable<T> pullback(std::size_t i, const Variable<T>& ct, const Variable<T>& y,
                       std::span<const Variable<T>> x) const override {
    if constexpr (n == 1) {
      Pullback<T> step{std::span(&ct, 1), std::span(&y, 1), x, std::vector<bool>(x.size()), {}};
      step.wanted[i] = true;
      step.found.resize(x.size());
      pull_back(step);
      return whole(std::move(step.found[i]));
    }
    return {};
  }

 private:
  template <std::size_t N, class E>
  static std::array<std::remove_const_t<E>, N> to_array(std::span<E> from) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<std::remove_const_t<E>, N>{from[I]...};
    }
    (std::make_index_sequence<N>());
  }
  /// f of the elements, or of all of them where there is any number.
  template <class E, class F>
  static decltype(auto) call(std::span<E> x, F&& f) {
    if constexpr (arity == 0)
      return f(x);
    else
      return [&]<std::size_t... I>(std::index_sequence<I...>)->decltype(auto) { return f(x[I]...); }
    (Sequence());
  }
};

template <class Op, Real T>
constexpr auto adaptor() {
  if constexpr (requires { Op::results; })
    return std::type_identity<Several<Op, T>>();
  else if constexpr (arity_of<Op, kernels::NativeLanes<T>>() == 0)
    return std::type_identity<Structural<Op, T>>();
  else
    return std::type_identity<Elementwise<Op, T>>();
}

template <class Op>
concept Named = requires {
  { Op::name } -> std::convertible_to<std::string_view>;
};
template <class Op>
constexpr bool has_shape() {
  if constexpr (shape_arity<Op>() != 0) {
    return true;
  } else {
    return requires(const Op& op, std::span<const Dims> x) { op.shape(x); };
  }
}
template <class Op, class T, std::size_t... I>
constexpr bool has_forward(std::index_sequence<I...>) {
  if constexpr (sizeof...(I) == 0) {
    return requires(const Op& op, Operand<T> y, std::span<const Operand<const T>> x) { op.template forward<T>(y, x); };
  } else {
    return requires(const Op& op, Operand<T> y, Operand<const T> x) { op.template forward<T>(y, (void(I), x)...); };
  }
}

/// How many arguments an operation takes; 0 for any number.
template <class Op, class T>
constexpr std::size_t arguments() {
  constexpr std::size_t elementwise = arity_of<Op, kernels::NativeLanes<T>>();
  if constexpr (elementwise != 0)
    return elementwise;
  else
    return structural_arity<Op>();
}

/// Whether each argument from which a gradient flows has a vjp that gives what it should.
template <class Op, class T>
constexpr bool check_rules() {
  using Adaptor = typename decltype(adaptor<Op, T>())::type;
  return []<std::size_t... I>(std::index_sequence<I...>) {
    constexpr bool found = (Adaptor::template has_rule<int(I)> && ...);
    static_assert(found,
                  "an operation needs vjp<I>(ct, y, x...), const or static, for each argument I; or to declare "
                  "`linear` or `differentiable`");
    if constexpr (!found) {
      return false;
    } else {
      constexpr bool fits = (Adaptor::template rule_fits<int(I)> && ...);
      static_assert(fits, "vjp must give the type that it is given: S, or V, or what placed() gives");
      return fits;
    }
  }
  (std::make_index_sequence<arguments<Op, T>()>());
}

/// Whether the struct of an operation has what it needs. Where it has not, one error says what is missing, and nothing
/// else is compiled of it.
template <class Op, class T>
constexpr bool well_defined() {
  constexpr bool elementwise = arity_of<Op, kernels::NativeLanes<T>>() != 0, several = requires { Op::results; };
  constexpr bool named = Named<Op>, known = elementwise || IsView<Op> || has_shape<Op>();
  static_assert(named, "an operation needs a name: static constexpr auto name = \"cube\"");
  static_assert(known,
                "an operation needs f of one, two or three arguments, or shape and forward, or view: "
                "const or static");
  if constexpr (!named || !known || several) {
    return named && known;
  } else if constexpr (elementwise || IsView<Op>) {
    return check_rules<Op, T>();
  } else {
    constexpr bool forward = has_forward<Op, T>(std::make_index_sequence<shape_arity<Op>()>());
    static_assert(forward,
                  "an operation with a shape needs template <class T> void "
                  "forward(Operand<T> y, Operand<const T> x...), const or static");
    if constexpr (forward) return check_rules<Op, T>();
    return false;
  }
}

}  // namespace detail

/// An operation as the engine sees it: of several results if it says so, elementwise if it has an f, else structural.
template <class Op, Real T>
std::shared_ptr<const Primitive<T>> primitive(const Op& op) {
  using Adaptor = typename decltype(detail::adaptor<Op, T>())::type;
  if constexpr (!detail::well_defined<Op, T>()) {
    return nullptr;
  } else {
    return detail::adapted<Adaptor, T>(op);
  }
}

/// Runs an operation of your own on variables, arrays, lazy expressions and numbers, and records it.
/// Gives the result, or a std::array of them where there are several.
/// Throws what the operation's shape and forward throw, and TapeError when two tapes are mixed.
template <class Op, class... As>
requires Operands<As...>
auto record(const Op& op, As&&... as) {
  using T = ElementOf<As...>;
  constexpr std::size_t takes = detail::arguments<Op, T>();
  static_assert(takes == 0 || takes == sizeof...(As),
                "the operation takes another number of arguments than it is given");
  const std::tuple<decltype(to_variable<T>(std::forward<As>(as)))...> variables{
      to_variable<T>(std::forward<As>(as))...};
  const auto inputs = std::apply(
      [](const auto&... each) { return std::array<const Variable<T>*, sizeof...(As)>{&each...}; }, variables);
  if constexpr (requires { Op::results; }) {
    std::array<Variable<T>, Op::results> results;
    Tape<T>::record(primitive<Op, T>(op), inputs, results);
    return results;
  } else {
    return Tape<T>::record(primitive<Op, T>(op), inputs);
  }
}

/// What a vjp may give for an input whose cotangent is zero but for a part: what the operation, which accumulates, adds
/// to zeros. See Cotangent.
template <class Op, Real T, std::same_as<Variable<T>>... Rest>
Cotangent<T> placed(const Op& op, const Variable<T>& first, const Rest&... rest) {
  static_assert(
      requires(Operand<T> y, Operand<const T> x) { op.template accumulate<T>(y, x, (void(rest), x)..., T(1), T(1)); },
      "what is placed must be an operation with accumulate, of so many inputs");
  return {primitive<Op, T>(op), {first, rest...}};
}

/// The cotangent of a result, or zeros of its shape where none exists.
template <Real T>
Variable<T> or_zeros(const Variable<T>& cotangent, const Variable<T>& y) {
  return cotangent.alive() ? cotangent : Variable<T>(Array<T>(y.shape(), T(0)));
}

}  // namespace autodiff
