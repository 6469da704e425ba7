// Three real outputs: what critics, IMDb and Rotten Tomatoes will say of a movie. One hidden layer, a linear output
// layer, squared error, gradient descent; on movies that are made up from a seed.
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

namespace ad = autodiff;
using Array = ad::Array<double>;
using Variables = std::vector<ad::Variable<double>>;

static std::mt19937 bits(2024);

/// Numbers from -1 to 1.
static Array uniform(std::size_t rows, std::size_t columns) {
  Array a = xt::zeros<double>({rows, columns});
  for (double& x : a) x = std::ldexp(double(bits()), -31) - 1;
  return a;
}

/// Five features of a movie (budget, length, stars, age, explosions) and its ratings from 0 to 10.
struct Movies {
  explicit Movies(std::size_t n) : features(uniform(n, 5)), ratings(0.2 * uniform(n, 3)) {
    for (std::size_t i = 0; i < n; ++i) {
      const auto f = [&](std::size_t j) { return features(i, j); };
      ratings(i, 0) += 6 + 2 * std::tanh(2 * f(3)) - 1.5 * f(4) * f(4);
      ratings(i, 1) += 6.5 + std::tanh(f(0) + f(2)) + f(4) - f(1) * f(1);
      ratings(i, 2) += 6 + f(2) + std::sin(2 * f(3)) - f(0) * f(4);
    }
  }
  Array features, ratings;
};

/// p = W1 b1 W2 b2: the output units are linear, since a rating is any real number.
static auto predict(const Variables& p, const Array& features) {
  return ad::linear(ad::tanh(ad::linear(features, p[0], p[1])), p[2], p[3]);
}

int main() {
  const Movies seen(200), unseen(100);
  std::vector<Array> parameters{uniform(5, 24), uniform(1, 24), 0.3 * uniform(24, 3), 0.0 * uniform(1, 3)};

  const auto loss_of = [&](const Variables& p) { return ad::squared_error(predict(p, seen.features), seen.ratings); };
  const auto report = ad::check_gradient(loss_of, parameters);
  std::printf("gradients: %s\n", report.message().c_str());
  if (!report) return 1;

  for (int step = 0; step <= 2000; ++step) {
    ad::Tape<double> tape;
    Variables p;
    for (const auto& value : parameters) p.push_back(tape.variable(value));
    const auto loss = loss_of(p);
    if (step % 400 == 0) std::printf("step %4d  loss %8.4f\n", step, loss.item());
    const auto slopes = ad::gradient(loss, p);
    for (std::size_t i = 0; i < p.size(); ++i) parameters[i] -= 0.03 * slopes[i];
  }

  Variables p;  // off any tape: nothing is recorded where no gradient is needed
  for (const auto& value : parameters) p.emplace_back(value);
  const auto rms = ad::sqrt(ad::mean(ad::square(predict(p, unseen.features) - unseen.ratings), 0)).value();
  const auto spread = ad::sqrt(ad::variance(ad::Variable<double>(unseen.ratings), 0)).value();
  bool learnt = true;
  for (std::size_t k = 0; k < 3; ++k) {
    const char* name[] = {"critics", "IMDb", "Rotten Tomatoes"};
    std::printf("%-15s is off by %.2f on unseen movies, guessing the mean by %.2f\n", name[k], rms(k), spread(k));
    learnt &= rms(k) < 0.4 * spread(k);
  }
  return learnt ? 0 : 1;
}
