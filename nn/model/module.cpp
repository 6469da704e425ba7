#include "module.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace nn {

using autodiff::fail;
using autodiff::TapeError;
using autodiff::ValueError;

namespace detail {

/// Tells the direct members of a module their names. Done at every call, as members may have been replaced.
template <Real T>
class Naming final : public Members<T> {
 public:
  void operator()(std::string_view name, Parameter<T>& parameter) override { parameter.name_.set(name); }
  void operator()(std::string_view name, Module<T>& module) override { module.name_.set(name); }
};

/// Collects the parameters below a module, or the states, under their full names.
template <Real T>
class Collecting final : public Members<T> {
 public:
  explicit Collecting(bool states) : states_(states) {}
  void operator()(std::string_view name, Parameter<T>& parameter) override {
    naming_(name, parameter);
    std::string full = enter(name);
    if (!listed_.insert(&parameter).second)
      fail<ValueError>("module", "a parameter is listed a second time: \"", full, '"');
    if (parameter.is_state() == states_) found.push_back({std::move(full), parameter});
  }
  void operator()(std::string_view name, Module<T>& module) override {
    naming_(name, module);
    const std::string outer = std::exchange(path_, enter(name) + ".");
    module.members(*this);
    path_ = outer;
  }

  std::vector<Named<T>> found;

 private:
  std::string enter(std::string_view name) {
    std::string full = path_ + std::string(name);
    if (name.empty() || name.find_first_of("./") != name.npos)
      fail<ValueError>("module", "the name of a member must not be empty or hold '.' or '/': \"", full, '"');
    if (!names_.insert(full).second) fail<ValueError>("module", "two members have one name: \"", full, '"');
    return full;
  }

  bool states_;
  Naming<T> naming_;
  std::string path_;
  std::set<std::string> names_;
  std::set<const void*> listed_;
};

/// Sets the mode of the modules below one.
template <Real T>
class Switching final : public Members<T> {
 public:
  explicit Switching(bool training) : training_(training) {}
  void operator()(std::string_view, Parameter<T>&) override {}
  void operator()(std::string_view, Module<T>& module) override { module.training(training_); }

 private:
  bool training_;
};

template <Real T>
std::vector<Named<T>> listed(Module<T>& module, bool states) {
  Collecting<T> collecting(states);
  module.members(collecting);
  return std::move(collecting.found);
}

}  // namespace detail

template <Real T>
Variable<T> Module<T>::operator()(const Variable<T>& x) {
  detail::Naming<T> naming;
  members(naming);
  std::optional<typename autodiff::Tape<T>::Scope> scope;
  std::optional<autodiff::ErrorScope> error_scope;
  const std::string& name = name_.text();
  if (!name.empty() && x.recorded())
    scope.emplace(x.tape(), name);
  else if (!name.empty())
    error_scope.emplace(name);
  const Variable<T> y = forward(x);
  if (output_shape_) *output_shape_ = y.shape();
  return y;
}

template <Real T>
Variable<T> Module<T>::infer(Array<T> array) {
  const Variable<T> x(std::move(array));
  if (!needs_tape_.load(std::memory_order_relaxed)) {
    std::vector<Variable<T>> before;  // what the attempt may change
    if (training_)
      for (const auto& state : states())
        before.push_back(state.parameter.has_value() ? state.parameter.plain() : Variable<T>());
    try {
      return (*this)(x);
    } catch (const autodiff::PlainError&) {  // it takes derivatives
    }
    if (training_)
      for (std::size_t i = 0; auto& state : states())
        if (const auto& value = before[i++]; value.alive()) state.parameter.assign(value);
  }
  autodiff::Tape<T> tape;
  const Variable<T> y = (*this)(tape.variable(x));
  needs_tape_.store(true, std::memory_order_relaxed);
  return Variable<T>(y.value());
}

template <Real T>
void Module<T>::training(bool on) {
  training_ = on;
  detail::Switching<T> switching(on);
  members(switching);
}

template <Real T>
std::vector<Named<T>> Module<T>::parameters() {
  return detail::listed(*this, false);
}

template <Real T>
std::vector<Named<T>> Module<T>::states() {
  return detail::listed(*this, true);
}

template <Real T>
void Module<T>::trainable(bool on) {
  for (auto& [name, parameter] : parameters()) parameter.trainable(on);
}

template <Real T>
std::vector<Variable<T>> Module<T>::variables(const Variable<T>& x) {
  return entered(parameters(), x);
}

template <Real T>
std::vector<Variable<T>> Module<T>::state_variables(const Variable<T>& x) {
  return entered(states(), x);
}

template <Real T>
std::vector<Variable<T>> Module<T>::entered(std::vector<Named<T>> listed, const Variable<T>& x) {
  if (!x.recorded())
    fail<TapeError>("variables", "x is a plain value, recorded on no tape: ", autodiff::Dims(x.shape()));
  std::vector<Variable<T>> result;
  for (auto& [name, parameter] : listed) {
    // One that has not been used yet is entered here, in the scope that it would have been used in.
    std::string path = name.substr(0, name.find_last_of('.') == name.npos ? 0 : name.find_last_of('.'));
    std::ranges::replace(path, '.', '/');
    std::optional<typename autodiff::Tape<T>::Scope> scope;
    if (!path.empty()) scope.emplace(x.tape(), path);
    result.push_back(parameter.beside(x));
  }
  return result;
}

template <Real T>
std::size_t Module<T>::parameter_count() {
  std::size_t count = 0;
  for (auto& [name, parameter] : parameters()) count += parameter.size();
  return count;
}

template <Real T>
void Module<T>::initialise(std::uint64_t seed) {
  for (const bool states : {false, true})
    for (auto& [name, parameter] : detail::listed(*this, states)) parameter.initialise(Random(seed, name));
}

template class Module<float>;
template class Module<double>;

}  // namespace nn
