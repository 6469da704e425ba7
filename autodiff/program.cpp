#include "program.hpp"

#include <algorithm>

#include "program/plan.hpp"

namespace autodiff {

std::string ProgramReport::text() const {
  std::ostringstream text;
  text << nodes << " nodes: " << folded << " folded, " << merged << " merged, " << viewed << " views; " << instructions
       << " instructions, " << in_place << " in place; " << bytes << " bytes, " << unplanned_bytes
       << " without planning\n";
  return text.str();
}

template <Real T>
Program<T>::Program(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                    const std::vector<Update<T>>& updates) {
  ProgramReport report;
  auto graph = detail::build_graph(inputs, outputs, updates, report);
  detail::merge_equal(graph, report);
  detail::fold_constants(graph, report);
  plan_ = std::make_unique<detail::Plan<T>>(std::move(graph), report);
}

template <Real T>
Program<T>::~Program() = default;
template <Real T>
Program<T>::Program(Program&&) noexcept = default;
template <Real T>
Program<T>& Program<T>::operator=(Program&&) noexcept = default;

template <Real T>
const std::vector<Array<T>>& Program<T>::operator()(const std::vector<Array<T>>& inputs) {
  return plan_->run(inputs);
}

template <Real T>
const Array<T>& Program<T>::state(std::size_t number) const {
  return plan_->state(number);
}

template <Real T>
void Program<T>::state(std::size_t number, const Array<T>& value) {
  Array<T>& state = plan_->state(number);
  if (!std::ranges::equal(state.shape(), value.shape()))
    fail<ShapeError>("program", "state ", number, " cannot take another shape: ", Dims(value.shape()), " and ",
                     Dims(state.shape()));
  std::ranges::copy(value, state.begin());
}

template <Real T>
const ProgramReport& Program<T>::report() const {
  return plan_->report();
}

template class Program<float>;
template class Program<double>;

}  // namespace autodiff
