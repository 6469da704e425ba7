#include "hand_over.hpp"

#include <array>

namespace nn::detail {

using autodiff::Dims;
using autodiff::Operand;
using autodiff::Real;
using autodiff::Shape;
using autodiff::Variable;

namespace {

template <Real T>
class HandOver : public autodiff::Primitive<T> {
 public:
  explicit HandOver(std::function<void(const T*)> take) : take_(std::move(take)) {}
  std::string_view name() const override { return "hand_over"; }
  Shape shape(std::span<const Dims>) const override { return {}; }
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const override {
    take_(x[0].data);
    y.data[0] = 0;
  }
  Variable<T> pullback(std::size_t, const Variable<T>&, const Variable<T>&,
                       std::span<const Variable<T>>) const override {
    autodiff::fail<autodiff::TapeError>("hand_over", "has no derivative");
  }
  bool differentiable(std::size_t) const override { return false; }
  bool fails() const override { return false; }  // so that a run need not come to all that may, before
  autodiff::Reads reads() const override { return autodiff::Reads::nothing; }

 private:
  std::function<void(const T*)> take_;
};

}  // namespace

template <Real T>
Variable<T> hand_over(const Variable<T>& x, const Variable<T>& each_run, std::function<void(const T* x)> take) {
  return autodiff::Tape<T>::record(std::make_shared<HandOver<T>>(std::move(take)), std::array{x, each_run});
}

template Variable<float> hand_over(const Variable<float>&, const Variable<float>&, std::function<void(const float*)>);
template Variable<double> hand_over(const Variable<double>&, const Variable<double>&,
                                    std::function<void(const double*)>);

}  // namespace nn::detail
