// Module<T>: what a network is built of, and what a user derives layers and whole models from.
#pragma once

#include <memory>
#include <string_view>
#include <type_traits>

#include "parameter.hpp"

namespace nn {

template <Real T>
class Module;

/// What a module lists its members to: m("weight", weight); m("inner", inner).
template <Real T>
class Members {
 public:
  virtual void operator()(std::string_view name, Parameter<T>& parameter) = 0;
  virtual void operator()(std::string_view name, Module<T>& module) = 0;

 protected:
  ~Members() = default;
};

/// A parameter and its full name, "hidden.weight".
template <Real T>
struct Named {
  std::string name;
  Parameter<T>& parameter;
};

/// A function of an array with parameters of its own. A value: a copy is an independent model.
///
/// A model is a class that holds its members, lists them, and says what it computes:
///
///   struct Residual : nn::Module<float> {
///     nn::Linear<float> inner{64, 64};
///     Variable<float> forward(const Variable<float>& x) override { return x + tanh(inner(x)); }
///     void members(nn::Members<float>& m) override { m("inner", inner); }
///   };
///
/// Calling a member opens a tape scope of its name, so that its nodes are named "inner/a" and errors say where.
template <Real T>
class Module {
 public:
  using value_type = T;

  Module() = default;
  // The name belongs to the place in a module, not to the value that is put there.
  Module(const Module&) noexcept {}
  Module& operator=(const Module&) noexcept { return *this; }
  virtual ~Module() = default;

  /// What the module computes: samples along the first axis of x, whatever else the layer asks for.
  virtual Variable<T> forward(const Variable<T>& x) = 0;
  /// Lists parameters and modules by name, always the same and in the same order. Names have no '.' and no '/'.
  virtual void members(Members<T>&) {}

  /// forward, inside the scope of the module's name. Throws what forward throws.
  Variable<T> operator()(const Variable<T>& x);
  /// The same for an array, a lazy expression or a number, off any tape: nothing is recorded.
  template <class A>
  requires(autodiff::ArrayLike<A> || autodiff::Number<A>) Variable<T>
  operator()(A&& x) { return (*this)(Variable<T>(autodiff::to_array<T>(std::forward<A>(x)))); }

  /// All parameters, those of members included, in the order listed. Throws ValueError for a name that is empty, used
  /// twice or holds '.' or '/', and for a parameter listed twice.
  std::vector<Named<T>> parameters();
  /// The same as variables on x's tape, for gradient(loss, model.variables(loss)). Throws ValueError for a parameter
  /// without a value, TapeError when x is plain.
  std::vector<Variable<T>> variables(const Variable<T>& x);
  /// How many numbers the parameters hold.
  std::size_t parameter_count();
  /// Gives every parameter its first value. Each draws from a stream of the seed and its full name, so that a change
  /// to one layer leaves the others as they were. Throws what the initialisers throw.
  void initialise(std::uint64_t seed);

 private:
  friend class detail::Naming<T>;
  std::string name_;
};

/// Holds a copy of a module of any class, and copies it.
template <Real T>
class AnyModule {
 public:
  template <std::derived_from<Module<T>> M>
  AnyModule(M module)
      : module_(std::make_unique<M>(std::move(module))), copy_([](const Module<T>& m) -> std::unique_ptr<Module<T>> {
          return std::make_unique<M>(static_cast<const M&>(m));
        }) {}
  AnyModule(const AnyModule& from) : module_(from.copy_(*from.module_)), copy_(from.copy_) {}
  AnyModule(AnyModule&&) noexcept = default;
  AnyModule& operator=(AnyModule from) noexcept {
    module_ = std::move(from.module_), copy_ = from.copy_;
    return *this;
  }

  Module<T>& operator*() const { return *module_; }
  Module<T>* operator->() const { return module_.get(); }

 private:
  std::unique_ptr<Module<T>> module_;
  std::unique_ptr<Module<T>> (*copy_)(const Module<T>&);
};

extern template class Module<float>;
extern template class Module<double>;

}  // namespace nn
