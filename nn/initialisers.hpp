// What parameters start from.
#pragma once

#include <autodiff/autodiff.hpp>
#include <functional>

#include "random.hpp"

namespace nn {

/// Gives a parameter of this shape its first values. Drawn in double, so that float and double models start alike.
using Initialiser = std::function<autodiff::Array<double>(const autodiff::Shape&, Random&)>;

// The fans of a weight are its inputs (the first axis) and its outputs (the last). Those that need them throw
// ShapeError for anything but a matrix; all throw ValueError for a scale that is not a finite number.

/// All zeros, as biases start.
Initialiser zeros();
/// All of one value.
Initialiser constant(double value);
/// Uniform between low and high. Throws ValueError unless low <= high.
Initialiser uniform(double low, double high);
/// Normal. Throws ValueError for a negative deviation.
Initialiser normal(double mean, double deviation);

/// Uniform within gain sqrt(6 / (inputs + outputs)): keeps the variance of activations and of gradients alike through
/// layers that are linear near zero. X. Glorot and Y. Bengio, AISTATS 2010, equation 16.
Initialiser xavier_uniform(double gain = 1);
/// Normal of variance gain^2 2 / (inputs + outputs). Glorot and Bengio 2010, equation 12.
Initialiser xavier_normal(double gain = 1);
/// Uniform within sqrt(6 / inputs): the same for relu, which halves the variance. K. He, X. Zhang, S. Ren and J. Sun,
/// ICCV 2015, section 2.2.
Initialiser he_uniform();
/// Normal of variance 2 / inputs. He et al. 2015, equation 10.
Initialiser he_normal();

}  // namespace nn
