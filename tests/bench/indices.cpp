// gather and scatter_add beside loops by hand over integer indices, which nothing checks: the operations alone, into
// memory that is there. One line of JSON a case.
#include <CLI/CLI.hpp>
#include <array>
#include <autodiff/autodiff.hpp>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <span>

#include "timing.hpp"

namespace {

namespace ad = autodiff;

/// `count` indices into the middle of (outer, length, inner).
struct Case {
  std::size_t outer, length, inner, count;
};

/// What the operation of a node computes, into `to`.
template <class T>
std::function<void()> forward(const ad::Variable<T>& y, ad::Array<T>& to) {
  const auto operation = y.tape().node(y.index()).operation;
  std::vector<ad::Variable<T>> inputs;
  for (const auto i : y.tape().inputs(y.index())) inputs.push_back(y.tape().plain(i));
  to = ad::Array<T>(y.shape());
  return [=, &to] {
    std::vector<ad::Operand<const T>> operands;
    for (const auto& x : inputs) operands.push_back(ad::operand(x.value()));
    operation->forward(ad::operand(to), operands);
  };
}

template <class T>
void gather_by_hand(const Case& c, const T* x, const std::vector<std::int32_t>& index, T* y) {
  for (std::size_t o = 0; o < c.outer; ++o, x += c.length * c.inner)
    for (const std::int32_t i : index)
      for (std::size_t j = 0; j < c.inner; ++j) *y++ = x[std::size_t(i) * c.inner + j];
}

template <class T>
void scatter_by_hand(const Case& c, const T* updates, const std::vector<std::int32_t>& index, T* y) {
  std::fill_n(y, c.outer * c.length * c.inner, T(0));
  for (std::size_t o = 0; o < c.outer; ++o, y += c.length * c.inner)
    for (const std::int32_t i : index)
      for (std::size_t j = 0; j < c.inner; ++j) y[std::size_t(i) * c.inner + j] += *updates++;
}

template <class T>
bool measure(const Case& c, double seconds) {
  std::mt19937 random(1);
  std::vector<std::int32_t> index(c.count);
  for (auto& i : index) i = static_cast<std::int32_t>(random() % c.length);
  ad::Array<T> values(ad::Shape{c.outer, c.length, c.inner});
  for (auto& v : values) v = static_cast<T>(random() % 1000);

  ad::Tape<T> tape;
  const auto x = tape.variable(values);
  ad::Array<T> at(ad::Shape{c.count});
  std::copy(index.begin(), index.end(), at.begin());
  const auto y = gather(x, tape.constant(at), 1);
  const auto slope = recorded_gradient(sum(y * y), x);  // a scatter_add of 2 y, the last node
  ad::Array<T> gathered, scattered, by_hand(y.shape()), back(x.shape());
  const auto gathering = forward(y, gathered), scattering = forward(slope, scattered);
  const ad::Array<T> updates = 2 * y.value();

  const auto best = bench::side_by_side({gathering, [&] { gather_by_hand(c, values.data(), index, by_hand.data()); },
                                         scattering, [&] { scatter_by_hand(c, updates.data(), index, back.data()); }},
                                        seconds);
  const double elements = static_cast<double>(y.size()) * 1e-9;
  std::printf(R"({"type": "%s", "shape": [%zu, %zu, %zu], "indices": %zu, "gather_ns": %.3f, "gather_ratio": %.2f, )"
              R"("scatter_add_ns": %.3f, "scatter_add_ratio": %.2f})"
              "\n",
              sizeof(T) == 4 ? "float" : "double", c.outer, c.length, c.inner, c.count, best[0] / elements,
              best[0] / best[1], best[2] / elements, best[2] / best[3]);
  std::fflush(stdout);
  return gathered == by_hand && scattered == back;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1;
  CLI::App app("Times operations with indices beside loops by hand; JSON, one line a case, nanoseconds an element.");
  app.add_option("--seconds", seconds, "For each case");
  CLI11_PARSE(app, argc, argv);
  bool fine = true;
  for (const Case& c : {Case{64, 4096, 1, 4096}, Case{1, 100'000, 8, 16'384}, Case{1, 100'000, 1, 16'384},
                        Case{1, 10'000, 64, 512}, Case{16, 256, 24, 256}}) {
    fine = measure<float>(c, seconds) && fine;
    fine = measure<double>(c, seconds) && fine;
  }
  if (!fine) std::fprintf(stderr, "the results differ\n");
  return fine ? 0 : 1;
}
