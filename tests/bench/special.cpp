// Values and gradients of elementwise functions at points, for tests/reference/special.py: reads lines "name a b", and
// writes "double-value double-gradients float-value float-gradients" in hexadecimal for each.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "../special_functions.hpp"

using namespace test;

namespace {

template <class T>
void print(const NumberFunction<T>& f, double p, double q) {
  ad::Tape<T> tape;
  const auto a = tape.variable(p), b = tape.variable(q);
  const auto y = f(a, b);
  const auto [da, db] = ad::gradient(y, a, b);
  std::printf("%a %a %a ", double(y.item()), double(da()), double(db()));
}

}  // namespace

int main() {
  const auto doubles = number_functions<double>();
  const auto floats = number_functions<float>();
  for (std::string name, a, b; std::cin >> name >> a >> b;) {
    print(doubles.at(name), std::strtod(a.c_str(), nullptr), std::strtod(b.c_str(), nullptr));
    print(floats.at(name), std::strtod(a.c_str(), nullptr), std::strtod(b.c_str(), nullptr));
    std::puts("");
  }
}
