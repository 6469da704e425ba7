#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "nn_fit_runs.hpp"
#include "scratch.hpp"

using autodiff::Variable;
using namespace test;
using End = nn::FitReport::End;

TEST_CASE_TEMPLATE("fit learns", T, float, double) {
  auto data = corners<T>(300, 1), validation = corners<T>(100, 2);
  auto model = network<T>();
  nn::Adam<T> adam(0.01);
  auto opts = options<T>(12);
  opts.validation = &validation;
  opts.metrics = {nn::metric<T>("accuracy")};
  const auto report = nn::fit(model, adam, cross_entropy<T>(), data, opts);
  CHECK(report.end == End::finished);
  CHECK(report.epochs == 12);
  CHECK(report.steps == 12 * 19);
  CHECK(report.history.names() == std::vector<std::string>{"epoch", "loss", "validation_loss", "validation_accuracy",
                                                           "learning_rate", "seconds"});
  REQUIRE(report.history.rows() == 12);
  const auto loss = report.history.column("loss");
  CHECK(loss.back() < loss.front() / 2);
  // What the history says is what the model itself gives, off any program.
  const auto scores = model(validation.data().inputs).value();
  CHECK(report.history.column("validation_accuracy").back() == nn::accuracy<T>(scores, validation.data().targets));
  CHECK(report.history.column("validation_accuracy").back() > 0.9);
  const auto mean = nn::softmax_cross_entropy(Variable<T>(scores), validation.data().targets).value();
  CHECK(report.history.column("validation_loss").back() == doctest::Approx(double(*mean.data())).epsilon(1e-4));
  CHECK(!model.training());
}

TEST_CASE("the first epochs are those of steps made by hand") {
  auto data = corners<double>(50, 1);
  auto model = network<double>(), by_hand = model;
  nn::Adam<double> adam(0.01), other(0.01);
  auto opts = options<double>(2);
  opts.schedule = nn::exponential_decay(0.02, 0.9);
  nn::fit(model, adam, cross_entropy<double>(), data, opts);
  nn::TrainingStep<double> step(by_hand, other, cross_entropy<double>());
  std::size_t count = 0;
  for (const std::size_t epoch : {1, 2})
    for (const auto& numbers : nn::batches(50, 16, 3, epoch)) {
      other.learning_rate(0.02 * std::pow(0.9, count++));
      const auto batch = data.rows(numbers);
      step(batch.inputs, batch.targets);
    }
  check_same_bits(model, by_hand);
}

TEST_CASE("one thread and two give the same bits") {
  Whole one, two;
  one.opts.step.compile.threads = 1;
  two.opts.step.compile.threads = 2;
  check_same(one.fit().history, two.fit().history);
  check_same_bits(one.model, two.model);
}

TEST_CASE("a batch in parts is the same step") {
  auto data = corners<double>(100, 1);
  const auto trained = [&](std::size_t parts) {
    nn::Sequential<double> model(nn::Linear<double>(2, 8), nn::Activation<double>("tanh"), nn::Linear<double>(8, 3));
    model.initialise(1);
    nn::Adam<double> adam(0.01);
    auto opts = options<double>(3);
    opts.step.parts = parts;
    return nn::fit(model, adam, cross_entropy<double>(), data, opts).history.column("loss");
  };
  const auto whole = trained(1), parts = trained(4);
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(whole[i] == doctest::Approx(parts[i]).epsilon(1e-9));
}

TEST_CASE("copies that mpirun has started, and that know nothing of each other, do not train over each other") {
  auto data = corners<double>(20, 1);
  auto model = network<double>();
  nn::Adam<double> adam(0.01);
  auto opts = options<double>(1);
  setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  CHECK_THROWS_WITH_AS(nn::fit(model, adam, cross_entropy<double>(), data, opts), doctest::Contains("mpi::Session"),
                       autodiff::ValueError);
  opts.step.ranks = &autodiff::Ranks::alone();
  CHECK(nn::fit(model, adam, cross_entropy<double>(), data, opts).steps == 2);
  unsetenv("OMPI_COMM_WORLD_SIZE");
}

TEST_CASE("training ends when nothing gets better, and the best is kept") {
  auto data = corners<float>(60, 1), validation = corners<float>(60, 2);
  nn::Sequential<float> model(nn::Linear<float>(2, 3));
  model.initialise(1);
  nn::GradientDescent<float> descent(0.1);
  auto opts = options<float>(100);
  opts.validation = &validation;
  // A number that is best in the third epoch.
  std::size_t epoch = 0;
  opts.metrics = {{"made up",
                   [&](const auto&, const auto&) { return std::vector{5, 3, 1, 2, 4, 0}[epoch++ % 6] + 0.0; }, false,
                   true}};
  opts.watch = "validation_made up";
  opts.patience = 2;
  opts.keep_best = true;
  std::vector<nn::Sequential<float>> models;
  opts.after_epoch = [&](nn::Moment&) { models.push_back(model); };
  const auto report = nn::fit(model, descent, cross_entropy<float>(), data, opts);
  CHECK(report.end == End::stopped_early);
  CHECK(report.epochs == 5);
  CHECK(report.best_epoch == 3);
  CHECK(report.best == 1);
  REQUIRE(models.size() == 5);
  check_same_bits(model, models[2]);
  CHECK(!same_bits(models[2].parameters()[0].parameter.value(), models[4].parameters()[0].parameter.value()));

  opts.min_delta = 2.5;  // 5, 3, 1: the third is better than the first, the second is not
  epoch = 0;
  CHECK(nn::fit(model, descent, cross_entropy<float>(), data, opts).best_epoch == 3);
  for (const double delta : {4.0, 4.5}) {  // better by just as much is not better
    opts.min_delta = delta;
    epoch = 0;
    const auto none = nn::fit(model, descent, cross_entropy<float>(), data, opts);
    CHECK(none.best_epoch == 1);
    CHECK(none.epochs == 3);
  }
  opts.min_delta = 0;
  opts.metrics[0].function = [](const auto&, const auto&) { return 2.0; };
  const auto same = nn::fit(model, descent, cross_entropy<float>(), data, opts);
  CHECK(same.best_epoch == 1);
  CHECK(same.epochs == 3);
}

TEST_CASE("the history is written as CSV and as JSON lines") {
  const Scratch scratch;
  Whole run;
  run.opts.epochs = 3;
  run.opts.metrics.push_back({"odd", [](const auto&, const auto&) { return std::nan(""); }, false, true});
  run.opts.history = scratch / "history.csv";
  run.opts.after_epoch = [&](nn::Moment& now) {  // as it goes: what was before is there already
    CHECK(lines(bytes_of(run.opts.history)).size() == now.epoch + 1);
  };
  const auto report = run.fit();
  const auto csv = lines(bytes_of(run.opts.history));
  REQUIRE(csv.size() == 4);
  CHECK(csv[0] == "epoch,loss,validation_loss,validation_accuracy,validation_odd,learning_rate,seconds");
  nn::CsvOptions as_numbers;
  as_numbers.regression = true;
  as_numbers.drop = {5};
  const auto read = nn::read_csv<double>(run.opts.history, as_numbers);
  CHECK(read.inputs(2, 1) == report.history.column("loss")[2]);  // the same double
  CHECK(read.feature_names[1] == "loss");

  run.opts.history = scratch / "history.jsonl";
  run.opts.after_epoch = [&](nn::Moment& now) { CHECK(lines(bytes_of(run.opts.history)).size() == now.epoch); };
  const auto again = run.fit();
  const auto json = lines(bytes_of(run.opts.history));
  REQUIRE(json.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto object = nlohmann::json::parse(json[i]);
    CHECK(object.size() == 7);
    CHECK(object.at("epoch") == i + 1);
    CHECK(object.at("loss").get<double>() == again.history.column("loss")[i]);
    CHECK(object.at("validation_odd").is_null());
  }
  run.opts.history = scratch / "nowhere" / "history.csv";
  CHECK(error_of([&] { run.fit(); }).find("nowhere/history.csv: cannot be written") != std::string::npos);
}

TEST_CASE("callbacks see where training stands, and may end it") {
  Whole run;
  std::vector<std::size_t> steps;
  const auto first = run.model.parameters()[0].parameter.value();
  run.opts.after_step = [&](nn::Moment& now) {
    CHECK(now.steps == 13);
    CHECK(std::isfinite(now.loss));
    CHECK(now.history.rows() == now.epoch - 1);
    steps.push_back(now.step);
    if (steps.size() > 1) return;
    CHECK(!same_bits(first, run.model.parameters()[0].parameter.value()));  // steps are seen at once
    now.store();                                                            // of older programs
  };
  run.opts.after_epoch = [](nn::Moment& now) {
    CHECK(now.history.column("loss").back() == now.loss);
    now.stop = now.epoch == 2;
  };
  const auto report = run.fit();
  CHECK(report.end == End::stopped);
  CHECK(report.epochs == 2);
  CHECK(steps.size() == 26);
  CHECK(steps[12] == 13);
  CHECK(steps[13] == 1);
}

TEST_CASE("a loss that is not finite ends training, and saves nothing") {
  const Scratch scratch;
  Whole run;
  nn::GradientDescent<float> descent(0.01);
  run.opts.plateau.reset();
  run.opts.schedule = [](std::size_t step) { return step < 20 ? 0.01 : 1e38; };
  run.opts.checkpoint = scratch / "run.safetensors";
  run.opts.after_step = [](nn::Moment& now) { CHECK(std::isfinite(now.loss)); };
  const auto report = nn::fit(run.model, descent, cross_entropy<float>(), run.data, run.opts);
  CHECK(report.end == End::not_finite);
  CHECK(report.epochs == 1);
  CHECK(nn::load_checkpoint(run.opts.checkpoint).number<int>("fit.epochs") == 1);
  for (const auto& [name, parameter] : run.model.parameters())  // of the best epoch
    for (const float element : parameter.value()) CHECK(std::isfinite(element));
}

TEST_CASE("weights that are not finite are noticed before they are saved, though the loss was finite") {
  const Scratch scratch;
  for (const bool last : {false, true}) {  // in the last step, no other loss follows
    CAPTURE(last);
    Whole run;
    nn::GradientDescent<float> descent(0.01);
    run.opts.plateau.reset();
    run.opts.epochs = 1;
    const std::size_t steps = (run.data.size() + run.opts.batch - 1) / run.opts.batch, bad = last ? steps - 1 : 2;
    run.opts.schedule = [bad](std::size_t step) { return step == bad ? 1e300 : 0.01; };
    run.opts.checkpoint = scratch / "run.safetensors", run.opts.checkpoint_steps = 1;
    const auto report = nn::fit(run.model, descent, cross_entropy<float>(), run.data, run.opts);
    CHECK(report.end == End::not_finite);
    CHECK(report.steps == bad + 1);
    CHECK(nn::load_checkpoint(run.opts.checkpoint).number<std::size_t>("fit.steps") == bad);
  }
}

TEST_CASE("options out of range are refused") {
  const auto refused = [](auto&& change) {
    Whole run;
    change(run.opts);
    return error_of([&] { run.fit(); });
  };
  CHECK(refused([](auto& o) { o.epochs = 0; }) == "[fit] needs epochs, samples, and samples in a batch: 0, 200 and 16");
  CHECK(refused([](auto& o) { o.batch = 0; }) == "[fit] needs epochs, samples, and samples in a batch: 5, 200 and 0");
  CHECK(refused([](auto& o) { o.schedule = nn::constant_rate(1); }) ==
        "[fit] the learning rate follows a schedule or a plateau, not both");
  CHECK(refused([](auto& o) { o.min_delta = -1; }) == "[fit] min_delta must be finite and not negative: -1");
  CHECK(refused([](auto& o) { o.resume = true; }) == "[fit] there is no checkpoint to resume from");
  CHECK(refused([](auto& o) { o.validation = nullptr; }) == "[fit] metrics need validation data");
  CHECK(refused([](auto& o) { o.watch = "luck"; }) ==
        "[fit] there is no column \"luck\" to watch, only epoch, loss, validation_loss, validation_accuracy, "
        "learning_rate, seconds");
}

TEST_CASE("progress is a line for some twenty epochs") {
  Whole run;
  run.opts.epochs = 41;
  std::ostringstream text;
  run.opts.progress = &text;
  run.opts.plateau.reset();
  run.fit();
  const auto shown = lines(text.str());
  REQUIRE(shown.size() == 1 + 1 + 13 + 1);  // the header, the first, each third, the last
  CHECK(shown[0].find("validation_accuracy") != std::string::npos);
  CHECK(shown[1].find("      1") < shown[1].find('.'));
  CHECK(text.str().find('\r') == std::string::npos);
  for (const auto& line : shown) CHECK(line.size() == shown[0].size());
}

TEST_CASE("an evaluator gives what the model gives, in batches of any size") {
  auto data = corners<double>(50, 1);
  auto model = network<double>();
  nn::Evaluator<double> evaluator(model, cross_entropy<double>());
  const auto check = [&] {
    const auto expected = model(data.data().inputs).value();
    const auto mean = nn::softmax_cross_entropy(Variable<double>(expected), data.data().targets).value();
    for (const std::size_t batch : {1, 7, 50, 64}) {
      CAPTURE(batch);
      const auto result = evaluator(data, batch);
      CHECK(result.predictions.shape() == Shape{50, 3});
      CHECK(result.targets == data.data().targets);
      CHECK(result.loss == doctest::Approx(*mean.data()).epsilon(1e-12));
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(result.predictions.data()[i] == doctest::Approx(expected.data()[i]).epsilon(1e-12));
    }
  };
  model.training(true);
  const double before = evaluator(data).loss;
  CHECK(model.training());
  model.training(false);
  check();
  nn::Adam<double> adam(0.05);
  nn::fit(model, adam, cross_entropy<double>(), data, options<double>(2));
  check();
  CHECK(evaluator(data).loss < before);
  CHECK(std::isnan(nn::Evaluator<double>(model)(data).loss));
  CHECK(error_of([&] { evaluator(data, 0); }) == "[evaluate] needs samples, and at least one in a batch: 50 and 0");
}

TEST_CASE("the last batch of an epoch may be left out: BatchNorm takes no single sample") {
  auto data = corners<float>(33, 1);  // 16, 16 and 1
  auto model = network<float>();
  nn::Sgd<float> sgd(0.1);
  auto opts = options<float>(2);
  const Scratch scratch;
  opts.checkpoint = scratch / "run.safetensors";
  CHECK(error_of([&] { nn::fit(model, sgd, cross_entropy<float>(), data, opts); }).find("two values") !=
        std::string::npos);
  opts.drop_last = true;
  double total = 0;
  opts.after_step = [&](nn::Moment& now) { total += now.loss; };
  const auto report = nn::fit(model, sgd, cross_entropy<float>(), data, opts);
  CHECK(report.steps == 4);
  CHECK(report.history.column("loss")[0] + report.history.column("loss")[1] == doctest::Approx(total / 2));
  opts.epochs = 3, opts.resume = true;
  CHECK(nn::fit(model, sgd, cross_entropy<float>(), data, opts).steps == 6);
  opts.drop_last = false;
  CHECK(error_of([&] { nn::fit(model, sgd, cross_entropy<float>(), data, opts); }).ends_with("another drop_last"));
  opts = options<float>(1), opts.drop_last = true, opts.batch = 34;
  CHECK(error_of([&] { nn::fit(model, sgd, cross_entropy<float>(), data, opts); }) ==
        "[fit] drop_last leaves nothing of 33 samples in batches of 34");
}

TEST_CASE("a metric that cannot fit is refused before training") {
  test::Whole run;
  const auto before = run.model.parameters()[0].parameter.value();
  run.opts.metrics.push_back(nn::metric<float>("r2"));
  CHECK(test::error_of([&] { run.fit(); }) ==
        "metric r2: [r2] needs predictions and targets of one shape, (samples, outputs) or (samples): (2, 3) and (2)");
  run.opts.metrics = {nn::metric<float>("top-5-accuracy")};
  run.opts.watch = "";
  CHECK(test::error_of([&] { run.fit(); }) == "metric top-5-accuracy: [top_k_accuracy] k is not from 1 to 3: 5");
  CHECK(run.model.parameters()[0].parameter.value() == before);
  CHECK(run.adam.slots().empty());
}
