// One element's derivative: the cuts through which it passes, and the paths along which it comes about.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "../explain.hpp"
#include "check_loss.hpp"
#include "labels.hpp"
#include "paths.hpp"
#include "structure.hpp"

namespace autodiff {

namespace {

using detail::number;
constexpr std::size_t few = 32, largest = 10, width = 128, most_lines = 20;

template <Real T>
class Deriver {
 public:
  Deriver(const Variable<T>& loss, const Variable<T>& weight, std::size_t element)
      : tape_(loss.tape()), labels_(tape_), flow_(loss, weight, element), element_(element) {
    stations_.assign(loss.index() + 1, false);
    for (const auto& unit : detail::structure_of<T>(loss, {}).units) stations_[unit.node] = true;
    for (std::size_t i = 0; i < stations_.size(); ++i)
      stations_[i] = flow_.passes(i) && (stations_[i] || !tape_.name(i).empty());
    stations_[flow_.source()] = stations_[flow_.loss()] = true;
  }

  std::vector<Derivation::Cut> cuts() const {
    std::vector<Derivation::Cut> result;
    for (std::uint32_t p = flow_.loss() + 1; p-- > flow_.source();)
      if (stations_[p]) result.push_back(cut_behind(p));
    return result;
  }

  std::pair<std::vector<Derivation::Path>, double> paths() {
    const auto found = detail::find_paths(flow_, stations_, element_, few, width);
    const std::size_t shown = found.count <= few ? found.paths.size() : std::min(largest, found.paths.size());
    std::vector<Derivation::Path> result;
    for (std::size_t k = 0; k < shown; ++k) {
      result.push_back({{}, found.paths[k].product});
      const auto& steps = found.paths[k].steps;
      for (std::size_t s = steps.size(); s-- > 1;)
        result.back().factors.push_back({label(steps[s]), label(steps[s - 1]), steps[s].factor});
    }
    return {std::move(result), found.count};
  }

  std::string label(const detail::PathStep& step) const { return labels_.element(step.node, step.element); }
  double value() const { return double(flow_.cotangent(flow_.source()).data()[element_]); }
  std::size_t products() const { return flow_.products(); }

 private:
  /// Between the nodes up to this one and those after it.
  Derivation::Cut cut_behind(std::uint32_t p) const {
    Derivation::Cut cut{"", 0, "", 0};
    std::vector<std::uint32_t> across;
    for (const auto& edge : flow_.edges())
      if (edge.from <= p && edge.to > p) {
        cut.value += edge.flow;
        if (std::ranges::find(across, edge.from) == across.end()) across.push_back(edge.from);
      }
    if (p == flow_.loss()) cut.value = double(*flow_.tangent(p).data()), across = {p};
    if (p == flow_.source()) cut.value = value();
    std::ranges::sort(across, std::greater());
    for (std::size_t k = 0; k < across.size() && k < 3; ++k) cut.name += (k ? ", " : "") + labels_(across[k]);
    if (across.size() > 3) cut.name += " and " + std::to_string(across.size() - 3) + " more";
    if (across.size() == 1 && p != flow_.loss() && p != flow_.source()) find_most(cut, across[0]);
    return cut;
  }

  void find_most(Derivation::Cut& cut, std::uint32_t node) const {
    const auto &tangent = flow_.tangent(node), &back = flow_.cotangent(node);
    std::size_t most = 0;
    const auto flow = [&](std::size_t i) { return double(tangent.data()[i]) * double(back.data()[i]); };
    for (std::size_t i = 1; i < tangent.size(); ++i)
      if (std::abs(flow(i)) > std::abs(flow(most))) most = i;
    if (tangent.size() > 1 && flow(most) != 0) cut.most = labels_.element(node, most), cut.most_value = flow(most);
  }

  const Tape<T>& tape_;
  const detail::Labels<T> labels_;
  detail::Flow<T> flow_;
  const std::size_t element_;
  std::vector<bool> stations_;
};

template <Real T>
std::size_t flat_index(const Variable<T>& weight, const std::vector<std::size_t>& element) {
  const Shape& shape = weight.shape();
  bool fits = element.size() == shape.size();
  std::size_t flat = 0;
  for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
    fits = element[axis] < shape[axis];
    flat = flat * shape[axis] + element[axis];
  }
  if (!fits) fail<ShapeError>("explain", "the weight has no element ", to_string(Dims(element)), ": ", Dims(shape));
  return flat;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

template <Real T>
Derivation explain(const Variable<T>& loss, const Variable<T>& weight, const std::vector<std::size_t>& element) {
  detail::check_loss("explain", loss);
  Tape<T>::check_operands("explain", std::span(&weight, 1));
  if (!weight.recorded())
    fail<PlainError>("explain", "the weight is a plain value, recorded on no tape: ", Dims(weight.shape()));
  if (!weight.beside(loss)) fail<TapeError>("explain", "weight and loss belong to two tapes: ", Dims(weight.shape()));
  if (loss.tape().node(weight.index()).constant)
    fail<TapeError>("explain", "the weight is a constant, which has no gradient: ", Dims(weight.shape()));
  const std::size_t flat = flat_index(weight, element);
  Deriver<T> deriver(loss, weight, flat);
  Derivation result;
  result.loss_ = detail::Labels<T>(loss.tape())(loss.index());
  result.element_ = deriver.label({static_cast<std::uint32_t>(weight.index()), flat, 1});
  result.value_ = deriver.value();
  result.cuts_ = deriver.cuts();
  std::tie(result.paths_, result.path_count_) = deriver.paths();
  result.products_ = deriver.products();
  return result;
}

namespace {

/// The factors one by one, from the loss down, and their product so far.
void write_chain(std::ostream& text, const Derivation::Path& path) {
  std::size_t width = 0;
  for (const auto& factor : path.factors) width = std::max(width, factor.name().size());
  text << "\none path, the product of its factors\n";
  double product = 1;
  for (const auto& factor : path.factors)
    text << "  " << padded(factor.name(), width) << " = " << padded(number(factor.value), 11) << " product so far "
         << number(product *= factor.value) << '\n';
}

void write_paths(std::ostream& text, const std::vector<Derivation::Path>& paths, double count) {
  double sum = 0;
  for (const auto& path : paths) sum += path.product;
  if (double(paths.size()) == count)
    text << '\n' << paths.size() << " paths, whose products add up to " << number(sum) << '\n';
  else
    text << "\nthe " << paths.size() << " largest of " << (std::isnan(count) ? "many" : number(count))
         << " paths, whose products add up to " << number(sum) << '\n';
  for (const auto& path : paths) {
    text << "  " << padded(number(path.product), 11);
    for (std::size_t k = 0; k < path.factors.size(); ++k)
      text << (k ? "\n              * " : " = ") << path.factors[k].name() << "  " << number(path.factors[k].value);
    text << '\n';
  }
}

}  // namespace

std::string Derivation::text() const {
  std::ostringstream text;
  text << "d " << loss_ << " / d " << element_ << " = " << number(value_)
       << "\n\nthe same passes every cut from the loss down\n";
  std::size_t width = 0;
  for (const auto& cut : cuts_) width = std::max(width, cut.name.size());
  for (std::size_t k = 0; k < cuts_.size(); ++k) {
    if (cuts_.size() > 2 * most_lines && k == most_lines) {
      k = cuts_.size() - most_lines;
      text << "  ... " << k - most_lines << " more\n";
    }
    text << "  " << padded(cuts_[k].name, width) << "  " << number(cuts_[k].value);
    if (!cuts_[k].most.empty()) text << ", most by " << cuts_[k].most << ": " << number(cuts_[k].most_value);
    text << '\n';
  }
  if (paths_.empty())
    text << "\nno path: on each, a factor is zero\n";
  else if (path_count_ == 1 && !paths_[0].factors.empty())
    write_chain(text, paths_[0]);
  else if (path_count_ != 1)
    write_paths(text, paths_, path_count_);
  return text.str();
}

template Derivation explain(const Variable<float>&, const Variable<float>&, const std::vector<std::size_t>&);
template Derivation explain(const Variable<double>&, const Variable<double>&, const std::vector<std::size_t>&);

}  // namespace autodiff
