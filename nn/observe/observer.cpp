#include "observer.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <nn/model/visit.hpp>
#include <numeric>
#include <set>

#include "maps.hpp"
#include "pictures.hpp"
#include "results.hpp"
#include "walk.hpp"

namespace nn::detail {

namespace {

constexpr auto replace = nlohmann::json::error_handler_t::replace;
constexpr std::size_t most_filters = 64, most_worst = 12, most_classes = 100;

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

std::vector<std::size_t> first_of(std::size_t most, std::size_t all) {
  std::vector<std::size_t> numbers(std::min(most, all));
  std::iota(numbers.begin(), numbers.end(), std::size_t(0));
  return numbers;
}

template <Real T>
Array<double> doubles(const Array<T>& a) {
  return xt::cast<double>(a);
}

std::string on_tape(std::string parameter) {
  std::ranges::replace(parameter, '.', '/');
  return parameter;
}

}  // namespace

template <Real T>
Observer<T>::Observer(Module<T>& model, Record record, Source<T>& data, Source<T>* validation,
                      const std::string& validation_name, Report& report)
    : model_(model), record_(std::move(record)), data_(data), validation_(validation), report_(report) {
  report_.show("validation", nlohmann::json(validation_name).dump(-1, ' ', false, replace));
  for (const auto& [name, parameter] : model_.parameters()) before_[name] = parameter.value();
}

/// Of the first samples, in inference.
template <Real T>
std::vector<Observed> Observer<T>::observe() {
  const auto batch = data_.batch(first_of(report_.options().samples, data_.size()));
  if (batch.weight() == 0) return {};
  Tape<T> tape;
  const auto loss = record_(tape, batch);

  const auto names = tape.names();
  const std::set<std::string> known(names.begin(), names.end());
  std::vector<Observed> result;
  std::vector<Variable<T>> variables;
  std::vector<std::size_t> rows;
  const auto roadmap = autodiff::explain(loss);
  for (const auto& row : roadmap.rows()) {
    if (known.contains(row.name)) variables.push_back(tape.find(row.name)), rows.push_back(result.size());
    result.push_back(
        {autodiff::Roadmap::name(row.role), row.name, row.layer, row.value, row.gradient, row.zero, row.saturated});
  }
  const auto gradients = autodiff::gradient(loss, variables);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    auto& row = result[rows[k]];
    row.values = distribution(variables[k].value());
    row.gradients = distribution(gradients[k]);
    if (row.layer == 1 && row.role == "weights") show_first_layer(row, variables[k].value());
  }
  return result;
}

/// The weights of a unit as an image, if they are those of one: columns of a product, or filters of a convolution.
template <Real T>
void Observer<T>::show_first_layer(const Observed& weights, const Array<T>& value) {
  const auto sample = picture_form(autodiff::Dims(data_.input_shape()), report_.options());
  if (!sample || value.dimension() < 2) return;
  const bool columns = value.dimension() == 2 && value.shape(0) == sample->height * sample->width * sample->channels;
  const bool filters = value.dimension() == 4 && value.shape(2) > 1 && value.shape(3) > 1 &&
                       (value.shape(1) == 1 || value.shape(1) == 3);
  if (!columns && !filters) return;
  const auto form = columns ? *sample : PictureForm{value.shape(2), value.shape(3), value.shape(1), true};
  const std::size_t units = value.shape(columns ? 1 : 0), inputs = value.size() / units;
  auto pictures = nlohmann::json::array();
  std::vector<double> unit(inputs);
  for (std::size_t j = 0; j < std::min(units, most_filters); ++j) {
    for (std::size_t i = 0; i < inputs; ++i)
      unit[i] = static_cast<double>(value.data()[columns ? i * units + j : j * inputs + i]);
    pictures.push_back(signed_picture(unit, form, weights.values.most));
  }
  report_.show(
      "filters",
      nlohmann::json{
          {"name", weights.name}, {"units", units}, {"most", short_number(weights.values.most)}, {"pictures", pictures}}
          .dump());
}

/// How far each parameter moved since it was asked last.
template <Real T>
void Observer<T>::observe_updates(std::vector<Observed>& observed, std::size_t steps) {
  for (const auto& [name, parameter] : model_.parameters()) {
    const auto& now = parameter.value();
    auto& before = before_[name];
    double moved = 0, norm = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double value = now.data()[i], change = value - before.data()[i];
      moved += change * change, norm += value * value;
    }
    for (auto& row : observed)
      if (row.name == on_tape(name) && before.size() == now.size())
        row.update = norm > 0 ? std::sqrt(moved / norm) / double(std::max<std::size_t>(steps, 1))
                              : std::numeric_limits<double>::quiet_NaN();
    before = now;
  }
}

template <Real T>
typename Observer<T>::Results Observer<T>::show_results(const Array<T>& predictions, const Array<T>& targets) {
  const auto said = doubles(predictions), truth = doubles(targets);
  const auto classes = classified(said, truth);
  Results results;
  if (classes) {
    if (classes->probabilities.shape(1) <= most_classes) results.confusion = confusion(*classes);
    report_.show("calibration", calibration_of(*classes));
    report_.show("roc", roc_of(*classes));
  }
  const auto& worst = results.worst = worst_of(classes, said, truth, most_worst);
  if (!worst.empty()) {
    const auto batch = validation_->batch(worst);
    report_.show("worst", worst_text(worst, doubles(batch.inputs[0]), classes, said, truth, report_.options()));
  }
  return results;
}

/// Through the samples that were missed most and the first one.
template <Real T>
void Observer<T>::show_walk(const std::vector<std::size_t>& worst) {
  std::vector<std::string> walks;
  const auto add = [&](Source<T>& from, std::size_t number, const std::string& name) {
    const auto batch = from.batch(std::span(&number, 1));
    if (batch.weight() == 0) return;
    Tape<T> tape;
    try {
      if (auto walk = walk_through(record_(tape, batch), batch, name, report_.options())) walks.push_back(*walk);
    } catch (const autodiff::Error&) {  // a loss may need more samples than one
    }
  };
  for (std::size_t k = 0; k < std::min<std::size_t>(worst.size(), 2); ++k)
    add(*validation_, worst[k], "sample " + std::to_string(worst[k]) + ", missed " + (k ? "next" : "most"));
  add(data_, 0, "sample 0 of those to train with");
  std::string text;
  for (const auto& walk : walks) text += (text.empty() ? "[" : ",") + walk;
  if (!walks.empty()) report_.show("walk", text + ']');
}

/// What the model, and each of its hidden units, says all over the plane of two features.
template <Real T>
void Observer<T>::show_maps(const std::vector<Observed>& observed) {
  if (data_.input_shapes().size() != 1 || data_.target_shapes().empty()) return;
  if (autodiff::count(autodiff::Dims(data_.input_shape())) != 2) return;
  constexpr std::size_t most_points = 300;
  const auto samples = data_.batch(first_of(most_points, data_.size()));
  const auto targets = doubles(samples.targets[0]);
  const bool classes =
      classified(doubles(model_(std::vector{Variable<T>(samples.inputs[0])})[0].value()), targets).has_value();
  const Grid grid(doubles(samples.inputs[0]));

  auto shape = samples.inputs[0].shape();
  shape[0] = grid.points.shape(0);
  Array<T> inputs(shape);
  std::ranges::transform(grid.points, inputs.begin(), [](double x) { return static_cast<T>(x); });
  Tape<T> tape;
  const auto predictions = model_(std::vector{tape.constant(inputs)})[0];
  const auto names = tape.names();
  const std::set<std::string> known(names.begin(), names.end());
  std::vector<UnitsThere> units;
  std::set<std::size_t> layers;
  for (const auto& row : observed)  // from the loss down: what a layer gives comes before what its function is given
    if (row.role == "hidden units" && known.contains(row.name) && layers.insert(row.layer).second)
      units.insert(units.begin(), {row.name, doubles(tape.find(row.name).value())});
  report_.show("points", points_text(doubles(samples.inputs[0]), targets, classes));
  report_.show_of_epoch("map", map_text(grid, doubles(predictions.value()), units, classes));
}

template <Real T>
void Observer<T>::look(const History& history, std::size_t steps, const Array<T>* predictions,
                       const Array<T>* targets) {
  const InMode<T> inference(model_, false);
  auto observed = observe();
  observe_updates(observed, steps);
  Results results;
  if (predictions) results = show_results(*predictions, *targets);
  show_walk(results.worst);
  try {
    show_maps(observed);
  } catch (const autodiff::Error&) {  // a model of indices refuses what lies between them
  }
  report_.add(history, std::move(observed), std::move(results.confusion));
}

template class Observer<float>;
template class Observer<double>;

}  // namespace nn::detail
