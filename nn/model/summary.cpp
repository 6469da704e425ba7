// The table of a model: modules, kinds, output shapes, counts.
#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iomanip>
#include <set>
#include <sstream>
#include <typeinfo>
#include <utility>

#include "module.hpp"

namespace nn {

namespace detail {

/// Watches all modules while it lives, in inference and with zeros for missing values; then leaves them as they were.
template <Real T>
class Summary final : public Members<T> {
 public:
  explicit Summary(Module<T>& model) : Summary() { (*this)("", model); }  // and ~Summary where that throws
  ~Summary() {
    for (auto& row : rows_) row.module.training_ = row.training, row.module.output_shape_ = nullptr;
    for (auto& [parameter, before] : filled_) parameter = before;
  }
  Summary(const Summary&) = delete;

  void operator()(std::string_view, Parameter<T>& parameter) override {
    if (!met_.insert(&parameter).second) return;
    (parameter.is_state() ? at_->states : at_->parameters) += parameter.size();
    if (!parameter.is_state() && !parameter.trainable()) frozen_ += parameter.size();
    if (parameter.has_value()) return;
    filled_.push_back({parameter, parameter});
    parameter.assign(Array<T>(xt::zeros<T>(parameter.shape())));
  }
  void operator()(std::string_view name, Module<T>& module) override {
    if (!met_.insert(&module).second) return;
    Row* const above = at_;
    const std::string path = above && !above->name.empty() ? above->name + "." : "";
    const std::string list = std::exchange(list_, "");
    at_ = &rows_.emplace_back(Row{path + list + std::string(name), module, module.training_});
    module.training_ = false;
    module.output_shape_ = &at_->output;
    module.members(*this);
    at_ = above;
    list_ = list;
  }

  std::string text() const {
    std::vector<std::array<std::string, 5>> cells{{"module", "kind", "output", "parameters", "states"}};
    std::size_t parameters = 0, states = 0;
    for (const auto& row : rows_) {
      cells.push_back({row.name.empty() ? "(model)" : row.name, row.module.kind(),
                       row.output ? autodiff::to_string(*row.output) : "-", std::to_string(row.parameters),
                       std::to_string(row.states)});
      parameters += row.parameters, states += row.states;
    }
    cells.push_back({"total", "", "", std::to_string(parameters), std::to_string(states)});
    if (frozen_ > 0) cells.push_back({"trainable", "", "", std::to_string(parameters - frozen_), ""});
    std::array<std::size_t, 5> widths{};
    for (const auto& line : cells)
      for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
    std::ostringstream text;
    for (const auto& line : cells) {
      for (std::size_t i = 0; i < line.size(); ++i)
        text << (i ? "  " : "") << (i < 3 ? std::left : std::right) << std::setw(static_cast<int>(widths[i]))
             << line[i];
      text << '\n';
    }
    return text.str();
  }

 private:
  struct Row {
    std::string name;
    Module<T>& module;
    bool training;
    std::optional<Shape> output{};
    std::size_t parameters = 0, states = 0;
  };
  struct Filled {
    Parameter<T>& parameter;
    Parameter<T> before;
  };
  Summary() = default;
  void enter(std::string_view name) override { list_ += std::string(name) + "."; }
  void leave() override { list_.resize(list_.find_last_of('.', list_.size() - 2) + 1); }

  std::deque<Row> rows_;  // which stay where they are
  std::deque<Filled> filled_;
  std::set<const void*> met_;
  Row* at_ = nullptr;
  std::string list_;  // "blocks." within the vector of this name
  std::size_t frozen_ = 0;
};

}  // namespace detail

namespace {

/// "Linear" of "nn::Linear<float>", also where the compiler says "(anonymous namespace)::f(int)::Linear<float>".
std::string class_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> full(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status),
                                                    std::free);
  std::string name = full ? full.get() : type.name();
  if (name.ends_with('>')) {  // its own arguments, which may hold any others
    std::size_t begin = name.size() - 1;
    for (int open = 1; open > 0 && begin > 0;) --begin, open += (name[begin] == '>') - (name[begin] == '<');
    name.resize(begin);
  }
  const auto outer = name.rfind("::");
  return outer == name.npos ? name : name.substr(outer + 2);
}

}  // namespace

template <Real T>
std::string Module<T>::kind() const {
  return class_name(typeid(*this));
}

template <Real T>
std::string Module<T>::summary(std::span<const Shape> inputs) {
  parameters();  // throws for bad names
  detail::Summary<T> summary(*this);
  std::vector<Variable<T>> zeros;
  for (const auto& input : inputs) zeros.emplace_back(Array<T>(xt::zeros<T>(input)));
  infer(zeros);
  return summary.text();
}

template std::string Module<float>::kind() const;
template std::string Module<double>::kind() const;
template std::string Module<float>::summary(std::span<const Shape>);
template std::string Module<double>::summary(std::span<const Shape>);

}  // namespace nn
