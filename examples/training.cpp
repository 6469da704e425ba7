#include "training.hpp"

#include <cmath>
#include <csignal>
#include <iostream>

using autodiff::Array;
using autodiff::fail;
using autodiff::Real;
using autodiff::ValueError;
using autodiff::Variable;
using End = nn::FitReport::End;

namespace {

volatile std::sig_atomic_t terminated = 0;  // by SIGTERM

/// The loss of outputs and targets as the data has them.
template <Real T>
nn::Loss<T> loss(const Options& options, const Description& description) {
  const auto named = nn::loss<T>(description.loss);
  const bool classes = !description.classes.empty();
  if (!classes && (nn::takes_classes(description.loss) || description.loss == "binary-cross-entropy"))
    fail<ValueError>("--loss", description.loss, " is for classes, and the targets are real values");
  if (description.loss == "cross-entropy")
    return {[smoothing = options.label_smoothing](const Variable<T>& prediction, const Variable<T>& labels) {
              return nn::softmax_cross_entropy(prediction, labels, {.label_smoothing = smoothing});
            },
            [smoothing = options.label_smoothing](const Variable<T>& prediction, const Variable<T>& labels) {
              return nn::softmax_cross_entropy(prediction, labels,
                                               {.reduction = nn::Reduction::none, .label_smoothing = smoothing});
            }};
  if (!classes || nn::takes_classes(description.loss)) return named;
  return [named, outputs = description.outputs](const nn::Outcome<T>& outcome) {
    auto rows = outcome;  // named() weighs them itself
    rows.targets = {autodiff::one_hot(outcome.targets[0], outputs)};
    return named(rows)[0];
  };
}

/// What a card says of the training.
template <Real T>
std::map<std::string, std::string> circumstances(const Options& options, const Parts<T>& data) {
  const auto text = [](const auto& number) { return nlohmann::json(number).dump(); };
  return {
      {"trained on", (options.mnist() ? options.data_dir : options.file) + ": " + text(data.train.size()) + " samples" +
                         (options.validation > 0 ? ", " + text(data.validation.size()) + " to validate" : "")},
      {"trained by", options.optimiser + ", learning rate " + text(*options.learning_rate) + ", batch " +
                         text(options.batch) + ", seed " + text(options.seed)},
      {"written by", version("train_mlp")}};
}

template <Real T>
nn::FitOptions<T> fit_options(const Options& options, std::size_t samples, bool classes) {
  nn::FitOptions<T> result;
  result.epochs = *options.epochs, result.batch = options.batch, result.seed = options.seed;
  result.step.compile.threads = options.threads, result.step.shards = options.shards;
  result.step.split_slots = options.split_slots;
  const std::size_t steps = *options.epochs * ((samples + options.batch - 1) / options.batch);
  if (options.schedule == "plateau")
    result.plateau.emplace();
  else if (options.schedule != "constant")
    result.schedule = nn::schedule(options.schedule, *options.learning_rate, steps);
  if (options.average) result.average = nn::AveragingOptions{.decay = std::nullopt, .power = 4};
  result.metrics = {nn::metric<T>(classes ? "accuracy" : "r2")};
  // The test samples are looked at, but nothing is chosen by them.
  const bool validates = options.validation > 0;
  result.validation_name = validates ? "validation" : "test";
  result.watch = validates ? "validation_loss" : "loss";
  result.patience = options.patience, result.keep_best = validates;
  result.history = options.history, result.progress = options.quiet ? nullptr : &std::cout;
  result.checkpoint = options.checkpoint, result.checkpoint_steps = options.checkpoint_steps;
  result.resume = options.resume;
  return result;
}

nn::Report report_of(const Options& options, const Description& description) {
  const std::filesystem::path read = options.mnist() ? options.data_dir : options.file;
  nn::ReportOptions about{"Training on " + read.filename().string(), description.classes};
  about.features = description.features;
  if (options.image.size() == 2) about.image = {options.image[0], options.image[1]};
  nn::Report report(options.report, about);
  for (const auto& other : options.compare) report.compare(other);
  return report;
}

/// Samples that count so that all classes count alike.
template <Real T>
nn::BatchSource<T> weighed(const nn::Dataset<T>& data, const std::vector<double>& class_weights) {
  Array<T> weights(autodiff::Shape{data.size()});
  for (std::size_t i = 0; i < data.size(); ++i)
    weights(i) = static_cast<T>(class_weights[static_cast<std::size_t>(data.targets(i))]);
  return nn::BatchSource<T>({{data.inputs}, {data.targets}, std::move(weights)});
}

/// SIGTERM ends training as Ctrl-C does; a second one ends it at once.
struct TerminationGuard {
  TerminationGuard() {
    std::signal(SIGTERM, [](int) {
      std::signal(SIGTERM, SIG_DFL);
      terminated = 1;
    });
  }
  ~TerminationGuard() { std::signal(SIGTERM, SIG_DFL); }
};

template <Real T>
nn::FitReport fit(const Options& options, nn::Sequential<T>& model, const Description& description,
                  nn::FitOptions<T>& settings, nn::Source<T>& samples) {
  const auto optimiser = nn::optimiser<T>(options.optimiser, *options.learning_rate, options.weight_decay);
  const TerminationGuard guard;
  bool learnt = false;
  settings.after_step = [&](nn::Moment& moment) { learnt = true, moment.stop = terminated; };
  try {
    return nn::fit(model, *optimiser, loss<T>(options, description), samples, settings);
  } catch (const nn::DataError& error) {
    if (options.save.empty() || !learnt) throw;
    save_network(options.save, model, description);
    fail<nn::DataError>("train_mlp", error.what(), "; the network as it is now went to ", options.save);
  }
}

}  // namespace

template <Real T>
void print_beginning(const Options& options, const Parts<T>& data, const Description& description) {
  std::size_t parameters = 0, inputs = description.inputs;
  for (const std::size_t width : description.hidden) parameters += (inputs + 1) * width, inputs = width;
  parameters += (inputs + 1) * description.outputs;
  std::cout << "data        " << (options.mnist() ? options.data_dir : options.file) << ": " << data.train.size()
            << " samples to train";
  if (options.validation > 0) std::cout << ", " << data.validation.size() << " to validate";
  std::cout << ", " << data.test.size() << " to test\n";
  std::cout << "network     " << description.inputs;
  for (const std::size_t width : description.hidden) std::cout << '-' << width;
  std::cout << '-' << description.outputs << ' ' << options.activation << ", " << parameters
            << " parameters\ntraining    " << options.loss << ", " << options.optimiser << ", learning rate "
            << *options.learning_rate;
  if (options.schedule != "constant") std::cout << " (" << options.schedule << ')';
  std::cout << ", batch " << options.batch << ", seed " << options.seed << '\n';
}

template <Real T>
Trained<T> learn(const Options& options, Prepared<T> prepared) {
  Trained<T> result;
  auto& data = prepared.data;
  result.description = std::move(prepared.description);
  auto& description = result.description;
  description.training = circumstances(options, data);
  const bool classes = !description.classes.empty();
  result.model = std::make_unique<nn::Sequential<T>>(build<T>(description));
  if (options.fine_tune.empty())
    result.model->initialise(options.seed);
  else
    nn::load(*result.model, options.fine_tune);

  auto settings = fit_options<T>(options, data.train.size(), classes);
  settings.identity = std::move(prepared.identity);
  result.test = std::make_shared<nn::MemorySource<T>>(std::move(data.test));
  if (options.validation > 0) result.validation = std::make_shared<nn::MemorySource<T>>(std::move(data.validation));
  if (!options.report.empty()) settings.report = &result.page.emplace(report_of(options, description));
  const auto looked_at = result.validation ? result.validation : result.test;
  settings.validation = looked_at.get();
  if (options.class_weights == "balanced") {
    if (!classes) fail<ValueError>("--class-weights", "balanced is for classes, and the targets are real values");
    const auto weights = nn::balanced_class_weights(data.train.targets, description.classes.size());
    auto samples = weighed(data.train, weights), others = weighed(looked_at->data(), weights);
    settings.validation = &others;
    result.report = fit(options, *result.model, description, settings, samples);
  } else {
    nn::MemorySource<T> samples(std::move(data.train));
    result.report = fit(options, *result.model, description, settings, samples);
  }
  description.training["epochs"] = std::to_string(result.report.epochs);
  if (options.validation > 0)
    description.training["epochs"] += ", of which " + std::to_string(result.report.best_epoch) + " was kept";
  return result;
}

template <Real T>
Answers<T> ask(Trained<T>& trained, const Options& options, nn::MemorySource<T>& samples) {
  autodiff::CompileOptions compile;
  compile.threads = options.threads;
  const auto found = nn::Evaluator<T>(*trained.model, {}, compile)(samples);
  auto targets = autodiff::to_array<double>(xt::cast<double>(found.targets));
  if (const auto scaling = trained.description.target_scaling()) targets = scaling->inverse(targets);
  return {meant(found.predictions, trained.description), std::move(targets)};
}

int say_end(const nn::FitReport& report, const Options& options) {
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

#define TRAINING(T)                                                                   \
  template void print_beginning(const Options&, const Parts<T>&, const Description&); \
  template Trained<T> learn(const Options&, Prepared<T>);                             \
  template Answers<T> ask(Trained<T>&, const Options&, nn::MemorySource<T>&);
TRAINING(float)
TRAINING(double)
