#include <cmath>
#include <limits>

#include "nn_support.hpp"
#include "reference/metrics.hpp"

using autodiff::Array;
using autodiff::Shape;
using nn::Average;
using test::array;
using test::error_of;

namespace {

Array<double> named(const std::string& name, const Shape& shape) { return array(reference::metrics.at(name), shape); }

doctest::Approx about(const std::string& name, std::size_t i = 0) {
  return doctest::Approx(reference::metrics.at(name).at(i)).epsilon(1e-12);
}

constexpr std::size_t samples = 60, classes = 6;
Array<double> scores() { return named("scores", {samples, classes}); }
Array<double> labels() { return named("labels", {samples}); }

nn::ConfusionMatrix confusion() {
  nn::ConfusionMatrix matrix({"a", "b", "c", "neither", "predicted only", "there only"});
  matrix.add(scores(), labels());
  return matrix;
}

template <class T>
Array<T> column(const Array<T>& x, std::size_t i) {
  return xt::view(x, xt::all(), i);
}

}  // namespace

TEST_CASE("a confusion matrix, its precision, recall and F1 are those of scikit-learn") {
  const auto matrix = confusion();
  for (std::size_t a = 0; a < classes; ++a) {
    for (std::size_t p = 0; p < classes; ++p) CHECK(double(matrix(a, p)) == about("confusion", a * classes + p));
    const auto one = matrix.precision_recall(a);
    CHECK(one.precision == about("precision", a));
    CHECK(one.recall == about("recall", a));
    CHECK(one.f1 == about("f1", a));
    CHECK(one.samples == std::size_t(std::ranges::count(labels(), double(a))));
  }
  for (const auto& [text, average] : {std::pair("macro", Average::macro), std::pair("weighted", Average::weighted),
                                      std::pair("micro", Average::micro)})
    for (const auto& found : {matrix.precision_recall(average), nn::precision_recall(scores(), labels(), average)}) {
      const std::string name = text;
      CAPTURE(name);
      CHECK(found.precision == about("precision/" + name));
      CHECK(found.recall == about("recall/" + name));
      CHECK(found.f1 == about("f1/" + name));
      CHECK(found.samples == samples);
    }
  CHECK(matrix.accuracy() == about("accuracy"));
  CHECK_THROWS_AS(matrix.precision_recall(classes), autodiff::ValueError);
  CHECK(error_of([] { nn::ConfusionMatrix({"a"}).precision_recall(Average::macro); }) ==
        "[precision_recall] there are no samples");
}

TEST_CASE("a report says what a confusion matrix comes to") {
  CHECK(confusion().report() ==
        "                  precision     recall         F1    samples\n"
        "               a     0.8800     0.6471     0.7458         34\n"
        "               b     0.5500     0.6111     0.5789         18\n"
        "               c     0.3333     0.6000     0.4286          5\n"
        "         neither     0.0000     0.0000     0.0000          0\n"
        "  predicted only     0.0000     0.0000     0.0000          0\n"
        "      there only     0.0000     0.0000     0.0000          3\n"
        "\n"
        "        accuracy                           0.6000         60\n"
        "   macro average     0.2939     0.3097     0.2922         60\n"
        "weighted average     0.6914     0.6000     0.6320         60\n");
  CHECK_THROWS_AS(nn::ConfusionMatrix({"a"}).report(), autodiff::ValueError);
}

TEST_CASE("accuracy is that of scikit-learn for any k") {
  CHECK(nn::accuracy(scores(), labels()) == about("accuracy"));
  CHECK(nn::accuracy(Array<float>(scores()), Array<float>(labels())) == about("accuracy"));
  for (std::size_t k = 1; k < classes; ++k)
    CHECK(nn::top_k_accuracy(scores(), labels(), k) == about("top_" + std::to_string(k)));
  CHECK(nn::top_k_accuracy(scores(), labels(), classes) == 1);

  // Of equal scores the first counts as the largest, as for the accuracy.
  const Array<double> equal{{1, 1, 1}, {1, 1, 1}, {0, 2, 2}}, of{0, 2, 2};
  CHECK(nn::top_k_accuracy(equal, of, 1) == nn::accuracy(equal, of));
  CHECK(nn::top_k_accuracy(equal, of, 2) == doctest::Approx(2. / 3));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(nn::top_k_accuracy(Array<double>{{nan, nan, nan}, {nan, 0, 1}}, Array<double>{1, 2}, 2) == 0.5);
}

TEST_CASE("metrics of classes refuse what they cannot count") {
  const Array<double> two{{1, 2}, {3, 4}};
  CHECK(error_of([&] {
          nn::top_k_accuracy(two, Array<double>{0, 1}, 3);
        }) == "[top_k_accuracy] k is not from 1 to 2: 3");
  CHECK_THROWS_AS(nn::top_k_accuracy(two, Array<double>{0, 1}, 0), autodiff::ValueError);
  for (const double wrong : {2., -1., 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(nn::top_k_accuracy(two, Array<double>{0, wrong}, 1), autodiff::ValueError);
    CHECK_THROWS_AS(nn::precision_recall(two, Array<double>{0, wrong}), autodiff::ValueError);
  }
  CHECK(error_of([&] {
          nn::precision_recall(two, array({0, 1}, {2, 1}));
        }) ==
        "[precision_recall] needs scores (..., classes) and a class or probabilities for each row: (2, 2) and (2, 1)");
  CHECK_THROWS_AS(nn::top_k_accuracy(two, Array<double>{0}, 1), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::precision_recall(Array<double>(Shape{0, 3}), Array<double>(Shape{0})), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::precision_recall(Array<double>(Shape{3, 0}), Array<double>(Shape{3})), autodiff::ShapeError);
}

TEST_CASE("metrics of classes take what the cross-entropy takes: classes or rows, of samples or of samples in time") {
  const auto flat = scores();
  const Array<double> in_time = autodiff::reshape(autodiff::Variable<double>(flat), {12, 5, classes}).value();
  const Array<double> classes_in_time = autodiff::reshape(autodiff::Variable<double>(labels()), {12, 5}).value();
  const Array<double> rows_in_time = autodiff::one_hot<double>(classes_in_time, classes).value() * 0.9;
  const Array<double> rows = autodiff::one_hot<double>(labels(), classes).value();
  struct Pair {
    const Array<double>&scores, &labels;
  };
  for (const auto& [s, l] : {Pair{in_time, classes_in_time}, Pair{in_time, rows_in_time}, Pair{flat, rows}}) {
    CHECK_NOTHROW(nn::loss<double>("cross-entropy")(autodiff::Variable<double>(s), autodiff::Variable<double>(l)));
    CHECK(nn::accuracy(s, l) == about("accuracy"));
    CHECK(nn::top_k_accuracy(s, l, 2) == about("top_2"));
    const auto found = nn::precision_recall(s, l);
    CHECK(found.precision == about("precision/macro"));
    CHECK(found.recall == about("recall/macro"));
    nn::ConfusionMatrix matrix(std::vector<std::string>(classes, "c"));
    matrix.add(s, l);
    CHECK(matrix.samples() == samples);
    CHECK(matrix.accuracy() == about("accuracy"));
  }
  CHECK_THROWS_AS(nn::accuracy(in_time, labels()), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::accuracy(flat, classes_in_time), autodiff::ShapeError);
}

TEST_CASE("errors of real values and R2 are those of scikit-learn") {
  const auto truth = named("truth", {20, 3}), guess = named("guess", {20, 3});
  const auto check = [](const std::string& name, const Array<double>& guess, const Array<double>& truth) {
    CAPTURE(name);
    CHECK(nn::mean_absolute_error(guess, truth) == about(name + "/mean_absolute_error"));
    CHECK(nn::mean_squared_error(guess, truth) == about(name + "/mean_squared_error"));
    CHECK(nn::root_mean_squared_error(guess, truth) == about(name + "/root_mean_squared_error"));
    CHECK(nn::r2_score(guess, truth) == about(name + "/r2_score"));
  };
  check("several", guess, truth);
  check("one", column(guess, 1), column(truth, 1));
  const Array<double> constant(Shape{20, 1}, 0.5), beside(Shape{20, 1}, 1.5);
  const auto with = [](const Array<double>& x, const Array<double>& column) {
    return Array<double>(xt::concatenate(xt::xtuple(x, column), 1));
  };
  check("constant", with(guess, beside), with(truth, constant));
  check("constant_met", with(guess, constant), with(truth, constant));
}

TEST_CASE("R2 of targets that do not vary") {
  // The mean of three times 0.1 is not 0.1.
  const Array<double> targets{0.1, 0.1, 0.1};
  CHECK(nn::r2_score(targets, targets) == 1);
  CHECK(nn::r2_score(Array<double>{0.1, 0.1, 0.2}, targets) == 0);
  CHECK(std::isnan(nn::r2_score(Array<double>{1}, Array<double>{1})));
}

TEST_CASE("errors of float values are summed in double") {
  const std::size_t n = 1 << 20;
  Array<float> predictions(Shape{n, 1}, 0.f), targets(Shape{n, 1}, 0.1f);
  CHECK(nn::mean_absolute_error(predictions, targets) == doctest::Approx(double(0.1f)).epsilon(1e-10));
}

TEST_CASE("errors of real values refuse shapes that differ") {
  const Array<double> two{{1, 2}, {3, 4}};
  CHECK(error_of([&] {
          nn::r2_score(two, Array<double>{1, 2});
        }) == "[r2_score] needs predictions and targets of one shape, (samples, outputs) or (samples): (2, 2) and (2)");
  CHECK_THROWS_AS(nn::mean_absolute_error(array({1, 2}, {2, 1}), array({1, 2}, {2})), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::mean_squared_error(Array<double>(Shape{0, 2}), Array<double>(Shape{0, 2})), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::root_mean_squared_error(Array<double>(1.), Array<double>(1.)), autodiff::ShapeError);
}

TEST_CASE("classes and real values may be arrays of any type") {
  const Array<float> scores{{1, 2}, {3, 1}, {0, 5}}, values{{1, 1}, {2, 2}, {3, 5}};
  const xt::xarray<int> labels{1, 0, 0}, targets{{0, 0}, {1, 1}, {2, 2}};
  CHECK(nn::accuracy(scores, labels) == doctest::Approx(2.0 / 3));
  CHECK(nn::top_k_accuracy(scores, labels, 2) == 1);
  CHECK(nn::mean_absolute_error(values, targets + 1) == doctest::Approx(1.0 / 3));
  CHECK(nn::classification(scores, labels).targets == Array<float>{1, 0, 0});
  CHECK(nn::regression(scores, targets).targets == Array<float>{{0, 0}, {1, 1}, {2, 2}});
}

TEST_CASE("metrics have names") {
  for (const auto& name : nn::metric_names()) {
    CAPTURE(name);
    const auto metric = nn::metric<float>(name);
    CHECK(metric.name == name);
    CHECK(metric.larger_is_better == (name.find("error") == name.npos));
    const Array<float> scores{{9, 1, 2, 3, 4, 5}, {1, 9, 2, 3, 4, 5}};
    const double value = metric.takes_classes ? metric(scores, Array<float>{0, 1}) : metric(scores, scores);
    CHECK(value == (name == "precision" || name == "recall" || name == "f1" ? doctest::Approx(2. / 6)
                    : metric.larger_is_better                               ? doctest::Approx(1)
                                                                            : doctest::Approx(0)));
  }
  for (const auto& name : nn::metric_names()) {  // the check refuses what the function refuses
    CAPTURE(name);
    const auto metric = nn::metric<float>(name);
    for (const Shape& p : {Shape{2, 6}, Shape{2, 3}, Shape{2, 2, 6}, Shape{2}, Shape{}})
      for (const Shape& t : {Shape{2}, Shape{2, 6}, Shape{2, 2}, Shape{2, 3}, Shape{3}, Shape{}}) {
        CAPTURE(p.size());
        CAPTURE(t.size());
        const bool fits = error_of([&] { metric(xt::zeros<float>(p), xt::zeros<float>(t)); }) == "no error";
        CHECK((error_of([&] { metric.check(p, t); }) == "no error") == fits);
      }
  }
  CHECK(nn::metric<double>("root-mean-squared-error")(Array<double>{0, 0}, Array<double>{1, 7}) == 5);
  CHECK(error_of([] { nn::metric<float>("acuracy"); }).starts_with("[metric] there is none named \"acuracy\", only "));
}

TEST_CASE("areas, intervals and balanced accuracy are those of scikit-learn and statsmodels") {
  CHECK(nn::roc_auc(std::vector{0.1, 0.4, 0.35, 0.8, 0.4, 0.9}, {false, false, true, true, true, false}) ==
        doctest::Approx(0.5));
  CHECK(nn::roc_auc(std::vector{1.0, 2.0, 3.0}, {false, true, true}) == 1);
  CHECK(std::isnan(nn::roc_auc(std::vector{1.0, 2.0}, {true, true})));
  CHECK_THROWS_AS(nn::roc_auc(std::vector{1.0}, {true, false}), autodiff::ShapeError);
  const Array<double> scores{{.6, .3, .1}, {.2, .5, .3}, {.3, .3, .4}, {.5, .1, .4}, {.1, .2, .7}};
  CHECK(nn::roc_auc(scores, Array<double>{0, 1, 2, 2, 1}) == doctest::Approx(7.0 / 9));  // one against the rest
  CHECK_THROWS_AS(nn::roc_auc(scores, Array<double>{0, 1, 2, 3, 1}), autodiff::ValueError);

  const auto curve = nn::roc_curve(std::vector{0.1, 0.4, 0.35, 0.8, 0.4, 0.9}, {false, false, true, true, true, false});
  const double wrong[] = {0, 1, 1, 2, 2, 3}, found[] = {0, 0, 1, 2, 3, 3};  // of three each
  REQUIRE_EQ(curve.size(), 6);
  for (std::size_t k = 0; k < 6; ++k)
    CHECK((curve[k].false_positives == wrong[k] / 3 && curve[k].true_positives == found[k] / 3));
  CHECK(nn::roc_curve(std::vector{1.0, 2.0}, {true, true}).empty());
  CHECK_THROWS_AS(nn::roc_curve(std::vector{1.0}, {true, false}), autodiff::ShapeError);

  // By hand: of the samples between 0.5 and 0.6, confidences 0.5, 0.5 and 0.55, one is right; 0.7 is; 1 is not.
  const Array<double> probabilities{{.5, .5}, {.5, .5}, {.45, .55}, {.7, .3}, {0, 1}};
  const auto calibrated = nn::calibration(probabilities, Array<double>{0, 1, 0, 0, 0});
  CHECK_EQ(calibrated.bins[5].samples, 3);
  CHECK(calibrated.bins[5].confidence == doctest::Approx(1.55 / 3));
  CHECK(calibrated.bins[5].accuracy == doctest::Approx(1.0 / 3));
  CHECK_EQ(calibrated.bins[9].samples, 1);
  CHECK(calibrated.error == doctest::Approx((0.55 + 0.3 + 1) / 5));
  CHECK_THROWS_AS(nn::calibration(probabilities, Array<double>{0, 1, 0, 0, 2}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::calibration(probabilities, Array<double>{0, 1}), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::calibration(probabilities, Array<double>{0, 1, 0, 0, 1}, 0), autodiff::ValueError);

  const auto close = [](nn::Interval interval, double low, double high) {
    CHECK(interval.low == doctest::Approx(low).epsilon(1e-12));
    CHECK(interval.high == doctest::Approx(high).epsilon(1e-12));
  };
  close(nn::wilson_interval(8, 10), 0.49016247153664183, 0.9433178485456247);
  close(nn::wilson_interval(590, 600), 0.9695947528170743, 0.9909222695363482);
  close(nn::wilson_interval(8, 10, 0.9), 0.5407928056874879, 0.9314420122624679);
  CHECK(nn::wilson_interval(0, 5).low == 0);
  CHECK(nn::wilson_interval(5, 5).high == 1);
  CHECK_THROWS_AS(nn::wilson_interval(6, 5), autodiff::ValueError);
  CHECK_THROWS_AS(nn::wilson_interval(0, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::wilson_interval(1, 2, 1), autodiff::ValueError);

  const Array<double> said{{9, 0, 0}, {9, 0, 0}, {0, 9, 0}, {0, 9, 0}, {9, 0, 0}, {0, 0, 9}};
  CHECK(nn::balanced_accuracy(said, Array<double>{0, 0, 0, 1, 2, 2}) == doctest::Approx(13.0 / 18));
}

TEST_CASE("a conformal radius holds the share of new residuals that it says") {
  // Of 9 residuals, the ninth smallest is the radius of 0.9: a tenth one is as likely to lie at any rank.
  const std::vector<double> nine{-3, 1, 2, -4, 5, 6, -7, 8, 9};
  CHECK(nn::conformal_radius(nine, 0.9) == 9);
  CHECK(nn::conformal_radius(nine, 0.5) == 5);
  CHECK(std::isinf(nn::conformal_radius(nine, 0.95)));
  CHECK_THROWS_AS(nn::conformal_radius(nine, 1), autodiff::ValueError);
}
