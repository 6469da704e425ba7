// Trains a multilayer perceptron to tell classes or to give real values, by default on the handwritten digits in
// examples/data.
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nn/nn.hpp>

#include "network.hpp"
#include "options.hpp"

namespace {

using autodiff::Array;
using autodiff::fail;
using autodiff::Real;
using autodiff::ValueError;
using autodiff::Variable;
using End = nn::FitReport::End;

constexpr double test_fraction = 0.2;

volatile std::sig_atomic_t terminated = 0;  // by SIGTERM

/// The samples in parts; those for validation may be none.
template <Real T>
struct Parts {
  nn::Dataset<T> train, validation, test;
};

template <Real T>
nn::Split<T> part(const nn::Dataset<T>& data, double fraction, std::uint64_t seed) {
  return data.classes.empty() ? nn::split(data, fraction, seed) : nn::stratified_split(data, fraction, seed);
}

template <Real T>
Parts<T> validated(const Options& options, nn::Split<T> data) {
  if (options.validation == 0) return {std::move(data.train), {}, std::move(data.test)};
  auto inner = part(data.train, options.validation, options.seed);
  return {std::move(inner.train), std::move(inner.test), std::move(data.test)};
}

/// Says what the table is taken for, first of all.
Parts<double> read(const Options& options, Description& description) {
  Table table = options.table;
  const auto text = nn::read_csv_text(options.file);
  const auto found = survey(text, options.task, table);
  if (!options.quiet) std::cout << found.text() << std::flush;
  std::string problems;
  for (const auto& problem : found.problems) problems += (problems.empty() ? "" : "; ") + problem;
  if (!problems.empty()) fail<nn::DataError>("table", options.file, ": ", problems);
  auto all = read_table(text, found, table);
  nn::Split<double> data;
  if (options.test.empty()) {
    data = part(all, test_fraction, options.seed);
  } else {
    data.test = read_more(options.test, table, all);
    data.train = std::move(all);
  }
  description.table = table;
  return validated(options, std::move(data));
}

template <Real T>
nn::Dataset<T> cast(const nn::Dataset<double>& data) {
  if (data.inputs.dimension() == 0) return {};  // a part that there is not
  const auto finite = [](const Array<double>& values, const std::vector<std::string>& names) {
    auto result = autodiff::to_array<T>(xt::cast<T>(values));
    for (std::size_t i = 0; i < result.size(); ++i)
      if (!std::isfinite(result.data()[i]))
        fail<nn::DataError>("table", "a value of ", nn::in_quotes(names.at(i % names.size())),
                            " is larger than --precision float holds: ", values.data()[i]);
    return result;
  };
  return {finite(data.inputs, data.feature_names),
          finite(data.targets, data.target_names),
          data.classes,
          data.feature_names,
          data.target_names,
          data.categories};
}

/// Fills in missing features by what the training part shows.
template <Real T>
void fill(const Options& options, Parts<T>& data, Description& description) {
  const bool mean = options.table.missing == "mean";
  if (!mean && options.table.missing != "median") return;
  description.filling(mean ? nn::fill_mean(data.train) : nn::fill_median(data.train));
  for (auto* set : {&data.train, &data.validation, &data.test})
    if (set->inputs.dimension() == 2) set->inputs = (*description.filling())(std::move(set->inputs));
}

/// Brings features, and targets that are real values, to scales that the training part shows.
template <Real T>
void scale(const Options& options, Parts<T>& data, Description& description) {
  const auto all = [&](Array<T> nn::Dataset<T>::*part, const nn::Scaling& scaling) {
    for (auto* set : {&data.train, &data.validation, &data.test})
      if ((set->*part).dimension() == 2) set->*part = scaling(set->*part);
  };
  if (options.scaling != "none") {
    const auto& inputs = data.train.inputs;
    description.input_scaling(options.scaling == "range" ? nn::scale_range(inputs) : nn::standardise(inputs));
    all(&nn::Dataset<T>::inputs, *description.input_scaling());
  }
  if (!data.train.classes.empty()) return;
  description.target_scaling(nn::standardise(data.train.targets));
  all(&nn::Dataset<T>::targets, *description.target_scaling());
}

template <Real T>
void describe(const Options& options, const nn::Dataset<T>& data, Description& result) {
  result.inputs = data.features();
  result.outputs = data.classes.empty() ? data.outputs() : data.classes.size();
  result.hidden = units(options.hidden);
  result.activation = options.activation, result.loss = options.loss, result.precision = options.precision;
  result.dropout = options.dropout;
  result.classes = data.classes, result.features = data.feature_names, result.targets = data.target_names;
}

/// The loss of outputs and targets as the data has them.
template <Real T>
nn::Loss<T> loss(const Options& options, const Description& description) {
  const auto named = nn::loss<T>(description.loss);
  const bool classes = !description.classes.empty();
  if (!classes && (nn::takes_classes(description.loss) || description.loss == "binary-cross-entropy"))
    fail<ValueError>("--loss", description.loss, " is for classes, and the targets are real values");
  if (description.loss == "cross-entropy")
    return [smoothing = options.label_smoothing](const Variable<T>& prediction, const Variable<T>& labels) {
      return nn::softmax_cross_entropy(prediction, labels, {.label_smoothing = smoothing});
    };
  if (!classes || nn::takes_classes(description.loss)) return named;
  return [named, outputs = description.outputs](const Variable<T>& prediction, const Variable<T>& labels) {
    return named(prediction, autodiff::one_hot(labels, outputs));
  };
}

template <Real T>
void print_beginning(const Options& options, const Parts<T>& data, const Description& description,
                     std::size_t parameters) {
  std::cout << "data        " << (options.mnist() ? options.data_dir : options.file) << ": " << data.train.size()
            << " samples to train";
  if (options.validation > 0) std::cout << ", " << data.validation.size() << " to validate";
  std::cout << ", " << data.test.size() << " to test\n";
  std::cout << "network     " << description.inputs;
  for (const std::size_t width : description.hidden) std::cout << '-' << width;
  std::cout << '-' << description.outputs << ' ' << options.activation << ", " << parameters
            << " parameters\ntraining    " << options.loss << ", " << options.optimiser << ", learning rate "
            << options.learning_rate;
  if (options.schedule != "constant") std::cout << " (" << options.schedule << ')';
  std::cout << ", batch " << options.batch << ", seed " << options.seed << "\n\n";
}

/// What a card says of the training.
template <Real T>
std::map<std::string, std::string> circumstances(const Options& options, const Parts<T>& data) {
  const auto text = [](const auto& number) { return nlohmann::json(number).dump(); };
  return {
      {"trained on", (options.mnist() ? options.data_dir : options.file) + ": " + text(data.train.size()) + " samples" +
                         (options.validation > 0 ? ", " + text(data.validation.size()) + " to validate" : "")},
      {"trained by", options.optimiser + ", learning rate " + text(options.learning_rate) + ", batch " +
                         text(options.batch) + ", seed " + text(options.seed)},
      {"written by", version("train_mlp")}};
}

/// All that --resume must find as it was: the rest may change, --epochs too where no schedule goes by them.
template <Real T>
std::map<std::string, std::string> identity(const Options& options, const Parts<T>& data) {
  const auto text = [](const auto& number) { return nlohmann::json(number).dump(); };
  std::map<std::string, std::string> result{
      {"--hidden", options.hidden},
      {"--activation", options.activation},
      {"--dropout", text(options.dropout)},
      {"--loss", options.loss},
      {"--label-smoothing", text(options.label_smoothing)},
      {"--optimiser", options.optimiser},
      {"--learning-rate", text(options.learning_rate)},
      {"--weight-decay", options.weight_decay ? text(*options.weight_decay) : "the optimiser's"},
      {"--schedule", options.schedule},
      {"--batch", text(options.batch)},
      {"--validation", text(options.validation)},
      {"--seed", text(options.seed)},
      {"--precision", options.precision},
      {"--scaling", options.scaling},
      {"the training data", fingerprint(data.train)},
      {"the test data", fingerprint(data.test)}};
  if (options.validation > 0) result["the validation data"] = fingerprint(data.validation);
  if (options.schedule != "constant" && options.schedule != "plateau") result["--epochs"] = text(options.epochs);
  return result;
}

template <Real T>
nn::FitOptions<T> fit_options(const Options& options, std::size_t samples, bool classes) {
  nn::FitOptions<T> result;
  result.epochs = options.epochs, result.batch = options.batch, result.seed = options.seed;
  result.step.compile.threads = options.threads;
  const std::size_t steps = options.epochs * ((samples + options.batch - 1) / options.batch);
  if (options.schedule == "plateau")
    result.plateau.emplace();
  else if (options.schedule != "constant")
    result.schedule = nn::schedule(options.schedule, options.learning_rate, steps);
  result.metrics = {nn::metric<T>(classes ? "accuracy" : "r2")};
  // The test samples are looked at, but nothing is chosen by them.
  const bool validates = options.validation > 0;
  result.validation_name = validates ? "validation" : "test";
  result.watch = validates ? "validation_loss" : "loss";
  result.patience = options.patience, result.keep_best = validates;
  result.history = options.history, result.progress = options.quiet ? nullptr : &std::cout;
  result.after_step = [](nn::Moment& moment) { moment.stop = terminated; };
  result.checkpoint = options.checkpoint, result.checkpoint_steps = options.checkpoint_steps;
  result.resume = options.resume;
  return result;
}

/// How the network does on the test samples, in their own units; a line of it.
template <Real T>
std::string print_test(const nn::Evaluation<T>& test, const Description& description, bool quiet) {
  if (!quiet) std::cout << '\n';
  if (!description.classes.empty()) {
    nn::ConfusionMatrix confusion(description.classes);
    confusion.add(test.predictions, test.targets);
    if (!quiet) std::cout << confusion << '\n';
    std::cout << "test accuracy " << std::fixed << std::setprecision(4) << confusion.accuracy() << '\n';
    return "accuracy " + nn::digits(std::round(1e4 * confusion.accuracy()) / 1e4);
  }
  const auto scaling = *description.target_scaling();
  const auto back = [&](const Array<T>& values) {
    return scaling.inverse(autodiff::to_array<double>(xt::cast<double>(values)));
  };
  const auto predictions = back(test.predictions), targets = back(test.targets);
  std::cout << std::setprecision(4) << "test RMSE " << nn::root_mean_squared_error(predictions, targets)
            << "\ntest MAE  " << nn::mean_absolute_error(predictions, targets) << "\ntest R2   " << std::fixed
            << nn::r2_score(predictions, targets) << '\n';
  return "R2 " + nn::digits(std::round(1e4 * nn::r2_score(predictions, targets)) / 1e4);
}

/// The exit code; what else is to be said goes to the standard error.
int outcome(const nn::FitReport& report, const Options& options) {
  std::cout << std::flush;
  const bool said = !options.quiet && report.best_epoch > 0;
  if (said && report.end == End::stopped_early)
    std::cout << "\nnothing got better in " << options.patience << " epochs: the best was epoch " << report.best_epoch
              << '\n';
  else if (said && options.validation > 0)
    std::cout << "\nkept the best epoch: " << report.best_epoch << '\n';
  if (report.end == End::not_finite)
    std::cerr << "train_mlp: the loss or the weights are not finite any more in epoch " << report.epochs + 1
              << ": a smaller learning rate may help\n";
  const bool stopped = report.end == End::interrupted || report.end == End::stopped;
  if (stopped)
    std::cerr << "train_mlp: interrupted after step " << report.steps
              << (options.checkpoint.empty() ? "" : ": goes on with --resume") << '\n';
  constexpr int of_signals = 128;  // as shells have it
  return report.end == End::not_finite ? 1 : stopped ? of_signals + (terminated ? SIGTERM : SIGINT) : 0;
}

/// Data that is ready to learn from, what it is, and what --resume must find as it was.
template <Real T>
struct Prepared {
  Parts<T> data;
  Description description;
  std::map<std::string, std::string> identity;
};

template <Real T>
Prepared<T> prepared(Options& options, Parts<T> data, Description description) {
  if (options.loss == "automatic") options.loss = data.train.classes.empty() ? "squared-error" : "cross-entropy";
  describe(options, data.train, description);
  fill(options, data, description);
  auto run = options.checkpoint.empty() ? std::map<std::string, std::string>() : identity(options, data);
  scale(options, data, description);
  return {std::move(data), std::move(description), std::move(run)};
}

/// Tables are scaled in double: what a float keeps of a large number says nothing of how it varies.
template <Real T>
Prepared<T> prepared(Options& options) {
  if (options.mnist()) return prepared(options, validated(options, read_mnist<T>(options.data_dir)), {});
  Description read_first;
  auto data = read(options, read_first);
  auto all = prepared(options, std::move(data), std::move(read_first));
  return {{cast<T>(all.data.train), cast<T>(all.data.validation), cast<T>(all.data.test)},
          std::move(all.description),
          std::move(all.identity)};
}

template <Real T>
int train(Options options) {
  auto [data, description, run] = prepared<T>(options);
  description.training = circumstances(options, data);
  const bool classes = !description.classes.empty();
  if (!options.save.empty()) check_saving(options.save, description);
  auto model = build<T>(description);
  model.initialise(options.seed);
  const auto optimiser = nn::optimiser<T>(options.optimiser, options.learning_rate, options.weight_decay);
  const auto objective = loss<T>(options, description);
  if (!options.quiet) print_beginning(options, data, description, model.parameter_count());

  auto settings = fit_options<T>(options, data.train.size(), classes);
  settings.identity = std::move(run);
  nn::MemorySource<T> samples(std::move(data.train)), test(std::move(data.test));
  std::optional<nn::MemorySource<T>> validation;
  if (options.validation > 0) validation.emplace(std::move(data.validation));
  settings.validation = validation ? &*validation : &test;
  std::signal(SIGTERM, [](int) {
    std::signal(SIGTERM, SIG_DFL);
    terminated = 1;
  });  // a second one ends it at once
  const auto report = nn::fit(model, *optimiser, objective, samples, settings);
  std::signal(SIGTERM, SIG_DFL);
  const int code = outcome(report, options);
  if (report.end == End::not_finite) return code;
  description.training["epochs"] = std::to_string(report.epochs);
  if (options.validation > 0)
    description.training["epochs"] += ", of which " + std::to_string(report.best_epoch) + " was kept";
  // Saved before it is tested, as that may fail; then with the result.
  if (!options.save.empty()) save_network(options.save, model, description);
  if (code == 0) {
    description.training["in the test"] =
        print_test(nn::Evaluator<T>(model, {}, settings.step.compile)(test), description, options.quiet);
    if (!options.save.empty()) save_network(options.save, model, description);
  }
  // In the end, as it may fail where nothing else does.
  if (!options.plot.empty() && report.history.rows() > 0) nn::plot(report.history, options.plot);
  if (!std::cout.flush()) fail<nn::DataError>("train_mlp", "the standard output cannot be written");
  return code;
}

/// Of a network or of a table.
int describe(const Options& options) {
  std::string begin(9, ' ');
  std::ifstream(options.describe, std::ios::binary).read(begin.data(), 9);
  const bool network = begin[8] == '{' && begin[7] == 0;  // a length in 8 bytes, then JSON: safetensors
  if (network)
    std::cout << card(load_description(options.describe));
  else
    std::cout << survey(nn::read_csv_text(options.describe), options.task, options.table).text();
  if (!std::cout.flush()) fail<nn::DataError>("train_mlp", "the standard output cannot be written");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    CLI::App app(
        "Trains a multilayer perceptron to tell classes or to give real values; by default, handwritten digits.",
        "train_mlp");
    declare(app, options);
    try {
      app.parse(argc, argv);
      settle(options);
    } catch (const CLI::Success& asked) {  // for help or the version
      return app.exit(asked);
    } catch (const CLI::ParseError& error) {
      std::cerr << "train_mlp: " << error.what() << '\n';
      return 2;
    }
    if (!options.describe.empty()) return describe(options);
    return options.precision == "float" ? train<float>(options) : train<double>(options);
  } catch (const autodiff::Error& error) {  // the file, or what it leaves of the options
    std::cerr << "train_mlp: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "train_mlp: " << error.what() << '\n';
    return 1;
  }
}
