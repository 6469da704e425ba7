// Runs of fit that tests share.
#pragma once

#include <cstring>
#include <sstream>

#include "nn_support.hpp"

namespace test {

using autodiff::Array;
using autodiff::Shape;

/// Three classes of points around three corners, which a small network can tell apart.
template <class T>
nn::MemorySource<T> corners(std::size_t samples, std::uint64_t seed) {
  nn::Random random(seed);
  auto inputs = autodiff::uninitialised<T>(Shape{samples, 2});
  auto targets = autodiff::uninitialised<T>(Shape{samples});
  for (std::size_t i = 0; i < samples; ++i) {
    const auto c = random.below(3);
    inputs(i, 0) = T((c == 1 ? 2 : 0) + 0.5 * random.normal());
    inputs(i, 1) = T((c == 2 ? 2 : 0) + 0.5 * random.normal());
    targets(i) = T(c);
  }
  return nn::MemorySource<T>(nn::classification(inputs, targets));
}

/// With layers that keep states of their own.
template <class T>
nn::Sequential<T> network() {
  nn::Sequential<T> model(nn::Linear<T>(2, 16), nn::BatchNorm<T>(16), nn::Activation<T>("tanh"), nn::Dropout<T>(0.2),
                          nn::Linear<T>(16, 3));
  model.initialise(1);
  return model;
}

template <class T>
nn::Loss<T> cross_entropy() {
  return nn::loss<T>("cross-entropy");
}

template <class T>
nn::FitOptions<T> options(std::size_t epochs) {
  nn::FitOptions<T> result;
  result.epochs = epochs, result.batch = 16, result.seed = 3;
  return result;
}

template <class T>
bool same_bits(const Array<T>& a, const Array<T>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class T>
void check_same_bits(nn::Module<T>& a, nn::Module<T>& b) {
  for (const bool states : {false, true}) {
    const auto mine = states ? a.states() : a.parameters(), theirs = states ? b.states() : b.parameters();
    REQUIRE(mine.size() == theirs.size());
    for (std::size_t k = 0; k < mine.size(); ++k) {
      CAPTURE(mine[k].name);
      CHECK(same_bits(mine[k].parameter.value(), theirs[k].parameter.value()));
    }
  }
}

/// All but the seconds.
inline void check_same(const nn::History& a, const nn::History& b) {
  CHECK(a.names() == b.names());
  for (const auto& column : a.names())
    if (column != "seconds") CHECK(a.column(column) == b.column(column));
}

inline std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

/// A run on the corners, with all that a checkpoint has to hold: Adam, states of layers, a plateau, the best.
struct Whole {
  nn::MemorySource<float> data = corners<float>(200, 1), validation = corners<float>(75, 2);
  nn::Sequential<float> model = network<float>();
  nn::Adam<float> adam{0.01};
  nn::FitOptions<float> opts = options<float>(5);

  Whole() {
    opts.validation = &validation;
    opts.metrics = {nn::metric<float>("accuracy")};
    opts.watch = "validation_accuracy";
    opts.keep_best = true;
    opts.plateau = nn::PlateauOptions{.patience = 0, .threshold = 0.01};
  }
  nn::FitReport fit() { return nn::fit(model, adam, cross_entropy<float>(), data, opts); }
};

}  // namespace test
