#include "network.hpp"

#include <algorithm>

#include "../explain/labels.hpp"
#include "../explain/structure.hpp"
#include "../sweep.hpp"

namespace autodiff::detail {

namespace {

template <Real T>
class Reader {
 public:
  explicit Reader(const Variable<T>& loss)
      : loss_(loss), tape_(loss.tape()), labels_(tape_), s_(structure_of<T>(loss, {})) {}

  std::optional<DrawnNetwork> read() {
    if (!is_plain()) return std::nullopt;
    find_gradients();
    DrawnNetwork network{labels_(loss_.index()), double(loss_.item()), samples(s_.products[0]), {}, {}};
    network.layers.push_back(layer_of(s_.products[0].data, s_.products[0], inputs_of(s_.products[0]), 0));
    if (!tape_.node(s_.products[0].data).operation && labels_.family(s_.products[0].data).empty())
      network.layers[0].name = "input";
    for (std::size_t k = 0; k < s_.products.size(); ++k) {
      const auto& product = s_.products[k];
      const auto node = k + 1 < s_.products.size() ? s_.products[k + 1].data : output_of(product);
      network.layers.push_back(layer_of(node, product, outputs_of(product), product.layer));
      network.weights.push_back(weights_of(product));
    }
    return network;
  }

 private:
  using Product = Structure::Product;
  const Array<T>& value(std::size_t i) const { return *tape_.node(i).value; }

  // A product of rows, x W, or of columns, W x; a vector is one sample.
  std::size_t length(std::size_t node, const Product& product) const {
    return product.weight_first ? value(node).shape()[0] : value(node).shape().back();
  }
  std::size_t inputs_of(const Product& product) const { return length(product.data, product); }
  std::size_t outputs_of(const Product& product) const { return length(product.node, product); }
  std::size_t samples(const Product& product) const { return value(product.data).size() / inputs_of(product); }
  bool is_transposed(const Product& product) const {
    const auto& shape = value(product.weight).shape();
    return shape[0] != shape[1] ? shape[0] == outputs_of(product) : product.weight_first;
  }

  bool is_plain() const {
    if (loss_.abstract() || s_.products.empty() || s_.nested) return false;
    for (std::size_t k = 0; k < s_.products.size(); ++k) {
      const auto& product = s_.products[k];
      const auto &weight = value(product.weight), &data = value(product.data), &sum = value(product.sum);
      if (product.layer != k + 1 || weight.dimension() != 2 || data.dimension() < 1 || data.dimension() > 2)
        return false;
      if (data.dimension() != value(product.node).dimension() || data.size() == 0) return false;
      if (sum.size() != value(product.node).size()) return false;
      if (weight.size() != inputs_of(product) * outputs_of(product)) return false;
      const std::size_t in = weight.shape()[is_transposed(product) ? 1 : 0];
      if (in != inputs_of(product) || samples(product) != samples(s_.products[0])) return false;
      if (k > 0 && inputs_of(product) != outputs_of(s_.products[k - 1])) return false;
    }
    return has_no_shortcuts();
  }
  /// Nothing before the loss joins what is of different layers.
  bool has_no_shortcuts() const {
    for (std::size_t i = 0; i < s_.loss; ++i) {
      if (!s_.needed[i] || !s_.flows[i] || s_.made[i] != Made::data || !tape_.node(i).operation) continue;
      std::uint32_t layer = 0;
      for (auto j : tape_.inputs(i)) {
        if (!s_.flows[j] || s_.made[j] != Made::data) continue;
        if (layer != 0 && s_.layer[j] != layer) return false;
        layer = s_.layer[j];
      }
    }
    return true;
  }

  /// What is known as a result of the last layer, or its pre-activation.
  std::size_t output_of(const Product& product) const {
    std::size_t found = product.sum;
    for (const auto& unit : s_.units)
      if (unit.output && unit.node > found && value(unit.node).size() == value(found).size()) found = unit.node;
    return found;
  }

  void find_gradients() {
    std::vector<Variable<T>> xs;
    for (std::size_t i = 0; i <= s_.loss; ++i)
      if (s_.needed[i] && s_.flows[i]) xs.push_back(tape_.recorded(i));
    gradients_.resize(s_.loss + 1);
    auto found = sweep<T>("draw", Sweep::plain, loss_, Variable<T>(Array<T>(loss_.shape(), T(1))), xs);
    for (std::size_t k = 0; k < xs.size(); ++k) gradients_[xs[k].index()] = std::move(found[k]);
  }

  DrawnLayer layer_of(std::size_t node, const Product& product, std::size_t units, std::uint32_t layer) const {
    const auto& operation = tape_.node(node).operation;
    DrawnLayer result{labels_(node), "", units, {}, {}, {}};
    if (operation && layer) result.function = tape_.inputs(node).size() == 1 ? operation->name() : "weighted sum";
    result.values = over_samples(value(node), product, units, samples(product));
    if (gradients_[node].alive()) result.gradients = over_samples(gradients_[node].value(), product, units, 1);
    for (const auto& parameter : s_.parameters)
      if (layer && parameter.role == Role::bias && parameter.layer == layer && value(parameter.node).size() == units)
        result.biases.assign(value(parameter.node).begin(), value(parameter.node).end());
    return result;
  }
  std::vector<double> over_samples(const Array<T>& a, const Product& product, std::size_t units,
                                   std::size_t divisor) const {
    std::vector<double> result(units);
    const std::size_t samples = a.size() / units;
    for (std::size_t i = 0; i < a.size(); ++i)
      result[product.weight_first ? i / samples : i % units] += double(a.data()[i]) / double(divisor);
    return result;
  }

  DrawnWeights weights_of(const Product& product) const {
    DrawnWeights result{labels_(product.weight), is_transposed(product), {}, {}};
    result.weights = oriented(value(product.weight), is_transposed(product));
    if (gradients_[product.weight].alive())
      result.gradients = oriented(gradients_[product.weight].value(), is_transposed(product));
    return result;
  }
  static std::vector<double> oriented(const Array<T>& a, bool transposed) {
    std::vector<double> result;
    const std::size_t rows = a.shape()[transposed ? 1 : 0], columns = a.shape()[transposed ? 0 : 1];
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) result.push_back(double(transposed ? a(j, i) : a(i, j)));
    return result;
  }

  const Variable<T>& loss_;
  const Tape<T>& tape_;
  const Labels<T> labels_;
  const Structure s_;
  std::vector<Variable<T>> gradients_;
};

}  // namespace

template <Real T>
std::optional<DrawnNetwork> network_of(const Variable<T>& loss) {
  return Reader<T>(loss).read();
}

template std::optional<DrawnNetwork> network_of(const Variable<float>&);
template std::optional<DrawnNetwork> network_of(const Variable<double>&);

}  // namespace autodiff::detail
