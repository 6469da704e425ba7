// Graphs drawn at random from seeds, for properties that every graph must have.
#pragma once

#include <random>

#include "cases.hpp"

namespace test {

/// A graph that its seed determines: the same operations each time it is called. Values stay of the order of one.
template <class T>
class RandomGraph {
  using V = ad::Variable<T>;

 public:
  explicit RandomGraph(unsigned seed) : random_(seed) {}

  V operator()(const Variables<T>& inputs) {
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
  using Step = std::function<V(RandomGraph&)>;

  std::size_t pick(std::size_t n) { return random_() % n; }
  /// A view of a view of a view, or now and then x itself; of the same number of axes, and not much smaller.
  V viewed(V x) {
    for (std::size_t n = x.dimension() && pick(3) ? 1 + pick(3) : 0; n > 0; --n) {
      const int along = axis(x);
      const auto axis = static_cast<std::size_t>(along < 0 ? along + int(x.dimension()) : along);
      const auto length = static_cast<std::ptrdiff_t>(x.shape(axis));
      const auto taken = [&](const ad::Range& range) {
        std::vector<ad::Range> ranges(axis, ad::all);
        ranges.push_back(range);
        return slice(x, ranges);
      };
      switch (pick(6)) {
        case 0:
        case 1:
          x = swap_axes(x, -1, along);
          break;
        case 2:
          x = flip(x, {along});
          break;
        case 3:
          x = taken({length > 2 ? 1 : 0, {}});
          break;
        case 4:
          x = taken({{}, {}, length > 2 ? 2 : -1});
          break;
        default:
          x = broadcast_to(taken({0, 1}), Shape(x.shape()));
      }
    }
    return x;
  }
  V any() {  // late ones rather
    return viewed(pool_[pool_.size() - 1 - std::min(pick(pool_.size()), pick(pool_.size()))]);
  }
  int axis(const V& x) { return int(pick(x.dimension())) - (pick(2) ? int(x.dimension()) : 0); }
  V with_axes() {
    const V x = any();
    return x.dimension() ? x : expand_dims(x, 0);
  }
  V matrix() {
    const V x = with_axes(), matrix = reshape(x, {-1, static_cast<std::ptrdiff_t>(x.shape().back())});
    const bool thin = matrix.shape(0) == 1 || matrix.shape(1) == 1;
    return viewed(thin && pick(4) ? tanh(mean(x) + pool_[0]) : matrix);  // the first is a matrix
  }
  /// One or two matrices of the shape of this one.
  V batch(const V& x) { return turned(pick(2) ? stack(std::vector{x, sin(x)}) : expand_dims(cos(x), 0)); }
  /// The elements elsewhere, but not the shape.
  V turned(const V& x) { return pick(2) ? flip(x, {-1}) : pick(2) ? flip(x, {0}) : x; }
  /// Something that broadcasts with x: of its shape, of parts of it, or a number.
  V beside(const V& x) {
    const V y = any();
    if (ad::to_string(ad::Dims(y.shape())) == ad::to_string(ad::Dims(x.shape()))) return y;
    if (x.dimension() && pick(2)) return mean(x * x, axis(x), ad::keepdims);
    return pick(2) && y.size() == x.size() ? reshape(y, x.shape()) : mean(y);
  }

  static const std::vector<Step>& steps() {
    static const std::vector<Step> all{[](RandomGraph& g) { return sin(g.any()); },
                                       [](RandomGraph& g) { return cos(g.any()); },
                                       [](RandomGraph& g) { return tanh(g.any()); },
                                       [](RandomGraph& g) { return exp(-ad::square(g.any())); },
                                       [](RandomGraph& g) { return expm1(tanh(g.any())); },
                                       [](RandomGraph& g) { return log1p(ad::square(g.any())); },
                                       [](RandomGraph& g) { return log(1.5 + sin(g.any())); },
                                       [](RandomGraph& g) { return sqrt(1 + ad::square(g.any())); },
                                       [](RandomGraph& g) { return rsqrt(1 + ad::square(g.any())); },
                                       [](RandomGraph& g) { return ad::reciprocal(2 + cos(g.any())); },
                                       [](RandomGraph& g) { return atan(g.any()); },
                                       [](RandomGraph& g) { return asin(0.9 * tanh(g.any())); },
                                       [](RandomGraph& g) { return erf(g.any()); },
                                       [](RandomGraph& g) { return logistic(g.any()); },
                                       [](RandomGraph& g) { return softplus(g.any()); },
                                       [](RandomGraph& g) { return gelu(tanh(g.any())); },
                                       [](RandomGraph& g) { return silu(tanh(g.any())); },
                                       [](RandomGraph& g) { return elu(tanh(g.any())); },
                                       [](RandomGraph& g) { return leaky_relu(tanh(g.any()), 0.3); },
                                       [](RandomGraph& g) { return abs(tanh(g.any())); },
                                       [](RandomGraph& g) { return -tanh(g.any()); },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return x + g.beside(x);
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return g.beside(x) - x;
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return tanh(x * g.beside(x));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return tanh(g.beside(x)) / (1.5 + sin(x));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return pow(1.5 + sin(x), tanh(g.beside(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return maximum(tanh(x), tanh(g.beside(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return where(x < g.beside(x), sin(x), tanh(g.beside(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return atan2(tanh(x), 1.5 + sin(g.beside(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return tanh(sum(x, g.axis(x), g.pick(2)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return mean(x, g.axis(x), g.pick(2));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return max(x, g.axis(x), g.pick(2));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return prod(tanh(x), g.axis(x), g.pick(2));
                                       },
                                       [](RandomGraph& g) { return variance(tanh(g.any())); },
                                       [](RandomGraph& g) { return norm(1.5 + tanh(g.any())); },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return tanh(logsumexp(x, g.axis(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return softmax(x, g.axis(x));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return tanh(log_softmax(x, g.axis(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return tanh(cumsum(x, g.axis(x), g.pick(2)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(x, transpose(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(transpose(x), sin(mean(x, 1))));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(g.batch(x), transpose(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.matrix();
                                         return tanh(matmul(x, g.batch(transpose(x))));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.matrix();
                                         const V left = g.batch(x), right = g.batch(x);
                                         return tanh(matmul(left, swap_axes(right, -1, -2)));
                                       },
                                       [](RandomGraph& g) { return transpose(g.any()); },
                                       [](RandomGraph& g) { return flatten(g.any()); },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return broadcast_to(mean(x, g.axis(x), ad::keepdims), x.shape());
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return slice(x, {ad::Range{{}, {}, g.pick(2) ? 2 : -1}});
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return concatenate(std::vector{x, cos(x)}, g.axis(x));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         const double last = double(x.shape(0) - 1);
                                         return gather(x, array<T>({3}, {T(last), 0, T(last)}));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.with_axes();
                                         return scatter_add(x, array<T>({1}, {0}), mean(x, 0, ad::keepdims));
                                       },
                                       [](RandomGraph& g) {
                                         return pad(flatten(g.any()), {{1, 2}}, 0.5);
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.matrix();
                                         return softmax_cross_entropy(x, softmax(sin(x)));
                                       },
                                       [](RandomGraph& g) {
                                         const V x = g.any();
                                         return tanh(squared_error(x, cos(x)));
                                       }};
    return all;
  }

  std::mt19937 random_;
  Variables<T> pool_;
};

/// How many seeds are tried.
constexpr unsigned random_graphs = 100;

inline Arrays random_graph_inputs(unsigned seed) {
  return {sample({2, 3}, -1, 1, seed), sample({3}, -1, 1, seed + 1000), sample({}, -1, 1, seed + 2000)};
}

}  // namespace test
