#include "assembly.hpp"

#include <algorithm>

#include "ops/arithmetic.hpp"  // for sums of parts

namespace autodiff {

template <Real T>
Assembly<T>::Assembly(Shape shape, const std::vector<Cotangent<T>>& parts) : shape_(std::move(shape)) {
  for (const auto& part : parts) {
    const auto first = static_cast<std::uint32_t>(owner_.size());
    for (std::size_t j = 0; j < part.inputs.size(); ++j)
      owner_.push_back({static_cast<std::uint32_t>(terms_.size()), first});
    terms_.push_back({part.operation, part.inputs.size()});
  }
}

template <Real T>
void Assembly<T>::forward(Operand<T> y, std::span<const Operand<const T>> x) const {
  std::fill_n(y.data, count(y.shape), T(0));
  for (const auto& term : terms_) {
    term.operation->accumulate(y, x.first(term.inputs), 1, 1);
    x = x.subspan(term.inputs);
  }
}

template <Real T>
Variable<T> Assembly<T>::pullback(std::size_t i, const Variable<T>& ct, const Variable<T>& y,
                                  std::span<const Variable<T>> x) const {
  const auto& term = terms_[owner_[i].term];
  const std::size_t first = owner_[i].first;
  return term.operation->pullback(i - first, ct, y, x.subspan(first, term.inputs));
}

/// The sum of what each operation gives for n samples, if all know how.
template <Real T>
std::vector<Variable<T>> Assembly<T>::batched(std::size_t n, const std::vector<bool>& stacked,
                                              std::span<const Variable<T>> x) const {
  Variable<T> sum;
  auto first = stacked.begin();
  for (const auto& term : terms_) {
    const std::vector<bool> of_term(first, first + std::ptrdiff_t(term.inputs));
    const auto inputs = x.first(term.inputs);
    std::vector<Variable<T>> part;
    if (std::ranges::find(of_term, true) == of_term.end())
      part.push_back(Tape<T>::record(term.operation, inputs));
    else
      part = term.operation->batched(n, of_term, inputs);
    if (part.empty()) return {};
    sum = sum.alive() ? sum + part[0] : part[0];
    first += std::ptrdiff_t(term.inputs), x = x.subspan(term.inputs);
  }
  return {sum};
}

template <Real T>
bool Assembly<T>::differentiable(std::size_t i) const {
  return terms_[owner_[i].term].operation->differentiable(i - owner_[i].first);
}

template <Real T>
bool Assembly<T>::fails() const {
  return std::ranges::any_of(terms_, [](const auto& term) { return term.operation->fails(); });
}

template <Real T>
const void* Assembly<T>::kind() const {
  static const char mark = 0;
  return &mark;
}

template <Real T>
bool Assembly<T>::equals(const Primitive<T>& other) const {
  if (kind() != other.kind()) return false;
  const auto& that = *static_cast<const Assembly*>(other.self());
  return std::ranges::equal(shape_, that.shape_) && std::ranges::equal(terms_, that.terms_, [](auto& a, auto& b) {
           return a.inputs == b.inputs && a.operation->equals(*b.operation);
         });
}

template <Real T>
Variable<T> assemble(const Shape& shape, const std::vector<Cotangent<T>>& parts) {
  if (parts.size() == 1) return whole(parts[0]);
  std::vector<Variable<T>> inputs;
  for (const auto& part : parts) inputs.insert(inputs.end(), part.inputs.begin(), part.inputs.end());
  return Tape<T>::record(std::make_shared<const Assembly<T>>(shape, parts), inputs);
}

template class Assembly<float>;
template class Assembly<double>;
template Variable<float> assemble(const Shape&, const std::vector<Cotangent<float>>&);
template Variable<double> assemble(const Shape&, const std::vector<Cotangent<double>>&);

}  // namespace autodiff
