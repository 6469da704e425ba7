#include "tape.hpp"

#include <mutex>
#include <utility>

#include "finite.hpp"
#include "memory.hpp"

namespace autodiff {

namespace {

/// Anchors wait here for their next tape, with room for its nodes. Leaked on purpose: variables may outlive everything.
template <Real T>
struct Anchors {
  static constexpr std::size_t most_nodes = 1 << 16;  // that room is kept for, 3 MB
  struct Waiting {
    detail::Anchor<T>* anchor;
    std::vector<Node<T>> nodes;
    std::vector<std::uint32_t> inputs;
  };
  std::mutex mutex;
  std::vector<Waiting> free;
  static Anchors& all() {
    static auto* anchors = new Anchors;
    return *anchors;
  }
};

using detail::Few;

template <Real T>
struct Pointers : Few<const Variable<T>*> {
  explicit Pointers(std::span<const Variable<T>> variables) : Few<const Variable<T>*>(variables.size()) {
    for (std::size_t i = 0; i < variables.size(); ++i) (*this)[i] = &variables[i];
  }
};

/// How many functions are being recorded in this thread, one inside the other.
thread_local int recorded_functions = 0;

}  // namespace

template <Real T>
Tape<T>::Tape(TapeMode mode, Tape* outer)
    : mode_(mode), outer_(outer), depth_(mode == TapeMode::function ? ++recorded_functions : 0) {
  auto& anchors = Anchors<T>::all();
  std::lock_guard lock(anchors.mutex);
  if (anchors.free.empty()) {
    anchor_ = new detail::Anchor<T>;
    anchors.free.reserve(anchors.free.capacity() + 1);  // so that the destructor cannot throw
  } else {
    anchor_ = anchors.free.back().anchor;
    nodes_.swap(anchors.free.back().nodes), inputs_.swap(anchors.free.back().inputs);
    anchors.free.pop_back();
  }
  anchor_->tape = this;
}

template <Real T>
Tape<T>::~Tape() {
  if (depth_ > 0) --recorded_functions;
  ++anchor_->life;
  anchor_->tape = nullptr;
  typename Anchors<T>::Waiting waiting{anchor_, {}, {}};
  if (nodes_.capacity() <= Anchors<T>::most_nodes && inputs_.capacity() <= 3 * Anchors<T>::most_nodes) {
    nodes_.clear(), inputs_.clear();
    waiting.nodes.swap(nodes_), waiting.inputs.swap(inputs_);
  }
  auto& anchors = Anchors<T>::all();
  std::lock_guard lock(anchors.mutex);
  anchors.free.push_back(std::move(waiting));
}

template <Real T>
void Tape<T>::clear() {
  truncate(0);
  forget_scopes();
  noted_.clear();
  ++anchor_->life;
}

template <Real T>
bool Tape<T>::note(std::uint64_t what) {
  const auto place = std::ranges::lower_bound(noted_, what);
  if (place != noted_.end() && *place == what) return false;
  noted_.insert(place, what);
  return true;
}

/// Of an empty tape, unless one is open: names that never come again would pile up.
template <Real T>
void Tape<T>::forget_scopes() {
  if (!nodes_.empty() || scope_ != 0) return;
  scopes_.resize(1);
  scope_index_.clear();
  scope_also_.clear();
  gradient_scopes_.clear();
}

template <Real T>
void Tape<T>::truncate(std::size_t size) {
  if (size >= nodes_.size()) return;
  inputs_.resize(nodes_[size].first_input);
  nodes_.resize(size);
  names_.erase(names_.lower_bound(static_cast<std::uint32_t>(size)), names_.end());
  if (size < indexed_) by_name_.clear(), indexed_ = 0;
  std::erase_if(cells_, [&](const auto& entry) { return entry.first >= size; });
  std::erase_if(entered_, [&](auto index) { return index >= size; });
}

template <Real T>
std::uint32_t Tape<T>::append(Node<T>&& node) {
  if (nodes_.size() >= UINT32_MAX || inputs_.size() >= UINT32_MAX) fail<TapeError>("tape", "holds 2^32 nodes at most");
  node.first_input = static_cast<std::uint32_t>(inputs_.size());
  node.scope = scope_;
  nodes_.push_back(std::move(node));
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

template <Real T>
Variable<T> Tape<T>::leaf(const Variable<T>& value, const std::string& name, bool constant, const Cells& cells) {
  value.check_value();
  if (stop_at_non_finite_) {
    const ErrorScope scope(name);
    require_finite<T>(constant ? "constant" : "variable", "the value", operand(value.value_));
  }
  const bool may_change = abstract() && (!constant || cells.read);
  const auto index = append({.value = value.value_, .constant = constant, .abstract = may_change});
  if (cells.read) cells_.emplace(index, cells);
  if (!name.empty()) this->name(index, name);
  return recorded(index);
}

template <Real T>
Variable<T> Tape<T>::input(const Shape& shape) {
  if (!abstract()) fail<TapeError>("tape", "only an abstract tape has inputs: ", Dims(shape));
  check_shape("input", shape);
  const auto index = append({.value = Value<T>::without_elements(shape), .abstract = true});
  entered_.push_back(index);
  return recorded(index);
}

template <Real T>
Variable<T> Tape<T>::own(const Variable<T>& v) {
  if (v.anchor_ == anchor_) return v;
  if (mode_ != TapeMode::function || v.tape().depth_ >= depth_)
    fail<TapeError>("tape", "the variable belongs to another one: ", Dims(v.shape()));
  const auto known = std::ranges::find_if(
      captured_, [&](const auto& pair) { return pair.first.anchor_ == v.anchor_ && pair.first.index_ == v.index_; });
  if (known != captured_.end()) return known->second;
  return captured_.emplace_back(v, input(v.shape())).second;
}

template <Real T>
Variable<T> Tape<T>::recorded(std::size_t index) const {
  const Node<T>& node = nodes_[index];
  return Variable<T>(node.value, anchor_, anchor_->life, static_cast<std::uint32_t>(index), node.abstract);
}

template <Real T>
typename Tape<T>::Cells Tape<T>::cells_of(std::size_t index) const {
  const auto found = cells_.find(static_cast<std::uint32_t>(index));
  return found == cells_.end() ? Cells() : found->second;
}

template <Real T>
std::string Tape<T>::origins(std::size_t index) const {
  constexpr std::size_t most_named = 4;
  std::vector<bool> reached(index + 1);
  reached[index] = true;
  std::vector<std::string> found;
  for (std::size_t i = index + 1; i-- > 0;) {
    if (!reached[i] || !nodes_[i].abstract) continue;
    for (auto j : inputs(i)) reached[j] = true;
    if (nodes_[i].operation) continue;
    const auto input = std::ranges::find(entered_, i);
    const std::string called = name(i).empty() ? to_string(Dims(nodes_[i].value->shape())) : name(i);
    found.push_back(input == entered_.end() ? (nodes_[i].constant ? "state " : "variable ") + called
                    : name(i).empty()       ? "input " + std::to_string(input - entered_.begin())
                                      : "input " + std::to_string(input - entered_.begin()) + " (" + called + ")");
  }
  std::string text;
  const std::size_t named = found.size() > most_named ? most_named : found.size();
  for (std::size_t k = 0; k < named; ++k) text += (k ? ", " : "") + found[found.size() - 1 - k];
  return found.size() > named ? text + " and " + std::to_string(found.size() - named) + " more" : text;
}

template <Real T>
Tape<T>* Tape<T>::common(std::string_view operation, std::span<const Variable<T>> operands) {
  return common(operation, Pointers<T>(operands));
}

template <Real T>
Tape<T>* Tape<T>::common(std::string_view operation, std::span<const Variable<T>* const> operands) {
  Tape* tape = nullptr;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Variable<T>& x = *operands[i];
    if (!x.value_) fail<TapeError>(operation, "argument ", i + 1, " is an empty variable");
    if (!x.recorded()) continue;
    if (!x.alive())
      fail<TapeError>(operation, "argument ", i + 1,
                      " belongs to a tape that has been cleared or is gone: ", Dims(x.value_->shape()));
    Tape* const its_tape = x.anchor_->tape;
    if (tape && tape != its_tape && tape->depth_ == its_tape->depth_)
      fail<TapeError>(operation, "variables of two tapes cannot be mixed: ", Dims(operands[0]->value_->shape()),
                      " and ", Dims(x.value_->shape()));
    if (!tape || its_tape->depth_ > tape->depth_) tape = its_tape;  // the innermost function takes the others as inputs
  }
  return tape;
}

template <Real T>
void Tape<T>::check_operands(std::string_view operation, std::span<const Variable<T>> operands) {
  common(operation, operands);
}

template <Real T>
Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs) {
  return record(operation, Pointers<T>(inputs));
}

template <Real T>
Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation,
                            std::span<const Variable<T>* const> inputs) {
  Variable<T> result;
  if (!record_at_once(operation, inputs, result)) record(operation, inputs, std::span(&result, 1));
  return result;
}

template <Real T>
void Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs,
                     std::span<Variable<T>> results) {
  record(operation, Pointers<T>(inputs), results);
}

/// The usual case of a small operation, for which each nanosecond counts: elementwise, of values that are known, on one
/// tape or none, and of one shape but for single numbers. Tells whether it is one.
template <Real T>
bool Tape<T>::record_at_once(const std::shared_ptr<const Primitive<T>>& operation,
                             std::span<const Variable<T>* const> inputs, Variable<T>& result) {
  const Loops<T>* const loops = operation->loops();
  if (!loops || loops->arguments.size() != inputs.size()) return false;
  const T* from[Loops<T>::most_arguments];
  unsigned single = 0;
  const Value<T>* shaped = nullptr;
  Tape* tape = nullptr;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Variable<T>& x = *inputs[i];
    if (!x.alive() || x.abstract_) return false;
    if (x.anchor_ && tape && x.anchor_ != tape->anchor_) return false;
    if (x.anchor_ && !tape) tape = x.anchor_->tape;
    from[i] = x.value_.data();
    if (x.value_.dimension() == 0)
      single |= 1u << i;
    else if (!shaped)
      shaped = &x.value_;
    else if (!x.value_.same_shape(*shaped))
      return false;
  }
  if (tape && tape->stop_at_non_finite_) return false;
  Value<T> value = shaped ? Value<T>::like(*shaped) : Value<T>::number(0);
  if (const std::size_t n = value.size()) loops->forward(operation->self(), value.data(), from, single, n);
  if (!tape || !tape->recording_) {
    result = Variable<T>(std::move(value));
    return true;
  }
  std::uint32_t indices[Loops<T>::most_arguments];
  for (std::size_t i = 0; i < inputs.size(); ++i) indices[i] = tape->entered(*inputs[i]);
  const auto index = tape->append({.operation = operation, .value = value, .loops = loops});
  for (std::size_t i = 0; i < inputs.size(); ++i) tape->inputs_.push_back(indices[i]);
  result = Variable<T>(std::move(value), tape->anchor_, tape->anchor_->life, index);
  return true;
}

/// The index of an operand, which becomes a constant if it is a plain value.
template <Real T>
std::uint32_t Tape<T>::entered(const Variable<T>& x) {
  if (x.anchor_ == anchor_) return x.index_;
  return x.recorded() ? own(x).index_ : append({.value = x.value_, .constant = true});
}

template <Real T>
void Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>* const> inputs,
                     std::span<Variable<T>> results) {
  Tape* tape = common(operation->name(), inputs);
  Few<Dims> shapes(inputs.size());
  Few<Operand<const T>> operands(inputs.size());
  bool abstract = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands[i] = operand(inputs[i]->value_);
    shapes[i] = operands[i].shape;
    abstract |= inputs[i]->abstract_ || (inputs[i]->recorded() && inputs[i]->anchor_ != tape->anchor_);
  }
  Few<Value<T>> values(results.size());
  Few<Operand<T>> ys(results.size());
  const auto make = [&](std::size_t k, const Shape& shape) {
    check_shape(operation->name(), shape);
    values[k] = abstract ? Value<T>::without_elements(shape) : Value<T>::uninitialised(shape);
    ys[k] = values[k].elements();
  };
  if (results.size() == 1) {
    make(0, operation->shape(shapes));
  } else {
    const auto all = operation->shapes(shapes);
    for (std::size_t k = 0; k < results.size(); ++k) make(k, all[k]);
  }
  if (!abstract) results.size() == 1 ? operation->forward(ys[0], operands) : operation->forward(ys, operands);
  if (tape && tape->stop_at_non_finite_ && !abstract)
    for (std::size_t k = 0; k < results.size(); ++k)
      require_finite<T>(operation->name(), "the result", operand(values[k]), shapes);
  if (!tape || !(tape->recording_ || abstract)) {
    for (std::size_t k = 0; k < results.size(); ++k)
      results[k] = Variable<T>(std::move(values[k]), nullptr, 0, 0, abstract);
    return;
  }
  // Plain values become constants here, after all that can fail; then the node's own inputs follow each other.
  Few<std::uint32_t> indices(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) indices[i] = tape->entered(*inputs[i]);
  for (std::uint32_t k = 0; k < results.size(); ++k) {
    const auto index = tape->append({.operation = operation,
                                     .value = std::move(values[k]),
                                     .loops = operation->loops(),
                                     .result = k,
                                     .constant = !tape->recording_,
                                     .abstract = abstract});
    const std::span<const std::uint32_t> all = indices;
    if (k == 0) tape->inputs_.insert(tape->inputs_.end(), all.begin(), all.end());
    results[k] = tape->recorded(index);
  }
}

template <Real T>
std::string Tape<T>::scope_path(std::uint32_t scope, bool also) const {
  if (scope == 0) return {};
  const std::string outer = scope_path(scopes_[scope].outer, also);
  const auto second = also ? scope_also_.find(scope) : scope_also_.end();
  const std::string& name = second == scope_also_.end() ? scopes_[scope].name : second->second;
  return outer.empty() ? name : outer + "/" + name;
}

template <Real T>
std::uint32_t Tape<T>::open(std::string_view name, std::string_view also) {
  const ScopeName scope{scope_, std::string(name)};
  const auto [entry, fresh] = scope_index_.try_emplace(scope, static_cast<std::uint32_t>(scopes_.size()));
  if (fresh) scopes_.push_back(scope);
  if (!also.empty()) scope_also_.try_emplace(entry->second, also);
  return std::exchange(scope_, entry->second);
}

template <Real T>
std::uint32_t Tape<T>::gradient_scope(std::uint32_t scope) {
  if (gradient_scopes_.size() <= scope) gradient_scopes_.resize(scopes_.size(), 0);
  if (gradient_scopes_[scope] == 0) {
    const auto before = std::exchange(scope_, scope);
    open("gradient", {});
    gradient_scopes_[scope] = std::exchange(scope_, before);
  }
  return gradient_scopes_[scope];
}

template <Real T>
Tape<T>::Scope::Scope(Tape& tape, std::string_view name, std::string_view also)
    : tape_(tape),
      outermost_(tape.outermost()),
      before_(tape.open(name, also)),
      outermost_before_(&tape == &outermost_ ? before_ : outermost_.open(name, also)),
      where_(name) {}

template <Real T>
Tape<T>::Scope::~Scope() {
  tape_.scope_ = before_, outermost_.scope_ = outermost_before_;
  tape_.forget_scopes();
  if (&tape_ != &outermost_) outermost_.forget_scopes();
}

// ---- Variable: what it asks its tape ----

template <Real T>
void Variable<T>::fail_dead() const {
  if (!value_) fail<TapeError>("variable", "it is empty: nothing has been assigned to it");
  fail<TapeError>("variable", "its tape has been cleared or is gone: ", Dims(value_->shape()));
}

template <Real T>
void Variable<T>::fail_valueless() const {
  check_alive();
  if (!anchor_) fail<TapeError>("variable", "only a run of the program knows the value: ", Dims(value_->shape()));
  fail<TapeError>("variable", "only a run of the program knows the value, which depends on ", tape().origins(index_),
                  ": ", Dims(value_->shape()));
}

template <Real T>
T Variable<T>::item() const {
  if (size() != 1) fail<ShapeError>("item", "needs exactly one element: ", Dims(shape()));
  return *elements().data;
}

template <Real T>
Tape<T>& Variable<T>::tape() const {
  check_alive();
  if (!anchor_) fail<PlainError>("variable", "it is a plain value, not recorded on a tape: ", Dims(shape()));
  return *anchor_->tape;
}

template <Real T>
std::string Variable<T>::name() const {
  return recorded() ? tape().name(index_) : std::string();
}

template <Real T>
const Variable<T>& Variable<T>::named(const std::string& name) const& {
  if (recorded()) tape().name(index_, name);
  return *this;
}
template <Real T>
Variable<T> Variable<T>::named(const std::string& name) && {
  std::as_const(*this).named(name);
  return std::move(*this);
}

template class Tape<float>;
template class Tape<double>;
template class Variable<float>;
template class Variable<double>;

}  // namespace autodiff
