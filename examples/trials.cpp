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

}  // namespace

template <Real T>
int cross_validate(Options options, const Reading& reading) {
  const auto& all = reading.all;
  const auto folds = all.classes.empty() ? nn::folds(all.size(), options.folds, options.seed)
                                         : nn::stratified_folds(all.targets, options.folds, options.seed);
  const bool said = !std::exchange(options.quiet, true);
  double sum = 0, squares = 0;
  for (std::size_t k = 0; k < folds.size(); ++k) {
    auto prepared = prepare<T>(options, divide(options, reading, folds[k]), reading.description);
    auto trained = learn(options, std::move(prepared));
    if (interrupted(trained.report) || trained.report.end == End::not_finite) return say_end(trained.report, options);
    const auto answers = ask(trained, options, *trained.test);
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
    auto tried = options;
    tried.quiet = true, tried.checkpoint.clear(), tried.history.clear(), tried.save.clear(), tried.report.clear();
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

template int cross_validate<float>(Options, const Reading&);
template int cross_validate<double>(Options, const Reading&);
template void search<float>(Options&, const Parts<double>&, const Description&);
template void search<double>(Options&, const Parts<double>&, const Description&);
