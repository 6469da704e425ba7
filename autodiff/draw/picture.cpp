#include "picture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "../explain/check_loss.hpp"
#include "../explain/labels.hpp"
#include "../sweep.hpp"

namespace autodiff::detail {

double Picture::level(double gradient) const {
  return gradient > 0 && largest > 0 ? std::clamp(6 + std::log10(gradient / largest), 0.0, 6.0) : 0;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  }
  return result;
}

std::string colour(double share) {
  const double s = std::isfinite(share) ? std::clamp(share, -1.0, 1.0) : 0;
  const int to[] = {s > 0 ? 67 : 214, s > 0 ? 147 : 96, s > 0 ? 195 : 77};
  char text[8];
  const auto mix = [&](int end) { return static_cast<unsigned>(std::lround(255 + std::abs(s) * (end - 255))) & 255U; };
  std::snprintf(text, sizeof text, "#%02x%02x%02x", mix(to[0]), mix(to[1]), mix(to[2]));
  return text;
}

namespace {

constexpr std::size_t most_cells = 64, most_rows = 8;

template <Real T>
Cells cells_of(const Array<T>& a) {
  if (a.size() == 0 || a.size() > most_cells || a.dimension() == 0) return {};
  Cells cells{a.dimension() < 2 ? 1 : a.shape(a.dimension() - 2), a.shape().back(), {}};
  if (cells.rows > most_rows) return {};
  for (const T x : a) cells.numbers.push_back(double(x));
  return cells;
}

template <Real T>
double norm(const Array<T>& a) {
  double sum = 0;
  for (const T x : a) sum += double(x) * double(x);
  return std::sqrt(sum);
}

template <Real T>
class Painter {
 public:
  Painter(const Variable<T>& loss, const DrawOptions& options)
      : tape_(loss.tape()), labels_(tape_), options_(options), loss_(loss.index()) {
    needed_.assign(loss_ + 1, false), flows_ = inlined_ = needed_;
    find_needed();
    if (options.gradients || options.cotangents) find_gradients(loss);
  }

  Picture paint() {
    find_boxes();
    fold_boxes();
    for (std::size_t i = 0; i <= loss_; ++i)
      if (needed_[i] && !inlined_[i]) add(i);
    add_edges();
    const auto& node = tape_.node(loss_);
    picture_.title = labels_(loss_);
    if (has_elements(node.value)) picture_.title += " = " + number(double(*node.value->data()));
    for (const auto& n : picture_.nodes)
      if (n.gradient > picture_.largest) picture_.largest = n.gradient;
    return std::move(picture_);
  }

 private:
  const Node<T>& node(std::size_t i) const { return tape_.node(i); }

  void find_needed() {
    needed_[loss_] = true;
    readers_.assign(loss_ + 1, {});
    for (std::size_t i = loss_ + 1; i-- > 0;)
      if (needed_[i] && node(i).operation)
        for (auto j : tape_.inputs(i)) needed_[j] = true, readers_[j].push_back(i);
    for (std::size_t i = 0; i <= loss_; ++i) {
      if (!needed_[i]) continue;
      const auto inputs = tape_.inputs(i);
      flows_[i] = !node(i).operation && !node(i).constant;
      inlined_[i] = !node(i).operation && node(i).constant && node(i).value->dimension() == 0 && tape_.name(i).empty();
      for (std::size_t j = 0; node(i).operation && j < inputs.size(); ++j)
        if (flows_[inputs[j]] && !node(i).constant && node(i).operation->differentiable(j)) flows_[i] = true;
    }
  }

  void find_gradients(const Variable<T>& loss) {
    std::vector<Variable<T>> xs;
    for (std::size_t i = 0; i <= loss_; ++i)
      if (needed_[i] && flows_[i]) xs.push_back(tape_.recorded(i));
    const Variable<T> one(Array<T>(loss.shape(), T(1)));
    auto found = sweep<T>("draw", Sweep::plain, loss, one, xs);
    for (std::size_t k = 0; k < xs.size(); ++k) gradients_.emplace(xs[k].index(), std::move(found[k]));
  }

  void find_boxes() {
    picture_.boxes.push_back({});
    box_of_.assign(loss_ + 1, 0);
    std::map<std::string, std::size_t> known{{"", 0}};
    for (std::size_t i = 0; i <= loss_; ++i) {
      if (!needed_[i] || inlined_[i]) continue;
      const std::string path = tape_.scope_of(i);
      for (std::size_t end = 0, outer = 0; !path.empty() && end != path.npos;) {
        end = path.find('/', end ? end + 1 : 0);
        const auto [entry, fresh] = known.try_emplace(path.substr(0, end), picture_.boxes.size());
        if (fresh) picture_.boxes.push_back({entry->first, outer, picture_.boxes[outer].depth + 1, {}});
        box_of_[i] = outer = entry->second;
      }
    }
    folded_.assign(picture_.boxes.size(), false);
  }

  /// The outermost folded box around a node; 0 for none.
  std::size_t fold_of(std::size_t i) const {
    std::size_t found = 0;
    for (std::size_t box = box_of_[i]; box != 0; box = picture_.boxes[box].outer)
      if (folded_[box]) found = box;
    return found;
  }
  /// What stands for each node: itself, a folded box, or its only reader.
  void find_keys() {
    keys_.resize(loss_ + 1);
    for (std::size_t i = loss_ + 1; i-- > 0;) {
      const auto box = fold_of(i);
      keys_[i] = box ? loss_ + box : joins_reader(i) ? keys_[readers_[i][0]] : i;
    }
  }
  bool joins_reader(std::size_t i) const {
    return into_reader_ && i != loss_ && node(i).operation && tape_.name(i).empty() && readers_[i].size() == 1 &&
           box_of_[readers_[i][0]] == box_of_[i];
  }
  std::size_t visible() {
    find_keys();
    std::set<std::size_t> shown;
    for (std::size_t i = 0; i <= loss_; ++i)
      if (needed_[i] && !inlined_[i]) shown.insert(keys_[i]);
    return shown.size();
  }
  /// The innermost boxes first; then what has no name goes to its only reader.
  void fold_boxes() {
    std::size_t depth = 0;
    for (const auto& box : picture_.boxes) depth = std::max(depth, box.depth);
    for (; depth > 0 && visible() > options_.most_nodes; --depth)
      for (std::size_t box = 1; box < picture_.boxes.size(); ++box)
        if (picture_.boxes[box].depth == depth) folded_[box] = true;
    into_reader_ = visible() > options_.most_nodes;
    find_keys();
  }

  void add(std::size_t i) {
    const auto [entry, fresh] = place_.try_emplace(keys_[i], picture_.nodes.size());
    if (fresh) picture_.nodes.emplace_back();
    auto& shown = picture_.nodes[entry->second];
    if (const auto box = fold_of(i))
      add_folded(shown, box, i);
    else if (keys_[i] != i)
      add_joined(shown, i);
    else
      add_single(shown, i);
  }

  /// Of many, the last ones, which stand next to the reader.
  void add_joined(PictureNode& shown, std::size_t i) {
    constexpr std::size_t most = 60;
    shown.operation += std::string(node(i).operation->name()) + ", ";
    if (shown.operation.size() > most) shown.operation = "..., " + std::string(node(i).operation->name()) + ", ";
  }

  void add_single(PictureNode& shown, std::size_t i) {
    using Kind = PictureNode::Kind;
    const auto& its = node(i);
    shown.box = box_of_[i];
    shown.kind = its.operation ? Kind::operation : its.constant ? Kind::constant : Kind::variable;
    shown.name = labels_(i);
    shown.operation += its.operation ? std::string(its.operation->name()) : its.constant ? "constant" : "variable";
    for (auto j : tape_.inputs(i))
      if (its.operation && inlined_[j] && has_elements(node(j).value))
        shown.numbers += " " + number(double(*node(j).value->data()));
    shown.shape = to_string(Dims(its.value->shape()));
    shown.cost = cost_of(tape_.name(i), false);
    if (options_.values && has_elements(*its.value)) {
      shown.value = norm(*its.value);
      shown.values = cells_of(*its.value);
    }
    if (const auto found = gradients_.find(i); found != gradients_.end()) {
      shown.gradient = norm(found->second.value());
      if (options_.gradients) shown.gradients = cells_of(found->second.value());
    }
  }

  /// The gradient is that of the variables in it, or where there are none of all its values.
  void add_folded(PictureNode& shown, std::size_t box, std::size_t i) {
    auto& counts = counts_[box];
    ++(node(i).operation ? counts.operations : counts.leaves);
    shown.kind = PictureNode::Kind::folded;
    shown.box = picture_.boxes[box].outer;
    shown.name = picture_.boxes[box].name;
    shown.operation = std::to_string(counts.operations) + (counts.operations == 1 ? " operation" : " operations");
    if (counts.leaves)
      shown.operation += ", " + std::to_string(counts.leaves) + (counts.leaves == 1 ? " array" : " arrays");
    if (node(i).operation) shown.shape = to_string(Dims(node(i).value->shape()));
    shown.cost = cost_of(shown.name, true);
    const auto found = gradients_.find(i);
    if (found == gradients_.end()) return;
    const double square = std::pow(norm(found->second.value()), 2);
    (node(i).operation ? counts.values : counts.variables) += square;
    shown.gradient = std::sqrt(counts.variables > 0 ? counts.variables : counts.values);
  }

  bool flows_back(std::size_t i) const {
    const auto found = gradients_.find(i);
    return found != gradients_.end() && norm(found->second.value()) != 0;
  }

  void add_edges() {
    std::set<std::pair<std::size_t, std::size_t>> known;
    for (std::size_t i = 0; i <= loss_; ++i) {
      if (!needed_[i] || !node(i).operation) continue;
      const auto inputs = tape_.inputs(i);
      for (std::size_t j = 0; j < inputs.size(); ++j) {
        if (inlined_[inputs[j]]) continue;
        const auto from = place_.at(keys_[inputs[j]]), to = place_.at(keys_[i]);
        if (from == to || !known.emplace(from, to).second) continue;
        picture_.edges.push_back({from, to});
        if (options_.cotangents && flows_back(i) && flows_[inputs[j]] && node(i).operation->differentiable(j))
          picture_.edges.push_back({to, from, true});
      }
    }
    for (std::size_t box = 1; box < picture_.boxes.size(); ++box)
      picture_.boxes[box].cost = cost_of(picture_.boxes[box].name, true);
  }

  /// What a profiled program spent where the name says, or below it; what it computes together is shared evenly.
  std::string cost_of(const std::string& name, bool below) const {
    if (!options_.report || name.empty()) return {};
    const auto& report = *options_.report;
    double seconds = 0, bytes = 0;
    for (std::size_t k = 0; k < report.costs.size(); ++k) {
      const auto& where = report.costs[k].where;
      const auto here = std::ranges::count_if(
          where, [&](const std::string& place) { return place == name || (below && place.starts_with(name + "/")); });
      const double share = where.empty() ? 0 : double(here) / double(where.size());
      seconds += share * report.steps[k].seconds, bytes += share * report.costs[k].bytes;
    }
    if (bytes == 0) return {};
    std::string text = number(bytes) + " bytes";
    if (report.profiled_runs) text += ", " + number(1e6 * seconds / double(report.profiled_runs)) + " us";
    return text;
  }

  struct Counts {
    std::size_t operations = 0, leaves = 0;
    double variables = 0, values = 0;  // squares of gradients
  };
  const Tape<T>& tape_;
  const Labels<T> labels_;
  const DrawOptions& options_;
  const std::size_t loss_;
  Picture picture_;
  std::vector<bool> needed_, flows_, inlined_, folded_;
  std::vector<std::size_t> box_of_, keys_;
  std::vector<std::vector<std::size_t>> readers_;
  std::map<std::size_t, Variable<T>> gradients_;
  std::map<std::size_t, std::size_t> place_;  // of the node in the picture, by key
  std::map<std::size_t, Counts> counts_;      // by folded box
  bool into_reader_ = false;
};

}  // namespace

template <Real T>
Picture picture_of(const Variable<T>& loss, const DrawOptions& options) {
  return Painter<T>(loss, options).paint();
}

template Picture picture_of(const Variable<float>&, const DrawOptions&);
template Picture picture_of(const Variable<double>&, const DrawOptions&);

}  // namespace autodiff::detail
