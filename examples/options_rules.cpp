// Which options go together, and what follows from them.
#include <autodiff/ranks.hpp>

#include "files.hpp"
#include "network.hpp"
#include "options.hpp"

namespace {

void need(bool good, const std::string& option, const std::string& rule) {
  if (!good) throw CLI::ValidationError(option, rule);
}

/// A network to fine-tune says what it is, so that nothing else may.
void settle_fine_tune(const CLI::App& app, Options& options) {
  need(!options.file.empty(), "--fine-tune", "needs --file");
  for (const char* option : {"--hidden", "--activation", "--dropout", "--loss", "--precision", "--scaling", "--target",
                             "--task", "--drop", "--categorical", "--dates", "--missing", "--separator", "--decimal",
                             "--header", "--missing-values", "--date-order"})
    need(app.count(option) == 0, option, "goes with no --fine-tune, as the network has its own");
  const auto network = load_description(options.fine_tune);
  options.hidden.clear();
  for (const auto width : network.hidden) options.hidden += (options.hidden.empty() ? "" : ",") + std::to_string(width);
  options.activation = network.activation, options.loss = network.loss, options.precision = network.precision;
  options.dropout = network.dropout;
  options.scaling = network.input_scaling() ? "standard" : "none";
  if (app.count("--learning-rate") == 0) options.learning_rate = usual_learning_rate(!network.classes.empty()) / 10;
}

void settle_trials(const CLI::App& app, Options& options) {
  const bool files = !options.save.empty() || !options.checkpoint.empty() || !options.history.empty() ||
                     !options.plot.empty() || !options.report.empty() || !options.test.empty();
  need(options.folds == 0 || !files, "--folds",
       "goes with no --test, --save, --checkpoint, --history, --plot and --report");
  need(options.folds == 0 || (options.search == 0 && !options.importance), "--folds",
       "goes with no --search and --importance");
  need(!options.mnist() || (options.folds == 0 && options.search == 0 && !options.importance), "--data",
       "mnist goes with no --folds, --search and --importance");
  need(options.search == 0 || !options.resume, "--search", "goes with no --resume");
  need(options.search == 0 || options.fine_tune.empty(), "--search", "goes with no --fine-tune");
  if (options.search > 0 && options.validation == 0) options.validation = 0.2;
  if (!options.fine_tune.empty()) settle_fine_tune(app, options);
}

}  // namespace

void settle(const CLI::App& app, Options& options) {
  if (!options.describe.empty()) {
    need(options.file.empty() || options.file == options.describe, "--describe", "goes with no other --file");
    options.file = options.describe;
  }
  if (options.data.empty()) options.data = options.file.empty() ? "digits" : "csv";
  need(options.data != "csv" || !options.file.empty(), "--data", "csv needs --file");
  need(options.data == "csv" || options.file.empty(), "--file", "is for --data csv");
  need(options.data == "csv" || options.test.empty(), "--test", "is for --data csv");
  need(!options.mnist() || !options.data_dir.empty(), "--data", "mnist needs --data-dir");
  need(options.mnist() || options.data_dir.empty(), "--data-dir", "is for --data mnist");
  settle_trials(app, options);
  const auto& table = options.table;
  const bool plain = table.target.empty() && table.drop.empty() && table.categorical.empty() && table.dates.empty();
  need(options.data == "csv" || plain, "--data", "has columns to choose for csv only");
  need(options.data == "csv" || table.header == "automatic", "--header", "is for --data csv");
  need(options.data == "csv" || table.separator == "automatic", "--separator", "is for --data csv");
  need(options.data == "csv" || table.decimal == "automatic", "--decimal", "is for --data csv");
  need(options.data == "csv" || options.task != "regression", "--task", "regression is for --data csv");
  need(options.patience == 0 || options.validation > 0, "--patience", "needs --validation");
  if (app.count("--patience") == 0 && options.validation > 0 && !options.epochs && !scheduled(options))
    options.patience = usual_patience;
  need(!options.resume || !options.checkpoint.empty(), "--resume", "needs --checkpoint");
  need(!options.split_slots || options.shards > 0 || autodiff::copies_started() > 0, "--split-slots",
       "needs --shards or mpirun");
  need(options.checkpoint_steps == 0 || !options.checkpoint.empty(), "--checkpoint-steps", "needs --checkpoint");
  // What cannot be written in the end is better known at the beginning.
  const std::vector<NamedFile> outputs{{"--save", options.save},
                                       {"--checkpoint", options.checkpoint},
                                       {"--history", options.history},
                                       {"--plot", options.plot},
                                       {"--report", options.report}};
  std::vector<NamedFile> inputs{{"--file", options.file},
                                {"--test", options.test},
                                {"--fine-tune", options.fine_tune},
                                {"the digits", DIGITS_CSV},
                                {"the irises", IRIS_CSV}};
  if (options.mnist())
    for (const auto& file : mnist_files(options.data_dir)) inputs.emplace_back("--data-dir", file);
  need_distinct_files(inputs, outputs);
  for (const auto& [option, path] : outputs) {
    if (path.empty()) continue;
    try {
      if (option == "--plot" && path == "-") continue;
      option == "--plot" ? nn::check_plot(path) : nn::check_writable(path);
    } catch (const autodiff::Error& error) {
      throw CLI::ValidationError(option, error.what());
    }
  }
  const bool page = options.report.empty() || std::filesystem::path(options.report).extension() == ".html";
  need(page, "--report", "must end with .html: " + options.report);
  need(options.compare.empty() || !options.report.empty(), "--compare", "needs --report");
  need(options.image.empty() || !options.report.empty(), "--image", "needs --report");
  if (options.image.empty() && options.mnist()) options.image = {28, 28};
  if (options.image.empty() && options.data == "digits") options.image = {8, 8};
  if (options.scaling == "automatic") options.scaling = options.mnist() ? "range" : "standard";
  if (options.data == "digits") options.file = DIGITS_CSV;
  if (options.data == "iris") options.file = IRIS_CSV;
  if (options.shipped()) options.task = "classification";
}
