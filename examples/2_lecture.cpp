// The roadmap of a lecture on backpropagation: the gradient of the loss with respect to the output units, then the
// hidden units, then weights and biases; and for one weight, the chain of factors from the loss down to it.
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace ad = autodiff;
using Tape = ad::Tape<double>;
using Variable = ad::Variable<double>;
using Array = ad::Array<double>;

/// Some weights that are neither equal nor random.
static Array some(const std::vector<std::size_t>& shape, double phase) {
  Array w = xt::zeros<double>(shape);
  for (std::size_t i = 0; i < w.size(); ++i) w.flat(i) = 0.5 * std::sin(phase + 1.7 * double(i));
  return w;
}

/// a = h W + b, recorded as layer<i>/W, layer<i>/b and layer<i>/a.
static Variable pre_activation(Tape& tape, int i, const Variable& h, std::size_t inputs, std::size_t units) {
  auto scope = tape.scope("layer" + std::to_string(i));
  auto W = tape.variable(some({inputs, units}, i), "W");
  auto b = tape.variable(some({units}, -i), "b");
  return ad::linear(h, W, b).named("a");
}
static Variable activation(Tape& tape, int i, const Variable& a) {
  auto scope = tape.scope("layer" + std::to_string(i));
  return ad::logistic(a).named("h");
}

static bool agree(const Array& a, const Array& b) { return a.shape() == b.shape() && xt::allclose(a, b, 1e-9, 1e-12); }

/// 28 x 28 pixels become 3 x 4 here, ten classes three; the loss is the cross-entropy of a softmax.
static bool roadmap() {
  Tape tape;
  const Array x = 0.5 + some({5, 12}, 0.3);
  const Array y{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}};
  const auto h0 = tape.constant(x);
  const auto h1 = activation(tape, 1, pre_activation(tape, 1, h0, 12, 6));
  const auto h2 = activation(tape, 2, pre_activation(tape, 2, h1, 6, 4));
  const auto prediction = ad::softmax(pre_activation(tape, 3, h2, 4, 3)).named("prediction");
  const auto loss = (-ad::sum(y * ad::log(prediction)) / double(x.shape(0))).named("loss");

  std::printf("the loss is %.6f; its gradient with respect to\n", loss.item());
  const auto slope = [&](const std::string& name) { return ad::gradient(loss, tape.find(name)); };
  const auto show = [&](const char* kind, const std::vector<const char*>& names) {
    for (const char* name : names) {
      const Array g = slope(name);
      std::printf("  %-13s %-11s %-7s has the norm %.6f\n", kind, name, ad::to_string(ad::Dims(g.shape())).c_str(),
                  std::sqrt(xt::sum(g * g)()));
    }
  };
  show("output units", {"prediction", "layer3/a"});
  show("hidden units", {"layer2/h", "layer2/a", "layer1/h", "layer1/a"});
  show("weights", {"layer3/W", "layer2/W", "layer1/W"});
  show("biases", {"layer3/b", "layer2/b", "layer1/b"});

  // The lecture's formulas, from the loss down. Values that are off the tape are calculated with, but not recorded.
  Variable ct(Array((prediction.value() - y) / double(x.shape(0))));  // dL/da_3
  for (int i = 3; i >= 1; --i) {
    const std::string layer = "layer" + std::to_string(i) + "/", below = "layer" + std::to_string(i - 1) + "/";
    const auto h = ad::detach(i > 1 ? tape.find(below + "h") : h0);
    if (!agree(slope(layer + "a"), ct.value())) return false;
    if (!agree(slope(layer + "W"), ad::matmul(ad::transpose(h), ct).value())) return false;  // h' dL/da
    if (!agree(slope(layer + "b"), ad::sum(ct, 0).value())) return false;
    if (i == 1) break;
    ct = ad::matmul(ct, ad::transpose(ad::detach(tape.find(layer + "W"))));  // dL/dh = dL/da W'
    if (!agree(slope(below + "h"), ct.value())) return false;
    ct *= h * (1 - h);  // dL/da = dL/dh h (1 - h), one layer further down
  }
  return true;
}

/// One unit a layer: the gradient of the loss with respect to w1 is one product of derivatives between neighbours.
static bool chain() {
  constexpr int L = 4;
  Tape tape;
  Variable h = tape.constant(0.8 * xt::ones<double>({1, 1}));
  for (int i = 1; i < L; ++i) h = activation(tape, i, pre_activation(tape, i, h, 1, 1));
  const auto loss = ad::squared_error(pre_activation(tape, L, h, 1, 1), xt::ones<double>({1, 1}));

  double product = 1;
  std::string equation;
  std::puts("\none unit a layer: the factors from the loss down to the weight w1");
  const auto factor = [&](const Variable& above, const Variable& below, const std::string& name) {
    const double value = ad::gradient(above, below).flat(0);
    product *= value;
    equation += (equation.empty() ? "" : " * ") + name;
    std::printf("  %-8s = %9.6f   product so far %9.6f\n", name.c_str(), value, product);
  };
  const auto find = [&](int i, const char* what) { return tape.find("layer" + std::to_string(i) + "/" + what); };
  const auto named = [](const char* name, int i) { return name + std::to_string(i); };
  factor(loss, find(L, "a"), named("dL/da", L));
  for (int i = L - 1; i >= 1; --i) {
    factor(find(i + 1, "a"), find(i, "h"), named("da", i + 1) + named("/dh", i));
    factor(find(i, "h"), find(i, "a"), named("dh", i) + named("/da", i));
  }
  factor(find(1, "a"), find(1, "W"), "da1/dw1");

  const double sweep = ad::gradient(loss, find(1, "W")).flat(0);
  std::printf("dL/dw1 = %s\n       = %.12f\nsweep: = %.12f\n", equation.c_str(), product, sweep);
  return std::abs(product - sweep) < 1e-12 && sweep != 0;
}

int main() {
  if (!roadmap()) return std::puts("the roadmap's formulas and the sweep disagree"), 1;
  if (!chain()) return std::puts("the chain of factors and the sweep disagree"), 1;
}
