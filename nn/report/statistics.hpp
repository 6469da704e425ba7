// How far a measured number can be trusted, and what a prediction may miss by.
#pragma once

#include <autodiff/array.hpp>
#include <span>
#include <vector>

namespace nn {

struct Interval {
  double low, high;
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

/// What a share `level` of new predictions will miss their targets by at most, found from what others have missed by,
/// of samples that nothing was learnt from: split conformal prediction. V. Vovk, A. Gammerman and G. Shafer,
/// "Algorithmic Learning in a Random World", 2005. Infinite where they are too few for the level, which needs
/// level / (1 - level) of them. Throws ValueError for a level that is not between 0 and 1.
double conformal_radius(std::vector<double> residuals, double level);

}  // namespace nn
