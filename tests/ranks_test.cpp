// Training on several ranks: the same bits as one process alone has with the same shards, whatever the model, and what
// is refused. Run by mpirun, on any number of ranks. Each rank has a folder of its own, but for what they share.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <autodiff/autodiff.hpp>
#include <autodiff/mpi.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <nn/nn.hpp>
#include <thread>

#include "scratch.hpp"

namespace ad = autodiff;
using ad::Array;
using ad::Ranks;
using ad::Shape;

namespace {

Ranks& world() { return *Ranks::of_session(); }

/// A folder that all ranks share; rank 0 takes it away again.
class Shared {
 public:
  Shared() {
    if (world().rank() == 0) own_.emplace();
    path_ = world().gather(own_ ? (*own_ / "").string() : "")[0];
  }
  ~Shared() { world().any(false); }
  std::filesystem::path operator/(const char* name) const { return path_ / name; }

 private:
  std::optional<Scratch> own_;
  std::filesystem::path path_;
};

constexpr std::size_t samples = 45, features = 5;  // which no number of shards divides

nn::Batch<float> numbers(bool weighted) {
  nn::Batch<float> batch{{Array<float>(Shape{samples, features})}, {Array<float>(Shape{samples})}};
  for (std::size_t i = 0; i < batch.inputs[0].size(); ++i) batch.inputs[0].flat(i) = float(std::sin(1.7 * double(i)));
  for (std::size_t i = 0; i < samples; ++i) batch.targets[0](i) = float(i % 3);
  if (!weighted) return batch;
  batch.weights = Array<float>(Shape{samples});
  for (std::size_t i = 0; i < samples; ++i) (*batch.weights)(i) = i < 7 ? 0.f : float(i % 4);
  return batch;
}

nn::Sequential<float> network(const std::string& kind) {
  nn::Sequential<float> model(nn::Linear<float>(features, 17));
  if (kind == "batch norm") model.add(nn::BatchNorm<float>(17));
  model.add(nn::Activation<float>("tanh"));
  if (kind == "dropout") model.add(nn::Dropout<float>(0.4));
  model.add(nn::Linear<float>(17, 3));
  model.initialise(5);
  return model;
}

/// Everything that a run ends with.
struct Ended {
  std::vector<Array<float>> arrays;
  std::vector<double> losses;
  bool operator==(const Ended&) const = default;
};

Ended ended(nn::Sequential<float>& model, const nn::FitReport& report) {
  Ended end;
  for (const auto& list : {model.parameters(), model.states()})
    for (const auto& [name, parameter] : list) end.arrays.push_back(parameter.value());
  for (const char* column : {"loss", "validation_loss", "validation_accuracy"})
    for (const double x : report.history.column(column)) end.losses.push_back(x);
  return end;
}

nn::FitOptions<float> options_of(nn::Source<float>& validation) {
  nn::FitOptions<float> options;
  options.epochs = 4, options.batch = 16, options.seed = 3;
  options.validation = &validation, options.metrics = {nn::metric<float>("accuracy")};
  options.step.compile.threads = 1;
  return options;
}

using Change = std::function<void(nn::FitOptions<float>&)>;

Ended train(const std::string& kind, Ranks& ranks, const Change& change = {}, bool weighted = false) {
  auto model = network(kind);
  nn::Adam<float> adam(0.02);
  nn::BatchSource<float> data(numbers(weighted)), validation(numbers(false));
  auto options = options_of(validation);
  options.step.ranks = &ranks, options.step.shards = 4;
  if (change) change(options);
  const auto report = nn::fit(model, adam, nn::loss<float>("cross-entropy"), data, options);
  return ended(model, report);
}

}  // namespace

TEST_CASE("all ranks together train to the bits of one process alone") {
  struct Case {
    std::string kind;
    bool weighted = false;
    Change change = {};
  };
  const std::vector<Case> cases{
      {"plain"},
      {"batch norm", false, [](auto& o) { o.batch = 15; }},
      {"dropout"},
      {"plain", true},
      {"dropout", true, [](auto& o) { o.step.clip_norm = 0.5, o.step.clip_value = 0.3; }},
      {"plain", false, [](auto& o) { o.step.shards = 7, o.batch = 11; }},
      {"plain", false, [](auto& o) { o.average.emplace(), o.keep_best = true, o.patience = 1; }},
      {"dropout", false, [](auto& o) { o.step.split_slots = true, o.step.clip_norm = 0.5; }},
      {"plain", false, [](auto& o) { o.plateau.emplace(), o.batch = 45; }},
      {"batch norm", false, [](auto& o) { o.batch = 41; }},  // 4 are left, which make no 4 shards of a batch norm
  };
  for (std::size_t k = 0; k < cases.size(); ++k) {
    CAPTURE(k);
    const auto& [kind, weighted, change] = cases[k];
    const auto together = train(kind, world(), change, weighted), alone = train(kind, Ranks::alone(), change, weighted);
    CHECK(together == alone);
  }
}

TEST_CASE("shards of a mean are one batch but for rounding; dropout drops other units in each") {
  const auto batch = numbers(false);
  std::vector<Array<float>> weights[2];
  for (const std::size_t shards : {0, 4}) {
    auto model = network("plain");
    nn::Sgd<float> sgd(0.1);
    nn::StepOptions options;
    options.shards = shards, options.ranks = shards ? &world() : nullptr;
    nn::TrainingStep<float> step(model, sgd, nn::loss<float>("cross-entropy"), options);
    for (int i = 0; i < 3; ++i) step(batch);
    for (const auto& [name, parameter] : model.parameters()) weights[shards > 0].push_back(parameter.value());
  }
  for (std::size_t k = 0; k < weights[0].size(); ++k)
    for (std::size_t i = 0; i < weights[0][k].size(); ++i)
      CHECK(weights[0][k].flat(i) == doctest::Approx(weights[1][k].flat(i)).epsilon(1e-5));

  // All samples are alike, and so would be the sums that shards drop to, if they dropped the same.
  nn::Sequential<double> model(nn::Dropout<double>(0.5), nn::Linear<double>(64, 1));
  model.initialise(1);
  nn::Sgd<double> none(0);
  nn::StepOptions options;
  options.shards = 4;
  const nn::Loss<double> watched = [](const nn::Outcome<double>& o) { return ad::sum(o.predictions[0]); };
  nn::TrainingStep<double> step(model, none, watched, options);
  std::vector<double> found;
  const Array<double> ones = xt::ones<double>({4, 64}), zeros = xt::zeros<double>({4, 1});
  for (int i = 0; i < 2; ++i) found.push_back(step(ones, zeros));
  nn::StepOptions one;
  one.shards = 1;
  auto same = model;
  same.initialise(1);
  nn::TrainingStep<double> first(same, none, watched, one);
  const Array<double> row = xt::ones<double>({1, 64}), zero = xt::zeros<double>({1, 1});
  CHECK(found[0] != first(row, zero));  // the mean of four that are alike would be the first
  CHECK(found[0] != found[1]);
}

TEST_CASE("gradients are handed over while the sweep goes on") {
  auto model = network("plain");
  nn::Adam<float> adam;
  nn::StepOptions options;
  options.shards = 2;
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"), options);
  step(numbers(false));
  std::size_t handed = 0, before_last_product = 0;
  for (const auto& each : step.report().steps) {
    if (each.text.find("[hand_over]") != std::string::npos) ++handed;
    if (each.text.find("[matmul]") != std::string::npos) before_last_product = handed;
  }
  CHECK(handed == 4 + 1);           // two weights, two biases and the loss
  CHECK(before_last_product == 4);  // all but the first weight, whose gradient is the last product
}

TEST_CASE("a run goes on from its checkpoint on any number of ranks") {
  const Shared folder;
  const auto whole = train("dropout", Ranks::alone());
  const auto part = [&](Ranks& ranks, bool resume, std::size_t steps) {
    return train("dropout", ranks, [&](auto& o) {
      o.step.split_slots = true;
      o.checkpoint = folder / "run.safetensors", o.resume = resume;
      if (resume) o.step.shards = 0;  // which the checkpoint knows
      o.after_step = [steps, done = std::size_t(0)](nn::Moment& moment) mutable { moment.stop = ++done == steps; };
    });
  };
  part(world(), false, 5);
  world().any(false);
  Ended end;
  if (world().rank() == 0) end = part(Ranks::alone(), true, 1000);
  world().any(false);
  if (world().rank() == 0) CHECK(end == whole);
  // And from one to all.
  if (world().rank() == 0) part(Ranks::alone(), false, 7);
  world().any(false);
  CHECK(part(world(), true, 1000) == whole);
}

TEST_CASE("rank 0 alone writes, and the report counts what was sent") {
  const Scratch own;
  std::ostringstream shown;
  nn::Report page(own / "report.html");
  train("plain", world(), [&](auto& o) {
    o.history = own / "history.csv", o.progress = &shown, o.report = &page;
    o.checkpoint = world().rank() == 0 ? own / "run.safetensors" : own / "nothing.safetensors";
  });
  CHECK(std::filesystem::exists(own / "history.csv") == (world().rank() == 0));
  CHECK(!std::filesystem::exists(own / "nothing.safetensors"));
  CHECK(shown.str().empty() == (world().rank() != 0));
  if (world().rank() == 0) CHECK((shown.str().find("ranks: 0 waited") != std::string::npos) == (world().size() > 1));
  CHECK(std::filesystem::exists(own / "report.html") == (world().rank() == 0));
  CHECK((page.html().find("\"ranks\":{\"ranks\":[[") != std::string::npos) ==
        (world().rank() == 0 && world().size() > 1));

  // The slow one is named, be it slow in what a callback does.
  auto model = network("plain");
  nn::Adam<float> adam;
  nn::BatchSource<float> data(numbers(false));
  nn::FitOptions<float> options;
  options.epochs = 2, options.batch = 5;
  const std::size_t last = world().size() - 1;
  options.after_step = [&](nn::Moment&) {
    if (world().rank() == last) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const auto report = nn::fit(model, adam, nn::loss<float>("cross-entropy"), data, options);
  CHECK(nn::slow_rank(report.ranks) == (world().size() > 1 ? std::optional(last) : std::nullopt));
  using R = nn::RankReport;
  CHECK(nn::slow_rank({R{10, {3}}, R{10, {0.5}}, R{10, {4}}}) == 1);
  CHECK(!nn::slow_rank({R{10, {1}}, R{10, {0.5}}}));
  CHECK(!nn::slow_rank({R{10, {1}}}));
}

TEST_CASE("split slots are the same, and each rank keeps its part of them") {
  for (const bool clips : {false, true}) {
    const auto change = [&](bool split) {
      return [=](nn::FitOptions<float>& o) {
        o.step.split_slots = split, o.step.clip_value = clips ? 0.02 : 0, o.step.clip_norm = clips ? 0.1 : 0;
      };
    };
    CHECK(train("plain", world(), change(true)) == train("plain", world(), change(false)));
  }
  auto model = network("plain");
  nn::Adam<float> adam;
  nn::BatchSource<float> data(numbers(false));
  nn::FitOptions<float> options;
  options.step.split_slots = true, options.epochs = 1;
  const auto report = nn::fit(model, adam, nn::loss<float>("cross-entropy"), data, options);
  double all = 0, most = 0;
  for (const auto& rank : report.ranks) all += rank.slot_bytes, most = std::max(most, rank.slot_bytes);
  std::size_t parameters = model.parameter_count();
  CHECK(all >= double(2 * parameters * sizeof(float)));  // two moments, and counts of steps
  CHECK(all <= double((2 * parameters + 8) * sizeof(float)));
  if (world().size() > 1) CHECK(most < all);
  nn::fit(model, adam, nn::loss<float>("cross-entropy"), data, options);  // goes on with the slots of each
}

TEST_CASE("a step that throws leaves all as it was") {
  for (const bool split : {false, true}) {
    auto model = network("plain");
    nn::Adam<float> adam;
    nn::StepOptions options;
    options.ranks = &Ranks::alone(), options.shards = 3, options.split_slots = split;
    nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"), options);
    auto narrow = numbers(true);
    narrow.inputs[0] = Array<float>(Shape{samples, features - 1});
    CHECK_THROWS_AS(step(narrow), ad::ShapeError);
    const float loss = step(numbers(false));  // also of another kind than the first, which was none
    CHECK_THROWS_AS(step(nn::Batch<float>{{narrow.inputs[0]}, {narrow.targets[0]}}), ad::ShapeError);
    CHECK(step(numbers(false)) < loss);
  }
}

TEST_CASE("validation data without samples is refused") {
  nn::BatchSource<float> nothing(nn::Batch<float>{{Array<float>(Shape{0, features})}, {Array<float>(Shape{0})}});
  CHECK_THROWS_AS(train("plain", Ranks::alone(), [&](auto& o) { o.validation = &nothing; }), ad::ValueError);
}

TEST_CASE("ranks that do not train the same are refused before the first step, and what differs is named") {
  if (world().size() == 1) return;
  const bool other = world().rank() + 1 == world().size();
  struct Case {
    const char* named;
    Change change;
  };
  const std::vector<Case> cases{
      {"seed", [](auto& o) { o.seed = 77; }},
      {"batch", [](auto& o) { o.batch = 17; }},
      {"shards: 4 and 5", [](auto& o) { o.step.shards = 5; }},
      {"--hidden: not there and 12", [](auto& o) { o.identity["--hidden"] = "12"; }},
  };
  for (const auto& each : cases) {
    bool stepped = false;
    CHECK_THROWS_WITH_AS(train("plain", world(),
                               [&](auto& o) {
                                 o.after_step = [&](nn::Moment&) { stepped = true; };
                                 if (other) each.change(o);
                               }),
                         doctest::Contains(each.named), ad::ValueError);
    CHECK(!stepped);
  }
  auto scaled = numbers(false);
  if (other) scaled.inputs[0](20, 1) *= 2;
  nn::BatchSource<float> data(scaled);
  auto model = network("plain");
  nn::Adam<float> adam;
  CHECK_THROWS_WITH_AS(nn::fit(model, adam, nn::loss<float>("cross-entropy"), data), doctest::Contains("the data"),
                       ad::ValueError);
}

TEST_CASE("what makes no sense is refused") {
  nn::BatchSource<float> data(numbers(false));
  auto model = network("plain");
  nn::Adam<float> adam;
  nn::StepOptions options;
  options.ranks = &world(), options.shards = world().size() - 1;
  if (world().size() > 1)
    CHECK_THROWS_WITH_AS(nn::TrainingStep<float>(model, adam, nn::loss<float>("cross-entropy"), options),
                         doctest::Contains("needs a shard"), ad::ValueError);
  options = {};
  options.parts = 2, options.shards = 2;
  CHECK_THROWS_AS(nn::TrainingStep<float>(model, adam, nn::loss<float>("cross-entropy"), options), ad::ValueError);
}

int main(int argc, char** argv) {
  ad::mpi::Session session(argc, argv);
  doctest::Context context(argc, argv);
  return context.run();
}
