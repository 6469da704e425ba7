// Writes what a network that train_mlp has saved makes of samples, as CSV.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <autodiff/autodiff.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nn/nn.hpp>
#include <sstream>

#include "files.hpp"
#include "predictions.hpp"
#include "results.hpp"

namespace {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;

struct Options {
  std::string model, file, output, threshold, bad_rows = "fill";
  std::size_t max_bytes = usual_memory();
  Showing showing;
};

/// What is missing filled in, in the scale of the training.
template <Real T>
Array<T> prepared(const Options& options, const Description& description, Array<T> inputs) {
  const std::size_t samples = inputs.dimension() == 0 ? 0 : inputs.shape(0);
  if (samples == 0 || inputs.size() != samples * description.inputs)
    fail<nn::DataError>("predict", options.file, ": needs samples of ", description.inputs,
                        " features: ", Dims(inputs.shape()));
  inputs.reshape(autodiff::Shape{samples, description.inputs});
  if (const auto filling = description.filling()) inputs = (*filling)(std::move(inputs));
  const auto scaling = description.input_scaling();
  return scaling ? (*scaling)(inputs) : inputs;
}

/// Rows that have no prediction: those that miss too much, or anything where nothing is filled in. They count as zeros
/// until then.
std::vector<bool> blanked(const Options& options, const Description& description, Array<double>& inputs) {
  std::vector<bool> result(inputs.shape(0));
  const std::size_t width = inputs.shape(1);
  const bool fills = options.bad_rows == "fill" && description.filling();
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::span row(inputs.data() + i * width, width);
    const auto missing = std::ranges::count_if(row, [](double value) { return std::isnan(value); });
    result[i] = missing == std::ssize(row) ? width > 1 || !fills : missing > 0 && !fills;
    if (result[i]) std::ranges::fill(row, 0.0);
  }
  return result;
}

/// The samples as the network was shown them: a table as that of training, or an IDX file. A table is scaled in double.
template <Real T>
Array<T> read(const Options& options, const Description& description, Rows& rows, std::vector<bool>& unknown) {
  const bool idx =
      std::filesystem::path(options.file).filename().string().find("-idx") != std::string::npos || !description.table;
  if (idx) {
    auto result = prepared(options, description, nn::read_idx<T>(options.file, options.max_bytes));
    unknown.assign(result.shape(0), false);
    return result;
  }
  rows = read_to_predict(options.file, description, options.showing.keep);
  if (options.bad_rows == "refuse" && !rows.faults.empty()) {
    const auto& [row, fault] = *rows.faults.begin();
    fail<nn::DataError>("read_csv", options.file, ":", rows.lines.at(row), ": ", fault, " (--bad-rows fill or blank)");
  }
  unknown = blanked(options, description, rows.data.inputs);
  auto result = autodiff::to_array<T>(xt::cast<T>(prepared(options, description, rows.data.inputs)));
  if (!std::ranges::all_of(result, [](T value) { return std::isfinite(value); }))
    fail<nn::DataError>("predict", options.file, ": holds a value larger than float holds");
  return result;
}

/// Rows with faults, counted.
void say_faults(const Rows& rows, const std::vector<bool>& unknown) {
  if (rows.faults.empty()) return;
  const auto blank = static_cast<std::size_t>(std::ranges::count(unknown, true));
  std::size_t filled = 0;
  for (const auto& [row, fault] : rows.faults) filled += !unknown[row];
  const auto& [row, fault] = *rows.faults.begin();
  std::cerr << "predict: of " << unknown.size() << " rows, " << filled
            << " have missing or unknown values, filled in as in training, and " << blank
            << " are not predicted; all are marked in \"note\": the first is on line " << rows.lines.at(row) << ", "
            << fault << '\n';
}

/// Which rows were wrong, the first of them.
void say_wrong(std::ostream& out, const Array<double>& values, const Rows& rows, const std::vector<std::size_t>& known,
               const Description& description, const Showing& showing) {
  constexpr std::size_t most = 20;
  std::size_t wrong = 0;
  const std::size_t width = values.shape(1);
  std::ostringstream text;
  for (const std::size_t i : known) {
    const std::size_t said = said_class(std::span(values.data() + i * width, width), showing);
    const auto actual = static_cast<std::size_t>(rows.data.targets.data()[i]);
    if (said == actual || ++wrong > most) continue;
    text << "  line " << rows.lines[i] << ": " << nn::in_quotes(description.classes[actual]) << ", taken for "
         << nn::in_quotes(description.classes[said]);
    for (std::size_t k = 0; !rows.kept.empty() && k < rows.kept[i].size(); ++k)
      text << ", " << showing.keep[k] << ' ' << rows.kept[i][k];
    text << '\n';
  }
  out << wrong << " of " << known.size() << " rows are wrong" << (wrong > 0 ? ":\n" : "\n") << text.str();
  if (wrong > most) out << "  and " << wrong - most << " more (--keep the target shows all beside the predictions)\n";
  out << '\n';
}

/// How well it did, where the table has its targets.
void say_labelled(std::ostream& out, const Array<double>& values, const Rows& rows, const std::vector<bool>& unknown,
                  const Description& description, const Showing& showing) {
  const std::size_t outputs = rows.data.outputs(), width = values.shape(1);
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < unknown.size(); ++i) {
    const std::span targets(rows.data.targets.data() + i * outputs, outputs);
    if (!unknown[i] && std::ranges::none_of(targets, [](double value) { return std::isnan(value); }))
      known.push_back(i);
  }
  if (known.empty()) return;
  if (!description.classes.empty()) say_wrong(out, values, rows, known, description, showing);
  auto said = values;
  for (std::size_t i = 0; showing.threshold && i < values.shape(0); ++i)  // what is said is the largest then
    said(i, said_class(std::span(values.data() + i * width, width), showing)) += 1;
  const auto chosen = [&](const Array<double>& all) { return nn::Dataset<double>{all, rows.data.targets}.rows(known); };
  const auto scores = chosen(values);
  say_results(out, "", chosen(said).inputs, scores.targets, description, false, &scores.inputs);
}

/// To a terminal or another device as it comes, to a file as a whole or not at all.
void write(const std::string& path, const std::string& text) {
  std::error_code ignored;
  if (path.empty() || (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored))) {
    std::ofstream file;
    if (!path.empty()) file.open(path);
    auto& out = path.empty() ? std::cout : file;
    if (!(out << text).flush())
      fail<nn::DataError>("predict", path.empty() ? "the standard output" : path + ":", " cannot be written");
    return;
  }
  nn::write_text(path, text);
}

template <Real T>
int predict(Options options, const Description& description) {
  if (!options.threshold.empty()) options.showing.threshold = threshold(options.threshold, description);
  if (options.showing.top > description.classes.size())
    fail<nn::DataError>("--top", options.showing.top, ": there are only ", description.classes.size(), " classes");
  auto model = build<T>(description);
  nn::load(model, options.model);
  Rows rows;
  std::vector<bool> unknown;
  const auto inputs = read<T>(options, description, rows, unknown);
  nn::MemorySource<T> samples({inputs, Array<T>(autodiff::Shape{inputs.shape(0), 0})});
  const auto values = meant(nn::Evaluator<T>(model)(samples).predictions, description);
  std::ostringstream text;
  write_predictions(text, values, description, rows, unknown, options.showing);
  write(options.output, text.str());
  say_faults(rows, unknown);
  if (!rows.labelled) return 0;
  // Not among the predictions.
  auto& out = options.output.empty() ? std::cerr : std::cout;
  say_labelled(out, values, rows, unknown, description, options.showing);
  if (!out.flush()) fail<nn::DataError>("predict", "the standard output cannot be written");
  return 0;
}

void declare(CLI::App& app, Options& options) {
  const auto share = CLI::Validator(
      [](std::string& text) {
        const auto value = nn::number(text);
        return value && *value > 0 && *value < 1 ? "" : text + " is not a number between 0 and 1";
      },
      "");
  const auto count = CLI::Validator(
      [](std::string& text) {
        const auto value = nn::number(text);
        const bool good = value && *value >= 1 && *value <= 10'000 && *value == std::floor(*value);
        return good ? "" : text + " is not a whole number from 1 to 10000";
      },
      "");
  auto rules = CLI::IsMember({"fill", "blank", "refuse"});
  rules.description("");
  app.add_option("--model", options.model, "The network")->type_name("FILE")->required();
  app.add_option(
         "--file", options.file,
         "A table as that of training, with the target or without, or an IDX file; with the target, how well the "
         "predictions meet it is said")
      ->type_name("FILE")
      ->required();
  app.add_option("--output", options.output, "Where the predictions go, all of them or none")
      ->type_name("FILE")
      ->check(CLI::Validator([](std::string& text) { return text.empty() ? "needs the name of a file" : ""; }, ""))
      ->default_str("the standard output");
  app.add_option("--keep", options.showing.keep, "Columns that are carried through, such as one that names the rows")
      ->type_name("COLUMN,..")
      ->delimiter(',');
  app.add_option("--threshold", options.threshold,
                 "From which probability on a class is said: X for the rarer of two, or CLASS=X")
      ->type_name("X");
  app.add_option("--top", options.showing.top, "Shows this many of the most probable classes, in place of all")
      ->type_name("N")
      ->check(count);
  app.add_option(
         "--interval", options.showing.interval,
         "Shows intervals that hold this share of true values, such as 0.9, as estimated from rows that training "
         "held out")
      ->type_name("X")
      ->check(share);
  app.add_option("--bad-rows", options.bad_rows,
                 "A value that is missing, unknown or no number: fill has it as training has missing ones (median or "
                 "mean, the most "
                 "frequent category), blank leaves its row without a prediction, both with a note; refuse ends")
      ->type_name("NAME")
      ->check(rules)
      ->capture_default_str();
  declare_memory(app, options.max_bytes);
  app.set_version_flag("--version", version("predict"));
  app.footer("Example: predict --model net.safetensors --file more.csv --keep id --output predictions.csv");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    CLI::App app("Writes what a network that train_mlp has saved makes of samples, as CSV.", "predict");
    declare(app, options);
    try {
      need_known_options(app, argc, argv);
      app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // for help or the version
      return app.exit(asked);
    } catch (const CLI::ParseError& error) {
      std::cerr << "predict: " << error.what() << '\n';
      return 2;
    }
    need_distinct_files({{"--model", options.model}, {"--file", options.file}}, {{"--output", options.output}});
    auto description = load_description(options.model);
    if (description.table) description.table->max_bytes = options.max_bytes;
    return description.precision == "float" ? predict<float>(options, description)
                                            : predict<double>(options, description);
  } catch (const autodiff::Error& error) {
    std::cerr << "predict: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "predict: " << error.what() << '\n';
    return 1;
  }
}
