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
