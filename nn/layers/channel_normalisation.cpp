#include "channel_normalisation.hpp"

namespace nn {

using autodiff::Dims;
using autodiff::fail;
using autodiff::keepdims;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

void check_axes(const char* name, Dims x, std::size_t axes) {
  if (x.size() != axes + 2)
    fail<ShapeError>(name, "needs images (samples, channels, space...) of ", axes, " axes of space: ", x);
}

void check_channels(const char* name, Dims x, std::size_t channels) {
  if (x.size() < 2 || x[1] != channels)
    fail<ShapeError>(name, "the second axis must be the ", channels, " channels: ", x);
}

}  // namespace

template <Real T, std::size_t Axes>
Variable<T> ChannelBatchNorm<T, Axes>::forward(const Variable<T>& x) {
  check_axes("batch_norm", x.shape(), Axes);
  check_channels("batch_norm", x.shape(), this->weight.size());
  return this->normalised(x, 1);
}

template <Real T, std::size_t Axes>
std::string ChannelBatchNorm<T, Axes>::kind() const {
  return "BatchNorm" + std::to_string(Axes) + "d";
}

template <Real T>
GroupNorm<T>::GroupNorm(std::size_t groups, std::size_t channels, GroupNormOptions options)
    : groups_(groups), channels_(channels), epsilon_(options.epsilon) {
  if (groups == 0 || channels == 0 || channels % groups != 0)
    fail<ValueError>("group_norm", "the channels must divide into the groups: ", channels, " and ", groups);
  if (!(options.epsilon > 0)) fail<ValueError>("group_norm", "epsilon must be above 0: ", options.epsilon);
  if (!options.affine) return;
  weight.emplace(Shape{channels}, constant(1));
  bias.emplace(Shape{channels}, zeros());
}

template <Real T>
Variable<T> GroupNorm<T>::forward(const Variable<T>& x) {
  check_channels("group_norm", x.shape(), channels_);
  if (x.size() == 0) fail<ShapeError>("group_norm", "needs at least one element: ", Dims(x.shape()));
  const auto rows = reshape(x, {static_cast<std::ptrdiff_t>(x.shape(0) * groups_), -1});
  const auto centred = rows - autodiff::mean(rows, 1, keepdims);
  const auto variance = autodiff::mean(centred * centred, 1, keepdims);
  const auto y = reshape(centred * rsqrt(variance + epsilon_), x.shape());
  if (!weight) return y;
  Shape along(x.dimension() - 1, 1);
  along[0] = channels_;
  return y * reshape(weight->beside(x), along) + reshape(bias->beside(x), along);
}

template <Real T>
void GroupNorm<T>::members(Members<T>& m) {
  m("weight", weight);
  m("bias", bias);
}

template <Real T, std::size_t Axes>
Variable<T> InstanceNorm<T, Axes>::forward(const Variable<T>& x) {
  check_axes("instance_norm", x.shape(), Axes);
  return GroupNorm<T>::forward(x);
}

template <Real T, std::size_t Axes>
std::string InstanceNorm<T, Axes>::kind() const {
  return "InstanceNorm" + std::to_string(Axes) + "d";
}

#define NN_NORMALISATION(T, Axes)           \
  template class ChannelBatchNorm<T, Axes>; \
  template class InstanceNorm<T, Axes>;
NN_NORMALISATION(float, 1)
NN_NORMALISATION(float, 2)
NN_NORMALISATION(float, 3)
NN_NORMALISATION(double, 1)
NN_NORMALISATION(double, 2)
NN_NORMALISATION(double, 3)
template class GroupNorm<float>;
template class GroupNorm<double>;

}  // namespace nn
