// What train_mlp can be told on its command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data_set.hpp"

struct Options {
  std::string data, file, test, data_dir;
  Table table;
  std::string task = "automatic";
  std::string scaling = "automatic";
  std::string hidden = "256";
  std::string activation = "relu";
  std::optional<double> dropout;
  std::string loss = "automatic";
  // What Szegedy et al. (2016) use. On few samples, a cross-entropy without it stops teaching too early.
  double label_smoothing = 0.1;
  std::string optimiser = "adam";
  std::optional<double> learning_rate;
  std::optional<double> weight_decay;
  std::string schedule = "constant";
  std::optional<std::size_t> epochs;
  std::size_t batch = 32;
  double validation = 0;
  std::size_t patience = 0;
  std::uint64_t seed = 0;
  int threads = 0;
  std::string precision = "float";
  std::string class_weights = "none";
  std::string save, checkpoint, history, plot, report, describe, fine_tune;
  /// Parts of cross-validation and trials of a search; 0: none.
  std::size_t folds = 0, search = 0;
  std::size_t checkpoint_steps = 0, shards = 0;
  /// Runs whose curves the report shows, too; and height and width of samples that are images.
  std::vector<std::string> compare;
  std::vector<std::size_t> image;
  bool resume = false, quiet = false, importance = false, average = false, split_slots = false;

  bool mnist() const { return data == "mnist"; }
  bool shipped() const { return data == "digits" || data == "iris"; }
  /// To another process, which writes them.
  void leave_files() {
    quiet = true;
    save.clear(), history.clear(), plot.clear(), report.clear(), compare.clear();
  }
};

/// "128,64" as numbers; none if any part of it is not a number of units.
std::vector<std::size_t> units(std::string_view text);

/// What --learning-rate is by default.
inline double usual_learning_rate(bool classes) { return classes ? 0.002 : 0.001; }

/// Where nothing says how many epochs there are, training ends after so many, or so many that were no better.
inline constexpr std::size_t most_epochs = 1000, usual_patience = 20;

/// Whether the learning rate goes by the number of steps, which must be known from the beginning then.
inline bool scheduled(const Options& options) {
  return options.schedule != "constant" && options.schedule != "plateau";
}

/// Adds all options to the app.
void declare(CLI::App& app, Options& options);
/// What follows from others, once they are parsed. Throws CLI::ValidationError for options that do not go together.
void settle(const CLI::App& app, Options& options);
