#include "trials.hpp"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "results.hpp"

using autodiff::fail;
using autodiff::Real;
using End = nn::FitReport::End;

namespace {

bool interrupted(const nn::FitReport& report) { return report.end == End::interrupted || report.end == End::stopped; }

bool ended_badly(const nn::FitReport& report) { return interrupted(report) || report.end == End::not_finite; }

std::vector<std::vector<std::size_t>> parts(const auto& data, std::size_t count, std::uint64_t seed) {
  return data.classes.empty() ? nn::folds(data.size(), count, seed) : nn::stratified_folds(data.targets, count, seed);
}

/// Nothing of it is said or written.
Options silent(Options options) {
  options.quiet = true, options.resume = false;
  options.checkpoint.clear(), options.history.clear(), options.save.clear(), options.report.clear();
  return options;
}

}  // namespace

template <Real T>
int find_epochs(Options& options, Prepared<T>& prepared) {
  // A checkpoint keeps what was found.
  constexpr const char* name = "epochs";
  const auto kept = options.resume ? nn::load_checkpoint(options.checkpoint) : nn::Checkpoint();
  const std::string prefix = "fit.identity.", key = prefix + name;
  if (!options.epochs && kept.contains(key)) options.epochs = kept.number<std::size_t>(key);
  if (options.epochs) {
    if (kept.contains(key)) prepared.identity[name] = kept.text(key);
    return 0;
  }
  if (options.resume) {
    const bool same = std::ranges::all_of(prepared.identity, [&](const auto& each) {
      return kept.contains(prefix + each.first) && kept.text(prefix + each.first) == each.second;
    });
    if (same)
      autodiff::fail<nn::DataError>("--resume", options.checkpoint,
                                    ": was made with --epochs, which must be said again");
    options.epochs = 1;  // of another run: what differs is said before the first step
    return 0;
  }
  constexpr std::size_t count = 5, enough = 2000;  // samples to look at
  const auto& all = prepared.data.train;
  const std::size_t networks = std::min(count, (enough * count + all.size() - 1) / all.size());
  if (!options.quiet) std::cout << "epochs      " << std::flush;
  auto tried = silent(options);
  tried.validation = 1.0 / count, tried.epochs = most_epochs, tried.patience = usual_patience;
  const auto left_out = parts(all, count, options.seed);
  std::size_t sum = 0;
  for (std::size_t k = 0; k < networks; ++k) {
    const auto part = all.rows(left_out[k]);
    const auto report =
        learn(tried, Prepared<T>{{all.rows(nn::others(all.size(), left_out[k])), part, part}, prepared.description, {}})
            .report;
    if (ended_badly(report)) return say_end(report, tried);
    sum += report.best_epoch;
  }
  options.epochs = std::max<std::size_t>(1, (sum + networks / 2) / networks);
  if (!options.resume && !options.checkpoint.empty()) prepared.identity[name] = std::to_string(*options.epochs);
  if (!options.quiet)
    std::cout << *options.epochs << ", as did best on a fifth of the samples that was left out"
              << (networks > 1 ? ", on average of " + std::to_string(networks) : "") << '\n';
  return 0;
}

template <Real T>
int cross_validate(Options options, const Reading& reading) {
  const auto& all = reading.all;
  const auto folds = parts(all, options.folds, options.seed);
  const bool said = !std::exchange(options.quiet, true);
  double sum = 0, squares = 0;
  for (std::size_t k = 0; k < folds.size(); ++k) {
    auto tried = options;
    auto prepared = prepare<T>(tried, divide(options, reading, folds[k]), reading.description);
    if (const int code = find_epochs(tried, prepared)) return code;
    auto trained = learn(tried, std::move(prepared));
    if (ended_badly(trained.report)) return say_end(trained.report, options);
    const auto answers = ask(trained, tried, *trained.test);
    std::ostringstream rest;
    const auto score = say_results(rest, "", answers.values, answers.targets, trained.description, true);
    sum += score.value, squares += score.value * score.value;
    if (said)
      std::cout << "fold " << k + 1 << " of " << folds.size() << ", " << folds[k].size() << " rows: " << score.text
                << '\n'
                << std::flush;
  }
  const double count = static_cast<double>(folds.size()), mean = sum / count;
  const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean) * count / (count - 1));
  std::cout << "mean " << (all.classes.empty() ? "R2 " : "accuracy ") << std::fixed << std::setprecision(4) << mean
            << ", standard deviation " << deviation << ", of " << folds.size() << " folds\n";
  return 0;
}

template <Real T>
void search(Options& options, const Parts<double>& parts, const Description& description) {
  const char* layers[] = {"32", "64", "128", "256", "512", "64,64", "128,64", "128,128", "256,128"};
  nn::Random random(options.seed, "search");
  auto best = options;
  double least = 0;
  for (std::size_t trial = 0; trial < options.search; ++trial) {
    auto tried = silent(options);
    if (trial > 0) {
      tried.hidden = layers[random.below(std::size(layers))];
      tried.learning_rate = std::round(1e5 * 3e-4 * std::pow(30, random.uniform())) / 1e5;  // to 0.009
    }
    const auto trained = learn(tried, prepare<T>(tried, parts, description));
    const auto& report = trained.report;
    if (interrupted(report)) fail<autodiff::ValueError>("--search", "was interrupted");
    if (!options.quiet)
      std::cout << "trial " << trial + 1 << " of " << options.search << ": hidden " << tried.hidden
                << ", learning rate " << *tried.learning_rate << ": validation loss "
                << nn::digits(static_cast<float>(report.best)) << " in epoch " << report.best_epoch << '\n'
                << std::flush;
    if (report.best_epoch == 0 || (least > 0 && report.best >= least)) continue;
    least = report.best, best.hidden = tried.hidden, best.learning_rate = tried.learning_rate;
  }
  if (least == 0) fail<autodiff::ValueError>("--search", "no trial learnt anything");
  options = best;
  if (!options.quiet)
    std::cout << "best        hidden " << options.hidden << ", learning rate " << *options.learning_rate << "\n\n";
}

template int find_epochs(Options&, Prepared<float>&);
template int find_epochs(Options&, Prepared<double>&);
template int cross_validate<float>(Options, const Reading&);
template int cross_validate<double>(Options, const Reading&);
template void search<float>(Options&, const Parts<double>&, const Description&);
template void search<double>(Options&, const Parts<double>&, const Description&);
