// Properties that every graph must have, on graphs drawn at random from fixed seeds.
#include <map>
#include <random>

#include "cases.hpp"

using namespace test;
using V = ad::Variable<double>;

namespace {

/// A graph that its seed determines: the same operations each time it is called. Values stay of the order of one.
class Graph {
 public:
  explicit Graph(unsigned seed) : random_(seed) {}

  V operator()(const Variables<double>& inputs) {
    pool_ = inputs;
    for (std::size_t n = 5 + pick(36); n > 0; --n) {
      V y = steps()[pick(steps().size())](*this);
      if (y.size() > 40) y = mean(y, 0);
      if (y.dimension() > 3) y = flatten(y);
      pool_.push_back(y);
    }
    V total = flatten(pool_.back());  // the last of all, and a little of the others: nothing is drawn for nothing
    for (const auto& each : pool_) total = total + 0.1 * mean(each);
    return total;
  }

 private:
  using Step = std::function<V(Graph&)>;

  std::size_t pick(std::size_t n) { return random_() % n; }
  const V& any() {
    return pool_[pool_.size() - 1 - std::min(pick(pool_.size()), pick(pool_.size()))];
  }  // late ones rather
  int axis(const V& x) { return int(pick(x.dimension())) - (pick(2) ? int(x.dimension()) : 0); }
  V with_axes() {
    const V& x = any();
    return x.dimension() ? x : expand_dims(x, 0);
  }
  V matrix() {
    const V x = with_axes();
    return reshape(x, {-1, static_cast<std::ptrdiff_t>(x.shape().back())});
  }
  /// Something that broadcasts with x: of its shape, of parts of it, or a number.
  V beside(const V& x) {
    const V& y = any();
    if (ad::to_string(ad::Dims(y.shape())) == ad::to_string(ad::Dims(x.shape()))) return y;
    if (x.dimension() && pick(2)) return mean(x * x, axis(x), ad::keepdims);
    return pick(2) && y.size() == x.size() ? reshape(y, x.shape()) : mean(y);
  }

  static const std::vector<Step>& steps() {
    static const std::vector<Step> all{[](Graph& g) { return sin(g.any()); },
                                       [](Graph& g) { return cos(g.any()); },
                                       [](Graph& g) { return tanh(g.any()); },
                                       [](Graph& g) { return exp(-ad::square(g.any())); },
                                       [](Graph& g) { return expm1(tanh(g.any())); },
                                       [](Graph& g) { return log1p(ad::square(g.any())); },
                                       [](Graph& g) { return log(1.5 + sin(g.any())); },
                                       [](Graph& g) { return sqrt(1 + ad::square(g.any())); },
                                       [](Graph& g) { return rsqrt(1 + ad::square(g.any())); },
                                       [](Graph& g) { return ad::reciprocal(2 + cos(g.any())); },
                                       [](Graph& g) { return atan(g.any()); },
                                       [](Graph& g) { return asin(0.9 * tanh(g.any())); },
                                       [](Graph& g) { return erf(g.any()); },
                                       [](Graph& g) { return logistic(g.any()); },
                                       [](Graph& g) { return softplus(g.any()); },
                                       [](Graph& g) { return gelu(tanh(g.any())); },
                                       [](Graph& g) { return silu(tanh(g.any())); },
                                       [](Graph& g) { return elu(tanh(g.any())); },
                                       [](Graph& g) { return leaky_relu(tanh(g.any()), 0.3); },
                                       [](Graph& g) { return abs(tanh(g.any())); },
                                       [](Graph& g) { return -tanh(g.any()); },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return x + g.beside(x);
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return g.beside(x) - x;
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return tanh(x * g.beside(x));
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return tanh(g.beside(x)) / (1.5 + sin(x));
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return pow(1.5 + sin(x), tanh(g.beside(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return maximum(tanh(x), tanh(g.beside(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return where(x < g.beside(x), sin(x), tanh(g.beside(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return atan2(tanh(x), 1.5 + sin(g.beside(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return tanh(sum(x, g.axis(x), g.pick(2)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return mean(x, g.axis(x), g.pick(2));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return max(x, g.axis(x), g.pick(2));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return prod(tanh(x), g.axis(x), g.pick(2));
                                       },
                                       [](Graph& g) { return variance(tanh(g.any())); },
                                       [](Graph& g) { return norm(1.5 + tanh(g.any())); },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return tanh(logsumexp(x, g.axis(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return softmax(x, g.axis(x));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return tanh(log_softmax(x, g.axis(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return tanh(cumsum(x, g.axis(x), g.pick(2)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(x, transpose(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(transpose(x), sin(mean(x, 1))));
                                       },
                                       [](Graph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(stack(std::vector{x, sin(x)}), transpose(x)));
                                       },
                                       [](Graph& g) { return transpose(g.any()); },
                                       [](Graph& g) { return flatten(g.any()); },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return broadcast_to(mean(x, g.axis(x), ad::keepdims), x.shape());
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return slice(x, {ad::Range{{}, {}, g.pick(2) ? 2 : -1}});
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return concatenate(std::vector{x, cos(x)}, g.axis(x));
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         const double last = double(x.shape(0) - 1);
                                         return gather(x, xt::xarray<double>{last, 0, last});
                                       },
                                       [](Graph& g) {
                                         const V x = g.with_axes();
                                         return scatter_add(x, xt::xarray<double>{0}, mean(x, 0, ad::keepdims));
                                       },
                                       [](Graph& g) {
                                         return pad(flatten(g.any()), {{1, 2}}, 0.5);
                                       },
                                       [](Graph& g) {
                                         const V x = g.matrix();
                                         return softmax_cross_entropy(x, softmax(sin(x)));
                                       },
                                       [](Graph& g) {
                                         const V x = g.any();
                                         return tanh(squared_error(x, cos(x)));
                                       }};
    return all;
  }

  std::mt19937 random_;
  Variables<double> pool_;
};

constexpr unsigned graphs = 60;

Arrays inputs(unsigned seed) {
  return {sample({2, 3}, -1, 1, seed), sample({3}, -1, 1, seed + 1000), sample({}, -1, 1, seed + 2000)};
}

/// A graph, recorded.
struct Recorded {
  explicit Recorded(unsigned seed) {
    for (const auto& a : inputs(seed)) x.push_back(tape.variable(a));
    y = Graph(seed)(x);
  }
  Arrays like_x(unsigned seed) const { return inputs(seed + 100); }
  Array<double> like_y(unsigned seed) const { return sample(y.shape(), -1, 1, seed); }
  ad::Tape<double> tape;
  Variables<double> x;
  V y;
};

double inner(const Arrays& a, const Arrays& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t j = 0; j < a[i].size(); ++j) total += a[i].data()[j] * b[i].data()[j];
  return total;
}

void for_each_graph(const std::function<void(unsigned, Recorded&)>& check) {
  for (unsigned seed = 1; seed <= graphs; ++seed) {
    INFO("graph " << seed);
    Recorded graph(seed);
    check(seed, graph);
  }
}

}  // namespace

TEST_CASE("gradients of random graphs agree with finite differences, to second order") {
  for (unsigned seed = 1; seed <= graphs; ++seed) {
    INFO("graph " << seed);
    ad::CheckOptions options;
    options.fast = true;
    options.second_order = true;
    const auto report =
        ad::check_gradient([&](const Variables<double>& x) { return Graph(seed)(x); }, inputs(seed), options);
    CHECK_MESSAGE(report, report.message());
  }
}

TEST_CASE("random graphs: the sweep over arrays gives what the recorded sweep gives") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto u = g.like_y(seed);
    const auto arrays = ad::vjp(g.y, u, g.x);
    const auto recorded = ad::recorded_gradient(sum(g.y * u), g.x);
    for (std::size_t i = 0; i < g.x.size(); ++i) CHECK_EQ(difference(arrays[i], recorded[i].value(), 1e-12), "");
  });
}

TEST_CASE("random graphs: the vjp is linear in its cotangent") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto u = g.like_y(seed), w = g.like_y(seed + 1);
    const auto of_u = ad::vjp(g.y, u, g.x), of_w = ad::vjp(g.y, w, g.x);
    const auto of_both = ad::vjp(g.y, Array<double>(2 * u - 3 * w), g.x);
    for (std::size_t i = 0; i < g.x.size(); ++i) CHECK_EQ(difference(of_both[i], 2 * of_u[i] - 3 * of_w[i], 1e-12), "");
  });
}

TEST_CASE("random graphs: jvp and vjp are transposes of each other") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto u = g.like_y(seed);
    const auto v = g.like_x(seed);
    CHECK(inner({u}, {ad::jvp(g.y, g.x, v)}) == doctest::Approx(inner(ad::vjp(g.y, u, g.x), v)).epsilon(1e-10));
  });
}

TEST_CASE("random graphs: the Hessian is symmetric") {
  for_each_graph([](unsigned seed, Recorded& g) {
    const auto f = sum(g.y * g.like_y(seed));
    const auto v = g.like_x(seed), w = g.like_x(seed + 1);
    CHECK(inner(w, ad::hvp(f, g.x, v)) == doctest::Approx(inner(v, ad::hvp(f, g.x, w))).epsilon(1e-9));
    auto h = hessian(f, g.x[0]);
    h.reshape({6, 6});
    CHECK_EQ(difference(h, build({6, 6}, [&](const auto& i) { return h(i[1], i[0]); }), 1e-11), "");
  });
}

TEST_CASE("random graphs reach most of the library") {
  std::map<std::string, int> seen;
  for_each_graph([&](unsigned, Recorded& g) {
    for (std::size_t i = 0; i < g.tape.size(); ++i)
      if (const auto& op = g.tape.node(i).operation) ++seen[std::string(op->name())];
  });
  CHECK_GE(seen.size(), 45);
}
