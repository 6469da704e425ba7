#include <algorithm>
#include <numeric>

#include "../ops/structs/attention.hpp"
#include "../ops/structs/convolution.hpp"
#include "../ops/structs/pool.hpp"
#include "../ops/structs/recurrence.hpp"
#include "../ops/structs/softmax.hpp"
#include "rules.hpp"

namespace autodiff::onnx {
namespace {

Whole whole(const Shape& lengths) { return Whole(lengths.begin(), lengths.end()); }

/// First all in front, then all behind.
Whole pads(const Shape& front, const Shape& back) {
  Whole all = whole(front);
  all.insert(all.end(), back.begin(), back.end());
  return all;
}

Attributes sliding(const Sliding& op) {
  return {{"strides", whole(op.stride)},
          {"dilations", whole(op.dilation)},
          {"pads", pads(op.front, op.back)},
          {"group", std::int64_t(op.groups)}};
}

template <class Op>
std::string convolution(Graph& to, const Op& op, const Step& step) {
  Names names;
  for (const auto& x : step.x) names.push_back(x.name);
  return to.add("Conv", names, sliding(op));
}

std::string transposed(Graph& to, const ConvolveTransposed& op, const Step& step) {
  const Shape &y = step.x[0].shape, &kernel = step.x[1].shape;
  Whole more;  // behind the last place that the kernel reaches
  for (std::size_t i = 0; i < op.image.size(); ++i)
    more.push_back(std::int64_t(op.image[i] + op.front[i] + op.back[i]) -
                   std::int64_t((y[i + 2] - 1) * op.stride[i] + op.dilation[i] * (kernel[i + 2] - 1) + 1));
  auto attributes = sliding(op);
  attributes.push_back({"output_padding", more});
  return to.add("ConvTranspose", {step.x[0].name, step.x[1].name}, attributes);
}

/// The windows of a pooling, where all are alike.
struct Pooled {
  Shape window, stride, front, back;
  std::int64_t size = 1;  // of a window
};

Pooled pooled(std::string_view name, const Windows& op, const Value& x) {
  Pooled result{op.window, op.stride, op.front, {}};
  for (std::size_t i = 0; i < op.places.size(); ++i) {
    const std::size_t length = x.shape[x.shape.size() - op.places.size() + i];
    if (op.adaptive) {
      if (length % op.places[i] != 0)
        fail<ValueError>("to_onnx", name, " has windows of different lengths, which ONNX has not: ", x.shape);
      if (i == 0) result.window = result.stride = result.front = Shape(op.places.size(), 0);
      result.window[i] = result.stride[i] = length / op.places[i];
    }
    const std::size_t reach =
        (op.places[i] - 1) * result.stride[i] + (op.adaptive ? 1 : op.dilation[i]) * (result.window[i] - 1) + 1;
    result.back.push_back(std::max(reach, length + result.front[i]) - length - result.front[i]);
    result.size *= std::int64_t(result.window[i]);
  }
  return result;
}

Names max_pool(Graph& to, const MaxPool& op, const Step& step) {
  if (step.read[1]) fail<ValueError>("to_onnx", "the places that max_pool found are read, which ONNX counts otherwise");
  const auto windows = pooled(op.name, op, step.x[0]);
  Attributes attributes{{"kernel_shape", whole(windows.window)},
                        {"strides", whole(windows.stride)},
                        {"pads", pads(windows.front, windows.back)}};
  if (!op.adaptive) attributes.push_back({"dilations", whole(op.dilation)});
  return {to.add("MaxPool", {step.x[0].name}, attributes), ""};
}

/// A mean in which zeros around the image count, times what counts.
std::string sum_pool(Graph& to, const SumPool& op, const Step& step) {
  if (!op.adaptive && std::ranges::any_of(op.dilation, [](std::size_t n) { return n != 1; }))
    fail<ValueError>("to_onnx", "sums of windows with gaps have no counterpart in ONNX");
  const auto windows = pooled(op.name, op, step.x[0]);
  const auto mean = to.add("AveragePool", {step.x[0].name},
                           {{"kernel_shape", whole(windows.window)},
                            {"strides", whole(windows.stride)},
                            {"pads", pads(windows.front, windows.back)},
                            {"count_include_pad", std::int64_t(1)}});
  return to.add("Mul", {mean, to.number(double(windows.size))});
}

std::int64_t axis_of(const AlongAxis& op, const Value& x) {
  return std::int64_t(resolve_axis("to_onnx", op.axis, x.shape.size(), x.shape));
}

Names lstm_cell(Graph& to, const Step& step) {
  const auto parts =
      to.add("Split", {to.add("Add", {step.x[0].name, step.x[1].name})}, {{"axis", std::int64_t(-1)}}, 4);
  const auto i = to.add("Sigmoid", {parts[0]}), f = to.add("Sigmoid", {parts[1]}), g = to.add("Tanh", {parts[2]}),
             o = to.add("Sigmoid", {parts[3]});
  const auto next = to.add("Add", {to.add("Mul", {f, step.x[2].name}), to.add("Mul", {i, g})});
  return {to.add("Mul", {o, to.add("Tanh", {next})}), next,
          step.read[2] ? to.add("Concat", {i, f, g, o}, {{"axis", std::int64_t(-1)}}) : ""};
}

/// softmax(scale q k^T) v, where the mask, and what is causal, hides scores; a query that sees no key gives zeros.
Names attention(Graph& to, const Attention& op, const Step& step) {
  if (op.rate > 0) fail<ValueError>("to_onnx", "attention whose weights are dropped belongs to training");
  if (step.read[1]) fail<ValueError>("to_onnx", "the sums of attention's scores are read, which no model needs");
  const auto& [q, k] = std::tie(step.x[0], step.x[1]);
  Whole order(k.shape.size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  auto scores = to.add(
      "Mul", {to.number(op.scale), to.add("MatMul", {q.name, to.add("Transpose", {k.name}, {{"perm", order}})})});
  std::string seen;
  if (step.x.size() == 4) seen = to.as_boolean(step.x[3].name);
  if (op.causal) {
    // 1 on and below the diagonal that ends in the last corner.
    const std::size_t m = q.shape[q.shape.size() - 2], n = k.shape[k.shape.size() - 2];
    if (to.varies(m) || to.varies(n))
      fail<ValueError>("to_onnx", "a causal attention over the samples has no counterpart in ONNX");
    const auto ones = to.add("Expand", {to.number(1), to.whole({std::int64_t(m), std::int64_t(n)})});
    const auto offset = to.add("Squeeze", {to.whole({std::int64_t(n) - std::int64_t(m)})});
    const auto lower = to.as_boolean(to.add("Trilu", {ones, offset}, {{"upper", std::int64_t(0)}}));
    seen = seen.empty() ? lower : to.add("And", {seen, lower});
  }
  if (!seen.empty()) scores = to.add("Where", {seen, scores, to.number(-1e30)});
  auto weights = to.add("Softmax", {scores}, {{"axis", std::int64_t(-1)}});
  if (!seen.empty()) weights = to.add("Where", {seen, weights, to.number(0)});
  return {to.add("MatMul", {weights, step.x[2].name}), ""};
}

}  // namespace

std::span<const Rule> network_rules() {
  static const Rule rules[] = {
      rule<ConvolveImages>([](Graph& to, const ConvolveImages& op, const Step& s) { return convolution(to, op, s); }),
      rule<ConvolveWithBias>(
          [](Graph& to, const ConvolveWithBias& op, const Step& s) { return convolution(to, op, s); }),
      rule<ConvolveTransposed>(
          [](Graph& to, const ConvolveTransposed& op, const Step& step) { return transposed(to, op, step); }),
      rule<MaxPool>([](Graph& to, const MaxPool& op, const Step& step) { return max_pool(to, op, step); }),
      rule<SumPool>([](Graph& to, const SumPool& op, const Step& step) { return sum_pool(to, op, step); }),
      rule<Softmax>([](Graph& to, const Softmax& op, const Step& step) {
        return to.add("Softmax", {step.x[0].name}, {{"axis", axis_of(op, step.x[0])}});
      }),
      rule<LogSoftmax>([](Graph& to, const LogSoftmax& op, const Step& step) {
        return to.add("LogSoftmax", {step.x[0].name}, {{"axis", axis_of(op, step.x[0])}});
      }),
      rule<LogSumExp>([](Graph& to, const LogSumExp& op, const Step& step) {
        return to.add("ReduceLogSumExp", {step.x[0].name},
                      {{"axes", Whole{axis_of(op, step.x[0])}}, {"keepdims", std::int64_t(1)}});
      }),
      rule<LstmCell>([](Graph& to, const LstmCell&, const Step& step) { return lstm_cell(to, step); }),
      rule<Attention>([](Graph& to, const Attention& op, const Step& step) { return attention(to, op, step); }),
  };
  return rules;
}

}  // namespace autodiff::onnx
