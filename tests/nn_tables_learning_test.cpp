// What is learnt from tables and said of it: targets, rare classes, bad rows, dates, folds, searches.
#include <cstdio>
#include <network.hpp>
#include <random>

#include "nn_trial.hpp"

TEST_CASE("several targets are learnt by one network, with intervals from what was held out") {
  const Scratch scratch;
  std::string text = "age,length,critics,audience\n";
  std::mt19937 random(2);
  std::vector<double> truth;
  for (int i = 0; i < 200; ++i) {
    const double age = static_cast<int>(random() % 4000) / 1000.0, length = static_cast<int>(random() % 4000) / 1000.0;
    truth.push_back(2 * age - length);
    text += std::to_string(age) + "," + std::to_string(length) + "," + std::to_string(truth.back()) + "," +
            std::to_string(age * length + 100) + "\n";
  }
  const auto trial = Trial(scratch, "movies", text);
  const auto model = (scratch / "m").string();
  const auto run =
      train_mlp("--epochs 60 --validation 0.2 --target critics,audience --file " + trial.file() + " --save " + model);
  CHECK(has(run.text, "target      \"critics\", \"audience\"\ntask        values, as there are several targets\n"));
  CHECK(has(run.text, "\"critics\": RMSE "));
  CHECK(has(run.text, "\"audience\": RMSE "));
  CHECK(has(run.text, "baseline RMSE "));
  REQUIRE(run.last_line().starts_with("test R2   "));
  CHECK(std::stod(run.last_line().substr(10)) > 0.98);
  CHECK(has(train_mlp("--describe " + model).text, "to predict \"critics\", \"audience\""));
  std::istringstream lines(predict("--model " + model + " --interval 0.9 --file " + trial.file()).text);
  std::string line;
  std::getline(lines, line);
  CHECK(line == "critics,critics from,critics to,audience,audience from,audience to");
  int inside = 0;
  for (const double t : truth) {
    std::getline(lines, line);
    double value = 0, low = 0, high = 0;
    REQUIRE(std::sscanf(line.c_str(), "%lf,%lf,%lf", &value, &low, &high) == 3);
    CHECK(value - low == doctest::Approx(high - value).epsilon(0.01));
    inside += low <= t && t <= high;
  }
  CHECK(inside >= 160);
  CHECK(has(predict("--model " + model + " --interval 0.99 --file " + trial.file(), true).text,
            "[--interval] 0.99: needs more than the 32 rows that were held out in training\n"));
  CHECK(has(train_mlp("--target critics,nobody --file " + trial.file(), true).text,
            "there is no column named \"nobody\" (--target)"));
}

TEST_CASE("rare classes are not hidden by the accuracy") {
  const Scratch scratch;
  std::string text = "x,y,class\n";
  std::mt19937 random(4);
  for (int i = 0; i < 400; ++i) {
    const bool rare = i % 50 == 0;
    for (int j = 0; j < 2; ++j)
      text += std::to_string((rare ? 1.5 : 0) + static_cast<int>(random() % 3000) / 1000.0) + ",";
    text += rare ? "rare\n" : "usual\n";
  }
  const auto trial = Trial(scratch, "rare", text);
  const auto model = (scratch / "m").string();
  const auto plain = train_mlp("--epochs 2 --file " + trial.file());
  for (const char* part : {"precision     recall         F1", "balanced accuracy 0.5000, which is 0.5000 for guesses",
                           "AUC 0.", "baseline accuracy 0.9750, of always \"usual\"", "in the long run"})
    CHECK(has(plain.text, part));
  CHECK(has(train_mlp("--quiet --epochs 2 --file " + trial.file(), true).text,
            "no test sample of class \"rare\" was found (where classes are rare, --class-weights balanced may help)"));
  const auto balanced = train_mlp("--epochs 20 --class-weights balanced --file " + trial.file() + " --save " + model);
  const auto at = balanced.text.find("balanced accuracy ");
  REQUIRE(at != std::string::npos);
  CHECK(std::stod(balanced.text.substr(at + 18)) > 0.7);

  // A threshold moves what is said, and no probability; the rarer class is meant.
  const auto asked = [&](const std::string& more) {
    return predict("--model " + model + " --file " + trial.file() + " " + more).text;
  };
  const auto rares = [&](const std::string& more) {
    const auto said = asked("--top 1 " + more);
    int count = 0;
    for (std::size_t i = said.find("\nrare"); i != said.npos; i = said.find("\nrare", i + 1)) ++count;
    return count;
  };
  CHECK(rares("--threshold 0") == 400);
  CHECK(rares("--threshold rare=1") == 0);
  CHECK(rares("--threshold usual=0") == 0);
  CHECK(rares("") > 8);
  CHECK(asked("--top 2").starts_with("class,probability,class 2,probability 2\nrare,"));
  CHECK(asked("--keep y,class --top 1").starts_with("y,class,class,probability\n"));
  for (const auto& c :
       {std::pair("--threshold 2", "[--threshold] 2: is no probability"),
        std::pair("--threshold no=0.5", "no class \"no\""), std::pair("--top 3", "[--top] 3: there are only 2 classes"),
        std::pair("--keep z", "[--keep] "), std::pair("--interval 0.9", "is for real values, not classes"),
        std::pair("--interval 1", "--interval: 1 is not"),
        std::pair("--bad-rows maybe", "--bad-rows: maybe not in {")}) {
    CAPTURE(c.first);
    const auto refused = predict("--model " + model + " --file " + trial.file() + " " + c.first, true);
    CHECK(refused.code == 2);
    CHECK(has(refused.text, c.second));
  }
}

TEST_CASE("predict goes on where rows are bad, marks and counts them, and says which labelled rows are wrong") {
  const Scratch scratch;
  std::string text = "id,kind,n,class\n";
  for (int i = 0; i < 40; ++i)
    text +=
        "r" + std::to_string(i) + "," + (i % 2 ? "a," : "b,") + std::to_string(i % 7) + (i % 2 ? ".5,y\n" : ".5,x\n");
  const auto trial = Trial(scratch, "kinds", text);
  const auto model = (scratch / "m").string(), rows = (scratch / "rows.csv").string();
  CHECK(has(train_mlp("--epochs 60 --file " + trial.file() + " --save " + model).text,
            "dropped     \"id\" holds another"));
  write_bytes(rows, "id,kind,n,class,more\n1,a,0.1,y,0\n2,c,0.2,x,0\n3,b,,y,0\n4,b,0.4,x,0\n5,a\n6,b,word,,0\n");
  const auto run = predict("--model " + model + " --keep id,more --top 1 --file " + rows);
  CHECK(run.code == 0);
  std::istringstream lines(run.text);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  REQUIRE(all.size() == 7);
  CHECK(all[0] == "id,more,class,probability,note");
  CHECK(all[1].starts_with("1,0,y,"));
  CHECK(all[1].ends_with(","));
  CHECK(all[2].ends_with("filled: column 2 (\"\"kind\"\") is none of the names given: \"\"c\"\"\""));
  CHECK(all[3].ends_with("filled: column 3 (\"\"n\"\") is missing\""));
  CHECK(all[5] == "5,,,,\"not predicted: 2 columns, where the lines before have 5\"");
  CHECK(all[6].starts_with("6,0,x,"));
  const auto said = predict("--model " + model + " --keep id,more --file " + rows, true).text;
  CHECK(has(said,
            "predict: of 6 rows, 3 have missing or unknown values, filled in as in training, and 1 are not predicted"));
  CHECK(has(said, "  line 4: \"y\", taken for \"x\", id 3, more 0\n"));
  CHECK(has(said, "of 4 rows are wrong:\n"));
  CHECK(has(said, "\naccuracy 0."));
  CHECK(has(said, "actual | predicted"));
  CHECK(has(predict("--model " + model + " --keep id,more --bad-rows blank --file " + rows, true).text,
            "0 have missing or unknown values, filled in as in training, and 4 are not predicted"));
  // Columns of another table are refused still, and a file is written as a whole or not at all.
  CHECK(has(predict("--model " + model + " --file " + rows, true).text, "not in the training table: \"more\""));
  const auto output = (scratch / "p.csv").string();
  write_bytes(output, "old");
  CHECK(predict("--model " + model + " --bad-rows refuse --keep more --output " + output + " --file " + rows).code ==
        2);
  CHECK(bytes_of(output) == "old");
  CHECK(predict("--model " + model + " --keep more --output " + output + " --file " + rows).code == 0);
  CHECK(std::ranges::count(bytes_of(output), '\n') == 7);
}

TEST_CASE("dates become numbers, in the order that their column shows") {
  const Scratch scratch;
  const auto table = [](const std::string& header, auto form) {
    std::string text = header;
    for (int i = 0; i < 60; ++i) {
      char line[80];
      form(line, 1 + i % 28, 1 + i / 28);
      text += std::string(line) + "," + std::to_string(31 * (i / 28) + i % 28 + 0.5) + "\n";
    }
    return text;
  };
  const auto iso = Trial(scratch, "iso", table("day,price\n", [](char* to, int day, int month) {
                           std::snprintf(to, 80, "2024-%02d-%02d", month, day);
                         }));
  CHECK(has(iso.describe(), "dates       1: \"day\" (year first), as days since 1970\n"));
  const auto run = train_mlp("--quiet --epochs 200 --file " + iso.file());
  CHECK(std::stod(run.last_line().substr(10)) > 0.98);
  const auto points = Trial(scratch, "points", table("day,price\n", [](char* to, int day, int month) {
                              std::snprintf(to, 80, "%d.%d.2024", day, month);
                            }));
  CHECK(has(points.describe(), "\"day\" (day first), as days"));
  std::string doubtful = "day,price\n";
  for (int i = 0; i < 12; ++i) doubtful += std::to_string(i % 12 + 1) + "/3/2024," + std::to_string(i) + ".5\n";
  const auto doubt = Trial(scratch, "doubt", doubtful);
  CHECK(has(doubt.describe(), "(month first, but in doubt; else: --date-order day)"));
  CHECK(has(doubt.describe("--date-order day"), "(day first, but in doubt; else: --date-order month)"));
  const auto model = (scratch / "m").string();
  REQUIRE(train_mlp("--quiet --epochs 1 --file " + points.file() + " --save " + model).code == 0);
  CHECK(predict("--model " + model + " --file " + points.file()).lines() == 61);
}

TEST_CASE("how many epochs there are is found within the training samples, and a checkpoint keeps it") {
  const Scratch scratch;
  std::string text = "x,noise,y\n";
  for (int i = 0; i < 80; ++i)
    text += std::to_string(i % 9) + "," + std::to_string(i * 7 % 5) + "," + std::to_string(i % 9 * 2.5 + i % 2) + "\n";
  const Trial trial(scratch, "line", text);
  const auto saved = [&](const std::string& name, const std::string& options) {
    const auto run = train_mlp("--file " + trial.file() + " --save " + (scratch / name).string() + " " + options);
    CHECK(run.code == 0);
    return run.text;
  };
  const std::string checkpoint = "--checkpoint " + (scratch / "c").string();
  const auto said = saved("found", checkpoint);
  const auto at = said.find("\nepochs      ");
  REQUIRE(at != said.npos);
  const auto line = said.substr(at + 13, said.find('\n', at + 1) - at - 13);
  const auto epochs = line.substr(0, line.find(','));
  CHECK(line == epochs + ", as did best on a fifth of the samples that was left out, on average of 5");
  CHECK(std::stoi(epochs) > 5);  // a straight line takes some
  // The same as if it had been said.
  const auto weights = [&](const std::string& name) { return nn::load_safetensors(scratch / name).tensors; };
  const auto same = [&](const std::string& name) {
    for (const auto& [array, tensor] : weights("found")) CHECK(weights(name).at(array).bytes() == tensor.bytes());
  };
  CHECK(!has(saved("told", "--average --epochs " + epochs), "\nepochs "));
  same("told");
  CHECK(!has(saved("again", checkpoint + " --resume"), "\nepochs "));
  same("again");
  saved("longer", checkpoint + " --resume --epochs " + std::to_string(std::stoi(epochs) + 1));
  const std::string other = "--checkpoint " + (scratch / "d").string();
  saved("few", other + " --epochs 3");
  CHECK(has(train_mlp("--file " + trial.file() + ' ' + other + " --resume", true).text, "was made with --epochs"));
  // A schedule needs to know how many there are.
  CHECK(!has(saved("schedule", "--schedule cosine"), "\nepochs "));
  CHECK(has(train_mlp("--describe " + (scratch / "schedule").string()).text, "epochs      40\n"));
}

TEST_CASE("cross-validation, search, importance and fine-tuning") {
  const Scratch scratch;
  std::string text = "signal,noise,kind,class\n";
  std::mt19937 random(6);
  for (int i = 0; i < 120; ++i)
    text += std::to_string(i % 2 + static_cast<int>(random() % 800) / 1000.0) + "," + std::to_string(random() % 1000) +
            "," + (random() % 2 ? "p" : "q") + (i % 2 ? ",one\n" : ",two\n");
  const auto trial = Trial(scratch, "t", text);
  const auto folds = train_mlp("--folds 4 --epochs 20 --file " + trial.file());
  CHECK(has(folds.text, "fold 4 of 4, 30 rows: accuracy "));
  CHECK(folds.last_line().starts_with("mean accuracy "));
  CHECK(std::stod(folds.last_line().substr(14)) > 0.9);
  CHECK(train_mlp("--quiet --folds 4 --epochs 1 --file " + trial.file()).lines() == 1);

  const auto model = (scratch / "m").string();
  const auto searched = train_mlp("--search 3 --epochs 5 --importance --file " + trial.file() + " --save " + model);
  CHECK(has(searched.text, "trial 1 of 3: hidden 256, learning rate 0.002: validation loss "));
  CHECK(has(searched.text, "best        hidden "));
  CHECK(has(searched.text, " to validate, 24 to test"));
  const auto importance = searched.text.substr(searched.text.find("importance: what accuracy loses"));
  CHECK(importance.find("\"signal\"") < importance.find("\"noise\""));
  CHECK(has(importance, "\"kind\"\n"));

  // Another table of the same columns, in another order.
  const auto more = (scratch / "more.csv").string();
  std::string moved = "class,kind,noise,signal\n";
  for (int i = 0; i < 20; ++i)
    moved += std::string(i % 2 ? "one" : "two") + (i % 3 ? ",p," : ",q,") + std::to_string(i * 50) + "," +
             std::to_string(i % 2 + 0.4) + "\n";
  write_bytes(more, moved);
  const auto tuned = (scratch / "tuned").string();
  const auto run = train_mlp("--fine-tune " + model + " --epochs 3 --file " + more + " --save " + tuned);
  CHECK(run.code == 0);
  CHECK(has(run.text, "16 samples to train, 4 to test"));
  CHECK(load_description(tuned).input_shift == load_description(model).input_shift);
  CHECK(load_description(tuned).classes == load_description(model).classes);
  CHECK(bytes_of(tuned) != bytes_of(model));
  write_bytes(more, moved + "three,p,1,1\n");
  CHECK(has(train_mlp("--fine-tune " + model + " --file " + more, true).text, "is none of the names given: \"three\""));
}

TEST_CASE("missing values are filled and said; what stands for none can be said") {
  const Scratch scratch;
  std::string text = "a,b,class\n";
  for (int i = 0; i < 40; ++i)
    text += (i == 5 ? "none" : std::to_string(i)) + "," + (i == 9 ? "" : std::to_string(i % 5)) +
            (i == 11 ? ",\n"
             : i % 2 ? ",x\n"
                     : ",y\n");
  const auto trial = Trial(scratch, "holes", text);
  CHECK(has(train_mlp("--file " + trial.file(), true).text,
            "column \"a\" holds 39 numbers and 1 texts, the first \"none\" on line 7 (--missing-values \"none\""));
  const auto run = train_mlp("--epochs 1 --missing-values none --file " + trial.file());
  CHECK(
      has(run.text,
          "missing     \"a\" 1, \"b\" 1, \"class\" 1 (filled by the median of the training rows, or the most frequent "
          "category; rows without a target are left out)\n"));
  CHECK(has(run.text, "31 samples to train, 8 to test"));
}

TEST_CASE("a checkpoint that cannot be written any more does not lose the network") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "d");
  const auto checkpoint = (scratch / "d/c").string(), model = (scratch / "m").string();
  // Its directory goes away once it trains: at once, since what is removed file by file gets new ones meanwhile.
  const auto ended = run("sh -c '" TRAIN_MLP " --data iris --epochs 1000000 --checkpoint " + checkpoint + " --save " +
                             model + " >/dev/null & i=0; while [ ! -e " + checkpoint +
                             " ] && [ $i -lt 300 ]; do sleep 0.1; i=$((i+1)); done; mv " + (scratch / "d").string() +
                             " " + (scratch / "gone").string() + "; wait $!'",
                         "", true);
  CHECK(ended.code == 2);
  CHECK(has(ended.text, "; the network as it is now went to " + model));
  CHECK(has(train_mlp("--describe " + model).text, "3 classes"));
}
