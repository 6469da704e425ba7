#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nn/nn.hpp>
#include <sstream>

using autodiff::Array;
using autodiff::Shape;

namespace {

nn::Dataset<double> counting(std::size_t samples) {
  nn::Dataset<double> data{xt::zeros<double>({samples, std::size_t{2}}), xt::zeros<double>({samples}), {"0", "1"}};
  for (std::size_t i = 0; i < samples; ++i) {
    data.inputs(i, 0) = double(i), data.inputs(i, 1) = -double(i);
    data.targets(i) = double(i % 2);
  }
  return data;
}

}  // namespace

TEST_CASE("a split takes every sample once, and depends on the seed alone") {
  const auto data = counting(103);
  const auto [train, test] = nn::split(data, 0.2, 7);
  CHECK(train.size() == 82);
  CHECK(test.size() == 21);
  std::vector<double> seen(train.inputs.begin(), train.inputs.end());
  seen.insert(seen.end(), test.inputs.begin(), test.inputs.end());
  std::ranges::sort(seen);
  for (int i = -102; i <= 102; ++i) CHECK(std::ranges::count(seen, double(i)) == (i == 0 ? 2 : 1));
  for (std::size_t i = 0; i < test.size(); ++i) CHECK(test.targets(i) == int(test.inputs(i, 0)) % 2);
  CHECK(nn::split(data, 0.2, 7).test.inputs == test.inputs);
  CHECK(nn::split(data, 0.2, 8).test.inputs != test.inputs);
  CHECK_THROWS_AS(nn::split(data, 0.001, 7), autodiff::ValueError);
  CHECK_THROWS_AS(nn::split(data, 1, 7), autodiff::ValueError);
  CHECK_THROWS_AS(nn::split(data, double(NAN), 7), autodiff::ValueError);
}

TEST_CASE("batches cover every sample once, in an order of seed and epoch") {
  const auto first = nn::batches(10, 4, 1, 0);
  REQUIRE(first.size() == 3);
  CHECK(first[0].size() == 4);
  CHECK(first[2].size() == 2);
  std::vector<std::size_t> all;
  for (const auto& batch : first) all.insert(all.end(), batch.begin(), batch.end());
  std::ranges::sort(all);
  CHECK(all == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(nn::batches(10, 4, 1, 0) == first);
  CHECK(nn::batches(10, 4, 1, 1) != first);
  CHECK(nn::batches(10, 4, 2, 0) != first);
  CHECK(nn::batches(10, 100, 1, 0).size() == 1);
  CHECK(nn::batches(0, 4, 1, 0).empty());
  CHECK_THROWS_AS(nn::batches(10, 0, 1, 0), autodiff::ValueError);
}

TEST_CASE("a stratified split gives every class its share") {
  // 40, 33, 20, 7 and 3 samples of five classes; the test gets 21 of 103.
  auto data = counting(103);
  for (int i = 0; i < 103; ++i) data.targets(i) = i < 40 ? 0 : i < 73 ? 1 : i < 93 ? 2 : i < 100 ? 3 : 4;
  const auto [train, test] = nn::stratified_split(data, 0.2, 7);
  CHECK(test.size() == 21);
  CHECK(train.size() == 82);
  std::vector<int> counts(5);
  for (const double label : test.targets) ++counts[std::size_t(label)];
  CHECK(counts == std::vector<int>{8, 7, 4, 1, 1});  // of 8.16, 6.73, 4.08, 1.43, 0.61
  std::vector<double> seen;
  for (const auto* part : {&train, &test})
    for (std::size_t i = 0; i < part->size(); ++i) {
      const double number = part->inputs(i, 0);
      seen.push_back(number);
      CHECK(part->targets(i) == data.targets(std::size_t(number)));
    }
  CHECK(!std::ranges::is_sorted(seen.begin(), seen.begin() + 82));
  std::ranges::sort(seen);
  for (std::size_t i = 0; i < 103; ++i) CHECK(seen[i] == double(i));
  CHECK(nn::stratified_split(data, 0.2, 7).test.inputs == test.inputs);
  CHECK(nn::stratified_split(data, 0.2, 8).test.inputs != test.inputs);
  CHECK_THROWS_AS(nn::stratified_split(data, 0.001, 7), autodiff::ValueError);
  CHECK_THROWS_AS(nn::stratified_split(nn::regression(data.inputs, data.targets), 0.2, 7), autodiff::ShapeError);
}

TEST_CASE("folds hold every sample once") {
  const auto parts = nn::folds(11, 4, 3);
  REQUIRE(parts.size() == 4);
  std::vector<std::size_t> all;
  for (const auto& part : parts) {
    CHECK((part.size() == 2 || part.size() == 3));
    all.insert(all.end(), part.begin(), part.end());
    const auto train = nn::others(11, part);
    CHECK(train.size() + part.size() == 11);
    for (const std::size_t number : train) CHECK(std::ranges::count(part, number) == 0);
  }
  CHECK(!std::ranges::is_sorted(all));
  std::ranges::sort(all);
  CHECK(all == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(nn::folds(11, 4, 3) == parts);
  CHECK(nn::folds(11, 4, 4) != parts);
  CHECK_THROWS_AS(nn::folds(11, 1, 3), autodiff::ValueError);
  CHECK_THROWS_AS(nn::folds(11, 12, 3), autodiff::ValueError);
  CHECK_THROWS_AS(nn::others(3, std::vector<std::size_t>{3}), autodiff::ValueError);
}

TEST_CASE("arrays become data sets") {
  const auto images = nn::classification<double>(xt::ones<double>({2, 3, 4}), {2, 0});
  CHECK(images.inputs.shape() == Shape{2, 12});
  CHECK(images.classes == std::vector<std::string>{"0", "1", "2"});
  const auto values = nn::regression<double>({{1, 2}, {3, 4}}, {5, 6});
  CHECK(values.targets.shape() == Shape{2, 1});
  CHECK(values.outputs() == 1);
  CHECK(values.classes.empty());
  const auto pairs = nn::regression<double>({{1, 2}, {3, 4}}, {{5, 6, 7}, {8, 9, 10}});
  CHECK(pairs.outputs() == 3);
  CHECK(pairs.rows(std::vector<std::size_t>{1}).targets == Array<double>{{8, 9, 10}});
  CHECK_THROWS_AS(nn::regression<double>({{1, 2}, {3, 4}}, {5, 6, 7}), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::classification<double>({{1, 2}, {3, 4}}, {{0, 1}, {1, 0}}), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::classification<double>({{1, 2}, {3, 4}}, {0, -1}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::classification<double>({{1, 2}, {3, 4}}, {0, 0.5}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::classification<double>({{1, 2}, {3, 4}}, {0, 1e30}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::classification<double>({{1, 2}, {3, 4}}, {0, double(NAN)}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::classification<double>(xt::zeros<double>({2, 0}), {0, 1}), autodiff::ShapeError);
  CHECK(nn::one_hot(Array<double>{2, 0}, 3) == Array<double>{{0, 0, 1}, {1, 0, 0}});
  CHECK_THROWS_AS(nn::one_hot(Array<double>{3}, 3), autodiff::ValueError);
}

TEST_CASE("rows are chosen with their targets") {
  const auto chosen = counting(5).rows(std::vector<std::size_t>{3, 3, 0});
  CHECK(chosen.inputs == Array<double>{{3, -3}, {3, -3}, {0, 0}});
  CHECK(chosen.targets == Array<double>{1, 1, 0});
  CHECK_THROWS_AS(counting(5).rows(std::vector<std::size_t>{5}), autodiff::ValueError);
}

TEST_CASE("features are scaled by what was seen") {
  const Array<double> seen{{0, 5}, {10, 5}, {5, 5}};
  const auto range = nn::scale_range(seen);
  CHECK(range(seen) == Array<double>{{0, 0.5}, {1, 0.5}, {0.5, 0.5}});
  CHECK(range(Array<double>{{20, -10}}) == Array<double>{{2, -1}});
  const auto standard = nn::standardise(Array<double>{{1, 7}, {3, 7}});  // mean 2, deviation 1; constant
  CHECK(standard(Array<double>{{3, 7}, {5, 9}}) == Array<double>{{1, 0}, {3, 0}});
  const auto each = nn::min_max(Array<double>{{0, 5, 7}, {10, 1, 7}, {5, 2, 7}});
  CHECK(each(Array<double>{{10, 1, 7}, {20, 3, 8}}) == Array<double>{{1, 0, 0}, {2, 0.5, 0}});
  // Back again; what is constant as that constant.
  CHECK(range.inverse(range(seen)) == seen);
  CHECK(each.inverse(Array<double>{{1, 0, 0}, {2, 0.5, 9}}) == Array<double>{{10, 1, 7}, {20, 3, 7}});
  CHECK(standard.inverse(Array<double>{{1, 0}, {3, 5}}) == Array<double>{{3, 7}, {5, 7}});
  CHECK_THROWS_AS(standard.inverse(Array<double>{{1, 0, 0}}), autodiff::ShapeError);
  CHECK(nn::scale_range(Array<double>{{4, 4}})(Array<double>{{4, 4}}) == Array<double>{{0, 0}});
  CHECK_THROWS_AS(standard(Array<double>{1}), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::standardise(Array<double>(xt::zeros<double>({0, 3}))), autodiff::ShapeError);
}

TEST_CASE("a confusion matrix counts and prints") {
  const Array<double> scores{{3, 1, 0}, {0, 1, 2}, {0, 5, 4}, {0, 1, 2}}, labels{0, 2, 1, 1};
  nn::ConfusionMatrix matrix({"cat", "dog", "horse"});
  matrix.add(scores, labels);
  CHECK(matrix(1, 1) == 1);
  CHECK(matrix(1, 2) == 1);
  CHECK(matrix.samples() == 4);
  CHECK(matrix.accuracy() == 0.75);
  CHECK(nn::accuracy(scores, labels) == 0.75);
  std::ostringstream out;
  out << matrix;
  CHECK(out.str() ==
        "actual | predicted\n"
        "       |   cat   dog horse\n"
        "-------+------------------\n"
        "   cat |     1     .     .\n"
        "   dog |     .     1     1\n"
        " horse |     .     .     1\n");
  CHECK_THROWS_AS(matrix.add(scores, Array<double>{0, 2, 1, 3}), autodiff::ValueError);
  CHECK_THROWS_AS(matrix.add(scores, Array<double>{0, 2, 1, 0.5}), autodiff::ValueError);
  CHECK_THROWS_AS(matrix.add(Array<double>{{1, 2}}, Array<double>{0}), autodiff::ShapeError);
  CHECK(matrix.samples() == 4);
  CHECK_THROWS_AS(matrix(3, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::ConfusionMatrix({}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::ConfusionMatrix({"a"}).accuracy(), autodiff::ValueError);
  CHECK_THROWS_AS(nn::accuracy(scores, Array<double>{0}), autodiff::ShapeError);
}

TEST_CASE("a feature that is constant in many samples stays so when it is standardised") {
  autodiff::Array<float> values(autodiff::Shape{200'000, 2}, 0.1f);  // the sum of so many is not exact
  for (std::size_t i = 0; i < values.shape(0); ++i) values(i, 1) = i % 2 ? 1.f : 3.f;
  const auto scaling = nn::standardise(values);
  CHECK(scaling.factor(0) == 0);
  CHECK(scaling.factor(1) == doctest::Approx(1));
}

TEST_CASE("missing features are filled in by what other data shows") {
  const double none = std::nan("");
  nn::Dataset<double> train{{{1, 0, 1, 2}, {none, 1, 0, 2}, {2, none, none, 0}, {6, 0, 1, none}}, {0, 0, 1, 1}};
  const Array<double> row{{none, none, none, none}};
  CHECK(nn::fill_mean(train)(row) == Array<double>{{3, 1.0 / 3, 2.0 / 3, 4.0 / 3}});
  CHECK(nn::fill_median(train)(row) == Array<double>{{2, 0, 1, 2}});
  // Of categories, the most frequent one.
  train.feature_names = {"size", "kind=a", "kind=b", "colour"};
  train.categories = {{"kind", {"a", "b"}}, {"colour", {"red", "green", "blue"}}};
  CHECK(nn::fill_mean(train)(row) == Array<double>{{3, 0, 1, 2}});
  CHECK(nn::fill_mean(train)(Array<double>{{7, 1, 0, none}}) == Array<double>{{7, 1, 0, 2}});
  train.inputs(0, 0) = train.inputs(2, 0) = train.inputs(3, 0) = none;
  CHECK_THROWS_WITH_AS(nn::fill_median(train), "[fill_median] size holds no value in these samples", nn::DataError);
  train.categories["none"] = {};  // such a list is passed over
  train.inputs(0, 0) = 1;
  nn::fill_median(train);
  train.feature_names = {"kind=a", "kind=a", "kind=b", "colour"};
  CHECK_THROWS_WITH_AS(nn::fill_mean(train),
                       "[fill_mean] two features have one name, so that categories cannot be told apart",
                       nn::DataError);
  // The mean of a constant is that constant.
  nn::Dataset<double> constant{Array<double>(autodiff::Shape{103, 1}, 7.1), {}};
  constant.inputs(50, 0) = none;
  CHECK(nn::fill_mean(constant).values(0) == 7.1);
  CHECK_THROWS_WITH_AS(nn::Imputation{Array<double>{1}}(row), "[imputation] needs inputs (samples, 1): (1, 4)",
                       autodiff::ShapeError);
  static_assert(std::same_as<nn::Filling, nn::Imputation>);  // what it was called first
}

TEST_CASE("numbers in the fewest digits, and names of files in quotes") {
  CHECK(nn::digits(0.1f) == "0.1");
  CHECK(nn::digits(0.1) == "0.1");
  CHECK(nn::digits(0.1 + 0.2) == "0.30000000000000004");
  CHECK(nn::digits(std::uint64_t(-1)) == "18446744073709551615");
  CHECK(nn::in_quotes("a\tb\x7f\xff") == "\"a?b??\"");
  // UTF-8 is shown, but for what is broken, too long, a surrogate, a control or turns the direction of what follows.
  CHECK(nn::in_quotes("K\u00f6ln \u20ac \U0001f600") == "\"K\u00f6ln \u20ac \U0001f600\"");
  for (const char* bytes : {"\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xc2\x9b", "\xe2\x80\xae", "\xf4\x90\x80\x80"})
    CHECK(nn::in_quotes(bytes) == '"' + std::string(std::string_view(bytes).size(), '?') + '"');
  CHECK(nn::in_quotes(std::string(59, 'x') + "\u00f6") == '"' + std::string(59, 'x') + "...\"");
  CHECK(nn::in_quotes(std::string(60, 'x')) == '"' + std::string(60, 'x') + '"');
  CHECK(nn::in_quotes(std::string(61, 'x')) == '"' + std::string(60, 'x') + "...\"");
}

TEST_CASE("labels are whole numbers from 0") {
  const auto error_of = [](double label) {
    try {
      nn::classification(Array<double>(xt::zeros<double>({3, 2})), Array<double>{0, label, 1});
    } catch (const autodiff::ValueError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (const auto& [label, text] : {std::pair(-1.0, "-1"), {0.5, "0.5"}, {1000.0, "1000"}})
    CHECK(error_of(label) ==
          "[classification] label 1 must be a whole number from 0 to 1000 (not included): " + std::string(text));
  CHECK(error_of(2) == "");
}

TEST_CASE("stratified folds hold every sample once, and every class in its share") {
  Array<double> labels(Shape{103});
  for (std::size_t i = 0; i < 103; ++i) labels(i) = i % 10 == 0 ? 2 : i % 3 == 0 ? 1 : 0;
  const auto folds = nn::stratified_folds(labels, 5, 3);
  CHECK(folds != nn::stratified_folds(labels, 5, 4));
  std::vector<std::size_t> all;
  for (const auto& fold : folds) {
    all.insert(all.end(), fold.begin(), fold.end());
    CHECK(std::abs(double(fold.size()) - 103 / 5.0) < 1);
    for (const double label : {0, 1, 2}) {
      const auto share = double(std::ranges::count(labels, label)) / 5;
      const auto here = std::ranges::count_if(fold, [&](std::size_t i) { return labels(i) == label; });
      CHECK(std::abs(double(here) - share) < 1);
    }
  }
  std::ranges::sort(all);
  for (std::size_t i = 0; i < 103; ++i) CHECK(all[i] == i);
  CHECK_THROWS_AS(nn::stratified_folds(labels, 1, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::stratified_folds(labels, 104, 0), autodiff::ValueError);
}

TEST_CASE("balanced weights are those of scikit-learn") {
  // compute_class_weight("balanced", classes=[0, 1, 2], y=...): samples / (classes n).
  const auto weights = nn::balanced_class_weights(Array<double>{0, 0, 0, 1, 1, 2}, 3);
  CHECK(weights == std::vector<double>{6 / 9.0, 1, 2});
  CHECK(nn::balanced_class_weights(Array<float>{0, 2, 2, 2}, 3) == std::vector<double>{2, 0, 4 / 6.0});
  CHECK_THROWS_AS(nn::balanced_class_weights(Array<double>{3}, 3), autodiff::ValueError);
}
