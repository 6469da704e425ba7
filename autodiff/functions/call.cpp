#include "call.hpp"

#include "checkpoint.hpp"

namespace autodiff {

namespace detail {

template <Real T>
std::vector<Shape> Call<T>::shapes(std::span<const Dims>) const {
  std::vector<Shape> all;
  for (std::size_t k = 0; k < results(); ++k) all.push_back(function_->result_shape(k));
  return all;
}

template <Real T>
void Call<T>::pull_back(Pullback<T>& step) const {
  std::vector<Variable<T>> inputs(step.x.begin(), step.x.end()), found;
  if (rule_) {
    std::vector<Variable<T>> y(step.y.begin(), step.y.end()),
        cotangents(step.cotangents.begin(), step.cotangents.end());
    for (std::size_t k = 0; k < y.size(); ++k)
      if (!cotangents[k].alive()) cotangents[k] = Variable<T>(Array<T>(y[k].shape(), T(0)));
    found = rule_(cotangents, y, inputs);
    if (found.size() != inputs.size())
      fail<ValueError>(name_, "the rule must give a gradient of each input: ", found.size(), " and ", inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (step.wanted[i]) step.found[i] = found[i].alive() ? found[i] : Variable<T>(Array<T>(inputs[i].shape(), T(0)));
    return;
  }
  std::vector<bool> exists;
  for (const auto& ct : step.cotangents) {
    exists.push_back(ct.alive());
    if (ct.alive()) inputs.push_back(ct);
  }
  const auto vjp = function_->vjp(exists, step.wanted);
  found.resize(vjp->results().size());
  Tape<T>::record(std::make_shared<const Call>(name_, vjp, true), inputs, found);
  for (std::size_t i = 0, k = 0; i < step.x.size(); ++i)
    if (step.wanted[i]) step.found[i] = found[k++];
}

template <Real T>
const void* Call<T>::kind() const {
  static const char mark = 0;
  return &mark;
}

template <Real T>
bool Call<T>::equals(const Primitive<T>& other) const {
  if (this == &other) return true;
  if (kind() != other.kind()) return false;
  const auto& that = *static_cast<const Call*>(other.self());
  return !rule_ && !that.rule_ && again_ == that.again_ && *function_ == *that.function_;
}

template <Real T>
std::vector<Variable<T>> record_call(const BodyOf<T>& body, const std::shared_ptr<const Primitive<T>>& call,
                                     const std::vector<Variable<T>>& inputs) {
  std::vector<Variable<T>> all(inputs), results(call->results());
  all.insert(all.end(), body.captured.begin(), body.captured.end());
  Tape<T>::record(call, all, results);
  for (std::size_t k = 0; k < body.replaced.size(); ++k) body.replaced[k].assign(results[body.results + k]);
  results.resize(body.results);
  return results;
}

namespace {

template <Real T>
BodyOf<T> body_for(std::string_view caller, const Body<T>& f, const std::vector<Variable<T>>& inputs) {
  Tape<T>::check_operands(caller, inputs);
  std::vector<Shape> shapes;
  for (const auto& input : inputs) shapes.push_back(input.shape());
  auto body = record_body<T>(caller, f, shapes, inputs);
  if (body.results == 0) fail<ValueError>(caller, "the function gives no result");
  return body;
}

}  // namespace

template <Real T>
std::vector<Variable<T>> checkpoint(const Body<T>& f, const std::vector<Variable<T>>& inputs) {
  const auto body = body_for<T>("checkpoint", f, inputs);
  return record_call<T>(body, std::make_shared<const Call<T>>("checkpoint", body.function), inputs);
}

template <Real T>
std::vector<Variable<T>> custom_gradient(const Body<T>& f, const GradientRule<T>& rule,
                                         const std::vector<Variable<T>>& inputs) {
  const auto body = body_for<T>("custom_gradient", f, inputs);
  for (const auto& v : body.captured)
    if (!v.tape().node(v.index()).constant)
      fail<TapeError>("custom_gradient",
                      "the function uses a variable around it, to which the rule gives no gradient: make it an input: ",
                      v.name(), v.name().empty() ? "" : " ", Dims(v.shape()));
  auto of_inputs = [rule, n = inputs.size()](const auto& ct, const auto& y, const std::vector<Variable<T>>& x) {
    auto found = rule(ct, y, std::vector<Variable<T>>(x.begin(), x.begin() + std::ptrdiff_t(n)));
    if (found.size() == n) found.resize(x.size());  // constants around it
    return found;
  };
  return record_call<T>(body, std::make_shared<const Call<T>>("custom_gradient", body.function, of_inputs), inputs);
}

#define AUTODIFF_CALL(T)                                                                                      \
  template class Call<T>;                                                                                     \
  template std::vector<Variable<T>> record_call(const BodyOf<T>&, const std::shared_ptr<const Primitive<T>>&, \
                                                const std::vector<Variable<T>>&);                             \
  template std::vector<Variable<T>> checkpoint(const Body<T>&, const std::vector<Variable<T>>&);              \
  template std::vector<Variable<T>> custom_gradient(const Body<T>&, const GradientRule<T>&,                   \
                                                    const std::vector<Variable<T>>&);
AUTODIFF_CALL(float)
AUTODIFF_CALL(double)

}  // namespace detail

}  // namespace autodiff
