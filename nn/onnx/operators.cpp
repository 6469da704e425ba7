#include "operators.hpp"

#include <algorithm>
#include <nn/base/data_error.hpp>

namespace nn {

template <Real T>
void OnnxStep<T>::refuse(const std::string& rule) const {
  autodiff::fail<DataError>("load_onnx", title(), rule);
}

template <Real T>
std::string OnnxStep<T>::title() const {
  return node.operation + " \"" + (node.name.empty() ? node.outputs[0] : node.name) + "\": ";
}

template <Real T>
const OnnxValue<T>& OnnxStep<T>::input(std::size_t i) const {
  if (!has(i)) refuse("input " + std::to_string(i) + " is missing");
  return *inputs[i];
}

template <Real T>
Variable<T> OnnxStep<T>::numbers_of(const OnnxValue<T>& value) const {
  if (!value.is_whole) return value.numbers;
  Array<T> numbers(value.shape);
  for (std::size_t k = 0; k < value.whole.size(); ++k) {
    const T number = static_cast<T>(value.whole[k]);
    if (number >= T(0x1p63) || static_cast<std::int64_t>(number) != value.whole[k])
      refuse("a whole number has too many digits: " + std::to_string(value.whole[k]));
    numbers.data()[k] = number;
  }
  return Variable<T>(std::move(numbers));
}

template <Real T>
const Whole& OnnxStep<T>::whole(std::size_t i) const {
  if (!input(i).is_whole) refuse("input " + std::to_string(i) + " must be whole numbers that are known");
  return input(i).whole;
}

template <Real T>
const OnnxAttribute* OnnxStep<T>::attribute(const char* name, OnnxType type) const {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return nullptr;
  if (found->second.type != type) refuse(std::string("the attribute ") + name + " is of another type than it must be");
  return &found->second;
}

template <Real T>
std::int64_t OnnxStep<T>::integer(const char* name, std::int64_t otherwise) const {
  const auto* found = attribute(name, OnnxType::integer);
  return found ? found->integer : otherwise;
}

template <Real T>
double OnnxStep<T>::real(const char* name, double otherwise) const {
  const auto* found = attribute(name, OnnxType::real);
  return found ? found->real : otherwise;
}

template <Real T>
Whole OnnxStep<T>::integers(const char* name, const Whole& otherwise) const {
  const auto* found = attribute(name, OnnxType::integers);
  return found ? found->integers : otherwise;
}

template <Real T>
std::string OnnxStep<T>::text(const char* name, const char* otherwise) const {
  const auto* found = attribute(name, OnnxType::text);
  return found ? found->text : otherwise;
}

template <Real T>
Whole OnnxStep<T>::list(const char* name, std::size_t i) const {
  return has(i) ? whole(i) : integers(name, {});
}

template <Real T>
Shape OnnxStep<T>::common_shape(const Shape& a, const Shape& b) const {
  Shape common(std::max(a.size(), b.size()), 1);
  for (const auto* shape : {&a, &b})
    for (std::size_t i = 0; i < shape->size(); ++i) {
      auto& length = common[common.size() - shape->size() + i];
      const auto other = (*shape)[i];
      if (length != 1 && other != 1 && length != other) refuse("shapes do not fit each other");
      if (other != 1) length = other;
    }
  if (common != a && common != b) check_size(common);
  return common;
}

template <Real T>
void OnnxStep<T>::check_size(const Shape& shape) const {
  std::size_t size = 1;
  for (const auto length : shape)
    if (__builtin_mul_overflow(size, length, &size) || size > most) refuse("the result would be too large");
}

namespace {

template <Real T>
Values<T> (*operation_of(const OnnxStep<T>& step))(const OnnxStep<T>&) {
  if (!step.node.domain.empty() && step.node.domain != "ai.onnx")
    step.refuse("operators of the domain " + step.node.domain + " are not known");
  for (const auto* table : {&arithmetic_operators<T>(), &shape_operators<T>()})
    if (const auto found = table->find(step.node.operation); found != table->end()) return found->second;
  step.refuse("the operator is not known");
}

}  // namespace

template <Real T>
void check_known(const OnnxStep<T>& step) {
  operation_of(step);
}

template <Real T>
Values<T> run(const OnnxStep<T>& step) {
  Values<T> results;
  try {
    results = operation_of(step)(step);
  } catch (const autodiff::ShapeError& error) {
    autodiff::fail<autodiff::ShapeError>("load_onnx", step.title(), error.what());
  }
  const bool integral = !step.inputs.empty() && step.node.operation != "Cast" &&
                        std::ranges::all_of(step.inputs, [](const auto* x) { return !x || x->integral(); });
  for (auto& result : results) result.is_integral = result.is_integral || integral;
  return results;
}

bool is_statistic(const std::string& operation, std::size_t input) {
  return operation == "BatchNormalization" && input >= 3;
}

template struct OnnxStep<float>;
template struct OnnxStep<double>;
template void check_known(const OnnxStep<float>&);
template void check_known(const OnnxStep<double>&);
template Values<float> run(const OnnxStep<float>&);
template Values<double> run(const OnnxStep<double>&);

}  // namespace nn
