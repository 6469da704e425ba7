// Samples made ready to learn from, as the options say.
#pragma once

#include "network.hpp"
#include "options.hpp"

/// The samples in parts; those for validation may be none.
template <autodiff::Real T>
struct Parts {
  nn::Dataset<T> train, validation, test;
};

/// A table as it was read, and what is known of it.
struct Reading {
  nn::Dataset<double> all;
  std::optional<nn::Dataset<double>> test;  // of a table of its own
  Description description;
};

/// Says what the table is taken for, first of all. Throws nn::DataError for all that is wrong with it, at once.
Reading read(const Options& options);
/// A fifth to test with, or as many as one of so many folds has, and a part of the others to validate by.
Parts<double> divide(const Options& options, const Reading& reading);
Parts<double> divide(const Options& options, const Reading& reading, const std::vector<std::size_t>& fold);

/// Data that is ready to learn from, what it is, and what --resume must find as it was.
template <autodiff::Real T>
struct Prepared {
  Parts<T> data;
  Description description;
  std::map<std::string, std::string> identity;
};

/// Missing features filled in and all brought to scales that the training part shows. Tables are scaled in double: what
/// a float keeps of a large number says nothing of how it varies. Settles what --loss leaves open.
template <autodiff::Real T>
Prepared<T> prepare(Options& options, Parts<double> parts, Description description);
/// The digits of MNIST likewise.
template <autodiff::Real T>
Prepared<T> prepare_mnist(Options& options);
