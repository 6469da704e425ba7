// Formula: what elementwise operations compute, step by step, as far as registers have instructions for it. Written by
// calling an operation with symbols in place of numbers (symbol.hpp); read by the assembler, which makes one loop of
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace autodiff::kernels {

/// The result of a step, by the number of the step.
using Term = std::uint32_t;

struct Formula {
  enum class Code : std::uint8_t {
    load,    // an element of array `at`
    number,  // number `at`, the same for all elements
    store,   // x[0] to an element of array `at`
    total,   // x[0], added up over all elements of a loop in the lanes of a register, which goes to array `at`
    add,
    subtract,
    multiply,
    divide,
    multiply_add,          // x[0] x[1] + x[2], rounded once
    multiply_subtract,     // x[0] x[1] - x[2]
    negated_multiply_add,  // x[2] - x[0] x[1]
    square_root,
    absolute,
    negate,
    round,  // halves to even numbers
    floor,
    ceil,
    trunc,
    less,  // x[0] < x[1] ? x[2] : x[3], and so on
    less_equal,
    equal,
  };
  struct Step {
    Code code;
    Term x[4];
    std::uint32_t at;
  };

  static constexpr std::size_t most_totals = 4;
  std::vector<Step> steps;      // each of the results of steps before it
  std::vector<bool> single;     // of each array that it works on: whether it is one value for all elements
  std::vector<double> numbers;  // constants

  Term add(Code code, Term a = 0, Term b = 0, Term c = 0, Term d = 0) { return append({code, {a, b, c, d}, 0}); }
  Term load(std::uint32_t array) { return append({Code::load, {}, array}); }
  void store(Term value, std::uint32_t array) { append({Code::store, {value}, array}); }
  void total(Term value, std::uint32_t array) { append({Code::total, {value}, array}); }
  Term number(double value) {
    numbers.push_back(value);
    return append({Code::number, {}, static_cast<std::uint32_t>(numbers.size() - 1)});
  }

  /// How many results a step is made of.
  static std::size_t arity(Code code) {
    switch (code) {
      case Code::load:
      case Code::number:
        return 0;
      case Code::add:
      case Code::subtract:
      case Code::multiply:
      case Code::divide:
        return 2;
      case Code::multiply_add:
      case Code::multiply_subtract:
      case Code::negated_multiply_add:
        return 3;
      case Code::less:
      case Code::less_equal:
      case Code::equal:
        return 4;
      default:
        return 1;
    }
  }

 private:
  Term append(Step step) {
    steps.push_back(step);
    return static_cast<Term>(steps.size() - 1);
  }
};

}  // namespace autodiff::kernels
