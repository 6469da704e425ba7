// Pooling of images, against loops over all elements.
#include <algorithm>

#include "cases.hpp"

#include <autodiff/ops/structs/pool.hpp>

namespace test {

namespace {

using Numbers = std::vector<std::size_t>;
using Index = std::vector<std::size_t>;

/// One number for all axes, or one for each.
std::size_t of(const Numbers& numbers, std::size_t axis) { return numbers.size() == 1 ? numbers[0] : numbers[axis]; }
double at(const Array<double>& a, const Index& index) { return a.element(index.begin(), index.end()); }
Shape space(const Shape& shape) { return Shape(shape.begin() + 2, shape.end()); }

/// Windows over an image.
struct Pooling {
  std::string name;
  Shape image;
  Numbers window, stride = {}, padding = {0}, dilation = {1};
  bool ceil_mode = false, with_border = true;

  std::size_t axes() const { return image.size() - 2; }
  std::size_t step(std::size_t a) const { return of(stride.empty() ? window : stride, a); }
  std::size_t length(std::size_t a) const {  // by the formula of PyTorch's documentation
    const double n = double(image[2 + a]), p = double(of(padding, a)), d = double(of(dilation, a));
    const double exact = (n + 2 * p - d * (double(of(window, a)) - 1) - 1) / double(step(a)) + 1;
    double m = ceil_mode ? std::ceil(exact) : std::floor(exact);
    if ((m - 1) * double(step(a)) >= n + p) --m;
    return std::size_t(m);
  }
  Shape result() const {
    Shape y{image[0], image[1]};
    for (std::size_t a = 0; a < axes(); ++a) y.push_back(length(a));
    return y;
  }
  ad::MaxPoolOptions max() const {
    return {.stride = stride, .padding = padding, .dilation = dilation, .ceil_mode = ceil_mode};
  }
  ad::AveragePoolOptions average() const {
    return {.stride = stride, .padding = padding, .ceil_mode = ceil_mode, .count_include_pad = with_border};
  }
};

const std::vector<Pooling> poolings{
    {"two by two", {2, 3, 4, 6}, {2}},
    {"two by two, odd", {1, 2, 5, 7}, {2, 2}},
    {"two by two, long rows", {1, 1, 3, 75}, {2}},
    {"overlapping", {2, 2, 7, 6}, {3}, {2}, {1}},
    {"signals", {2, 3, 9}, {3}, {2}},
    {"volumes", {1, 2, 4, 3, 5}, {2, 3, 2}, {2, 1, 1}, {1, 0, 1}},
    {"ceil", {1, 2, 6, 5}, {3, 2}, {2}, {1}, {1}, true},
    {"ceil, a window behind the image", {1, 1, 5, 4}, {2}, {3}, {1}, {1}, true},
    {"without the border", {1, 2, 5, 5}, {3}, {2}, {1}, {1}, true, false},
};

/// f(elements of the window, how many it has with its border) for each place.
Array<double> pooled(const Pooling& p, const Array<double>& x,
                     const std::function<double(const std::vector<double>&, std::size_t)>& f) {
  return build(p.result(), [&](const Index& y) {
    std::vector<double> seen;
    std::size_t all = 0;
    Shape window;
    for (std::size_t a = 0; a < p.axes(); ++a) window.push_back(of(p.window, a));
    build(window, [&](const Index& tap) {
      Index at_x{y[0], y[1]};
      bool inside = true, counts = true;
      for (std::size_t a = 0; a < p.axes(); ++a) {
        const std::size_t at = y[2 + a] * p.step(a) + tap[a] * of(p.dilation, a), n = p.image[2 + a];
        const std::size_t front = of(p.padding, a);
        inside = inside && at >= front && at - front < n, counts = counts && at < n + 2 * front;
        at_x.push_back(at - front);
      }
      if (inside) seen.push_back(at(x, at_x));
      all += counts;
      return 0;
    });
    return f(seen, all);
  });
}
Array<double> largest(const Pooling& p, const Array<double>& x) {
  return pooled(p, x, [](const auto& seen, std::size_t) { return *std::max_element(seen.begin(), seen.end()); });
}
double total(const std::vector<double>& seen) {
  double sum = 0;
  for (double each : seen) sum += each;
  return sum;
}

/// The mean or the largest of what PyTorch's documentation of adaptive pooling names.
Array<double> adaptive(const Array<double>& x, const Shape& results, bool mean) {
  Shape shape{x.shape(0), x.shape(1)};
  shape.insert(shape.end(), results.begin(), results.end());
  return build(shape, [&](const Index& y) {
    std::vector<double> seen;
    build(space(x.shape()), [&](const Index& place) {
      bool inside = true;
      for (std::size_t a = 0; a < place.size(); ++a) {
        const double n = double(x.shape(2 + a)), m = double(results[a]), i = double(y[2 + a]), at = double(place[a]);
        inside = inside && at >= std::floor(i * n / m) && at < std::ceil((i + 1) * n / m);
      }
      Index from{y[0], y[1]};
      from.insert(from.end(), place.begin(), place.end());
      if (inside) seen.push_back(at(x, from));
      return 0;
    });
    return mean ? total(seen) / double(seen.size()) : *std::max_element(seen.begin(), seen.end());
  });
}
const std::vector<std::pair<Shape, Shape>> shared_out{{{2, 2, 5, 7}, {2, 3}},
                                                      {{1, 2, 4, 4}, {2, 2}},
                                                      {{2, 1, 7}, {3}},
                                                      {{1, 1, 3, 2}, {5, 2}},
                                                      {{1, 1, 3, 4, 2}, {2, 3, 1}}};
}  // namespace

template <>
std::vector<Case> cases<ad::MaxPool>() {
  std::vector<Case> result;
  for (const auto& p : poolings)
    result.push_back({p.name, [p](const auto& x) { return max_pool(x[0], p.window, p.max()); }, samples({p.image}),
                      [p](const Arrays& x) { return largest(p, x[0]); }});
  const Pooling gaps{"with gaps", {1, 2, 7, 8}, {3, 2}, {1, 2}, {1}, {2, 3}};
  result.push_back({gaps.name, [gaps](const auto& x) { return max_pool(x[0], gaps.window, gaps.max()); },
                    samples({gaps.image}), [gaps](const Arrays& x) { return largest(gaps, x[0]); }});
  for (const auto& [image, to] : shared_out)
    result.push_back({"adaptive",
                      [to = to](const auto& x) { return adaptive_max_pool(x[0], Numbers(to.begin(), to.end())); },
                      samples({image}), [to = to](const Arrays& x) { return adaptive(x[0], to, false); }});
  return result;
}
template <>
std::vector<Case> cases<ad::SumPool>() {
  std::vector<Case> result;
  for (const auto& p : poolings)
    result.push_back({p.name, [p](const auto& x) { return average_pool(x[0], p.window, p.average()); },
                      samples({p.image}),
                      [p](const Arrays& x) {
                        return pooled(p, x[0], [&](const auto& seen, std::size_t all) {
                          return total(seen) / double(p.with_border ? all : seen.size());
                        });
                      }});
  for (const auto& [image, to] : shared_out)
    result.push_back({"adaptive",
                      [to = to](const auto& x) { return adaptive_average_pool(x[0], Numbers(to.begin(), to.end())); },
                      samples({image}), [to = to](const Arrays& x) { return adaptive(x[0], to, true); }});
  return result;
}
template <>
std::vector<Case> cases<ad::SpreadPool>() {
  ad::SpreadPool op{{{2, 3}, {1, 2}, {1, 1}, {1, 0}, {4, 2}}, {3, 5}};
  return {{"spread", [op](const auto& x) { return ad::listed(op, x[0]); }, samples({{2, 4, 2}}),
           [](const Arrays& x) {
             Array<double> y(Shape{2, 3, 5}, 0.0);
             for (std::size_t n = 0; n < 2; ++n)
               for (std::size_t i = 0; i < 4; ++i)
                 for (std::size_t j = 0; j < 2; ++j)
                   for (std::size_t h = i == 0 ? 0 : i - 1; h < std::min<std::size_t>(3, i + 1); ++h)
                     for (std::size_t w = 2 * j; w < 2 * j + 3; ++w) y(n, h, w) += x[0](n, i, j);
             return y;
           }}};
}
template <>
std::vector<Case> cases<ad::TakePlaces>() {
  const Array<double> places = array({2, 1, 3}, {5, 0, 3, 2, 2, 1});
  return {
      {"take",
       [=](const auto& x) {
         return ad::listed(ad::TakePlaces{2}, x[0],
                           ad::to_variable<typename std::decay_t<decltype(x[0])>::value_type>(places));
       },
       samples({{2, 2, 3}}),
       [=](const Arrays& x) {
         return build({2, 1, 3}, [&](const Index& i) { return x[0].data()[6 * i[0] + std::size_t(at(places, i))]; });
       }}};
}
template <>
std::vector<Case> cases<ad::PutPlaces>() {
  const Array<double> places = array({2, 1, 3}, {5, 0, 3, 2, 2, 1});
  return {{"put",
           [=](const auto& x) {
             return ad::listed(ad::PutPlaces{{2, 3}}, x[0],
                               ad::to_variable<typename std::decay_t<decltype(x[0])>::value_type>(places));
           },
           samples({{2, 1, 3}}),
           [=](const Arrays& x) {
             Array<double> y(Shape{2, 2, 3}, 0.0);
             for (std::size_t i = 0; i < 6; ++i) y.data()[i / 3 * 6 + std::size_t(places.data()[i])] += x[0].data()[i];
             return y;
           }}};
}
AUTODIFF_POOL(TEST_OPERATION)

TEST_CASE("images are pooled, folded and enlarged of all samples at once by vmap") {
  check_samples(cases<ad::MaxPool>());
  check_samples(cases<ad::SumPool>());
  const auto upsample = [](ad::Interpolation how) {
    return [how](const auto& x) { return interpolate(x[0], {2, 1, 5, 7}, how); };
  };
  check_samples({{"unfold",
                  [](const auto& x) {
                    return unfold(x[0], {2, 3}, {.stride = {2, 1}, .padding = 1});
                  },
                  samples({{2, 3, 5, 4}})},
                 {"fold",
                  [](const auto& x) {
                    return fold(x[0], {5, 4}, {2, 3}, {.stride = {2, 1}, .padding = 1});
                  },
                  samples({{2, 12, 12}})},
                 {"nearest", upsample(ad::Interpolation::nearest), samples({{2, 1, 3, 4}})},
                 {"linear", upsample(ad::Interpolation::linear), samples({{2, 1, 3, 4}})}});
}

TEST_CASE("NaN is the largest, and of equal elements the first has the gradient") {
  ad::Tape<double> tape;
  const double nan = std::nan("");
  const auto x = tape.variable(array({1, 1, 2, 6}, {1, nan, 3, 3, -1, -1, nan, 2, 3, 3, -1, -1}));
  for (const auto& y : {max_pool(x, 2), max_pool(x, 2, {.padding = 0, .dilation = 1, .ceil_mode = true})}) {
    CHECK(std::isnan(y.value()(0, 0, 0, 0)));
    CHECK(y.value()(0, 0, 0, 1) == 3);
    CHECK(gradient(sum(y), x) == array({1, 1, 2, 6}, {0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  }
}
}  // namespace test
