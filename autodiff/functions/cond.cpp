#include <algorithm>

#include "control.hpp"
#include "sides.hpp"

namespace autodiff::detail {

namespace {

/// One of two functions of the same inputs; in front of them stands the condition.
template <Real T>
class Cond final : public SeveralResults<T> {
  using Side = std::shared_ptr<const RecordedFunction<T>>;

 public:
  Cond(Side then, Side otherwise) : then_(std::move(then)), otherwise_(std::move(otherwise)) {}

  std::string_view name() const override { return "cond"; }
  std::size_t results() const override { return then_->results().size(); }
  std::vector<Shape> shapes(std::span<const Dims>) const override {
    std::vector<Shape> all;
    for (std::size_t k = 0; k < results(); ++k) all.push_back(then_->result_shape(k));
    return all;
  }
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override {
    (*x[0].data != 0 ? then_ : otherwise_)->run(y, x.subspan(1));
  }
  void pull_back(Pullback<T>& step) const override {
    std::vector<Variable<T>> inputs(step.x.begin(), step.x.end());
    std::vector<bool> exists;
    for (const auto& ct : step.cotangents) {
      exists.push_back(ct.alive());
      if (ct.alive()) inputs.push_back(ct);
    }
    const std::vector<bool> wanted(step.wanted.begin() + 1, step.wanted.end());
    const auto cond = std::make_shared<const Cond>(then_->vjp(exists, wanted), otherwise_->vjp(exists, wanted));
    std::vector<Variable<T>> found(cond->results());
    Tape<T>::record(cond, inputs, found);
    for (std::size_t i = 1, k = 0; i < step.x.size(); ++i)
      if (step.wanted[i]) step.found[i] = found[k++];
  }
  bool differentiable(std::size_t i) const override {
    return i > 0 && (then_->input_differentiable(i - 1) || otherwise_->input_differentiable(i - 1));
  }
  bool result_differentiable(std::size_t k) const override {
    return then_->result_differentiable(k) || otherwise_->result_differentiable(k);
  }
  bool fails() const override { return then_->fails() || otherwise_->fails(); }
  const void* kind() const override {
    static const char mark = 0;
    return &mark;
  }
  const void* self() const override { return this; }
  bool equals(const Primitive<T>& other) const override {
    if (kind() != other.kind()) return false;
    const auto& that = *static_cast<const Cond*>(other.self());
    return *then_ == *that.then_ && *otherwise_ == *that.otherwise_;
  }

 private:
  Side then_, otherwise_;
};

}  // namespace

template <Real T>
std::vector<Variable<T>> cond(const Variable<T>& condition, const Body<T>& then, const Body<T>& otherwise,
                              const std::vector<Variable<T>>& inputs) {
  if (condition.size() != 1) fail<ShapeError>("cond", "the condition must have one element: ", Dims(condition.shape()));
  const auto sides = record_sides<T>("cond", {then, otherwise}, inputs);
  const auto& [a, b] = std::tie(*sides.functions[0], *sides.functions[1]);
  if (a.results().size() != b.results().size() || a.results().empty())
    fail<ValueError>("cond", "both functions must give as many results, at least one: ", a.results().size(), " and ",
                     b.results().size());
  for (std::size_t k = 0; k < a.results().size(); ++k)
    if (const Dims one(a.result_shape(k)), other(b.result_shape(k)); !std::ranges::equal(one, other))
      fail<ShapeError>("cond", "both functions must give results of the same shapes: ", one, " and ", other);
  std::vector<Variable<T>> all{condition}, results(a.results().size());
  all.insert(all.end(), inputs.begin(), inputs.end());
  all.insert(all.end(), sides.captured.begin(), sides.captured.end());
  Tape<T>::record(std::make_shared<const Cond<T>>(sides.functions[0], sides.functions[1]), all, results);
  return results;
}

#define AUTODIFF_COND(T)                                                                     \
  template std::vector<Variable<T>> cond(const Variable<T>&, const Body<T>&, const Body<T>&, \
                                         const std::vector<Variable<T>>&);
AUTODIFF_COND(float)
AUTODIFF_COND(double)

}  // namespace autodiff::detail
