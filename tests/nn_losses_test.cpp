#include <cmath>
#include <limits>

#include "nn_support.hpp"
#include "reference/losses.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using nn::Reduction;
using test::array;
using test::check_close;
using test::error_of;

namespace {

Array<double> named(const std::string& name, const Shape& shape) { return array(reference::losses.at(name), shape); }

/// A loss, the names of what it is taken at and against, and of what PyTorch says.
struct Case {
  std::string name, at, against;
  Shape shape, target_shape;
  std::function<Variable<double>(const Variable<double>&, const Variable<double>&, Reduction)> loss;
  bool smooth_in_target = false;  // which is differentiated then, too
};

std::vector<Case> cases() {
  using V = const Variable<double>&;
  using R = Reduction;
  const Shape elements{4, 3}, rows{5, 4}, classes{5};
  const auto& w = reference::losses.at("weights");
  std::vector<Case> result{
      {"mean_squared_error", "prediction", "target", elements, elements,
       [](V p, V t, R r) { return nn::mean_squared_error(p, t, r); }, true},
      {"mean_absolute_error", "prediction", "target", elements, elements,
       [](V p, V t, R r) { return nn::mean_absolute_error(p, t, r); }, true},
      {"huber", "prediction", "target", elements, elements, [](V p, V t, R r) { return nn::huber(p, t, 0.75, r); },
       true},
      {"binary_cross_entropy", "prediction", "binary", elements, elements,
       [](V p, V t, R r) { return nn::binary_cross_entropy(p, t, r); }, true},
      {"binary_cross_entropy_large",
       "large",
       "large_binary",
       {8},
       {8},
       [](V p, V t, R r) { return nn::binary_cross_entropy(p, t, r); }},
      {"hinge", "prediction", "signs", elements, elements, [](V p, V t, R r) { return nn::hinge(p, t, r); }},
      {"multiclass_hinge", "logits", "classes", rows, classes,
       [](V p, V t, R r) { return nn::multiclass_hinge(p, t, r); }},
      {"negative_log_likelihood", "log_probabilities", "classes", rows, classes,
       [](V p, V t, R r) { return nn::negative_log_likelihood(p, t, r); }},
      {"negative_log_likelihood_weighted", "log_probabilities", "classes", rows, classes,
       [w](V p, V t, R r) { return nn::negative_log_likelihood(p, t, r, w); }},
      {"kullback_leibler", "log_probabilities", "probabilities", rows, rows,
       [](V p, V t, R r) { return nn::kullback_leibler(p, t, r); }},
  };
  for (const bool smoothed : {false, true})
    for (const bool weighted : {false, true})
      for (const bool by_class : {false, true}) {
        const std::string name = std::string("cross_entropy") + (smoothed ? "_smoothed" : "") +
                                 (weighted ? "_weighted" : "") + (by_class ? "_classes" : "_probabilities");
        const nn::CrossEntropyOptions options{.label_smoothing = smoothed ? 0.1 : 0,
                                              .class_weights = weighted ? w : std::vector<double>()};
        result.push_back({name, "logits", by_class ? "classes" : "probabilities", rows, by_class ? classes : rows,
                          [options](V p, V t, R r) {
                            auto reduced = options;
                            reduced.reduction = r;
                            return nn::softmax_cross_entropy(p, t, reduced);
                          },
                          !by_class});
      }
  return result;
}

struct NamedReduction {
  std::string name;
  Reduction reduction;
};
const NamedReduction reductions[] = {{"mean", Reduction::mean}, {"sum", Reduction::sum}, {"none", Reduction::none}};

}  // namespace

TEST_CASE("losses and their gradients agree with PyTorch") {
  for (const auto& c : cases())
    for (const auto& [short_name, reduction] : reductions) {
      const std::string name = c.name + "/" + short_name;
      CAPTURE(name);
      const auto target = named(c.against, c.target_shape);
      Tape<double> tape;
      const auto x = tape.variable(named(c.at, c.shape));
      const auto loss = c.loss(x, Variable<double>(target), reduction);
      check_close(loss.value(), reference::losses.at(name));
      if (reduction != Reduction::none) check_close(gradient(loss, x), reference::losses.at(name + "/gradient"));
      // The same where nothing is recorded.
      CHECK(c.loss(Variable<double>(x.value()), Variable<double>(target), reduction).value() == loss.value());
    }
}

TEST_CASE("gradients of losses agree with differences to second order") {
  for (const auto& c : cases()) {
    if (c.at == "large") continue;
    for (const auto& r : reductions) {
      CAPTURE(c.name);
      CAPTURE(r.name);
      std::vector<Array<double>> at{named(c.at, c.shape)};
      const Variable<double> target(named(c.against, c.target_shape));
      if (c.smooth_in_target) at.push_back(target.value());
      const auto report = autodiff::check_gradient(
          [&](const std::vector<Variable<double>>& x) {
            return c.loss(x[0], x.size() > 1 ? x[1] : target, r.reduction);
          },
          at, {.second_order = true});
      INFO(report.message());
      CHECK(report.ok);
    }
  }
  // Where every probability is above zero, the divergence is smooth in the target, too.
  const Array<double> p{{0.2, 0.5, 0.3}, {0.7, 0.1, 0.2}}, logarithms{{-1, -0.5, -2}, {-0.25, -3, -1}};
  const auto report = autodiff::check_gradient([](const auto& x) { return nn::kullback_leibler(x[0], x[1]); },
                                               std::vector{logarithms, p}, {.second_order = true});
  INFO(report.message());
  CHECK(report.ok);
}

TEST_CASE("binary cross-entropy keeps its digits, and is smooth at zero") {
  const auto loss = [](double x, double t) { return nn::binary_cross_entropy(Variable<double>(Array<double>{x}), t); };
  // log(1 + e^-40) is e^-40 to 17 digits, and log(1 + e^800) is 800.
  CHECK(nn::binary_cross_entropy(Variable<double>(Array<double>{40}), Array<double>{1}).item() / std::exp(-40) ==
        doctest::Approx(1).epsilon(1e-14));
  CHECK(nn::binary_cross_entropy(Variable<double>(Array<double>{-40}), Array<double>{0}).item() / std::exp(-40) ==
        doctest::Approx(1).epsilon(1e-14));
  CHECK(nn::binary_cross_entropy(Variable<double>(Array<double>{800}), Array<double>{0}).item() == 800);
  CHECK(error_of([&] { loss(1, 1); }).find("[binary_cross_entropy] prediction and target must have one shape") == 0);
  Tape<double> tape;
  const auto x = tape.variable(0.0);
  const auto slope = recorded_gradient(nn::binary_cross_entropy(x, 0.25), x);
  CHECK(slope.item() == 0.25);          // 1/2 - t
  CHECK(gradient(slope, x)() == 0.25);  // q (1 - q)
}

TEST_CASE("what is impossible and has probability zero counts nothing") {
  const double never = -std::numeric_limits<double>::infinity();
  Tape<double> tape;
  const auto x = tape.variable(Array<double>{{std::log(0.5), std::log(0.5), never}});
  const auto divergence = nn::kullback_leibler(x, Array<double>{{0.25, 0.75, 0}});
  CHECK(divergence.item() == doctest::Approx(0.25 * std::log(0.5) + 0.75 * std::log(1.5)));
  CHECK(gradient(divergence, x) == Array<double>{{-0.25, -0.75, 0}});
  const auto likelihood = nn::negative_log_likelihood(x, Array<double>{1});
  CHECK(likelihood.item() == doctest::Approx(std::log(2)));
  CHECK(gradient(likelihood, x) == Array<double>{{0, -1, 0}});
}

TEST_CASE("losses are related as they should be") {
  const Variable<double> logits(named("logits", {5, 4}));
  const Array<double> classes = named("classes", {5});
  const auto log_probabilities = log_softmax(logits);
  CHECK(nn::negative_log_likelihood(log_probabilities, classes).item() ==
        doctest::Approx(nn::softmax_cross_entropy(logits, classes).item()));
  CHECK(nn::softmax_cross_entropy(logits, classes, {}).item() == nn::softmax_cross_entropy(logits, classes).item());
  // One-hot targets have no entropy, so that the divergence is the cross-entropy.
  CHECK(nn::kullback_leibler(log_probabilities, autodiff::one_hot<double>(classes, 4)).item() ==
        doctest::Approx(nn::softmax_cross_entropy(logits, classes).item()));
  const Array<double> target = named("probabilities", {5, 4});
  CHECK(nn::squared_error(logits, target).item() == doctest::Approx(4 * nn::mean_squared_error(logits, target).item()));
}

TEST_CASE("losses take rows of more axes, arrays of other kinds, and float") {
  const Variable<float> scores(Array<float>{{{1, 2, 3}, {0, 1, 0}}, {{4, 0, 0}, {1, 1, 1}}});
  const xt::xarray<int> classes{{2, 1}, {0, 2}};
  CHECK(nn::softmax_cross_entropy(scores, classes, {.reduction = Reduction::none}).shape() == Shape{2, 2});
  CHECK(nn::multiclass_hinge(scores, classes, Reduction::none).shape() == Shape{2, 2});
  CHECK(nn::negative_log_likelihood(log_softmax(scores), classes).item() ==
        doctest::Approx(nn::softmax_cross_entropy(scores, classes).item()));
  CHECK(nn::mean_absolute_error(scores, xt::zeros<float>({2, 2, 3})).item() == doctest::Approx(14.0 / 12));
}

TEST_CASE("a loss by name is the function of that name") {
  const Variable<double> outputs(named("logits", {5, 4})), rows(named("probabilities", {5, 4})),
      classes(named("classes", {5}));
  for (const auto& name : nn::loss_names()) {
    CAPTURE(name);
    CHECK(std::isfinite(nn::loss<double>(name)(outputs, nn::takes_classes(name) ? classes : rows).item()));
  }
  CHECK(nn::loss<double>("huber")(outputs, rows).item() == nn::huber(outputs, rows).item());
  CHECK(nn::huber(outputs, rows, nn::Reduction::sum).item() == nn::huber(outputs, rows, 1, nn::Reduction::sum).item());
  CHECK(nn::loss<double>("hinge")(outputs, classes).item() == nn::multiclass_hinge(outputs, classes).item());
  CHECK(nn::loss<double>("squared-error")(outputs, rows).item() == nn::squared_error(outputs, rows).item());
  CHECK_FALSE(nn::takes_classes("squared-error"));
  CHECK(error_of([] { nn::loss<float>("0-1"); }).find("[loss] there is none named \"0-1\", only cross-entropy, ") == 0);
}

TEST_CASE("losses refuse what does not fit, and record nothing then") {
  Tape<double> tape, other;
  const auto x = tape.variable(named("logits", {5, 4}));
  const Array<double> classes = named("classes", {5}), narrow(xt::zeros<double>({5, 3}));
  const Array<double> out_of_range{0, 1, 2, 3, 4};
  const auto message = [&](auto&& f) {
    const std::string text = error_of(f);
    CHECK(tape.size() == 1);
    return text;
  };
  CHECK(message([&] { nn::huber(x, narrow); }) ==
        "[huber] prediction and target must have one shape: (5, 4) and (5, 3)");
  CHECK(message([&] { nn::huber(x, x, 0); }) == "[huber] delta must be above 0: 0");
  CHECK(message([&] { nn::hinge(x, other.variable(x.value())); }).find("[hinge]") == 0);
  Array<double> target(xt::ones<double>({5, 4}));
  target(1, 2) = -0.5;
  CHECK(message([&] { nn::binary_cross_entropy(x, target); }) ==
        "[binary_cross_entropy] element 6 of the target must be from 0 to 1: -0.5");
  CHECK(message([&] { nn::kullback_leibler(x, target); }) ==
        "[kullback_leibler] element 6 of the target must be from 0 to 1: -0.5");
  CHECK(message([&] { nn::hinge(x, target); }) == "[hinge] element 6 of the target must be 1 or -1: -0.5");
  target(1, 2) = 1.5;
  CHECK(message([&] { nn::binary_cross_entropy(x, target); }).ends_with("must be from 0 to 1: 1.5"));
  target(1, 2) = std::nan("");
  CHECK(message([&] { nn::kullback_leibler(x, target); }).ends_with("must be from 0 to 1: nan"));
  CHECK(message([&] { nn::multiclass_hinge(x, narrow); }) ==
        "[multiclass_hinge] the target must be a class for each row: (5, 4) and (5, 3)");
  CHECK(message([&] { nn::multiclass_hinge(x, out_of_range); }) ==
        "[multiclass_hinge] element 4 must be a whole number from 0 to 4 (not included): 4");
  CHECK(message([&] { nn::negative_log_likelihood(x, out_of_range); }).find("[negative_log_likelihood] element 4") ==
        0);
  CHECK(message([&] {
          nn::negative_log_likelihood(x, classes, Reduction::mean, {1, 2});
        }) == "[negative_log_likelihood] needs a weight for each of 4 classes, not 2");
  CHECK(message([&] {
          nn::softmax_cross_entropy(x, classes, {.class_weights = {1, 1, 1, -1}});
        }) == "[softmax_cross_entropy] class weights must be finite and not negative: -1");
  CHECK(message([&] { nn::softmax_cross_entropy(x, classes, {.label_smoothing = 1.5}); }) ==
        "[softmax_cross_entropy] smoothing must be from 0 to 1: 1.5");
  CHECK(message([&] {
          nn::softmax_cross_entropy(x, narrow, {});
        }).find("[softmax_cross_entropy] the target must be a class or a row") == 0);
  CHECK(message([&] { nn::softmax_cross_entropy(x, out_of_range, {}); }).find("[softmax_cross_entropy] element 4") ==
        0);
  const Variable<double> nothing(Array<double>(xt::zeros<double>({0, 3})));
  CHECK(error_of([&] { nn::mean_squared_error(nothing, nothing); }) ==
        "[mean_squared_error] there are no elements: (0, 3)");
}
