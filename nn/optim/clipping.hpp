// Gradients kept from being too large, as operations: they work on plain values, and are recorded with a training step.
#pragma once

#include <autodiff/autodiff.hpp>
#include <vector>

namespace nn {

/// The root of the sum of the squares of all elements of all variables. Throws ValueError for none.
template <autodiff::Real T>
autodiff::Variable<T> global_norm(const std::vector<autodiff::Variable<T>>& gradients);

/// All gradients times min(1, limit / (their global norm + 1e-6)): their direction stays. R. Pascanu, T. Mikolov and
/// Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013; as torch.nn.utils.clip_grad_norm_.
/// Throws ValueError for no gradients, and for a limit that is not above 0.
template <autodiff::Real T>
std::vector<autodiff::Variable<T>> clip_norm(const std::vector<autodiff::Variable<T>>& gradients, double limit);
template <autodiff::Real T>
std::vector<autodiff::Array<T>> clip_norm(std::vector<autodiff::Array<T>> gradients, double limit);

/// Each element of the gradients brought into [-limit, limit]. Throws ValueError for a limit that is not above 0.
template <autodiff::Real T>
std::vector<autodiff::Variable<T>> clip_value(const std::vector<autodiff::Variable<T>>& gradients, double limit);
template <autodiff::Real T>
std::vector<autodiff::Array<T>> clip_value(std::vector<autodiff::Array<T>> gradients, double limit);

}  // namespace nn
