// The network of train_mlp, and the file in which it is handed to predict.
#pragma once

#include <filesystem>

#include "data_set.hpp"

/// All that is needed to build the network again, and to know what its inputs and outputs mean.
struct Description {
  std::size_t inputs = 0, outputs = 0;
  std::vector<std::size_t> hidden;
  std::string activation, loss, precision;
  double dropout = 0;
  /// Of the outputs; none where they are real values.
  std::vector<std::string> classes;
  std::vector<std::string> features, targets;
  /// Empty where the data is no table.
  std::optional<Table> table;
  /// What stands for missing features; empty where they are refused.
  std::vector<double> fill;
  /// How and on what it was trained, and how well it did, in words; none in files of older versions.
  std::map<std::string, std::string> training = {};
  /// How many training samples each class had; none in files of older versions.
  std::vector<std::size_t> class_counts = {};
  /// By how much held-out predictions missed their targets, in their units, for every real target: sorted sizes, or as
  /// many of them as say where the others are.
  std::vector<std::vector<double>> residuals = {};
  /// Of features and of real targets; empty where there is none.
  std::vector<double> input_shift, input_factor, target_shift, target_factor;

  std::optional<nn::Imputation> filling() const;
  void filling(const nn::Imputation& filling);
  std::optional<nn::Scaling> input_scaling() const;
  std::optional<nn::Scaling> target_scaling() const;
  void input_scaling(const nn::Scaling& scaling);
  void target_scaling(const nn::Scaling& scaling);
};

/// Hidden layers with an activation, and dropout if there is any, and a linear output: the softmax is part of the
/// cross-entropy.
template <autodiff::Real T>
nn::Sequential<T> build(const Description& description);

/// What outputs of a network mean: probabilities where its loss makes them such, or values in their own units.
template <autodiff::Real T>
autodiff::Array<double> meant(const autodiff::Array<T>& outputs, const Description& description);

/// A card of the network, a line for each thing that is known of it.
std::string card(const Description& description);

/// Writes weights, and the description as metadata. Throws what check_saving and nn::save throw.
template <autodiff::Real T>
void save_network(const std::filesystem::path& path, nn::Sequential<T>& model, const Description& description);
/// Throws nn::DataError for a description that save_network would not write: one with a name that is not UTF-8.
void check_saving(const std::filesystem::path& path, const Description& description);
/// The description in a file of save_network. Throws nn::DataError for any other file.
Description load_description(const std::filesystem::path& path);
