// How far a measured number can be trusted, and what a prediction may miss by.
#pragma once

#include <autodiff/array.hpp>
#include <span>
#include <vector>

namespace nn {

/// Two ends.
struct Interval {
  double low, high;  // both included
};

/// Where the share of successes lies in the long run, seen so many times in so many trials: 95 of 100 such intervals
/// hold it, or as `confidence` says. E. Wilson, Journal of the American Statistical Association 22(158), 1927. Throws
/// ValueError for no trials, more successes than trials, and a confidence that is not between 0 and 1.
Interval wilson_interval(std::size_t successes, std::size_t trials, double confidence = 0.95);

/// The area under the curve of true against false positives: the probability that a sample that is positive, true, has
/// a larger score than one that is not, ties counting half. NaN unless there are both kinds. Throws ShapeError unless
/// there is a truth for each score. T. Fawcett, Pattern Recognition Letters 27(8), 2006.
double roc_auc(std::span<const double> scores, const std::vector<bool>& positive);

/// The mean over all classes with samples of the area of each against the rest, which for two classes is that of
/// either: scores (samples, classes), labels (samples). NaN for one class alone. Throws ShapeError for other shapes,
/// ValueError for a class that does not exist.
template <autodiff::Real T>
double roc_auc(const autodiff::Array<T>& scores, const autodiff::Array<T>& labels);

/// A point of the curve of receiver operating characteristics: the shares of those that are not positive, and of those
/// that are, that a threshold finds.
struct RocPoint {
  double false_positives, true_positives;
};

/// Its points from (0, 0) to (1, 1) for all thresholds, of a run of negatives the last one; the trapezoids below them
/// have the area that roc_auc gives. Empty unless there are both kinds. Throws ShapeError unless there is a truth for
/// each score. T. Fawcett, likewise.
std::vector<RocPoint> roc_curve(std::span<const double> scores, const std::vector<bool>& positive);

/// How far the probabilities of a model can be believed.
struct Calibration {
  /// Samples of similar confidence, the largest probability of each: how many, their mean confidence, and the share of
  /// them that is right; 0 where there are none.
  struct Bin {
    std::size_t samples = 0;
    double confidence = 0, accuracy = 0;
  };
  std::vector<Bin> bins;  // of even width, from 0 to 1
  double error = 0;       // sum_b n_b / n |accuracy_b - confidence_b|, the expected calibration error
};

/// Of probabilities (samples, classes) and labels (samples). Throws ShapeError for other shapes, ValueError for no bins
/// or samples and for a class that does not exist. C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of
/// modern neural networks", ICML 2017.
template <autodiff::Real T>
Calibration calibration(const autodiff::Array<T>& probabilities, const autodiff::Array<T>& labels,
                        std::size_t bins = 10);

/// What a share `level` of new predictions will miss their targets by at most, found from what others have missed by,
/// of samples that nothing was learnt from: split conformal prediction. V. Vovk, A. Gammerman and G. Shafer,
/// "Algorithmic Learning in a Random World", 2005. Infinite where they are too few for the level, which needs
/// level / (1 - level) of them. Throws ValueError for a level that is not between 0 and 1.
double conformal_radius(std::vector<double> residuals, double level);

}  // namespace nn
