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
/// state drops what it would have dropped. Shards of a batch (StepOptions::shards) drop by other keys each. Throws
/// ValueError unless 0 <= rate < 1.
template <Real T = float>
class Dropout : public Module<T> {
 public:
  explicit Dropout(double rate = 0.5);
  Variable<T> forward(const Variable<T>& x) override;
  void members(Members<T>& m) override;
  /// For layers that drop within an operation of their own: what `draws` gives, of rate, key and step beside x. Counts
  /// the step.
  Variable<T> draw(
      const Variable<T>& x,
      const std::function<Variable<T>(double rate, const Variable<T>& key, const Variable<T>& step)>& draws);

  Parameter<T> key, step;  // whole numbers below 2^24, which float holds exactly

 private:
  double rate_;
};

/// The same of whole channels: images (samples, channels, space...) keep or lose each of them, since neighbours tell of
/// each other. J. Tompson, R. Goroshin, A. Jain, Y. LeCun and C. Bregler, CVPR 2015. As PyTorch's Dropout1d to 3d.
/// Calling it throws ShapeError for what is no image.
template <Real T = float>
class Dropout2d : public Dropout<T> {
 public:
  using Dropout<T>::Dropout;
  Variable<T> forward(const Variable<T>& x) override;
};

extern template class Dropout<float>;
extern template class Dropout<double>;
extern template class Dropout2d<float>;
extern template class Dropout2d<double>;

}  // namespace nn
