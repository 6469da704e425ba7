// Layers of images against PyTorch's: outputs, gradients, lengths, names.
#include "nn_support.hpp"
#include "reference/images.hpp"

using autodiff::Array;
using autodiff::Shape;
using autodiff::Tape;
using autodiff::Variable;
using test::check_close;
using test::error_of;

namespace {

const std::vector<double>& numbers(const std::string& name) { return reference::images.at(name); }

struct Case {
  std::string name;
  Shape shape;
  nn::AnyModule<double> layer;
};

std::vector<Case> cases() {
  const auto linear = autodiff::Interpolation::linear;
  return {
      {"conv1d", {2, 2, 7}, nn::Conv1d<double>(2, 3, 3, {.stride = 2, .padding = 1})},
      {"conv2d",
       {2, 4, 5, 4},
       nn::Conv2d<double>(4, 6, {3, 2}, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2})},
      {"conv2d_same", {1, 2, 5, 5}, nn::Conv2d<double>(2, 2, {4, 3}, {.padding = "same", .bias = false})},
      {"conv3d", {1, 1, 3, 3, 4}, nn::Conv3d<double>(1, 2, {2, 3, 2}, {.padding = {0, 1, 1}})},
      {"conv_transpose1d",
       {2, 2, 4},
       nn::ConvTranspose1d<double>(2, 3, 3, {.stride = 2, .padding = 1, .output_padding = 1})},
      {"conv_transpose2d",
       {1, 4, 3, 4},
       nn::ConvTranspose2d<double>(4, 6, {3, 2}, {.stride = 2, .padding = {1, 0}, .dilation = {2, 1}, .groups = 2})},
      {"conv_transpose3d", {1, 1, 2, 3, 2}, nn::ConvTranspose3d<double>(1, 2, 2, {.stride = {1, 2, 1}, .bias = false})},
      {"max_pool1d", {2, 2, 7}, nn::MaxPool1d<double>(3, {.stride = 2, .padding = 1})},
      {"max_pool2d",
       {2, 2, 6, 7},
       nn::MaxPool2d<double>({3, 2}, {.stride = 2, .padding = 1, .dilation = {1, 2}, .ceil_mode = true})},
      {"max_pool3d", {1, 1, 4, 2, 5}, nn::MaxPool3d<double>(2)},
      {"avg_pool1d", {1, 2, 5}, nn::AvgPool1d<double>(2)},
      {"avg_pool2d", {2, 2, 6, 5}, nn::AvgPool2d<double>(3, {.stride = 2, .padding = 1, .ceil_mode = true})},
      {"avg_pool2d_inside",
       {2, 2, 6, 5},
       nn::AvgPool2d<double>(3, {.stride = 2, .padding = 1, .ceil_mode = true, .count_include_pad = false})},
      {"avg_pool3d", {1, 1, 2, 3, 3}, nn::AvgPool3d<double>(2, {.stride = 1})},
      {"adaptive_avg_pool2d", {1, 2, 5, 4}, nn::AdaptiveAvgPool2d<double>({2, 3})},
      {"adaptive_max_pool2d", {1, 2, 5, 7}, nn::AdaptiveMaxPool2d<double>({2, 3})},
      {"upsample", {1, 2, 2, 3}, nn::Upsample<double>({2, 3})},
      {"upsample_bilinear", {1, 2, 2, 3}, nn::Upsample<double>(2, linear)},
      {"batch_norm2d", {2, 3, 2, 2}, nn::BatchNorm2d<double>(3)},
      {"batch_norm1d", {3, 2, 3}, nn::BatchNorm1d<double>(2, {.momentum = 0.25})},
      {"group_norm", {2, 4, 3}, nn::GroupNorm<double>(2, 4)},
      {"instance_norm1d", {2, 2, 4}, nn::InstanceNorm1d<double>(2)},
      {"instance_norm2d", {2, 2, 3, 2}, nn::InstanceNorm2d<double>(2, {.epsilon = 1e-3})},
      {"rms_norm", {2, 2, 3}, nn::RMSNorm<double>({2, 3})},
  };
}

}  // namespace

TEST_CASE("layers of images agree with PyTorch") {
  for (auto& c : cases()) {
    CAPTURE(c.name);
    auto& layer = *c.layer;
    layer.initialise(1);
    layer.training(true);
    for (auto& [name, parameter] : layer.parameters())
      parameter.assign(test::array(numbers(c.name + "/" + name), parameter.shape()));
    Tape<double> tape;
    const auto x = tape.variable(test::array(numbers(c.name + "/x"), c.shape));
    const auto y = layer(x);
    check_close(y.value(), numbers(c.name + "/output"));
    const auto loss = sum(y * test::array(numbers(c.name + "/cotangent"), y.shape()));
    check_close(gradient(loss, x), numbers(c.name + "/x/gradient"));
    for (auto& [name, parameter] : layer.parameters())
      check_close(gradient(loss, parameter.beside(x)), numbers(c.name + "/" + name + "/gradient"));
    for (auto& [name, state] : layer.states())
      check_close(state.value(), numbers(c.name + "/" + (name == "running_variance" ? "running_var" : name)));
  }
}

TEST_CASE("gradients of layers of images agree with differences to second order") {
  for (auto& c : cases()) {
    CAPTURE(c.name);
    auto& layer = *c.layer;
    layer.initialise(1);
    layer.training(true);
    std::vector<Array<double>> at{test::array(numbers(c.name + "/x"), c.shape)};
    for (auto& [name, parameter] : layer.parameters())
      at.push_back(test::array(numbers(c.name + "/" + name), parameter.shape()));
    const auto report = autodiff::check_gradient(
        [&](const std::vector<Variable<double>>& x) {
          auto parameters = layer.parameters();
          for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].parameter.assign(x[1 + i]);
          return layer(x[0]);
        },
        at, {.fast = true, .second_order = true});
    CHECK_MESSAGE(report, report.message());
  }
}

TEST_CASE("a network of images: its layers by kind, shapes and names, and a step that learns") {
  nn::Sequential<float> model(nn::Conv2d<float>(1, 4, {3, 3}, {.padding = {1, 1}}), nn::BatchNorm2d<float>(4),
                              nn::Activation<float>("relu"), nn::Dropout2d<float>(0.1), nn::MaxPool2d<float>({2, 2}),
                              nn::Conv2d<float>(4, 6, 3, {.bias = false}), nn::GlobalAvgPool<float>(),
                              nn::Linear<float>(6, 3));
  const std::string summary = model.summary({1, 1, 8, 8});
  for (const char* text :
       {"Conv2d", "BatchNorm2d", "Dropout2d", "MaxPool2d", "GlobalAvgPool", "(1, 4, 4, 4)", "(1, 6, 2, 2)"})
    CHECK(summary.find(text) != summary.npos);
  std::vector<std::string> names;
  for (auto& [name, parameter] : model.parameters()) names.push_back(name);
  CHECK(names ==
        std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "5.weight", "7.weight", "7.bias"});
  model.initialise(1);
  nn::Adam<float> adam(0.01);
  nn::TrainingStep<float> step(model, adam, nn::loss<float>("cross-entropy"));
  const auto x = autodiff::to_array<float>(test::array(std::vector<double>(6 * 64, 0.0), {6, 1, 8, 8}));
  Array<float> stripes = x;
  const Array<float> y{0, 1, 2, 0, 1, 2};
  for (std::size_t n = 0; n < 6; ++n)
    for (std::size_t i = 0; i < 8; ++i)
      for (std::size_t j = 0; j < 8; ++j) stripes(n, 0, i, j) = float((n % 3 == 0 ? i : n % 3 == 1 ? j : i + j) % 2);
  const float before = step(stripes, y);
  float after = before;
  for (int i = 0; i < 60; ++i) after = step(stripes, y);
  CHECK(after < 0.5f * before);
}

TEST_CASE("convolutions start as PyTorch's do, uniform within one over the root of the fan") {
  nn::Conv2d<double> conv(8, 16, {3, 3}, {.groups = 2});
  nn::ConvTranspose2d<double> back(8, 16, {3, 3});
  conv.initialise(1), back.initialise(1);
  for (const auto& [values, fan] : {std::pair{conv.weight.value(), 36.},
                                    {conv.bias->value(), 36.},
                                    {back.weight.value(), 144.},
                                    {back.bias->value(), 144.}}) {
    const double bound = 1 / std::sqrt(fan), most = xt::amax(xt::abs(values))();
    CHECK(most <= bound);
    CHECK(most > 0.8 * bound);
  }
  nn::Conv2d<double> he(8, 16, 3, {.weights = nn::he_uniform()});  // for relu
  he.initialise(1);
  CHECK(xt::amax(xt::abs(he.weight.value()))() == doctest::Approx(std::sqrt(6. / 72)).epsilon(0.05));
  nn::Conv2d<double> ones(1, 1, 2, {.weights = nn::constant(1), .biases = nn::constant(2)});
  ones.initialise(1);
  CHECK(ones(Array<double>(Shape{1, 1, 2, 2}, 1.0)).value() == Array<double>(Shape{1, 1, 1, 1}, 6.0));
}

TEST_CASE("Dropout2d drops whole channels, Reshape and Upsample give other shapes") {
  nn::Dropout2d<double> drop(0.5);
  drop.initialise(1);
  const Array<double> ones(Shape{8, 16, 3, 2}, 1.0);
  CHECK(drop(ones).value() == ones);
  drop.training(true);
  const auto y = drop(ones).value();
  std::size_t kept = 0;
  for (std::size_t n = 0; n < 8; ++n)
    for (std::size_t c = 0; c < 16; ++c) {
      const auto channel = xt::view(y, n, c);
      CHECK((xt::all(xt::equal(channel, 0)) || xt::all(xt::equal(channel, 2))));
      kept += channel(0, 0) != 0;
    }
  CHECK(kept > 40);
  CHECK(kept < 88);
  CHECK(drop(ones).value() != y);
  CHECK(nn::Reshape<double>({4, -1})(ones).shape() == Shape{8, 4, 24});
}

TEST_CASE("layers of images refuse what does not fit") {
  const auto images = [](const Shape& shape) { return Array<double>(shape, 1.0); };
  nn::Conv2d<double> conv(3, 4, 3);
  conv.initialise(1);
  nn::BatchNorm2d<double> norm(3);
  norm.initialise(1);
  const std::vector<std::pair<std::string, std::function<void()>>> all{
      {"[conv2d] needs inputs and outputs that divide into 2 groups: 4 and 3",
       [] { nn::Conv2d<double>(3, 4, 3, {.groups = 2}); }},
      {"[conv2d] the kernel needs one number, or one for each of 2 axes of space: (1, 2, 3)",
       [] {
         nn::Conv2d<double>(3, 4, {1, 2, 3});
       }},
      {"[max_pool] needs images (samples, channels, space...) of 2 axes of space: (1, 3, 4)",
       [&] {
         nn::MaxPool2d<double>(2)(images({1, 3, 4}));
       }},
      {"[batch_norm] the second axis must be the 3 channels: (2, 4, 2, 2)",
       [&] {
         norm(images({2, 4, 2, 2}));
       }},
      {"[group_norm] the channels must divide into the groups: 4 and 3", [] { nn::GroupNorm<double>(3, 4); }},
      {"[rms_norm] epsilon must be above 0: 0", [] { nn::RMSNorm<double>(3, 0); }},
      {"[dropout2d] needs images (samples, channels, space...): (2, 3)",
       [&] {
         nn::Dropout2d<double>()(images({2, 3}));
       }},
      {"[convolve] image and kernel must have as many axes: (2, 3, 4) and (4, 3, 3, 3)", [&] {
         conv(images({2, 3, 4}));
       }}};
  for (const auto& [text, f] : all) CHECK_EQ(error_of(f), text);
}
