// A table for tests of train_mlp and predict.
#pragma once

#include <set>
#include <sstream>
#include <vector>

#include "nn_programs.hpp"
#include "scratch.hpp"

/// A table, trained and asked for its own rows.
struct Trial {
  const Scratch& scratch;
  std::string name;

  Trial(const Scratch& in, std::string called, const std::string& text) : scratch(in), name(std::move(called)) {
    write_bytes(scratch / (name + ".csv"), text);
  }
  std::string file() const { return (scratch / (name + ".csv")).string(); }
  std::string describe(const std::string& more = "") const {
    const auto run = train_mlp("--describe " + file() + " " + more);
    CHECK(run.code == 0);
    return run.text;
  }
  /// The first column of all predictions, its name first.
  std::vector<std::string> predictions(const std::string& more = "") const {
    const auto model = (scratch / name).string();
    CHECK(train_mlp("--quiet --epochs 100 --file " + file() + " --save " + model + " " + more).code == 0);
    std::istringstream lines(predict("--model " + model + " --file " + file()).text);
    std::vector<std::string> result;
    for (std::string line; std::getline(lines, line);) result.push_back(line.substr(0, line.find(',')));
    return result;
  }
  std::set<std::string> classes(const std::string& more = "") const {
    const auto all = predictions(more);
    REQUIRE(!all.empty());
    CHECK(all[0] == "class");
    return {all.begin() + 1, all.end()};
  }
};

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
