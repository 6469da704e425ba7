#include "dropout.hpp"

#include <nn/model/shard.hpp>

namespace nn {

namespace {

constexpr double limit = 1 << 24;  // of keys and steps, which are whole numbers below it

Array<double> draw_key(const Shape& shape, Random& random) {
  return Array<double>(shape, static_cast<double>(random.below(static_cast<std::uint64_t>(limit))));
}

}  // namespace

template <Real T>
Dropout<T>::Dropout(double rate)
    : key({}, draw_key, Trainable::no, PyTorchLayout{.absent = true}),
      step({}, zeros(), Trainable::no, PyTorchLayout{.absent = true}),
      rate_(rate) {
  if (!(rate >= 0 && rate < 1))
    autodiff::fail<autodiff::ValueError>("dropout", "the rate must be at least 0 and below 1: ", rate);
}

template <Real T>
Variable<T> Dropout<T>::forward(const Variable<T>& x) {
  if (!this->training()) return x;
  return draw(x, [&](double rate, const auto& by, const auto& now) { return autodiff::dropout(x, rate, by, now); });
}

template <Real T>
Variable<T> Dropout<T>::draw(
    const Variable<T>& x,
    const std::function<Variable<T>(double rate, const Variable<T>& key, const Variable<T>& step)>& draws) {
  const auto now = step.beside(x);
  auto by = key.beside(x);
  if (const auto* shard = detail::ShardScope<T>::number()) {
    by = by + *shard;
    by = where(by < limit, by, by - limit);
  }
  const auto y = draws(rate_, by, now);
  const auto next = now + 1;
  step.assign(where(next < limit, next, 0));
  return y;
}

template <Real T>
void Dropout<T>::members(Members<T>& m) {
  m("key", key);
  m("step", step);
}

template <Real T>
Variable<T> Dropout2d<T>::forward(const Variable<T>& x) {
  if (x.dimension() < 3)
    autodiff::fail<autodiff::ShapeError>("dropout2d",
                                         "needs images (samples, channels, space...): ", autodiff::Dims(x.shape()));
  if (!this->training()) return x;
  Shape channels(x.dimension(), 1);
  channels[0] = x.shape(0), channels[1] = x.shape(1);
  return x * this->draw(x, [&](double rate, const auto& key, const auto& step) {
    return autodiff::dropout(Variable<T>(Array<T>(channels, T(1))), rate, key, step);
  });
}

template class Dropout<float>;
template class Dropout<double>;
template class Dropout2d<float>;
template class Dropout2d<double>;

}  // namespace nn
