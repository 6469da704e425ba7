#include "walk.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "pictures.hpp"

namespace nn::detail {

namespace {

using autodiff::Array;
using autodiff::Real;
using autodiff::Variable;
using Numbers = std::vector<double>;
constexpr std::size_t most_units = 12;

/// a = x W + b and h = f(a); of the input, h alone.
struct Layer {
  std::string name, function = {};
  Numbers a = {}, h = {}, a_gradient = {}, h_gradient = {}, slope = {}, bias = {};  // slope: d h / d a
  Numbers weights = {}, weight_gradients = {};                                      // (units before, units)
  std::vector<std::size_t> shown = {};
  std::size_t units() const { return h.size(); }
};

template <Real T>
Numbers numbers(const Array<T>& a) {
  return {a.begin(), a.end()};
}

template <Real T>
std::optional<Variable<T>> found(const autodiff::Tape<T>& tape, const std::string& name) try {
  return tape.find(name);
} catch (const autodiff::TapeError&) {
  return {};
}

/// The gradient of what a layer reads, if nothing else reads that.
Numbers back(const Layer& layer) {
  Numbers result(layer.weights.size() / layer.units());
  for (std::size_t i = 0; i < result.size(); ++i)
    for (std::size_t j = 0; j < layer.units(); ++j)
      result[i] += layer.weights[i * layer.units() + j] * layer.a_gradient[j];
  return result;
}

bool near(const Numbers& a, const Numbers& b) {
  double apart = 0, size = 0;
  for (std::size_t i = 0; i < a.size() && a.size() == b.size(); ++i)
    apart = std::max(apart, std::abs(a[i] - b[i])), size = std::max(size, std::abs(a[i]));
  return a.size() == b.size() && apart <= 1e-3 * size + 1e-12;
}

template <Real T>
std::optional<Layer> layer_of(const Variable<T>& loss, std::size_t number) {
  auto& tape = loss.tape();
  Layer layer{"layer" + std::to_string(number)};
  const auto weight = found(tape, layer.name + "/W"), a = found(tape, layer.name + "/a");
  if (!weight || !a || weight->value().dimension() != 2 || weight->value().shape(1) != a->size()) return {};
  const auto function = found(tape, layer.name + "/h");
  const auto h = function ? *function : *a;
  const auto gradients = autodiff::gradient(loss, std::vector{*weight, *a, h});
  layer.weights = numbers(weight->value()), layer.weight_gradients = numbers(gradients[0]);
  layer.a = numbers(a->value()), layer.a_gradient = numbers(gradients[1]);
  layer.h = numbers(h.value()), layer.h_gradient = numbers(gradients[2]);
  layer.slope.assign(layer.a.size(), 1);
  if (function) {
    if (const auto& operation = tape.node(h.index()).operation) layer.function = operation->name();
    layer.slope = numbers(autodiff::gradient(autodiff::sum(h), *a));
  }
  if (const auto bias = found(tape, layer.name + "/b")) layer.bias = numbers(bias->value());
  return layer;
}

/// The input first; none where the network is not of this kind, as the numbers show.
template <Real T>
std::vector<Layer> layers_of(const Variable<T>& loss, const Array<T>& input) {
  std::vector<Layer> layers{{"input"}};
  layers[0].h = numbers(input);
  while (const auto next = layer_of(loss, layers.size())) {
    if (next->weights.size() != layers.back().units() * next->units() || next->h.size() != next->a.size()) return {};
    layers.push_back(*next);
  }
  if (layers.size() < 2) return {};
  layers[0].h_gradient = back(layers[1]);
  for (std::size_t k = 1; k < layers.size(); ++k) {
    Numbers through = layers[k].h_gradient;
    for (std::size_t j = 0; j < through.size(); ++j) through[j] *= layers[k].slope[j];
    if (!near(layers[k].a_gradient, through)) return {};
    if (k + 1 < layers.size() && !near(layers[k].h_gradient, back(layers[k + 1]))) return {};
  }
  return layers;
}

void choose(std::vector<Layer>& layers) {
  for (auto& layer : layers) {
    const bool input = &layer == &layers[0];
    const auto matters = [&](std::size_t i) {
      return std::abs(input ? layer.h_gradient[i] * layer.h[i] : layer.a_gradient[i]);
    };
    layer.shown.resize(layer.units());
    std::iota(layer.shown.begin(), layer.shown.end(), std::size_t(0));
    std::ranges::stable_sort(layer.shown, std::greater(), matters);
    layer.shown.resize(std::min(layer.shown.size(), most_units));
    std::ranges::sort(layer.shown);
  }
}

/// How much of the gradient of a unit's pre-activation passes each shown unit of the layers behind, the rest last.
nlohmann::json chain(const std::vector<Layer>& layers, std::size_t k, std::size_t unit) {
  auto result = nlohmann::json::array();
  Numbers tangent(layers[k].units());
  tangent[unit] = layers[k].slope[unit];
  for (++k; k < layers.size(); ++k) {
    const auto& layer = layers[k];
    Numbers next(layer.units()), passes;
    for (std::size_t i = 0; i < tangent.size(); ++i)
      for (std::size_t j = 0; j < next.size() && tangent[i] != 0; ++j)
        next[j] += tangent[i] * layer.weights[i * next.size() + j];
    double rest = std::inner_product(next.begin(), next.end(), layer.a_gradient.begin(), 0.0);
    for (const std::size_t j : layer.shown) passes.push_back(next[j] * layer.a_gradient[j]), rest -= passes.back();
    passes.push_back(layer.shown.size() == layer.units() ? 0 : rest);
    result.push_back(short_numbers(passes));
    for (std::size_t j = 0; j < next.size(); ++j) next[j] *= layer.slope[j];
    tangent = std::move(next);
  }
  return result;
}

nlohmann::json chosen(const Numbers& all, const std::vector<std::size_t>& shown) {
  Numbers result;
  for (const std::size_t i : shown)
    if (i < all.size()) result.push_back(all[i]);
  return short_numbers(result);
}

nlohmann::json json_of(const std::vector<Layer>& layers, std::size_t k) {
  const auto& layer = layers[k];
  nlohmann::json result{{"name", layer.name},
                        {"units", layer.units()},
                        {"shown", layer.shown},
                        {"h", chosen(layer.h, layer.shown)},
                        {"hGradient", chosen(layer.h_gradient, layer.shown)}};
  if (k == 0) return result;
  auto weights = nlohmann::json::array(), gradients = nlohmann::json::array(), chains = nlohmann::json::array();
  for (const std::size_t i : layers[k - 1].shown) {
    Numbers row, slopes;
    for (const std::size_t j : layer.shown)
      row.push_back(layer.weights[i * layer.units() + j]),
          slopes.push_back(layer.weight_gradients[i * layer.units() + j]);
    weights.push_back(short_numbers(row)), gradients.push_back(short_numbers(slopes));
  }
  for (const std::size_t j : layer.shown) chains.push_back(chain(layers, k, j));
  result.update({{"function", layer.function},
                 {"a", chosen(layer.a, layer.shown)},
                 {"aGradient", chosen(layer.a_gradient, layer.shown)},
                 {"slope", chosen(layer.slope, layer.shown)},
                 {"bias", chosen(layer.bias, layer.shown)},
                 {"weights", weights},
                 {"weightGradients", gradients},
                 {"chains", chains}});
  return result;
}

}  // namespace

template <Real T>
std::optional<std::string> walk_through(const Variable<T>& loss, const Batch<T>& batch, const std::string& name,
                                        const ReportOptions& options) {
  if (batch.inputs.size() != 1 || batch.targets.empty()) return {};
  const auto& input = batch.inputs[0];
  auto layers = layers_of(loss, input);
  if (layers.empty()) return {};
  choose(layers);
  auto shown = nlohmann::json::array();
  for (std::size_t k = 0; k < layers.size(); ++k) shown.push_back(json_of(layers, k));
  nlohmann::json walk{{"name", name},
                      {"loss", short_number(static_cast<double>(loss.item()))},
                      {"target", short_numbers(numbers(batch.targets[0]))},
                      {"layers", shown}};
  if (const auto form = picture_form(autodiff::Dims(input.shape()).subspan(1), options))
    walk["picture"] = picture(numbers(input), *form);
  return walk.dump();
}

template std::optional<std::string> walk_through(const Variable<float>&, const Batch<float>&, const std::string&,
                                                 const ReportOptions&);
template std::optional<std::string> walk_through(const Variable<double>&, const Batch<double>&, const std::string&,
                                                 const ReportOptions&);

}  // namespace nn::detail
