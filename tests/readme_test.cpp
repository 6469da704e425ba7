// README.md against the code: its table of operations names what the library lists, and its C++ compiles (the build
// makes a program of it).
#include <doctest/doctest.h>
#include <autodiff/autodiff.hpp>
#include <autodiff/ops/structs/activations.hpp>
#include <autodiff/ops/structs/arithmetic.hpp>
#include <autodiff/ops/structs/decompositions.hpp>
#include <autodiff/ops/structs/elementary.hpp>
#include <autodiff/ops/structs/fourier.hpp>
#include <autodiff/ops/structs/index.hpp>
#include <autodiff/ops/structs/linalg.hpp>
#include <autodiff/ops/structs/matrices.hpp>
#include <autodiff/ops/structs/random.hpp>
#include <autodiff/ops/structs/reduce.hpp>
#include <autodiff/ops/structs/shape.hpp>
#include <autodiff/ops/structs/slice.hpp>
#include <autodiff/ops/structs/softmax.hpp>
#include <autodiff/ops/structs/solve.hpp>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace autodiff;

namespace {

std::string readme() {
  std::ifstream file(AUTODIFF_README);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The names in backticks in the rows of the table of operations.
std::set<std::string> table() {
  std::set<std::string> names;
  std::istringstream lines(readme());
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| operations")) inside = true;
    if (inside && !line.starts_with("|")) break;
    if (!inside) continue;
    for (std::size_t at = 0; (at = line.find('`', at)) != line.npos;) {
      const std::size_t end = line.find('`', at + 1);
      names.insert(line.substr(at + 1, end - at - 1));
      at = end + 1;
    }
  }
  return names;
}

/// What every family lists.
std::vector<std::string> listed_names() {
#define NAME(Op) Op::name,
  return {AUTODIFF_ACTIVATIONS(NAME) AUTODIFF_ARITHMETIC(NAME) AUTODIFF_ELEMENTARY(NAME) AUTODIFF_INDEX(NAME)
              AUTODIFF_LINALG(NAME) AUTODIFF_RANDOM(NAME) AUTODIFF_REDUCE(NAME) AUTODIFF_SHAPE(NAME)
                  AUTODIFF_SLICE(NAME) AUTODIFF_SOFTMAX(NAME) AUTODIFF_MATRICES(NAME) AUTODIFF_SOLVE(NAME)
                      AUTODIFF_DECOMPOSITIONS(NAME) AUTODIFF_FOURIER(NAME)};
#undef NAME
}

}  // namespace

TEST_CASE("the table of operations names every listed operation") {
  const auto names = table();
  REQUIRE(names.size() > 50);
  for (const auto& name : listed_names()) {
    // The public names of these are pad, solve, inverse, the gradient of determinant, fft, rfft and irfft.
    if (std::set<std::string>{"embed", "factor", "solve_factored", "cofactors", "fourier", "real_fourier",
                              "inverse_real_fourier"}
            .contains(name))
      continue;
    CHECK_MESSAGE(names.contains(name), name);
  }
}

TEST_CASE("every name in the table is declared in a family's header") {
  std::string headers;
  for (const char* family : {"activations", "arithmetic", "elementary", "index", "linalg", "random", "reduce", "shape",
                             "slice", "softmax", "matrices", "solve", "decompositions", "einsum", "fourier"}) {
    std::ifstream file(std::string(AUTODIFF_OPS) + "/" + family + ".hpp");
    std::ostringstream text;
    text << file.rdbuf();
    headers += text.str();
  }
  for (const auto& name : table()) CHECK_MESSAGE(headers.find(" " + name + "(") != headers.npos, name);
}

TEST_CASE("all blocks of C++ in README.md are those that the build compiles") {
  const std::string text = readme();
  std::size_t blocks = 0;
  for (std::size_t at = 0; (at = text.find("```cpp", at)) != std::string::npos; ++at) ++blocks;
  CHECK_EQ(blocks, 4);  // see meson.build
}
