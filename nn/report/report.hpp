// The report of a training run: one file that a browser opens from disk.
#pragma once

#include <array>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "history.hpp"

namespace nn {

/// How often numbers lie in each of the bins that divide -most to most evenly.
struct Distribution {
  static constexpr std::size_t bins = 21;
  double most = 0;
  std::vector<std::size_t> counts = {};
};

/// Parameters or units of a layer, as they are after an epoch.
struct Observed {
  std::string role, name;  // "weights", "biases", "hidden units", "output units"
  std::size_t layer = 0;   // from 1 at the input
  // Norms of values and gradients; shares of units that are zero, and that are saturated. NaN: not known.
  double value = 0, gradient = 0, zero = 0, saturated = std::numeric_limits<double>::quiet_NaN();
  /// By what part of its norm a parameter moved in a step, on the average of the epoch. NaN for units.
  double update = std::numeric_limits<double>::quiet_NaN();
  Distribution values = {}, gradients = {};  // of all elements
};

/// What a teacher would say: of layers that learn much slower than others, of units that are dead or saturated, of
/// steps that are too long.
std::vector<std::string> remarks(std::span<const Observed> observed);

struct ReportOptions {
  /// The heading of the page.
  std::string title = "Training";
  /// Names of the classes in the confusion matrix; by default their numbers.
  std::vector<std::string> classes = {};
  /// How many samples, the first ones, units and gradients are those of.
  std::size_t samples = 128;
  /// Names of the features of a sample, where it is shown as a row; by default their numbers.
  std::vector<std::string> features = {};
  /// Height and width of samples that are images in one row of features, one or three values a pixel. Samples (height,
  /// width), (1, height, width) and (3, height, width) are images anyway.
  std::array<std::size_t, 2> image = {};
};

/// Given to fit, see FitOptions::report, it is written whole after every epoch: curves of the history, which show their
/// numbers where one points; layers by epoch, with distributions, updates and remarks; of the validation data, the
/// confusion matrix, calibration, ROC curves and the worst samples; the weights of a first layer that looks at images;
/// the regions that a model of two features decides by, and what each hidden unit says there; and of a plain network,
/// a walk through the forward and the backward pass of a sample. The file needs nothing else, follows the browser's
/// light or dark, prints, and keeps what it shows in the fragment of its address. Where there are more than 100 epochs,
/// layers are shown of some of them, evenly.
class Report {
 public:
  /// Throws ValueError for no samples, and a path that does not end in .html.
  explicit Report(std::filesystem::path path, ReportOptions options = {});
  const ReportOptions& options() const { return options_; }

  /// Draws the curves of another run beside those of this one: of a report, or of a history that write_csv has written.
  /// Throws DataError for anything else.
  void compare(const std::filesystem::path& run);
  /// What a score, such as "accuracy", loses where each of some features is shuffled, see permutation_importance: shown
  /// the largest first, and written with the rest at once where something was written before. Throws ShapeError unless
  /// each has a name.
  void importance(const std::string& score, const std::vector<std::string>& names, const std::vector<double>& losses);

  /// Takes what an epoch has come to, and writes the file; the old one is there until the new one is. `confusion`
  /// counts by true class, then by predicted one; it may be empty. Throws DataError where the file cannot be written.
  void add(const History& history, std::vector<Observed> observed, std::vector<std::vector<std::size_t>> confusion);
  /// What a section of the page shows, as JSON, from the next epoch on; or of that epoch alone. For fit.
  void show(const std::string& section, std::string json);
  void show_of_epoch(const std::string& section, std::string json);
  /// The file as it was written last.
  const std::string& html() const { return html_; }

 private:
  using Sections = std::map<std::string, std::string>;  // JSON by name
  struct Epoch {
    std::size_t number;
    std::string json;
  };
  void write();

  std::filesystem::path path_;
  ReportOptions options_;
  std::vector<Epoch> epochs_;
  std::size_t every_ = 1;  // of how many epochs one is kept
  Sections sections_, of_epoch_;
  std::vector<std::string> others_;  // runs
  std::string html_;
};

}  // namespace nn
