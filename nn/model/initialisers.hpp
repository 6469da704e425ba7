// What parameters start from.
#pragma once

#include <autodiff/autodiff.hpp>
#include <functional>
#include <nn/base/random.hpp>
#include <string>
#include <vector>

namespace nn {

/// Gives a parameter of this shape its first values. Drawn in double, so that float and double models start alike.
using Initialiser = std::function<autodiff::Array<double>(const autodiff::Shape&, Random&)>;

// The fans of a weight are its inputs (the first axis) and its outputs (the last); of a kernel (outputs, inputs,
// space...), both times its taps, as in PyTorch. Those that need them throw ShapeError for a vector or a number, and
// orthogonal() for anything but a matrix; all throw ValueError for a scale that is not a finite number.

/// All zeros, as biases start.
Initialiser zeros();
/// All of one value.
Initialiser constant(double value);
/// Uniform between low and high. Throws ValueError unless low <= high.
Initialiser uniform(double low, double high);
/// Normal. Throws ValueError for a negative deviation.
Initialiser normal(double mean, double deviation);
/// Normal, but what lies more than two deviations from the mean is drawn again, which leaves 0.88 times the deviation.
/// Throws ValueError for a negative deviation. As in Keras and TensorFlow.
Initialiser truncated_normal(double mean, double deviation);

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
/// Uniform within sqrt(3 / inputs): keeps the variance of activations, as selu asks for. Y. LeCun, L. Bottou, G. Orr
/// and K.-R. Müller, "Efficient BackProp", 1998, section 4.6.
Initialiser lecun_uniform();
/// Normal of variance 1 / inputs. LeCun et al. 1998, equation 16.
Initialiser lecun_normal();
/// gain times a matrix of orthonormal columns, or of orthonormal rows when it has more columns than rows: keeps every
/// length, not just the mean. A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of
/// learning in deep linear neural networks", ICLR 2014. Drawn evenly among all such matrices.
Initialiser orthogonal(double gain = 1);

/// The initialiser of this name: zeros, and those for weights. Throws ValueError for a name that is not one of
/// initialiser_names().
Initialiser initialiser(std::string_view name);
/// zeros, xavier-uniform, he-normal, ...
std::vector<std::string> initialiser_names();

}  // namespace nn
