#include "module.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "visit.hpp"

namespace nn {

using autodiff::fail;
using autodiff::TapeError;
using autodiff::ValueError;

namespace detail {

/// Tells the direct members of a module their names, the first one of what is listed twice. Done at every call, as
/// members may have been replaced; only where one has another name it has to look closer.
template <Real T>
class Naming final : public Members<T> {
 public:
  explicit Naming(Module<T>& module) {
    module.members(*this);
    if (differs_) closer_ = true, module.members(*this);
  }
  void operator()(std::string_view name, Parameter<T>& parameter) override { tell(name, parameter.name_); }
  void operator()(std::string_view name, Module<T>& module) override { tell(name, module.name_); }
  static const Name& of(const Parameter<T>& parameter) { return parameter.name_; }
  static const Name& of(const Module<T>& module) { return module.name_; }

 private:
  void enter(std::string_view name) override { lists_ += std::string(name) + "/"; }
  void leave() override { lists_.resize(lists_.find_last_of('/', lists_.size() - 2) + 1); }
  void tell(std::string_view name, Name& its) {
    const std::string in_list = lists_.empty() ? "" : lists_ + std::string(name);
    if (!in_list.empty()) name = in_list;
    if (!closer_)
      differs_ = differs_ || !its.is(name, this->also());
    else if (told_.insert(&its).second)
      its.set(name, this->also());
  }

  std::string lists_;  // "blocks/" within the vector of this name
  bool differs_ = false, closer_ = false;
  std::set<const void*> told_;
};

/// Goes through all parameters and states below a module, each once, under its full name.
template <Real T>
class Walk : public Members<T> {
 public:
  void operator()(std::string_view name, Parameter<T>& parameter) final {
    std::string full = this->full(name);
    if (listed_.insert(&parameter).second) meet(std::move(full), parameter);
  }
  void operator()(std::string_view name, Module<T>& module) final {
    std::string full = this->full(name);
    if (!listed_.insert(&module).second) return;
    const std::string outer = std::exchange(path_, std::move(full) + ".");
    below(module);
    path_ = outer;
  }

 protected:
  ~Walk() = default;
  virtual void meet(std::string full, Parameter<T>& parameter) = 0;
  virtual void below(Module<T>& module) { walk(module); }
  void walk(Module<T>& module) {
    listed_.insert(&module);
    const Naming<T> naming(module);
    module.members(*this);
  }

 private:
  void enter(std::string_view name) override { path_ = full(name) + "."; }
  void leave() override { path_.resize(path_.find_last_of('.', path_.size() - 2) + 1); }
  std::string full(std::string_view name) {
    std::string full = path_ + std::string(name);
    if (name.empty() || name.find_first_of("./#") != name.npos)
      fail<ValueError>("module", "the name of a member must not be empty or hold '.', '/' or '#': \"", full, '"');
    if (!names_.insert(full).second) fail<ValueError>("module", "two members have one name: \"", full, '"');
    return full;
  }

  std::string path_;
  std::set<std::string> names_;
  std::set<const void*> listed_;
};

/// Collects the parameters below a module, or the states, under their full names.
template <Real T>
class Collecting final : public Walk<T> {
 public:
  Collecting(Module<T>& module, bool states) : states_(states) { this->walk(module); }
  std::vector<Named<T>> found;

 private:
  void meet(std::string full, Parameter<T>& parameter) override {
    if (parameter.is_state() == states_) found.push_back({std::move(full), parameter});
  }
  bool states_;
};

/// Enters them on a tape, those that were not used yet in the scopes that they would have been used in.
template <Real T>
class Entering final : public Walk<T> {
 public:
  Entering(Module<T>& module, bool states, const Variable<T>& x) : states_(states), x_(x) {
    if (!x.recorded())
      fail<TapeError>("variables", "x is a plain value, recorded on no tape: ", autodiff::Dims(x.shape()));
    this->walk(module);
  }
  std::vector<Variable<T>> found;

 private:
  void meet(std::string full, Parameter<T>& parameter) override {
    if (parameter.is_state() != states_) return;
    const auto& variable = found.emplace_back(parameter.beside(x_));
    // A forward may have used it elsewhere first, as with tied weights.
    std::ranges::replace(full, '.', '/');
    const Name& name = Naming<T>::of(parameter);
    if (!("/" + variable.name()).ends_with("/" + full)) x_.tape().name(variable.index(), name.text(), name.also());
  }
  void below(Module<T>& module) override {
    const Name& name = Naming<T>::of(module);
    const auto scope = x_.tape().scope(name.text(), name.also());
    this->walk(module);
  }
  bool states_;
  const Variable<T>& x_;
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
  module.of_its_own_.store(true, std::memory_order_relaxed);
  return Collecting<T>(module, states).found;
}

namespace {
template <Real T>
thread_local const Call<T>* innermost = nullptr;

constexpr auto advice = ": add m(\"name\", member) there; or, if it is a model of its own, that is only read, say ";
}  // namespace

template <Real T>
Call<T>::Call(Module<T>& module) : module_(module), outer_(innermost<T>) {
  innermost<T> = this;
}
template <Real T>
Call<T>::~Call() {
  innermost<T> = outer_;
}

template <Real T>
void check_listed(Module<T>& module) {
  if (!innermost<T> || module.of_its_own_.load(std::memory_order_relaxed)) return;
  for (const auto* call = innermost<T>; call; call = call->outer_)
    if (&call->module_ == &module) return;  // it calls itself
  std::string shapes;
  for (const bool states : {false, true})
    for (const auto& [name, parameter] : Collecting<T>(module, states).found)
      shapes += (shapes.empty() ? "" : ", ") + name + " " + autodiff::to_string(autodiff::Dims(parameter.shape()));
  if (shapes.empty()) return;
  const std::string outer = innermost<T>->module_.kind();
  fail<ValueError>("module", "the forward of ", outer, " uses a ", module.kind(), " (", shapes,
                   ") that its members() does not list", advice, "trainable(false) of it");
}

template <Real T>
void check_listed(Parameter<T>& parameter) {
  if (!innermost<T> || !parameter.trainable()) return;
  fail<ValueError>("module", "the forward of ", innermost<T>->module_.kind(),
                   " uses a parameter that its members() does not list", advice,
                   "trainable(false) of it: ", autodiff::Dims(parameter.shape()));
}

}  // namespace detail

template <Real T>
Variable<T> Module<T>::forward(const Variable<T>& x) {
  const auto results = forward(std::vector{x});
  if (results.empty()) fail<ValueError>("module", "a ", kind(), " defines no forward");
  return only(results);
}

/// Nothing, which says that only the other one is defined.
template <Real T>
std::vector<Variable<T>> Module<T>::forward(const std::vector<Variable<T>>&) {
  return {};
}

/// Calls it in the scope of the module's name, on the tape of x.
template <Real T>
template <class F>
auto Module<T>::inside(const Variable<T>& x, F&& forward) {
  const detail::Naming<T> naming(*this);
  std::optional<typename autodiff::Tape<T>::Scope> scope;
  std::optional<autodiff::ErrorScope> error_scope;
  const std::string& name = name_.text();
  if (name.empty())
    detail::check_listed(*this);
  else if (x.recorded())
    scope.emplace(x.tape(), name, name_.also());
  else
    error_scope.emplace(name);
  const detail::Call<T> call(*this);
  return forward();
}

template <Real T>
Variable<T> Module<T>::operator()(const Variable<T>& x) {
  return inside(x, [&] {
    const Variable<T> y = forward(x);
    if (output_shape_) *output_shape_ = y.shape();
    return y;
  });
}

template <Real T>
std::vector<Variable<T>> Module<T>::call(const std::vector<Variable<T>>& inputs) {
  if (inputs.empty()) fail<ValueError>("module", "a ", kind(), " needs an input");
  const auto recorded = std::ranges::find_if(inputs, [](const auto& x) { return x.recorded(); });
  return inside(recorded == inputs.end() ? inputs[0] : *recorded, [&] {
    auto results = forward(inputs);
    if (results.empty() && inputs.size() > 1)
      fail<ValueError>("module", "a ", kind(), " takes one input, not ", inputs.size());
    if (results.empty()) results.push_back(forward(inputs[0]));
    if (output_shape_) *output_shape_ = results[0].shape();
    return results;
  });
}

template <Real T>
Variable<T> Module<T>::only(const std::vector<Variable<T>>& results) const {
  if (results.size() != 1)
    fail<ValueError>("module", "a ", kind(), " has ", results.size(), " results, not one: call it with a vector");
  return results[0];
}

template <Real T>
std::vector<Variable<T>> Module<T>::call_or_infer(const std::vector<Variable<T>>& inputs) {
  return std::ranges::any_of(inputs, [](const auto& x) { return x.recorded(); }) ? call(inputs) : infer(inputs);
}

template <Real T>
std::vector<Variable<T>> Module<T>::infer(const std::vector<Variable<T>>& plain) {
  if (!needs_tape_.load(std::memory_order_relaxed)) {
    std::vector<Variable<T>> before;  // what the attempt may change
    if (training_)
      for (const auto& state : states())
        before.push_back(state.parameter.has_value() ? state.parameter.plain() : Variable<T>());
    try {
      return call(plain);
    } catch (const autodiff::PlainError&) {  // it takes derivatives
    }
    if (training_)
      for (std::size_t i = 0; auto& state : states())
        if (const auto& value = before[i++]; value.alive()) state.parameter.assign(value);
  }
  autodiff::Tape<T> tape;
  std::vector<Variable<T>> entered, results;
  for (const auto& x : plain) entered.push_back(tape.variable(x));
  for (const auto& y : call(entered)) results.emplace_back(y.value());
  needs_tape_.store(true, std::memory_order_relaxed);
  return results;
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
  return std::move(detail::Entering<T>(*this, false, x).found);
}

template <Real T>
std::vector<Variable<T>> Module<T>::state_variables(const Variable<T>& x) {
  return std::move(detail::Entering<T>(*this, true, x).found);
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
  for (auto* module : detail::Everything<T>(*this).modules) module->initialised();
}

template void detail::check_listed(Parameter<float>&);
template void detail::check_listed(Parameter<double>&);
template class Module<float>;
template class Module<double>;

}  // namespace nn
