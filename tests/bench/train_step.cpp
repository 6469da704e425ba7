// One training step of a multilayer perceptron in a program, beside the bare matrix products that it needs, the same
// written by hand, and the same recorded anew at each step. One line of JSON a case.
#include <dnnl.h>
#include <omp.h>

#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nn/nn.hpp>

#include "timing.hpp"

namespace {

namespace ad = autodiff;
using Array = ad::Array<float>;
using Variable = ad::Variable<float>;

struct Case {
  std::size_t batch;
  std::vector<std::size_t> sizes;
  std::string name() const {
    std::string text = std::to_string(batch) + ":";
    for (std::size_t i = 0; i < sizes.size(); ++i) text += (i ? "-" : " ") + std::to_string(sizes[i]);
    return text;
  }
  std::size_t layers() const { return sizes.size() - 1; }
};

const Case cases[] = {{1, {2, 3, 2}},
                      {16, {10, 10, 10, 10}},
                      {32, {784, 30, 10}},
                      {64, {784, 128, 10}},
                      {128, {784, 512, 512, 10}},
                      {256, {1024, 1024, 1024, 1024, 10}},
                      {128, {2048, 2048, 2048, 10}}};

Array filled(const ad::Shape& shape, double scale, unsigned seed) {
  nn::Random random(seed);
  Array a(shape);
  for (auto& v : a) v = static_cast<float>(scale * (2 * random.uniform() - 1));
  return a;
}

/// What a step starts from.
struct Data {
  explicit Data(const Case& c) : inputs(filled({c.batch, c.sizes[0]}, 1, 1)), labels(ad::Shape{c.batch}) {
    for (std::size_t i = 0; i < c.batch; ++i) labels(i) = static_cast<float>(i % c.sizes.back());
    for (std::size_t l = 0; l < c.layers(); ++l) {
      weights.push_back(filled({c.sizes[l], c.sizes[l + 1]}, 1 / std::sqrt(double(c.sizes[l])), unsigned(2 + l)));
      biases.push_back(Array(ad::Shape{c.sizes[l + 1]}, 0.f));
    }
  }
  Array inputs, labels;
  std::vector<Array> weights, biases;
  Array rate = Array(ad::Shape{}, 1e-3f);
};

Variable loss_of(const std::vector<Variable>& p, const Variable& x, const Variable& y) {
  Variable h = x;
  for (std::size_t l = 0; l < p.size(); l += 2) {
    const auto a = linear(h, p[l], p[l + 1]);
    h = l + 2 < p.size() ? tanh(a) : a;
  }
  return softmax_cross_entropy(h, y);
}

ad::Program<float> compile(const Data& data, const nn::Optimiser<float>& optimiser, const ad::CompileOptions& options) {
  ad::Tape<float> tape;
  std::vector<Variable> p;
  for (std::size_t l = 0; l < data.weights.size(); ++l)
    p.push_back(tape.variable(data.weights[l])), p.push_back(tape.variable(data.biases[l]));
  const auto x = tape.constant(data.inputs), y = tape.constant(data.labels), rate = tape.constant(data.rate);
  const auto loss = loss_of(p, x, y);
  const auto slopes = recorded_gradient(loss, p);
  std::vector<ad::Update<float>> updates;
  for (std::size_t i = 0; i < p.size(); ++i) {
    // What the rule remembers is state, too: its slots, found by a first call on plain values.
    nn::Slots<float> slots;
    optimiser.update(detach(p[i]), detach(slopes[i]), detach(rate), slots);
    std::vector<std::pair<std::string, Variable>> entered;
    for (auto& [name, value] : slots.all()) {
      value = tape.variable(Array(value.shape(), 0.f));
      entered.emplace_back(name, value);
    }
    updates.push_back({p[i], optimiser.update(p[i], slopes[i], rate, slots)});
    for (const auto& [name, value] : entered) updates.push_back({value, slots.all()[name]});
  }
  return ad::compile({x, y, rate}, {loss}, updates, options);
}

/// The same step recorded anew, as without programs.
void step_eagerly(Data& data, ad::Tape<float>& tape) {
  tape.clear();
  std::vector<Variable> p;
  for (std::size_t l = 0; l < data.weights.size(); ++l)
    p.push_back(tape.variable(data.weights[l])), p.push_back(tape.variable(data.biases[l]));
  const auto loss = loss_of(p, tape.constant(data.inputs), tape.constant(data.labels));
  const auto slopes = gradient(loss, p);
  for (std::size_t l = 0; l < data.weights.size(); ++l) {
    data.weights[l] = (Variable(data.weights[l]) - data.rate * Variable(slopes[2 * l])).value();
    data.biases[l] = (Variable(data.biases[l]) - data.rate * Variable(slopes[2 * l + 1])).value();
  }
}

/// The matrix products of a step and nothing else.
class Products {
 public:
  explicit Products(const Case& c) : case_(c), data_(c) {
    for (std::size_t l = 0; l < c.layers(); ++l) {
      const std::size_t n = c.sizes[l + 1];
      outputs_.push_back(filled({c.batch, n}, 1, 7));
      slopes_.push_back(filled({c.batch, n}, 1, 8));
      weight_slopes_.push_back(Array(data_.weights[l].shape()));
    }
  }
  Data& data() { return data_; }
  const std::vector<Array>& weight_slopes() const { return weight_slopes_; }
  void operator()() {
    for (std::size_t l = 0; l < case_.layers(); ++l)
      multiply('N', 'N', case_.batch, case_.sizes[l + 1], case_.sizes[l], input(l), data_.weights[l], outputs_[l]);
    for (std::size_t l = case_.layers(); l-- > 0;) {
      multiply('T', 'N', case_.sizes[l], case_.sizes[l + 1], case_.batch, input(l), slopes_[l], weight_slopes_[l]);
      if (l > 0)
        multiply('N', 'T', case_.batch, case_.sizes[l], case_.sizes[l + 1], slopes_[l], data_.weights[l],
                 slopes_[l - 1]);
    }
  }

 private:
  const Array& input(std::size_t l) const { return l == 0 ? data_.inputs : outputs_[l - 1]; }
  static void multiply(char ta, char tb, std::size_t m, std::size_t n, std::size_t k, const Array& a, const Array& b,
                       Array& c) {
    const auto columns = [](const Array& x) { return static_cast<dnnl_dim_t>(x.shape(1)); };
    dnnl_sgemm(ta, tb, dnnl_dim_t(m), dnnl_dim_t(n), dnnl_dim_t(k), 1, a.data(), columns(a), b.data(), columns(b), 0,
               c.data(), columns(c));
  }

  Case case_;
  Data data_;
  std::vector<Array> outputs_, slopes_, weight_slopes_;
};

/// Adam's update of every parameter in one pass each, written by hand: what no fused Adam can do without. The weights
/// and their slopes are those of the products, of which every core reads all weights.
class AdamPass {
 public:
  explicit AdamPass(Products& products) {
    auto& data = products.data();
    for (std::size_t l = 0; l < data.weights.size(); ++l) {
      add(data.weights[l], products.weight_slopes()[l]);
      add(data.biases[l], data.biases[l]);
    }
  }
  void operator()() {
    for (auto& [p, g, m, v] : sets_) {
      float *pp = p->data(), *mm = m.data(), *vv = v.data();
      const float* gg = g->data();
      const long n = static_cast<long>(p->size());
#pragma omp parallel for simd if (n > 16384) schedule(static)
      for (long i = 0; i < n; ++i) {
        mm[i] = 0.9f * mm[i] + 0.1f * gg[i];
        vv[i] = 0.999f * vv[i] + 0.001f * gg[i] * gg[i];
        pp[i] -= 1e-3f * mm[i] / (std::sqrt(vv[i]) + 1e-8f);
      }
    }
  }

 private:
  struct Set {
    Array* p;
    const Array* g;
    Array m, v;
  };
  void add(Array& p, const Array& g) { sets_.push_back({&p, &g, Array(p.shape(), 0.f), Array(p.shape(), 0.f)}); }
  std::vector<Set> sets_;
};

/// The whole step in plain loops, as one would write it for this one network.
class ByHand {
 public:
  explicit ByHand(const Case& c) : case_(c), data_(c) {
    for (std::size_t n : c.sizes) h_.emplace_back(c.batch * n), d_.emplace_back(c.batch * n);
    std::copy(data_.inputs.begin(), data_.inputs.end(), h_[0].begin());
  }
  float operator()() {
    const std::size_t batch = case_.batch, layers = case_.layers();
    for (std::size_t l = 0; l < layers; ++l) {
      const std::size_t m = case_.sizes[l], n = case_.sizes[l + 1];
      const float *w = data_.weights[l].data(), *bias = data_.biases[l].data();
      for (std::size_t i = 0; i < batch; ++i) {
        float* to = &h_[l + 1][i * n];
        for (std::size_t j = 0; j < n; ++j) to[j] = bias[j];
        for (std::size_t k = 0; k < m; ++k) {
          const float x = h_[l][i * m + k];
          for (std::size_t j = 0; j < n; ++j) to[j] += x * w[k * n + j];
        }
        if (l + 1 < layers)
          for (std::size_t j = 0; j < n; ++j) to[j] = std::tanh(to[j]);
      }
    }
    float loss = 0;
    const std::size_t classes = case_.sizes.back();
    for (std::size_t i = 0; i < batch; ++i) {
      const float* a = &h_[layers][i * classes];
      float* d = &d_[layers][i * classes];
      const auto label = static_cast<std::size_t>(data_.labels(i));
      float most = a[0], total = 0;
      for (std::size_t j = 1; j < classes; ++j) most = std::max(most, a[j]);
      for (std::size_t j = 0; j < classes; ++j) total += d[j] = std::exp(a[j] - most);
      loss += std::log(total) + most - a[label];
      for (std::size_t j = 0; j < classes; ++j) d[j] = (d[j] / total - (j == label)) / float(batch);
    }
    for (std::size_t l = layers; l-- > 0;) {
      const std::size_t m = case_.sizes[l], n = case_.sizes[l + 1];
      float *w = data_.weights[l].data(), *bias = data_.biases[l].data();
      if (l > 0)
        for (std::size_t i = 0; i < batch; ++i)
          for (std::size_t k = 0; k < m; ++k) {
            float sum = 0;
            for (std::size_t j = 0; j < n; ++j) sum += d_[l + 1][i * n + j] * w[k * n + j];
            const float h = h_[l][i * m + k];
            d_[l][i * m + k] = sum * (1 - h * h);
          }
      for (std::size_t i = 0; i < batch; ++i)
        for (std::size_t k = 0; k < m; ++k) {
          const float x = rate * h_[l][i * m + k];
          for (std::size_t j = 0; j < n; ++j) w[k * n + j] -= x * d_[l + 1][i * n + j];
        }
      for (std::size_t i = 0; i < batch; ++i)
        for (std::size_t j = 0; j < n; ++j) bias[j] -= rate * d_[l + 1][i * n + j];
    }
    return loss / float(batch);
  }

 private:
  static constexpr float rate = 1e-3f;
  Case case_;
  Data data_;
  std::vector<std::vector<float>> h_, d_;
};

struct Options {
  std::string only;
  std::vector<int> threads{1, 2};
  double seconds = 2;
  bool report = false;
};

void measure(const Case& c, bool adam, int threads, const Options& options) {
  omp_set_num_threads(threads);
  Data data(c);
  const nn::GradientDescent<float> descent(1e-3);
  const nn::Adam<float> adam_rule(1e-3);
  ad::CompileOptions compiling;
  compiling.threads = threads;
  const auto& rule = adam ? static_cast<const nn::Optimiser<float>&>(adam_rule) : descent;
  auto program = compile(data, rule, compiling);
  Products products(c);
  AdamPass pass(products);
  ByHand hand(c);
  ad::Tape<float> tape;
  volatile float sink = 0;
  const bool small = c.batch * c.sizes[0] < 1000;
  std::vector<std::function<void()>> runs{[&] { program(data.inputs, data.labels, data.rate); }, [&] { products(); }};
  if (adam) {
    runs.push_back([&] { products(), pass(); });
  } else {
    runs.push_back([&] { step_eagerly(data, tape); });
    if (small) runs.push_back([&] { sink = hand(); });
  }
  const auto seconds = bench::side_by_side(runs, options.seconds);
  const auto us = [](double s) { return 1e6 * s; };
  std::printf(R"({"case": "%s", "optimiser": "%s", "threads": %d, "step_us": %.3f, "gemm_us": %.3f, "ratio": %.3f)",
              c.name().c_str(), adam ? "adam" : "gradient-descent", threads, us(seconds[0]), us(seconds[1]),
              seconds[0] / seconds[1]);
  if (adam) {
    std::printf(R"(, "gemm_and_update_us": %.3f, "ratio_to_both": %.3f)", us(seconds[2]), seconds[0] / seconds[2]);
  } else {
    std::printf(R"(, "eager_us": %.3f, "eager_ratio": %.2f)", us(seconds[2]), seconds[2] / seconds[0]);
    if (small) std::printf(R"(, "by_hand_us": %.3f, "ratio_to_hand": %.3f)", us(seconds[3]), seconds[0] / seconds[3]);
  }
  std::printf("}\n");
  std::fflush(stdout);
  if (!options.report) return;
  compiling.profile = true;
  auto profiled = compile(data, rule, compiling);
  for (int i = 0; i < 200; ++i) profiled(data.inputs, data.labels, data.rate);
  std::cerr << profiled.report().text();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Times training steps in a program beside their bare matrix products; JSON, one line a case.");
  app.add_option("--case", options.only, "Only cases whose name holds this text, such as 784-128");
  app.add_option("--threads", options.threads, "Numbers of threads")->delimiter(',');
  app.add_option("--seconds", options.seconds, "For each case and number of threads");
  app.add_flag("--report", options.report, "Print what each program is made of, with the time of each instruction");
  CLI11_PARSE(app, argc, argv);
  for (const auto& c : cases)
    for (const bool adam : {false, true})
      for (const int threads : options.threads)
        if (c.name().find(options.only) != std::string::npos) measure(c, adam, threads, options);
}
