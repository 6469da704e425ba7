// Public data sets are what their sources say, where they are at hand.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cmath>
#include <iostream>
#include <nn/nn.hpp>
#include <numeric>

using autodiff::Array;
using autodiff::Shape;
using Options = nn::CsvOptions;

namespace {

const std::filesystem::path data = SHARED_DATA;

std::vector<int> histogram(const Array<double>& labels) {
  std::vector<int> counts;
  for (const double label : labels) {
    counts.resize(std::max(counts.size(), std::size_t(label) + 1));
    ++counts[std::size_t(label)];
  }
  return counts;
}

double mean(const Array<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
}

double deviation(const Array<double>& values) {
  const double m = mean(values);
  double square = 0;
  for (const double v : values) square += (v - m) * (v - m);
  return std::sqrt(square / double(values.size()));
}

}  // namespace

TEST_CASE("MNIST") {
  const auto mnist = data / "mnist";
  const auto train = nn::read_idx<double>(mnist / "train-images-idx3-ubyte.gz", mnist / "train-labels-idx1-ubyte.gz");
  CHECK(train.inputs.shape() == Shape{60000, 784});
  CHECK(histogram(train.targets) == std::vector<int>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949});
  CHECK(std::vector<double>(train.targets.begin(), train.targets.begin() + 5) == std::vector<double>{5, 0, 4, 1, 9});
  CHECK(std::accumulate(train.inputs.begin(), train.inputs.end(), 0.0) == 1567298545);
  CHECK(mean(train.inputs) / 255 == doctest::Approx(0.130660).epsilon(1e-5));
  CHECK(deviation(train.inputs) / 255 == doctest::Approx(0.308108).epsilon(1e-5));
  const auto test = nn::read_idx<double>(mnist / "t10k-images-idx3-ubyte.gz", mnist / "t10k-labels-idx1-ubyte.gz");
  CHECK(test.size() == 10000);
  CHECK(histogram(test.targets) == std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009});
  CHECK(std::accumulate(test.inputs.begin(), test.inputs.end(), 0.0) == 264923200);
  CHECK_THROWS_AS(nn::FileSource<float>(mnist / "t10k-images-idx3-ubyte.gz", mnist / "t10k-labels-idx1-ubyte.gz"),
                  nn::DataError);
}

TEST_CASE("the small sets of scikit-learn") {
  const auto iris = nn::read_csv<double>(data / "sklearn/iris.csv");
  CHECK(iris.inputs.shape() == Shape{150, 4});
  CHECK(histogram(iris.targets) == std::vector<int>{50, 50, 50});
  CHECK(iris.classes == std::vector<std::string>{"setosa", "versicolor", "virginica"});
  const auto wine = nn::read_csv<double>(data / "sklearn/wine_data.csv");
  CHECK(wine.inputs.shape() == Shape{178, 13});
  CHECK(histogram(wine.targets) == std::vector<int>{59, 71, 48});
  const auto cancer = nn::read_csv<double>(data / "sklearn/breast_cancer.csv");
  CHECK(cancer.inputs.shape() == Shape{569, 30});
  CHECK(histogram(cancer.targets) == std::vector<int>{212, 357});
  CHECK(cancer.classes == std::vector<std::string>{"malignant", "benign"});
  const auto digits = nn::read_csv<double>(data / "sklearn/digits.csv.gz");
  CHECK(digits.inputs.shape() == Shape{1797, 64});
  CHECK(histogram(digits.targets) == std::vector<int>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
  const auto diabetes =
      nn::read_csv<double>(data / "sklearn/diabetes_data_raw.csv.gz", {.separator = ' ', .regression = true});
  CHECK(diabetes.inputs.shape() == Shape{442, 9});
}

TEST_CASE("California housing") {
  const auto houses = nn::read_csv<double>(data / "california-housing/cal_housing.data", {.regression = true});
  CHECK(houses.inputs.shape() == Shape{20640, 8});
  CHECK(houses.targets.shape() == Shape{20640, 1});
  CHECK(mean(houses.targets) == doctest::Approx(206855.8169).epsilon(1e-9));
  CHECK(deviation(houses.targets) == doctest::Approx(115392.8204).epsilon(1e-9));
}

TEST_CASE("cars, with missing horsepower") {
  Options options{
      .separator = ' ', .targets = {1}, .regression = true, .categorical = {{8, true, {"1", "2", "3"}}}, .drop = {9}};
  const auto path = data / "auto-mpg/auto-mpg.data";
  CHECK_THROWS_WITH_AS(nn::read_csv<double>(path, options),
                       ("[read_csv] " + path.string() + ":33: column 4 is missing: \"?\"").c_str(), nn::DataError);
  options.missing = Options::Missing::drop_row;
  CHECK(nn::read_csv<double>(path, options).inputs.shape() == Shape{392, 9});
  options.missing = Options::Missing::median;
  const auto cars = nn::read_csv<double>(path, options);
  CHECK(cars.inputs.shape() == Shape{398, 9});
  CHECK(mean(cars.targets) == doctest::Approx(23.5146).epsilon(1e-5));
  CHECK(cars.feature_names.back() == "column 8=3");
}

TEST_CASE("the regression sets of UCI") {
  const struct {
    const char* name;
    std::size_t samples, features, test;
    double mean, deviation;
  } sets[] = {{"energy", 768, 8, 77, 22.3072, 10.0836},
              {"concrete", 1030, 8, 103, 35.8180, 16.6976},
              {"yacht", 308, 6, 31, 10.4954, 15.1359},
              {"kin8nm", 8192, 8, 819, 0.7143, 0.2636},
              {"wine-quality-red", 1599, 11, 160, 5.6360, 0.8073}};
  for (const auto& set : sets) {
    CAPTURE(set.name);
    const auto folder = data / "uci-regression" / set.name;
    const auto read = nn::read_csv<double>(folder / "data.txt", {.separator = ' ', .regression = true});
    CHECK(read.inputs.shape() == Shape{set.samples, set.features});
    CHECK(std::abs(mean(read.targets) - set.mean) < 1e-4);
    CHECK(std::abs(deviation(read.targets) - set.deviation) < 1e-4);
  }
}

int main(int argc, char** argv) {
  if (!std::filesystem::is_directory(data)) {
    std::cout << "skipped: there is no " << data << '\n';
    return 77;
  }
  return doctest::Context(argc, argv).run();
}
