// Writes what a network that train_mlp has saved makes of samples, as CSV.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <autodiff/autodiff.hpp>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nn/nn.hpp>

#include "files.hpp"
#include "network.hpp"

namespace {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Variable;

struct Options {
  std::string model, file, output;
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

/// The samples as the network was shown them: a table as that of training, or an IDX file. A table is scaled in double.
template <Real T>
Array<T> read(const Options& options, const Description& description) {
  const bool idx =
      std::filesystem::path(options.file).filename().string().find("-idx") != std::string::npos || !description.table;
  if (idx) return prepared(options, description, nn::read_idx<T>(options.file));
  const auto inputs = read_inputs(options.file, *description.table, description.features, description.targets);
  auto result = autodiff::to_array<T>(xt::cast<T>(prepared(options, description, inputs)));
  if (!std::ranges::all_of(result, [](T value) { return std::isfinite(value); }))
    fail<nn::DataError>("predict", options.file, ": holds a value larger than float holds");
  return result;
}

/// What outputs of a network mean: probabilities where its loss makes them such, or values in their own units.
template <Real T>
Array<double> meant(const Array<T>& outputs, const Description& description) {
  const auto wide = autodiff::to_array<double>(xt::cast<double>(outputs));
  if (const auto scaling = description.target_scaling()) return scaling->inverse(wide);
  if (description.classes.empty()) return wide;
  if (description.loss == "cross-entropy") return autodiff::softmax(Variable<double>(wide)).value();
  if (description.loss == "binary-cross-entropy") return autodiff::logistic(Variable<double>(wide)).value();
  return wide;
}

/// A number in the digits that mean something, where no more than `step` does.
std::string shown(double value, double step) {
  const int places = step > 0 ? std::clamp(static_cast<int>(std::ceil(-std::log10(step))), 0, 15) : 15;
  const double size = std::abs(value);
  if (!(size < 1e15) || (size > 0 && size < 1e-4)) return nn::digits(static_cast<float>(value));
  char text[64];
  const char* end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, places).ptr;
  std::string result(static_cast<const char*>(text), end);
  if (places > 0) result.erase(result.find_last_not_of('0') + 1);
  if (result.ends_with('.')) result.pop_back();
  return result == "-0" ? "0" : result;
}

std::vector<std::string> columns(const Description& description) {
  if (description.classes.empty())
    return description.targets.empty() ? std::vector<std::string>{"value"} : description.targets;
  std::vector<std::string> result{"class"};
  for (const auto& name : description.classes)
    result.push_back((description.loss.ends_with("cross-entropy") ? "probability " : "score ") + name);
  return result;
}

/// Quoted where that is needed.
void write_line(std::ostream& out, const std::vector<std::string>& fields) {
  for (std::size_t k = 0; k < fields.size(); ++k) {
    if (k > 0) out << ',';
    const std::string& field = fields[k];
    if (field.find_first_of(",\"\r\n") == field.npos)
      out << field;
    else
      out << std::quoted(field, '"', '"');
  }
  out << '\n';
}

void write(std::ostream& out, const Array<double>& values, const Description& description) {
  write_line(out, columns(description));
  // A float knows about a millionth of what the targets vary by.
  constexpr double precise = 1e-6;
  const bool classes = !description.classes.empty();
  const std::size_t width = values.shape(1);
  for (std::size_t i = 0; i < values.shape(0); ++i) {
    const std::span row(values.data() + i * width, width);
    std::vector<std::string> fields;
    if (classes)
      fields.push_back(description.classes[static_cast<std::size_t>(std::ranges::max_element(row) - row.begin())]);
    for (std::size_t j = 0; j < width; ++j) {
      const double factor = description.target_factor.empty() ? 1 : description.target_factor[j];
      fields.push_back(classes ? nn::digits(static_cast<float>(row[j]))
                               : shown(row[j], factor == 0 ? 0 : precise / factor));
    }
    write_line(out, fields);
  }
}

template <Real T>
int predict(const Options& options, const Description& description) {
  auto model = build<T>(description);
  nn::load(model, options.model);
  const auto inputs = read<T>(options, description);
  nn::MemorySource<T> samples({inputs, Array<T>(autodiff::Shape{inputs.shape(0), 0})});
  const auto values = meant(nn::Evaluator<T>(model)(samples).predictions, description);
  if (options.output.empty()) {
    write(std::cout, values, description);
    if (!std::cout.flush()) fail<nn::DataError>("predict", "the standard output cannot be written");
    return 0;
  }
  std::ofstream file(options.output);
  write(file, values, description);
  if (!file.flush()) fail<nn::DataError>("predict", options.output, ": cannot be written");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    CLI::App app("Writes what a network that train_mlp has saved makes of samples, as CSV.", "predict");
    app.add_option("--model", options.model, "The network")->type_name("FILE")->required();
    app.add_option("--file", options.file, "A table as that of training, with the target or without, or an IDX file")
        ->type_name("FILE")
        ->required();
    app.set_version_flag("--version", version("predict"));
    app.footer("Example: predict --model net.safetensors --file more.csv --output predictions.csv");
    app.add_option("--output", options.output, "Where the predictions go")
        ->type_name("FILE")
        ->check(CLI::Validator([](std::string& text) { return text.empty() ? "needs the name of a file" : ""; }, ""))
        ->default_str("the standard output");
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // for help or the version
      return app.exit(asked);
    } catch (const CLI::ParseError& error) {
      std::cerr << "predict: " << error.what() << '\n';
      return 2;
    }
    need_distinct_files({{"--model", options.model}, {"--file", options.file}}, {{"--output", options.output}});
    const auto description = load_description(options.model);
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
