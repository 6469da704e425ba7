#include "loss.hpp"

#include <algorithm>

namespace nn {

using autodiff::fail;
using autodiff::ShapeError;
using autodiff::ValueError;

template <Real T>
Loss<T>::Loss(std::vector<std::string> parts, std::function<Variables(const Outcome<T>&)> of_parts)
    : parts_(std::move(parts)), judge_(std::move(of_parts)), sees_weights_(true) {
  if (parts_.empty()) fail<ValueError>("loss", "a loss of parts needs their names");
  for (auto part = parts_.begin(); part != parts_.end(); ++part)
    if (part->empty() || std::find(parts_.begin(), part, *part) != part)
      fail<ValueError>("loss", "the names of parts must be different, and not empty: \"", *part, '"');
}

template <Real T>
const Variable<T>& Loss<T>::prediction(const Outcome<T>& outcome) {
  if (outcome.predictions.size() != 1 || outcome.targets.size() != 1)
    fail<ValueError>("loss", "compares one prediction with one target, not ", outcome.predictions.size(), " with ",
                     outcome.targets.size(), ": write it as a function of a const Outcome&");
  return outcome.predictions[0];
}

template <Real T>
Variable<T> Loss<T>::mean(const Variable<T>& of_samples, const Outcome<T>& outcome) const {
  if (of_samples.dimension() == 0) {
    if (outcome.weights.alive() && !sees_weights_)
      fail<ValueError>("loss", "samples have weights, but the loss gives one number, not one a sample: it needs ",
                       "Reduction::none, or to be a function of a const Outcome&, which weighs them itself");
    // In a part of a batch it counts by its share, so that all of them make one.
    if (outcome.divisor.alive()) return of_samples * (sum(outcome.weights) / outcome.divisor);
    return of_samples;
  }
  const auto samples = outcome.targets.empty() || outcome.targets[0].dimension() == 0 ? of_samples.shape(0)
                                                                                      : outcome.targets[0].shape(0);
  if (of_samples.shape(0) != samples)
    fail<ShapeError>("loss", "must be one number, or one a sample: ", autodiff::Dims(of_samples.shape()), " for ",
                     samples, " samples");
  if (!outcome.weights.alive()) return autodiff::mean(of_samples);
  auto each = of_samples;
  while (each.dimension() > 1) each = autodiff::mean(each, -1);
  return sum(outcome.weights * each) / (outcome.divisor.alive() ? outcome.divisor : sum(outcome.weights));
}

template <Real T>
std::vector<Variable<T>> Loss<T>::operator()(const Outcome<T>& outcome) const {
  if (!judge_) fail<ValueError>("loss", "there is none: it was made of nothing");
  Variables parts = outcome.weights.alive() && judge_each_ ? judge_each_(outcome) : judge_(outcome);
  if (!parts_.empty() && parts.size() != parts_.size())
    fail<ValueError>("loss", "has ", parts_.size(), " parts by name, but its function gives ", parts.size());
  for (auto& part : parts) part = mean(part, outcome);
  if (parts_.empty()) return parts;
  Variable<T> whole = parts[0];
  for (std::size_t k = 1; k < parts.size(); ++k) whole = whole + parts[k];
  parts.insert(parts.begin(), whole);
  return parts;
}

template class Loss<float>;
template class Loss<double>;

}  // namespace nn
