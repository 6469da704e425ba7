// A lecture on backpropagation, slide by slide, each checked against its formulas: who is responsible for the loss?
// The output layer is asked first, then the hidden layers, then weights and biases.
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

namespace ad = autodiff;
using Tape = ad::Tape<double>;
using Variable = ad::Variable<double>;
using Array = ad::Array<double>;

/// Some numbers that are neither equal nor random.
static Array some(const std::vector<std::size_t>& shape, double phase) {
  Array w = xt::zeros<double>(shape);
  for (std::size_t i = 0; i < w.size(); ++i) w.flat(i) = 0.5 * std::sin(phase + 1.7 * double(i));
  return w;
}
static bool agree(const Array& a, const Array& b) { return a.shape() == b.shape() && xt::allclose(a, b, 1e-9, 1e-12); }
static bool agree(double a, double b) { return std::abs(a - b) <= 1e-12 * (1 + std::abs(a)); }

/// The network: a_l = h_(l-1) W_l + b_l and h_l = logistic(a_l), recorded as layer1/W and so on; the last layer is
/// linear.
static Variable network(Tape& tape, Variable h, const std::vector<std::size_t>& units) {
  for (std::size_t l = 1; l < units.size(); ++l) {
    const auto scope = tape.scope("layer" + std::to_string(l));
    const auto W = tape.variable(some({units[l - 1], units[l]}, double(l)), "W");
    const auto b = tape.variable(some({units[l]}, -double(l)), "b");
    h = ad::linear(h, W, b).named("a");
    if (l + 1 < units.size()) h = ad::logistic(h).named("h");
  }
  return h;
}

/// Cross-entropy of a softmax: the mean of what the log-likelihood of each row's class lacks to zero.
static Variable cross_entropy(const Variable& a, const Array& y) {
  const auto prediction = ad::softmax(a).named("prediction");
  return (-ad::sum(y * ad::log(prediction)) / double(y.shape(0))).named("loss");
}

static const Array images = 0.5 + some({5, 12}, 0.3);  // 3 x 4 pixels, and three classes
static const Array classes{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}};

/// The network and its parameters: a weight for each pair of neighbours, a bias for each unit.
static bool parameters() {
  Tape tape;
  const auto loss = cross_entropy(network(tape, tape.constant(images), {12, 6, 4, 3}), classes);
  std::cout << "  " << tape.find("layer3/W") << "\n  " << tape.find("layer3/b") << '\n';
  return ad::explain(loss).parameters() == (12 + 1) * 6 + (6 + 1) * 4 + (4 + 1) * 3;
}

/// Gradient descent on (w - 3)^2: each step takes the error times 1 - 2 * 0.1.
static bool gradient_descent() {
  double w = 0;
  std::puts("  step  w         loss");
  for (int step = 0; step <= 5; ++step) {
    Tape tape;
    const auto v = tape.variable(w, "w");
    const auto loss = ad::square(v - 3.0);
    std::printf("  %4d  %.6f  %.6f\n", step, w, loss.item());
    if (!agree(w, 3 - 3 * std::pow(0.8, step))) return false;
    w -= 0.1 * ad::gradient(loss, v)();
  }
  return true;
}

/// Ratings of movies are any real numbers: a linear output and the squared error.
static bool movies() {
  Tape tape;
  const Array features = some({6, 4}, 0.1), ratings = 5 + some({6, 2}, 0.7);
  const auto a = network(tape, tape.constant(features), {4, 2});
  const auto loss = ad::squared_error(a, ratings).named("loss");
  std::cout << "  " << a << '\n';
  const Array error = a.value() - ratings;
  if (!agree(loss.item(), xt::sum(error * error)() / 6)) return false;
  const auto slope =
      ad::matmul(ad::transpose(Variable(features)), Variable(error)) * (2 / 6.0);  // 2 X' (XW + b - Y) / n
  return agree(ad::gradient(loss, tape.find("layer1/W")), slope.value());
}

/// Softmax, cross-entropy and log-likelihood: three names of one number.
static bool likelihood() {
  Tape tape;
  const auto loss = cross_entropy(network(tape, tape.constant(images), {12, 3}), classes);
  const Array p = tape.find("prediction").value();
  double log_likelihood = 0;
  for (std::size_t n = 0; n < 5; ++n)
    for (std::size_t k = 0; k < 3; ++k) log_likelihood += classes(n, k) * std::log(p(n, k));
  std::printf("  %.6f = - %.6f / 5\n", loss.item(), log_likelihood);
  const auto logits = tape.find("layer1/a");
  return agree(loss.item(), -log_likelihood / 5) &&
         agree(loss.item(), ad::softmax_cross_entropy(logits, classes).item());
}

/// The table of output and loss: for each pair that belongs together, the gradient at the output is prediction -
/// target.
static bool outputs_and_losses() {
  struct Row {
    const char *target, *output, *loss;
    std::function<Variable(const Variable&)> predict;
    std::function<Variable(const Variable&, const Array&)> of;
    Array y;
  };
  const Array yes{{1, 0, 1}, {0, 0, 1}};
  const Row rows[] = {
      {"real numbers", "linear", "squared error / 2", [](const Variable& a) { return a * 1.0; },
       [](const Variable& p, const Array& y) { return 0.5 * ad::sum(ad::square(p - y)); }, some({2, 3}, 2)},
      {"yes or no", "logistic", "cross-entropy", [](const Variable& a) { return ad::logistic(a); },
       [](const Variable& p, const Array& y) { return -ad::sum(y * ad::log(p) + (1 - y) * ad::log(1 - p)); }, yes},
      {"one of a few", "softmax", "cross-entropy", [](const Variable& a) { return ad::softmax(a); },
       [](const Variable& p, const Array& y) { return -ad::sum(y * ad::log(p)); }, Array{{1, 0, 0}, {0, 0, 1}}}};
  for (const auto& row : rows) {
    Tape tape;
    const auto a = tape.variable(some({2, 3}, 1), "a"), p = row.predict(a);
    const auto slope = ad::gradient(row.of(p, row.y), a);
    std::printf("  %-13s %-9s %-18s dL/da[0, 0] = %9.6f\n", row.target, row.output, row.loss, slope(0, 0));
    if (!agree(slope, p.value() - row.y)) return false;
  }
  return true;
}

/// The matrix of all partial derivatives of a layer: dh_j / dx_i = h_j (1 - h_j) W_ij.
static bool all_partial_derivatives() {
  Tape tape;
  const auto x = tape.variable(some({1, 4}, 0.2), "x");
  network(tape, x, {4, 3, 1});
  const auto h = tape.find("layer1/h"), W = tape.find("layer1/W");
  const auto J = ad::jacobian(h, x);  // of both shapes: (1, 3, 1, 4)
  for (std::size_t j = 0; j < 3; ++j)
    for (std::size_t i = 0; i < 4; ++i) {
      const double hj = h.value()(0, j);
      std::printf("%s%9.6f", i ? " " : "  ", J(0, j, 0, i));
      if (!agree(J(0, j, 0, i), hj * (1 - hj) * W.value()(i, j))) return false;
      if (i == 3) std::puts("");
    }
  return true;
}

/// One unit a layer: one product of derivatives between neighbours.
static bool thin_chain() {
  Tape tape;
  const auto x = tape.constant(0.8 * xt::ones<double>({1, 1}));
  const auto loss = ad::squared_error(network(tape, x, {1, 1, 1, 1, 1}), xt::ones<double>({1, 1})).named("loss");
  const auto chain = ad::explain(loss, tape.find("layer1/W"), {0, 0});
  std::cout << chain.text();
  double product = 2 * (tape.find("layer4/a").item() - 1) * 0.8;  // dL/da_4, and at the other end da_1/dw
  for (int l = 1; l < 4; ++l) {
    const double h = tape.find("layer" + std::to_string(l) + "/h").item();
    product *= h * (1 - h) * tape.find("layer" + std::to_string(l + 1) + "/W").item();
  }
  return chain.paths().size() == 1 && agree(chain.paths()[0].product, product) && agree(chain.value(), product);
}

/// One weight of a wide network: what reaches it is the same in every layer, and the sum over all paths.
static bool one_weight() {
  Tape tape;
  const auto loss = cross_entropy(network(tape, tape.constant(images), {12, 6, 4, 3}), classes);
  const auto W = tape.find("layer1/W");
  const auto chain = ad::explain(loss, W, {0, 1});
  std::cout << chain.text();
  const double slope = ad::gradient(loss, W)(0, 1);
  for (const auto& cut : chain.cuts())
    if (!agree(cut.value, slope)) return false;
  return chain.cuts().size() == 8 && chain.path_count() == 5 * 4 * 3;  // samples, and units of the layers above
}

/// The four quantities of interest, by the lecture's formulas from the loss down.
static bool four_quantities() {
  Tape tape;
  const auto h0 = tape.constant(images);
  const auto loss = cross_entropy(network(tape, h0, {12, 6, 4, 3}), classes);
  std::cout << ad::explain(loss).text();
  const auto slope = [&](const std::string& name) { return ad::gradient(loss, tape.find(name)); };
  Variable ct(Array((tape.find("prediction").value() - classes) / 5.0));  // dL/da_3, off the tape
  for (int l = 3; l >= 1; --l) {
    const std::string layer = "layer" + std::to_string(l) + "/", below = "layer" + std::to_string(l - 1) + "/";
    const auto h = ad::detach(l > 1 ? tape.find(below + "h") : h0);
    if (!agree(slope(layer + "a"), ct.value())) return false;
    if (!agree(slope(layer + "W"), ad::matmul(ad::transpose(h), ct).value())) return false;  // h' dL/da
    if (!agree(slope(layer + "b"), ad::sum(ct, 0).value())) return false;
    if (l == 1) break;
    ct = ad::matmul(ct, ad::transpose(ad::detach(tape.find(layer + "W"))));  // dL/dh = dL/da W'
    if (!agree(slope(below + "h"), ct.value())) return false;
    ct *= h * (1 - h);  // dL/da = dL/dh h (1 - h), one layer further down
  }
  return true;
}

int main() {
  const std::pair<const char*, bool (*)()> slides[] = {{"the network and its parameters", parameters},
                                                       {"gradient descent", gradient_descent},
                                                       {"movies: linear output, squared error", movies},
                                                       {"softmax, cross-entropy, log-likelihood", likelihood},
                                                       {"output and loss", outputs_and_losses},
                                                       {"all partial derivatives of a layer", all_partial_derivatives},
                                                       {"the thin chain", thin_chain},
                                                       {"one weight of a wide network", one_weight},
                                                       {"the four quantities of interest", four_quantities}};
  for (const auto& [title, slide] : slides) {
    std::cout << "\n" << title << std::endl;
    if (!slide()) return std::printf("its formulas and the sweep disagree: %s\n", title), 1;
    std::fflush(stdout);
  }
}
