// Training as the options say.
#pragma once

#include "preparation.hpp"

/// A network that has learnt, and how that went.
template <autodiff::Real T>
struct Trained {
  std::unique_ptr<nn::Sequential<T>> model;
  nn::FitReport report;
  std::optional<nn::Report> page;
  Description description;
  /// Each a mean over its samples by --class-weights; none where there is no such part.
  std::shared_ptr<nn::MemorySource<T>> validation, test;
};

/// What the data is, and the network, in a few lines.
template <autodiff::Real T>
void print_beginning(const Options& options, const Parts<T>& data, const Description& description);

/// Trains a network until the options, Ctrl-C or SIGTERM end it. If files of the run cannot be written any more, the
/// network goes where --save says, before that is thrown.
template <autodiff::Real T>
Trained<T> learn(const Options& options, Prepared<T> prepared);

/// What the network makes of samples, in their own units, as predict gives it; and their targets likewise.
template <autodiff::Real T>
struct Answers {
  autodiff::Array<double> values, targets;
};
template <autodiff::Real T>
Answers<T> ask(Trained<T>& trained, const Options& options, nn::MemorySource<T>& samples);

/// The exit code; what else is to be said goes to the standard error.
int say_end(const nn::FitReport& report, const Options& options);
