#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

using autodiff::Array;
using autodiff::Real;
using autodiff::Shape;

namespace {

// In the metadata: of the description, which goes on under "train_mlp.1" and so on, as no text there may be long.
constexpr const char* key = "train_mlp";
constexpr std::size_t most_text = 1 << 18;
std::string key_of(std::size_t piece) { return key + (piece == 0 ? "" : '.' + std::to_string(piece)); }

constexpr std::size_t most_units = 1'000'000;

/// Starts as in scikit-learn (but for logistic units): weights as Glorot and Bengio have them and biases in the same
/// range, so that not all kinks of functions like relu lie at the mean of the data. Where features are few, He's
/// variance for relu makes weights of the first layer so large that the function is rougher than the data, and stays
/// so: errors of regression double.
template <Real T>
nn::Linear<T> linear(std::size_t inputs, std::size_t outputs) {
  const double bound = std::sqrt(6 / static_cast<double>(inputs + outputs));
  return {inputs, outputs, nn::xavier_uniform(), nn::uniform(-bound, bound)};
}

std::vector<double> numbers(const Array<double>& array) { return {array.begin(), array.end()}; }

Array<double> array(const std::vector<double>& numbers) {
  Array<double> result(Shape{numbers.size()});
  std::ranges::copy(numbers, result.begin());
  return result;
}

std::optional<nn::Scaling> scaling(const std::vector<double>& shift, const std::vector<double>& factor) {
  if (shift.empty()) return {};
  return nn::Scaling{array(shift), array(factor)};
}

/// Whether the parts of a description that was read fit together.
bool consistent(const Description& d) {
  const auto scales = [](const auto& shift, const auto& factor, std::size_t size) {
    return shift.size() == factor.size() && (shift.empty() || shift.size() == size);
  };
  bool sizes = d.inputs > 0 && d.inputs <= most_units && d.outputs > 0 && d.outputs <= most_units;
  for (const std::size_t width : d.hidden) sizes = sizes && width > 0 && width <= most_units;
  return sizes && (d.precision == "float" || d.precision == "double") &&
         (d.classes.empty() || d.classes.size() == d.outputs) && (d.fill.empty() || d.fill.size() == d.inputs) &&
         scales(d.input_shift, d.input_factor, d.inputs) && scales(d.target_shift, d.target_factor, d.outputs) &&
         (d.class_counts.empty() || d.class_counts.size() == d.classes.size()) &&
         (d.residuals.empty() || d.residuals.size() == d.outputs) &&
         (!d.table || (d.features.size() == d.inputs && !d.targets.empty() && !d.table->columns.empty()));
}

}  // namespace

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Description, inputs, outputs, hidden, activation, loss, precision, dropout, classes,
                                   features, targets, fill, input_shift, input_factor, target_shift, target_factor)

std::string card(const Description& d) {
  std::ostringstream out;
  const auto line = [&](const std::string& what, const auto&... texts) {
    out << what << std::string(what.size() < 12 ? 12 - what.size() : 1, ' ');
    (out << ... << texts) << '\n';
  };
  const auto listed = [](const std::vector<std::string>& names, bool counted = true) {
    constexpr std::size_t most = 20;
    std::string text = counted ? std::to_string(names.size()) + ": " : "";
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + nn::in_quotes(names[i]);
    return text + (names.size() > most ? ", ..." : "");
  };
  line("task", d.classes.empty() ? "values" : std::to_string(d.classes.size()) + " classes",
       d.targets.empty() ? "" : ", to predict " + listed(d.targets, false));
  if (!d.classes.empty()) line("classes", listed(d.classes));
  if (!d.features.empty()) line("features", listed(d.features));
  std::string widths = std::to_string(d.inputs);
  for (const std::size_t width : d.hidden) widths += '-' + std::to_string(width);
  line("network", widths, '-', d.outputs, ' ', d.activation, ", ", d.precision);
  line("loss", d.loss);
  if (!d.fill.empty())
    line("missing", "filled by the ", d.table ? d.table->missing : "mean",
         " of the training samples, or the most frequent category");
  for (const auto& [what, text] : d.training) line(what, text);
  return out.str();
}

std::optional<nn::Imputation> Description::filling() const {
  return fill.empty() ? std::nullopt : std::optional(nn::Imputation{array(fill)});
}
void Description::filling(const nn::Imputation& filling) { fill = numbers(filling.values); }
std::optional<nn::Scaling> Description::input_scaling() const { return scaling(input_shift, input_factor); }
std::optional<nn::Scaling> Description::target_scaling() const { return scaling(target_shift, target_factor); }
void Description::input_scaling(const nn::Scaling& s) {
  input_shift = numbers(s.shift), input_factor = numbers(s.factor);
}
void Description::target_scaling(const nn::Scaling& s) {
  target_shift = numbers(s.shift), target_factor = numbers(s.factor);
}

template <Real T>
nn::Sequential<T> build(const Description& description) {
  nn::Sequential<T> model;
  std::size_t inputs = description.inputs;
  for (const std::size_t width : description.hidden) {
    model.add(linear<T>(inputs, width)).add(nn::Activation<T>(description.activation));
    if (description.dropout > 0) model.add(nn::Dropout<T>(description.dropout));
    inputs = width;
  }
  model.add(linear<T>(inputs, description.outputs));
  return model;
}

namespace {

std::map<std::string, std::string> metadata_of(const std::filesystem::path& path, const Description& description) {
  nlohmann::json object = description;
  if (description.table) object["table"] = *description.table;
  object["training"] = description.training;
  object["class_counts"] = description.class_counts, object["residuals"] = description.residuals;
  try {
    const auto text = object.dump(-1, ' ', true);  // in ASCII, which can be cut anywhere
    std::map<std::string, std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += most_text)
      pieces[key_of(pieces.size())] = text.substr(at, most_text);
    return pieces;
  } catch (const nlohmann::json::exception& error) {
    autodiff::fail<nn::DataError>("save", path.string(),
                                  ": names of columns and classes must be UTF-8 to be saved: ", error.what());
  }
}

}  // namespace

void check_saving(const std::filesystem::path& path, const Description& description) { metadata_of(path, description); }

template <Real T>
void save_network(const std::filesystem::path& path, nn::Sequential<T>& model, const Description& description) {
  nn::save(model, path, metadata_of(path, description));
}

Description load_description(const std::filesystem::path& path) {
  const auto metadata = nn::load_safetensors(path).metadata;
  std::string text;
  std::size_t pieces = 0;
  for (auto piece = metadata.find(key); piece != metadata.end();) {
    text += piece->second;
    piece = metadata.find(key_of(++pieces));
  }
  if (pieces == 0) autodiff::fail<nn::DataError>("load", path.string(), ": is not a network of train_mlp");
  try {
    const auto object = nlohmann::json::parse(text);
    auto description = object.get<Description>();
    if (object.contains("table")) description.table = object["table"].get<Table>();
    if (object.contains("training")) description.training = object["training"].get<decltype(description.training)>();
    if (object.contains("class_counts")) object["class_counts"].get_to(description.class_counts);
    if (object.contains("residuals")) object["residuals"].get_to(description.residuals);
    // What is missing in one sample says nothing of the others, and none of them is left out.
    if (description.table && (description.fill.empty() || description.table->missing != "mean"))
      description.table->missing = description.fill.empty() ? "refuse" : "median";
    if (consistent(description)) return description;
  } catch (const nlohmann::json::exception&) {
  }
  autodiff::fail<nn::DataError>("load", path.string(),
                                ": its description of the network cannot be understood, or is one of an older version");
}

template <Real T>
Array<double> meant(const Array<T>& outputs, const Description& description) {
  const auto wide = autodiff::to_array<double>(xt::cast<double>(outputs));
  if (const auto scaling = description.target_scaling()) return scaling->inverse(wide);
  if (description.classes.empty()) return wide;
  if (description.loss == "cross-entropy") return autodiff::softmax(autodiff::Variable<double>(wide)).value();
  if (description.loss == "binary-cross-entropy") return autodiff::logistic(autodiff::Variable<double>(wide)).value();
  return wide;
}

template Array<double> meant(const Array<float>&, const Description&);
template Array<double> meant(const Array<double>&, const Description&);
template nn::Sequential<float> build(const Description&);
template nn::Sequential<double> build(const Description&);
template void save_network(const std::filesystem::path&, nn::Sequential<float>&, const Description&);
template void save_network(const std::filesystem::path&, nn::Sequential<double>&, const Description&);
