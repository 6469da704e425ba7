// Call<T>: a recorded function as one operation.
#pragma once

#include "../function.hpp"

namespace autodiff::detail {

/// Keeps its inputs alone: what its gradient needs besides is computed again. In a program, what it is made of stands
/// in its place.
template <Real T>
class Call final : public SeveralResults<T> {
 public:
  /// From cotangents, results and inputs, the cotangents of the inputs.
  using Rule =
      std::function<std::vector<Variable<T>>(const std::vector<Variable<T>>& cotangents,
                                             const std::vector<Variable<T>>& y, const std::vector<Variable<T>>& x)>;

  /// `again`: it computes what was computed before, and is kept apart from that.
  Call(std::string name, std::shared_ptr<const RecordedFunction<T>> function, bool again = false)
      : name_(std::move(name)), function_(std::move(function)), again_(again) {}
  /// With a rule of its own in place of what follows from its operations.
  Call(std::string name, std::shared_ptr<const RecordedFunction<T>> function, Rule rule)
      : name_(std::move(name)), function_(std::move(function)), rule_(std::move(rule)) {}

  std::string_view name() const override { return name_; }
  std::size_t results() const override { return function_->results().size(); }
  std::vector<Shape> shapes(std::span<const Dims>) const override;
  void forward(std::span<const Operand<T>> y, std::span<const Operand<const T>> x) const override {
    function_->run(y, x);
  }
  void pull_back(Pullback<T>& step) const override;
  bool differentiable(std::size_t i) const override { return rule_ || function_->input_differentiable(i); }
  bool result_differentiable(std::size_t k) const override { return rule_ || function_->result_differentiable(k); }
  bool fails() const override { return function_->fails(); }
  const void* kind() const override;
  const void* self() const override { return this; }
  bool equals(const Primitive<T>& other) const override;
  const RecordedFunction<T>* made_of() const override { return function_.get(); }
  bool apart() const override { return again_; }

 private:
  std::string name_;
  std::shared_ptr<const RecordedFunction<T>> function_;
  bool again_ = false;
  Rule rule_ = nullptr;
};

/// Records a call of what a body makes of these inputs, and gives the results of the body.
template <Real T>
std::vector<Variable<T>> record_call(const BodyOf<T>& body, const std::shared_ptr<const Primitive<T>>& call,
                                     const std::vector<Variable<T>>& inputs);

}  // namespace autodiff::detail
