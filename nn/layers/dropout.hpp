// A layer that trains many networks in one.
#pragma once

#include <nn/model/module.hpp>

namespace nn {

/// In training, each unit is 0 with probability `rate`, and otherwise divided by 1 - rate, so that its expectation
/// stays as it is; in inference, the units as they are. N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R.
/// Salakhutdinov, JMLR 15, 2014.
///
/// Which units are dropped follows from two states: `key`, drawn when the model is initialised, and `step`, which
/// counts the forward passes in training. So a program drops others at each run, and a run that goes on from a saved
/// state drops what it would have dropped. Throws ValueError unless 0 <= rate < 1.
template <Real T = float>
class Dropout : public Module<T> {
 public:
  explicit Dropout(double rate = 0.5);
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;

  Parameter<T> key, step;  // whole numbers below 2^24, which float holds exactly

 private:
  double rate_;
};

extern template class Dropout<float>;
extern template class Dropout<double>;

}  // namespace nn
