#include <fstream>
#include <iomanip>
#include <network.hpp>
#include <sstream>

#include "nn_programs.hpp"
#include "scratch.hpp"

namespace {

std::vector<std::string> lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string line; std::getline(stream, line);) result.push_back(line);
  return result;
}

std::vector<std::string> fields(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> result;
  for (std::string field; std::getline(stream, field, ',');) result.push_back(field);
  return result;
}

/// A table of prices, with a header, and the same without the target.
struct Prices {
  std::string with = "size,kind,price,room\n", without = "size,kind,room\n";
  Prices() {
    for (int i = 0; i < 200; ++i) {
      const std::string size = std::to_string(i * 37 % 101), kind(1, "abc"[i % 3]), room = std::to_string(i % 5);
      with += size + "," + kind + "," + std::to_string(3.5 * (i * 37 % 101) + 100 * (i % 3)) + "," + room + "\n";
      without += size + "," + kind + "," + room + "\n";
    }
  }
};

}  // namespace

TEST_CASE("weights and biases of train_mlp start as those of scikit-learn") {
  Description description;
  description.inputs = 8, description.hidden = {2000}, description.outputs = 500, description.activation = "relu";
  auto model = build<double>(description);
  model.initialise(3);
  // Of its MLPRegressor of this size: standard deviations and largest values.
  for (const auto& named : model.parameters()) {
    CAPTURE(named.name);
    const auto& values = named.parameter.value();
    const bool first = named.name.starts_with("0");
    CHECK(xt::stddev(values)() == doctest::Approx(first ? 0.0315 : 0.0283).epsilon(0.05));
    CHECK(xt::amax(xt::abs(values))() == doctest::Approx(first ? 0.0547 : 0.0490).epsilon(0.01));
  }
}

TEST_CASE("predict gives what the network itself gives") {
  const Scratch scratch;
  const auto model = scratch / "digits.safetensors";
  REQUIRE(train_mlp("--epochs 2 --scaling range --dropout 0.1 --save " + model.string()).code == 0);
  const auto text = lines(predict("--model " + model.string() + " --file " DIGITS_CSV).text);
  REQUIRE(text.size() == 1798);
  CHECK(text[0].starts_with("class,probability 0,probability 1,"));

  const auto description = load_description(model);
  auto network = build<float>(description);
  nn::load(network, model);
  const auto digits = nn::read_csv<float>(DIGITS_CSV);
  const autodiff::Array<float> scaled = digits.inputs / 16;  // pixels are from 0 to 16
  const auto expected = autodiff::softmax(network(scaled)).value();
  std::size_t right = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto row = fields(text[i + 1]);
    REQUIRE(row.size() == 11);
    for (std::size_t c = 0; c < 10; ++c)
      CHECK(std::stof(row[c + 1]) == doctest::Approx(expected(i, c)).epsilon(1e-4).scale(1e-3));
    right += row[0] == std::to_string(int(digits.targets(i)));
  }
  CHECK(right > 1600);

  const auto output = (scratch / "predictions.csv").string();
  const auto labelled = predict("--model " + model.string() + " --file " DIGITS_CSV " --output " + output).text;
  CHECK(labelled.starts_with(std::to_string(1797 - right) + " of 1797 rows are wrong:\n  line "));
  CHECK(labelled.find("baseline accuracy 0.1") != std::string::npos);
  CHECK(lines(bytes_of(output)) == text);
}

TEST_CASE("predict reads a table with its target or without, and gives values in their units") {
  const Scratch scratch;
  const Prices prices;
  write_bytes(scratch / "with.csv", prices.with);
  write_bytes(scratch / "without.csv", prices.without);
  write_bytes(scratch / "plain.csv", prices.with.substr(prices.with.find('\n') + 1));
  write_bytes(scratch / "plain_without.csv", prices.without.substr(prices.without.find('\n') + 1));
  const auto file = [&](const std::string& name) { return " --file " + (scratch / name).string(); };
  const auto model = " --model " + (scratch / "prices").string();
  const std::string train = "--epochs 60 --learning-rate 0.01 --save " + (scratch / "prices").string();
  REQUIRE(train_mlp(train + " --target price --categorical kind" + file("with.csv")).code == 0);
  const auto text = predict(model + file("with.csv"));
  CHECK(text.code == 0);
  const auto rows = lines(text.text);
  REQUIRE(rows.size() == 201);
  CHECK(rows[0] == "price");
  const auto truth = lines(prices.with);
  double worst = 0;
  for (std::size_t i = 1; i < rows.size(); ++i)
    worst = std::max(worst, std::abs(std::stod(rows[i]) - std::stod(fields(truth[i])[2])));
  CHECK(worst < 60);  // of 0 to 550
  CHECK(predict(model + file("without.csv")).text == text.text);

  // Without names, columns are known by their numbers.
  REQUIRE(train_mlp(train + " --target 3 --categorical 2" + file("plain.csv")).code == 0);
  const auto plain = lines(predict(model + file("plain.csv")).text);
  REQUIRE(plain.size() == 201);
  CHECK(plain[0] == "column 3");
  CHECK(std::vector(plain.begin() + 1, plain.end()) == std::vector(rows.begin() + 1, rows.end()));
  CHECK(lines(predict(model + file("plain_without.csv")).text) == plain);

  // In another order, without what training dropped.
  REQUIRE(train_mlp(train + " --target price --categorical kind --drop room" + file("with.csv")).code == 0);
  const auto dropped = predict(model + file("with.csv")).text;
  std::string moved = "kind,size\n";
  for (std::size_t i = 1; i < truth.size(); ++i) moved += fields(truth[i])[1] + "," + fields(truth[i])[0] + "\n";
  write_bytes(scratch / "moved.csv", moved);
  CHECK(predict(model + file("moved.csv")).text == dropped);
  write_bytes(scratch / "renamed.csv", "area,kind,size_2,price\n1,a,2,3\n");
  CHECK(predict(model + file("renamed.csv"), true).text ==
        "predict: [columns] " + (scratch / "renamed.csv").string() +
            ": missing: \"size\"; not in the training table: \"area\", \"size_2\"\n");
  write_bytes(scratch / "more.csv", "size,kind,colour\n1,a,2\n");
  CHECK(predict(model + file("more.csv"), true).text.find(": not in the training table: \"colour\"\n") !=
        std::string::npos);
  // From a pipe, which is read once.
  CHECK(run("cat " + (scratch / "moved.csv").string() + " | " PREDICT, model + " --file /dev/stdin").text == dropped);

  // Classes by name, of a table that has more kinds than were seen.
  REQUIRE(train_mlp(train + " --target kind" + file("with.csv")).code == 0);
  const auto classes = lines(predict(model + file("with.csv")).text);
  CHECK(classes[0] == "class,probability a,probability b,probability c");
}

TEST_CASE("a first line of texts or of numbers is what --header says") {
  const Scratch scratch;
  const auto file = (scratch / "table.csv").string(), model = (scratch / "model").string();
  const auto train = [&](const std::string& table, const std::string& more) {
    write_bytes(file, table);
    return train_mlp("--epochs 1 --file " + file + " --save " + model + " " + more);
  };
  const std::string texts = "a,b,yes\na,c,no\nd,b,yes\na,c,no\nd,b,yes\n";
  CHECK(train(texts, "--header absent --categorical 1,2").text.find("4 samples to train, 1 to test") !=
        std::string::npos);
  const auto predicted = lines(predict("--model " + model + " --file " + file).text);
  REQUIRE(predicted.size() == 6);
  CHECK(predicted[0] == "class,probability yes,probability no");
  REQUIRE(train("5,1,cat,dog\n1,0\n2,1\n3,0\n4,1\n5,0\n", "--header counts").code == 0);
  write_bytes(file, "1\n2\n");
  CHECK(predict("--model " + model + " --file " + file).lines() == 3);
  CHECK(train("2019,2020\n1,0.5\n2,1.5\n3,2.5\n4,3.5\n5,4.5\n", "--header present")
            .text.find("4 samples to train, 1 to test") != std::string::npos);
  CHECK(lines(predict("--model " + model + " --file " + file).text)[0] == "2020");
}

TEST_CASE("missing values are filled in by the training samples alone, and alike in predict") {
  const Scratch scratch;
  std::string table = "size,kind,price\n";
  for (int i = 0; i < 50; ++i)
    table += (i % 7 == 0 ? "" : std::to_string(i * i)) + "," +
             (i % 5 == 0   ? "?"
              : i % 3 == 0 ? "a"
                           : "b") +
             "," + std::to_string(i + 0.5) + "\n";
  const auto file = (scratch / "table.csv").string(), model = (scratch / "model").string();
  write_bytes(file, table);
  for (const bool mean : {true, false}) {
    REQUIRE(train_mlp("--epochs 2 --precision double --categorical kind --file " + file + " --missing " +
                      (mean ? "mean" : "median") + " --save " + model)
                .code == 0);
    const auto all = nn::read_csv<double>(
        file, {.regression = true, .categorical = {{"kind", true}}, .missing = nn::CsvOptions::Missing::keep});
    const auto train = nn::split(all, 0.2, 0).train;
    const auto expected = mean ? nn::fill_mean(train) : nn::fill_median(train);
    const auto fill = load_description(model).fill;
    CHECK(std::ranges::equal(fill, expected.values));
    CHECK(expected.values != (mean ? nn::fill_mean(all) : nn::fill_median(all)).values);
    std::ostringstream size;
    size << std::setprecision(17) << fill[0];
    write_bytes(scratch / "holes.csv", "size,kind\n,b\n5,NA\n");
    write_bytes(scratch / "filled.csv", "size,kind\n" + size.str() + ",b\n5,b\n");
    const auto holes = predict("--model " + model + " --file " + (scratch / "holes.csv").string());
    CHECK(holes.code == 0);
    CHECK(holes.lines() == 3);
    auto said = lines(holes.text);  // with a note on each
    CHECK(said[0] == "price,note");
    for (auto& line : said) line = line.substr(0, line.find(','));
    CHECK(said == lines(predict("--model " + model + " --file " + (scratch / "filled.csv").string()).text));
  }
  // Samples that training left out are not left out here.
  REQUIRE(train_mlp("--epochs 1 --categorical kind --missing drop --file " + file + " --save " + model).code == 0);
  const auto holes = "--model " + model + " --file " + (scratch / "holes.csv").string();
  CHECK(predict(holes).lines() == 3);
  CHECK(predict(holes, true).text.starts_with("predict: of 2 rows, 2 have missing or unknown values, filled"));
  CHECK(predict(holes + " --bad-rows refuse", true)
            .text.find("holes.csv:2: column 1 (\"size\") is missing (--bad-rows fill or blank)\n") !=
        std::string::npos);
}

TEST_CASE("predict refuses other files with one clear line and exit code 2") {
  const Scratch scratch;
  const auto model = (scratch / "iris").string();
  REQUIRE(train_mlp("--data iris --epochs 1 --save " + model).code == 0);
  write_bytes(scratch / "three.csv", "1,2,3\n4,5,6\n");
  write_bytes(scratch / "text.csv", "1,2,x,4\n4,5,6,7\n");
  nn::save_safetensors(scratch / "other", {}, {});
  nn::save_safetensors(scratch / "hostile", {}, {{"train_mlp", "{\"inputs\": 4}"}});
  const auto refused = [&](const std::string& network, const std::string& file, const std::string& message) {
    CAPTURE(file);
    const auto run = predict("--model " + network + " --file " + file, true);
    CHECK(run.code == 2);
    CHECK(run.lines() == 1);
    CHECK(run.text.starts_with("predict: "));
    CHECK(run.text.find(message) != std::string::npos);
  };
  refused(model, "/nowhere.csv", "[read_csv] /nowhere.csv: cannot be opened");
  refused(model, (scratch / "three.csv").string(),
          "[columns] " + (scratch / "three.csv").string() + ": missing: \"column 4\"\n");
  const auto text = "--model " + model + " --file " + (scratch / "text.csv").string();
  CHECK(predict(text + " --bad-rows refuse", true).text.find("text.csv:1: column 3 is not a finite number: \"x\"") !=
        std::string::npos);
  CHECK(predict(text).text.find(",filled: ") == std::string::npos);
  CHECK(predict(text).text.find(",\"filled: column 3 is not a finite number: \"\"x\"\"\"\n") != std::string::npos);
  write_bytes(scratch / "good.csv", "5.1,3.5,1.4,0.2\n");
  for (const std::string output : {"", " --output /dev/full"}) {
    const auto full = run(
        "sh -c '" PREDICT " --model " + model + " --file " + (scratch / "good.csv").string() + output + " >/dev/full'",
        "", true);
    CHECK(full.code == 2);
    CHECK(full.text.ends_with("cannot be written\n"));
  }
  refused("/nowhere", DIGITS_CSV, "[load_safetensors] /nowhere: cannot be opened");
  refused((scratch / "other").string(), DIGITS_CSV, "is not a network of train_mlp");
  refused((scratch / "hostile").string(), DIGITS_CSV, "its description of the network cannot be understood");
  // Features that its table does not have, or has once only.
  const auto good = nn::load_safetensors(model);
  auto description = nlohmann::json::parse(good.metadata.at("train_mlp"));
  for (const char* feature : {"column 2", "nothing"}) {
    description["features"][0] = feature;
    nn::save_safetensors(scratch / "hostile", good.tensors, {{"train_mlp", description.dump()}});
    refused((scratch / "hostile").string(), (scratch / "good.csv").string(), "features are not those of its table");
  }
  CHECK(predict("", true).text == "predict: --model is required\n");
  CHECK(predict("--modle net", true).text ==
        "predict: --modle is no option; near are \"--model\" (--help lists all)\n");
}

TEST_CASE("predict does not guess what columns without names are") {
  const Scratch scratch;
  std::string named = "id,a,b,price\n", unnamed, dropped;
  for (int i = 0; i < 60; ++i) {
    const std::string row = std::to_string(i % 7) + ".5," + std::to_string(i % 5);
    named += std::to_string(i) + "," + row + "," + std::to_string(i % 7 + 0.25) + "\n";
    unnamed += row + "," + std::to_string(i % 7 + 0.25) + "\n", dropped += row + "\n";
  }
  write_bytes(scratch / "named.csv", named), write_bytes(scratch / "unnamed.csv", unnamed);
  write_bytes(scratch / "dropped.csv", dropped);
  const auto file = [&](const std::string& name) { return (scratch / name).string(); };
  REQUIRE(train_mlp("--epochs 1 --drop id --file " + file("named.csv") + " --save " + file("m")).code == 0);
  const auto said = predict("--model " + file("m") + " --file " + file("unnamed.csv"), true);
  CHECK(said.code == 2);
  CHECK(said.text.find("missing: ") != std::string::npos);
  REQUIRE(train_mlp("--epochs 1 --drop 1 --file " + file("unnamed.csv") + " --save " + file("m")).code == 0);
  CHECK(predict("--model " + file("m") + " --file " + file("unnamed.csv")).code == 0);
  CHECK(predict("--model " + file("m") + " --file " + file("dropped.csv")).code == 0);
}

TEST_CASE("a network of a very wide table is saved and read") {
  const Scratch scratch;
  const std::size_t columns = 20'000;
  std::string text;
  for (std::size_t c = 0; c < columns; ++c) text += "\"the " + std::to_string(c) + "th \"\"column\"\" of many\",";
  text += "target\n";
  for (int row = 0; row < 6; ++row) {
    for (std::size_t c = 0; c < columns; ++c) text += std::to_string((c + row) % 10) + ",";
    text += std::to_string(row % 2) + "\n";
  }
  write_bytes(scratch / "wide.csv", text);
  const auto model = (scratch / "m").string(), file = (scratch / "wide.csv").string();
  CHECK(train_mlp("--epochs 1 --hidden 1 --file " + file + " --save " + model).code == 0);
  CHECK(lines(predict("--model " + model + " --file " + file).text).size() == 7);
}

TEST_CASE("predict reads images from IDX files") {
  const Scratch scratch;
  // Sixteen pictures of a bright left or right half, in the four files of MNIST.
  using namespace std::string_literals;
  std::string images = "\0\0\x08\3\0\0\0\x10\0\0\0\2\0\0\0\2"s, labels = "\0\0\x08\1\0\0\0\x10"s;
  for (int i = 0; i < 16; ++i) {
    const char bright = char(200 + i), dark = char(i);
    for (int row = 0; row < 2; ++row) images += i % 2 == 0 ? std::string{bright, dark} : std::string{dark, bright};
    labels += char(i % 2);
  }
  for (const std::string part : {"train", "t10k"}) {
    write_bytes(scratch / (part + "-images-idx3-ubyte"), images);
    write_bytes(scratch / (part + "-labels-idx1-ubyte"), labels);
  }
  const auto model = (scratch / "model").string();
  const auto run = train_mlp("--data mnist --data-dir " + scratch.path().string() + " --epochs 60 --save " + model);
  CHECK(run.code == 0);
  CHECK(run.last_line() == "test accuracy 1.0000");
  const auto rows =
      lines(predict("--model " + model + " --file " + (scratch / "t10k-images-idx3-ubyte").string()).text);
  REQUIRE(rows.size() == 17);
  CHECK(rows[0] == "class,probability 0,probability 1");
  for (std::size_t i = 1; i < rows.size(); ++i) CHECK(rows[i][0] == char('0' + (i - 1) % 2));
}
