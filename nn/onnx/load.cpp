#include <algorithm>
#include <nn/base/data_error.hpp>
#include <set>

#include "onnx.hpp"
#include "operators.hpp"

namespace nn {

namespace detail {
template <Real T>
struct OnnxGraph {
  OnnxFile file;
  std::vector<std::string> parameters, names;  // in the file, and as members
  std::map<std::string, OnnxValue<T>> constants;
};
}  // namespace detail

namespace {

/// As members are called, and unlike others.
std::string member_name(std::string name, std::set<std::string>& used) {
  for (char& c : name)
    if (c == '.' || c == '/' || c == '#' || c == ':') c = '_';
  if (name.empty()) name = "array";
  std::string unique = name;
  for (int k = 2; !used.insert(unique).second; ++k) unique = name + '_' + std::to_string(k);
  return unique;
}

bool is_number(Dtype dtype) {
  return dtype == Dtype::f32 || dtype == Dtype::f64 || dtype == Dtype::f16 || dtype == Dtype::bf16;
}

/// Those that an operator takes for statistics, which training does not descend on.
std::set<std::string> statistics(const OnnxFile& file) {
  std::set<std::string> names;
  for (const auto& node : file.nodes)
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      if (is_statistic(node.operation, i)) names.insert(node.inputs[i]);
  return names;
}

/// Whether all operators are known, and all that is read is there by then.
template <Real T>
void check(const OnnxFile& file) {
  std::set<std::string> there(file.inputs.begin(), file.inputs.end());
  for (const auto& [name, tensor] : file.constants) there.insert(name);
  for (const auto& node : file.nodes) {
    const OnnxStep<T> step{node, {}, file.version, 0};
    check_known(step);
    for (const auto& name : node.inputs)
      if (!name.empty() && !there.contains(name)) step.refuse("its input \"" + name + "\" is not there");
    there.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const auto& name : file.outputs)
    if (!there.contains(name)) autodiff::fail<DataError>("load_onnx", "the output \"", name, "\" is not there");
}

/// What constants may grow to without an input as large: 128 million elements, and a thousand for each of the inputs.
template <Real T>
std::size_t most_elements(const std::vector<Variable<T>>& inputs) {
  std::size_t most = std::size_t{1} << 27;
  for (const auto& input : inputs) most += 1024 * input.size();
  return most;
}

}  // namespace

template <Real T>
OnnxModel<T>::OnnxModel(const std::filesystem::path& path) {
  auto graph = std::make_shared<detail::OnnxGraph<T>>();
  graph->file = read_onnx(path);
  check<T>(graph->file);
  const auto fixed = statistics(graph->file);
  std::set<std::string> used;
  for (const auto& [name, tensor] : graph->file.constants) {
    // A single number belongs to a formula: an epsilon, a half.
    if (!is_number(tensor.dtype()) || tensor.shape().empty()) {
      graph->constants[name] = value_of<T>(tensor);
      continue;
    }
    graph->parameters.push_back(name);
    graph->names.push_back(member_name(name, used));
    parameters_.emplace_back(tensor.shape(), zeros(), fixed.contains(name) ? Trainable::no : Trainable::yes);
    parameters_.back().assign(tensor.template as<T>());
  }
  graph->file.constants.clear();
  graph_ = std::move(graph);
}

template <Real T>
std::vector<Variable<T>> OnnxModel<T>::forward(const std::vector<Variable<T>>& inputs) {
  const auto& file = graph_->file;
  if (inputs.size() != file.inputs.size())
    autodiff::fail<autodiff::ValueError>("onnx", "the model takes ", file.inputs.size(), " inputs: ", inputs.size());
  auto values = graph_->constants;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    values[file.inputs[i]] = {.numbers = inputs[i], .is_integral = file.whole_inputs.contains(file.inputs[i])};
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    values[graph_->parameters[i]] = {inputs.empty() ? parameters_[i].plain() : parameters_[i].beside(inputs[0])};
  const std::size_t most = most_elements(inputs);
  for (const auto& node : file.nodes) {
    OnnxStep<T> step{node, {}, file.version, most};
    for (const auto& name : node.inputs) step.inputs.push_back(name.empty() ? nullptr : &values.at(name));
    auto results = run(step);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (i >= results.size() && !node.outputs[i].empty()) step.refuse("it has fewer results than are read");
      if (!node.outputs[i].empty()) values[node.outputs[i]] = std::move(results[i]);
    }
  }
  std::vector<Variable<T>> outputs;
  for (const auto& name : file.outputs) {
    const auto found = values.find(name);
    if (found == values.end() || found->second.is_whole)
      autodiff::fail<DataError>("load_onnx", "the output \"", name, "\" is no array of numbers of the graph");
    outputs.push_back(found->second.numbers);
  }
  return outputs;
}

template <Real T>
void OnnxModel<T>::members(Members<T>& m) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) m(graph_->names[i], parameters_[i]);
}

template <Real T>
const std::vector<std::string>& OnnxModel<T>::inputs() const {
  return graph_->file.inputs;
}
template <Real T>
const std::vector<std::string>& OnnxModel<T>::outputs() const {
  return graph_->file.outputs;
}

template class OnnxModel<float>;
template class OnnxModel<double>;

}  // namespace nn
