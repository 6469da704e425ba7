// Tables as people have them: what train_mlp takes each for, says of it, and predicts in its own words.
#include <cmath>
#include <csignal>
#include <cstdio>
#include <network.hpp>
#include <random>

#include "nn_trial.hpp"

namespace {

/// Samples of these classes in turns, far from each other in two columns of numbers.
std::string blobs(const std::vector<std::string>& labels, const std::string& header, const std::string& separator = ",",
                  bool decimal_commas = false) {
  std::string text = header;
  std::mt19937 random(1);
  for (int i = 0; i < 48; ++i) {
    const int label = i % static_cast<int>(labels.size());
    std::string row;
    for (int j = 0; j < 2; ++j)
      row += std::to_string(3 * label + static_cast<int>(random() % 1000) / 1000.0) + separator;
    if (decimal_commas) std::ranges::replace(row, '.', ',');
    text += row + labels[static_cast<std::size_t>(label)] + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("labels are the values that occur, in their own spelling") {
  const Scratch scratch;
  for (const std::vector<std::string>& labels : std::vector<std::vector<std::string>>{
           {"3", "5"}, {"-1", "1"}, {"007", "042", "100"}, {"True", "False"}, {"1.0", "2.0"}, {"3", "4", "5", "6"}}) {
    CAPTURE(labels.back());
    const Trial trial(scratch, "labels", blobs(labels, "a,b,label\n"));
    CHECK(has(trial.describe(), std::to_string(labels.size()) + " classes, as the target holds "));
    CHECK(has(trial.describe(), '"' + labels[0] + "\" " + std::to_string(48 / labels.size())));
    CHECK(trial.classes() == std::set(labels.begin(), labels.end()));
    CHECK(trial.classes("--task classification") == std::set(labels.begin(), labels.end()));
  }
  // A table to test with has classes in an order of its own, and other spellings of their numbers.
  const Trial trial(scratch, "numbers", blobs({"5", "3"}, "a,b,label\n"));
  write_bytes(scratch / "test.csv", "label,a,b\n3.0,3.5,3.5\n5,0.5,0.5\n");
  CHECK(train_mlp("--quiet --epochs 100 --file " + trial.file() + " --test " + (scratch / "test.csv").string()).text ==
        "test accuracy 1.0000\n");
}

TEST_CASE("a header is what is unlike the rows below") {
  const Scratch scratch;
  const auto numbers = Trial(scratch, "numbers", blobs({"0", "1", "2"}, "0,1,2\n"));
  CHECK(has(numbers.describe(), "48 rows and 3 columns"));
  CHECK(has(numbers.describe(), "header      the first line, else: --header absent\ntarget      \"2\""));
  CHECK(numbers.classes() == std::set<std::string>{"0", "1", "2"});
  const auto years = Trial(scratch, "years", blobs({"up", "down"}, "1990,2000,class\n"));
  CHECK(has(years.describe(), "48 rows and 3 columns"));
  CHECK(years.classes() == std::set<std::string>{"up", "down"});
  std::string texts;
  for (int i = 0; i < 12; ++i)
    texts += std::string(i % 2 ? "sun" : "rain") + (i % 3 ? ",hot" : ",cold") + (i % 2 ? ",play\n" : ",stay\n");
  const auto all_texts = Trial(scratch, "texts", texts);
  CHECK(has(all_texts.describe(), "12 rows and 3 columns"));
  CHECK(has(all_texts.describe(), "in doubt; else: --header present\n"));
  CHECK(has(all_texts.describe("--header present"), "11 rows and 3 columns"));
  // A sample with a fault in it is no header.
  CHECK(has(Trial(scratch, "fault", "1,2,x,4\n4,5,6,7\n1,5,6,7\n").describe(), "3 rows and 4 columns"));
}

TEST_CASE("whole numbers are values where there are many of them") {
  const Scratch scratch;
  std::string text = "x,noise,price\n";
  for (int i = 0; i < 60; ++i)
    text += std::to_string(i / 60.0) + "," + std::to_string(i * 7 % 5) + "," + std::to_string(i * 2) + "\n";
  const auto trial = Trial(scratch, "whole", text);
  CHECK(has(trial.describe(), "values, as the target holds 60 different whole numbers in 60 rows (else: --task class"));
  const auto run = train_mlp("--quiet --epochs 300 --file " + trial.file());
  REQUIRE(run.last_line().starts_with("test R2   "));
  CHECK(std::stod(run.last_line().substr(10)) > 0.98);
}

TEST_CASE("numbers are read and scaled in double") {
  const Scratch scratch;
  std::string text = "north,east,when\n";
  std::vector<double> truth;
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const double north = (static_cast<int>(random() % 3000) - 1500) / 1000.0,
                 east = static_cast<int>(random() % 3000) / 1000.0;
    truth.push_back(1.7e9 + std::round(6000 * north) / 10);
    char line[80];
    std::snprintf(line, sizeof line, "%.3f,%.3f,%.1f\n", 4.5e6 + north, 5.12e5 + east, truth.back());
    text += line;
  }
  const auto trial = Trial(scratch, "offsets", text);
  const auto run = train_mlp("--quiet --epochs 100 --file " + trial.file());
  REQUIRE(run.last_line().starts_with("test R2   "));
  CHECK(std::stod(run.last_line().substr(10)) > 0.999);
  const auto predictions = trial.predictions();
  REQUIRE(predictions.size() == 201);
  bool fractions = false;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    CHECK(std::abs(std::stod(predictions[i + 1]) - truth[i]) < 100);  // of 1800
    CHECK(predictions[i + 1].size() <= 15);
    fractions = fractions || has(predictions[i + 1], ".");
  }
  CHECK(fractions);
}

TEST_CASE("columns find their kind, and what is dropped or says nothing is said") {
  const Scratch scratch;
  std::string text = ",colour,a,name,same,id,kind\n";
  for (int i = 0; i < 48; ++i)
    text += std::to_string(i + 1) + (i % 3 ? ",red," : ",blue,") + std::to_string(i % 7 + 0.5) + ",n" +
            std::to_string(i) + ",4.5," + std::to_string(700 - 13 * i) + (i % 3 ? ",x\n" : ",y\n");
  const auto trial = Trial(scratch, "kinds", text);
  const auto said = trial.describe();
  CHECK(has(said, "dropped     \"\" has no name and counts the rows\n"));
  CHECK(has(said, "dropped     \"name\" holds another text in each row (else: --categorical name)\n"));
  CHECK(has(said, "numeric     3: \"a\", \"same\", \"id\"\n"));
  CHECK(has(said, "categorical 1: \"colour\" (2: blue, red)\n"));
  CHECK(has(said, "note        \"same\" is the same in each row (to leave it out: --drop \"same\")\n"));
  CHECK(has(said, "note        \"id\" is another whole number in each row (if it only names it: --drop \"id\")\n"));
  CHECK(has(said, "missing     none\n"));
  CHECK(trial.classes("--drop id,5") == std::set<std::string>{"x", "y"});
  CHECK(has(trial.describe("--categorical name"), "categorical 2: "));

  // All that is wrong is said at once.
  std::string many = "a,text,other,b\n";
  for (int i = 0; i < 60; ++i)
    many +=
        (i == 7 ? "" : std::to_string(i)) + ",t" + std::to_string(i % 30) + ",o" + std::to_string(i % 25) + ",0.5\n";
  const auto wrong = Trial(scratch, "wrong", many);
  CHECK(
      train_mlp("--missing refuse --file " + wrong.file(), true).text ==
      "train_mlp: [table] " + wrong.file() +
          ": column \"text\" holds 30 different texts in 60 rows (--drop or --categorical \"text\"); column \"other\" "
          "holds 25 different texts in 60 rows (--drop or --categorical \"other\"); column \"a\" misses 1, the first "
          "on line 9 (--missing mean, median or drop)\n");
  CHECK(has(wrong.describe("--missing refuse"), "problem     column \"a\" misses 1, the first on line 9"));
  CHECK(has(wrong.describe(), "numeric     1: \"a\"\n"));  // not what is asked about
  // No more than a thousand texts can be features, and no more are counted.
  std::string names = "name,x,y\n";
  for (int i = 0; i < 10'400; ++i)
    names += "n" + std::to_string(i % 1300) + "," + std::to_string(i % 7) + "," + std::to_string(i % 7 + 0.5) + "\n";
  const auto long_one = Trial(scratch, "names", names);
  CHECK(has(long_one.describe(), "dropped     \"name\" holds more than 1000 different texts in 10400 rows\n"));
  CHECK(train_mlp("--quiet --epochs 1 --file " + long_one.file()).code == 0);
  CHECK(has(wrong.describe(), "missing     \"a\" 1 (filled by the median of the training rows, or the most frequent "));
}

TEST_CASE("separators and decimal commas are found") {
  const Scratch scratch;
  for (const std::string separator : {";", "\t", "|"}) {
    const auto trial =
        Trial(scratch, "european", blobs({"b", "a"}, "x" + separator + "y" + separator + "class\n", separator, true));
    CHECK(has(trial.describe(), "48 rows and 3 columns"));
    CHECK(has(trial.describe(), "with decimal commas (else: --decimal point)\n"));
    CHECK(has(trial.describe(), "numeric     2: \"x\", \"y\"\n"));
    CHECK(trial.classes() == std::set<std::string>{"a", "b"});
  }
  CHECK(has(Trial(scratch, "points", blobs({"b", "a"}, "", ";")).describe(), "separated by semicolons\n"));
  CHECK(has(Trial(scratch, "plain", blobs({"b", "a"}, "", ";", true)).describe(),
            "3 columns, separated by semicolons, with"));
}

TEST_CASE("no output overwrites an input or another output, by whatever name") {
  const Scratch scratch;
  const auto table = Trial(scratch, "table", blobs({"a", "b"}, "x,y,kind\n"));
  const auto at = [&](const std::string& name) { return (scratch / name).string(); };
  std::filesystem::create_symlink("table.csv", scratch / "link");
  std::filesystem::create_hard_link(table.file(), scratch / "hard");
  std::filesystem::create_symlink("not_yet", scratch / "dangling");
  const auto before = bytes_of(table.file());
  const auto refused = [&](const Run& run, const std::string& what) {
    CHECK(run.code == 2);
    CHECK(has(run.text, what));
    CHECK(run.lines() == 1);
    CHECK(bytes_of(table.file()) == before);
  };
  for (const std::string option : {"--save", "--history", "--checkpoint"})
    for (const std::string& name : {table.file(), at("link"), at("hard"), at("./x/../table.csv")}) {
      CAPTURE(option + name);
      refused(train_mlp("--file " + table.file() + " " + option + " " + name, true), "is the file of --file already");
    }
  refused(train_mlp("--save " + at("dangling") + " --history " + at("not_yet"), true), "is the file of --save already");
  refused(train_mlp("--file " + at("link") + " --test " + table.file() + " --save " + table.file(), true), "already");
  refused(train_mlp("--data iris --save " + at("x") + " --plot ''", true), "--plot: needs the name of a file");
  refused(train_mlp("--data iris --save ''", true), "--save: needs the name of a file");
  REQUIRE(train_mlp("--quiet --epochs 1 --file " + table.file() + " --save " + at("m")).code == 0);
  for (const std::string& name : {table.file(), at("link"), at("hard"), at("m")})
    refused(predict("--model " + at("m") + " --file " + table.file() + " --output " + name, true), "already");
  CHECK(predict("--model " + at("m") + " --file " + table.file() + " --output " + at("p")).code == 0);
}

TEST_CASE("networks say what they are, and those of older versions are read") {
  const Scratch scratch;
  const auto table = Trial(scratch, "table", blobs({"a", "b"}, "x,y,kind\n"));
  const auto model = (scratch / "m").string();
  const auto trained = train_mlp("--epochs 3 --validation 0.2 --file " + table.file() + " --save " + model);
  CHECK(has(trained.text, "kept the best epoch: "));
  const auto card = train_mlp("--describe " + model).text;
  for (const char* part : {"task        2 classes, to predict \"kind\"", "classes     2: \"a\", \"b\"",
                           "features    2: \"x\", \"y\"", "network     2-256-2 relu, float", "epochs      3, of which ",
                           "in the test accuracy ", "table.csv: 30 samples, 8 to validate"}) {
    CAPTURE(part);
    CHECK(has(card, part));
  }
  auto file = nn::load_safetensors(model);
  auto description = nlohmann::json::parse(file.metadata.at("train_mlp"));
  description.erase("training"), description["table"].erase("decimal");
  description["table"]["separator"] = "comma";
  nn::save_safetensors(scratch / "old", file.tensors, {{"train_mlp", description.dump()}});
  CHECK(predict("--model " + (scratch / "old").string() + " --file " + table.file()).text ==
        predict("--model " + model + " --file " + table.file()).text);
  CHECK(has(train_mlp("--describe " + (scratch / "old").string()).text, "2 classes"));
}

TEST_CASE("what a table may take is counted unpacked, for both programs, and can be said") {
  const Scratch scratch;
  const auto model = (scratch / "m").string();
  const std::string table = " --file " DIGITS_CSV " --memory ";  // 57 KB that unpack to 259
  CHECK(train_mlp("--quiet --epochs 1 --save " + model + table + "300K").code == 0);
  CHECK(predict("--model " + model + table + "300K").code == 0);
  for (const auto& run : {train_mlp(table + "100K", true), train_mlp("--describe " DIGITS_CSV " --memory 200K", true),
                          predict("--model " + model + table + "100K", true)}) {
    CHECK(run.code == 2);
    CHECK(has(run.text, "holds more than the "));
  }
}

TEST_CASE("versions, quiet, and a termination that saves") {
  const Scratch scratch;
  CHECK(train_mlp("--version").text.starts_with("train_mlp 0."));
  CHECK(predict("--version").text.starts_with("predict 0."));
  CHECK(has(train_mlp("--help").text, "Example: train_mlp --file "));
  CHECK(has(predict("--help").text, "Example: predict --model "));
  CHECK(train_mlp("--quiet --data iris --epochs 2").lines() == 1);
  // It gets SIGTERM once its checkpoint says that it trains.
  const auto c = (scratch / "c").string(), m = (scratch / "m").string();
  const std::string options = " --data iris --epochs 1000000 --checkpoint " + c + " --save " + m;
  const auto ended = run("sh -c '" TRAIN_MLP + options + " >/dev/null & i=0; while [ ! -e " + c +
                             " ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done; kill $!; wait $!'",
                         "", true);
  CHECK(ended.code == 128 + SIGTERM);
  CHECK(has(ended.text, "train_mlp: interrupted after step "));
  CHECK(has(ended.text, ": goes on with --resume\n"));
  CHECK(std::filesystem::exists(m));
  CHECK(has(train_mlp("--describe " + m).text, "3 classes"));
}
