#include <algorithm>
#include <cstring>
#include <nn/io/tensor.hpp>
#include <numeric>

#include "operators.hpp"

namespace nn {

namespace {

constexpr std::size_t most_elements = std::size_t{1} << 31;

Whole lengths_of(autodiff::Dims shape) { return Whole(shape.begin(), shape.end()); }

template <Real T>
Values<T> reshape_to(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  Whole lengths = step.whole(1);
  for (std::size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] == 0 && !step.integer("allowzero", 0) && i < x.dimension())
      lengths[i] = static_cast<std::int64_t>(x.shape(i));
  if (step.input(0).is_whole) return whole<T>(step.input(0).whole, Shape(reshape(x, lengths).shape()));
  return numbers<T>(reshape(x, lengths));
}

template <Real T>
Values<T> flatten_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto axis = step.integer("axis", 1);
  const auto at = axis == std::int64_t(x.dimension()) ? x.dimension() : axis_of(step, axis, x.dimension());
  std::ptrdiff_t rows = 1;
  for (std::size_t i = 0; i < at; ++i) rows *= static_cast<std::ptrdiff_t>(x.shape(i));
  return numbers<T>(reshape(x, {rows, static_cast<std::ptrdiff_t>(x.size()) / std::max<std::ptrdiff_t>(rows, 1)}));
}

/// Squeeze and Unsqueeze keep whole numbers.
template <Real T>
Values<T> of_shape(const OnnxStep<T>& step, const Variable<T>& y) {
  if (step.input(0).is_whole) return whole<T>(step.input(0).whole, y.shape());
  return numbers<T>(y);
}

template <Real T>
Values<T> squeeze_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto axes = step.list("axes", 1);
  return of_shape(step, axes.empty() ? squeeze(x) : squeeze(x, axes_of(step, axes, x.dimension())));
}

template <Real T>
Values<T> unsqueeze_of(const OnnxStep<T>& step) {
  auto x = step.x(0);
  const auto given = step.list("axes", 1);
  auto axes = axes_of(step, given, x.dimension() + given.size());
  std::ranges::sort(axes);
  for (const int axis : axes) x = expand_dims(x, axis);
  return of_shape(step, x);
}

template <Real T>
Values<T> transpose_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto order = step.integers("perm", {});
  return numbers<T>(order.empty() ? transpose(x) : permute(x, axes_of(step, order, x.dimension())));
}

template <Real T>
Values<T> concat_of(const OnnxStep<T>& step) {
  bool all_whole = true;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) all_whole = all_whole && step.input(i).is_whole;
  if (all_whole) {
    Whole joined;
    for (std::size_t i = 0; i < step.inputs.size(); ++i)
      joined.insert(joined.end(), step.whole(i).begin(), step.whole(i).end());
    return whole<T>(joined, {joined.size()});
  }
  std::vector<Variable<T>> parts;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) parts.push_back(step.x(i));
  return numbers<T>(concatenate(parts, static_cast<int>(step.integer("axis", 0))));
}

template <Real T>
Values<T> split_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto axis = axis_of(step, step.integer("axis", 0), x.dimension());
  Whole lengths = step.list("split", 1);
  const auto n = step.node.outputs.size();
  if (lengths.empty()) lengths.assign(n, std::int64_t((x.shape(axis) + n - 1) / n));
  Values<T> parts;
  std::ptrdiff_t from = 0;
  for (const auto length : lengths) {
    std::vector<autodiff::Range> ranges(axis + 1, autodiff::all);
    ranges[axis] = {.start = from, .stop = from + length};
    parts.push_back({slice(x, ranges)});
    from += length;
  }
  return parts;
}

template <Real T>
Values<T> slice_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const Whole starts = step.list("starts", 1), ends = step.list("ends", 2),
              steps = step.has(4) ? step.whole(4) : Whole{};
  Whole axes = step.list("axes", 3);
  if (axes.empty()) axes.resize(starts.size()), std::iota(axes.begin(), axes.end(), 0);
  if (ends.size() != starts.size() || axes.size() != starts.size() || (!steps.empty() && steps.size() != starts.size()))
    step.refuse("starts, ends, axes and steps must be as many");
  std::vector<autodiff::Range> ranges(x.dimension(), autodiff::all);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = axis_of(step, axes[i], x.dimension());
    auto& range = ranges[axis];
    range.step = steps.empty() ? 1 : steps[i];
    // Beyond all axes means to their end.
    const auto n = static_cast<std::int64_t>(x.shape(axis));
    range.start = std::clamp(starts[i], -n, n);
    if (ends[i] >= -n && ends[i] <= n)
      range.stop = ends[i];
    else if ((ends[i] < 0) == (range.step > 0))
      range.stop = range.step > 0 ? 0 : n;
  }
  const auto y = slice(x, ranges);
  if (!step.input(0).is_whole) return numbers<T>(y);
  const auto value = y.value();
  return whole<T>(Whole(value.begin(), value.end()), y.shape());
}

template <Real T>
Values<T> gather_of(const OnnxStep<T>& step) {
  const auto axis = step.integer("axis", 0);
  if (step.input(0).is_whole && step.input(1).is_whole) {
    Whole taken;
    const auto n = static_cast<std::int64_t>(step.whole(0).size());
    for (const auto i : step.whole(1)) {
      if (i < -n || i >= n) step.refuse("index " + std::to_string(i) + " is out of range");
      taken.push_back(step.whole(0)[static_cast<std::size_t>(i < 0 ? i + n : i)]);
    }
    return whole<T>(taken, step.input(1).shape);
  }
  return numbers<T>(gather(step.x(0), step.x(1), static_cast<int>(axis)));
}

template <Real T>
Values<T> shape_of(const OnnxStep<T>& step) {
  const auto shape = lengths_of(step.x(0).shape());
  const auto n = static_cast<std::int64_t>(shape.size());
  const auto place = [&](std::int64_t i) { return std::clamp<std::int64_t>(i < 0 ? i + n : i, 0, n); };
  const auto from = place(step.integer("start", 0)), to = std::max(from, place(step.integer("end", n)));
  const Whole part(shape.begin() + from, shape.begin() + to);
  return whole<T>(part, {part.size()});
}

template <Real T>
Values<T> expand_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  Shape to;
  for (const auto length : step.whole(1)) {
    if (length < 0) step.refuse("a length is below 0");
    to.push_back(static_cast<std::size_t>(length));
  }
  const Shape shapes[] = {x.shape(), to};
  const std::size_t rank = std::max(shapes[0].size(), to.size());
  Shape common(rank, 1);  // a length of one is repeated on either side
  for (const auto& shape : shapes)
    for (std::size_t i = 0; i < shape.size(); ++i) {
      auto& length = common[rank - shape.size() + i];
      if (shape[i] != 1) length = shape[i];
    }
  std::size_t size = 1;  // what a damaged file says may be more than there is memory
  for (const auto length : common)
    if (__builtin_mul_overflow(size, length, &size) || size > most_elements)
      step.refuse("the result would be too large");
  return numbers<T>(broadcast_to(x, common));
}

template <Real T>
Values<T> constant(const OnnxStep<T>& step) {
  const auto found = step.node.attributes.find("value");
  if (found == step.node.attributes.end()) {
    if (step.node.attributes.contains("value_float"))
      return numbers<T>(Variable<T>(autodiff::to_array<T>(step.real("value_float", 0))));
    if (step.node.attributes.contains("value_int")) return whole<T>({step.integer("value_int", 0)}, {});
    if (!step.node.attributes.contains("value_ints")) step.refuse("a value of this form is not read");
    const auto list = step.integers("value_ints", {});
    return whole<T>(list, {list.size()});
  }
  return {value_of<T>(found->second.tensor)};
}

/// Images with zeros around them, where both sides differ; and the border that is left for the operation.
template <Real T>
Variable<T> with_borders(const OnnxStep<T>& step, Variable<T> x, std::vector<std::size_t>& border) {
  const auto mode = step.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID") step.refuse("auto_pad is not read: give pads");
  const std::size_t axes = x.dimension() < 2 ? 0 : x.dimension() - 2;
  const auto pads = step.integers("pads", Whole(2 * axes, 0));
  if (pads.size() != 2 * axes || std::ranges::any_of(pads, [](std::int64_t n) { return n < 0 || n > 1'000'000; }))
    step.refuse("pads must be two for each axis of space, from 0 to a million");
  border.assign(pads.begin(), pads.begin() + std::ptrdiff_t(axes));
  if (std::equal(pads.begin(), pads.begin() + std::ptrdiff_t(axes), pads.begin() + std::ptrdiff_t(axes))) return x;
  std::vector<std::pair<std::size_t, std::size_t>> widths(2, {0, 0});
  for (std::size_t i = 0; i < axes; ++i) widths.emplace_back(pads[i], pads[axes + i]);
  border.assign(axes, 0);
  return pad(x, widths);
}

template <Real T>
std::vector<std::size_t> per_axis(const OnnxStep<T>& step, const char* name, std::size_t axes) {
  const auto numbers = step.integers(name, Whole(axes, 1));
  if (numbers.size() != axes || std::ranges::any_of(numbers, [](std::int64_t n) { return n < 1; }))
    step.refuse(std::string(name) + " must be one for each axis of space, 1 or above");
  return std::vector<std::size_t>(numbers.begin(), numbers.end());
}

template <Real T>
std::size_t groups(const OnnxStep<T>& step) {
  const auto n = step.integer("group", 1);
  if (n < 1) step.refuse("there must be a group");
  return static_cast<std::size_t>(n);
}

template <Real T>
Values<T> conv(const OnnxStep<T>& step) {
  std::vector<std::size_t> border;
  const auto x = with_borders(step, step.x(0), border);
  const std::size_t axes = border.size();
  const autodiff::ConvolveOptions options{.stride = per_axis(step, "strides", axes),
                                          .padding = border,
                                          .dilation = per_axis(step, "dilations", axes),
                                          .groups = groups(step)};
  return numbers<T>(step.has(2) ? convolve(x, step.x(1), step.x(2), options) : convolve(x, step.x(1), options));
}

template <Real T>
Values<T> conv_transposed(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const std::size_t axes = x.dimension() < 2 ? 0 : x.dimension() - 2;
  const auto pads = step.integers("pads", Whole(2 * axes, 0)), more = step.integers("output_padding", Whole(axes, 0));
  if (pads.size() != 2 * axes || more.size() != axes ||
      !std::equal(pads.begin(), pads.begin() + std::ptrdiff_t(axes), pads.begin() + std::ptrdiff_t(axes)) ||
      step.node.attributes.contains("output_shape") || step.text("auto_pad", "NOTSET") != "NOTSET")
    step.refuse("pads must be alike on both sides, and output_shape and auto_pad are not read");
  auto y = convolve_transposed(x, step.x(1),
                               {.stride = per_axis(step, "strides", axes),
                                .padding = std::vector<std::size_t>(pads.begin(), pads.begin() + std::ptrdiff_t(axes)),
                                .output_padding = std::vector<std::size_t>(more.begin(), more.end()),
                                .dilation = per_axis(step, "dilations", axes),
                                .groups = groups(step)});
  if (!step.has(2)) return numbers<T>(y);
  Shape along(axes + 1, 1);
  along[0] = step.x(2).size();
  return numbers<T>(y + reshape(step.x(2), along));
}

template <Real T>
Values<T> pool(const OnnxStep<T>& step, bool largest) {
  const auto x = step.x(0);
  const std::size_t axes = x.dimension() < 2 ? 0 : x.dimension() - 2;
  const auto pads = step.integers("pads", Whole(2 * axes, 0));
  const bool even = pads.size() == 2 * axes &&
                    std::equal(pads.begin(), pads.begin() + std::ptrdiff_t(axes), pads.begin() + std::ptrdiff_t(axes));
  if (!even || step.text("auto_pad", "NOTSET") != "NOTSET" || step.node.outputs.size() > 1)
    step.refuse("pads must be alike on both sides, and auto_pad and places are not read");
  const auto border = std::vector<std::size_t>(pads.begin(), pads.begin() + std::ptrdiff_t(axes));
  const auto window = per_axis(step, "kernel_shape", axes), stride = per_axis(step, "strides", axes);
  const bool ceil = step.integer("ceil_mode", 0) != 0;
  if (largest)
    return numbers<T>(max_pool(
        x, window,
        {.stride = stride, .padding = border, .dilation = per_axis(step, "dilations", axes), .ceil_mode = ceil}));
  if (std::ranges::count(per_axis(step, "dilations", axes), 1u) != std::ptrdiff_t(axes))
    step.refuse("means of windows with gaps are not read");
  return numbers<T>(average_pool(x, window,
                                 {.stride = stride,
                                  .padding = border,
                                  .ceil_mode = ceil,
                                  .count_include_pad = step.integer("count_include_pad", 0) != 0}));
}

/// One number a channel, whose axes of space stay.
template <Real T>
Values<T> global(const OnnxStep<T>& step, bool largest) {
  const auto x = step.x(0);
  const std::vector<std::size_t> ones(x.dimension() < 2 ? 0 : x.dimension() - 2, 1);
  return numbers<T>(largest ? adaptive_max_pool(x, ones) : adaptive_average_pool(x, ones));
}

}  // namespace

template <Real T>
OnnxValue<T> value_of(const Tensor& tensor) {
  const auto read = [&](auto zero) -> OnnxValue<T> {  // to the last digit, which a Real does not have
    std::vector<decltype(zero)> values(autodiff::count(tensor.shape()));
    if (!values.empty()) std::memcpy(values.data(), tensor.bytes().data(), tensor.bytes().size());
    return {{}, Whole(values.begin(), values.end()), tensor.shape(), true};
  };
  if (tensor.dtype() == Dtype::i64) return read(std::int64_t{});
  if (tensor.dtype() == Dtype::i32) return read(std::int32_t{});
  return {Variable<T>(tensor.as<T>())};
}

template <Real T>
const Operators<T>& shape_operators() {
  static const Operators<T> table{
      {"Reshape", reshape_to<T>},
      {"Flatten", flatten_of<T>},
      {"Squeeze", squeeze_of<T>},
      {"Unsqueeze", unsqueeze_of<T>},
      {"Transpose", transpose_of<T>},
      {"Concat", concat_of<T>},
      {"Split", split_of<T>},
      {"Slice", slice_of<T>},
      {"Gather", gather_of<T>},
      {"Shape", shape_of<T>},
      {"Expand", expand_of<T>},
      {"Constant", constant<T>},
      {"Conv", conv<T>},
      {"ConvTranspose", conv_transposed<T>},
      {"MaxPool", [](const OnnxStep<T>& s) { return pool(s, true); }},
      {"AveragePool", [](const OnnxStep<T>& s) { return pool(s, false); }},
      {"GlobalMaxPool", [](const OnnxStep<T>& s) { return global(s, true); }},
      {"GlobalAveragePool", [](const OnnxStep<T>& s) { return global(s, false); }},
  };
  return table;
}

template OnnxValue<float> value_of(const Tensor&);
template OnnxValue<double> value_of(const Tensor&);
template const Operators<float>& shape_operators();
template const Operators<double>& shape_operators();

}  // namespace nn
