#include "operators.hpp"

#include <nn/base/data_error.hpp>

namespace nn {

template <Real T>
void OnnxStep<T>::refuse(const std::string& rule) const {
  const std::string name = node.name.empty() ? node.outputs[0] : node.name;
  autodiff::fail<DataError>("load_onnx", node.operation, " \"", name, "\": ", rule);
}

template <Real T>
const OnnxValue<T>& OnnxStep<T>::input(std::size_t i) const {
  if (!has(i)) refuse("input " + std::to_string(i) + " is missing");
  return *inputs[i];
}

template <Real T>
Variable<T> OnnxStep<T>::x(std::size_t i) const {
  const auto& value = input(i);
  if (!value.is_whole) return value.numbers;
  Array<T> numbers(value.shape);
  for (std::size_t k = 0; k < value.whole.size(); ++k) numbers.data()[k] = static_cast<T>(value.whole[k]);
  return Variable<T>(std::move(numbers));
}

template <Real T>
const Whole& OnnxStep<T>::whole(std::size_t i) const {
  if (!input(i).is_whole) refuse("input " + std::to_string(i) + " must be whole numbers that are known");
  return input(i).whole;
}

template <Real T>
std::int64_t OnnxStep<T>::integer(const char* name, std::int64_t otherwise) const {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.integer;
}

template <Real T>
double OnnxStep<T>::real(const char* name, double otherwise) const {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.real;
}

template <Real T>
Whole OnnxStep<T>::integers(const char* name, const Whole& otherwise) const {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.integers;
}

template <Real T>
std::string OnnxStep<T>::text(const char* name, const char* otherwise) const {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.text;
}

template <Real T>
Whole OnnxStep<T>::list(const char* name, std::size_t i) const {
  return has(i) ? whole(i) : integers(name, {});
}

template <Real T>
Values<T> run(const OnnxStep<T>& step) {
  for (const auto* table : {&arithmetic_operators<T>(), &shape_operators<T>()})
    if (const auto found = table->find(step.node.operation); found != table->end()) return found->second(step);
  step.refuse("the operator is not known");
}

bool is_statistic(const std::string& operation, std::size_t input) {
  return operation == "BatchNormalization" && input >= 3;
}

template struct OnnxStep<float>;
template struct OnnxStep<double>;
template Values<float> run(const OnnxStep<float>&);
template Values<double> run(const OnnxStep<double>&);

}  // namespace nn
