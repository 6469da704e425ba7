// What a run of fit tells its report after every epoch.
#include <algorithm>
#include <cmath>
#include <nn/model/visit.hpp>
#include <numeric>
#include <set>

#include "judge.hpp"
#include "run.hpp"

namespace nn::detail {

namespace {

template <Real T>
Distribution distribution(const Array<T>& a) {
  Distribution result{0, std::vector<std::size_t>(Distribution::bins)};
  for (const T x : std::span(a.data(), a.size()))
    if (std::isfinite(x)) result.most = std::max(result.most, double(std::abs(x)));
  for (const T x : std::span(a.data(), a.size()))
    if (std::isfinite(x)) {
      const double place = result.most > 0 ? (double(x) / result.most + 1) / 2 : 0.5;
      ++result.counts[std::min(Distribution::bins - 1, static_cast<std::size_t>(place * double(Distribution::bins)))];
    }
  return result;
}

const char* role_name(autodiff::Roadmap::Role role) {
  using Role = autodiff::Roadmap::Role;
  switch (role) {
    case Role::output:
      return "output units";
    case Role::hidden:
      return "hidden units";
    case Role::weights:
      return "weights";
    case Role::biases:
      return "biases";
    default:
      return "unclassified";
  }
}

/// How often each class, the rows, was predicted as each; nothing where there are no classes.
template <Real T>
std::vector<std::vector<std::size_t>> confusion(const Array<T>& predictions, const Array<T>& targets) {
  if (predictions.dimension() != 2 || targets.dimension() != 1 || predictions.shape(1) < 2) return {};
  const std::size_t classes = predictions.shape(1);
  std::vector<std::vector<std::size_t>> counts(classes, std::vector<std::size_t>(classes));
  for (std::size_t n = 0; n < targets.size(); ++n) {
    const double target = targets.data()[n];
    if (!(target >= 0) || target >= double(classes) || target != std::floor(target)) return {};
    const T* row = predictions.data() + n * classes;
    ++counts[static_cast<std::size_t>(target)][static_cast<std::size_t>(std::max_element(row, row + classes) - row)];
  }
  return counts;
}

}  // namespace

/// Of the first samples, in inference.
template <Real T>
std::vector<Observed> Run<T>::observe() {
  std::vector<std::size_t> first(std::min(options_.report->options().samples, data_.size()));
  std::iota(first.begin(), first.end(), std::size_t(0));
  const auto batch = data_.batch(first);
  if (batch.weight() == 0) return {};
  const InMode<T> inference(model_, false);
  autodiff::Tape<T> tape;
  std::vector<Variable<T>> given;
  for (const auto* array : batch.arrays()) given.push_back(tape.constant(*array));
  const auto loss = judge(model_, loss_, given, batch.inputs.size(), batch.weights.has_value())[0];

  const auto names = tape.names();
  const std::set<std::string> known(names.begin(), names.end());
  std::vector<Observed> result;
  std::vector<Variable<T>> variables;
  std::vector<std::size_t> rows;
  const auto roadmap = autodiff::explain(loss);
  for (const auto& row : roadmap.rows()) {
    if (known.contains(row.name)) variables.push_back(tape.find(row.name)), rows.push_back(result.size());
    result.push_back({role_name(row.role), row.name, row.layer, row.value, row.gradient, row.zero, row.saturated});
  }
  const auto gradients = autodiff::gradient(loss, variables);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    result[rows[k]].values = distribution(variables[k].value());
    result[rows[k]].gradients = distribution(gradients[k]);
  }
  return result;
}

/// How far each parameter moved since it was asked last.
template <Real T>
void Run<T>::observe_updates(std::vector<Observed>& observed) {
  for (const auto& [name, parameter] : model_.parameters()) {
    const auto& now = parameter.value();
    auto& before = before_[name];
    std::string on_tape = name;
    std::ranges::replace(on_tape, '.', '/');
    double moved = 0, norm = 0;
    for (std::size_t i = 0; i < before.size(); ++i)
      moved += std::pow(double(now.data()[i]) - double(before.data()[i]), 2),
          norm += std::pow(double(now.data()[i]), 2);
    for (auto& row : observed)
      if (row.name == on_tape && before.size() == now.size())
        row.update = norm > 0 ? std::sqrt(moved / norm) / double(std::max<std::size_t>(steps_, 1))
                              : std::numeric_limits<double>::quiet_NaN();
    before = now;
  }
}

template <Real T>
void Run<T>::report(const Array<T>* predictions, const Array<T>* targets) {
  auto observed = observe();
  observe_updates(observed);
  options_.report->add(history_, std::move(observed),
                       predictions ? confusion(*predictions, *targets) : std::vector<std::vector<std::size_t>>());
}

template std::vector<Observed> Run<float>::observe();
template std::vector<Observed> Run<double>::observe();
template void Run<float>::observe_updates(std::vector<Observed>&);
template void Run<double>::observe_updates(std::vector<Observed>&);
template void Run<float>::report(const Array<float>*, const Array<float>*);
template void Run<double>::report(const Array<double>*, const Array<double>*);

}  // namespace nn::detail
