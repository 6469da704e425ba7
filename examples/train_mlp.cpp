// Trains a multilayer perceptron to tell classes or to give real values, by default on the handwritten digits in
// examples/data.
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nn/nn.hpp>

#include "files.hpp"
#include "processes.hpp"
#include "results.hpp"
#include "trials.hpp"

namespace {

using autodiff::Array;
using autodiff::fail;
using autodiff::Real;
using End = nn::FitReport::End;

/// By how much the values of held-out samples were missed, for intervals: sorted, a thousand at most.
std::vector<std::vector<double>> residuals(const Array<double>& values, const Array<double>& targets) {
  constexpr std::size_t most = 1000;
  const std::size_t samples = targets.shape(0), outputs = targets.shape(1);
  std::vector<std::vector<double>> result(outputs);
  for (std::size_t j = 0; j < outputs; ++j) {
    std::vector<double> all(samples);
    for (std::size_t i = 0; i < samples; ++i) all[i] = std::abs(values(i, j) - targets(i, j));
    std::ranges::sort(all);
    const std::size_t kept = std::min(samples, most);
    for (std::size_t k = 1; k <= kept; ++k) result[j].push_back(all[k * samples / kept - 1]);
  }
  return result;
}

/// What the test score loses where a column is shuffled, the largest first.
template <Real T>
void say_importance(Trained<T>& trained) {
  const auto& description = trained.description;
  std::vector<std::string> names;
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t j = 0; j < description.features.size(); ++j) {
    std::string name = description.features[j];
    for (const auto& column : description.table->categories)
      if (std::ranges::any_of(column.second, [&](const auto& c) { return name == column.first + "=" + c; })) {
        name = column.first;
        break;
      }
    if (names.empty() || names.back() != name) names.push_back(name), groups.emplace_back();
    groups.back().push_back(j);
  }
  nn::Evaluator<T> model(*trained.model);
  const bool classes = !description.classes.empty();
  const auto score = nn::metric<T>(classes ? "accuracy" : "r2").function;
  const auto lost = nn::permutation_importance<T>(model, trained.test->data(), groups, score);
  if (trained.page) trained.page->importance(classes ? "accuracy" : "R2", names, lost);
  std::vector<std::size_t> order(names.size());
  for (std::size_t j = 0; j < order.size(); ++j) order[j] = j;
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t j) { return lost[j]; });
  std::cout << "importance: what " << (classes ? "accuracy" : "R2")
            << " loses in the test where a column is shuffled\n";
  for (const std::size_t j : order)
    std::cout << "  " << std::fixed << std::setprecision(4) << std::setw(7) << lost[j] << "  "
              << nn::in_quotes(names[j]) << '\n';
  std::cout << '\n';
}

/// What there is to say of the network, once it has learnt.
template <Real T>
void say_test(const Options& options, Trained<T>& trained) {
  auto& description = trained.description;
  if (!options.quiet) std::cout << '\n';
  if (options.importance) say_importance(trained);
  const auto answers = ask(trained, options, *trained.test);
  const auto score = say_results(std::cout, "test ", answers.values, answers.targets, description, options.quiet);
  std::cout << std::flush;
  description.training["in the test"] = score.text;
  if (!score.never_found.empty())
    std::cerr << "train_mlp: no test sample of class " << nn::in_quotes(score.never_found[0])
              << (score.never_found.size() > 1 ? " and others" : "")
              << " was found (where classes are rare, --class-weights balanced may help)\n";
  if (!description.classes.empty()) return;
  const auto held_out = trained.validation ? ask(trained, options, *trained.validation) : answers;
  description.residuals = residuals(held_out.values, held_out.targets);
}

template <Real T>
int train(Options options) {
  Prepared<T> prepared;
  if (options.mnist()) {
    prepared = prepare_mnist<T>(options);
  } else {
    const auto reading = read(options);
    if (options.folds > 0) return cross_validate<T>(options, reading);
    auto parts = divide(options, reading);
    if (options.search > 0) search<T>(options, parts, reading.description);
    prepared = prepare<T>(options, std::move(parts), reading.description);
  }
  if (!options.save.empty()) check_saving(options.save, prepared.description);
  if (!options.quiet) print_beginning(options, prepared.data, prepared.description);
  if (const int code = find_epochs(options, prepared)) return code;
  if (!options.quiet) std::cout << '\n';
  auto trained = learn(options, std::move(prepared));
  const int code = say_end(trained.report, options);
  if (trained.report.end == End::not_finite) return code;
  // Saved before it is tested, as that may fail; then with the result.
  if (!options.save.empty()) save_network(options.save, *trained.model, trained.description);
  if (code == 0) {
    say_test(options, trained);
    if (!options.save.empty()) save_network(options.save, *trained.model, trained.description);
  }
  // In the end, as it may fail where nothing else does.
  if (options.plot == "-" && trained.report.history.rows() > 0)
    std::cout << '\n' << nn::plot_text(trained.report.history);
  else if (!options.plot.empty() && trained.report.history.rows() > 0)
    nn::plot(trained.report.history, options.plot);
  if (!std::cout.flush()) fail<nn::DataError>("train_mlp", "the standard output cannot be written");
  return code;
}

/// Of a network or of a table.
int describe(const Options& options) {
  nn::CsvOptions limits;
  limits.max_bytes = options.table.max_bytes;
  std::string begin(9, ' ');
  std::error_code ignored;
  if (std::filesystem::is_regular_file(options.describe, ignored))  // a pipe can be read once
    std::ifstream(options.describe, std::ios::binary).read(begin.data(), 9);
  const bool network = begin[8] == '{' && begin[7] == 0;  // a length in 8 bytes, then JSON: safetensors
  if (network)
    std::cout << card(load_description(options.describe));
  else
    std::cout << survey(nn::read_csv_text(options.describe, limits), options.task, options.table).text();
  if (!std::cout.flush()) fail<nn::DataError>("train_mlp", "the standard output cannot be written");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Processes processes(argc, argv);
  try {
    Options options;
    CLI::App app(
        "Trains a multilayer perceptron to tell classes or to give real values; by default, handwritten digits.",
        "train_mlp");
    declare(app, options);
    try {
      need_known_options(app, argc, argv);
      app.parse(argc, argv);
      settle(app, options);
    } catch (const CLI::Success& asked) {  // for help or the version
      return app.exit(asked);
    } catch (const CLI::ParseError& error) {
      return processes.failed(error.what(), 2);
    }
    if (!processes.first()) options.leave_files();
    if (!options.describe.empty()) return describe(options);
    return options.precision == "float" ? train<float>(options) : train<double>(options);
  } catch (const autodiff::RankLost& error) {
    return processes.failed(error.what(), 1, true);
  } catch (const autodiff::Error& error) {  // the file, or what it leaves of the options
    return processes.failed(error.what(), 2);
  } catch (const std::exception& error) {
    return processes.failed(error.what(), 1);
  }
}
