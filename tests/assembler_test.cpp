// Loops made at run time against the same steps one element at a time.
#include <doctest/doctest.h>

#include <algorithm>
#include <autodiff/autodiff.hpp>
#include <autodiff/kernels/assembler.hpp>
#include <autodiff/kernels/registers.hpp>
#include <autodiff/op.hpp>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace autodiff;

namespace {

using Code = kernels::Formula::Code;

template <class T>
T step(Code code, T a, T b, T c, T d) {
  switch (code) {
    case Code::add:
      return a + b;
    case Code::subtract:
      return a - b;
    case Code::multiply:
      return a * b;
    case Code::divide:
      return a / b;
    case Code::multiply_add:
      return std::fma(a, b, c);
    case Code::multiply_subtract:
      return std::fma(a, b, -c);
    case Code::negated_multiply_add:
      return std::fma(-a, b, c);
    case Code::square_root:
      return std::sqrt(a);
    case Code::absolute:
      return std::abs(a);
    case Code::negate:
      return -a;
    case Code::round:
      return std::nearbyint(a);
    case Code::floor:
      return std::floor(a);
    case Code::ceil:
      return std::ceil(a);
    case Code::trunc:
      return std::trunc(a);
    case Code::less:
      return a < b ? c : d;
    case Code::less_equal:
      return a <= b ? c : d;
    case Code::equal:
      return a == b ? c : d;
    case Code::load:
    case Code::number:
    case Code::store:
    case Code::total:
      break;
  }
  FAIL("no computation");
  return 0;
}

constexpr Code all_codes[] = {Code::add,         Code::subtract,     Code::multiply,
                              Code::divide,      Code::multiply_add, Code::multiply_subtract,
                              Code::negate,      Code::absolute,     Code::negated_multiply_add,
                              Code::square_root, Code::round,        Code::floor,
                              Code::ceil,        Code::trunc,        Code::less,
                              Code::less_equal,  Code::equal};

/// The arrays of a formula, with what must not be written over behind each.
template <class T>
struct Arrays {
  static constexpr std::size_t behind = 16;
  std::vector<std::vector<T>> all;

  Arrays(const kernels::Formula& formula, std::size_t n, std::mt19937& bits) {
    constexpr T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
    constexpr T special[] = {0, T(-0.0), 1, -1, 0.5, -1.5, 2.5, infinity, -infinity, nan, T(1e-310), T(1e-40)};
    for (const bool single : formula.single) {
      auto& array = all.emplace_back((single ? 1 : n) + behind);
      for (T& each : array) each = bits() % 4 ? T(bits()) / T(1u << 30) - 2 : special[bits() % std::size(special)];
    }
  }

  void interpret(const kernels::Formula& formula, std::size_t n) {
    std::vector<T> value(formula.steps.size());
    const std::size_t lanes = kernels::Assembler<T>::lanes();
    for (const auto& step : formula.steps)
      if (step.code == Code::total) std::fill_n(all[step.at].begin(), lanes, T(0));
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t s = 0; s < value.size(); ++s) {
        const auto& [code, x, at] = formula.steps[s];
        if (code == Code::load)
          value[s] = all[at][formula.single[at] ? 0 : i];
        else if (code == Code::number)
          value[s] = static_cast<T>(formula.numbers[at]);
        else if (code == Code::store)
          all[at][i] = value[x[0]];
        else if (code == Code::total)
          all[at][i % lanes] += value[x[0]];
        else
          value[s] = step(code, value[x[0]], value[x[1]], value[x[2]], value[x[3]]);
      }
  }

  void run(const kernels::Formula& formula, std::size_t n, std::size_t elements) {
    kernels::Assembler<T> assembler;
    const auto begin = assembler.add(formula, elements);
    assembler.finish();
    const std::vector<T> numbers(formula.numbers.begin(), formula.numbers.end());
    std::vector<const T*> arrays;
    for (const auto& array : all) arrays.push_back(array.data());
    assembler.loop(begin)(numbers.data(), nullptr, arrays.data(), 0, n);
  }

  /// To the last bit, but for the kind of NaN.
  bool operator==(const Arrays& other) const {
    for (std::size_t k = 0; k < all.size(); ++k)
      for (std::size_t i = 0; i < all[k].size(); ++i) {
        const T a = all[k][i], b = other.all[k][i];
        if (!(std::isnan(a) && std::isnan(b)) && !(a == b && std::signbit(a) == std::signbit(b))) return false;
      }
    return true;
  }
};

/// For numbers of elements about those of registers, by a loop for any number and by one for that alone.
template <class T>
bool agrees(const kernels::Formula& formula, std::mt19937& bits) {
  for (const std::size_t n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 100}) {
    const Arrays<T> given(formula, n, bits);
    auto expected = given;
    expected.interpret(formula, n);
    for (const std::size_t elements : {std::size_t{0}, n}) {
      if (elements == 1 && std::ranges::any_of(formula.steps, [](const auto& s) { return s.code == Code::total; }))
        continue;
      auto found = given;
      found.run(formula, n, elements);
      if (!(found == expected)) return false;
    }
  }
  return true;
}

/// Steps drawn at random, of `inputs` arrays of which every third is one value; every so often a result is stored, or
/// added up.
kernels::Formula random_formula(std::size_t inputs, std::size_t steps, std::size_t reach, std::mt19937& bits) {
  kernels::Formula formula;
  std::size_t totals = 0;
  std::vector<kernels::Term> terms;
  for (std::uint32_t k = 0; k < inputs; ++k) {
    formula.single.push_back(k % 3 == 2);
    terms.push_back(formula.load(k));
  }
  for (const double number : {0.5, -3.0}) terms.push_back(formula.number(number));
  const auto any = [&] { return terms[terms.size() - 1 - bits() % std::min(reach, terms.size())]; };
  for (std::size_t s = 0; s < steps; ++s) {
    terms.push_back(formula.add(all_codes[bits() % std::size(all_codes)], any(), any(), any(), any()));
    if (bits() % 8) continue;
    const auto to = static_cast<std::uint32_t>(formula.single.size());
    formula.single.push_back(false);
    if (bits() % 2 && totals++ < formula.most_totals)
      formula.total(terms.back(), to);
    else
      formula.store(terms.back(), to);
  }
  formula.store(terms.back(), static_cast<std::uint32_t>(formula.single.size()));
  formula.single.push_back(false);
  return formula;
}

}  // namespace

TEST_CASE_TEMPLATE("every step is computed as the processor's own numbers are", T, float, double) {
  if (!kernels::Assembler<T>::works()) {
    MESSAGE("no loops are made on this machine");
    return;
  }
  std::mt19937 bits(1);
  for (const Code code : all_codes) {
    kernels::Formula formula;
    formula.single = {false, false, false, false, false};
    kernels::Term x[4];
    for (std::uint32_t k = 0; k < 4; ++k) x[k] = formula.load(k);
    formula.store(formula.add(code, x[0], x[1], x[2], x[3]), 4);
    INFO("step " << int(code));
    CHECK(agrees<T>(formula, bits));
  }
}

TEST_CASE_TEMPLATE("formulas of any length, of more values and arrays than there are registers", T, float, double) {
  if (!kernels::Assembler<T>::works()) {
    MESSAGE("no loops are made on this machine");
    return;
  }
  std::mt19937 bits(2);
  for (int trial = 0; trial < 150; ++trial) {
    const std::size_t inputs = 1 + bits() % 24, steps = 1 + bits() % 120;
    const auto formula = random_formula(inputs, steps, trial % 2 ? 200 : 10, bits);
    INFO("trial " << trial);
    CHECK(agrees<T>(formula, bits));
  }
}

TEST_CASE("values wait in memory only where registers run out") {
  std::mt19937 bits(3);
  const auto formula = random_formula(4, 100, 6, bits);
  CHECK(kernels::allocate_registers(formula, 16).slots == 0);
  kernels::Formula sum;
  sum.single = {false};
  std::vector<kernels::Term> roots;
  for (int i = 0; i < 40; ++i) roots.push_back(sum.add(Code::square_root, i == 0 ? sum.load(0) : roots.back()));
  auto total = roots[0];
  for (int i = 40; i-- > 1;) total = sum.add(Code::add, total, roots[std::size_t(i)]);
  sum.store(total, 0);
  CHECK(kernels::allocate_registers(sum, 64).slots == 0);
  CHECK(kernels::allocate_registers(sum, 14).slots > 20);
}

TEST_CASE_TEMPLATE("a loop writes over an array that it has read", T, float, double) {
  if (!kernels::Assembler<T>::works()) {
    MESSAGE("no loops are made on this machine");
    return;
  }
  kernels::Formula formula;
  formula.single = {false};
  const auto x = formula.load(0);
  formula.store(formula.add(Code::multiply, x, x), 0);
  std::mt19937 bits(4);
  CHECK(agrees<T>(formula, bits));
}

TEST_CASE("what registers have no instruction for leaves the formula as it was") {
  using Symbol = kernels::Lanes<kernels::Symbol<float>>;
  kernels::Formula formula;
  const auto x = formula.load(0);
  {
    kernels::Writing writing(formula);
    const Symbol y = exp(2 * Symbol::of(x)) + 1;
    CHECK(y.v.term < formula.steps.size());
    CHECK(!writing.complete());
  }
  CHECK(formula.steps.size() == 1);
  CHECK(formula.numbers.empty());
}

TEST_CASE_TEMPLATE("the opposite of zero is negative zero, on every processor", T, float, double) {
  const Variable<T> zero(Array<T>{0, T(-0.0), 3});
  const auto y = neg(zero).value();
  CHECK(std::signbit(y(0)));
  CHECK(!std::signbit(y(1)));
  CHECK(y(2) == -3);
}
