#include <csignal>

#include "nn_fit_runs.hpp"
#include "scratch.hpp"

using namespace test;
using End = nn::FitReport::End;

TEST_CASE("a run that was stopped at any step and goes on gives the same bits") {
  const Scratch scratch;
  Whole whole;
  whole.opts.history = scratch / "whole.csv";
  const auto expected = whole.fit();
  REQUIRE(expected.steps == 65);
  CHECK(expected.history.column("learning_rate")[0] !=
        expected.history.column("learning_rate")[4]);  // the plateau did something
  for (const std::size_t last : {1, 12, 13, 14, 31, 39, 60, 64}) {
    CAPTURE(last);
    std::size_t steps = 0;
    Whole first, second;
    second.model.initialise(99);  // from the checkpoint alone
    second.adam.learning_rate(0.5);
    first.opts.checkpoint = second.opts.checkpoint = scratch / "run.safetensors";
    first.opts.after_step = [&](nn::Moment& now) { now.stop = ++steps == last; };
    const auto stopped = first.fit();
    CHECK(stopped.end == End::stopped);
    CHECK(stopped.steps == last);
    second.opts.resume = true;
    second.opts.history = scratch / "run.csv";
    const auto resumed = second.fit();
    CHECK(resumed.end == End::finished);
    CHECK(resumed.steps == expected.steps);
    CHECK(resumed.best_epoch == expected.best_epoch);
    CHECK(resumed.best == expected.best);
    check_same(resumed.history, expected.history);
    check_same_bits(second.model, whole.model);
    for (const auto& [name, slots] : whole.adam.slots())
      for (const auto& [slot, value] : slots.all())
        CHECK(same_bits(second.adam.slots(name).all().at(slot).value(), value.value()));
    CHECK(lines(bytes_of(scratch / "run.csv")).size() == 6);
  }
}

TEST_CASE("means of the weights are looked at and kept, and a run that goes on has the same bits") {
  const Scratch scratch;
  for (const bool keep_best : {false, true}) {
    Whole plain, whole;
    for (auto* run : {&plain, &whole}) run->opts.plateau = {}, run->opts.keep_best = keep_best;
    // By hand, after each step.
    nn::WeightAverage<float> means(plain.model, {.decay = std::nullopt, .power = 4});
    std::map<std::size_t, std::map<std::string, autodiff::Variable<float>>> of_epochs;
    plain.opts.after_step = [&](nn::Moment& now) {
      means.update();
      if (now.step == now.steps) of_epochs[now.epoch] = means.means();
    };
    plain.fit();
    whole.opts.average = nn::AveragingOptions{.decay = std::nullopt, .power = 4};
    const auto expected = whole.fit();
    for (auto& [name, parameter] : whole.model.parameters())
      CHECK(same_bits(parameter.value(), of_epochs.at(keep_best ? expected.best_epoch : 5).at(name).value()));
    nn::Evaluator<float> evaluator(whole.model, cross_entropy<float>());
    CHECK(evaluator(whole.validation).loss ==
          expected.history.column("validation_loss")[keep_best ? expected.best_epoch - 1 : 4]);

    for (const std::size_t last : {12, 13, 31}) {
      std::size_t steps = 0;
      Whole first, second;
      second.model.initialise(99);
      for (auto* run : {&first, &second})
        run->opts.plateau = {}, run->opts.keep_best = keep_best, run->opts.average = whole.opts.average;
      first.opts.checkpoint = second.opts.checkpoint = scratch / "run.safetensors";
      first.opts.after_step = [&](nn::Moment& now) { now.stop = ++steps == last; };
      first.fit(), second.opts.resume = true;
      check_same(second.fit().history, expected.history);
      check_same_bits(second.model, whole.model);
    }
    plain.opts.checkpoint = scratch / "run.safetensors", plain.opts.resume = true;
    CHECK_THROWS_WITH_AS(plain.fit(), doctest::Contains("is of a run with means of the weights"), nn::DataError);
    plain.opts.average = nn::AveragingOptions{.decay = 0.5};
    CHECK_THROWS_WITH_AS(plain.fit(), doctest::Contains("a power of 4; and not a decay of 0.5"), nn::DataError);
  }
}

TEST_CASE("a checkpoint within an epoch is as good as one at its end, and epochs may be added") {
  const Scratch scratch;
  Whole whole;
  const auto expected = whole.fit();
  Whole first, second;
  first.opts.checkpoint = scratch / "run.safetensors";
  first.opts.checkpoint_epochs = 0, first.opts.checkpoint_steps = 5;
  std::size_t steps = 0;
  struct Killed {};
  first.opts.after_step = [&](nn::Moment&) {
    if (++steps != 24) return;
    std::filesystem::copy(scratch / "run.safetensors", scratch / "killed.safetensors");
    throw Killed();
  };
  CHECK_THROWS_AS(first.fit(), Killed);
  CHECK(nn::load_checkpoint(first.opts.checkpoint).number<int>("fit.steps") == 24);  // what is thrown loses nothing
  std::filesystem::rename(scratch / "killed.safetensors", first.opts.checkpoint);
  CHECK(nn::load_checkpoint(first.opts.checkpoint).number<int>("fit.steps") == 23);  // of the second epoch, 10 steps
  second.opts.checkpoint = first.opts.checkpoint;
  second.opts.resume = true;
  second.opts.epochs = 3;
  CHECK(second.fit().epochs == 3);
  Whole third;
  third.opts.checkpoint = first.opts.checkpoint;
  third.opts.resume = true;
  check_same(third.fit().history, expected.history);
  check_same_bits(third.model, whole.model);
  // Nothing is left to do: the same again.
  Whole fourth;
  fourth.opts = third.opts, fourth.opts.validation = &fourth.validation;
  check_same(fourth.fit().history, expected.history);
  check_same_bits(fourth.model, whole.model);
}

TEST_CASE("what a callback throws loses neither a step nor an epoch") {
  const Scratch scratch;
  Whole whole;
  const auto expected = whole.fit();
  struct Thrown {};
  for (const bool in_epoch : {true, false}) {
    CAPTURE(in_epoch);
    Whole first, second;
    first.opts.checkpoint = second.opts.checkpoint = scratch / "run.safetensors";
    first.opts.checkpoint_epochs = 0;
    first.opts.after_step = [&](nn::Moment& now) {
      if (in_epoch && now.epoch == 2 && now.step == 3) throw Thrown();
    };
    first.opts.after_epoch = [](nn::Moment& now) {
      if (now.epoch == 3) throw Thrown();
    };
    CHECK_THROWS_AS(first.fit(), Thrown);
    CHECK(nn::load_checkpoint(first.opts.checkpoint).number<int>("fit.steps") == (in_epoch ? 16 : 39));
    second.opts.resume = true;
    check_same(second.fit().history, expected.history);
    check_same_bits(second.model, whole.model);
  }
}

TEST_CASE("what a callback throws leaves the best model, the history and the error itself") {
  const Scratch scratch;
  struct Thrown {};
  const auto run = [&](bool by_error) {
    Whole run;
    run.opts.validation = &run.validation;
    run.opts.keep_best = true, run.opts.epochs = 9;
    run.opts.history = scratch / "history.csv";
    // The best epoch is the first.
    std::size_t epoch = 0;
    run.opts.metrics = {{"made up", [&](const auto&, const auto&) { return double(epoch++); }, false, true}};
    run.opts.watch = run.opts.validation_name + "_made up";
    run.opts.after_epoch = [&](nn::Moment& now) {
      if (now.epoch < 3) return;
      now.stop = !by_error;
      std::filesystem::remove_all(scratch / "directory");  // where the checkpoint would go
      if (by_error) throw Thrown();
    };
    if (by_error) {
      std::filesystem::create_directory(scratch / "directory");
      run.opts.checkpoint = scratch / "directory" / "run.safetensors";
      CHECK_THROWS_AS(run.fit(), Thrown);
    } else {
      run.fit();
    }
    CHECK(nn::read_history(scratch / "history.csv").rows() == 3);
    return run.model;
  };
  auto stopped = run(false), thrown = run(true);
  check_same_bits(stopped, thrown);
}

TEST_CASE("a checkpoint of another run is refused, and nothing is changed") {
  const Scratch scratch;
  Whole first;
  first.opts.epochs = 1;
  first.opts.checkpoint = scratch / "run.safetensors";
  first.opts.identity = {{"loss", "hinge"}, {"data", "corners"}};
  first.fit();
  const auto refused = [&](auto&& change) {
    Whole second;
    second.opts.checkpoint = scratch / "run.safetensors";
    second.opts.resume = true;
    change(second);
    const auto before = second.model;
    auto same = before;
    const auto error = error_of([&] { second.fit(); });
    check_same_bits(second.model, same);
    return error.substr(0, error.find(' ')) + error.substr(std::min(error.size(), error.find("safetensors") + 11));
  };
  CHECK(refused([](auto& run) {
          run.opts.identity = {{"loss", "huber"}, {"data", "corners"}};
        }) == "[fit]: the checkpoint is of another run: loss was hinge, is huber");
  CHECK(refused([](auto& run) {
          run.opts.identity = {{"rule", "adam"}};
        }) == "[fit]: the checkpoint does not say of which run it is, as those of older versions do not");
  CHECK(refused([](auto& run) {
          run.opts.identity = {{"loss", "hinge"}, {"rule", "adam"}};
        }) == "[fit]: the checkpoint is of another run: rule was not kept, is adam");
  CHECK(refused([](auto& run) { run.opts.seed = 4; }) ==
        "[fit]: the checkpoint is of a run with another seed: 3 and not 4");
  CHECK(refused([](auto& run) { run.opts.batch = 8; }) ==
        "[fit]: the checkpoint is of a run with another batch: 16 and not 8");
  CHECK(refused([](auto& run) { run.data = corners<float>(10, 1); }) ==
        "[fit]: the checkpoint is of a run with another samples: 200 and not 10");
  CHECK(refused([](auto& run) {
          run.opts.validation_name = "test", run.opts.watch = "test_loss";
        }).starts_with("[fit]: the checkpoint has a history of other columns: "));
  CHECK(refused([](auto& run) {
          run.model = nn::Sequential<float>(nn::Linear<float>(2, 3));
          run.model.initialise(1), run.opts.keep_best = false;
        }).starts_with("[restore]: differs from the model: "));
  CHECK(refused([](auto& run) {
          nn::load_checkpoint(run.opts.checkpoint);
          nn::save_checkpoint(run.opts.checkpoint, nn::Checkpoint());
        }) == "[checkpoint]: \"fit.samples\" is not there");
  CHECK(
      refused([&](auto&) { std::filesystem::remove(scratch / "run.safetensors"); }).starts_with("[load_safetensors]"));
}

TEST_CASE("Ctrl-C ends training after the step, and saves first") {
  const Scratch scratch;
  static int others = 0;
  const auto before = std::signal(SIGINT, [](int) { ++others; });
  Whole whole;
  const auto expected = whole.fit();
  Whole run;
  run.opts.checkpoint = scratch / "run.safetensors";
  std::size_t steps = 0;
  run.opts.after_step = [&](nn::Moment&) {
    if (++steps == 30) std::raise(SIGINT);
  };
  const auto report = run.fit();
  CHECK(report.end == End::interrupted);
  CHECK(report.steps == 30);
  CHECK(report.epochs == 2);
  CHECK(others == 0);
  std::raise(SIGINT);  // the handler of before is back
  CHECK(others == 1);
  std::signal(SIGINT, before);
  Whole second;
  second.opts.checkpoint = run.opts.checkpoint;
  second.opts.resume = true;
  check_same(second.fit().history, expected.history);
  check_same_bits(second.model, whole.model);
}
