// Convolutions of images, against loops over all elements.
#include <algorithm>

#include "cases.hpp"

#include <autodiff/ops/structs/convolution.hpp>

namespace test {

namespace {

using Numbers = std::vector<std::size_t>;
using Index = std::vector<std::size_t>;

/// A convolution: an image, filters, and where they look.
struct Setting {
  std::string name;
  Shape image, kernel;
  Numbers stride = {1}, padding = {0}, dilation = {1};
  std::size_t groups = 1;

  std::size_t axes() const { return image.size() - 2; }
  static std::size_t of(const Numbers& numbers, std::size_t axis) {
    return numbers.size() == 1 ? numbers[0] : numbers[axis];
  }
  ad::ConvolveOptions options() const {
    return {.stride = stride, .padding = padding, .dilation = dilation, .groups = groups};
  }
  ad::UnfoldOptions unfolding() const { return {.stride = stride, .padding = padding, .dilation = dilation}; }
};

const std::vector<Setting> settings{
    {"plain", {2, 3, 5, 4}, {2, 3, 3, 2}},
    {"stride", {2, 3, 7, 6}, {4, 3, 3, 3}, {2, 1}, {1, 1}},
    {"larger strides than kernels", {1, 2, 7, 8}, {2, 2, 2, 1}, {3, 2}},
    {"dilation", {2, 2, 7, 6}, {3, 2, 2, 3}, {1}, {2, 1}, {3, 2}},
    {"stride and dilation", {1, 1, 9, 8}, {2, 1, 3, 2}, {2, 3}, {1}, {2}},
    {"groups", {2, 4, 4, 5}, {6, 2, 3, 3}, {1}, {1}, {1}, 2},
    {"groups and stride", {1, 4, 5, 5}, {4, 2, 3, 2}, {2}, {1, 0}, {1}, 2},
    {"depthwise", {2, 3, 5, 5}, {6, 1, 3, 3}, {1}, {1}, {1}, 3},
    {"wide borders", {1, 2, 3, 2}, {2, 2, 2, 2}, {1}, {3, 4}},
    {"one tap", {2, 3, 4, 4}, {5, 3, 1, 1}},
    {"one tap and stride", {2, 3, 5, 4}, {2, 3, 1, 1}, {2}},
    {"all of the image", {3, 2, 3, 4}, {2, 2, 3, 4}},
    {"signals", {2, 3, 9}, {4, 3, 3}, {2}, {1}},
    {"volumes", {1, 2, 4, 3, 5}, {2, 2, 2, 3, 2}, {1, 2, 1}, {1, 1, 0}},
    {"volumes, dilated", {1, 2, 5, 4, 4}, {1, 2, 2, 2, 2}, {2, 1, 1}, {0, 1, 1}, {1, 2, 3}},
    {"longer rows than registers", {1, 2, 3, 37}, {3, 2, 3, 4}, {1}, {1, 2}},
};

/// Calls f(y, x, kernel) for the indices of each product of a convolution.
template <class F>
void each_product(const Setting& s, const Shape& result, const F& f) {
  const std::size_t axes = s.axes(), per_group = s.kernel[1], filters = s.kernel[0] / s.groups;
  Index k(s.kernel.size()), x(2 + axes);  // here, as there are millions of products
  build(result, [&](const Index& y) {
    build(Shape(s.kernel.begin() + 1, s.kernel.end()), [&](const Index& tap) {
      k[0] = y[1], x[0] = y[0], x[1] = y[1] / filters * per_group + tap[0];
      std::ranges::copy(tap, k.begin() + 1);
      bool inside = true;
      for (std::size_t a = 0; a < axes; ++a) {
        const std::size_t at = y[2 + a] * s.of(s.stride, a) + tap[1 + a] * s.of(s.dilation, a);
        const std::size_t front = s.of(s.padding, a);
        inside = inside && at >= front && at - front < s.image[2 + a];
        x[2 + a] = at - front;
      }
      if (inside) f(y, x, k);
      return 0;
    });
    return 0;
  });
}

Shape result_of(const Setting& s) {
  Shape y{s.image[0], s.kernel[0]};
  for (std::size_t a = 0; a < s.axes(); ++a)
    y.push_back((s.image[2 + a] + 2 * s.of(s.padding, a) - s.of(s.dilation, a) * (s.kernel[2 + a] - 1) - 1) /
                    s.of(s.stride, a) +
                1);
  return y;
}

double& at(Array<double>& a, const Index& index) { return a.element(index.begin(), index.end()); }
double at(const Array<double>& a, const Index& index) { return a.element(index.begin(), index.end()); }

Array<double> convolved(const Setting& s, const Array<double>& image, const Array<double>& kernel) {
  Array<double> y(result_of(s), 0.0);
  each_product(s, result_of(s),
               [&](const Index& o, const Index& x, const Index& k) { at(y, o) += at(image, x) * at(kernel, k); });
  return y;
}
Array<double> transposed(const Setting& s, const Array<double>& y, const Array<double>& kernel) {
  Array<double> image(s.image, 0.0);
  each_product(s, result_of(s),
               [&](const Index& o, const Index& x, const Index& k) { at(image, x) += at(y, o) * at(kernel, k); });
  return image;
}
Array<double> kernel_of(const Setting& s, const Array<double>& image, const Array<double>& y) {
  Array<double> kernel(s.kernel, 0.0);
  each_product(s, result_of(s),
               [&](const Index& o, const Index& x, const Index& k) { at(kernel, k) += at(image, x) * at(y, o); });
  return kernel;
}

/// The operation behind a setting.
template <class Op>
Op sliding(const Setting& s) {
  Op op;
  for (std::size_t a = 0; a < s.axes(); ++a) {
    op.stride.push_back(s.of(s.stride, a)), op.dilation.push_back(s.of(s.dilation, a));
    op.front.push_back(s.of(s.padding, a)), op.back.push_back(s.of(s.padding, a));
  }
  op.groups = s.groups;
  return op;
}
Shape space(const Shape& shape) { return Shape(shape.begin() + 2, shape.end()); }

std::size_t flat(const Index& index, const Shape& shape) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) n = n * shape[i] + index[i];
  return n;
}
/// A setting for windows of all channels: one filter, one group.
Setting window_of(Setting s) {
  s.kernel[0] = 1, s.kernel[1] = s.image[1], s.groups = 1;
  return s;
}
/// Where columns have what an image has: f(column element, image element).
template <class F>
void each_column(const Setting& s, const F& f) {
  const Shape y = result_of(s);
  const std::size_t places = ad::count(ad::Dims(space(y))), rows = ad::count(ad::Dims(s.kernel));
  each_product(s, y, [&](const Index& o, const Index& x, const Index& k) {
    const std::size_t place = flat(Index(o.begin() + 2, o.end()), space(y));
    f((o[0] * rows + flat(k, s.kernel)) * places + place, flat(x, s.image));
  });
}
Shape columns_of(const Setting& s) {
  return {s.image[0], ad::count(ad::Dims(s.kernel)), ad::count(ad::Dims(space(result_of(s))))};
}
}  // namespace

template <>
std::vector<Case> cases<ad::ConvolveImages>() {
  std::vector<Case> result;
  for (const auto& s : settings)
    result.push_back({s.name, [s](const auto& x) { return convolve(x[0], x[1], s.options()); },
                      samples({s.image, s.kernel}), [s](const Arrays& x) { return convolved(s, x[0], x[1]); }});
  return result;
}
template <>
std::vector<Case> cases<ad::ConvolveWithBias>() {
  std::vector<Case> result;
  for (const auto& s : settings)
    result.push_back({s.name, [s](const auto& x) { return convolve(x[0], x[1], x[2], s.options()); },
                      samples({s.image, s.kernel, {s.kernel[0]}}, -1, 1),
                      [s](const Arrays& x) {
                        const auto y = convolved(s, x[0], x[1]);
                        return build(y.shape(), [&](const Index& i) { return at(y, i) + x[2](i[1]); });
                      }});
  return result;
}
template <>
std::vector<Case> cases<ad::ConvolveTransposed>() {
  std::vector<Case> result;
  for (const auto& s : settings) {
    auto op = sliding<ad::ConvolveTransposed>(s);
    op.image = space(s.image);
    result.push_back({s.name, [op](const auto& x) { return ad::listed(op, x[0], x[1]); },
                      samples({result_of(s), s.kernel}), [s](const Arrays& x) { return transposed(s, x[0], x[1]); }});
  }
  return result;
}
template <>
std::vector<Case> cases<ad::ConvolveKernel>() {
  std::vector<Case> result;
  for (const auto& s : settings) {
    auto op = sliding<ad::ConvolveKernel>(s);
    op.kernel = space(s.kernel);
    result.push_back({s.name, [op](const auto& x) { return ad::listed(op, x[0], x[1]); },
                      samples({s.image, result_of(s)}, -1, 1),
                      [s](const Arrays& x) { return kernel_of(s, x[0], x[1]); }});
  }
  return result;
}

template <>
std::vector<Case> cases<ad::Unfold>() {
  std::vector<Case> result;
  for (const auto& each : settings) {
    const Setting s = window_of(each);
    const Numbers window(s.kernel.begin() + 2, s.kernel.end());
    result.push_back({s.name, [=](const auto& x) { return unfold(x[0], window, s.unfolding()); }, samples({s.image}),
                      [s](const Arrays& x) {
                        Array<double> y(columns_of(s), 0.0);
                        each_column(s, [&](std::size_t to, std::size_t from) { y.data()[to] = x[0].data()[from]; });
                        return y;
                      }});
  }
  return result;
}
template <>
std::vector<Case> cases<ad::Fold>() {
  std::vector<Case> result;
  for (const auto& each : settings) {
    const Setting s = window_of(each);
    const Numbers window(s.kernel.begin() + 2, s.kernel.end());
    result.push_back({s.name, [=](const auto& x) { return fold(x[0], space(s.image), window, s.unfolding()); },
                      samples({columns_of(s)}),
                      [s](const Arrays& x) {
                        Array<double> y(s.image, 0.0);
                        each_column(s, [&](std::size_t to, std::size_t from) { y.data()[from] += x[0].data()[to]; });
                        return y;
                      }});
  }
  return result;
}
AUTODIFF_CONVOLUTION(TEST_OPERATION)

/// Large enough for threads, for several blocks of columns, and for the library of single precision.
const std::vector<Setting> large{{"images", {17, 16, 15, 14}, {33, 16, 3, 3}, {1}, {1}},
                                 {"strided groups", {9, 16, 21, 20}, {32, 8, 5, 3}, {2, 1}, {2, 0}, {1}, 2},
                                 {"signals", {3, 8, 1200}, {40, 8, 9}, {1}, {4}},
                                 {"many taps", {2, 90, 9, 9}, {20, 90, 5, 5}, {1}, {2}},
                                 {"volumes", {4, 6, 9, 8, 10}, {16, 6, 3, 3, 3}, {1, 2, 1}, {1}}};

/// The gradients of the product of a convolution with numbers, and its result; in a program or without one.
template <class T>
std::vector<Array<T>> results(const Setting& s, int threads, bool program = false) {
  ad::set_threads(threads);
  ad::Tape<T> tape;
  const auto at = samples({s.image, s.kernel, {s.kernel[0]}, result_of(s)}, -1, 1);
  std::vector<ad::Variable<T>> x;
  for (const auto& each : at) x.push_back(tape.variable(ad::to_array<T>(each)));
  const auto y = convolve(x[0], x[1], x[2], s.options());
  if (program) {
    auto outputs = ad::recorded_gradient(ad::sum(y * x[3]), {x[0], x[1], x[2]});
    outputs.push_back(y);
    auto run = ad::compile({x[0], x[1], x[2]}, outputs, {}, {.exact = true});
    return run(x[0].value(), x[1].value(), x[2].value());
  }
  std::vector<Array<T>> all = ad::gradient(ad::sum(y * x[3]), {x[0], x[1], x[2]});
  all.push_back(y.value());
  return all;
}

TEST_CASE("large convolutions are right, in single precision too, with the same bits for any number of threads") {
  const int before = ad::threads();
  for (const auto& s : large) {
    CAPTURE(s.name);
    const auto at = samples({s.image, s.kernel, {s.kernel[0]}, result_of(s)}, -1, 1);
    const auto exact = results<double>(s, 1);
    CHECK_EQ(difference(exact[0], transposed(s, at[3], at[1]), 1e-12), "");
    CHECK_EQ(difference(exact[1], kernel_of(s, at[0], at[3]), 1e-12), "");
    const auto single = results<float>(s, 1);
    for (std::size_t i = 0; i < exact.size(); ++i) CHECK_EQ(difference(single[i], exact[i], 1e-4), "");
    for (const int threads : {2, 5}) {
      CHECK(results<double>(s, threads) == exact);
      CHECK(results<float>(s, threads) == single);
      CHECK(results<float>(s, threads, true) == single);
    }
  }
  ad::set_threads(before);
}

TEST_CASE("padding in words, and channels at the end") {
  const auto at = samples({{2, 3, 7, 6}, {4, 3, 4, 3}, {4}});
  const ad::Variable<double> x(at[0]), k(at[1]), b(at[2]);
  CHECK(convolve(x, k, {}).shape() == Shape{2, 4, 4, 4});
  CHECK(convolve(x, k, {.padding = "valid"}).value() == convolve(x, k, {.stride = 1}).value());
  for (const std::size_t stride : {1, 2, 3}) {  // as TensorFlow has it: the odd zero behind
    const auto y = convolve(x, k, {.stride = stride, .padding = "same"});
    CHECK(y.shape() == Shape{2, 4, (7 + stride - 1) / stride, (6 + stride - 1) / stride});
    const auto front = [&](std::size_t n, std::size_t taps) {
      const std::size_t whole = ((n + stride - 1) / stride - 1) * stride + taps;
      return whole > n ? (whole - n) / 2 : 0;
    };
    const std::size_t above = front(7, 4), left = front(6, 3);
    const auto wide = convolve(pad(x, {{0, 0}, {0, 0}, {above, 9}, {left, 9}}), k, {.stride = stride});
    CHECK_EQ(difference(y.value(), slice(wide, {{}, {}, {0, y.shape(2)}, {0, y.shape(3)}}).value(), 1e-14), "");
  }
  const auto last = ad::ImageLayout::channels_last;
  const auto back = [](const auto& v) { return permute(v, {0, 2, 3, 1}); };
  CHECK(convolve(back(x), k, b, {.padding = 1, .layout = last}).value() ==
        back(convolve(x, k, b, {.padding = 1})).value());
  CHECK(max_pool(back(x), 2, {.layout = last}).value() == back(max_pool(x, 2)).value());
  CHECK(average_pool(back(x), 2, {.layout = last}).value() == back(average_pool(x, 2)).value());
  CHECK(adaptive_average_pool(back(x), {2, 3}, last).value() == back(adaptive_average_pool(x, {2, 3})).value());
  CHECK(global_max_pool(back(x), last).value() == max(x, {2, 3}).value());
  CHECK(global_average_pool(x).value() == mean(x, {2, 3}).value());
}

TEST_CASE("a transposed convolution has the lengths of PyTorch's, and turns a convolution round") {
  const auto at = samples({{2, 4, 5, 6}, {4, 3, 3, 2}});
  const ad::Variable<double> x(at[0]), k(at[1]);
  const auto y = convolve_transposed(x, k, {.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}});
  CHECK(y.shape() == Shape{2, 3, 4 * 2 - 2 + 2 + 1 + 1, 5 * 3 + 1 + 2 + 1});
  // <convolve(u), x> = <u, convolve_transposed(x)>
  const ad::Variable<double> u(sample(y.shape(), -1, 1, 5));
  const double left = sum(convolve(u, k, {.stride = {2, 3}, .padding = {1, 0}}) * x).item(), right = sum(u * y).item();
  CHECK(left == doctest::Approx(right).epsilon(1e-12));
}
TEST_CASE("samples are convolved at once by vmap") {
  const auto at = samples({{3, 2, 4, 7, 6}, {6, 4, 3, 3}, {6, 3, 3, 2}, {6}});
  const ad::Variable<double> x(at[0]), k(at[1]), t(at[2]), b(at[3]);
  const auto each = [&](const auto& v) {
    const auto y = convolve(v, k, {.padding = 1}) + convolve(v, k, b, {.padding = 1});
    return max_pool(convolve_transposed(y, t, {.stride = 2}), 2);
  };
  const auto all = ad::vmap(each, x);
  for (int i = 0; i < 3; ++i) CHECK_EQ(difference(all(i).value(), each(x(i)).value(), 1e-13), "");
}

template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const ad::Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_CASE("what does not fit is refused, with the operation, the rule and the shapes") {
  const auto images = [](const Shape& shape) { return ad::Variable<double>(Array<double>(shape, 1.0)); };
  const auto x = images({2, 4, 5, 5}), k = images({6, 4, 3, 3});
  const std::vector<std::pair<std::string, std::function<void()>>> all{
      {"[convolve] needs images (samples, channels, space...), of one to three axes of space: (2, 4)",
       [&] {
         convolve(images({2, 4}), images({2, 4}), {});
       }},
      {"[convolve] image and kernel must have as many axes: (2, 4, 5, 5) and (6, 4, 3)",
       [&] {
         convolve(x, images({6, 4, 3}), {});
       }},
      {"[convolve] the kernel must have the image's channels in 1 groups: (2, 4, 5, 5) and (6, 3, 3, 3)",
       [&] {
         convolve(x, images({6, 3, 3, 3}), {});
       }},
      {"[convolve] the first axis of the kernel must divide into 4 groups: (6, 4, 3, 3)",
       [&] { convolve(x, k, {.groups = 4}); }},
      {"[convolve] the padding must be at most 2147483648: (18446744073709551615)",
       [&] { convolve(x, k, {.padding = -1}); }},
      {"[convolve] the stride needs one number, or one for each of 2 axes of space: (1, 2, 3)",
       [&] {
         convolve(x, k, {.stride = {1, 2, 3}});
       }},
      {"[convolve] strides and dilations must be at least 1: (0, 0) and (1, 1)",
       [&] { convolve(x, k, {.stride = 0}); }},
      {"[convolve] the kernel must not be longer than the image with its borders: (3, 3) by (4, 4) and (5, 5) with (1, "
       "1) and (1, 1)",
       [&] { convolve(x, k, {.padding = 1, .dilation = 4}); }},
      {"[convolve] needs a bias for each filter: (4) and (6, 4, 3, 3)", [&] { convolve(x, k, images({4}), {}); }},
      {"[padding] there are \"same\" and \"valid\", and numbers: \"full\"",
       [&] { convolve(x, k, {.padding = "full"}); }},
      {"[convolve_transposed] image and kernel must have as many channels: (2, 4, 5, 5) and (6, 4, 3, 3)",
       [&] { convolve_transposed(x, k); }},
      {"[convolve_transposed] the output padding must be below the stride or the dilation: 2",
       [&] {
         convolve_transposed(x, images({4, 2, 3, 3}), {.stride = 2, .output_padding = 2});
       }},
      {"[fold] needs columns (samples, channels * 4, 16): (2, 6, 16)",
       [&] {
         fold(images({2, 6, 16}), {5, 5}, 2);
       }},
      {"[max_pool] the window must not be longer than the image with its borders: (6, 6) and (5, 5)",
       [&] { max_pool(x, 6); }},
      {"[average_pool] the padding must not be more than half the window: (2, 2) and (3, 3)",
       [&] { average_pool(x, 3, {.padding = 2}); }},
      {"[max_pool] a window sees nothing of the image: (2) by (2) and (1)",
       [&] {
         max_pool(images({1, 1, 1}), 2, {.padding = 1, .dilation = 2});
       }},
      {"[adaptive_max_pool] there is nothing to share out: (5, 5) in (0, 2)", [&] {
         adaptive_max_pool(x, {0, 2});
       }}};
  for (const auto& [text, f] : all) CHECK_EQ(error_of(f), text);
}

}  // namespace test
