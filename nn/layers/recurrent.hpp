// Layers over sequences that carry a state from step to step: RNN, LSTM and GRU, and one step of each.
#pragma once

#include "dropout.hpp"

namespace nn {

namespace detail {

/// How one kind of network goes on: see recurrent.cpp.
template <Real T>
struct RecurrentRule;

/// Of one layer in one direction: the matrices of inputs and of the state, and the biases of both. The gates stand side
/// by side along the last axis, in PyTorch's order.
template <Real T>
struct RecurrentWeights {
  RecurrentWeights(const RecurrentRule<T>& rule, std::size_t inputs, std::size_t units);
  void members(Members<T>& m, const std::string& suffix);

  Parameter<T> weight_ih, weight_hh, bias_ih, bias_hh;
};

/// One step of a network as a module.
template <Real T>
class RecurrentCell : public Module<T> {
 public:
  /// From an input (samples, inputs), and states (samples, units) or zeros where none is given, the next states.
  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  /// From zeros, the next state of the units.
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override { weights.members(m, ""); }

  RecurrentWeights<T> weights;  // "weight_ih" (inputs, gates times units), "weight_hh", "bias_ih", "bias_hh"

 protected:
  RecurrentCell(const RecurrentRule<T>& rule, std::size_t inputs, std::size_t units);

 private:
  const RecurrentRule<T>* rule_;
};

}  // namespace detail

struct RecurrentOptions {
  std::size_t layers = 1;  // each above the outputs of the one below
  bool bidirectional =
      false;           // a second set of units reads from the end; their outputs stand behind those of the first
  double dropout = 0;  // between layers, in training
};

namespace detail {

/// What RNN, LSTM and GRU share.
template <Real T>
class Recurrent : public Module<T> {
 public:
  /// x (samples, time, inputs) gives (samples, time, units), or twice the units where bidirectional; from a state of
  /// zeros. Further inputs are, in this order:
  ///
  /// - The first state, (layers, samples, units), twice as many layers where bidirectional, whose two directions
  ///   alternate; LSTM has two, h and c. Where they are given, the last states follow the outputs among the results.
  /// - The lengths of the samples, (samples): what stands behind them is neither read nor gives anything but zeros, the
  ///   last state is that at the end of each sample, and the way back begins there.
  ///
  /// The whole product with the inputs is one, before the loop over time. Throws ShapeError for other shapes, and
  /// ValueError for another number of inputs, or a length beyond the time.
  std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs) override;
  void members(Members<T>& m) override;
  /// A first state for so many samples.
  std::vector<Variable<T>> zero_state(std::size_t samples) const;

  /// By layers, the two directions of each side by side: "weight_ih_l0" (inputs, gates times units), "weight_hh_l0",
  /// "bias_ih_l0", "bias_hh_l0", "weight_ih_l0_reverse", ..., as PyTorch calls them, whose matrices are transposed.
  std::vector<RecurrentWeights<T>> weights;

 protected:
  Recurrent(const RecurrentRule<T>& rule, std::size_t inputs, std::size_t units, const RecurrentOptions& options);

 private:
  using Variables = std::vector<Variable<T>>;
  std::size_t directions() const { return bidirectional_ ? 2 : 1; }
  std::pair<Variable<T>, Variables> run(std::size_t which, const Variable<T>& x, const Variables& state,
                                        const Variable<T>& mask);

  const RecurrentRule<T>* rule_;
  std::size_t inputs_, units_;
  bool bidirectional_;
  std::vector<Dropout<T>> dropouts_;
};

}  // namespace detail

// Weights and biases start uniformly within 1 / sqrt(units), as PyTorch's. All throw ValueError without inputs, units
// or layers, and for a rate of dropout out of range.

/// h' = tanh(x W + b + h U + d), or relu in its place. J. Elman, "Finding structure in time", 1990. Throws ValueError
/// for a function other than "tanh" and "relu".
template <Real T = float>
class RNN : public detail::Recurrent<T> {
 public:
  RNN(std::size_t inputs, std::size_t units, RecurrentOptions options = {}, std::string_view function = "tanh");
};

/// Input, forget and output gates around a cell: c' = f c + i g, h' = o tanh(c'), with g = tanh(...), the gates
/// logistic(...). Gates in the order i, f, g, o. S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997; F.
/// Gers, J. Schmidhuber and F. Cummins, "Learning to forget", 2000.
template <Real T = float>
class LSTM : public detail::Recurrent<T> {
 public:
  LSTM(std::size_t inputs, std::size_t units, RecurrentOptions options = {});
};

/// Reset and update gates: n = tanh(x W + b + r (h U + d)), h' = (1 - z) n + z h. Gates in the order r, z, n. K. Cho et
/// al., "Learning phrase representations using RNN encoder-decoder", 2014, with the reset behind the product, as cuDNN
/// and PyTorch have it.
template <Real T = float>
class GRU : public detail::Recurrent<T> {
 public:
  GRU(std::size_t inputs, std::size_t units, RecurrentOptions options = {});
};

// One step of each: cell(x, h) gives h', and cell({x, h, c}) of LSTMCell {h', c'}. Shapes, names and first values are
// those above, for one layer and without its number.

/// One step of an RNN: cell(x, h) gives h'.
template <Real T = float>
class RNNCell : public detail::RecurrentCell<T> {
 public:
  RNNCell(std::size_t inputs, std::size_t units, std::string_view function = "tanh");
};
/// One step of an LSTM: cell({x, h, c}) gives {h', c'}.
template <Real T = float>
class LSTMCell : public detail::RecurrentCell<T> {
 public:
  LSTMCell(std::size_t inputs, std::size_t units);
};
/// One step of a GRU: cell(x, h) gives h'.
template <Real T = float>
class GRUCell : public detail::RecurrentCell<T> {
 public:
  GRUCell(std::size_t inputs, std::size_t units);
};

extern template class detail::RecurrentCell<float>;
extern template class detail::RecurrentCell<double>;
extern template class detail::Recurrent<float>;
extern template class detail::Recurrent<double>;
extern template class RNN<float>;
extern template class RNN<double>;
extern template class LSTM<float>;
extern template class LSTM<double>;
extern template class GRU<float>;
extern template class GRU<double>;
extern template class RNNCell<float>;
extern template class RNNCell<double>;
extern template class LSTMCell<float>;
extern template class LSTMCell<double>;
extern template class GRUCell<float>;
extern template class GRUCell<double>;

}  // namespace nn
