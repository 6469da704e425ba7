// Training more than once: to know how well it does, or to choose by.
#pragma once

#include "training.hpp"

/// Settles what --epochs leaves open: the mean of the best epochs of networks that each learn from another four fifths
/// of the training samples, and are looked at with the rest; of five networks, or of fewer where samples are many. M.
/// Stone, "Cross-validatory choice and assessment of statistical predictions", 1974; L. Prechelt, "Early stopping - but
/// when?", 1998. Gives an exit code other than 0 where that was interrupted or failed.
template <autodiff::Real T>
int find_epochs(Options& options, Prepared<T>& prepared);

/// Cross-validation: so many networks, each tested on another part of the table. Prints each result, their mean and
/// their standard deviation; gives the exit code.
template <autodiff::Real T>
int cross_validate(Options options, const Reading& reading);

/// Tries hidden layers and learning rates by chance, those of the options first, and keeps what has the least loss on
/// the validation part: the test part has no say. Prints each trial.
template <autodiff::Real T>
void search(Options& options, const Parts<double>& parts, const Description& description);
