#include <limits>

#include "nn_support.hpp"
#include "scratch.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using nn::Checkpoint;
using test::error_of;

namespace {

template <class T = float>
nn::Sequential<T> network(std::size_t hidden = 5) {
  return nn::Sequential<T>(nn::Linear<T>(3, hidden), nn::Activation<T>("tanh"), nn::Linear<T>(hidden, 2));
}

template <class T>
std::vector<Array<T>> values(nn::Module<T>& model) {
  std::vector<Array<T>> result;
  for (auto& [name, parameter] : model.parameters()) result.push_back(parameter.value());
  return result;
}

/// One step of training on numbers that depend on the step.
template <class T>
void train(nn::Module<T>& model, nn::Optimiser<T>& optimiser, int step) {
  Tape<T> tape;
  Array<T> x(Shape{4, 3});
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = std::sin(T(i) + T(step));
  const auto y = mean(square(model(tape.constant(x)) - T(0.5)));
  optimiser.step(model, gradient(y, model.variables(y)));
}

}  // namespace

TEST_CASE_TEMPLATE("a model comes back as it was", T, float, double) {
  const Scratch scratch;
  auto model = network<T>();
  model.initialise(1);
  nn::save(model, scratch / "w.safetensors", {{"units", "5"}});
  auto other = network<T>();  // not initialised
  nn::load(other, scratch / "w.safetensors");
  CHECK(values(other) == values(model));
  other.initialise(2);
  CHECK(values(other) != values(model));
  nn::load(other, scratch / "w.safetensors");
  CHECK(values(other) == values(model));

  const auto file = nn::load_safetensors(scratch / "w.safetensors");
  CHECK(file.metadata == std::map<std::string, std::string>{{"layout", "xtensor-autodiff"}, {"units", "5"}});
  std::vector<std::string> names;
  for (const auto& [name, tensor] : file.tensors) names.push_back(name);
  CHECK(names == std::vector<std::string>{"0.bias", "0.weight", "2.bias", "2.weight"});
  CHECK(file.tensors.at("0.weight").template as<T>() == model.parameters()[0].parameter.value());
}

TEST_CASE("a model without values is not saved") {
  const Scratch scratch;
  auto model = network();
  CHECK(error_of([&] { nn::save(model, scratch / "w"); }).find("has no value yet") != std::string::npos);
  CHECK(scratch.files() == 0);
}

TEST_CASE("a file of another model says all that differs, and changes nothing") {
  const Scratch scratch;
  const auto path = scratch / "w";
  const auto saying = [&](const std::string& differences) {
    return "[load] " + path.string() + ": differs from the model: " + differences;
  };
  auto model = network();
  model.initialise(1);
  const auto before = values(model);

  auto wide = network(6);
  wide.initialise(2);
  nn::save(wide, path);
  CHECK(error_of([&] { nn::load(model, path); }) == saying(R"("0.weight" expected F32 (3, 5), found F32 (3, 6); )"
                                                           R"("0.bias" expected F32 (5), found F32 (6); )"
                                                           R"("2.weight" expected F32 (5, 2), found F32 (6, 2))"));
  auto precise = network<double>();
  precise.initialise(2);
  nn::save(precise, path);
  CHECK(error_of([&] { nn::load(model, path); }) == saying(R"("0.weight" expected F32 (3, 5), found F64 (3, 5); )"
                                                           R"("0.bias" expected F32 (5), found F64 (5); )"
                                                           R"("2.weight" expected F32 (5, 2), found F64 (5, 2); )"
                                                           R"("2.bias" expected F32 (2), found F64 (2))"));
  nn::Sequential<float> shorter(nn::Linear<float>(3, 5), nn::Linear<float>(5, 2));
  shorter.initialise(2);
  nn::save(shorter, path);
  CHECK(error_of([&] { nn::load(model, path); }) ==
        saying(R"(missing "2.weight" F32 (5, 2); missing "2.bias" F32 (2); )"
               R"(unexpected "1.bias" F32 (2); unexpected "1.weight" F32 (5, 2))"));
  nn::save_safetensors(path, {{"x\ty", Array<double>(Shape{0, 2})}});
  CHECK(error_of([&] { nn::load(model, path); }).find(R"(missing "2.bias" F32 (2); unexpected "x?y" F64 (0, 2))") !=
        std::string::npos);
  write_bytes(path, "rubbish");
  CHECK(error_of([&] { nn::load(model, path); }).find(":offset 0: this is a truncated file: it has 7 bytes") !=
        std::string::npos);
  CHECK(values(model) == before);
}

TEST_CASE("numbers and texts of a checkpoint come back exactly") {
  const double numbers[] = {
      0.1, -0.0,     1e-300,   std::numeric_limits<double>::denorm_min(), 0x1.fffffffffffffp1023, 1.0 / 3,
      3,   HUGE_VAL, -HUGE_VAL};
  const Scratch scratch;
  Checkpoint saved;
  for (int i = 0; const double number : numbers) saved.set("number " + std::to_string(i++), number);
  saved.set("nan", std::nan(""));
  saved.set("float", 0.1f);
  saved.set("seed", std::uint64_t{18446744073709551615u});
  saved.set("lowest", std::numeric_limits<std::int64_t>::min());
  saved.set("rule", "adam");
  saved.set("unusual", std::string("\0\xc3\xbc\"", 4));
  saved.arrays.emplace("history", Array<double>{0.5, 0.25});
  nn::save_checkpoint(scratch / "run", saved);
  const auto loaded = nn::load_checkpoint(scratch / "run");
  for (int i = 0; const double number : numbers) {
    const auto back = loaded.number<double>("number " + std::to_string(i++));
    CHECK(std::bit_cast<std::uint64_t>(back) == std::bit_cast<std::uint64_t>(number));
  }
  CHECK(std::isnan(loaded.number<double>("nan")));
  CHECK(loaded.number<float>("float") == 0.1f);
  CHECK(loaded.number<std::uint64_t>("seed") == 18446744073709551615u);
  CHECK(loaded.text("seed") == "18446744073709551615");
  CHECK(loaded.number<std::int64_t>("lowest") == std::numeric_limits<std::int64_t>::min());
  CHECK(loaded.text("rule") == "adam");
  CHECK(loaded.text("unusual") == std::string("\0\xc3\xbc\"", 4));
  CHECK(loaded.array<double>("history") == Array<double>{0.5, 0.25});
  CHECK(loaded.contains("rule"));
  CHECK_FALSE(loaded.contains("schedule"));

  const std::string begin = "[checkpoint] " + (scratch / "run").string() + ": ";
  CHECK(error_of([&] { loaded.text("schedule"); }) == begin + "\"schedule\" is not there");
  CHECK(error_of([&] { loaded.array<float>("schedule"); }) == begin + "\"schedule\" is not there");
  CHECK(error_of([&] { loaded.number<double>("rule"); }) == begin + "\"rule\" is not a number in its range");
  CHECK(error_of([&] { loaded.number<int>("seed"); }) == begin + "\"seed\" is not a whole number in its range");
  CHECK(error_of([&] { loaded.number<unsigned>("lowest"); }) ==
        begin + "\"lowest\" is not a whole number in its range");
  CHECK(error_of([&] { loaded.number<int>("float"); }) == begin + "\"float\" is not a whole number in its range");
}

TEST_CASE("a run that goes on from a checkpoint gives the same bits as one that was not stopped") {
  const Scratch scratch;
  for (const std::string& rule : nn::optimiser_names()) {
    CAPTURE(rule);
    auto model = network();
    model.initialise(1);
    const auto optimiser = nn::optimiser<float>(rule, 0.3);
    for (const int stop : {0, 3}) {  // also before the first step, without any slots yet
      for (int step = 0; step < stop; ++step) train(model, *optimiser, step);
      optimiser->learning_rate(0.1);
      Checkpoint saved;
      saved.put(model, *optimiser);
      nn::save_checkpoint(scratch / "run", saved);

      auto resumed = network();
      const auto with = nn::optimiser<float>(rule, 0.7);
      nn::load_checkpoint(scratch / "run").restore(resumed, *with);
      CHECK(with->learning_rate() == 0.1);
      CHECK(values(resumed) == values(model));
      for (int step = stop; step < stop + 5; ++step) {
        train(model, *optimiser, step);
        train(resumed, *with, step);
      }
      CHECK(values(resumed) == values(model));
      auto forgetful = network();  // to show that the slots matter
      saved.restore(forgetful);
      const auto fresh = nn::optimiser<float>(rule, 0.1);
      for (int step = stop; step < stop + 5; ++step) train(forgetful, *fresh, step);
      CHECK((values(forgetful) == values(model)) == (stop == 0 || rule == "gradient-descent"));
    }
  }
}

TEST_CASE("a checkpoint is restored as a whole or not at all") {
  auto model = network();
  model.initialise(1);
  nn::Adam<float> adam(0.3);
  train(model, adam, 0);
  Checkpoint saved;
  saved.put(model, adam);
  saved.arrays.emplace("history", Array<double>{1});  // no business of model and optimiser

  auto other = network();
  other.initialise(2);
  nn::Sgd<float> sgd(0.2, {.momentum = 0.9});
  train(other, sgd, 0);
  const auto before = values(other);
  const auto velocity = sgd.slots("0.weight").all().at("velocity").value();
  const auto unchanged = [&] {
    return values(other) == before && sgd.learning_rate() == 0.2 &&
           sgd.slots("0.weight").all().at("velocity").value() == velocity;
  };
  const auto said = error_of([&] { saved.restore(other, sgd); });
  CHECK(said.starts_with("[restore] checkpoint: differs from the model: "));
  CHECK(said.find(R"(missing "optimiser.0.weight.velocity" F32 (3, 5))") != said.npos);
  CHECK(said.find(R"(unexpected "optimiser.2.bias.step" F32 ())") != said.npos);
  CHECK(said.find("model.") == said.npos);
  CHECK(said.find("history") == said.npos);
  CHECK(unchanged());

  saved.put(other, sgd);  // replaces what was put before
  CHECK(error_of([&] { saved.restore(other, sgd); }) == "no error");
  for (const char* rate : {"-1", "inf", "nan", "fast", ""}) {
    saved.set("optimiser.learning_rate", rate);
    CHECK(error_of([&] { saved.restore(other, sgd); }).find("\"optimiser.learning_rate\"") != std::string::npos);
  }
  saved.set("optimiser.learning_rate", 0.5);
  saved.arrays.insert_or_assign("optimiser.0.bias.velocity", nn::Tensor(Array<float>{1, 2}));
  saved.arrays.insert_or_assign("model.3.bias", nn::Tensor(Array<double>{1, 2}));
  CHECK(error_of([&] { saved.restore(other, sgd); }) ==
        "[restore] checkpoint: differs from the model: "
        R"("optimiser.0.bias.velocity" expected F32 (5), found F32 (2); unexpected "model.3.bias" F64 (2))");
  CHECK(unchanged());
}

TEST_CASE("files that are no checkpoints are refused, and checkpoints where weights are asked for") {
  const Scratch scratch;
  const std::string path = (scratch / "w").string();
  nn::Linear<float> linear(2, 3);
  linear.initialise(1);
  nn::Checkpoint checkpoint;
  checkpoint.put(linear);
  nn::save_checkpoint(path, checkpoint);
  CHECK(error_of([&] { nn::load(linear, path); }) ==
        "[load] " + path + ": is a checkpoint: call load_checkpoint(path).restore(model)");
  CHECK(nn::load(linear, path, {.prefix = "model."}).missing.empty());
  // A network that does not take the shape shows it, and no number of samples that the file is recorded with.
  CHECK(error_of([&] {
          nn::save_onnx(linear, path, {5, 3});
        }) == "[matmul] inner dimensions must agree: (5, 3) and (2, 3)");
  nn::save_safetensors(path, {}, {{"a", "b"}});
  CHECK(error_of([&] { nn::load_checkpoint(path); }) ==
        "[load_checkpoint] " + path + ": is not a checkpoint; if it holds weights alone, call load");
  nn::save_safetensors(path, {}, {{"xtensor-autodiff", "checkpoint 2"}});
  CHECK(error_of([&] { nn::load_checkpoint(path); }) ==
        "[load_checkpoint] " + path + ": needs \"checkpoint 1\", and is \"checkpoint 2\"");
  CHECK(error_of([&] { nn::load_checkpoint(path + "x"); }).find("cannot be opened") != std::string::npos);
}

TEST_CASE("a checkpoint with a learning rate that cannot be is not gone on from") {
  const Scratch scratch;
  const auto fit = [&](bool resume) {
    nn::Linear<double> model(2, 1);
    model.initialise(1);
    nn::Sgd<double> optimiser(0.1);
    nn::MemorySource<double> data(nn::regression(Array<double>{{1, 2}, {3, 4}}, Array<double>{1, 2}));
    nn::FitOptions<double> options;
    options.epochs = 2, options.plateau = nn::PlateauOptions{};
    options.checkpoint = scratch / "run.safetensors", options.resume = resume;
    nn::fit(model, optimiser, nn::loss<double>("mean-squared-error"), data, options);
  };
  fit(false);
  for (const char* rate : {"-1", "inf", "nan"}) {
    auto checkpoint = nn::load_checkpoint(scratch / "run.safetensors");
    checkpoint.set("plateau.rate", rate);
    nn::save_checkpoint(scratch / "run.safetensors", checkpoint);
    const auto error = error_of([&] { fit(true); });
    CHECK(error.ends_with(std::string("has a learning rate that cannot be: ") + rate));
  }
}
