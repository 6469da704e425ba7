#include "structure.hpp"

#include <algorithm>
#include <unordered_set>

#include "../function.hpp"
#include "../sweep.hpp"

namespace autodiff::detail {

namespace {

/// For each argument, whether the rule for argument `of` looks at it: recorded without values, once for the question.
template <Real T>
std::vector<bool> looks_at(const Tape<T>& tape, std::size_t node, std::size_t of) {
  const auto& operation = tape.node(node).operation;
  const auto inputs = tape.inputs(node);
  Tape<T> scratch(TapeMode::abstract);
  std::vector<Variable<T>> x, y(operation->results()), ct;
  for (auto j : inputs) x.push_back(scratch.input(tape.node(j).value->shape()));
  Tape<T>::record(operation, x, y);
  const std::size_t results = scratch.size();  // through these nothing is looked for: a bias may be in them
  for (const auto& result : y) ct.push_back(scratch.input(result.shape()));
  Pullback<T> step{ct, y, x, std::vector<bool>(x.size()), std::vector<Cotangent<T>>(x.size())};
  step.wanted[of] = true;
  operation->pull_back(step);
  const auto found = whole(step.found[of]);
  std::vector<bool> reached(scratch.size());
  if (found.recorded()) reached[found.index()] = true;
  for (std::size_t i = scratch.size(); i-- > results;)
    if (reached[i])
      for (auto j : scratch.inputs(i)) reached[j] = true;
  reached.resize(x.size());  // the inputs came first
  return reached;
}

template <Real T>
class Reader {
 public:
  Reader(const Variable<T>& loss, const std::vector<Variable<T>>& inputs) : tape_(loss.tape()), inputs_(inputs) {
    const std::size_t nodes = loss.index() + 1;
    s_.loss = static_cast<std::uint32_t>(loss.index());
    s_.needed.assign(nodes, false), s_.flows = s_.tail = s_.needed;
    s_.made.assign(nodes, Made::number), s_.layer.assign(nodes, 0);
    role_.assign(nodes, Role::none), why_.assign(nodes, nullptr);
    data_ = product_ = nested_ = of_loss_ = read_ = s_.needed;
  }

  Structure read() {
    find_needed();
    find_data();
    find_layers(Products::of_matrices);
    if (s_.products.empty() && !s_.nested && std::ranges::count(why_, nullptr) == std::ptrdiff_t(why_.size()))
      find_layers(Products::elementwise);
    find_sums();
    find_tail();
    find_units();
    drop_penalties();
    for (std::uint32_t i = 0; i <= s_.loss; ++i)
      if (s_.needed[i] && is_variable(i) && !data_[i]) s_.parameters.push_back({i, role_[i], s_.layer[i], why(i)});
    return std::move(s_);
  }

 private:
  enum class Products { of_matrices, elementwise };

  const Node<T>& node(std::size_t i) const { return tape_.node(i); }
  bool is_variable(std::size_t i) const { return !node(i).operation && !node(i).constant; }
  bool differentiable(std::size_t i, std::size_t argument) const {
    return !node(i).constant && node(i).operation->differentiable(argument) &&
           node(i).operation->result_differentiable(node(i).result);
  }
  const char* why(std::size_t i) const {
    if (role_[i] != Role::none) return nullptr;
    return why_[i] ? why_[i] : "meets no data";
  }

  void find_needed() {
    s_.needed[s_.loss] = true;
    for (std::size_t i = s_.loss + 1; i-- > 0;)
      if (s_.needed[i] && node(i).operation)
        for (auto j : tape_.inputs(i)) s_.needed[j] = true;
    for (std::size_t i = 0; i <= s_.loss; ++i) {
      if (!s_.needed[i]) continue;
      s_.flows[i] = is_variable(i);
      const auto inputs = tape_.inputs(i);
      for (std::size_t j = 0; node(i).operation && j < inputs.size(); ++j)
        if (s_.flows[inputs[j]] && differentiable(i, j)) s_.flows[i] = true;
    }
  }

  /// Leaves that are data: arrays; numbers only where there are no arrays.
  void find_data() {
    bool cells = false, any = false, arrays = false;
    for (std::size_t i = 0; i <= s_.loss; ++i) {
      if (!s_.needed[i] || !is_variable(i)) continue;
      cells |= tape_.cell(i) != nullptr;
      arrays |= node(i).value->dimension() > 0;
    }
    const auto mark = [&](auto&& is) {
      for (std::size_t i = 0; i <= s_.loss; ++i)
        if (s_.needed[i] && !node(i).operation && is(i)) data_[i] = any = true;
    };
    for (const auto& input : inputs_)
      if (input.index() <= s_.loss) data_[input.index()] = any = true;
    mark([&](std::size_t i) { return is_variable(i) ? cells && !tape_.cell(i) : node(i).value->dimension() > 0; });
    if (!any && !arrays) mark([&](std::size_t i) { return !is_variable(i); });
  }

  /// What every value is made of, and where weights and biases meet data.
  void find_layers(Products which) {
    std::ranges::fill(role_, Role::none), std::ranges::fill(s_.layer, 0), added_.clear();
    for (std::uint32_t i = 0; i <= s_.loss; ++i) {
      if (!s_.needed[i]) continue;
      if (!node(i).operation) {
        s_.made[i] = data_[i] ? Made::data : is_variable(i) ? Made::parameter : Made::number;
        continue;
      }
      s_.made[i] = Made::number;
      for (auto j : tape_.inputs(i)) {
        s_.made[i] = std::max(s_.made[i], s_.made[j]);
        if (s_.made[j] == Made::data) s_.layer[i] = std::max(s_.layer[i], s_.layer[j]);
      }
      if (const auto first = i - node(i).result; first != i && s_.needed[first])
        s_.layer[i] = s_.layer[first], s_.made[i] = s_.made[first];
      else
        meet(i, which);
    }
  }

  void meet(std::uint32_t i, Products which) {
    const auto inputs = tape_.inputs(i);
    const bool mixes = (node(i).operation->block() != nullptr) == (which == Products::elementwise);
    std::vector<std::uint32_t> added;
    if (s_.made[i] == Made::data && (node(i).operation->made_of() || node(i).operation->results() > 1)) return enter(i);
    for (std::uint32_t j = 0; inputs.size() > 1 && j < inputs.size(); ++j) {
      if (s_.made[inputs[j]] != Made::parameter || !s_.flows[inputs[j]] || !differentiable(i, j)) continue;
      const auto looks = looks_at(tape_, i, j);
      const auto partner = [&](Made made) {
        for (std::uint32_t k = 0; k < inputs.size(); ++k)
          if (looks[k] && k != j && s_.made[inputs[k]] == made) return k;
        return nowhere;
      };
      const auto data = partner(Made::data), other = partner(Made::parameter);
      if (data != nowhere)
        assign(inputs[j], Role::weight, mixes ? begin_layer(i, j, data) : s_.layer[inputs[data]], i);
      else if (s_.made[i] == Made::data)
        added.push_back(inputs[j]);
      else if (other != nowhere && mixes && leaf_of(inputs[j]) != leaf_of(inputs[other]))
        return either_is_data(i, leaf_of(inputs[j]), leaf_of(inputs[other]));
    }
    for (auto bias : added) assign(bias, Role::bias, s_.layer[i], i);
  }
  /// An operation of several steps, such as a loop, is a layer of its own.
  void enter(std::uint32_t i) {
    std::vector<std::uint32_t> parameters;  // by place among the arguments
    const auto inputs = tape_.inputs(i);
    for (std::uint32_t j = 0; j < inputs.size(); ++j)
      if (s_.made[inputs[j]] == Made::parameter && s_.flows[inputs[j]]) parameters.push_back(j);
    if (parameters.empty()) return;
    const auto roles = roles_inside(i);
    for (auto j : parameters)
      if (roles[j] != Role::none)
        assign(inputs[j], roles[j], s_.layer[i] + 1, i);
      else
        for (auto leaf : leaves_of(inputs[j])) why_[leaf] = "is used inside an operation of several steps";
    const std::size_t first = i - node(i).result;  // which the loss need not depend on
    nested_[first] = s_.nested = true;
    for (std::size_t k = first; k < first + node(i).operation->results() && k <= s_.loss; ++k) product_[k] = true;
    ++s_.layer[i];
  }
  /// What arguments do in a recorded function, for each of its results; nothing in a loop, which shows no function.
  std::vector<Role> roles_inside(std::uint32_t i) const {
    const auto inputs = tape_.inputs(i);
    std::vector<Role> roles(inputs.size(), Role::none);
    const auto* function = node(i).operation->made_of();
    if (!function) return roles;
    Tape<T> scratch(TapeMode::abstract);
    std::vector<Variable<T>> x, data;
    for (auto j : inputs) {
      x.push_back(scratch.input(node(j).value->shape()));
      if (s_.made[j] == Made::data) data.push_back(x.back());
    }
    const auto recorded = function->record(scratch, x);
    for (auto result : function->results())
      if (recorded[result].recorded())
        for (const auto& parameter : Reader(recorded[result], data).read().parameters)
          if (parameter.node < roles.size() && roles[parameter.node] != Role::weight)  // inputs came first
            roles[parameter.node] = parameter.role;
    return roles;
  }
  void either_is_data(std::uint32_t i, std::uint32_t one, std::uint32_t other) {
    why_[one] = why_[other] = "is multiplied by another variable: either may be the input";
    s_.made[i] = Made::data, s_.layer[i] = 1;
  }

  /// A weight that was met before is used again, as by the next step of a recurrence: in the layer that it had.
  std::uint32_t begin_layer(std::uint32_t i, std::uint32_t weight, std::uint32_t data) {
    const auto inputs = tape_.inputs(i);
    const auto parameter = leaf_of(inputs[weight]);
    const auto layer = role_[parameter] == Role::weight ? s_.layer[parameter] : s_.layer[inputs[data]] + 1;
    s_.layer[i] = std::max(s_.layer[i], layer);
    s_.products.push_back({i, parameter, inputs[weight], inputs[data], layer, weight < data, i});
    product_[i] = true;
    return layer;
  }

  /// The first variable that a value made of parameters depends on.
  std::uint32_t leaf_of(std::uint32_t i) const {
    while (node(i).operation)
      for (auto j : tape_.inputs(i))
        if (s_.made[j] == Made::parameter) {
          i = j;
          break;
        }
    return i;
  }
  void assign(std::uint32_t i, Role role, std::uint32_t layer, std::uint32_t at) {
    for (auto leaf : leaves_of(i)) {
      if (role == Role::bias) added_.emplace_back(leaf, at);
      if (role_[leaf] != Role::weight) role_[leaf] = role, s_.layer[leaf] = layer;
    }
  }
  /// The variables that a value made of parameters depends on.
  std::vector<std::uint32_t> leaves_of(std::uint32_t i) const {
    std::vector<std::uint32_t> leaves, waiting{i};
    std::unordered_set<std::uint32_t> met{i};
    while (!waiting.empty()) {
      const auto next = waiting.back();
      waiting.pop_back();
      if (!node(next).operation) leaves.push_back(next);
      for (auto j : tape_.inputs(next))
        if (node(next).operation && s_.made[j] == Made::parameter && s_.flows[j] && met.insert(j).second)
          waiting.push_back(j);
    }
    return leaves;
  }

  /// From a product on, what adds to it and to nothing else.
  void find_sums() {
    std::vector<std::uint32_t> readers(s_.loss + 1, 0), reader(s_.loss + 1, nowhere);
    for (std::uint32_t i = 0; i <= s_.loss; ++i)
      if (s_.needed[i] && node(i).operation)
        for (auto j : tape_.inputs(i)) ++readers[j], reader[j] = i;
    for (auto& product : s_.products)
      while (readers[product.sum] == 1 && adds(reader[product.sum], product.sum)) product.sum = reader[product.sum];
  }
  /// A sum with parameters, or with other products of the same layer.
  bool adds(std::uint32_t i, std::uint32_t to) const {
    const auto inputs = tape_.inputs(i);
    if (!node(i).operation->block() || inputs.size() != 2 || !tape_.name(to).empty()) return false;
    for (std::size_t j = 0; j < 2; ++j) {
      if (node(i).operation->linear(j) != Linear::plus) return false;
      if (inputs[j] != to && s_.made[inputs[j]] == Made::data && s_.layer[inputs[j]] < s_.layer[to]) return false;
      if (inputs[j] != to && s_.made[inputs[j]] == Made::data && !s_.flows[inputs[j]]) return false;
    }
    return true;
  }

  void find_tail() {
    s_.tail[s_.loss] = true;
    for (std::size_t i = s_.loss + 1; i-- > 0;)
      if (s_.tail[i] && node(i).operation && !product_[i])
        for (auto j : tape_.inputs(i)) s_.tail[j] = s_.flows[j];
  }

  /// Of each layer: its pre-activations, what the next layer reads, and whatever has a name. Of the last one, what is
  /// computed from its units alone; where another array joins, the loss begins.
  void find_units() {
    std::vector<bool> is(s_.loss + 1, false);
    for (const auto& product : s_.products) {
      is[product.sum] = read_[product.data] = true;
      auto read = product.data;  // whose layout may have been changed on the way
      while (node(read).operation && tape_.name(read).empty() && tape_.inputs(read).size() == 1 &&
             node(read).operation->view(dense(node(tape_.inputs(read)[0]).value->shape())))
        read = tape_.inputs(read)[0];
      is[read] = true;
    }
    for (std::size_t i = s_.loss + 1; i-- > 0;)
      if (read_[i] && node(i).operation)
        for (auto j : tape_.inputs(i)) read_[j] = true;
    for (std::uint32_t i = 0; i <= s_.loss; ++i) {
      if (!s_.needed[i] || !s_.flows[i] || s_.made[i] != Made::data || !node(i).operation || s_.layer[i] == 0) continue;
      if (s_.tail[i] && !product_[i]) {
        for (auto j : tape_.inputs(i))
          of_loss_[i] = of_loss_[i] || of_loss_[j] || (s_.made[j] == Made::data && !s_.flows[j] && !read_[j]);
        of_loss_[i] = of_loss_[i] || smaller(i);
      }
      const bool shown = is[i] || nested_[i - node(i).result] || !tape_.name(i).empty();
      if (i != s_.loss && !of_loss_[i] && shown) s_.units.push_back({i, s_.layer[i], s_.tail[i]});
    }
  }
  /// What is added behind the units, and nowhere else, is no bias.
  void drop_penalties() {
    std::vector<bool> kept(s_.loss + 1, false);
    for (const auto& [bias, at] : added_) kept[bias] = kept[bias] || !of_loss_[at];
    for (const auto& [bias, at] : added_)
      if (!kept[bias] && role_[bias] == Role::bias)
        role_[bias] = Role::none, s_.layer[bias] = 0, why_[bias] = "is added to the loss alone";
  }
  bool smaller(std::uint32_t i) const {
    std::size_t largest = 0;
    for (auto j : tape_.inputs(i))
      if (s_.flows[j] && s_.made[j] == Made::data) largest = std::max(largest, count(Dims(node(j).value->shape())));
    return count(Dims(node(i).value->shape())) < largest;
  }

  static constexpr std::uint32_t nowhere = std::uint32_t(-1);
  const Tape<T>& tape_;
  const std::vector<Variable<T>>& inputs_;
  Structure s_;
  std::vector<Role> role_;
  std::vector<const char*> why_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> added_;  // biases, and to what
  std::vector<bool> data_, product_, nested_, of_loss_, read_;  // read: leads to what a product reads
};

}  // namespace

template <Real T>
Structure structure_of(const Variable<T>& loss, const std::vector<Variable<T>>& inputs) {
  return Reader<T>(loss, inputs).read();
}

template Structure structure_of(const Variable<float>&, const std::vector<Variable<float>>&);
template Structure structure_of(const Variable<double>&, const std::vector<Variable<double>>&);

}  // namespace autodiff::detail
