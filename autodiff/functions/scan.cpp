#include "scan.hpp"

#include <algorithm>

#include "../axes.hpp"
#include "../ops/shape.hpp"
#include "../ops/slice.hpp"
#include "checkpoint.hpp"
#include "loop.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
using Variables = std::vector<Variable<T>>;

template <Real T>
void check_step(const Variables<T>& carry, const Variables<T>& next) {
  if (next.size() != carry.size())
    fail<ValueError>("scan", "the body must give as many carries as it is given: ", next.size(), " and ", carry.size());
  for (std::size_t k = 0; k < carry.size(); ++k)
    if (const Dims before(carry[k].shape()), after(next[k].shape()); !std::ranges::equal(before, after))
      fail<ShapeError>("scan", "the body must not change the shape of carry ", k, ": ", before, " and ", after);
}

std::size_t steps_of(const std::vector<Shape>& sequences, const ScanOptions& options) {
  std::ptrdiff_t length = options.length;
  for (const auto& shape : sequences) {
    const auto here = static_cast<std::ptrdiff_t>(shape[0]);
    if (length >= 0 && here != length)
      fail<ShapeError>("scan", "all sequences must have as many elements as there are steps: ", here, " and ", length);
    length = here;
  }
  if (length < 0) fail<ValueError>("scan", "without a sequence, options must say how many steps there are");
  return static_cast<std::size_t>(length);
}

/// Part of every sequence: so many elements from `first` on.
template <Real T>
Variables<T> elements(const Variables<T>& sequences, std::size_t first, std::size_t count) {
  Variables<T> parts;
  for (const auto& s : sequences)
    parts.push_back(slice(s, {Range{std::ptrdiff_t(first), std::ptrdiff_t(first + count)}}));
  return parts;
}

template <Real T>
using Result = std::pair<Variables<T>, Variables<T>>;

/// Carries and outputs in one vector, as checkpoint gives them.
template <Real T>
Result<T> split_results(Variables<T> all, std::size_t carries) {
  Result<T> result;
  result.second.assign(all.begin() + std::ptrdiff_t(carries), all.end());
  all.resize(carries);
  result.first = std::move(all);
  return result;
}

/// The whole loop, of which nothing but the inputs is kept.
template <Real T>
Result<T> scan_again(const ScanStep<T>& step, const Variables<T>& carry, const Variables<T>& sequences,
                     ScanOptions options) {
  options.keep_every = 1;
  Variables<T> inputs(carry);
  inputs.insert(inputs.end(), sequences.begin(), sequences.end());
  const auto whole = [&](const Variables<T>& x) {
    const auto from = x.begin() + std::ptrdiff_t(carry.size());
    auto [last, outputs] = scan<T>(step, {x.begin(), from}, {from, x.end()}, options);
    last.insert(last.end(), outputs.begin(), outputs.end());
    return last;
  };
  return split_results<T>(checkpoint<T>(whole, inputs), carry.size());
}

/// A loop over parts of so many steps, and what is left over before or behind it.
template <Real T>
Result<T> scan_in_parts(const ScanStep<T>& step, const Variables<T>& carry, const Variables<T>& sequences,
                        std::size_t length, const ScanOptions& options) {
  const std::size_t each = options.keep_every, parts = length / each, whole = parts * each, rest = length - whole;
  ScanOptions of_part = options, of_parts = options, of_rest = options;
  of_part.length = std::ptrdiff_t(each), of_parts.length = std::ptrdiff_t(parts), of_rest.length = std::ptrdiff_t(rest);
  of_parts.keep_every = 1;
  Variables<T> in_parts;
  for (const auto& s : elements(sequences, options.reverse ? rest : 0, whole)) {
    Shape lengths{parts, each};
    lengths.insert(lengths.end(), s.shape().begin() + 1, s.shape().end());
    in_parts.push_back(reshape(s, lengths));
  }
  const ScanStep<T> part = [&](const Variables<T>& c, const Variables<T>& x) {
    return scan_again(step, c, x, of_part);
  };
  auto [last, outputs] = scan<T>(part, carry, in_parts, of_parts);
  for (auto& y : outputs) {
    Shape lengths{whole};
    lengths.insert(lengths.end(), y.shape().begin() + 2, y.shape().end());
    y = reshape(y, lengths);
  }
  if (rest == 0) return {last, outputs};
  auto [end, more] = scan_again(step, last, elements(sequences, options.reverse ? 0 : whole, rest), of_rest);
  for (std::size_t k = 0; k < outputs.size(); ++k)
    outputs[k] = options.reverse ? concatenate({more[k], outputs[k]}) : concatenate({outputs[k], more[k]});
  return {end, outputs};
}

template <Real T>
Result<T> scan_along_first(const ScanStep<T>& step, const Variables<T>& carry, const Variables<T>& sequences,
                           const ScanOptions& options) {
  std::vector<Shape> whole, shapes;
  for (const auto& s : sequences) whole.push_back(s.shape());
  const std::size_t length = steps_of(whole, options);
  if (options.keep_every == 0) return scan_again(step, carry, sequences, options);
  if (options.keep_every > 1 && length > options.keep_every)
    return scan_in_parts(step, carry, sequences, length, options);
  for (const auto& c : carry) shapes.push_back(c.shape());
  for (const auto& shape : whole) shapes.emplace_back(shape.begin() + 1, shape.end());
  Variables<T> inputs(carry);
  inputs.insert(inputs.end(), sequences.begin(), sequences.end());
  const auto body = record_body<T>(
      "scan",
      [&](const Variables<T>& x) {
        const auto from = x.begin() + std::ptrdiff_t(carry.size());
        const Variables<T> before(x.begin(), from);
        auto [next, outputs] = step(before, {from, x.end()});
        check_step<T>(before, next);
        next.insert(next.end(), outputs.begin(), outputs.end());
        return next;
      },
      shapes, inputs);
  if (!body.replaced.empty())
    fail<TapeError>("scan", "the body replaces ", body.replaced[0].name,
                    ", which each step would do again: make it a carry, or call its module in inference");
  if (body.results == 0) fail<ValueError>("scan", "the body gives nothing: no carry and no output");
  inputs.insert(inputs.end(), body.captured.begin(), body.captured.end());
  const auto loop = std::make_shared<const LoopBody<T>>(body.function, carry.size(), sequences.size());
  return split_results<T>(Loop<T>::record(loop, length, options.reverse, inputs), carry.size());
}

}  // namespace

template <Real T>
std::pair<std::vector<Variable<T>>, std::vector<Variable<T>>> scan(const ScanStep<T>& step,
                                                                   const std::vector<Variable<T>>& carry,
                                                                   const std::vector<Variable<T>>& sequences,
                                                                   const ScanOptions& options) {
  Variables<T> all(carry);
  all.insert(all.end(), sequences.begin(), sequences.end());
  Tape<T>::check_operands("scan", all);
  if (options.axis == 0 && std::ranges::all_of(sequences, [](const auto& s) { return s.dimension() > 0; }))
    return scan_along_first<T>(step, carry, sequences, options);
  Variables<T> turned;
  for (const auto& s : sequences)
    turned.push_back(with_axis_in_front(s, resolve_axis("scan", options.axis, s.dimension(), Dims(s.shape()))));
  ScanOptions along_first = options;
  along_first.axis = 0;
  auto [last, outputs] = scan_along_first<T>(step, carry, turned, along_first);
  for (auto& y : outputs)
    y = with_axis_in_front(y, resolve_axis("scan", options.axis, y.dimension(), Dims(y.shape())), true);
  return {last, outputs};
}

#define AUTODIFF_SCAN(T)                                                       \
  template std::pair<std::vector<Variable<T>>, std::vector<Variable<T>>> scan( \
      const ScanStep<T>&, const std::vector<Variable<T>>&, const std::vector<Variable<T>>&, const ScanOptions&);
AUTODIFF_SCAN(float)
AUTODIFF_SCAN(double)

}  // namespace autodiff::detail
