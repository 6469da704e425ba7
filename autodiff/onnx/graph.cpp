#include "graph.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "../error.hpp"
#include "../version.hpp"

namespace autodiff::onnx {
namespace {

template <class N>
std::string bytes_of(const std::vector<N>& numbers) {
  std::string bytes(numbers.size() * sizeof(N), '\0');
  if (!numbers.empty()) std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

Message as_message(const Attribute& attribute) {
  enum Field { name = 1, real = 2, integer = 3, graph = 6, integers = 8, type = 20 };
  Message m;
  m.text(name, attribute.name);
  std::visit(
      [&](const auto& value) {
        using V = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::same_as<V, double>) {
          m.real(real, static_cast<float>(value)).number(type, 1);
        } else if constexpr (std::same_as<V, std::int64_t>) {
          m.number(integer, static_cast<std::uint64_t>(value)).number(type, 2);
        } else if constexpr (std::same_as<V, Whole>) {
          for (const auto each : value) m.number(integers, static_cast<std::uint64_t>(each));
          m.number(type, 7);
        } else {
          m.message(graph, value.graph).number(type, 5);
        }
      },
      attribute.value);
  return m;
}

}  // namespace

std::string Graph::fresh(std::string_view name) {
  auto& used = outermost().used_;
  std::string unique(name);
  for (std::size_t k = 2; !used.insert(unique).second; ++k) unique = std::string(name) + '#' + std::to_string(k);
  return unique;
}

void Graph::add(const std::string& operation, const Names& inputs, const Attributes& attributes, const Names& results) {
  enum Field { input = 1, output = 2, name = 3, op_type = 4, attribute = 5 };
  Message node;
  for (const auto& each : inputs) node.text(input, each);
  for (const auto& each : results) node.text(output, each);
  node.text(name, results[0]).text(op_type, operation);
  for (const auto& each : attributes) node.message(attribute, as_message(each));
  nodes_.push_back(std::move(node));
}

Names Graph::add(const std::string& operation, const Names& inputs, const Attributes& attributes, std::size_t results) {
  Names names;
  for (std::size_t i = 0; i < results; ++i) names.push_back(fresh(operation));
  add(operation, inputs, attributes, names);
  return names;
}

std::string Graph::rename(const std::string& value, const std::string& name) {
  add("Identity", {value}, {}, Names{name});
  return name;
}

void Graph::keep(const std::string& name, ElementType type, const Whole& lengths, const std::string& bytes) {
  enum Field { dims = 1, data_type = 2, name_of = 8, raw_data = 9 };
  Message tensor;
  for (const auto length : lengths) tensor.number(dims, static_cast<std::uint64_t>(length));
  tensor.number(data_type, static_cast<std::uint64_t>(type)).text(name_of, name).text(raw_data, bytes);
  constants_.push_back(std::move(tensor));
}

std::string Graph::number(double value) {
  auto& name = numbers_[value];
  if (name.empty()) {
    name = fresh("number");
    keep(name, type_, {},
         type_ == ElementType::float64 ? bytes_of(std::vector{value})
                                       : bytes_of(std::vector{static_cast<float>(value)}));
  }
  return name;
}

std::string Graph::whole(const Whole& values) {
  auto& name = wholes_[values];
  if (name.empty()) keep(name = fresh("lengths"), ElementType::int64, {std::int64_t(values.size())}, bytes_of(values));
  return name;
}

std::string Graph::tensor(std::string_view name, const Shape& shape, const std::string& bytes) {
  const std::string unique = fresh(name);
  if (std::ranges::none_of(shape, [&](std::size_t n) { return varies(n); })) {
    keep(unique, type_, Whole(shape.begin(), shape.end()), bytes);
    return unique;
  }
  // As many samples as there are inputs, all alike: states that recurrent networks begin with.
  const std::size_t element = type_ == ElementType::float64 ? 8 : 4;
  for (std::size_t i = element; i < bytes.size(); ++i)
    if (bytes[i] != bytes[i - element])
      fail<ValueError>("to_onnx",
                       "a constant has a value for each sample, of which a model may have any number: ", shape);
  keep(unique, type_, {}, bytes.substr(0, element));
  return add("Expand", {unique, lengths(shape)});
}

std::string Graph::count_of_samples() {
  if (samples_length_.empty() && samples_ != 0)
    for (const auto& input : inputs_)
      for (std::size_t axis = 0; axis < input.shape.size() && samples_length_.empty(); ++axis)
        if (input.shape[axis] == samples_)
          samples_length_ =
              add("Shape", {input.name}, {{"start", std::int64_t(axis)}, {"end", std::int64_t(axis + 1)}});
  return samples_length_;
}

std::string Graph::lengths(const Shape& shape) {
  Names parts;
  Whole fixed;
  const auto flush = [&] {
    if (!fixed.empty()) parts.push_back(whole(fixed));
    fixed.clear();
  };
  for (const std::size_t length : shape) {
    if (!varies(length)) {
      fixed.push_back(static_cast<std::int64_t>(length));
      continue;
    }
    flush();
    const auto times = static_cast<std::int64_t>(length / samples_);
    parts.push_back(times == 1 ? count_of_samples() : add("Mul", {count_of_samples(), whole({times})}));
  }
  flush();
  if (parts.empty()) return whole({});
  return parts.size() == 1 ? parts[0] : add("Concat", parts, {{"axis", std::int64_t(0)}});
}

void Graph::input(const Value& value) {
  outermost().used_.insert(value.name);
  inputs_.push_back(value);
}

Message Graph::described(const Value& value) const {
  Message dims, tensor, type, info;
  for (const std::size_t length : value.shape) {
    Message dim;
    if (varies(length))
      length == samples_ ? dim.text(2, "samples") : dim;  // others are left open
    else
      dim.number(1, length);
    dims.message(1, dim);
  }
  tensor.number(1, static_cast<std::uint64_t>(type_)).message(2, dims);
  type.message(1, tensor);
  return info.text(1, value.name).message(2, type);
}

Message Graph::message(const std::string& name) const {
  enum Field { node = 1, name_of = 2, initializer = 5, input = 11, output = 12 };
  Message graph;
  graph.text(name_of, name);
  for (const auto& each : nodes_) graph.message(node, each);
  for (const auto& each : constants_) graph.message(initializer, each);
  for (const auto& each : inputs_) graph.message(input, described(each));
  for (const auto& each : outputs_) graph.message(output, described(each));
  return graph;
}

std::string Graph::model() {
  enum Field { ir_version = 1, producer_name = 2, producer_version = 3, graph = 7, opset_import = 8 };
  const auto version = std::to_string(XTENSOR_AUTODIFF_VERSION_MAJOR) + '.' +
                       std::to_string(XTENSOR_AUTODIFF_VERSION_MINOR) + '.' +
                       std::to_string(XTENSOR_AUTODIFF_VERSION_PATCH);
  Message all, operators;
  operators.number(2, std::uint64_t(opset));
  all.number(ir_version, std::uint64_t(format)).text(producer_name, "xtensor-autodiff").text(producer_version, version);
  all.message(graph, message("graph")).message(opset_import, operators);
  if (all.bytes().size() > std::size_t(INT32_MAX))
    fail<ValueError>("to_onnx", "a model may have 2 GB at most: ", all.bytes().size(), " bytes");
  return all.bytes();
}

}  // namespace autodiff::onnx
