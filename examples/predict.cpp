// Writes what a network that train_mlp has saved makes of samples, as CSV.
#include <CLI/CLI.hpp>
#include <autodiff/autodiff.hpp>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <nn/nn.hpp>

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

/// The samples as the network was shown them: a table as that of training, or an IDX file.
template <Real T>
Array<T> read(const Options& options, const Description& description) {
  const bool idx =
      std::filesystem::path(options.file).filename().string().find("-idx") != std::string::npos || !description.table;
  auto inputs = idx ? nn::read_idx<T>(options.file)
                    : read_inputs<T>(options.file, *description.table, description.features, description.targets);
  const std::size_t samples = inputs.dimension() == 0 ? 0 : inputs.shape(0);
  if (samples == 0 || inputs.size() != samples * description.inputs)
    fail<nn::DataError>("predict", options.file, ": needs samples of ", description.inputs,
                        " features: ", Dims(inputs.shape()));
  inputs.reshape(autodiff::Shape{samples, description.inputs});
  if (const auto filling = description.filling()) inputs = (*filling)(std::move(inputs));
  const auto scaling = description.input_scaling();
  return scaling ? (*scaling)(inputs) : inputs;
}

/// What outputs of a network mean: probabilities where its loss makes them such, or values in their own units.
template <Real T>
Array<T> meant(const Array<T>& outputs, const Description& description) {
  if (const auto scaling = description.target_scaling()) return scaling->inverse(outputs);
  if (description.classes.empty()) return outputs;
  if (description.loss == "cross-entropy") return autodiff::softmax(Variable<T>(outputs)).value();
  if (description.loss == "binary-cross-entropy") return autodiff::logistic(Variable<T>(outputs)).value();
  return outputs;
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

template <Real T>
void write(std::ostream& out, const Array<T>& values, const Description& description) {
  write_line(out, columns(description));
  const std::size_t width = values.shape(1);
  for (std::size_t i = 0; i < values.shape(0); ++i) {
    const std::span row(values.data() + i * width, width);
    std::vector<std::string> fields;
    if (!description.classes.empty())
      fields.push_back(description.classes[static_cast<std::size_t>(std::ranges::max_element(row) - row.begin())]);
    for (const T value : row) fields.push_back(nn::digits(value));
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
    app.add_option("--output", options.output, "Where the predictions go")
        ->type_name("FILE")
        ->default_str("the standard output");
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
      return app.exit(help);
    } catch (const CLI::ParseError& error) {
      std::cerr << "predict: " << error.what() << '\n';
      return 2;
    }
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
