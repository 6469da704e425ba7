// Trains a multilayer perceptron to tell classes or to give real values, by default on the handwritten digits in
// examples/data.
#include <autodiff/autodiff.hpp>
#include <cmath>
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

/// The samples in parts; those for validation may be none.
template <Real T>
struct Parts {
  nn::Dataset<T> train, validation, test;
};

template <Real T>
Parts<T> read(const Options& options, Description& description) {
  nn::Split<T> data;
  if (options.mnist()) {
    data = nn::Split<T>(read_mnist<T>(options.data_dir));
  } else {
    Table table = options.table;
    auto all = read_table<T>(options.file, options.task, table);
    if (options.test.empty()) {
      data = nn::split(all, test_fraction, options.seed);
    } else {
      data.test = read_more(options.test, table, all);
      data.train = std::move(all);
    }
    description.table = table;
  }
  if (options.validation == 0) return {std::move(data.train), {}, std::move(data.test)};
  auto inner = nn::split(data.train, options.validation, options.seed);
  return {std::move(inner.train), std::move(inner.test), std::move(data.test)};
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
  if (!description.classes.empty()) return;
  description.target_scaling(nn::standardise(data.train.targets));
  all(&nn::Dataset<T>::targets, *description.target_scaling());
}

template <Real T>
Description describe(const Options& options, const nn::Dataset<T>& data) {
  Description result;
  result.inputs = data.features();
  result.outputs = data.classes.empty() ? data.outputs() : data.classes.size();
  result.hidden = units(options.hidden);
  result.activation = options.activation, result.loss = options.loss, result.precision = options.precision;
  result.dropout = options.dropout;
  result.classes = data.classes, result.features = data.feature_names, result.targets = data.target_names;
  return result;
}

/// The loss of outputs and targets as the data has them.
template <Real T>
nn::Loss<T> loss(const Description& description) {
  const auto named = nn::loss<T>(description.loss);
  const bool classes = !description.classes.empty();
  if (!classes && (nn::takes_classes(description.loss) || description.loss == "binary-cross-entropy"))
    fail<ValueError>("--loss", description.loss, " is for classes, and the targets are real values");
  if (!classes || nn::takes_classes(description.loss)) return named;
  return [named, outputs = description.outputs](const Variable<T>& prediction, const Variable<T>& labels) {
    return named(prediction, autodiff::one_hot(labels, outputs));
  };
}

/// Which task the target has chosen, and how to choose the other.
void print_task(const Description& description) {
  const auto& classes = description.classes;
  std::cout << "task      ";
  if (classes.empty())
    std::cout << "values, as the target holds numbers that are not all whole and from 0 to 99 (else: --task "
                 "classification)\n";
  else
    std::cout << classes.size() << " classes, as the "
              << (classes.front() == "0" ? "target holds whole numbers from 0 to 99 (else: --task regression)\n"
                                         : "table names them\n");
}

template <Real T>
void print_beginning(const Options& options, const Parts<T>& data, const Description& description,
                     std::size_t parameters) {
  std::cout << "data      " << (options.mnist() ? options.data_dir : options.file) << ": " << data.train.size()
            << " samples to train";
  if (options.validation > 0) std::cout << ", " << data.validation.size() << " to validate";
  std::cout << ", " << data.test.size() << " to test\n";
  if (options.task == "automatic" && description.table) print_task(description);
  std::cout << "network   " << description.inputs;
  for (const std::size_t width : description.hidden) std::cout << '-' << width;
  std::cout << '-' << description.outputs << ' ' << options.activation << ", " << parameters
            << " parameters\ntraining  " << options.loss << ", " << options.optimiser << ", learning rate "
            << options.learning_rate;
  if (options.schedule != "constant") std::cout << " (" << options.schedule << ')';
  std::cout << ", batch " << options.batch << ", seed " << options.seed << "\n\n";
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
  result.history = options.history, result.progress = &std::cout;
  result.checkpoint = options.checkpoint, result.checkpoint_steps = options.checkpoint_steps;
  result.resume = options.resume;
  return result;
}

/// How the network does on the test samples, in their own units.
template <Real T>
void print_test(nn::Evaluation<T> test, const Description& description) {
  std::cout << '\n';
  if (!description.classes.empty()) {
    nn::ConfusionMatrix confusion(description.classes);
    confusion.add(test.predictions, test.targets);
    std::cout << confusion << "\ntest accuracy " << std::fixed << std::setprecision(4) << confusion.accuracy() << '\n';
    return;
  }
  const auto scaling = *description.target_scaling();
  const auto predictions = scaling.inverse(test.predictions), targets = scaling.inverse(test.targets);
  std::cout << std::setprecision(4) << "test RMSE " << nn::root_mean_squared_error(predictions, targets)
            << "\ntest MAE  " << nn::mean_absolute_error(predictions, targets) << "\ntest R2   " << std::fixed
            << nn::r2_score(predictions, targets) << '\n';
}

/// The exit code; what else is to be said goes to the standard error.
int outcome(const nn::FitReport& report, const Options& options) {
  std::cout << std::flush;
  if (report.end == End::stopped_early)
    std::cout << "\nnothing got better in " << options.patience << " epochs: the best was epoch " << report.best_epoch
              << '\n';
  if (report.end == End::not_finite)
    std::cerr << "train_mlp: the loss or the weights are not finite any more in epoch " << report.epochs + 1
              << ": a smaller learning rate may help\n";
  if (report.end == End::interrupted)
    std::cerr << "train_mlp: interrupted after step " << report.steps
              << (options.checkpoint.empty() ? "" : ": goes on with --resume") << '\n';
  constexpr int of_interrupt = 130;  // as shells have it
  return report.end == End::not_finite ? 1 : report.end == End::interrupted ? of_interrupt : 0;
}

template <Real T>
int train(const Options& options) {
  Description read_first;
  auto data = read<T>(options, read_first);
  auto description = describe(options, data.train);
  description.table = read_first.table;
  fill(options, data, description);
  auto run = options.checkpoint.empty() ? std::map<std::string, std::string>() : identity(options, data);
  scale(options, data, description);
  const bool classes = !description.classes.empty();
  if (!options.save.empty()) check_saving(options.save, description);
  auto model = build<T>(description);
  model.initialise(options.seed);
  const auto optimiser = nn::optimiser<T>(options.optimiser, options.learning_rate, options.weight_decay);
  print_beginning(options, data, description, model.parameter_count());

  auto settings = fit_options<T>(options, data.train.size(), classes);
  settings.identity = std::move(run);
  nn::MemorySource<T> samples(std::move(data.train)), test(std::move(data.test));
  std::optional<nn::MemorySource<T>> validation;
  if (options.validation > 0) validation.emplace(std::move(data.validation));
  settings.validation = validation ? &*validation : &test;
  const auto report = nn::fit(model, *optimiser, loss<T>(description), samples, settings);
  const int code = outcome(report, options);
  if (report.end == End::not_finite) return code;
  if (!options.save.empty()) save_network(options.save, model, description);
  if (code == 0) print_test(nn::Evaluator<T>(model, {}, settings.step.compile)(test), description);
  // In the end, as it may fail where nothing else does.
  if (!options.plot.empty() && report.history.rows() > 0) nn::plot(report.history, options.plot);
  if (!std::cout.flush()) fail<nn::DataError>("train_mlp", "the standard output cannot be written");
  return code;
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
    } catch (const CLI::CallForHelp& help) {
      return app.exit(help);
    } catch (const CLI::ParseError& error) {
      std::cerr << "train_mlp: " << error.what() << '\n';
      return 2;
    }
    return options.precision == "float" ? train<float>(options) : train<double>(options);
  } catch (const autodiff::Error& error) {  // the file, or what it leaves of the options
    std::cerr << "train_mlp: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "train_mlp: " << error.what() << '\n';
    return 1;
  }
}
