// What an evaluator gives is compared with the model itself. And what a model must have to be trained.
#include <type_traits>

#include "nn_support.hpp"

using autodiff::Array;

namespace {

template <class T>
constexpr bool moves = std::is_move_constructible_v<T> || std::is_copy_constructible_v<T>;

}  // namespace

TEST_CASE(
    "an evaluator with a loss is asked for predictions alone, too, in any order, and always of the parameters that the "
    "model has") {
  for (const bool predictions_first : {false, true}) {
    CAPTURE(predictions_first);
    nn::Sequential model(nn::Linear<double>(2, 3), nn::Activation<double>("tanh"), nn::Linear<double>(3, 2));
    model.initialise(1);
    const Array<double> inputs = xt::xarray<double>{{0, 1}, {1, 0}, {1, 1}};
    nn::MemorySource<double> data(nn::classification<double>(inputs, Array<double>(xt::xarray<double>{0, 1, 1})));
    nn::Evaluator<double> evaluator(model, nn::loss<double>("cross-entropy"));
    const auto predicted = [&] { return evaluator(inputs); };
    const auto judged = [&] { return evaluator(data, 3).predictions; };
    const auto check = [&](const Array<double>& of_model) {
      for (const auto& predictions : {predicted(), judged()})
        for (std::size_t i = 0; i < of_model.size(); ++i)
          CHECK(predictions.flat(i) == doctest::Approx(of_model.flat(i)).epsilon(1e-12));
    };
    predictions_first ? void(predicted()) : void(judged());
    model.initialise(2);
    check(model(inputs).value());
  }
}

TEST_CASE("what holds programs that refer to it stays where it is") {
  CHECK(!moves<nn::Evaluator<float>>);
  CHECK(!moves<nn::TrainingStep<float>>);
}

TEST_CASE("a model that lists no parameters is not trained in vain") {
  struct Forgetful : nn::Module<double> {
    nn::Linear<double> inner{2, 1};
    autodiff::Variable<double> forward(const autodiff::Variable<double>& x) override { return inner(x); }
  } model;
  model.inner.initialise(1);
  nn::GradientDescent<double> descent(0.1);
  const auto data = [] {
    return nn::MemorySource<double>(nn::regression(Array<double>{{1, 2}, {3, 4}}, Array<double>{1, 2}));
  };
  const auto loss = nn::loss<double>("squared-error");
  CHECK(test::error_of([&] { nn::fit(model, descent, loss, data()); }) ==
        "[training_step] the model lists no parameters in members(): there is nothing to train");
  CHECK(nn::fit(model.inner, descent, loss, data()).epochs == 10);
}

TEST_CASE("permutation importance is what shuffling a feature takes from a known model") {
  // y = 3 a - b; c plays no part.
  nn::Sequential model(nn::Linear<double>(3, 1));
  model.initialise(1);
  for (auto& named : model.parameters())
    named.parameter.assign(named.name.ends_with("bias") ? test::array({0}, {1}) : test::array({3, -1, 0}, {3, 1}));
  nn::Random random(5);
  Array<double> inputs(autodiff::Shape{2000, 3}), targets(autodiff::Shape{2000, 1});
  for (std::size_t i = 0; i < 2000; ++i) {
    for (std::size_t j = 0; j < 3; ++j) inputs(i, j) = random.normal();
    targets(i, 0) = 3 * inputs(i, 0) - inputs(i, 1);
  }
  nn::Evaluator<double> evaluator(model);
  const auto score = [](const Array<double>& p, const Array<double>& t) { return -nn::mean_squared_error(p, t); };
  const auto lost = nn::permutation_importance<double>(evaluator, {inputs, targets}, {{0}, {1}, {2}, {0, 1}}, score, 3);
  // The variance of a difference of two independent samples, each of variance w^2, is 2 w^2.
  REQUIRE(lost.size() == 4);
  CHECK(lost[0] == doctest::Approx(18).epsilon(0.1));
  CHECK(lost[1] == doctest::Approx(2).epsilon(0.1));
  CHECK(lost[2] == 0);
  CHECK(lost[3] == doctest::Approx(20).epsilon(0.1));
  CHECK_THROWS_AS(nn::permutation_importance<double>(evaluator, {inputs, targets}, {{3}}, score), autodiff::ValueError);
}
