#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

struct Run {
  int code;
  std::string text;
  std::size_t lines() const { return std::size_t(std::ranges::count(text, '\n')); }
  std::string last_line() const {
    const auto end = text.find_last_not_of('\n') + 1;
    return text.substr(0, end).substr(text.substr(0, end).find_last_of('\n') + 1);
  }
};

/// Runs train_mlp with these arguments and keeps what it prints to one of its streams.
Run train_mlp(const std::string& arguments, bool errors = false) {
  const std::string command = std::string(TRAIN_MLP) + " " + arguments + (errors ? " 2>&1 >/dev/null" : " 2>/dev/null");
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  REQUIRE(pipe);
  Run run{0, {}};
  std::array<char, 4096> buffer;
  while (const auto got = fread(buffer.data(), 1, buffer.size(), pipe.get())) run.text.append(buffer.data(), got);
  run.code = WEXITSTATUS(pclose(pipe.release()));
  return run;
}

double accuracy(const Run& run) {
  const std::string line = run.last_line(), begin = "test accuracy ";
  REQUIRE(line.starts_with(begin));
  REQUIRE(line.size() == begin.size() + 6);  // four decimals
  return std::stod(line.substr(begin.size()));
}

}  // namespace

TEST_CASE("train_mlp reads the digits by default, and shows how it goes") {
  const auto run = train_mlp("");
  CHECK(run.code == 0);
  CHECK(accuracy(run) >= 0.97);
  CHECK(run.text.find("1438 samples to train, 359 to test") != std::string::npos);
  CHECK(run.text.find("actual | predicted") != std::string::npos);
  CHECK(run.lines() > 30);
}

TEST_CASE("train_mlp gives the same numbers again") {
  const auto shown = [](Run run) {  // all but the time it took
    return run.text.substr(run.text.find("actual"));
  };
  CHECK(shown(train_mlp("--epochs 3 --seed 4")) == shown(train_mlp("--epochs 3 --seed 4")));
  CHECK(shown(train_mlp("--epochs 3 --seed 4")) != shown(train_mlp("--epochs 3 --seed 5")));
}

TEST_CASE("train_mlp learns with every choice that it offers") {
  for (const std::string arguments :
       {"--loss cross-entropy", "--loss cross-entropy --optimiser momentum --learning-rate 0.05",
        "--loss cross-entropy --optimiser gradient-descent --learning-rate 0.3 --activation tanh",
        "--optimiser gradient-descent --learning-rate 0.05",
        "--activation logistic --hidden 32,16 --learning-rate 0.01", "--precision double --scaling standard",
        "--batch 200 --learning-rate 0.01"}) {
    CAPTURE(arguments);
    const auto run = train_mlp("--epochs 15 " + arguments);
    CHECK(run.code == 0);
    CHECK(accuracy(run) > 0.9);
  }
}

TEST_CASE("train_mlp explains itself") {
  const auto run = train_mlp("--help");
  CHECK(run.code == 0);
  for (const char* option : {"--file", "--hidden", "--activation", "--loss", "--optimiser", "--learning-rate",
                             "--epochs", "--batch", "--seed", "logistic", "cross-entropy", "gradient-descent"})
    CHECK(run.text.find(option) != std::string::npos);
}

TEST_CASE("bad options and files get one clear line and exit code 2") {
  const std::pair<std::string, std::string> cases[] = {
      {"--activation foo", "--activation: foo not in {"},
      {"--loss foo", "--loss: foo not in {cross-entropy,squared-error}"},
      {"--optimiser foo", "--optimiser: foo not in {"},
      {"--precision half", "--precision: half not in {float,double}"},
      {"--batch 0", "--batch: 0 is not a whole number from 1"},
      {"--epochs -3", "--epochs: -3 is not a whole number from 1"},
      {"--epochs 2.5", "--epochs: 2.5 is not a whole number from 1"},
      {"--seed -1", "--seed: -1 is not a whole number from 0"},
      {"--learning-rate -1", "--learning-rate: -1 is not a finite number above 0"},
      {"--learning-rate 0", "--learning-rate: 0 is not a finite number above 0"},
      {"--learning-rate nan", "--learning-rate: nan is not a finite number above 0"},
      {"--learning-rate inf", "--learning-rate: inf is not a finite number above 0"},
      {"--learning-rate fast", "--learning-rate: fast is not a finite number above 0"},
      {"--hidden 0", "--hidden: 0 is not a list of whole numbers from 1"},
      {"--hidden 12,,3", "--hidden: 12,,3 is not a list of whole numbers from 1"},
      {"--hidden 12,x", "--hidden: 12,x is not a list of whole numbers from 1"},
      {"--hidden ''", "--hidden:  is not a list of whole numbers from 1"},
      {"--hidden", "--hidden"},
      {"--bogus", "not expected: --bogus"},
      {"extra", "not expected: extra"},
      {"--file /nowhere.csv", "[read_csv] /nowhere.csv: cannot be opened: No such file or directory"},
      {"--file /", "[read_csv] /: is a directory"},
      {"--file /dev/null", "[read_csv] /dev/null: the file holds no samples"},
      {"--file /dev/zero", "[read_csv] /dev/zero:1: the line is longer than"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.first);
    const auto run = train_mlp(c.first, true);
    CHECK(run.code == 2);
    CHECK(run.lines() == 1);
    CHECK(run.text.starts_with("train_mlp: "));
    CHECK(run.text.find(c.second) != std::string::npos);
  }
}

TEST_CASE("a loss that blows up ends with exit code 1") {
  const auto run = train_mlp("--optimiser gradient-descent --learning-rate 1e30", true);
  CHECK(run.code == 1);
  CHECK(run.text == "train_mlp: the loss is not finite any more in epoch 1: a smaller learning rate may help\n");
}
