#include "losses.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nn/base/choice.hpp>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Shape;
using autodiff::ShapeError;
using autodiff::Tape;
using autodiff::ValueError;
using autodiff::Variable;
using detail::Beside;

namespace {

/// What all ask before they record anything.
template <Real T>
void check(std::string_view name, const Variable<T>& prediction, const Variable<T>& target) {
  Tape<T>::check_operands(name, std::array{prediction, target});
  if (prediction.size() == 0) fail<ShapeError>(name, "there are no elements: ", Dims(prediction.shape()));
}

template <Real T>
void check_same(std::string_view name, const Variable<T>& prediction, const Variable<T>& target) {
  check(name, prediction, target);
  if (!std::ranges::equal(prediction.shape(), target.shape()))
    fail<ShapeError>(name, "prediction and target must have one shape: ", Dims(prediction.shape()), " and ",
                     Dims(target.shape()));
}

template <Real T>
void check_elements(std::string_view name, const Array<T>& values, std::string_view rule, bool (*fits)(T)) {
  const auto wrong = std::find_if_not(values.data(), values.data() + values.size(), fits);
  if (wrong != values.data() + values.size())
    fail<ValueError>(name, "element ", wrong - values.data(), " of the target must be ", rule, ": ", *wrong);
}

/// Whether the elements of a plain target are what the loss is made for. Those of a tape are not looked at: a program
/// runs with others, and differences step out of a range.
template <Real T>
void check_elements(std::string_view name, const Variable<T>& target, std::string_view rule, bool (*fits)(T)) {
  if (!target.recorded()) check_elements(name, target.value(), rule, fits);
}

/// A probability, to a few roundings.
template <Real T>
bool is_probability(T t) {
  return t >= 0 && t <= 1 + 8 * std::numeric_limits<T>::epsilon();
}
template <Real T>
void check_probabilities(const Array<T>& target) {
  check_elements("binary_cross_entropy", target, "from 0 to 1", is_probability<T>);
}

/// Throws ValueError for probabilities where a loss takes logits: it would make probabilities of them once more, and
/// train badly without a word.
template <Real T>
void check_logits(std::string_view name, const Variable<T>& logits, std::string_view squashing,
                  std::string_view instead) {
  if (!logits.recorded()) return;
  const auto& operation = logits.tape().node(logits.index()).operation;
  if (operation && operation->name() == squashing)
    fail<ValueError>(name, "takes logits, and these are the result of ", squashing, ": leave that out, or use ",
                     instead, ": ", Dims(logits.shape()));
}

/// Whether the target has a class for each row of the prediction.
template <Real T>
bool has_classes(const Variable<T>& prediction, const Variable<T>& target) {
  const Dims shape(prediction.shape());
  return !shape.empty() && std::ranges::equal(target.shape(), shape.first(shape.size() - 1));
}

template <Real T>
void check_classes(std::string_view name, const Variable<T>& prediction, const Variable<T>& target) {
  check(name, prediction, target);
  if (!has_classes(prediction, target))
    fail<ShapeError>(name, "the target must be a class for each row: ", Dims(prediction.shape()), " and ",
                     Dims(target.shape()));
}

/// The weights as an array; all ones if there are none.
template <Real T>
Array<T> checked_weights(std::string_view name, const std::vector<double>& weights, std::size_t classes) {
  Array<T> result(xt::ones<T>({classes}));
  if (weights.empty()) return result;
  if (weights.size() != classes)
    fail<ValueError>(name, "needs a weight for each of ", classes, " classes, not ", weights.size());
  for (const double weight : weights)
    if (!(weight >= 0) || std::isinf(weight))
      fail<ValueError>(name, "class weights must be finite and not negative: ", weight);
  std::ranges::transform(weights, result.begin(), [](double weight) { return static_cast<T>(weight); });
  return result;
}

/// The losses reduced; their mean divides by `whole`.
template <Real T, class Whole>
Variable<T> reduced(const Variable<T>& losses, Reduction reduction, const Whole& whole) {
  if (reduction == Reduction::none) return losses;
  return reduction == Reduction::sum ? sum(losses) : sum(losses) / whole;
}
template <Real T>
Variable<T> reduced(const Variable<T>& losses, Reduction reduction) {
  return reduced(losses, reduction, losses.size());
}

}  // namespace

template <Real T>
Variable<T> mean_squared_error(const Variable<T>& prediction, Beside<T> target, Reduction reduction) {
  check_same("mean_squared_error", prediction, target.variable());
  return reduced(square(prediction - target.variable()), reduction);
}

template <Real T>
Variable<T> mean_absolute_error(const Variable<T>& prediction, Beside<T> target, Reduction reduction) {
  check_same("mean_absolute_error", prediction, target.variable());
  return reduced(abs(prediction - target.variable()), reduction);
}

template <Real T>
Variable<T> huber(const Variable<T>& prediction, Beside<T> target, double delta, Reduction reduction) {
  if (!(delta > 0)) fail<ValueError>("huber", "delta must be above 0: ", delta);
  check_same("huber", prediction, target.variable());
  const auto difference = prediction - target.variable();
  const auto near = clip(difference, -delta, delta);
  return reduced(near * (difference - 0.5 * near), reduction);
}

template <Real T>
Variable<T> binary_cross_entropy(const Variable<T>& logits, Beside<T> target, Reduction reduction) {
  check_same("binary_cross_entropy", logits, target.variable());
  check_elements("binary_cross_entropy", target.variable(), "from 0 to 1", is_probability<T>);
  check_logits("binary_cross_entropy", logits, "logistic", "binary_cross_entropy_of_probabilities");
  // -log logistic(x) = softplus(-x), exact for logits of any size, and smooth at zero.
  const auto& t = target.variable();
  return reduced(t * softplus(-logits) + (1 - t) * softplus(logits), reduction);
}

template <Real T>
Variable<T> hinge(const Variable<T>& scores, Beside<T> target, Reduction reduction) {
  check_same("hinge", scores, target.variable());
  check_elements<T>("hinge", target.variable(), "1 or -1", [](T t) { return t == 1 || t == -1; });
  return reduced(relu(1 - target.variable() * scores), reduction);
}

template <Real T>
Variable<T> softmax_cross_entropy(const Variable<T>& logits, Beside<T> target, const CrossEntropyOptions& options) {
  constexpr std::string_view name = "softmax_cross_entropy";
  const auto& t = target.variable();
  const double smoothing = options.label_smoothing;
  if (!(smoothing >= 0 && smoothing <= 1)) fail<ValueError>(name, "smoothing must be from 0 to 1: ", smoothing);
  check(name, logits, t);
  const bool classes = has_classes(logits, t);
  if (!classes && (logits.dimension() == 0 || !std::ranges::equal(logits.shape(), t.shape())))
    fail<ShapeError>(name, "the target must be a class or a row of probabilities for each row of logits: ",
                     Dims(logits.shape()), " and ", Dims(t.shape()));
  check_logits(name, logits, "softmax", "cross_entropy_of_probabilities");
  const std::size_t count = logits.shape().back();
  const auto weights = checked_weights<T>(name, options.class_weights, count);

  const typename Tape<T>::Attempt attempt({&t, &logits});
  const auto rows = classes ? one_hot(t, count, std::string(name)) : t;
  auto weighted = smoothing == 0 ? rows : (1 - smoothing) * rows + smoothing / static_cast<double>(count);
  if (!options.class_weights.empty()) weighted = weighted * weights;
  const auto losses = autodiff::softmax_cross_entropy_of_rows(logits, weighted);
  if (!classes || options.class_weights.empty() || options.reduction != Reduction::mean)
    return reduced(losses, options.reduction);
  return reduced(losses, options.reduction, sum(rows * weights));
}

namespace {

/// The sum of weight log(probability), 0 where the weight is 0, be the probability what it may.
template <Real T>
Variable<T> log_of_possible(const Variable<T>& weight, const Variable<T>& probability) {
  const auto possible = weight != 0;
  return where(possible, weight * log(where(possible, probability, 1)), 0);
}

}  // namespace

template <Real T>
Variable<T> cross_entropy_of_probabilities(const Variable<T>& probabilities, Beside<T> target, Reduction reduction) {
  constexpr std::string_view name = "cross_entropy_of_probabilities";
  const auto& t = target.variable();
  check(name, probabilities, t);
  const bool classes = has_classes(probabilities, t);
  if (!classes && (probabilities.dimension() == 0 || !std::ranges::equal(probabilities.shape(), t.shape())))
    fail<ShapeError>(name,
                     "the target must be a class or a row of probabilities for each row: ", Dims(probabilities.shape()),
                     " and ", Dims(t.shape()));
  const typename Tape<T>::Attempt attempt({&t, &probabilities});
  const auto rows = classes ? one_hot(t, probabilities.shape().back(), std::string(name)) : t;
  return reduced(-sum(log_of_possible(rows, probabilities), -1), reduction);
}

template <Real T>
Variable<T> binary_cross_entropy_of_probabilities(const Variable<T>& probabilities, Beside<T> target,
                                                  Reduction reduction) {
  constexpr std::string_view name = "binary_cross_entropy_of_probabilities";
  const auto& t = target.variable();
  check_same(name, probabilities, t);
  check_elements(name, t, "from 0 to 1", is_probability<T>);
  return reduced(-(log_of_possible(t, probabilities) + log_of_possible(1 - t, 1 - probabilities)), reduction);
}

template <Real T>
Variable<T> negative_log_likelihood(const Variable<T>& log_probabilities, Beside<T> classes, Reduction reduction,
                                    const std::vector<double>& class_weights) {
  constexpr std::string_view name = "negative_log_likelihood";
  const auto& t = classes.variable();
  check_classes(name, log_probabilities, t);
  const std::size_t count = log_probabilities.shape().back();
  const auto weights = checked_weights<T>(name, class_weights, count);

  const typename Tape<T>::Attempt attempt({&t, &log_probabilities});
  const auto rows = one_hot(t, count, std::string(name));
  // Chosen, not multiplied by zero: another class may have probability zero.
  auto losses = -sum(where(rows, log_probabilities, 0), -1);
  if (class_weights.empty()) return reduced(losses, reduction);
  const auto row_weights = sum(rows * weights, -1);
  losses = losses * row_weights;
  return reduction == Reduction::mean ? reduced(losses, reduction, sum(row_weights)) : reduced(losses, reduction);
}

template <Real T>
Variable<T> kullback_leibler(const Variable<T>& log_probabilities, Beside<T> target, Reduction reduction) {
  const auto& t = target.variable();
  check_same("kullback_leibler", log_probabilities, t);
  check_elements("kullback_leibler", t, "from 0 to 1", is_probability<T>);
  // Where the target is zero so is the term, even where the logarithms are infinite.
  const auto possible = t != 0;
  const auto terms = t * (log(where(possible, t, 1)) - where(possible, log_probabilities, 0));
  return reduced(terms, reduction, t.dimension() == 0 ? 1 : t.shape(0));
}

template <Real T>
Variable<T> multiclass_hinge(const Variable<T>& scores, Beside<T> classes, Reduction reduction) {
  constexpr std::string_view name = "multiclass_hinge";
  const auto& t = classes.variable();
  check_classes(name, scores, t);
  const std::size_t count = scores.shape().back();

  const typename Tape<T>::Attempt attempt({&t, &scores});
  const auto rows = one_hot(t, count, std::string(name));
  const auto right = sum(where(rows, scores, 0), -1, autodiff::keepdims);
  return reduced(sum(where(rows, 0, relu(1 - right + scores)), -1) / count, reduction);
}

namespace {

template <Real T>
struct NamedLoss {
  using Function = Variable<T> (*)(const Variable<T>& prediction, const Variable<T>& target);
  Function mean, of_each;
  bool takes_classes = false;
  void (*check)(const Array<T>& target) = nullptr;
};

#define NN_LOSS(function)                                                    \
  [](const Variable<T>& p, const Variable<T>& t) { return function(p, t); }, \
      [](const Variable<T>& p, const Variable<T>& t) { return function(p, t, Reduction::none); }

template <Real T>
Variable<T> unreduced_cross_entropy(const Variable<T>& p, const Variable<T>& t) {
  return softmax_cross_entropy(p, t, {.reduction = Reduction::none});
}
template <Real T>
Variable<T> squared_error_of_each(const Variable<T>& p, const Variable<T>& t) {
  return p.size() / p.shape(0) * mean_squared_error(p, t, Reduction::none);  // the sum over outputs, once it is a mean
}

template <Real T>
constexpr Choice<NamedLoss<T>> losses[] = {
    {"cross-entropy",
     {[](const Variable<T>& p, const Variable<T>& t) { return softmax_cross_entropy(p, t); },
      unreduced_cross_entropy<T>, true}},
    {"squared-error",
     {[](const Variable<T>& p, const Variable<T>& t) { return squared_error(p, t); }, squared_error_of_each<T>}},
    {"mean-squared-error", {NN_LOSS(mean_squared_error)}},
    {"mean-absolute-error", {NN_LOSS(mean_absolute_error)}},
    {"huber", {NN_LOSS(huber)}},
    {"binary-cross-entropy", {NN_LOSS(binary_cross_entropy), false, check_probabilities<T>}},
    {"hinge", {NN_LOSS(multiclass_hinge), true}},
};
#undef NN_LOSS

}  // namespace

template <Real T>
Loss<T> loss(std::string_view name) {
  const auto& named = choose("loss", std::span(losses<T>), name);
  return {named.mean, named.of_each, named.check};
}

std::vector<std::string> loss_names() { return names(std::span(losses<float>)); }

bool takes_classes(std::string_view name) { return choose("loss", std::span(losses<float>), name).takes_classes; }

#define NN_LOSSES(T)                                                                                                  \
  template Variable<T> mean_squared_error(const Variable<T>&, Beside<T>, Reduction);                                  \
  template Variable<T> mean_absolute_error(const Variable<T>&, Beside<T>, Reduction);                                 \
  template Variable<T> huber(const Variable<T>&, Beside<T>, double, Reduction);                                       \
  template Variable<T> binary_cross_entropy(const Variable<T>&, Beside<T>, Reduction);                                \
  template Variable<T> hinge(const Variable<T>&, Beside<T>, Reduction);                                               \
  template Variable<T> softmax_cross_entropy(const Variable<T>&, Beside<T>, const CrossEntropyOptions&);              \
  template Variable<T> cross_entropy_of_probabilities(const Variable<T>&, Beside<T>, Reduction);                      \
  template Variable<T> binary_cross_entropy_of_probabilities(const Variable<T>&, Beside<T>, Reduction);               \
  template Variable<T> negative_log_likelihood(const Variable<T>&, Beside<T>, Reduction, const std::vector<double>&); \
  template Variable<T> kullback_leibler(const Variable<T>&, Beside<T>, Reduction);                                    \
  template Variable<T> multiclass_hinge(const Variable<T>&, Beside<T>, Reduction);                                    \
  template Loss<T> loss(std::string_view);
NN_LOSSES(float)
NN_LOSSES(double)

}  // namespace nn
