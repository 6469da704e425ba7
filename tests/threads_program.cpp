// Prints how many threads the library uses where nobody has set them.
#include <autodiff/autodiff.hpp>
#include <iostream>

int main() { std::cout << autodiff::threads() << '\n'; }
