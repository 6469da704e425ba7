#include "averaging.hpp"

#include <cmath>

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

template <Real T>
WeightAverage<T>::WeightAverage(Module<T>& model, AveragingOptions options) : model_(model), options_(options) {
  if (const double decay = options.decay.value_or(0); !(decay >= 0 && decay < 1))
    fail<ValueError>("weight_average", "the decay must be at least 0 and below 1: ", decay);
  if (!(options.power >= 0 && std::isfinite(options.power)))
    fail<ValueError>("weight_average", "the power must be finite and not negative: ", options.power);
}

template <Real T>
void WeightAverage<T>::update() {
  if (swapped_in_) fail<ValueError>("weight_average", "the means stand in the place of the weights: nothing is new");
  const double is_new = updates_ == 0    ? 1
                        : options_.decay ? 1 - *options_.decay
                                         : (1 + options_.power) / (static_cast<double>(updates_ + 1) + options_.power);
  std::map<std::string, Variable<T>> next;
  for (auto& [name, parameter] : model_.parameters()) {
    const auto& value = parameter.plain();
    const auto mean = means_.find(name);
    if (mean == means_.end()) {
      next[name] = Variable<T>(value.value());  // a copy: the parameter itself is changed in place
      continue;
    }
    if (!std::ranges::equal(mean->second.shape(), value.shape()))
      fail<ValueError>("weight_average", "\"", name,
                       "\" has another shape than before: ", autodiff::Dims(value.shape()), " and ",
                       autodiff::Dims(mean->second.shape()));
    next[name] = mean->second + is_new * (value - mean->second);
  }
  means_ = std::move(next);
  ++updates_;
}

template <Real T>
void WeightAverage<T>::restore(std::map<std::string, Variable<T>> means, std::size_t updates) {
  means_ = std::move(means), updates_ = updates;
}

template <Real T>
WeightAverage<T>::SwappedIn::SwappedIn(WeightAverage& average) : average_(average) {
  if (average.swapped_in_) fail<ValueError>("weight_average", "the means are already in the model");
  const auto parameters = average.model_.parameters();
  for (auto& [name, parameter] : parameters) {
    if (!average.means_.contains(name)) fail<ValueError>("weight_average", "there is no mean yet of \"", name, '"');
    before_.push_back(Variable<T>(parameter.value()));
  }
  for (auto& [name, parameter] : parameters) parameter.assign(average.means_.at(name));
  average.swapped_in_ = true;
}

template <Real T>
WeightAverage<T>::SwappedIn::~SwappedIn() {
  std::size_t k = 0;
  for (auto& [name, parameter] : average_.model_.parameters())
    if (k < before_.size()) parameter.assign(before_[k++]);
  average_.swapped_in_ = false;
}

template class WeightAverage<float>;
template class WeightAverage<double>;

}  // namespace nn
