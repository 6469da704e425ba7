// Functions of one or two numbers by name: those of tests/reference/special.py.
#pragma once

#include <autodiff/autodiff.hpp>

#include <functional>
#include <map>
#include <string>

namespace test {

namespace ad = autodiff;

template <class T>
using NumberFunction = std::function<ad::Variable<T>(const ad::Variable<T>&, const ad::Variable<T>&)>;

template <class T>
std::map<std::string, NumberFunction<T>> number_functions() {
#define ONE(name)                                                 \
  {                                                               \
#name, [](const auto& x, const auto&) { return ad::name(x); } \
  }
#define TWO(name)                                                      \
  {                                                                    \
#name, [](const auto& a, const auto& b) { return ad::name(a, b); } \
  }
  return {ONE(asinh),
          ONE(acosh),
          ONE(atanh),
          ONE(log2),
          ONE(log10),
          ONE(exp2),
          ONE(cbrt),
          ONE(logit),
          ONE(sinc),
          ONE(erfc),
          ONE(erfcx),
          ONE(erfinv),
          ONE(ndtr),
          ONE(log_ndtr),
          ONE(lgamma),
          ONE(digamma),
          ONE(i0),
          ONE(i1),
          ONE(floor),
          ONE(ceil),
          ONE(round),
          ONE(trunc),
          ONE(hard_sigmoid),
          ONE(hard_swish),
          ONE(mish),
          ONE(softsign),
          ONE(gelu_tanh),
          TWO(hypot),
          TWO(logaddexp),
          TWO(xlogy),
          TWO(betaln),
          TWO(fmod),
          TWO(remainder),
          {"trigamma", [](const auto& x, const auto&) { return ad::polygamma(1, x); }},
          {"polygamma2", [](const auto& x, const auto&) { return ad::polygamma(2, x); }}};
}

}  // namespace test
