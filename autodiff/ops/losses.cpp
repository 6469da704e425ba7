#include "losses.hpp"

#include <limits>

#include "../tape.hpp"
#include "activations.hpp"
#include "index.hpp"
#include "order.hpp"
#include "slice.hpp"
#include "special.hpp"

namespace autodiff {

template <Real T>
Variable<T> softmin(const Variable<T>& x, int axis) {
  return softmax(-x, axis);
}

template <Real T>
Variable<T> sparsemax(const Variable<T>& x, int axis) {
  const std::size_t at = resolve_axis("sparsemax", axis, x.dimension(), x.shape());
  if (x.shape(at) == 0) fail<ShapeError>("sparsemax", "nothing to share along axis ", at, ": ", Dims(x.shape()));
  const typename Tape<T>::Attempt attempt({&x});
  Shape line(x.dimension(), 1);
  line[at] = x.shape(at);
  Array<T> rank(line);
  for (std::size_t i = 0; i < rank.size(); ++i) rank.data()[i] = static_cast<T>(i + 1);
  // Those in order that stay positive when all of them are lowered until they sum to one.
  const auto z = sort(x, axis, true);
  const auto stays = 1 + rank * z > cumsum(z, axis);
  const auto lowered = (sum(where(stays, z, 0), axis, keepdims) - 1) / sum(stays, axis, keepdims);
  return relu(x - lowered);
}

template <Real T>
Variable<T> glu(const Variable<T>& x, int axis) {
  const auto halves = split(x, 2, axis);
  return halves[0] * logistic(halves[1]);
}

namespace detail {

template <Real T>
Variable<T> softmax_cross_entropy(const Variable<T>& logits, const Variable<T>& classes,
                                  const CrossEntropyOptions& options) {
  if (!options.ignore_index) return softmax_cross_entropy(logits, classes);
  Tape<T>::check_operands("softmax_cross_entropy", std::array{logits, classes});
  const typename Tape<T>::Attempt attempt({&logits, &classes});
  const auto counts = classes != *options.ignore_index;
  const auto rows = softmax_cross_entropy_of_rows(logits, where(counts, classes, 0));
  if (!std::ranges::equal(rows.shape(), classes.shape()))
    fail<ShapeError>("softmax_cross_entropy", "a class to ignore needs a class for each row: ", Dims(logits.shape()),
                     " and ", Dims(classes.shape()));
  return sum(where(counts, rows, 0)) / sum(counts);
}

template <Real T>
Variable<T> binary_cross_entropy(const Variable<T>& logits, const Variable<T>& target, const Variable<T>& pos_weight) {
  if (!std::ranges::equal(logits.shape(), target.shape()))
    fail<ShapeError>("binary_cross_entropy_with_logits",
                     "logits and target must have one shape: ", Dims(logits.shape()), " and ", Dims(target.shape()));
  const typename Tape<T>::Attempt attempt({&logits, &target, &pos_weight});
  return mean((1 - target) * softplus(logits) + pos_weight * target * softplus(-logits));
}

template <Real T>
Variable<T> gaussian_nll(const Variable<T>& expected, const Variable<T>& target, const Variable<T>& variance,
                         double least) {
  Tape<T>::check_operands("gaussian_nll", std::array{expected, target, variance});
  const typename Tape<T>::Attempt attempt({&expected, &target, &variance});
  const auto v = variance + stop_gradient(maximum(variance, least) - variance);
  return mean(log(v) + square(target - expected) / v) * 0.5;
}

template <Real T>
Variable<T> poisson_nll(const Variable<T>& log_rate, const Variable<T>& target) {
  Tape<T>::check_operands("poisson_nll", std::array{log_rate, target});
  const typename Tape<T>::Attempt attempt({&log_rate, &target});
  return mean(exp(log_rate) - target * log_rate);
}

template <Real T>
Variable<T> cosine_similarity(const Variable<T>& a, const Variable<T>& b, int axis, double least) {
  Tape<T>::check_operands("cosine_similarity", std::array{a, b});
  const typename Tape<T>::Attempt attempt({&a, &b});
  return sum(a / maximum(norm(a, axis, keepdims), least) * (b / maximum(norm(b, axis, keepdims), least)), axis);
}

template <Real T>
Variable<T> triplet_loss(const Variable<T>& anchor, const Variable<T>& positive, const Variable<T>& negative,
                         double margin) {
  Tape<T>::check_operands("triplet_loss", std::array{anchor, positive, negative});
  const typename Tape<T>::Attempt attempt({&anchor, &positive, &negative});
  return mean(relu(norm(anchor - positive, -1) - norm(anchor - negative, -1) + margin));
}

namespace {

/// x moved by `by` places to the right along the last axis, and minus infinity in those that are left.
template <Real T>
Variable<T> moved_right(const Variable<T>& x, std::size_t by) {
  const std::size_t n = x.shape(1), kept = n > by ? n - by : 0;
  const Array<T> none(Shape{x.shape(0), n - kept}, -std::numeric_limits<T>::infinity());
  return concatenate({Variable<T>(none), take_range(x, 1, 0, static_cast<std::ptrdiff_t>(kept))}, 1);
}

/// The labels of each row with blanks before, between and behind them.
template <Real T>
Variable<T> with_blanks(const Variable<T>& targets, T blank) {
  const std::size_t rows = targets.shape(0), most = targets.shape(1);
  const auto pairs = stack({Variable<T>(Array<T>(targets.shape(), blank)), targets}, 2);
  return concatenate({reshape(pairs, Shape{rows, 2 * most}), Variable<T>(Array<T>(Shape{rows, 1}, blank))}, 1);
}

/// 0, 1, ... as a row.
template <Real T>
Array<T> counted(std::size_t n) {
  Array<T> row(Shape{1, n});
  for (std::size_t i = 0; i < n; ++i) row.data()[i] = static_cast<T>(i);
  return row;
}

}  // namespace

// alpha(t, s): the probability of all paths through the first t steps that end at the s-th of the labels with blanks.
// The reverse sweep over these steps is the backward pass of the algorithm.
template <Real T>
Variable<T> ctc_loss(const Variable<T>& log_probabilities, const Variable<T>& targets, const Variable<T>& lengths,
                     const Variable<T>& target_lengths, std::size_t blank) {
  Tape<T>::check_operands("ctc_loss", std::array{log_probabilities, targets, lengths, target_lengths});
  const Dims p(log_probabilities.shape()), t(targets.shape()), batch(lengths.shape());
  if (p.size() != 3 || p[0] == 0 || t.size() != 2 || t[0] != p[1] || batch.size() != 1 || batch[0] != p[1] ||
      !std::ranges::equal(batch, target_lengths.shape()))
    fail<ShapeError>("ctc_loss", "needs (time, batch, classes), (batch, labels), (batch) and (batch): ", p, " ", t, " ",
                     batch, " ", Dims(target_lengths.shape()));
  if (blank >= p[2]) fail<ValueError>("ctc_loss", "the blank must be one of the ", p[2], " classes: ", blank);
  const typename Tape<T>::Attempt attempt({&log_probabilities, &targets, &lengths, &target_lengths});
  const std::size_t rows = p[1], states = 2 * t[1] + 1;
  const auto steps = reshape(checked_lengths<T>("ctc_loss", "sample", lengths, p[0]), Shape{rows, 1});
  const auto labels_of = reshape(checked_lengths<T>("ctc_loss", "target", target_lengths, t[1]), Shape{rows, 1});
  constexpr double infinity = std::numeric_limits<double>::infinity();

  // What stands behind a row's own labels may be anything.
  const auto own = Variable<T>(counted<T>(t[1])) < labels_of;
  const auto labels = with_blanks(where(own, targets, static_cast<double>(blank)), static_cast<T>(blank));
  // A blank may be left out between two labels that differ.
  const auto before = moved_right(labels, 2);
  const auto skips = (labels != static_cast<double>(blank)) * (labels != before);
  const auto step_of = [&](std::size_t step) { return take_along_axis(log_probabilities(step), labels, 1); };
  // Before the first step, of no step at all, it is certain that nothing was said.
  const Variable<T> state(counted<T>(states));
  const auto first = step_of(0);
  auto alpha =
      where(steps > 0, where(broadcast_to(state < 2, first.shape()), first, -infinity), where(state < 1, 0, -infinity));
  for (std::size_t step = 1; step < p[0]; ++step) {
    const auto from =
        logaddexp(logaddexp(alpha, moved_right(alpha, 1)), where(skips, moved_right(alpha, 2), -infinity));
    alpha = where(steps > static_cast<double>(step), from + step_of(step), alpha);
  }
  // Ends at the last label or the blank behind it; of no label at the blank alone.
  const auto end = labels_of * 2;
  const auto at_blank = take_along_axis(alpha, end, 1), at_label = take_along_axis(alpha, maximum(end - 1, 0), 1);
  return -reshape(logaddexp(at_blank, where(end > 0, at_label, -infinity)), Shape{rows});
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                                                      \
  template Variable<T> softmin(const Variable<T>&, int);                                                         \
  template Variable<T> sparsemax(const Variable<T>&, int);                                                       \
  template Variable<T> glu(const Variable<T>&, int);                                                             \
  template Variable<T> detail::softmax_cross_entropy(const Variable<T>&, const Variable<T>&,                     \
                                                     const CrossEntropyOptions&);                                \
  template Variable<T> detail::binary_cross_entropy(const Variable<T>&, const Variable<T>&, const Variable<T>&); \
  template Variable<T> detail::gaussian_nll(const Variable<T>&, const Variable<T>&, const Variable<T>&, double); \
  template Variable<T> detail::poisson_nll(const Variable<T>&, const Variable<T>&);                              \
  template Variable<T> detail::cosine_similarity(const Variable<T>&, const Variable<T>&, int, double);           \
  template Variable<T> detail::triplet_loss(const Variable<T>&, const Variable<T>&, const Variable<T>&, double); \
  template Variable<T> detail::ctc_loss(const Variable<T>&, const Variable<T>&, const Variable<T>&,              \
                                        const Variable<T>&, std::size_t);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
