#include "sides.hpp"

#include <algorithm>

namespace autodiff::detail {

template <Real T>
Sides<T> record_sides(std::string_view caller, const std::vector<Body<T>>& bodies,
                      const std::vector<Variable<T>>& inputs) {
  Tape<T>::check_operands(caller, inputs);
  std::vector<Shape> shapes;
  for (const auto& input : inputs) shapes.push_back(input.shape());
  std::vector<BodyOf<T>> recorded;
  Sides<T> sides;
  for (const auto& body : bodies) {
    recorded.push_back(record_body<T>(caller, body, shapes, inputs));
    const auto& made = recorded.back();
    if (!made.replaced.empty())
      fail<TapeError>(caller, "a function replaces ", made.replaced[0].name,
                      ", though it may run any number of times: call its module in inference");
    for (const auto& v : made.captured) sides.captured.push_back(v), shapes.push_back(v.shape());
    shapes.resize(inputs.size());
  }
  for (const auto& v : sides.captured) shapes.push_back(v.shape());
  std::size_t first = inputs.size();
  for (const auto& made : recorded) {
    Tape<T> tape(TapeMode::abstract);
    std::vector<Variable<T>> all, own;
    for (const auto& shape : shapes) all.push_back(tape.input(shape));
    own.assign(all.begin(), all.begin() + std::ptrdiff_t(inputs.size()));
    own.insert(own.end(), all.begin() + std::ptrdiff_t(first),
               all.begin() + std::ptrdiff_t(first + made.captured.size()));
    first += made.captured.size();
    const auto results = made.function->results_of(made.function->record(tape, own));
    sides.functions.push_back(std::make_shared<const RecordedFunction<T>>(caller, tape, all, results));
  }
  return sides;
}

template Sides<float> record_sides(std::string_view, const std::vector<Body<float>>&,
                                   const std::vector<Variable<float>>&);
template Sides<double> record_sides(std::string_view, const std::vector<Body<double>>&,
                                    const std::vector<Variable<double>>&);

}  // namespace autodiff::detail
