// Tape<T>: the record of operations, in the order in which they ran.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "primitive.hpp"
#include "variable.hpp"

namespace autodiff {

/// A variable, a constant, or one result of a recorded operation; all results of one follow each other.
template <Real T>
struct Node {
  std::shared_ptr<const Primitive<T>> operation = nullptr;  // null: a variable or a constant
  Value<T> value = nullptr;                                 // a shape alone where only a run knows more
  const Loops<T>* loops = nullptr;                          // of an elementwise operation
  std::uint32_t first_input = 0;  // of the tape's list of inputs; they end where those of the next node begin
  std::uint32_t scope = 0;
  std::uint32_t result = 0;  // its number among those of its operation
  bool constant = false;     // has no gradient
  bool abstract = false;     // only a run knows the value, or may change it
};

/// A value that others may replace, such as a parameter of a network: programs read it anew at each run.
template <Real T>
using ValueCell = std::shared_ptr<const Variable<T>>;
/// The same, which programs may change, too: where it is a state of one, each run changes what the cell holds.
template <Real T>
using StateCell = std::shared_ptr<Variable<T>>;

/// Whether operations compute as they are recorded, or are recorded alone; alone, as the body of a function.
enum class TapeMode { eager, abstract, function };

/// What a recording replaces of what a cell holds, and how to put another variable of the same value in its place.
template <Real T>
struct Replaced {
  ValueCell<T> cell;
  std::string name;
  Variable<T> next;
  std::function<void(const Variable<T>&)> assign;
};

/// Records operations as they run. Belongs to one thread; any number of tapes live side by side. While there is one,
/// the memory of large arrays that nobody has any more stays with the process, for those of the next recording.
///
/// On an abstract tape, made for a program, inputs, variables and what depends on them have a shape and no value:
/// nothing is computed and no memory is taken for it, nothing of the first run can be frozen into the program. What
/// follows from constants alone is computed at once. Where such a tape is paused, operations are recorded all the same,
/// and no gradient flows through them.
///
/// A tape for the body of a function is abstract, too; variables of tapes around it that are used there become inputs.
template <Real T>
class Tape {
 public:
  Tape() : Tape(TapeMode::eager) {}
  /// The tape around that of a function, if it is known, is where cells are entered.
  explicit Tape(TapeMode mode, Tape* outer = nullptr);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Enters a value that gradients can be asked for: an array, any xtensor expression, or a number; or the value of
  /// another variable, whose array is shared. Throws TapeError for a variable whose tape is gone.
  template <class A>
  requires(!std::convertible_to<A, ValueCell<T>>) Variable<T> variable(A&& value, const std::string& name = {}) {
    return leaf(to_variable<T>(std::forward<A>(value)), name, false);
  }
  /// The elements of a vector, or the rows of a matrix; {} is an empty vector. Throws ShapeError for rows of different
  /// lengths.
  template <class = void>  // so that rows are preferred for {} and {{1.0}}
  Variable<T> variable(std::initializer_list<T> elements, const std::string& name = {}) {
    return leaf(Variable<T>(from(elements)), name, false);
  }
  Variable<T> variable(std::initializer_list<std::initializer_list<T>> rows, const std::string& name = {}) {
    return leaf(Variable<T>(from(rows)), name, false);
  }
  /// Enters a value that others may replace, as it is now. A program reads it at each run; of a ValueCell that is a
  /// state of it, it reads the first value alone.
  Variable<T> variable(const ValueCell<T>& cell, const std::string& name = {}) {
    return leaf(held(cell), name, false, {cell, nullptr});
  }
  Variable<T> variable(const StateCell<T>& cell, const std::string& name = {}) {
    return leaf(held(cell), name, false, {cell, cell});
  }
  /// Enters a value that a program is given at each run. Throws TapeError where the tape is not abstract.
  Variable<T> input(const Shape& shape);
  /// Enters a value that has no gradient.
  Variable<T> constant(const ValueCell<T>& cell, const std::string& name = {}) {
    return leaf(held(cell), name, true, {cell, nullptr});
  }
  Variable<T> constant(const StateCell<T>& cell, const std::string& name = {}) {
    return leaf(held(cell), name, true, {cell, cell});
  }
  template <class A>
  requires(!std::convertible_to<A, ValueCell<T>>) Variable<T> constant(A&& value, const std::string& name = {}) {
    return leaf(to_variable<T>(std::forward<A>(value)), name, true);
  }
  template <class = void>
  Variable<T> constant(std::initializer_list<T> elements, const std::string& name = {}) {
    return leaf(Variable<T>(from(elements)), name, true);
  }
  Variable<T> constant(std::initializer_list<std::initializer_list<T>> rows, const std::string& name = {}) {
    return leaf(Variable<T>(from(rows)), name, true);
  }

  /// How many nodes are recorded: variables, constants and operations.
  std::size_t size() const { return nodes_.size(); }
  /// Forgets every node. Variables of before throw TapeError when used.
  void clear();

  /// The variable of this full name, "layer1/W": the latest if there are several, the k-th for "layer1/W#k", from 1.
  /// '.' is as good as '/', and a second name of a scope or a node as good as its first, where no first one fits.
  /// Throws TapeError for none, and lists names that are near.
  Variable<T> find(const std::string& name) const;
  /// The full names of all variables that have one, in the order of recording, each as find() takes it: where several
  /// have one name, "layer1/W#1", "layer1/W#2".
  std::vector<std::string> names() const;

  /// Until the returned object ends, nodes belong to a scope of this name, inside those already open. find() takes the
  /// second name, if there is one, as well; several scopes may share it.
  class [[nodiscard]] Scope {
   public:
    Scope(Tape& tape, std::string_view name, std::string_view also = {});
    ~Scope();
    Scope(const Scope&) = delete;

   private:
    Tape &tape_, &outermost_;  // parameters are entered, and named, there
    std::uint32_t before_, outermost_before_;
    ErrorScope where_;
  };
  /// Opens a scope, until the returned object ends.
  Scope scope(std::string_view name, std::string_view also = {}) { return Scope(*this, name, also); }

  /// Until the returned object ends, nothing is recorded: operations give plain values. On an abstract tape they are
  /// recorded all the same, and have no gradient.
  class [[nodiscard]] Pause {
   public:
    explicit Pause(Tape& tape) : tape_(tape), before_(tape.recording_) { tape.recording_ = false; }
    ~Pause() { tape_.recording_ = before_; }
    Pause(const Pause&) = delete;

   private:
    Tape& tape_;
    bool before_;
  };
  /// Records nothing, until the returned object ends.
  Pause pause() { return Pause(*this); }
  /// Whether operations are recorded, since the tape is not paused.
  bool recording() const { return recording_; }
  /// Whether operations are recorded without values.
  bool abstract() const { return mode_ != TapeMode::eager; }

  /// Hunts for the first value that is not finite: from now on, entering one, an operation that gives one, and a sweep
  /// that meets one throw ValueError, which names scope, operation, shapes and the index. Arrays and numbers beside
  /// variables are let through, since an infinity may be meant, until a result is not finite. Off at first; slows down.
  void stop_at_non_finite(bool on = true) { stop_at_non_finite_ = on; }
  bool stops_at_non_finite() const { return stop_at_non_finite_; }

  // ---- for the engine: the sweep, programs, drawings ----

  /// Runs an operation, and records it if any input is recorded and the tape is not paused.
  static Variable<T> record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs);
  static Variable<T> record(const std::shared_ptr<const Primitive<T>>& operation,
                            std::span<const Variable<T>* const> inputs);
  /// The same for an operation of several results.
  static void record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>> inputs,
                     std::span<Variable<T>> results);
  static void record(const std::shared_ptr<const Primitive<T>>& operation, std::span<const Variable<T>* const> inputs,
                     std::span<Variable<T>> results);

  /// The tape on which an operation of these is recorded: that of the innermost function among them, which takes the
  /// others as inputs; null where none is recorded. Throws as check_operands does.
  static Tape* common(std::string_view operation, std::span<const Variable<T>> operands);
  /// Throws TapeError, naming the operation, when operands are empty, of a tape that is gone, or of two tapes: what
  /// functions of several steps ask before the first of them.
  static void check_operands(std::string_view operation, std::span<const Variable<T>> operands);

  const Node<T>& node(std::size_t index) const { return nodes_[index]; }
  [[gnu::always_inline]] std::span<const std::uint32_t> inputs(std::size_t index) const {
    index -= nodes_[index].result;
    const std::size_t begin = nodes_[index].first_input;
    const std::size_t end = index + 1 < nodes_.size() ? nodes_[index + 1].first_input : inputs_.size();
    return {inputs_.data() + begin, end - begin};
  }
  /// The variable of a node, and the same value off the tape.
  Variable<T> recorded(std::size_t index) const;
  Variable<T> plain(std::size_t index) const {
    return Variable<T>(nodes_[index].value, nullptr, 0, 0, nodes_[index].abstract);
  }
  /// The cell that a variable was entered from, or null.
  ValueCell<T> cell(std::size_t index) const { return cells_of(index).read; }
  /// The same where programs may change it, or null.
  StateCell<T> state_cell(std::size_t index) const { return cells_of(index).changed; }
  /// Notes that a recording replaces what a cell holds: a program must have it as a state. Of an abstract tape.
  void replaces(Replaced<T> replaced) { replaced_.push_back(std::move(replaced)); }
  const std::vector<Replaced<T>>& replaced() const { return replaced_; }
  /// Whether a node is of this tape, in this life of it.
  bool holds(const detail::NodePlace<T>& place) const { return place.anchor == anchor_ && place.alive(); }
  bool of_function() const { return mode_ == TapeMode::function; }
  /// In how many functions that are being recorded it is; 0 for other tapes.
  int depth() const { return depth_; }
  /// The tape around that of a function, or null; and the last of these, or the tape itself.
  Tape* outer() const { return outer_; }
  Tape& outermost() { return outer_ ? outer_->outermost() : *this; }
  /// A variable of a tape around this one, of a function, as an input of it; one of its own is itself.
  Variable<T> own(const Variable<T>& v);
  /// The variables of other tapes that became inputs, and as what.
  const std::vector<std::pair<Variable<T>, Variable<T>>>& captured() const { return captured_; }
  /// Whether this is noted for the first time since the tape was empty: what an operation does not want to meet twice.
  bool note(std::uint64_t what);
  /// What the value of a node depends on and only a run knows: "input 0, variable layer1/W".
  std::string origins(std::size_t index) const;
  /// "layer1/W", or "" for a node without a name.
  std::string name(std::size_t index) const;
  /// Names a node in the current scope; find() takes the second name, if there is one, as well.
  void name(std::size_t index, const std::string& name, std::string_view also = {});
  /// "layer1/block2", the scope that a node was recorded in; "" outside of any.
  std::string scope_of(std::size_t index) const { return scope_path(nodes_[index].scope); }

  /// Until the returned object ends, nodes belong to the scope "gradient" inside that of a node: what is recorded of
  /// how a gradient flows back through it.
  class [[nodiscard]] GradientScope {
   public:
    GradientScope(Tape& tape, std::size_t index) : tape_(tape), before_(tape.scope_) {
      tape.scope_ = tape.gradient_scope(tape.nodes_[index].scope);
    }
    ~GradientScope() { tape_.scope_ = before_; }
    GradientScope(const GradientScope&) = delete;

   private:
    Tape& tape_;
    std::uint32_t before_;
  };

  /// Takes the nodes recorded during its life off again: for intermediate sweeps whose variables do not escape. They
  /// are recorded even where the tape is paused.
  class [[nodiscard]] Rollback {
   public:
    explicit Rollback(Tape& tape) : tape_(tape), size_(tape.size()), recording_(tape.recording_) {
      tape.recording_ = true;
    }
    ~Rollback() { tape_.truncate(size_), tape_.recording_ = recording_; }
    Rollback(const Rollback&) = delete;

   private:
    Tape& tape_;
    std::size_t size_;
    bool recording_;
  };

  /// For functions of several steps, of which a later one may fail: takes off what they recorded if an exception ends
  /// its life. Told the operands, of which the first that is recorded knows the tape.
  class [[nodiscard]] Attempt {
   public:
    explicit Attempt(std::initializer_list<const Variable<T>*> operands) {
      for (auto operand = operands.begin(); operand != operands.end() && !tape_; ++operand)
        if ((*operand)->recorded() && (*operand)->alive()) tape_ = &(*operand)->tape(), size_ = tape_->size();
    }
    ~Attempt() {
      if (tape_ && std::uncaught_exceptions() > before_) tape_->truncate(size_);
    }
    Attempt(const Attempt&) = delete;

   private:
    Tape* tape_ = nullptr;
    std::size_t size_ = 0;
    int before_ = std::uncaught_exceptions();
  };

 private:
  friend class Variable<T>;
  struct ScopeName {
    std::uint32_t outer;
    std::string name;
    auto operator<=>(const ScopeName&) const = default;
  };
  struct NodeName {
    std::uint32_t scope;  // in which it was named
    std::string name, also;
  };
  struct Cells {
    ValueCell<T> read;
    StateCell<T> changed;  // null where programs must not
  };

  static Array<T> from(std::initializer_list<T> elements) {
    Array<T> a(Shape{elements.size()});
    std::copy(elements.begin(), elements.end(), a.begin());
    return a;
  }
  static Array<T> from(std::initializer_list<std::initializer_list<T>> rows) {
    const std::size_t length = rows.size() ? rows.begin()->size() : 0;
    Array<T> a(rows.size() ? Shape{rows.size(), length} : Shape{0});
    T* to = a.data();
    for (const auto& row : rows) {
      if (row.size() != length) fail<ShapeError>("tape", "rows must have one length: ", length, " and ", row.size());
      to = std::copy(row.begin(), row.end(), to);
    }
    return a;
  }
  static const Variable<T>& held(const ValueCell<T>& cell) {
    if (!cell) fail<TapeError>("tape", "there is no cell to enter");
    return *cell;
  }
  static Tape* common(std::string_view operation, std::span<const Variable<T>* const> operands);
  static bool record_at_once(const std::shared_ptr<const Primitive<T>>& operation,
                             std::span<const Variable<T>* const> inputs, Variable<T>& result);
  Variable<T> leaf(const Variable<T>& value, const std::string& name, bool constant, const Cells& cells = {});
  Cells cells_of(std::size_t index) const;
  std::uint32_t append(Node<T>&& node) {
    if (nodes_.size() >= UINT32_MAX || inputs_.size() >= UINT32_MAX)
      fail<TapeError>("tape", "holds 2^32 nodes at most");
    node.first_input = static_cast<std::uint32_t>(inputs_.size());
    node.scope = scope_;
    nodes_.push_back(std::move(node));
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  std::uint32_t entered(const Variable<T>& x);
  std::uint32_t open(std::string_view scope, std::string_view also);
  std::uint32_t gradient_scope(std::uint32_t scope);
  std::string scope_path(std::uint32_t scope, bool also = false) const;
  std::string full(const NodeName& name, bool also = false) const;
  bool is_spelled(std::string_view text, const NodeName& name) const;
  const std::unordered_map<std::string, std::vector<std::uint32_t>>& by_name() const;
  std::vector<std::uint32_t> named(const std::string& name) const;
  void truncate(std::size_t size);
  void forget_scopes();

  const detail::KeepMemory keeps_memory_;
  const TapeMode mode_;
  Tape* const outer_;
  const int depth_;  // of functions within functions; 0 of other tapes
  detail::Anchor<T>* anchor_;
  std::vector<Node<T>> nodes_;
  std::vector<std::uint32_t> inputs_;
  std::vector<ScopeName> scopes_{{0, ""}};  // the first is outside of any
  std::map<ScopeName, std::uint32_t> scope_index_;
  std::vector<std::uint32_t> gradient_scopes_;  // by scope; 0 where there is none yet
  std::uint32_t scope_ = 0;
  bool recording_ = true, stop_at_non_finite_ = false;
  std::unordered_map<std::uint32_t, std::string> scope_also_;                    // second names of those that have one
  std::map<std::uint32_t, NodeName> names_;                                      // of the few nodes that have one
  mutable std::unordered_map<std::string, std::vector<std::uint32_t>> by_name_;  // of the nodes before this one:
  mutable std::uint32_t indexed_ = 0;
  std::unordered_map<std::uint32_t, Cells> cells_;
  std::vector<std::uint32_t> entered_;  // the inputs
  std::vector<Replaced<T>> replaced_;
  std::vector<std::pair<Variable<T>, Variable<T>>> captured_;
  std::vector<std::uint64_t> noted_;  // in order
};

/// What flows back to an input as an array, recorded where it has to be computed.
template <Real T>
Variable<T> whole(const Cotangent<T>& cotangent) {
  return cotangent.operation ? Tape<T>::record(cotangent.operation, cotangent.inputs) : cotangent.value;
}

extern template class Tape<float>;
extern template class Tape<double>;

}  // namespace autodiff
