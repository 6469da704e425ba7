#include "evaluate.hpp"

#include <algorithm>
#include <limits>
#include <nn/data/batch_arrays.hpp>
#include <nn/model/visit.hpp>
#include <numeric>

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

template <Real T>
Evaluator<T>::Evaluator(Module<T>& model, Loss<T> loss, const autodiff::CompileOptions& options)
    : model_(model), loss_(std::move(loss)), options_(options), predict_(program()), judge_(program()) {}

template <Real T>
autodiff::ShapedProgram<T> Evaluator<T>::program() {
  return autodiff::ShapedProgram<T>([this](autodiff::Tape<T>&, const auto& inputs) { return record(inputs); },
                                    options_);
}

template <Real T>
void Evaluator<T>::look_at_model() {
  if (made_for_ && made_for_->still(model_)) return;
  predict_ = program(), judge_ = program();
  made_for_ = std::make_shared<const detail::Everything<T>>(model_);
}

template <Real T>
autodiff::Recording<T> Evaluator<T>::record(const std::vector<Variable<T>>& inputs) {
  const detail::InMode<T> inference(model_, false);
  autodiff::Recording<T> result;
  result.outputs.push_back(model_(inputs[0]));
  if (inputs.size() > 1) result.outputs.push_back(loss_(result.outputs[0], inputs[1]));
  return result;
}

template <Real T>
const Array<T>& Evaluator<T>::operator()(const Array<T>& inputs) {
  look_at_model();
  return predict_(inputs)[0];
}

template <Real T>
Shape Evaluator<T>::shape_of(const Shape& inputs) {
  const detail::InMode<T> inference(model_, false);
  autodiff::Tape<T> tape(autodiff::TapeMode::abstract);
  return model_(tape.input(inputs)).shape();
}

template <Real T>
Evaluation<T> Evaluator<T>::operator()(Source<T>& data, std::size_t batch) {
  const std::size_t samples = data.size();
  if (batch == 0 || samples == 0)
    fail<ValueError>("evaluate", "needs samples, and at least one in a batch: ", samples, " and ", batch);
  look_at_model();
  Evaluation<T> result;
  double total = 0;
  std::vector<std::size_t> numbers;
  BatchArrays<T> arrays(data);
  T *predictions = nullptr, *targets = nullptr;
  for (std::size_t begin = 0; begin < samples; begin += numbers.size()) {
    numbers.resize(std::min(batch, samples - begin));
    std::iota(numbers.begin(), numbers.end(), begin);
    const auto& part = arrays(numbers);
    const auto& outputs = loss_ ? judge_(part.inputs, part.targets) : predict_(part.inputs);
    if (begin == 0) {
      const auto whole = [&](const Array<T>& of_part) {
        Shape shape = of_part.shape();
        if (shape.empty() || shape[0] != numbers.size())
          fail<autodiff::ShapeError>("evaluate", "a model must give as many predictions as there are samples: ",
                                     autodiff::Dims(shape), " for ", numbers.size());
        shape[0] = samples;
        return autodiff::uninitialised<T>(autodiff::Dims(shape));
      };
      result.predictions = whole(outputs[0]);
      result.targets = whole(part.targets);
      predictions = result.predictions.data(), targets = result.targets.data();
    }
    predictions = std::ranges::copy(outputs[0], predictions).out;
    targets = std::ranges::copy(part.targets, targets).out;
    if (loss_) total += static_cast<double>(*outputs[1].data()) * static_cast<double>(numbers.size());
  }
  result.loss = loss_ ? total / static_cast<double>(samples) : std::numeric_limits<double>::quiet_NaN();
  return result;
}

template class Evaluator<float>;
template class Evaluator<double>;

}  // namespace nn
