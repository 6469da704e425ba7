// The report of a training run: what fit tells it, what it remarks, and that the file stands alone.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "nn_fit_runs.hpp"
#include "scratch.hpp"

using namespace test;
using nn::Observed;

namespace {

/// What a page is made of.
nlohmann::json data_of(const std::string& html) {
  const std::string begin = "const data = ";
  const auto from = html.find(begin) + begin.size();
  return nlohmann::json::parse(html.substr(from, html.find(";\n", from) - from));
}

/// Of base64.
std::vector<int> decoded(const std::string& text) {
  const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<int> bytes;
  int bits = 0, held = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = (bits << 6 | int(letters.find(c))) & 0xffff, held += 6;
    if (held >= 8) held -= 8, bytes.push_back(bits >> held & 255);
  }
  return bytes;
}

Observed weights(std::size_t layer, double update) {
  Observed o{"weights", std::to_string(layer) + "/weight", layer, 1, 1, 0};
  o.update = update;
  return o;
}

}  // namespace

TEST_CASE("fit writes what an epoch has come to into the report") {
  const Scratch folder;
  auto data = corners<double>(100, 1), validation = corners<double>(60, 2);
  auto model = network<double>(), same = model;
  nn::Adam<double> adam(0.01), other(0.01);
  nn::Report report(folder / "run.html", {.title = "</script><b>Corners</b>", .classes = {"a", "b", "c"}});
  auto opts = options<double>(3);
  opts.validation = &validation;
  nn::fit(same, other, cross_entropy<double>(), data, opts);
  opts.report = &report;
  std::vector<Array<double>> before, after;
  opts.after_epoch = [&](nn::Moment&) {
    before = std::move(after), after.clear();
    for (const auto& [name, parameter] : model.parameters()) after.push_back(parameter.value());
  };
  const auto result = nn::fit(model, adam, cross_entropy<double>(), data, opts);
  check_same_bits<double>(model, same);  // looking changes nothing

  const std::string html = bytes_of(folder / "run.html");
  CHECK_EQ(html, report.html());
  CHECK_EQ(html.find("</script><b>"), html.npos);
  for (const char* outside : {"http://", "https://", "src=", "href=", "@import", "url("}) {
    const auto found = html.find(outside);
    CHECK((found == html.npos || html.compare(found, 22, "http://www.w3.org/2000") == 0));
  }
  const auto page = data_of(html);
  CHECK_EQ(page["title"], "</script><b>Corners</b>");
  CHECK_EQ(page["curves"]["x"].size(), 3);
  CHECK_EQ(page["curves"]["panels"][0]["series"][0]["values"].get<std::vector<double>>(),
           result.history.column("loss"));
  REQUIRE_EQ(page["epochs"].size(), 3);

  std::size_t right = 0, all = 0;
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      const auto n = page["confusion"][i][j].get<std::size_t>();
      all += n, right += i == j ? n : 0;
    }
  CHECK_EQ(all, 60);
  CHECK(double(right) / 60 == nn::accuracy<double>(model(validation.data().inputs).value(), validation.data().targets));

  std::size_t weights = 0;
  for (const auto& row : page["epochs"][2]["rows"]) {
    const auto name = row["name"].get<std::string>();
    CAPTURE(name);
    std::size_t counted = 0;
    if (row["values"].is_object())
      for (const auto& count : row["values"]["counts"]) counted += count.get<std::size_t>();
    std::size_t k = 0;
    for (const auto& [full, parameter] : model.parameters()) {
      std::string on_tape = full;
      std::ranges::replace(on_tape, '.', '/');
      if (on_tape == name) {
        const Array<double> change = after[k] - before[k], &value = after[k];
        CHECK(row["value"].get<double>() == doctest::Approx(std::sqrt(xt::sum(value * value)())));
        CHECK(row["update"].get<double>() ==
              doctest::Approx(std::sqrt(xt::sum(change * change)() / xt::sum(value * value)()) / 7));  // 100 / 16 steps
        CHECK_EQ(counted, value.size());
        ++weights;
      }
      ++k;
    }
  }
  CHECK_EQ(weights, model.parameters().size());
}

TEST_CASE("a report shows calibration, ROC curves and the worst samples of the validation data") {
  const Scratch folder;
  auto data = corners<double>(100, 1), validation = corners<double>(60, 2);
  auto model = network<double>();
  nn::Adam<double> adam(0.01);
  nn::Report report(folder / "run.html");
  auto opts = options<double>(2);
  opts.validation = &validation, opts.report = &report;
  nn::fit(model, adam, cross_entropy<double>(), data, opts);
  const auto page = data_of(report.html());
  const auto& samples = validation.data();
  const Array<double> probabilities = autodiff::softmax(model(samples.inputs)).value();
  CHECK(page["calibration"]["error"].get<double>() ==
        doctest::Approx(nn::calibration(probabilities, samples.targets).error).epsilon(1e-5));
  REQUIRE_EQ(page["roc"].size(), 3);
  double areas = 0;
  for (const auto& curve : page["roc"]) {
    areas += curve["area"].get<double>();
    CHECK_EQ(curve["points"][0], nlohmann::json({0, 0}));
    CHECK_EQ(curve["points"].back(), nlohmann::json({1, 1}));
  }
  CHECK(areas / 3 == doctest::Approx(nn::roc_auc(probabilities, samples.targets)).epsilon(1e-5));
  REQUIRE_EQ(page["worst"].size(), 12);
  const auto of_truth = [&](std::size_t i) { return probabilities(i, std::size_t(samples.targets(i))); };
  std::vector<double> least;
  for (std::size_t i = 0; i < 60; ++i) least.push_back(of_truth(i));
  std::ranges::sort(least);
  for (std::size_t k = 0; k < 12; ++k) {
    const auto& worst = page["worst"][k];
    const auto i = worst["sample"].get<std::size_t>();
    CHECK(of_truth(i) == least[k]);
    CHECK(worst["probability"].get<double>() == doctest::Approx(least[k]).epsilon(1e-5));
    CHECK_EQ(worst["truth"].get<double>(), samples.targets(i));
    CHECK(worst["row"][1].get<double>() == doctest::Approx(samples.inputs(i, 1)).epsilon(1e-5));
  }
}

TEST_CASE("what the page says of a weight's chain is what explain says") {
  const Scratch folder;
  nn::Sequential<double> model(nn::Linear<double>(2, 20), nn::Activation<double>("tanh"), nn::Linear<double>(20, 4),
                               nn::Activation<double>("logistic"), nn::Linear<double>(4, 3));
  model.initialise(1);
  auto data = corners<double>(40, 1);
  nn::Adam<double> adam(0.01);
  nn::Report report(folder / "run.html");
  auto opts = options<double>(1);
  opts.report = &report;
  nn::fit(model, adam, cross_entropy<double>(), data, opts);
  const auto page = data_of(report.html());
  REQUIRE_EQ(page["walk"].size(), 1);
  const auto& layers = page["walk"][0]["layers"];
  REQUIRE_EQ(layers.size(), 4);
  CHECK_EQ(layers[1]["shown"].size(), 12);

  autodiff::Tape<double> tape;
  const std::size_t first = 0;
  const auto sample = data.batch(std::span(&first, 1));
  const auto loss =
      autodiff::sum(autodiff::softmax_cross_entropy(model(tape.constant(sample.inputs[0])), sample.targets[0]));
  const auto near = [](const nlohmann::json& said, double value) {
    CHECK(said.get<double>() == doctest::Approx(value).epsilon(2e-5));
  };
  near(page["walk"][0]["loss"], loss.item());
  for (std::size_t k = 1; k < 4; ++k) {
    const auto& layer = layers[k];
    const std::string name = "layer" + std::to_string(k);
    const std::size_t i = layers[k - 1]["shown"][1], j = layer["shown"][2];
    const auto weight = tape.find(name + "/W");
    const auto derived = autodiff::explain(loss, weight, {i, j});
    near(layer["weights"][1][2], weight.value()(i, j));
    near(layer["weightGradients"][1][2], derived.value());
    near(layer["h"][2], tape.find(k < 3 ? name + "/h" : name + "/a").value()(0, j));
    const double read = layers[k - 1]["h"][1];
    CHECK(read * layer["aGradient"][2].get<double>() == doctest::Approx(derived.value()).epsilon(2e-5));
    for (std::size_t l = k + 1; l < 4; ++l) {
      const auto passes = layer["chains"][2][l - k - 1].get<std::vector<double>>();
      double sum = 0;
      std::size_t most = 0;
      for (std::size_t m = 0; m < passes.size(); ++m)
        sum += read * passes[m], most = std::abs(passes[m]) > std::abs(passes[most]) ? m : most;
      CHECK(sum == doctest::Approx(derived.value()).epsilon(2e-5));
      const auto a = tape.find("layer" + std::to_string(l) + "/a");
      const auto cut = std::ranges::find(derived.cuts(), tape.name(a.index()), &autodiff::Derivation::Cut::name);
      REQUIRE(cut != derived.cuts().end());
      const std::size_t unit = layers[l]["shown"][most];
      CHECK_EQ(cut->most, cut->name + "[0, " + std::to_string(unit) + "]");
      CHECK(read * passes[most] == doctest::Approx(cut->most_value).epsilon(2e-5));
    }
  }
}

TEST_CASE("the page has what a model of two features and its units say all over the plane") {
  const Scratch folder;
  auto data = corners<double>(50, 1);
  auto model = network<double>();
  nn::Adam<double> adam(0.01);
  nn::Report report(folder / "run.html");
  auto opts = options<double>(2);
  opts.report = &report;
  nn::fit(model, adam, cross_entropy<double>(), data, opts);
  const auto page = data_of(report.html());
  CHECK_EQ(page["points"].size(), 50);
  REQUIRE_EQ(page["epochs"].size(), 2);
  const auto& map = page["epochs"][1]["map"];
  CHECK_EQ(map["units"].size(), 16);
  const auto bytes = decoded(map["bytes"]);
  const std::size_t side = map["side"];
  REQUIRE_EQ(bytes.size(), side * side);
  for (const std::size_t row : {std::size_t(0), side / 3, side - 1})
    for (const std::size_t column : {std::size_t(0), side / 2, side - 1}) {
      const auto at = [&](std::size_t k, std::size_t place) {
        const double low = map["low"][k], high = map["high"][k];
        return low + (high - low) * (double(place) + 0.5) / double(side);
      };
      const Array<double> point = xt::xarray<double>{{at(0, column), at(1, side - 1 - row)}};
      const auto scores = model(point).value();
      const auto most = std::ranges::max_element(scores) - scores.begin();
      CHECK_EQ(bytes[row * side + column] / 25, most);
    }
}

TEST_CASE("a report leaves out what a loss or a model does not allow") {
  struct Twice : nn::Module<double> {
    nn::Linear<double> layer{2, 3};
    std::vector<autodiff::Variable<double>> forward(const std::vector<autodiff::Variable<double>>& x) override {
      return {layer(x[0]), autodiff::tanh(layer(x[0]))};
    }
    void members(nn::Members<double>& m) override { m("layer", layer); }
  } model;
  model.initialise(1);
  const Scratch folder;
  auto data = corners<double>(40, 1);
  nn::Adam<double> adam(0.01);
  nn::Report report(folder / "run.html");
  auto opts = options<double>(1);
  opts.report = &report, opts.drop_last = true;
  const nn::Loss<double> of_pairs = [](const nn::Outcome<double>& outcome) {
    if (outcome.targets[0].shape()[0] < 2) autodiff::fail<autodiff::ValueError>("pairs", "needs two samples");
    return autodiff::softmax_cross_entropy(outcome.predictions[0], outcome.targets[0]);
  };
  nn::fit(model, adam, of_pairs, data, opts);
  const auto page = data_of(report.html());
  CHECK(!page.contains("walk"));
  CHECK(page["epochs"][0].contains("map"));

  // Two indices, between which the map has nothing to ask.
  nn::Sequential<double> of_indices(nn::Embedding<double>(10, 4), nn::Flatten<double>(), nn::Linear<double>(8, 3));
  of_indices.initialise(1);
  autodiff::Array<double> ids(autodiff::Shape{40, 2}), classes(autodiff::Shape{40});
  for (std::size_t i = 0; i < 40; ++i) ids(i, 0) = double(i % 9), ids(i, 1) = double(i % 7), classes(i) = double(i % 3);
  nn::MemorySource<double> indices(nn::classification(ids, classes));
  nn::Adam<double> other(0.01);
  nn::Report second(folder / "second.html");
  opts.report = &second;
  CHECK(nn::fit(of_indices, other, cross_entropy<double>(), indices, opts).epochs == 1);
  CHECK(!data_of(second.html())["epochs"][0].contains("map"));
}

TEST_CASE("a report draws the curves of other runs, from reports and histories") {
  const Scratch folder;
  nn::History history, other;
  history.append({{"epoch", 1}, {"loss", 0.5}});
  other.append({{"epoch", 1}, {"loss", 0.75}}), other.append({{"epoch", 2}, {"loss", 0.625}});
  nn::write_csv(folder / "other.csv", other);
  nn::Report first(folder / "first.html");
  first.add(other, {}, {});
  nn::Report report(folder / "run.html");
  report.compare(folder / "first.html"), report.compare(folder / "other.csv");
  report.add(history, {}, {});
  report.importance("R2", {"a", "b"}, {0.25, 0.5});
  const auto page = data_of(bytes_of(folder / "run.html"));
  REQUIRE_EQ(page["others"].size(), 2);
  for (const auto& run : page["others"]) {
    CHECK_EQ(run["curves"]["x"], nlohmann::json({1, 2}));
    CHECK_EQ(run["curves"]["panels"][0]["series"][0]["values"], nlohmann::json({0.75, 0.625}));
  }
  CHECK_EQ(page["others"][1]["name"], "other");
  CHECK_EQ(page["importance"]["rows"][0], nlohmann::json({{"name", "b"}, {"loss", 0.5}}));
  CHECK_THROWS_AS(report.importance("R2", {"a"}, {}), autodiff::ShapeError);
  write_bytes(folder / "none.html", "<html>const data = 3;\n</html>");
  CHECK_THROWS_AS(report.compare(folder / "none.html"), nn::DataError);
  CHECK_THROWS_AS(report.compare(folder / "nowhere.html"), nn::DataError);
  CHECK_THROWS_AS(report.compare(folder / "nowhere.csv"), nn::DataError);
}

TEST_CASE("weights of a first layer and samples are shown as images where the inputs are some") {
  const Scratch folder;
  nn::Random random(1);
  auto inputs = autodiff::uninitialised<double>(Shape{20, 6}), targets = autodiff::uninitialised<double>(Shape{20, 1});
  for (auto& x : inputs) x = random.normal();
  for (auto& t : targets) t = random.normal();
  nn::MemorySource<double> data({inputs, targets});
  nn::Sequential<double> model(nn::Linear<double>(6, 4), nn::Activation<double>("relu"), nn::Linear<double>(4, 1));
  model.initialise(1);
  nn::Sgd<double> sgd(1e-3);
  nn::ReportOptions about;
  about.image = {2, 3};
  nn::Report report(folder / "run.html", about);
  auto opts = options<double>(1);
  opts.validation = &data, opts.report = &report;
  nn::fit(model, sgd, nn::loss<double>("squared-error"), data, opts);
  const auto page = data_of(report.html());
  const Array<double> weights = model.parameters()[0].parameter.value();
  REQUIRE_EQ(page["filters"]["pictures"].size(), 4);
  const double most = page["filters"]["most"];
  for (std::size_t j = 0; j < 4; ++j) {
    const auto bytes = decoded(page["filters"]["pictures"][j]["bytes"]);
    REQUIRE_EQ(bytes.size(), 6);
    for (std::size_t i = 0; i < 6; ++i) CHECK(std::abs((bytes[i] - 128) / 127.0 * most - weights(i, j)) < most / 127);
  }
  const auto& worst = page["worst"][0];
  const auto bytes = decoded(worst["picture"]["bytes"]);
  const auto row = xt::row(inputs, std::ptrdiff_t(worst["sample"].get<std::size_t>()));
  const double low = xt::amin(row)(), high = xt::amax(row)();
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(std::abs(low + bytes[i] / 255.0 * (high - low) - row(i)) < (high - low) / 255);
  CHECK_EQ(worst["picture"]["height"], 2);
  CHECK(!page.contains("roc"));
}

TEST_CASE("remarks are what a teacher would say") {
  const auto said = [](std::vector<Observed> rows) {
    std::string text;
    for (const auto& remark : nn::remarks(rows)) text += remark + '\n';
    return text;
  };
  CHECK_EQ(said({weights(3, 6e-3), weights(2, 1e-3), weights(1, 1e-4)}),
           "layer 1 learns 60 times slower than layer 3: vanishing gradient\n");
  CHECK_EQ(said({weights(2, 1e-3), weights(1, 2e-2)}), "layer 2 learns 20 times slower than layer 1\n");
  CHECK_EQ(said({weights(2, 1e-3), weights(1, 9e-3)}), "");
  CHECK_EQ(said({weights(1, 0.25)}), "1/weight moves by 25 % of its norm in a step: the learning rate is large\n");
  CHECK_EQ(said({{"hidden units", "1/h", 1, 1, 1, 0.9, 0.9}}), "90 % of 1/h are zero: units may be dead\n");
  CHECK_EQ(said({{"hidden units", "1/h", 1, 1, 1, 0, 0.75}}),
           "75 % of 1/h are saturated: little flows back through them\n");
}

TEST_CASE("a report of many epochs stays small, and shows the last one") {
  const Scratch folder;
  nn::Report report(folder / "run.html");
  nn::History history;
  for (std::size_t epoch = 1; epoch <= 450; ++epoch) {
    history.append({{"epoch", double(epoch)}, {"loss", 1.0 / double(epoch)}});
    report.add(history, {weights(1, 1e-3)}, {});
    const auto page = epoch % 37 == 0 ? data_of(report.html()) : nlohmann::json();
    if (!page.is_null()) {
      CHECK_LE(page["epochs"].size(), 101);
      CHECK_EQ(page["epochs"].back()["epoch"], epoch);
      CHECK_EQ(page["epochs"][0]["epoch"], 1);
    }
  }
  CHECK_LT(report.html().size(), 100'000);
  CHECK_THROWS_WITH_AS(nn::Report("run.txt"), "[report] the path must end with .html: \"run.txt\"",
                       autodiff::ValueError);
  CHECK_THROWS_AS(nn::Report("run.html", {.samples = 0}), autodiff::ValueError);
}
