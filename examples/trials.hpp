// Training more than once: to know how well it does, or to choose by.
#pragma once

#include "training.hpp"

/// Cross-validation: so many networks, each tested on another part of the table. Prints each result, their mean and
/// their standard deviation; gives the exit code.
template <autodiff::Real T>
int cross_validate(Options options, const Reading& reading);

/// Tries hidden layers and learning rates by chance, those of the options first, and keeps what has the least loss on
/// the validation part: the test part has no say. Prints each trial.
template <autodiff::Real T>
void search(Options& options, const Parts<double>& parts, const Description& description);
