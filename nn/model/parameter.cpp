#include "parameter.hpp"

#include <algorithm>
#include <mutex>

#include "visit.hpp"

namespace nn {

namespace {

/// Of what a parameter knows of tapes: threads may record with it at once, each on a tape of its own. Parameters share
/// a few, so that each can be copied.
std::mutex& guard_of(const void* parameter) {
  static std::mutex guards[64];
  return guards[std::hash<const void*>()(parameter) / 64 % 64];
}

template <Real T>
thread_local const detail::ReadAs<T>* read_as = nullptr;

}  // namespace

template <Real T>
detail::ReadAs<T>::ReadAs(const Parameter<T>& parameter, Variable<T> value)
    : parameter_(parameter), value_(std::move(value)), outer_(std::exchange(read_as<T>, this)) {}
template <Real T>
detail::ReadAs<T>::~ReadAs() {
  read_as<T> = outer_;
}
template <Real T>
const Variable<T>* detail::ReadAs<T>::of(const Parameter<T>& parameter) {
  for (const auto* each = read_as<T>; each; each = each->outer_)
    if (&each->parameter_ == &parameter) return &each->value_;
  return nullptr;
}

template <Real T>
Parameter<T>::Parameter(Shape shape, Initialiser initialiser, Trainable trainable, PyTorchLayout in_pytorch)
    : shape_(std::move(shape)),
      initialiser_(std::move(initialiser)),
      trainable_(trainable),
      in_pytorch_(std::move(in_pytorch)) {
  Shape order(in_pytorch_.axes.begin(), in_pytorch_.axes.end());
  std::ranges::sort(order);
  for (std::size_t k = 0; k < order.size(); ++k)
    if (order[k] != k || order.size() != shape_.size())
      autodiff::fail<autodiff::ValueError>(
          "parameter", "the axes in PyTorch must be an order of all axes: ", autodiff::Dims(shape_));
}

template <Real T>
Parameter<T>::Parameter(const Parameter& from)
    : shape_(from.shape_),
      initialiser_(from.initialiser_),
      trainable_(from.trainable_),
      in_pytorch_(from.in_pytorch_),
      frozen_(from.frozen_),
      value_(std::make_shared<Variable<T>>(from.has_value() ? *from.value_ : Variable<T>())) {}

template <Real T>
Parameter<T>& Parameter<T>::operator=(const Parameter& from) {
  shape_ = from.shape_;
  initialiser_ = from.initialiser_;
  trainable_ = from.trainable_;
  in_pytorch_ = from.in_pytorch_;
  frozen_ = from.frozen_;
  if (!value_) value_ = std::make_shared<Variable<T>>();
  *value_ = from.has_value() ? *from.value_ : Variable<T>();  // where programs read it
  entered_.clear();
  return *this;
}

template <Real T>
const Variable<T>& Parameter<T>::plain() const {
  if (!has_value())
    autodiff::fail<autodiff::ValueError>(
        "parameter", name_.text(), name_.text().empty() ? "" : " ",
        "has no value yet: initialise(seed) the model, or assign one: ", autodiff::Dims(shape_));
  return *value_;
}

template <Real T>
void Parameter<T>::initialise(Random random) {
  assign(autodiff::to_array<T>(initialiser_(shape_, random)));
}

template <Real T>
void Parameter<T>::assign(const Variable<T>& value) {
  if (!std::ranges::equal(value.shape(), shape_))
    autodiff::fail<autodiff::ShapeError>("parameter", name_.text(), name_.text().empty() ? "" : " ",
                                         "cannot take a value of another shape: ", autodiff::Dims(shape_), " and ",
                                         autodiff::Dims(value.shape()));
  if (!value_) value_ = std::make_shared<Variable<T>>();  // it was moved from
  if (value.abstract() && value.recorded())
    value.tape().replaces({value_, name_.text(), value, [this](const auto& next) { this->assign(next); }});
  if (!value.abstract()) *value_ = value.recorded() ? value.tape().plain(value.index()) : value;
  entered_.clear();
  if (value.recorded()) entered_.push_back(value.place());
}

template <Real T>
Variable<T> Parameter<T>::beside(const Variable<T>& x) {
  if (const auto* value = detail::ReadAs<T>::of(*this)) return *value;
  if (name_.text().empty()) detail::check_listed(*this);
  if (!x.recorded()) return plain();
  auto& tape = x.tape().outermost();  // the body of a function takes it from there
  if (!tape.recording() && !tape.abstract()) return plain();
  const std::lock_guard lock(guard_of(this));
  const auto* now = &plain().value();  // throws where there is none
  std::erase_if(entered_, [&](const auto& place) {
    return tape.holds(place) ? !tape.abstract() && tape.node(place.index).value.get() != now : !place.alive();
  });
  for (auto* around = &x.tape(); around; around = around->outer())
    for (const auto& place : entered_)
      if (around->holds(place)) return around->recorded(place.index);
  const std::string &name = name_.text(), &also = name_.also();
  const auto entered = is_state() ? tape.constant(value_, name) : tape.variable(value_, name);
  if (!also.empty()) tape.name(entered.index(), name, also);
  entered_.push_back(entered.place());
  return entered;
}

template class detail::ReadAs<float>;
template class detail::ReadAs<double>;
template class Parameter<float>;
template class Parameter<double>;

}  // namespace nn
