// Module<T>: what a network is built of, and what a user derives layers and whole models from.
#pragma once

#include <atomic>
#include <concepts>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

#include "parameter.hpp"

namespace nn {

template <Real T>
class Module;

/// A parameter and its full name, "hidden.weight".
template <Real T>
struct Named {
  std::string name;
  Parameter<T>& parameter;
};

namespace detail {
template <Real T>
class Summary;
template <Real T>
class Everything;
template <Real T>
void check_listed(Module<T>& module);
template <Real T>
std::vector<Named<T>> listed(Module<T>& module, bool states);
}  // namespace detail

/// What a member of a module can be: a parameter or a module, or what leads to one, such as std::optional, a pointer or
/// AnyModule.
template <class M, class T>
concept IsMember = std::derived_from<M, Module<T>> || std::derived_from<M, Parameter<T>>;
template <class M, class T>
concept LeadsToMember = !IsMember<M, T> && requires(M & m) {
  requires IsMember<std::remove_cvref_t<decltype(*m)>, T>;
};

/// What a module lists its members to: m("weight", weight); m("inner", inner).
template <Real T>
class Members {
 public:
  /// A parameter, or a module with members of its own.
  virtual void operator()(std::string_view name, Parameter<T>& parameter) = 0;
  virtual void operator()(std::string_view name, Module<T>& module) = 0;
  /// One that is behind a std::optional, a std::unique_ptr or the like: where there is none, nothing is listed.
  template <LeadsToMember<T> M>
  void operator()(std::string_view name, M& maybe) {
    if constexpr (requires { static_cast<bool>(maybe); })
      if (!static_cast<bool>(maybe)) return;
    (*this)(name, *maybe);
  }
  /// All in a std::vector or the like, numbered from 0: m("blocks", blocks) lists "blocks.0", "blocks.1", ...
  template <std::ranges::forward_range Several>
  requires(!IsMember<Several, T>) void operator()(std::string_view name, Several& several) {
    enter(name);
    for (std::size_t number = 0; auto& each : several) (*this)(std::to_string(number++), each);
    leave();
  }
  /// The same with a second name, such as a symbol, by which tapes know the member, too: m("weight", weight, "W").
  template <class M>
  void operator()(std::string_view name, M& member, std::string_view also) {
    also_ = also;
    (*this)(name, member);
    also_ = {};
  }

 protected:
  ~Members() = default;
  /// Between them, what is listed has names below this one.
  virtual void enter(std::string_view) {}
  virtual void leave() {}
  std::string_view also() const { return also_; }

 private:
  std::string_view also_;
};

/// A function of an array with parameters of its own. A value: a copy is an independent model.
///
/// For inference, any number of threads may call one model at once, with arrays or with variables of paused tapes of
/// their own, while nobody trains, changes or summarises it. Where a tape records, and in training, it belongs to one
/// thread at a time. Of your own modules, `forward` in inference and `members` must change nothing.
///
/// A model is a class that holds its members, lists them, and says what it computes:
///
///   struct Gated : nn::Module<float> {
///     nn::Linear<float> value{64, 64}, gate{64, 64};
///     Variable<float> forward(const Variable<float>& x) override { return value(x) * logistic(gate(x)); }
///     void members(nn::Members<float>& m) override { m("value", value), m("gate", gate); }
///   };
///
/// Members may also stand in a std::vector, m("blocks", blocks), or a std::optional or std::unique_ptr. A member that
/// is listed twice, as with tied weights, counts once, under its first name. To tie weights, use `embedding.weight` in
/// forward: a copy of a model that held a reference to it would go on to refer to the weight of the first.
///
/// Calling a member opens a tape scope of its name, so that its nodes are named "inner/a" and errors say where: the
/// nodes of its k-th call are "inner/a#k", see Tape::find. A forward that uses what members() does not list throws
/// ValueError, but for parameters that are frozen and models of their own, which were initialised or listed as such.
template <Real T>
class Module {
 public:
  using value_type = T;

  Module() = default;
  // The name belongs to the place in a module, not to the value that is put there.
  Module(const Module& from) noexcept : training_(from.training_), of_its_own_(from.of_its_own_.load()) {}
  Module& operator=(const Module& from) noexcept {
    training_ = from.training_;
    ++assigned_;
    return *this;
  }
  virtual ~Module() = default;

  /// What the module computes: samples along the first axis of x, whatever else the layer asks for. A module defines
  /// this or the following.
  virtual Variable<T> forward(const Variable<T>& x);
  /// The same of several inputs, such as sequences and their mask, or with several results: `return {y};` gives one.
  virtual std::vector<Variable<T>> forward(const std::vector<Variable<T>>& inputs);
  /// Lists parameters and modules by name, always the same and in the same order. Names have no '.', '/' or '#'.
  virtual void members(Members<T>&) {}
  /// What else there is to do once all parameters have their first values, where some follow from others.
  virtual void initialised() {}
  /// What a summary calls the module: the name of its class, if a derived class does not know better.
  virtual std::string kind() const;

  /// forward, inside the scope of the module's name. Throws what forward throws, and ValueError where the module takes
  /// another number of inputs, or gives other than one result.
  Variable<T> operator()(const Variable<T>& x);
  /// The same of several inputs, variables and what becomes one beside them: model(x, mask).
  template <autodiff::AnyOperand... A>
  requires(sizeof...(A) > 1) Variable<T>
  operator()(A&&... inputs) { return only(call_or_infer({autodiff::to_variable<T>(std::forward<A>(inputs))...})); }
  /// Any number of inputs, which may be plain, and of results.
  std::vector<Variable<T>> operator()(const std::vector<Variable<T>>& inputs) { return call_or_infer(inputs); }
  /// The same for an array, a lazy expression or a number, as a plain value: nothing stays recorded. A forward that
  /// takes derivatives by its input gets a tape of its own.
  template <class A>
  requires(autodiff::ArrayLike<A> || autodiff::Number<A>) Variable<T>
  operator()(A&& x) { return only(infer({Variable<T>(autodiff::to_array<T>(std::forward<A>(x)))})); }

  /// Whether this module and all below it work as in training, where some layers differ: BatchNorm takes the statistics
  /// of the batch and keeps running ones, Dropout drops units. Off at first, and copied.
  void training(bool on);
  bool training() const { return training_; }

  /// Freezes all parameters of this module and those below it, or lets training descend on them again. Frozen ones stay
  /// in the model and its file, and cost no gradient. A TrainingStep trains what can be trained when it is made.
  void trainable(bool on);

  /// All parameters, those of members included, in the order listed, be they frozen or not. Throws ValueError for a
  /// name that is empty, used twice or holds '.', '/' or '#'. One listed twice is there once, under its first name.
  std::vector<Named<T>> parameters();
  /// The others: what layers themselves set from step to step. Throws what parameters() throws.
  std::vector<Named<T>> states();
  /// The parameters as variables on x's tape, for gradient(loss, model.variables(loss)). Throws ValueError for a
  /// parameter without a value, TapeError when x is plain.
  std::vector<Variable<T>> variables(const Variable<T>& x);
  /// The states as variables on x's tape: before a forward pass is recorded in training, what it starts from; after it,
  /// the next values. Throws what variables() throws.
  std::vector<Variable<T>> state_variables(const Variable<T>& x);
  /// How many numbers the parameters hold, without the states.
  std::size_t parameter_count();
  /// Gives every parameter and state its first value. Each draws from a stream of the seed and its full name, so that a
  /// change to one layer leaves the others as they were. Throws what the initialisers throw.
  void initialise(std::uint64_t seed);

  /// A table of all modules by full name: kind, shape of the output, numbers in parameters and states of their own; and
  /// the totals. `input` is the shape of a batch, such as (1, 64). The outputs are those of zeros in inference; nothing
  /// is recorded or changed, and the model need not be initialised. Throws what forward throws.
  std::string summary(const Shape& input) { return summary(std::span(&input, 1)); }
  std::string summary(std::span<const Shape> inputs);

 private:
  friend class detail::Naming<T>;
  friend class detail::Summary<T>;
  friend class detail::Everything<T>;
  friend void detail::check_listed<T>(Module<T>&);
  friend std::vector<Named<T>> detail::listed<T>(Module<T>&, bool);
  template <class F>
  auto inside(const Variable<T>& x, F&& forward);
  std::vector<Variable<T>> call(const std::vector<Variable<T>>& inputs);
  std::vector<Variable<T>> infer(const std::vector<Variable<T>>& plain);
  std::vector<Variable<T>> call_or_infer(const std::vector<Variable<T>>& inputs);
  Variable<T> only(const std::vector<Variable<T>>& results) const;

  detail::Name name_;
  bool training_ = false;
  std::size_t assigned_ = 0;                      // how often: it may compute something else than before
  std::atomic<bool> needs_tape_ = false;          // its forward takes derivatives, as an earlier call found
  std::atomic<bool> of_its_own_ = false;          // it was asked what it lists: a model, and not forgotten in another
  std::optional<Shape>* output_shape_ = nullptr;  // where a summary wants to read it
};

/// Holds a copy of a module of any class, and copies it. Copying throws ValueError where the class has no copies, as
/// that of a module that holds a std::unique_ptr.
template <Real T>
class AnyModule {
 public:
  template <std::derived_from<Module<T>> M>
  AnyModule(M module)
      : module_(std::make_unique<M>(std::move(module))), copy_([](const Module<T>& m) -> std::unique_ptr<Module<T>> {
          if constexpr (std::is_copy_constructible_v<M>)
            return std::make_unique<M>(static_cast<const M&>(m));
          else
            autodiff::fail<autodiff::ValueError>("module", "a ", m.kind(),
                                                 " cannot be copied, as what it holds cannot");
        }) {
    if constexpr (std::is_copy_assignable_v<M>)
      assign_ = [](Module<T>& to, const Module<T>& from) { static_cast<M&>(to) = static_cast<const M&>(from); };
  }
  AnyModule(const AnyModule& from) : module_(from.copy_(*from.module_)), copy_(from.copy_), assign_(from.assign_) {}
  AnyModule(AnyModule&&) noexcept = default;
  /// A module of the same class takes the values where it is, so that programs go on reading its parameters.
  AnyModule& operator=(const AnyModule& from) {
    if (this == &from) return *this;
    if (module_ && assign_ && copy_ == from.copy_) {
      assign_(*module_, *from.module_);
    } else {
      module_ = from.copy_(*from.module_), copy_ = from.copy_, assign_ = from.assign_;
    }
    return *this;
  }

  Module<T>& operator*() const { return *module_; }
  Module<T>* operator->() const { return module_.get(); }

 private:
  std::unique_ptr<Module<T>> module_;
  std::unique_ptr<Module<T>> (*copy_)(const Module<T>&);
  void (*assign_)(Module<T>& to, const Module<T>& from) = nullptr;
};

extern template class Module<float>;
extern template class Module<double>;

}  // namespace nn
