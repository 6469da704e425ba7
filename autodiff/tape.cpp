#include "tape.hpp"

#include <pthread.h>

#include <mutex>
#include <utility>

#include "finite.hpp"

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

// Nobody is in the middle of it when a process forks, so that the child can go on.
void lock_all() { Anchors<float>::all().mutex.lock(), Anchors<double>::all().mutex.lock(); }
void unlock_all() { Anchors<double>::all().mutex.unlock(), Anchors<float>::all().mutex.unlock(); }
[[maybe_unused]] const int at_fork = pthread_atfork(lock_all, unlock_all, unlock_all);

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
  std::erase_if(captured_, [&](const auto& pair) { return pair.second.index_ >= size; });
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
