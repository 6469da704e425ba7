// What functions of functions give, against the same written out.
#pragma once

#include "cases.hpp"

namespace test {

using V = ad::Variable<double>;
using Vs = std::vector<V>;

constexpr double rounding = 1e-12;

/// Value, first and second derivatives of a and b by all xs, on tape and in a program, which has both.
inline void check_same(const V& a, const V& b, const Vs& xs) {
  CHECK_EQ(difference(a.value(), b.value(), rounding), "");
  Vs of_a = ad::recorded_gradient(a, xs), of_b = ad::recorded_gradient(b, xs), all{a}, expected{b};
  V norm_a = ad::sum(ad::square(of_a[0])), norm_b = ad::sum(ad::square(of_b[0]));
  for (std::size_t i = 1; i < xs.size(); ++i)
    norm_a = norm_a + ad::sum(ad::square(of_a[i])), norm_b = norm_b + ad::sum(ad::square(of_b[i]));
  for (const auto& [from, to] : {std::pair(of_a, &all), std::pair(of_b, &expected)})
    to->insert(to->end(), from.begin(), from.end());
  const Vs second_a = ad::recorded_gradient(norm_a, xs), second_b = ad::recorded_gradient(norm_b, xs);
  all.insert(all.end(), second_a.begin(), second_a.end()),
      expected.insert(expected.end(), second_b.begin(), second_b.end());
  for (std::size_t i = 0; i < all.size(); ++i) CHECK_EQ(difference(all[i].value(), expected[i].value(), rounding), "");
  std::vector<Array<double>> points;
  for (const auto& x : xs) points.push_back(x.value()), points.back() *= 0.75;
  for (const bool exact : {false, true}) {
    auto program = ad::compile(xs, all, {}, {.exact = exact}), other = ad::compile(xs, expected, {}, {.exact = exact});
    const auto found = program(points), wanted = other(points);
    for (std::size_t i = 0; i < found.size(); ++i) CHECK_EQ(difference(found[i], wanted[i], rounding), "");
  }
}

}  // namespace test
