// Documents against the code: operations.md names what the library lists and what its headers declare, and no more.
#include <doctest/doctest.h>
#include <autodiff/autodiff.hpp>
#include <autodiff/ops/structs/activations.hpp>
#include <autodiff/ops/structs/arithmetic.hpp>
#include <autodiff/ops/structs/attention.hpp>
#include <autodiff/ops/structs/convolution.hpp>
#include <autodiff/ops/structs/decompositions.hpp>
#include <autodiff/ops/structs/elementary.hpp>
#include <autodiff/ops/structs/fourier.hpp>
#include <autodiff/ops/structs/index.hpp>
#include <autodiff/ops/structs/linalg.hpp>
#include <autodiff/ops/structs/matrices.hpp>
#include <autodiff/ops/structs/order.hpp>
#include <autodiff/ops/structs/pool.hpp>
#include <autodiff/ops/structs/random.hpp>
#include <autodiff/ops/structs/recurrence.hpp>
#include <autodiff/ops/structs/reduce.hpp>
#include <autodiff/ops/structs/rounding.hpp>
#include <autodiff/ops/structs/shape.hpp>
#include <autodiff/ops/structs/slice.hpp>
#include <autodiff/ops/structs/softmax.hpp>
#include <autodiff/ops/structs/solve.hpp>
#include <autodiff/ops/structs/special.hpp>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace autodiff;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The families, each a section of operations.md and a header.
const std::vector<std::string> families{
    "activations", "arithmetic", "elementary", "index",   "linalg",      "decompositions", "einsum",    "fourier",
    "matrices",    "solve",      "losses",     "order",   "pad",         "random",         "reduce",    "rounding",
    "shape",       "slice",      "softmax",    "special", "convolution", "pool",           "attention", "recurrence"};

/// The names in backticks in the rows of a family's table.
std::set<std::string> table(const std::string& family) {
  std::set<std::string> names;
  std::istringstream lines(text_of(std::string(AUTODIFF_OPS) + "/../operations.md"));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) inside = line == "## " + family;
    if (!inside || !line.starts_with("|")) continue;
    for (std::size_t at = 0; (at = line.find('`', at)) != line.npos;) {
      const std::size_t end = line.find('`', at + 1);
      const auto name = line.substr(at + 1, end - at - 1);
      if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == name.npos) names.insert(name);
      at = end + 1;
    }
  }
  return names;
}

/// The functions of variables that a family's header declares: not those of namespace detail, and no members.
std::set<std::string> declared(const std::string& family) {
  static const std::regex function(
      R"(^(?:inline )?(?:requires.*)?(?:auto|Variable<(?:T|float)>|std::(?:array|vector)<Variable<T>(?:, \d+)?>) ([a-z_0-9]+)\()");
  std::set<std::string> names;
  std::istringstream lines(text_of(std::string(AUTODIFF_OPS) + "/" + family + ".hpp"));
  bool detail = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "namespace detail {") detail = true;
    if (line == "}  // namespace detail") detail = false;
    if (std::smatch found; !detail && std::regex_search(line, found, function)) names.insert(found[1]);
  }
  return names;
}

/// What every family lists.
std::vector<std::string> listed_names() {
#define NAME(Op) Op::name,
  return {AUTODIFF_ACTIVATIONS(NAME) AUTODIFF_ARITHMETIC(NAME) AUTODIFF_ELEMENTARY(NAME) AUTODIFF_INDEX(NAME)
              AUTODIFF_LINALG(NAME) AUTODIFF_ORDER(NAME) AUTODIFF_RANDOM(NAME) AUTODIFF_REDUCE(NAME)
                  AUTODIFF_ROUNDING(NAME) AUTODIFF_SHAPE(NAME) AUTODIFF_SLICE(NAME) AUTODIFF_SOFTMAX(NAME)
                      AUTODIFF_SPECIAL(NAME) AUTODIFF_MATRICES(NAME) AUTODIFF_SOLVE(NAME) AUTODIFF_DECOMPOSITIONS(NAME)
                          AUTODIFF_FOURIER(NAME) AUTODIFF_ATTENTION(NAME) AUTODIFF_RECURRENCE(NAME)
                              AUTODIFF_CONVOLUTION(NAME) AUTODIFF_POOL(NAME)};
#undef NAME
}

}  // namespace

TEST_CASE("operations.md names every listed operation") {
  std::set<std::string> names;
  for (const auto& family : families) names.merge(table(family));
  REQUIRE(names.size() > 100);
  // The public names of these are solve, inverse, the gradient of determinant, fft, rfft and irfft, those of images,
  // and gradients of attention and lstm_cell.
  const std::set<std::string> behind{"factor",
                                     "solve_factored",
                                     "cofactors",
                                     "fourier",
                                     "real_fourier",
                                     "inverse_real_fourier",
                                     "convolve_with_bias",
                                     "convolve_kernel",
                                     "take_places",
                                     "put_places",
                                     "sum_pool",
                                     "spread_pool",
                                     "scaled_dot_product_attention_gradient",
                                     "lstm_cell_gradient"};
  for (const auto& name : listed_names()) CHECK_MESSAGE((names.contains(name) || behind.contains(name)), name);
}

TEST_CASE("operations.md has a table for each family, of the functions that its header declares") {
  for (const auto& family : families) {
    const auto names = table(family), functions = declared(family);
    CHECK_MESSAGE(functions.size() > 0, family);
    for (const auto& name : functions) CHECK_MESSAGE(names.contains(name), family << " lacks " << name);
    for (const auto& name : names)
      CHECK_MESSAGE((functions.contains(name) || name == "embed" || name == "ravel_index"),
                    family << " has no " << name);
  }
}
