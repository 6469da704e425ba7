#include "tape.hpp"

#include <mutex>

#include "finite.hpp"

namespace autodiff {

namespace {

/// Anchors wait here for their next tape. Leaked on purpose: variables may outlive everything.
template <Real T>
struct Anchors {
  std::mutex mutex;
  std::vector<detail::Anchor<T>*> free;
  static Anchors& all() {
    static auto* anchors = new Anchors;
    return *anchors;
  }
};

/// Room on the stack for the inputs of most operations, on the heap for any number.
template <class E>
class Few {
 public:
  explicit Few(std::size_t n) : more_(n > 4 ? n : 0), all_(n > 4 ? more_.data() : here_, n) {}
  Few(const Few&) = delete;
  operator std::span<const E>() const { return all_; }
  E& operator[](std::size_t i) { return all_[i]; }

 private:
  E here_[4] = {};
  std::vector<E> more_;
  std::span<E> all_;
};

}  // namespace

template <Real T>
Tape<T>::Tape() {
  auto& anchors = Anchors<T>::all();
  std::lock_guard lock(anchors.mutex);
  if (anchors.free.empty()) {
    anchor_ = new detail::Anchor<T>;
    anchors.free.reserve(anchors.free.capacity() + 1);  // so that the destructor cannot throw
  } else {
    anchor_ = anchors.free.back();
    anchors.free.pop_back();
  }
  anchor_->tape = this;
}

template <Real T>
Tape<T>::~Tape() {
  ++anchor_->life;
  anchor_->tape = nullptr;
  auto& anchors = Anchors<T>::all();
  std::lock_guard lock(anchors.mutex);
  anchors.free.push_back(anchor_);
}

template <Real T>
void Tape<T>::clear() {
  truncate(0);
  by_name_.clear();
  ++anchor_->life;
}

template <Real T>
void Tape<T>::truncate(std::size_t size) {
  if (size >= nodes_.size()) return;
  inputs_.resize(nodes_[size].first_input);
  nodes_.resize(size);
  std::erase_if(names_, [&](const auto& entry) { return entry.first >= size; });
  std::erase_if(by_name_, [&](const auto& entry) { return entry.second >= size; });
}

template <Real T>
std::uint32_t Tape<T>::append(std::shared_ptr<const Primitive<T>> operation, std::shared_ptr<Array<T>> value,
                              bool constant) {
  if (nodes_.size() >= UINT32_MAX || inputs_.size() >= UINT32_MAX) fail<TapeError>("tape", "holds 2^32 nodes at most");
  nodes_.push_back(
      {std::move(operation), std::move(value), static_cast<std::uint32_t>(inputs_.size()), scope_, constant});
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

template <Real T>
Variable<T> Tape<T>::leaf(const Variable<T>& value, const std::string& name, bool constant) {
  value.check_alive();
  if (stop_at_non_finite_) {
    const ErrorScope scope(name);
    require_finite<T>(constant ? "constant" : "variable", "the value", operand(std::as_const(*value.value_)));
  }
  const auto index = append(nullptr, value.value_, constant);
  if (!name.empty()) this->name(index, name);
  return recorded(index);
}

template <Real T>
Variable<T> Tape<T>::recorded(std::size_t index) const {
  return Variable<T>(nodes_[index].value, anchor_, anchor_->life, static_cast<std::uint32_t>(index));
}

template <Real T>
std::span<const std::uint32_t> Tape<T>::inputs(std::size_t index) const {
  const std::size_t begin = nodes_[index].first_input;
  const std::size_t end = index + 1 < nodes_.size() ? nodes_[index + 1].first_input : inputs_.size();
  return {inputs_.data() + begin, end - begin};
}

template <Real T>
Tape<T>* Tape<T>::common(std::string_view operation, std::span<const Variable<T>> operands) {
  Tape* tape = nullptr;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Variable<T>& x = operands[i];
    if (!x.value_) fail<TapeError>(operation, "argument ", i + 1, " is an empty variable");
    if (!x.recorded()) continue;
    if (!x.alive())
      fail<TapeError>(operation, "argument ", i + 1,
                      " belongs to a tape that has been cleared or is gone: ", Dims(x.value_->shape()));
    if (tape && tape != x.anchor_->tape)
      fail<TapeError>(operation, "variables of two tapes cannot be mixed: ", Dims(operands[0].value_->shape()), " and ",
                      Dims(x.value_->shape()));
    tape = x.anchor_->tape;
  }
  return tape;
}

template <Real T>
void Tape<T>::check_operands(std::string_view operation, std::span<const Variable<T>> operands) {
  common(operation, operands);
}

template <Real T>
Variable<T> Tape<T>::record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs) {
  Tape* tape = common(operation->name(), inputs);
  Few<Dims> shapes(inputs.size());
  Few<Operand<const T>> operands(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    operands[i] = operand(std::as_const(*inputs[i].value_));
    shapes[i] = operands[i].shape;
  }
  const Shape shape = operation->shape(shapes);
  check_shape(operation->name(), shape);
  auto value = std::make_shared<Array<T>>(shape);
  operation->forward(operand(*value), operands);
  if (tape && tape->stop_at_non_finite_)
    require_finite<T>(operation->name(), "the result", operand(std::as_const(*value)), shapes);
  if (!tape || !tape->recording_) return Variable<T>(std::move(value), nullptr, 0, 0);

  // Plain values become constants here, after all that can fail; then the node's own inputs follow each other.
  Few<std::uint32_t> indices(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    indices[i] = inputs[i].recorded() ? inputs[i].index_ : tape->append(nullptr, inputs[i].value_, true);
  const auto index = tape->append(operation, std::move(value), false);
  const std::span<const std::uint32_t> all = indices;
  tape->inputs_.insert(tape->inputs_.end(), all.begin(), all.end());
  return tape->recorded(index);
}

template <Real T>
std::string Tape<T>::scope_path(std::uint32_t scope) const {
  if (scope == 0) return {};
  const std::string outer = scope_path(scopes_[scope].outer);
  return outer.empty() ? scopes_[scope].name : outer + "/" + scopes_[scope].name;
}

template <Real T>
Tape<T>::Scope::Scope(Tape& tape, std::string_view name) : tape_(tape), outer_(tape.scope_), where_(name) {
  const ScopeName scope{outer_, std::string(name)};
  const auto [entry, fresh] = tape.scope_index_.try_emplace(scope, static_cast<std::uint32_t>(tape.scopes_.size()));
  if (fresh) tape.scopes_.push_back(scope);
  tape.scope_ = entry->second;
}

template <Real T>
std::string Tape<T>::name(std::size_t index) const {
  const auto found = names_.find(static_cast<std::uint32_t>(index));
  return found == names_.end() ? std::string() : found->second;
}

template <Real T>
void Tape<T>::name(std::size_t index, const std::string& name) {
  const std::string scope = scope_path(scope_);
  const std::string full = scope.empty() ? name : scope + "/" + name;
  auto& mine = names_[static_cast<std::uint32_t>(index)];
  if (const auto old = by_name_.find(mine); old != by_name_.end() && old->second == index) by_name_.erase(old);
  mine = full;
  by_name_[full] = static_cast<std::uint32_t>(index);
}

template <Real T>
Variable<T> Tape<T>::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) fail<TapeError>("find", "no variable of this tape is named \"", name, '"');
  return recorded(found->second);
}

// ---- Variable: what it asks its tape ----

template <Real T>
void Variable<T>::check_alive() const {
  if (!value_) fail<TapeError>("variable", "it is empty: nothing has been assigned to it");
  if (anchor_ && anchor_->life != life_)
    fail<TapeError>("variable", "its tape has been cleared or is gone: ", Dims(value_->shape()));
}

template <Real T>
T Variable<T>::item() const {
  if (size() != 1) fail<ShapeError>("item", "needs exactly one element: ", Dims(shape()));
  return *value().data();
}

template <Real T>
Tape<T>& Variable<T>::tape() const {
  check_alive();
  if (!anchor_) fail<TapeError>("variable", "it is a plain value, not recorded on a tape: ", Dims(shape()));
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

template <Real T>
Variable<T> detach(const Variable<T>& x) {
  return x.recorded() ? x.tape().plain(x.index()) : x;
}

template class Tape<float>;
template class Tape<double>;
template class Variable<float>;
template class Variable<double>;
template Variable<float> detach(const Variable<float>&);
template Variable<double> detach(const Variable<double>&);

}  // namespace autodiff
