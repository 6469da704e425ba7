// What a report is told of a run of training after every epoch.
#pragma once

#include <functional>
#include <map>
#include <nn/data/source.hpp>
#include <nn/model/module.hpp>
#include <nn/report/report.hpp>
#include <string>
#include <vector>

namespace nn::detail {

using autodiff::Array;
using autodiff::Real;
using autodiff::Tape;
using autodiff::Variable;

/// Looks at a model, and changes nothing. Model, data and report must outlive it.
template <Real T>
class Observer {
 public:
  /// Records the loss that the model has on a batch, and gives it. What the validation data is called is shown.
  using Record = std::function<Variable<T>(Tape<T>& tape, const Batch<T>& batch)>;
  Observer(Module<T>& model, Record record, Source<T>& data, Source<T>* validation, const std::string& validation_name,
           Report& report);

  /// Tells the report what an epoch of so many steps has come to. What the model made of the validation data, if there
  /// is any, are predictions for targets.
  void look(const History& history, std::size_t steps, const Array<T>* predictions, const Array<T>* targets);

 private:
  std::vector<Observed> observe();
  void observe_updates(std::vector<Observed>& observed, std::size_t steps);
  void show_first_layer(const Observed& weights, const Array<T>& value);
  struct Results {
    std::vector<std::size_t> worst;  // samples of the validation data
    std::vector<std::vector<std::size_t>> confusion;
  };
  Results show_results(const Array<T>& predictions, const Array<T>& targets);
  void show_walk(const std::vector<std::size_t>& worst);
  void show_maps(const std::vector<Observed>& observed);

  Module<T>& model_;
  const Record record_;
  Source<T>& data_;
  Source<T>* validation_;
  Report& report_;
  std::map<std::string, Array<T>> before_;  // parameters at the last report
};

extern template class Observer<float>;
extern template class Observer<double>;

}  // namespace nn::detail
