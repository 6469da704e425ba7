#include <algorithm>
#include <functional>
#include <map>

#include "../functions/loop.hpp"
#include "../onnx.hpp"
#include "rules.hpp"

namespace autodiff {
namespace onnx {
namespace {

/// Writes operations and recorded functions into a graph.
template <Real T>
class Writer {
 public:
  explicit Writer(Graph& to) : to_(to) {}

  Names write(const Primitive<T>& operation, const Step& step) {
    for (const auto& family : {elementwise_rules(), array_rules(), network_rules()})
      for (const Rule& rule : family)
        if (rule.name == operation.name() && rule.fits(operation)) return rule.write(to_, operation.self(), step);
    if (const auto* loop = dynamic_cast<const detail::Loop<T>*>(&operation)) return write(*loop, step);
    if (const auto* function = operation.made_of()) return write(*function, step.x);
    fail<ValueError>("to_onnx", "there is no counterpart of ", operation.name(), " in ONNX");
  }

  std::string constant(const std::string& name, const Variable<T>& value) {
    const Array<T>& array = value.value();
    return to_.tensor(name.empty() ? "constant" : name, array.shape(),
                      std::string(reinterpret_cast<const char*>(array.data()), array.size() * sizeof(T)));
  }

 private:
  /// A function in the place of a call.
  Names write(const RecordedFunction<T>& function, const std::vector<Value>& inputs) {
    const auto& nodes = function.nodes();
    std::vector<bool> read(nodes.size());
    for (const auto result : function.results()) read[result] = true;
    for (const auto& node : nodes)
      for (const auto input : node.inputs) read[input] = true;
    std::vector<Value> values(inputs);
    for (std::size_t i = inputs.size(); i < nodes.size(); ++i) {
      const auto& node = nodes[i];
      if (i < values.size()) continue;  // a further result
      if (!node.operation) {
        values.push_back({constant("", node.value), node.shape});
        continue;
      }
      Step step;
      for (const auto input : node.inputs) step.x.push_back(values[input]);
      for (std::size_t k = 0; k < node.operation->results() && i + k < nodes.size(); ++k)
        step.y.push_back(nodes[i + k].shape), step.read.push_back(read[i + k]);
      const auto names = write(*node.operation, step);
      for (std::size_t k = 0; k < step.y.size(); ++k) values.push_back({names[k], step.y[k]});
    }
    Names results;
    for (const auto result : function.results()) results.push_back(values[result].name);
    return results;
  }

  /// Carries, elements and outputs are those of ONNX's Scan; what all steps share is seen from inside.
  Names write(const detail::Loop<T>& loop, const Step& step) {
    const auto& body = loop.body();
    const std::size_t carries = body.carries(), given = carries + body.elements();
    const Body graph = to_.body([&](Graph& inner) {
      std::vector<Value> inputs;
      for (std::size_t i = 0; i < given; ++i) {
        inputs.push_back({inner.fresh("step"), body.function().input_shape(i)});
        inner.input(inputs.back());
      }
      inputs.insert(inputs.end(), step.x.begin() + std::ptrdiff_t(given), step.x.end());
      const Names results = Writer(inner).write(body.function(), inputs);
      for (std::size_t k = 0; k < results.size(); ++k)  // a result of a graph is one of its nodes
        inner.output({inner.add("Identity", {results[k]}), body.function().result_shape(k)});
    });
    Names inputs;
    for (std::size_t i = 0; i < given; ++i) inputs.push_back(step.x[i].name);
    const auto directions = [&](std::size_t n) { return Whole(n, loop.reverse() ? 1 : 0); };
    Attributes attributes{{"body", graph}, {"num_scan_inputs", std::int64_t(body.elements())}};
    if (body.elements()) attributes.push_back({"scan_input_directions", directions(body.elements())});
    if (body.outputs()) attributes.push_back({"scan_output_directions", directions(body.outputs())});
    return to_.add("Scan", inputs, attributes, loop.results());
  }

  Graph& to_;
};

/// From the nodes of a tape to those of a graph.
template <Real T>
class Export {
 public:
  Export(const Tape<T>& tape, std::size_t samples)
      : tape_(tape), to_(sizeof(T) == 8 ? ElementType::float64 : ElementType::float32, samples), writer_(to_) {}

  std::string model(std::span<const Variable<T>> inputs, std::span<const Variable<T>> outputs,
                    const OnnxOptions& options) {
    mark(inputs, outputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Value input{to_.fresh(name_of("input", inputs, options.inputs, i)), inputs[i].shape()};
      to_.input(input);
      values_[inputs[i].index()] = input;
    }
    Names names;  // taken before any node has one
    for (std::size_t i = 0; i < outputs.size(); ++i)
      names.push_back(to_.fresh(name_of("output", outputs, options.outputs, i)));
    for (std::size_t i = 0; i < needed_.size(); ++i)
      if (needed_[i] && !values_.contains(i)) write(i);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      to_.output({to_.rename(values_.at(outputs[i].index()).name, names[i]), outputs[i].shape()});
    return to_.model();
  }

 private:
  static std::string name_of(const char* what, std::span<const Variable<T>> all, const std::vector<std::string>& given,
                             std::size_t i) {
    if (!given.empty()) return given[i];
    const auto name = all[i].name();
    return name.empty() ? what : name;
  }

  /// What depends on the inputs, and what the outputs need of that.
  void mark(std::span<const Variable<T>> inputs, std::span<const Variable<T>> outputs) {
    std::size_t size = 0;
    for (const auto& output : outputs) size = std::max(size, output.index() + 1);
    std::vector<bool> input(size);
    varying_.resize(size), needed_.resize(size);
    for (const auto& each : inputs)
      if (each.index() < size) input[each.index()] = varying_[each.index()] = true;
    for (std::size_t i = 0; i < size; ++i)
      for (const auto from : tape_.inputs(i))
        if (varying_[from]) varying_[i] = true;
    for (const auto& output : outputs) {
      if (!varying_[output.index()]) fail<ValueError>("to_onnx", "an output does not depend on the inputs");
      needed_[output.index()] = true;
    }
    for (std::size_t i = size; i-- > 0;)
      if (needed_[i] && !input[i] && !has_value(i))
        for (const auto from : tape_.inputs(i)) needed_[from] = true;
  }

  /// Whether it is a constant of the model: it depends on no input, and is known, or a parameter, whose value now
  /// counts.
  bool has_value(std::size_t i) const {
    const auto& node = tape_.node(i);
    return !varying_[i] && (!node.abstract || !node.operation);
  }

  /// The node, with all results of its operation.
  void write(std::size_t index) {
    const auto& node = tape_.node(index);
    if (has_value(index)) {
      const auto cell = tape_.cell(index);
      std::string name = tape_.name(index);
      std::ranges::replace(name, '/', '.');  // as modules call it
      values_[index] = {writer_.constant(name, cell ? *cell : tape_.plain(index)), tape_.plain(index).shape()};
      return;
    }
    Step step;
    for (const auto from : tape_.inputs(index)) step.x.push_back(values_.at(from));
    const std::size_t first = index - node.result;
    for (std::size_t k = 0; k < node.operation->results(); ++k) {
      step.y.push_back(tape_.plain(first + k).shape());
      step.read.push_back(first + k < needed_.size() && needed_[first + k]);
    }
    const auto names = writer_.write(*node.operation, step);
    for (std::size_t k = 0; k < names.size(); ++k) values_[first + k] = {names[k], step.y[k]};
  }

  const Tape<T>& tape_;
  Graph to_;
  Writer<T> writer_;
  std::vector<bool> varying_, needed_;
  std::map<std::size_t, Value> values_;
};

}  // namespace
}  // namespace onnx

template <Real T>
std::string to_onnx(std::span<const Variable<T>> inputs, std::span<const Variable<T>> outputs,
                    const OnnxOptions& options) {
  if (inputs.empty() || outputs.empty()) fail<ValueError>("to_onnx", "needs inputs and outputs");
  for (const auto& all : {inputs, outputs})
    for (const auto& each : all)
      if (!each.recorded() || !each.beside(inputs[0]))
        fail<TapeError>("to_onnx", "inputs and outputs must be recorded on one tape");
  if ((!options.inputs.empty() && options.inputs.size() != inputs.size()) ||
      (!options.outputs.empty() && options.outputs.size() != outputs.size()))
    fail<ValueError>("to_onnx", "there must be a name for each input, and for each output, or none");
  return onnx::Export<T>(inputs[0].tape(), options.samples).model(inputs, outputs, options);
}

template std::string to_onnx(std::span<const Variable<float>>, std::span<const Variable<float>>, const OnnxOptions&);
template std::string to_onnx(std::span<const Variable<double>>, std::span<const Variable<double>>, const OnnxOptions&);

}  // namespace autodiff
