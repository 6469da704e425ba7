// Decompositions, exponentials and transforms: against their definitions, and identities.
#include "cases.hpp"

#include <autodiff/ops/structs/decompositions.hpp>
#include <autodiff/ops/structs/fourier.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

template <class V>
V turned(const V& x) {
  return ad::swap_axes(x, -2, -1);
}

/// x with 1, 2, ... added to its diagonal: where elements of x are small, singular values differ.
Array<double> steps(const Shape& shape) {
  return build({shape[shape.size() - 2], shape.back()},
               [](const Index& i) { return i[0] == i[1] ? double(i[0] + 1) : 0; });
}
template <class T>
ad::Variable<T> spread(const ad::Variable<T>& x) {
  return x + steps(x.shape());
}
Array<double> spread(const Array<double>& x) { return x + steps(x.shape()); }
Array<double> small(const Shape& shape) { return sample(shape, -0.4, 0.4); }
const std::vector<Shape> any{{3, 3}, {4, 2}, {2, 4}, {2, 2, 3}, {1, 1}, {0, 3}, {0, 2, 2}};

/// Weighted, so that all elements count, and the sign of no vector does.
template <class V>
V weighed(const V& v, double by) {
  const auto n = v.size();
  Array<double> w(v.shape());
  for (std::size_t i = 0; i < n; ++i) w.data()[i] = std::cos(by * double(i));
  return v * v * w;
}

}  // namespace

template <>
std::vector<Case> cases<ad::Qr>() {
  std::vector<Case> result;
  for (const auto& shape : any) {
    result.push_back({"q r",
                      [](const auto& x) {
                        const auto [q, r] = qr(spread(x[0]));
                        return matmul(q, r);
                      },
                      {small(shape)},
                      [](const Arrays& at) { return spread(at[0]); }});
    result.push_back({"q", [](const auto& x) { return qr(spread(x[0]))[0] * 1.0; }, {small(shape)}});
    result.push_back({"r", [](const auto& x) { return qr(spread(x[0]))[1] * 1.0; }, {small(shape)}});
    result.push_back({"r^T r",
                      [](const auto& x) {
                        const auto [q, r] = qr(spread(x[0]));
                        return matmul(turned(r), r);
                      },
                      {small(shape)},
                      [](const Arrays& at) {
                        const ad::Variable<double> a(spread(at[0]));
                        return matmul(turned(a), a).value();
                      }});
  }
  return result;
}

template <>
std::vector<Case> cases<ad::Eigh>() {
  std::vector<Case> result;
  for (const auto& shape : std::vector<Shape>{{3, 3}, {2, 2, 2}, {1, 1}, {0, 0}}) {
    const auto part = [](const Arrays& at) {
      const ad::Variable<double> a(spread(at[0]));
      return ((a + turned(a)) / 2.0).value();
    };
    result.push_back({"v w v^T",
                      [](const auto& x) {
                        const auto [w, v] = eigh(spread(x[0]));
                        return matmul(v * expand_dims(w, -2), turned(v));
                      },
                      {small(shape)},
                      part});
    result.push_back({"w", [](const auto& x) { return eigh(spread(x[0]))[0] * 1.0; }, {small(shape)}});
    result.push_back({"v", [](const auto& x) { return weighed(eigh(spread(x[0]))[1], 1); }, {small(shape)}});
  }
  result.push_back({"w of two by two",
                    [](const auto& x) { return eigh(spread(x[0]))[0]; },
                    {array({2, 2}, {0, 0.5, 0.5, 1})},
                    [](const Arrays&) {
                      const double root = std::sqrt(1.25);
                      return array({2}, {2 - root, 2 + root});
                    }});
  return result;
}

template <>
std::vector<Case> cases<ad::Svd>() {
  std::vector<Case> result;
  for (const auto& shape : any) {
    result.push_back({"u s vh",
                      [](const auto& x) {
                        const auto [u, s, vh] = svd(spread(x[0]));
                        return matmul(u * expand_dims(s, -2), vh);
                      },
                      {small(shape)},
                      [](const Arrays& at) { return spread(at[0]); }});
    result.push_back({"s", [](const auto& x) { return svd(spread(x[0]))[1] * 1.0; }, {small(shape)}});
    result.push_back({"u", [](const auto& x) { return weighed(svd(spread(x[0]))[0], 1); }, {small(shape)}});
    result.push_back({"vh", [](const auto& x) { return weighed(svd(spread(x[0]))[2], 2); }, {small(shape)}});
  }
  return result;
}

template <>
std::vector<Case> cases<ad::PseudoInverse>() {
  std::vector<Case> result;
  for (const auto& shape : any) {
    result.push_back({"pinv",
                      [](const auto& x) { return pinv(spread(x[0])); },
                      {small(shape)},
                      [](const Arrays& at) {  // (a^T a)^-1 a^T, or the other way round
                        const ad::Variable<double> a(spread(at[0]));
                        const auto t = turned(a);
                        const bool high = a.shape(a.dimension() - 2) >= a.shape(a.dimension() - 1);
                        return (high ? solve(matmul(t, a), t) : turned(solve(matmul(a, t), a))).value();
                      }});
  }
  // Of rank one along a curve of such: x y^T has the inverse y x^T / (|x|^2 |y|^2).
  result.push_back({"pinv of rank one", [](const auto& x) { return pinv(outer(x[0], x[1])); }, samples({{3}, {2}}),
                    [](const Arrays& at) {
                      const auto x = at[0], y = at[1];
                      const double scale = xt::sum(x * x)() * xt::sum(y * y)();
                      return build({2, 3}, [&](const Index& i) { return y(i[0]) * x(i[1]) / scale; });
                    }});
  result.push_back({"lstsq",
                    [](const auto& x) { return lstsq(spread(x[0]), x[1]); },
                    {small({4, 2}), sample({4}, -1, 1)},
                    [](const Arrays& at) {
                      const ad::Variable<double> a(spread(at[0])), b(at[1]);
                      return solve(matmul(turned(a), a), matmul(turned(a), b)).value();
                    }});
  return result;
}

template <>
std::vector<Case> cases<ad::MatrixExp>() {
  std::vector<Case> result;
  for (const double scale : {1e-3, 0.1, 0.5, 1.2, 4.0})
    for (const auto& shape : std::vector<Shape>{{3, 3}, {2, 2, 2}, {1, 1}, {0, 0}})
      result.push_back({"matrix_exp",
                        [=](const auto& x) { return matrix_exp(x[0] * scale) * std::exp(-2 * scale); },
                        {sample(shape, -1, 1)},
                        [=](const Arrays& at) {
                          const std::size_t n = at[0].shape().back(), size = n * n;
                          Array<double> y(at[0].shape());
                          for (std::size_t m = 0; size && m < y.size() / size; ++m) {
                            std::vector<long double> power(size), sum(size);
                            for (std::size_t i = 0; i < n; ++i) power[i * n + i] = sum[i * n + i] = 1;
                            for (int k = 1; k < 80; ++k) {
                              std::vector<long double> next(size);
                              for (std::size_t i = 0; i < size; ++i)
                                for (std::size_t j = 0; j < n; ++j)
                                  next[i] += power[i / n * n + j] * at[0].data()[m * size + j * n + i % n] * scale / k;
                              power = next;
                              for (std::size_t i = 0; i < size; ++i) sum[i] += power[i];
                            }
                            for (std::size_t i = 0; i < size; ++i)
                              y.data()[m * size + i] = double(sum[i]) * std::exp(-2 * scale);
                          }
                          return y;
                        }});
  return result;
}

namespace {

/// Real or imaginary part of the transform along the last axis, by its definition.
Array<double> transformed(const Array<double>& real, const Array<double>& imaginary, bool inverse, std::size_t keep,
                          bool part) {
  const std::size_t n = real.shape().back();
  Shape shape = real.shape();
  shape.back() = keep;
  return build(shape, [&](const Index& at) {
    std::complex<long double> sum = 0;
    for (std::size_t j = 0; j < n; ++j) {
      Index from = at;
      from.back() = j;
      const long double angle = (inverse ? 2 : -2) * std::acos(-1.0L) * double(j * at.back() % n) / n;
      sum +=
          std::polar(1.0L, angle) * std::complex<long double>(broadcast_at(real, from), broadcast_at(imaginary, from));
    }
    if (inverse) sum /= n;
    return part ? sum.imag() : sum.real();
  });
}

}  // namespace

template <>
std::vector<Case> cases<ad::Fourier>() {
  std::vector<Case> result;
  for (const auto& shape : std::vector<Shape>{{1}, {2}, {3}, {5}, {8}, {2, 7}, {37}})
    for (const bool inverse : {false, true})
      for (const std::size_t part : {0, 1})
        result.push_back({"fft", [=](const auto& x) { return (inverse ? ifft(x[0], x[1]) : fft(x[0], x[1]))[part]; },
                          samples({shape, shape}, -0.5, 0.5),
                          [=](const Arrays& at) { return transformed(at[0], at[1], inverse, shape.back(), part); }});
  return result;
}

template <>
std::vector<Case> cases<ad::RealFourier>() {
  std::vector<Case> result;
  for (const auto& shape : std::vector<Shape>{{1}, {2}, {3}, {5}, {8}, {2, 6}, {37}, {74}})
    for (const std::size_t part : {0, 1})
      result.push_back(
          {"rfft", [=](const auto& x) { return rfft(x[0])[part]; }, samples({shape}, -0.5, 0.5),
           [=](const Arrays& at) { return transformed(at[0], at[0] * 0.0, false, shape.back() / 2 + 1, part); }});
  result.push_back(
      {"rfft of another axis", [](const auto& x) { return rfft(x[0], 0)[1]; }, samples({{4, 2}}),
       [](const Arrays& at) {
         return build({3, 2}, [&](const Index& i) { return i[0] == 1 ? at[0](3, i[1]) - at[0](1, i[1]) : 0; });
       }});
  return result;
}

template <>
std::vector<Case> cases<ad::InverseRealFourier>() {
  std::vector<Case> result;
  for (const std::size_t n : {1, 2, 3, 6, 7, 74})
    result.push_back({"irfft", [=](const auto& x) { return irfft(x[0], x[1], n); },
                      samples({{2, n / 2 + 1}, {2, n / 2 + 1}}),
                      [=](const Arrays& at) {
                        const auto mirrored = [&](int which, double sign) {
                          return build({2, n}, [&](const Index& i) {
                            const std::size_t k = std::min(i[1], n - i[1]);
                            if (sign < 0 && (k == 0 || 2 * k == n)) return 0.0;
                            return (2 * i[1] > n ? sign : 1) * at[std::size_t(which)](i[0], k);
                          });
                        };
                        return transformed(mirrored(0, 1), mirrored(1, -1), true, n, false);
                      }});
  result.push_back({"rfft and back",
                    [](const auto& x) {
                      const auto [real, imaginary] = rfft(x[0]);
                      return irfft(real, imaginary);
                    },
                    samples({{10}}), [](const Arrays& at) { return at[0]; }});
  return result;
}

template <>
std::vector<Case> cases<ad::Convolve>() {
  std::vector<Case> result;
  using Mode = ad::ConvolveMode;
  for (const auto& each :
       std::vector<Shapes>{{{5}, {3}}, {{2}, {6}}, {{1}, {1}}, {{2, 4}, {2}}, {{3, 1, 3}, {2, 2}}, {{300}, {70}}})
    for (const auto mode : {Mode::full, Mode::same, Mode::valid}) {
      const bool by_transform = each[0].back() > 100;
      if (by_transform && mode == Mode::same) continue;
      result.push_back(
          {"convolve",
           [=](const auto& x) {
             const auto y = convolve(x[0], x[1], mode);
             return by_transform ? take_range(y, -1, 20, 23) : y;  // differences of thousands take long
           },
           samples(each, -0.4, 0.4),
           [=](const Arrays& at) {
             const std::size_t m = each[0].back(), n = each[1].back(), least = std::min(m, n), most = std::max(m, n);
             const std::size_t first = mode == Mode::full ? 0 : mode == Mode::same ? (least - 1) / 2 : least - 1;
             const std::size_t length = mode == Mode::full ? m + n - 1 : mode == Mode::same ? most : most - least + 1;
             Shape shape = each[0].size() == 3 ? Shape{3, 2} : each[0].size() == 2 ? Shape{2} : Shape{};
             shape.push_back(by_transform ? 3 : length);
             return build(shape, [&](const Index& i) {
               const std::size_t at_full = i.back() + first + (by_transform ? 20 : 0);
               long double sum = 0;
               for (std::size_t j = 0; j < n; ++j) {
                 if (at_full < j || at_full - j >= m) continue;
                 Index a = i, b = i;
                 a.back() = at_full - j, b.back() = j;
                 sum += static_cast<long double>(broadcast_at(at[0], a)) * broadcast_at(at[1], b);
               }
               return sum;
             });
           }});
    }
  return result;
}

AUTODIFF_DECOMPOSITIONS(TEST_OPERATION)
AUTODIFF_FOURIER(TEST_OPERATION)

TEST_CASE("shapes that do not fit, and values that are not finite") {
  ad::Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, 0, 1)), y = tape.variable(sample({2, 3}, 0, 1));
  CHECK_THROWS_AS(lstsq(x, tape.variable({1.0})), ad::ShapeError);
  CHECK_THROWS_AS(irfft(x, y, 7), ad::ShapeError);
  CHECK_THROWS_AS(fft(x, tape.variable({1.0})), ad::ShapeError);
  CHECK_THROWS_AS(convolve(x, tape.variable(Array<double>(Shape{0}))), ad::ShapeError);
  CHECK_THROWS_AS(eigh(x), ad::ShapeError);
  CHECK_THROWS_WITH_AS(ad::svd(ad::stack({x, x / 0.0})), "[svd] matrix 1 of the batch holds a value that is not finite",
                       ad::ValueError);
  CHECK_THROWS_WITH_AS(eigh(tape.variable(array({1, 1}, {std::nan("")}))),
                       "[eigh] the matrix holds a value that is not finite", ad::ValueError);
  CHECK(std::isnan(matrix_exp(tape.variable(array({1, 1}, {std::nan("")}))).item()));
}

TEST_CASE(
    "eigh and svd of matrices that divide and conquer finds hard: equal values, no rank, far scales, no coupling") {
  const auto threads = ad::threads();
  for (const std::size_t n : {2, 33, 66, 130}) {
    const auto q = ad::qr(ad::Variable<double>(sample({n, n}, -1, 1)))[0], p = turned(ad::qr(cos(q * 9.0))[0]);
    const auto by_place = [n](auto f) { return build({n}, [f](const Index& i) { return f(double(i[0])); }); };
    const auto band = [n](auto diagonal, auto beside) {
      return build({n, n}, [=](const Index& i) {
        const double at = double(std::min(i[0], i[1]));
        return i[0] == i[1] ? diagonal(at) : i[0] + 1 == i[1] || i[1] + 1 == i[0] ? beside(at) : 0;
      });
    };
    const auto constant = [](double c) { return [c](double) { return c; }; };
    std::vector<Array<double>> all{q.value(),
                                   sample({n, n}, 0.5, 1),
                                   Array<double>(Shape{n, n}, 0),
                                   Array<double>(Shape{n, n}, 1),
                                   ad::eye<double>(n).value(),
                                   band(constant(2), constant(1)),
                                   band([=](double i) { return std::abs(i - double(n / 2)); }, constant(1)),
                                   band([](double i) { return int(i) % 4 ? 1 : 0; }, constant(1e-9)),
                                   band(constant(0), constant(1e-200)),
                                   band(constant(1e300), [](double i) { return int(i) % 2 ? 1e300 : 0; }),
                                   band([](double i) { return i == 0 ? 1e308 : 1; }, constant(0))};
    for (const auto& values : {by_place([=](double i) { return i < double(n / 2) ? 1 : 0; }),
                               by_place([](double i) { return 1 + int(i) % 3; }),
                               by_place([=](double i) { return std::pow(10, -20 * i / double(n)); }),
                               by_place([](double i) { return 1 + 1e-14 * i; })})
      for (const auto& right : {p, turned(q)}) all.push_back(matmul(q * values, right).value());
    for (std::size_t k = 0; k < all.size(); ++k) {
      CAPTURE(n);
      CAPTURE(k);
      const ad::Variable<double> a(all[k]), symmetric = a * 0.5 + turned(a) * 0.5;
      const auto [w, v] = eigh(symmetric);
      const auto [u, s, vh] = svd(a);
      const double size = std::max(xt::amax(xt::abs(all[k]))(), 1e-300), tolerance = 1e-14 * double(n);
      const auto one = ad::eye<double>(n).value();
      CHECK_EQ(difference(matmul(v * (w / size), turned(v)).value(), (symmetric / size).value(), tolerance), "");
      CHECK_EQ(difference(matmul(u * (s / size), vh).value(), (a / size).value(), tolerance), "");
      for (const auto& each : {matmul(turned(v), v), matmul(turned(u), u), matmul(vh, turned(vh))})
        CHECK_EQ(difference(each.value(), one, tolerance), "");
      CHECK(std::is_sorted(w.value().begin(), w.value().end()));
      CHECK(std::is_sorted(s.value().begin(), s.value().end(), std::greater<>()));
      CHECK(s.value()(n - 1) >= 0);
      ad::set_threads(threads == 3 ? 2 : 3);
      CHECK(eigh(symmetric)[1].value() == v.value());
      CHECK(svd(a)[0].value() == u.value());
      ad::set_threads(threads);
    }
  }
  ad::Tape<double> tape;
  const auto [u, s, vh] = svd(tape.variable(sample({3, 70}, -1, 1)));
  CHECK_EQ(difference(matmul(u * s, vh).value(), sample({3, 70}, -1, 1), 1e-14), "");
}

TEST_CASE("equal eigenvalues and singular values: gradients of what does not depend on the vectors") {
  ad::Tape<double> tape;
  const auto a = tape.variable(ad::eye<double>(3) * 2.0);
  const auto [w, v] = eigh(a);
  CHECK_EQ(difference(gradient(sum(w * w * w), a), xt::eye<double>(3) * 12.0, 1e-14), "");
  const auto whole = matmul(v * expand_dims(w * w, 0), transpose(v));  // a^2, by a way that asks the vectors
  CHECK(xt::all(xt::isfinite(gradient(sum(whole), a))));
  const auto projector = matmul(v, transpose(v));  // 1 whatever a is
  CHECK_EQ(difference(gradient(sum(projector * sample({3, 3}, -1, 1)), a), xt::zeros<double>({3, 3}), 1e-14), "");
  const auto [u, s, vh] = svd(a);
  CHECK_EQ(difference(gradient(sum(s), a), xt::eye<double>(3), 1e-14), "");
  CHECK(xt::all(xt::isfinite(gradient(sum(matmul(u * s, vh)), a))));
}

}  // namespace test
