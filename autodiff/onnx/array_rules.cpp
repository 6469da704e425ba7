#include "../ops/structs/index.hpp"
#include "../ops/structs/linalg.hpp"
#include "../ops/structs/reduce.hpp"
#include "../ops/structs/shape.hpp"
#include "../ops/structs/slice.hpp"
#include "rules.hpp"

namespace autodiff::onnx {
namespace {

Whole whole(const std::vector<std::size_t>& numbers) { return Whole(numbers.begin(), numbers.end()); }

std::int64_t axis_of(std::string_view name, int axis, const Value& x) {
  return static_cast<std::int64_t>(resolve_axis(name, axis, x.shape.size(), x.shape));
}

/// The other order of the last two axes.
std::string transposed(Graph& to, const Value& x) {
  Whole order;
  for (std::size_t i = 0; i < x.shape.size(); ++i) order.push_back(std::int64_t(i));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return to.add("Transpose", {x.name}, {{"perm", order}});
}

std::string matmul(Graph& to, const Matmul& op, const Step& step) {
  const auto& [a, b] = std::tie(step.x[0], step.x[1]);
  return to.add("MatMul", {op.transpose_a ? transposed(to, a) : a.name, op.transpose_b ? transposed(to, b) : b.name});
}

std::string slice(Graph& to, const Slice& op, const Step& step) {
  const Value& x = step.x[0];
  Whole starts, ends, axes, steps, dropped;
  for (std::size_t i = 0; i < op.ranges.size(); ++i) {
    const auto& [start, stop, by] = op.ranges[i];
    // Beyond the ends is as good as at them, and holds for any number of samples.
    starts.push_back(start ? *start : by > 0 ? 0 : INT64_MAX);
    const bool whole_axis = stop && by > 0 && *stop >= 0 && std::size_t(*stop) >= x.shape[i];
    ends.push_back(stop && !whole_axis ? *stop : by > 0 ? INT64_MAX : INT64_MIN);
    axes.push_back(std::int64_t(i)), steps.push_back(by);
    if (op.dropped >> i & 1) dropped.push_back(std::int64_t(i));
  }
  const auto part = to.add("Slice", {x.name, to.whole(starts), to.whole(ends), to.whole(axes), to.whole(steps)});
  return dropped.empty() ? part : to.add("Squeeze", {part, to.whole(dropped)});
}

std::string concatenate(Graph& to, const Concatenate& op, const Step& step) {
  Names names;
  for (const auto& x : step.x) names.push_back(x.name);
  return to.add("Concat", names, {{"axis", axis_of(op.name, op.axis, step.x[0])}});
}

std::string sum(Graph& to, const Sum& op, const Step& step) {
  const Value& x = step.x[0];
  return to.add("ReduceSum", {x.name, to.whole(whole(op.axes.resolve(op.name, x.shape)))},
                {{"keepdims", std::int64_t(op.keep)}, {"noop_with_empty_axes", std::int64_t(1)}});
}

template <class Op>
Rule extremum() {
  return rule<Op>([](Graph& to, const Op& op, const Step& step) {
    const Value& x = step.x[0];
    const auto axes = whole(op.axes.resolve(op.name, x.shape));
    if (axes.empty()) return x.name;
    return to.add(std::string_view(Op::name) == "max" ? "ReduceMax" : "ReduceMin", {x.name},
                  {{"axes", axes}, {"keepdims", std::int64_t(op.keep)}});
  });
}

template <class Op>
Rule place_of_extremum() {
  return rule<Op>([](Graph& to, const Op& op, const Step& step) {
    return to.as_numbers(to.add(std::string_view(Op::name) == "argmax" ? "ArgMax" : "ArgMin", {step.x[0].name},
                                {{"axis", axis_of(op.name, op.axis, step.x[0])}, {"keepdims", std::int64_t(0)}}));
  });
}

}  // namespace

std::span<const Rule> array_rules() {
  static const Rule rules[] = {
      rule<Matmul>([](Graph& to, const Matmul& op, const Step& step) { return matmul(to, op, step); }),
      rule<Reshape>([](Graph& to, const Reshape&, const Step& step) {
        return to.add("Reshape", {step.x[0].name, to.lengths(step.y[0])}, {{"allowzero", std::int64_t(1)}});
      }),
      rule<Permute>([](Graph& to, const Permute& op, const Step& step) {
        return to.add("Transpose", {step.x[0].name}, {{"perm", whole(op.order.resolve(op.name, step.x[0].shape))}});
      }),
      rule<BroadcastTo>([](Graph& to, const BroadcastTo&, const Step& step) {
        return to.add("Expand", {step.x[0].name, to.lengths(step.y[0])});
      }),
      rule<Slice>([](Graph& to, const Slice& op, const Step& step) { return slice(to, op, step); }),
      rule<Concatenate>([](Graph& to, const Concatenate& op, const Step& step) { return concatenate(to, op, step); }),
      rule<Sum>([](Graph& to, const Sum& op, const Step& step) { return sum(to, op, step); }),
      extremum<Max>(),
      extremum<Min>(),
      place_of_extremum<ArgMax>(),
      place_of_extremum<ArgMin>(),
      rule<CumulativeSum>([](Graph& to, const CumulativeSum& op, const Step& step) {
        return to.add("CumSum", {step.x[0].name, to.add("Squeeze", {to.whole({axis_of(op.name, op.axis, step.x[0])})})},
                      {{"reverse", std::int64_t(op.reverse)}});
      }),
      rule<Gather>([](Graph& to, const Gather& op, const Step& step) {
        return to.add("Gather", {step.x[0].name, to.as_indices(step.x[1].name)},
                      {{"axis", axis_of(op.name, op.axis, step.x[0])}});
      }),
      rule<TakeAlong>([](Graph& to, const TakeAlong& op, const Step& step) {
        return to.add("GatherElements", {step.x[0].name, to.as_indices(step.x[1].name)},
                      {{"axis", axis_of(op.name, op.axis, step.x[0])}});
      }),
  };
  return rules;
}

}  // namespace autodiff::onnx
