// Numbers that are written down: what operations are called with to find out what they compute.
#pragma once

#include <cstddef>
#include <utility>

#include "formula.hpp"
#include "lanes.hpp"

namespace autodiff::kernels {

/// While it lives, what symbols compute on this thread is written into the formula; and taken back in the end, if there
/// was something that is no step.
class Writing {
 public:
  explicit Writing(Formula& formula)
      : formula_(formula), steps_(formula.steps.size()), numbers_(formula.numbers.size()) {
    current() = this;
  }
  ~Writing() {
    current() = nullptr;
    if (!complete_) formula_.steps.resize(steps_), formula_.numbers.resize(numbers_);
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  static Formula& here() { return current()->formula_; }
  static void give_up() { current()->complete_ = false; }
  bool complete() const { return complete_; }

 private:
  static Writing*& current() {
    static thread_local Writing* writing = nullptr;
    return writing;
  }
  Formula& formula_;
  std::size_t steps_, numbers_;
  bool complete_ = true;
};

/// Stands in for a register of T where functions are written down.
template <class T>
struct Symbol {
  using value_type = T;
  using Code = Formula::Code;
  Term term;
  double number = 0;
  bool is_number = false;  // which is written where it is used: an operation may keep it from call to call

  Term written() const { return is_number ? Writing::here().number(number) : term; }

  struct batch_bool_type {
    Code code;
    Term a, b;
    bool negated;
    Term choose(Term x, Term y) const {
      if (negated) std::swap(x, y);
      return Writing::here().add(code, a, b, x, y);
    }
    Term as_number() const { return choose(Writing::here().number(1), Writing::here().number(0)); }
    static batch_bool_type is_not_zero(Term x) { return {Code::equal, x, Writing::here().number(0), true}; }
    friend batch_bool_type operator&(batch_bool_type p, batch_bool_type q) {
      return is_not_zero(Writing::here().add(Code::multiply, p.as_number(), q.as_number()));
    }
    friend batch_bool_type operator|(batch_bool_type p, batch_bool_type q) {
      return is_not_zero(Writing::here().add(Code::add, p.as_number(), q.as_number()));
    }
    friend batch_bool_type operator!(batch_bool_type p) { return {p.code, p.a, p.b, !p.negated}; }
  };
};

/// A number that is written down: it has all functions of registers; those that are no instruction leave the formula
/// incomplete.
template <class T>
struct Lanes<Symbol<T>> {
  using value_type = T;
  using batch_type = Symbol<T>;
  using Code = Formula::Code;
  static constexpr std::size_t size = 1;
  Symbol<T> v;

  Lanes() : Lanes(0.0) {}
  Lanes(Symbol<T> symbol) : v(symbol) {}
  Lanes(double number) : v{0, number, true} {}

  static Lanes step(Code code, Lanes a, Lanes b = of(0), Lanes c = of(0)) {
    return of(Writing::here().add(code, a.v.written(), b.v.written(), c.v.written()));
  }
  static Lanes of(Term term) { return Symbol<T>{term}; }
  static Lanes incomplete() {
    Writing::give_up();
    return of(0);
  }

  friend Lanes operator+(Lanes a, Lanes b) { return step(Code::add, a, b); }
  friend Lanes operator-(Lanes a, Lanes b) { return step(Code::subtract, a, b); }
  friend Lanes operator*(Lanes a, Lanes b) { return step(Code::multiply, a, b); }
  friend Lanes operator/(Lanes a, Lanes b) { return step(Code::divide, a, b); }
  friend Lanes operator-(Lanes a) { return step(Code::negate, a); }
  Lanes& operator+=(Lanes a) { return *this = *this + a; }
  Lanes& operator-=(Lanes a) { return *this = *this - a; }
  Lanes& operator*=(Lanes a) { return *this = *this * a; }
  Lanes& operator/=(Lanes a) { return *this = *this / a; }
  friend Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return step(Code::multiply_add, a, b, c); }
  friend Lanes multiply_subtract(Lanes a, Lanes b, Lanes c) { return step(Code::multiply_subtract, a, b, c); }
  friend Lanes negated_multiply_add(Lanes a, Lanes b, Lanes c) { return step(Code::negated_multiply_add, a, b, c); }

  static Mask<Lanes> compare(Code code, Lanes a, Lanes b, bool negated = false) {
    return {{code, a.v.written(), b.v.written(), negated}};
  }
  friend Mask<Lanes> operator<(Lanes a, Lanes b) { return compare(Code::less, a, b); }
  friend Mask<Lanes> operator<=(Lanes a, Lanes b) { return compare(Code::less_equal, a, b); }
  friend Mask<Lanes> operator>(Lanes a, Lanes b) { return compare(Code::less, b, a); }
  friend Mask<Lanes> operator>=(Lanes a, Lanes b) { return compare(Code::less_equal, b, a); }
  friend Mask<Lanes> operator==(Lanes a, Lanes b) { return compare(Code::equal, a, b); }
  friend Mask<Lanes> operator!=(Lanes a, Lanes b) { return compare(Code::equal, a, b, true); }
  friend Lanes where(Mask<Lanes> m, Lanes a, Lanes b) { return of(m.bits.choose(a.v.written(), b.v.written())); }
  friend Lanes where(Lanes condition, Lanes a, Lanes b) { return where(condition != 0, a, b); }
  // In these words, as registers have them: of a NaN, the same one is handed on.
  friend Lanes maximum(Lanes a, Lanes b) { return where(a > b, a, where(a != a, a, b)); }
  friend Lanes minimum(Lanes a, Lanes b) { return where(a < b, a, where(a != a, a, b)); }

  friend Lanes abs(Lanes x) { return step(Code::absolute, x); }
  friend Lanes sqrt(Lanes x) { return step(Code::square_root, x); }
  friend Lanes floor(Lanes x) { return step(Code::floor, x); }
  friend Lanes ceil(Lanes x) { return step(Code::ceil, x); }
  friend Lanes trunc(Lanes x) { return step(Code::trunc, x); }
  friend Lanes round(Lanes x) { return step(Code::round, x); }

  friend Lanes exp(Lanes) { return incomplete(); }
  friend Lanes expm1(Lanes) { return incomplete(); }
  friend Lanes exp2(Lanes) { return incomplete(); }
  friend Lanes log(Lanes) { return incomplete(); }
  friend Lanes log2(Lanes) { return incomplete(); }
  friend Lanes log1p(Lanes) { return incomplete(); }
  friend Lanes sin(Lanes) { return incomplete(); }
  friend Lanes cos(Lanes) { return incomplete(); }
  friend Lanes tan(Lanes) { return incomplete(); }
  friend Lanes asin(Lanes) { return incomplete(); }
  friend Lanes acos(Lanes) { return incomplete(); }
  friend Lanes atan(Lanes) { return incomplete(); }
  friend Lanes sinh(Lanes) { return incomplete(); }
  friend Lanes cosh(Lanes) { return incomplete(); }
  friend Lanes tanh(Lanes) { return incomplete(); }
  friend Lanes erf(Lanes) { return incomplete(); }
  friend Lanes copysign(Lanes, Lanes) { return incomplete(); }
  friend Lanes atan2(Lanes, Lanes) { return incomplete(); }
  friend Lanes pow(Lanes, Lanes) { return incomplete(); }
  template <class F>
  friend Lanes by_element(F, Lanes) {
    return incomplete();
  }
  template <class F>
  friend Lanes by_element(F, Lanes, Lanes) {
    return incomplete();
  }
};

}  // namespace autodiff::kernels
