#include "preparation.hpp"

#include <cmath>
#include <iostream>

#include "samples.hpp"

using autodiff::Array;
using autodiff::fail;
using autodiff::Real;

namespace {

constexpr double test_fraction = 0.2;

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

void say_faults(const Options& options, const std::string& file, const Rows& rows) {
  if (rows.faults.empty() || options.quiet) return;
  const auto& [row, fault] = *rows.faults.begin();
  std::cout << "filled      " << rows.faults.size() << " of " << rows.data.size() << " rows of " << file
            << ", where training had no such value: the first is row " << row + 1 << ", " << fault << '\n';
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

template <Real T>
void for_all(Parts<T>& data, auto f) {
  for (auto* set : {&data.train, &data.validation, &data.test})
    if (set->inputs.dimension() == 2) f(*set);
}

/// Fills in missing features by what the training part shows. What could be missing in a row to predict is known, too.
template <Real T>
void fill(const Options& options, Parts<T>& data, Description& description) {
  if (description.fill.empty()) {
    const bool mean = options.table.missing == "mean";
    description.filling(mean ? nn::fill_mean(data.train) : nn::fill_median(data.train));
  }
  for_all(data, [&](auto& set) { set.inputs = (*description.filling())(std::move(set.inputs)); });
}

/// Brings features, and targets that are real values, to scales that the training part shows, or an earlier one did.
template <Real T>
void scale(const Options& options, Parts<T>& data, Description& description) {
  const bool known = !options.fine_tune.empty();
  if (!known && options.scaling != "none") {
    const auto& inputs = data.train.inputs;
    description.input_scaling(options.scaling == "range" ? nn::scale_range(inputs) : nn::standardise(inputs));
  }
  if (const auto scaling = description.input_scaling())
    for_all(data, [&](auto& set) { set.inputs = (*scaling)(set.inputs); });
  if (!data.train.classes.empty()) return;
  if (!known) description.target_scaling(nn::standardise(data.train.targets));
  const auto scaling = description.target_scaling();
  for_all(data, [&](auto& set) {
    if (scaling) set.targets = (*scaling)(set.targets);
  });
}

template <Real T>
void describe(const Options& options, const nn::Dataset<T>& data, Description& result) {
  result.inputs = data.features();
  result.outputs = data.classes.empty() ? data.outputs() : data.classes.size();
  result.hidden = units(options.hidden);
  result.activation = options.activation, result.loss = options.loss, result.precision = options.precision;
  result.dropout = *options.dropout;
  result.classes = data.classes, result.features = data.feature_names, result.targets = data.target_names;
  result.class_counts.assign(result.classes.size(), 0);
  if (!data.classes.empty())
    for (const T label : data.targets) ++result.class_counts.at(static_cast<std::size_t>(label));
}

/// What --epochs is where nobody says it; none where find_epochs does.
std::optional<std::size_t> known_epochs(const Options& options, bool classes, std::size_t samples) {
  constexpr std::size_t least_samples = 20;
  if (scheduled(options) || samples < least_samples) return classes ? 100 : 40;
  return options.validation > 0 ? std::optional(most_epochs) : std::nullopt;
}

/// All that --resume must find as it was: the rest may change, --epochs too where no schedule goes by them.
template <Real T>
std::map<std::string, std::string> identity(const Options& options, const Parts<T>& data) {
  const auto text = [](const auto& number) { return nlohmann::json(number).dump(); };
  std::map<std::string, std::string> result{
      {"--hidden", options.hidden},
      {"--activation", options.activation},
      {"--dropout", text(*options.dropout)},
      {"--loss", options.loss},
      {"--label-smoothing", text(options.label_smoothing)},
      {"--optimiser", options.optimiser},
      {"--learning-rate", text(*options.learning_rate)},
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
  if (options.average) result["--average"] = "true";
  if (scheduled(options)) result["--epochs"] = text(*options.epochs);
  return result;
}

template <Real T>
Prepared<T> prepared(Options& options, Parts<T> data, Description description) {
  const bool classes = !data.train.classes.empty();
  // Classes are learnt with dropout, values at a smaller rate: RESULTS.md says how that was found.
  if (!options.dropout) options.dropout = classes ? 0.2 : 0;
  if (!options.learning_rate) options.learning_rate = usual_learning_rate(classes);
  options.average =
      options.average || (options.resume ? nn::load_checkpoint(options.checkpoint).contains("average.updates")
                                         : !options.epochs && !scheduled(options));
  if (!options.epochs) options.epochs = known_epochs(options, classes, data.train.size());
  if (options.loss == "automatic") options.loss = classes ? "cross-entropy" : "squared-error";
  describe(options, data.train, description);
  if (description.table) fill(options, data, description);
  auto run = options.checkpoint.empty() && autodiff::copies_started() < 2 ? std::map<std::string, std::string>()
                                                                          : identity(options, data);
  scale(options, data, description);
  return {std::move(data), std::move(description), std::move(run)};
}

Reading read_to_fine_tune(const Options& options) {
  Reading result;
  result.description = load_description(options.fine_tune);
  if (!result.description.table) fail<nn::DataError>("--fine-tune", options.fine_tune, ": is no network of a table");
  result.description.table->max_bytes = options.table.max_bytes;
  const auto rows = read_more(options.file, result.description);
  say_faults(options, options.file, rows);
  result.all = rows.data;
  result.all.feature_names = result.description.features;
  return result;
}

}  // namespace

Reading read(const Options& options) {
  Reading result;
  if (!options.fine_tune.empty()) {
    result = read_to_fine_tune(options);
  } else {
    Table table = options.table;
    nn::CsvOptions limits;
    limits.max_bytes = table.max_bytes;
    const auto text = nn::read_csv_text(options.file, limits);
    const auto found = survey(text, options.task, table);
    if (!options.quiet) std::cout << found.text() << std::flush;
    std::string problems;
    for (const auto& problem : found.problems) problems += (problems.empty() ? "" : "; ") + problem;
    if (!problems.empty()) fail<nn::DataError>("table", options.file, ": ", problems);
    result.all = read_table(text, found, table);
    result.description.table = table;
  }
  if (options.test.empty()) return result;
  auto known = result.description;
  known.classes = result.all.classes, known.features = result.all.feature_names;
  known.targets = result.all.target_names;
  auto rows = read_more(options.test, known);
  say_faults(options, options.test, rows);
  result.test = std::move(rows.data);
  return result;
}

Parts<double> divide(const Options& options, const Reading& reading) {
  if (reading.test) return validated(options, nn::Split<double>{reading.all, *reading.test});
  return validated(options, part(reading.all, test_fraction, options.seed));
}

Parts<double> divide(const Options& options, const Reading& reading, const std::vector<std::size_t>& fold) {
  const auto& all = reading.all;
  return validated(options, nn::Split<double>{all.rows(nn::others(all.size(), fold)), all.rows(fold)});
}

template <Real T>
Prepared<T> prepare(Options& options, Parts<double> parts, Description description) {
  auto all = prepared(options, std::move(parts), std::move(description));
  return {{cast<T>(all.data.train), cast<T>(all.data.validation), cast<T>(all.data.test)},
          std::move(all.description),
          std::move(all.identity)};
}

template <Real T>
Prepared<T> prepare_mnist(Options& options) {
  return prepared(options, validated(options, read_mnist<T>(options.data_dir)), Description{});
}

template Prepared<float> prepare(Options&, Parts<double>, Description);
template Prepared<double> prepare(Options&, Parts<double>, Description);
template Prepared<float> prepare_mnist(Options&);
template Prepared<double> prepare_mnist(Options&);
