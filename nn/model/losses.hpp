// Losses compare predictions with targets: as functions, and by name.
#pragma once

#include <autodiff/autodiff.hpp>
#include <string>
#include <utility>
#include <vector>

#include "loss.hpp"

namespace nn {

// The two to begin with: of a linear output and numbers to predict, and of scores and classes.
using autodiff::softmax_cross_entropy;
using autodiff::squared_error;

/// What becomes of the losses of many samples: their mean, their sum, or all as they are.
enum class Reduction { mean, sum, none };

/// What predictions are compared with: a variable, an array, a lazy xtensor expression or a number.
template <autodiff::Real T>
class Target {
 public:
  template <autodiff::AnyOperand A>
  Target(A&& target) : variable_(autodiff::to_variable<T>(std::forward<A>(target))) {}
  /// The same as a variable.
  const autodiff::Variable<T>& variable() const { return variable_; }

 private:
  autodiff::Variable<T> variable_;
};

namespace detail {
/// The target beside a prediction, which alone decides the element type.
template <class T>
using Beside = const Target<std::type_identity_t<T>>&;
}  // namespace detail

// All throw ShapeError for shapes that do not fit and for no elements at all, TapeError for variables of two tapes;
// nothing stays recorded then. Those whose targets have a range throw ValueError for a plain one outside of it; one
// that is recorded, as in a program, is not looked at. Means divide by what PyTorch divides by, but for the one of
// kullback_leibler.

/// (p - t)^2 of every element, and the mean of them all: squared_error divided by the outputs of a sample. Prediction
/// and target have one shape, and losses that are not reduced have it too.
template <autodiff::Real T>
autodiff::Variable<T> mean_squared_error(const autodiff::Variable<T>& prediction, detail::Beside<T> target,
                                         Reduction reduction = Reduction::mean);

/// |p - t| of every element, likewise; its gradient is 0 where they are equal.
template <autodiff::Real T>
autodiff::Variable<T> mean_absolute_error(const autodiff::Variable<T>& prediction, detail::Beside<T> target,
                                          Reduction reduction = Reduction::mean);

/// (p - t)^2 / 2 of elements that differ by no more than delta, delta (|p - t| - delta / 2) of the others, likewise:
/// far ones pull no harder than delta. P. Huber, Annals of Mathematical Statistics 35(1), 1964. Throws ValueError
/// unless delta is above 0.
template <autodiff::Real T>
autodiff::Variable<T> huber(const autodiff::Variable<T>& prediction, detail::Beside<T> target, double delta = 1,
                            Reduction reduction = Reduction::mean);
/// The same with a delta of 1.
template <autodiff::Real T>
autodiff::Variable<T> huber(const autodiff::Variable<T>& prediction, detail::Beside<T> target, Reduction reduction) {
  return huber(prediction, target, 1, reduction);
}

/// -(t log q + (1 - t) log(1 - q)) of every element, where q = logistic(logit) is the probability of 1 and t the
/// target, from 0 to 1; in nats, likewise. From the logits, so that no probability is rounded to 0 or 1: throws
/// ValueError for the recorded result of logistic.
template <autodiff::Real T>
autodiff::Variable<T> binary_cross_entropy(const autodiff::Variable<T>& logits, detail::Beside<T> target,
                                           Reduction reduction = Reduction::mean);

/// max(0, 1 - t s) of every score s, where t is 1 or -1, likewise. C. Cortes and V. Vapnik, "Support-vector networks",
/// Machine Learning 20, 1995.
template <autodiff::Real T>
autodiff::Variable<T> hinge(const autodiff::Variable<T>& scores, detail::Beside<T> target,
                            Reduction reduction = Reduction::mean);

struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  /// How much of each target is spread evenly over all classes: C. Szegedy et al., CVPR 2016, section 7.
  double label_smoothing = 0;
  /// What a class counts, in the order of the classes; all alike if there are none.
  std::vector<double> class_weights{};
};

/// The cross-entropy between target and softmax(logits), in nats: logits (..., classes); target without the last axis
/// (a class a row, from 0), or of the same shape (rows of probabilities). A loss a row if it is not reduced.
///
/// With class weights w, the loss of a row is -sum_c w_c t_c log softmax_c, t smoothed; the mean divides by the sum of
/// the weights of the targets' classes, or for rows of probabilities by the number of rows. Throws ValueError for a
/// class that is not a whole number in range, a smoothing outside 0 to 1 and weights that are negative, not finite or
/// not one a class.
template <autodiff::Real T>
autodiff::Variable<T> softmax_cross_entropy(const autodiff::Variable<T>& logits, detail::Beside<T> target,
                                            const CrossEntropyOptions& options);

/// The same from probabilities q (..., classes), as softmax gives them: -sum_c t_c log q_c of each row, where a class
/// of probability 0 counts nothing unless it is the target. Prefer the loss of logits, which rounds nothing to 0.
template <autodiff::Real T>
autodiff::Variable<T> cross_entropy_of_probabilities(const autodiff::Variable<T>& probabilities,
                                                     detail::Beside<T> target, Reduction reduction = Reduction::mean);

/// binary_cross_entropy from the probabilities q themselves, as logistic gives them.
template <autodiff::Real T>
autodiff::Variable<T> binary_cross_entropy_of_probabilities(const autodiff::Variable<T>& probabilities,
                                                            detail::Beside<T> target,
                                                            Reduction reduction = Reduction::mean);

/// -log q of each row's class, from logarithms of probabilities (..., classes), as log_softmax gives them, and classes
/// (...), from 0. A loss a row if it is not reduced; weights count and are refused as in softmax_cross_entropy.
template <autodiff::Real T>
autodiff::Variable<T> negative_log_likelihood(const autodiff::Variable<T>& log_probabilities, detail::Beside<T> classes,
                                              Reduction reduction = Reduction::mean,
                                              const std::vector<double>& class_weights = {});

/// The Kullback-Leibler divergence sum_c t_c (log t_c - log q_c) of probabilities t (samples, ..., classes) from those
/// whose logarithms are given, in nats; 0 log 0 = 0. S. Kullback and R. Leibler, Annals of Mathematical Statistics
/// 22(1), 1951.
///
/// The mean divides the sum by the samples, along the first axis, as the definition asks: PyTorch's "batchmean", not
/// its "mean". Not reduced, the terms have the shape of the target.
template <autodiff::Real T>
autodiff::Variable<T> kullback_leibler(const autodiff::Variable<T>& log_probabilities, detail::Beside<T> target,
                                       Reduction reduction = Reduction::mean);

/// sum max(0, 1 - s_t + s_c) over all classes c but the target t, divided by the number of classes: scores (...,
/// classes), classes (...), from 0. A loss a row if it is not reduced. J. Weston and C. Watkins, ESANN 1999; PyTorch's
/// multi_margin_loss. Throws ValueError for a class that is not a whole number in range.
template <autodiff::Real T>
autodiff::Variable<T> multiclass_hinge(const autodiff::Variable<T>& scores, detail::Beside<T> classes,
                                       Reduction reduction = Reduction::mean);

/// A loss of a linear output by name: "cross-entropy" (softmax of the predictions; targets are classes or rows of
/// probabilities), "squared-error", "mean-squared-error", "mean-absolute-error", "huber", "binary-cross-entropy"
/// (targets are rows), "hinge" (of many classes; targets are classes). Samples may have weights, by which the mean over
/// them is then divided. Throws ValueError for another name.
template <autodiff::Real T>
Loss<T> loss(std::string_view name);
std::vector<std::string> loss_names();
/// Whether the loss of this name takes classes as targets, one a sample, and not rows. Throws what loss() throws.
bool takes_classes(std::string_view name);

}  // namespace nn
