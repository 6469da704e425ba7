// The roadmap: norms and shares of what a recording is made of.
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "../explain.hpp"
#include "../sweep.hpp"
#include "check_loss.hpp"
#include "labels.hpp"
#include "structure.hpp"

namespace autodiff {

namespace {

using detail::number;
using detail::percent;
using Role = Roadmap::Role;

/// Sums over the nodes of one row.
struct Sums {
  double value = 0, gradient = 0;
  std::size_t elements = 0, zero = 0, non_finite = 0, functions = 0, saturated = 0;
};

template <Real T>
void add(Sums& sums, const Array<T>& value, const Array<T>& gradient) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double v = value.data()[i], g = gradient.data()[i];
    sums.value += v * v, sums.gradient += g * g;
    sums.zero += v == 0;
    sums.non_finite += !std::isfinite(v) || !std::isfinite(g);
  }
  sums.elements += value.size();
}

/// Where the derivative of a function of one argument is near zero, little flows back.
template <Real T>
void add_saturated(Sums& sums, const Tape<T>& tape, std::size_t i) {
  const auto& operation = tape.node(i).operation;
  if (!operation || !operation->block() || tape.inputs(i).size() != 1 || operation->linear(0) != Linear::no) return;
  if (!operation->differentiable(0)) return;
  const auto x = tape.plain(tape.inputs(i)[0]);
  const auto slope = operation->pullback(0, Variable<T>(Array<T>(x.shape(), T(1))), tape.plain(i), std::span(&x, 1));
  sums.functions += x.size();
  for (const T d : slope.value()) sums.saturated += std::abs(d) < T(0.01);
}

double share(std::size_t part, std::size_t whole) {
  return whole ? double(part) / double(whole) : std::numeric_limits<double>::quiet_NaN();
}

template <Real T>
class Surveyor {
 public:
  Surveyor(const Variable<T>& loss, const std::vector<Variable<T>>& inputs)
      : loss_(loss), tape_(loss.tape()), labels_(tape_), found_(detail::structure_of(loss, inputs)) {}

  Roadmap survey() {
    const auto& units = found_.units;
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit)
      add(unit->output ? Role::output : Role::hidden, unit->layer, unit->node);
    for (const auto& p : found_.parameters)
      add(p.role == detail::Role::weight ? Role::weights
          : p.role == detail::Role::bias ? Role::biases
                                         : Role::unclassified,
          p.layer, p.node, p.why);
    measure();
    std::ranges::stable_sort(
        rows_, [](const auto& a, const auto& b) { return a.role != b.role ? a.role < b.role : a.layer > b.layer; });
    return Roadmap(labels_(loss_.index()), double(loss_.item()), std::move(rows_));
  }

 private:
  void add(Role role, std::size_t layer, std::size_t node, const char* why = nullptr) {
    const Shape& shape = tape_.node(node).value->shape();
    for (std::size_t r = 0; r < rows_.size(); ++r)
      if (rows_[r].role == role && rows_[r].layer == layer && alike(node, nodes_[r][0]))
        return ++rows_[r].nodes, nodes_[r].push_back(node), void();
    const std::string family = labels_.family(node);
    rows_.push_back(
        {role, layer, family.empty() ? labels_.described(node) : family, 1, shape, 0, 0, 0, 0, 0, why ? why : ""});
    nodes_.push_back({node});
  }

  /// Of one name; or without any, of one operation in one scope.
  bool alike(std::size_t a, std::size_t b) const {
    const auto &one = tape_.node(a), &other = tape_.node(b);
    const bool same_kind = one.operation && other.operation && one.operation->kind() == other.operation->kind();
    return std::ranges::equal(one.value->shape(), other.value->shape()) && labels_.family(a) == labels_.family(b) &&
           (!labels_.family(a).empty() || (same_kind && one.scope == other.scope));
  }

  void measure() {
    std::vector<Variable<T>> xs;
    for (const auto& nodes : nodes_)
      for (auto node : nodes) xs.push_back(tape_.recorded(node));
    const auto gradients = sweep<T>("explain", Sweep::plain, loss_, Variable<T>(Array<T>(loss_.shape(), T(1))), xs);
    for (std::size_t r = 0, next = 0; r < rows_.size(); ++r) {
      Sums sums;
      for (auto node : nodes_[r]) {
        autodiff::add(sums, *tape_.node(node).value, gradients[next++].value());
        add_saturated(sums, tape_, node);
      }
      auto& row = rows_[r];
      row.value = std::sqrt(sums.value), row.gradient = std::sqrt(sums.gradient);
      row.zero = share(sums.zero, sums.elements), row.non_finite = share(sums.non_finite, sums.elements);
      row.saturated = share(sums.saturated, sums.functions);
    }
  }

  const Variable<T>& loss_;
  const Tape<T>& tape_;
  const detail::Labels<T> labels_;
  const detail::Structure found_;
  std::vector<Roadmap::Row> rows_;
  std::vector<std::vector<std::size_t>> nodes_;
};

bool holds_parameters(Role role) { return role >= Role::weights; }

/// Columns that are as wide as what they hold, numbers to the right.
class Table {
 public:
  void add(std::vector<std::string> cells) {
    widths_.resize(std::max(widths_.size(), cells.size()));
    for (std::size_t k = 0; k < cells.size(); ++k) widths_[k] = std::max(widths_[k], cells[k].size());
    lines_.push_back(std::move(cells));
  }
  std::string text(std::size_t left) const {
    std::string text;
    for (const auto& cells : lines_) {
      std::string line;
      for (std::size_t k = 0; k < cells.size(); ++k) {
        const std::string space(widths_[k] - cells[k].size(), ' ');
        line += (k ? "  " : "") + (k < left ? cells[k] + space : space + cells[k]);
      }
      text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> lines_;
  std::vector<std::size_t> widths_;
};

}  // namespace

const char* Roadmap::name(Role role) {
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

std::size_t Roadmap::parameters() const {
  std::size_t total = 0;
  for (const auto& row : rows_)
    if (holds_parameters(row.role)) total += row.nodes * count(Dims(row.shape));
  return total;
}

std::string Roadmap::text() const {
  std::ostringstream text;
  text << loss_ << " = " << number(value_) << ", and its gradient with respect to\n";
  Table table;
  table.add({"", "layer", "name", "shape", "|value|", "|gradient|", "zero", "saturated", "not finite"});
  const Row* before = nullptr;
  std::size_t arrays = 0;
  for (const auto& row : rows_) {
    const bool first = !before || before->role != row.role;
    arrays += holds_parameters(row.role) ? row.nodes : 0;
    table.add({first ? name(row.role) : "", row.layer ? std::to_string(row.layer) : "-", row.name,
               (row.nodes > 1 ? std::to_string(row.nodes) + " x " : "") + to_string(Dims(row.shape)), number(row.value),
               number(row.gradient), percent(row.zero), percent(row.saturated), percent(row.non_finite)});
    before = &row;
  }
  text << table.text(4) << parameters() << (parameters() == 1 ? " parameter in " : " parameters in ") << arrays
       << (arrays == 1 ? " array\n" : " arrays\n");
  for (const auto& row : rows_)
    if (!row.note.empty()) text << row.name << " cannot be classified: it " << row.note << '\n';
  if (std::ranges::none_of(rows_, [](const auto& row) { return row.role <= Role::hidden; }))
    text << "no units were found: no weight meets data in a product\n";
  return text.str();
}

template <Real T>
Roadmap explain(const Variable<T>& loss, const std::vector<Variable<T>>& inputs) {
  detail::check_loss("explain", loss);
  for (const auto& input : inputs)
    if (!input.recorded() || !input.beside(loss))
      fail<TapeError>("explain", "an input must be of the tape of the loss: ", Dims(input.shape()));
  return Surveyor<T>(loss, inputs).survey();
}

template Roadmap explain(const Variable<float>&, const std::vector<Variable<float>>&);
template Roadmap explain(const Variable<double>&, const std::vector<Variable<double>>&);

}  // namespace autodiff
