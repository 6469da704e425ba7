// Arrays that threads share out, and memory of large ones that is used again.
#include <sys/resource.h>

#include <doctest/doctest.h>
#include <algorithm>
#include <autodiff/autodiff.hpp>
#include <autodiff/op.hpp>
#include <cfenv>
#include <cmath>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "on_threads.hpp"

namespace ad = autodiff;
using ad::Array;
using ad::Shape;
using ad::Tape;
using ad::Variable;
using test::same_bits;
using test::Threads;

namespace {

/// Numbers from 0.1 to 1.1.
template <class T>
Array<T> numbers(const Shape& shape, int seed = 1) {
  auto result = ad::uninitialised<T>(shape);
  int k = seed;
  for (auto& x : result) x = static_cast<T>(0.6 + 0.5 * std::sin(k++));
  return result;
}

template <class T>
using Function = std::function<Variable<T>(const Variable<T>&)>;

/// The value, and the gradient of a sum in which each element counts in its own way.
template <class T>
std::vector<Array<T>> run(const Function<T>& f, const Array<T>& x, int threads) {
  const Threads guard(threads);
  Tape<T> tape;
  const auto v = tape.variable(x);
  const auto y = f(v);
  std::vector<Array<T>> results{y.value()};
  if (y.recorded()) results.push_back(gradient(sum(y * numbers<T>(y.shape(), 7)), v));
  return results;
}

template <class T>
struct Case {
  std::string name;
  Shape shape;
  Function<T> f;
};

template <class T>
std::vector<Case<T>> cases() {
  using V = Variable<T>;
  std::vector<Case<T>> all;
  const auto add = [&](std::string name, Shape shape, Function<T> f) {
    all.push_back({std::move(name), std::move(shape), std::move(f)});
  };
  // Not multiples of a register or of a part.
  add("elementwise", {70003}, [](const V& x) { return tanh(x * x) - 2 * x; });
  add("a number repeated", {}, [](const V& x) { return x * numbers<T>({70003}); });
  add("rows repeated", {3}, [](const V& x) { return sin(x) * numbers<T>({30001, 3}); });
  add("a row repeated that is large", {50001}, [](const V& x) { return x * numbers<T>({2, 50001}); });
  add("columns repeated", {2, 1}, [](const V& x) { return exp(x) + numbers<T>({2, 50001}); });
  add("axes in the middle repeated", {7, 1, 11, 1}, [](const V& x) { return x / numbers<T>({7, 31, 11, 37}); });
  add("transposed", {301, 257}, [](const V& x) { return x * transpose(numbers<T>({257, 301}) * transpose(x)); });
  add("turned round", {3, 30011}, [](const V& x) { return flip(x, 1) * x; });
  add("every other one", {60007, 2}, [](const V& x) { return slice(x, {ad::Range{1, 60000, 2}}); });
  add("joined", {20001, 3}, [](const V& x) { return ad::concatenate<T>({x, square(x), x}, 1); });
  add("summed up", {100003}, [](const V& x) { return sum(square(x)); });
  add("summed up, of many parts", {5000011}, [](const V& x) { return sum(x); });
  add("rows summed up", {30011, 5}, [](const V& x) { return sum(x, {1}); });
  add("long rows summed up", {3, 50021}, [](const V& x) { return square(sum(x, {1})); });
  add("few columns summed up", {50021, 3}, [](const V& x) { return square(sum(x, {0})); });
  add("a tile of columns summed up", {2003, 67}, [](const V& x) { return sum(x, {0}); });
  add("many columns summed up", {5, 30011}, [](const V& x) { return sum(x, {0}); });
  add("columns of several arrays summed up", {4, 201, 203}, [](const V& x) { return sum(x, {1}); });
  add("two axes apart summed up", {41, 71, 43}, [](const V& x) { return sum(x, {0, 2}); });
  add("the largest", {60013, 3}, [](const V& x) { return max(x, {0}); });
  add("the smallest", {100003}, [](const V& x) { return min(x); });
  add("softmax of rows", {3001, 37}, [](const V& x) { return softmax(x, 1); });
  add("softmax of columns", {37, 3001}, [](const V& x) { return softmax(x, 0); });
  add("logarithms of short rows", {20011, 5}, [](const V& x) { return log_softmax(x, 1); });
  add("logsumexp", {11, 41, 301}, [](const V& x) { return logsumexp(x, 1); });
  add("taken", {51, 7}, [](const V& x) {
    Array<T> index(Shape{20011});
    for (std::size_t i = 0; i < index.size(); ++i) index(i) = static_cast<T>(i * i % 51);
    return take(x, index, 0);
  });
  add("stacks of products", {41, 57, 31}, [](const V& x) { return matmul(x, numbers<T>({31, 43})); });
  add("stacks of squares", {41, 37, 37}, [](const V& x) { return matmul(x, x); });
  add("drawn", {}, [](const V& x) {
    return x * ad::random_uniform(V(T(3)), V(T(1)), Shape{50021}) *
           sum(ad::random_gamma(V(numbers<T>({5003})), T(5), T(1)));
  });
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("large arrays: any number of threads gives the same bits", T, float, double) {
  for (const auto& c : cases<T>()) {
    CAPTURE(c.name);
    const auto x = numbers<T>(c.shape);
    const auto alone = run<T>(c.f, x, 1);
    for (const int threads : {2, 3, 8}) {
      CAPTURE(threads);
      const auto shared = run<T>(c.f, x, threads);
      REQUIRE_EQ(shared.size(), alone.size());
      for (std::size_t i = 0; i < alone.size(); ++i) CHECK(same_bits(shared[i], alone[i]));
    }
  }
}

TEST_CASE_TEMPLATE("large arrays: each element is computed as in a small array", T, float, double) {
  const Threads guard(3);
  const auto x = numbers<T>({40009, 3}), row = numbers<T>({3}, 5);
  const Array<T> all = (ad::tanh(Variable<T>(x) * row) - ad::transpose(ad::transpose(Variable<T>(x)))).value();
  const Array<T> turned = ad::transpose(Variable<T>(x)).value(),
                 joined = ad::concatenate({Variable<T>(x), Variable<T>(x)}, 1).value();
  const Array<T> sums = sum(Variable<T>(x), {0}).value();
  double total[3] = {};
  bool right = true;
  for (std::size_t i = 0; i < 40009; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      const T one = x(i, j);
      right = right && std::abs(all(i, j) - (std::tanh(one * row(j)) - one)) < 1e-6;
      right = right && turned(j, i) == one && joined(i, j) == one && joined(i, j + 3) == one;
      total[j] += one;
    }
  CHECK(right);
  for (std::size_t j = 0; j < 3; ++j)
    CHECK(sums(j) == doctest::Approx(total[j]).epsilon(sizeof(T) == 4 ? 1e-6 : 1e-13));
}

namespace {

/// An operation of one's own that refuses some numbers.
struct Careful {
  static constexpr auto name = "careful";
  template <class S>
  S f(const S& x) const {
    return by_element(
        [](auto v) {
          if (v > 1.0999) throw std::domain_error("too large");
          return v;
        },
        x);
  }
  template <int I, class S>
  S vjp(const S& ct, const S&, const S&) const {
    return ct;
  }
};

}  // namespace

TEST_CASE("large arrays: what a function of one's own throws ends the call, on several threads as on one") {
  for (const int threads : {1, 4}) {
    const Threads guard(threads);
    const Variable<double> x(numbers<double>({300000}));
    CHECK_THROWS_WITH_AS(ad::record(Careful{}, x), "too large", std::domain_error);
    CHECK(same_bits((x + x).value(), (2.0 * x).value()));  // threads go on
  }
}

TEST_CASE("large arrays: all threads round as the caller does") {
#if defined(__x86_64__)
  const auto x = numbers<double>({300000});
  std::fesetround(FE_UPWARD);
  const auto alone = run<double>([](const Variable<double>& v) { return v / 3.0; }, x, 1);
  for (int i = 0; i < 20; ++i)
    CHECK(same_bits(run<double>([](const Variable<double>& v) { return v / 3.0; }, x, 4)[0], alone[0]));
  std::fesetround(FE_TONEAREST);
#endif
}

TEST_CASE("large arrays: a tape's next recording takes the memory of the one before") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  return;  // sanitizers keep memory for themselves; with Clang there may be one
#endif
  const auto pages_cleared = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
  };
  const auto x = numbers<double>({300000});
  Tape<double> tape;
  const auto record = [&] {
    tape.clear();
    const auto v = tape.variable(x);
    return gradient(sum(tanh(sin(v) * v) * exp(v)), v);
  };
  const auto first = record();
  record();
  const auto before = pages_cleared();
  for (int i = 0; i < 5; ++i) CHECK(same_bits(record(), first));
  CHECK_LT(pages_cleared() - before, 300);  // of an array alone there are 586
}

TEST_CASE("large arrays: memory that is kept never makes the process larger than it was at its largest") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  return;
#endif
  const Tape<double> tape;  // so that all is kept
  const double before = test::resident();
  double most = 0;
  for (std::size_t megabytes = 1; megabytes <= 60; ++megabytes) {  // none fits what was given back before
    const Array<double> array(Shape{megabytes << 17}, 1.0);
    most = std::max(most, test::resident() - before);
  }
  CHECK_GT(most, 60);
  CHECK_LT(most, 90);  // all of them are 1900
}
