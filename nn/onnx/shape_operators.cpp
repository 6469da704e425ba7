#include <algorithm>
#include <cstring>
#include <nn/io/tensor.hpp>
#include <numeric>

#include "operators.hpp"

namespace nn {

namespace {

Whole lengths_of(autodiff::Dims shape) { return Whole(shape.begin(), shape.end()); }

template <Real T>
Values<T> reshape_to(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  Whole lengths = step.whole(1);
  for (std::size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] == 0 && !step.integer("allowzero", 0) && i < x.dimension())
      lengths[i] = static_cast<std::int64_t>(x.shape(i));
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

template <Real T>
Values<T> squeeze_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto axes = step.list("axes", 1);
  return numbers<T>(axes.empty() ? squeeze(x) : squeeze(x, axes_of(step, axes, x.dimension())));
}

template <Real T>
Values<T> unsqueeze_of(const OnnxStep<T>& step) {
  auto x = step.x(0);
  const auto given = step.list("axes", 1);
  auto axes = axes_of(step, given, x.dimension() + given.size());
  std::ranges::sort(axes);
  for (const int axis : axes) x = expand_dims(x, axis);
  return numbers<T>(x);
}

template <Real T>
Values<T> transpose_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto order = step.integers("perm", {});
  return numbers<T>(order.empty() ? transpose(x) : permute(x, axes_of(step, order, x.dimension())));
}

template <Real T>
Values<T> concat_of(const OnnxStep<T>& step) {
  std::vector<Variable<T>> parts;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) parts.push_back(step.x(i));
  if (parts.empty()) step.refuse("it needs an input");
  const auto axis = axis_of(step, step.integer("axis", 0), parts[0].dimension());
  return numbers<T>(concatenate(parts, static_cast<int>(axis)));
}

/// The lengths of the parts, which are as many as the outputs and make up the axis.
template <Real T>
Whole lengths_of_parts(const OnnxStep<T>& step, std::int64_t length) {
  Whole lengths = step.list("split", 1);
  const auto n = std::int64_t(step.node.outputs.size());
  if (lengths.empty()) {
    lengths.assign(std::size_t(n), (length + n - 1) / n);
    lengths.back() = length - (n - 1) * lengths[0];
  }
  std::int64_t rest = length;
  for (const auto part : lengths) {
    if (part < 0 || part > rest) step.refuse("lengths of parts are below 0, or above the axis'");
    rest -= part;
  }
  if (rest != 0 || std::int64_t(lengths.size()) != n)
    step.refuse("parts must be as many as its results, and as long together as the axis");
  return lengths;
}

template <Real T>
Values<T> split_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto axis = axis_of(step, step.integer("axis", 0), x.dimension());
  Values<T> parts;
  std::ptrdiff_t from = 0;
  for (const auto length : lengths_of_parts(step, std::int64_t(x.shape(axis)))) {
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
  const auto sliced = axes_of(step, axes, x.dimension());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<std::size_t>(sliced[i]);
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
  return numbers<T>(slice(x, ranges));
}

/// Places below 0 count from the end.
template <Real T>
Values<T> gather_of(const OnnxStep<T>& step) {
  const auto x = step.x(0);
  const auto axis = axis_of(step, step.integer("axis", 0), x.dimension());
  const auto n = static_cast<std::int64_t>(x.shape(axis));
  auto places = step.x(1);
  if (!step.input(1).is_whole) {
    places = where(places < 0, places + double(n), places);
  } else {
    OnnxValue<T> counted = step.input(1);
    for (auto& i : counted.whole) {
      if (i < -n || i >= n) step.refuse("index " + std::to_string(i) + " is out of range");
      if (i < 0) i += n;
    }
    places = step.numbers_of(counted);
    Shape result = x.shape();  // many places may be made of few
    result[axis] = places.size();
    step.check_size(result);
  }
  return numbers<T>(gather(x, places, static_cast<int>(axis)));
}

/// What only moves elements, of whole numbers as well: it moves their places, in which no digit is lost. All inputs are
/// data, or the first alone.
template <Real T, Values<T> (*move)(const OnnxStep<T>&), bool all = false>
Values<T> moved(const OnnxStep<T>& step) {
  const auto is_known = [](const auto* x) { return !x || x->is_whole; };
  if (!step.has(0) || !std::ranges::all_of(step.inputs, is_known)) return move(step);
  Whole elements;
  std::vector<OnnxValue<T>> places(all ? step.inputs.size() : 1);
  OnnxStep<T> of_places = step;
  for (std::size_t i = 0; i < places.size(); ++i) {
    Whole each(step.whole(i).size());
    std::iota(each.begin(), each.end(), std::int64_t(elements.size()));
    elements.insert(elements.end(), step.whole(i).begin(), step.whole(i).end());
    places[i] = {Variable<T>(), std::move(each), step.input(i).shape, true, false};
    of_places.inputs[i] = &places[i];
  }
  Values<T> results = move(of_places);
  for (auto& result : results) {
    const auto from = result.numbers.value();
    Whole taken;
    for (const T place : from) taken.push_back(elements[static_cast<std::size_t>(place)]);
    result = {Variable<T>(), std::move(taken), result.numbers.shape(), true, false};
  }
  return results;
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
  const Shape common = step.common_shape(x.shape(), to);
  if (common != x.shape()) step.check_size(common);  // what a damaged file says may be more than there is memory
  return numbers<T>(broadcast_to(x, common));
}

template <Real T>
Values<T> constant(const OnnxStep<T>& step) {
  if (step.node.attributes.size() != 1) step.refuse("it must have one value");
  const auto& [name, value] = *step.node.attributes.begin();
  if (name == "value" && value.type == OnnxType::tensor) return {value_of<T>(value.tensor)};
  if (name == "value_float") return numbers<T>(Variable<T>(autodiff::to_array<T>(step.real("value_float", 0))));
  if (name == "value_int") return whole<T>({step.integer("value_int", 0)}, {});
  if (name == "value_ints") return whole<T>(step.integers("value_ints", {}), {value.integers.size()});
  if (name != "value_floats" || value.type != OnnxType::reals) step.refuse("a value of this form is not read");
  Array<T> list(Shape{value.reals.size()});
  std::ranges::copy(value.reals, list.data());
  return numbers<T>(Variable<T>(std::move(list)));
}

/// The pads of the axes of space: before all of them, and after. Refuses those that grow images too much.
template <Real T>
std::vector<std::size_t> pads_of(const OnnxStep<T>& step, const Variable<T>& x) {
  const std::size_t axes = x.dimension() < 2 ? 0 : x.dimension() - 2;
  const auto pads = step.integers("pads", Whole(2 * axes, 0));
  if (pads.size() != 2 * axes || std::ranges::any_of(pads, [](std::int64_t n) { return n < 0 || n > 1'000'000; }))
    step.refuse("pads must be two for each axis of space, from 0 to a million");
  Shape padded = x.shape();
  for (std::size_t i = 0; i < axes; ++i) padded[i + 2] += std::size_t(pads[i] + pads[axes + i]);
  step.check_size(padded);
  return std::vector<std::size_t>(pads.begin(), pads.end());
}

/// Those that are alike on both sides.
template <Real T>
std::vector<std::size_t> even_pads(const OnnxStep<T>& step, const Variable<T>& x) {
  auto pads = pads_of(step, x);
  const auto half = pads.begin() + std::ptrdiff_t(pads.size() / 2);
  if (!std::equal(pads.begin(), half, half) || step.text("auto_pad", "NOTSET") != "NOTSET")
    step.refuse("pads must be alike on both sides, and auto_pad is not read");
  pads.resize(pads.size() / 2);
  return pads;
}

/// Images with zeros around them, where both sides differ; and the border that is left for the operation.
template <Real T>
Variable<T> with_borders(const OnnxStep<T>& step, Variable<T> x, std::vector<std::size_t>& border) {
  const auto mode = step.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID") step.refuse("auto_pad is not read: give pads");
  const auto pads = pads_of(step, x);
  const std::size_t axes = pads.size() / 2;
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
  if (numbers.size() != axes || std::ranges::any_of(numbers, [](std::int64_t n) { return n < 1 || n > 1'000'000; }))
    step.refuse(std::string(name) + " must be one for each axis of space, from 1 to a million");
  return std::vector<std::size_t>(numbers.begin(), numbers.end());
}

template <Real T>
std::size_t groups(const OnnxStep<T>& step) {
  const auto n = step.integer("group", 1);
  if (n < 1 || n > 1'000'000) step.refuse("groups must be from 1 to a million");
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
  const auto border = even_pads(step, x);
  const std::size_t axes = border.size();
  const auto more = step.integers("output_padding", Whole(axes, 0));
  const auto stride = per_axis(step, "strides", axes), dilation = per_axis(step, "dilations", axes);
  if (more.size() != axes || step.node.attributes.contains("output_shape"))
    step.refuse("output_padding must be one for each axis of space, and output_shape is not read");
  const auto kernel = step.x(1);
  if (kernel.dimension() != axes + 2) step.refuse("the kernel has another number of axes than the images");
  Shape grown{x.shape(0), std::max(x.shape(1), kernel.shape(1) * groups(step))};
  for (std::size_t i = 0; i < axes; ++i) {
    if (more[i] < 0 || more[i] > 1'000'000) step.refuse("output_padding must be from 0 to a million");
    grown.push_back(x.shape(i + 2) * stride[i] + kernel.shape(i + 2) * dilation[i] + std::size_t(more[i]));
  }
  step.check_size(grown);
  auto y = convolve_transposed(x, kernel,
                               {.stride = stride,
                                .padding = border,
                                .output_padding = std::vector<std::size_t>(more.begin(), more.end()),
                                .dilation = dilation,
                                .groups = groups(step)});
  if (!step.has(2)) return numbers<T>(y);
  Shape along(axes + 1, 1);
  along[0] = step.x(2).size();
  return numbers<T>(y + reshape(step.x(2), along));
}

template <Real T>
Values<T> pool(const OnnxStep<T>& step, bool largest) {
  const auto x = step.x(0);
  if (step.node.outputs.size() > 1) step.refuse("places are not read");
  const auto border = even_pads(step, x);
  const std::size_t axes = border.size();
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
  const bool integral = tensor.dtype() == Dtype::u8 || tensor.dtype() == Dtype::i8 || tensor.dtype() == Dtype::boolean;
  return {.numbers = Variable<T>(tensor.as<T>()), .is_integral = integral};
}

template <Real T>
const Operators<T>& shape_operators() {
  static const Operators<T> table{
      {"Reshape", moved<T, reshape_to<T>>},
      {"Flatten", moved<T, flatten_of<T>>},
      {"Squeeze", moved<T, squeeze_of<T>>},
      {"Unsqueeze", moved<T, unsqueeze_of<T>>},
      {"Transpose", moved<T, transpose_of<T>>},
      {"Concat", moved<T, concat_of<T>, true>},
      {"Split", moved<T, split_of<T>>},
      {"Slice", moved<T, slice_of<T>>},
      {"Gather", moved<T, gather_of<T>>},
      {"Shape", shape_of<T>},
      {"Expand", moved<T, expand_of<T>>},
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
