#include "program.hpp"

#include <algorithm>
#include <list>
#include <sstream>

#include "program/executor.hpp"

namespace autodiff {

namespace detail {

void Turnstile::Pass::refuse() {
  fail<ValueError>("program", "it is running already: each thread needs a copy of its own");
}

namespace {

template <Real T>
Variable<T>& state_at(const States<T>& states, std::size_t number) {
  if (number >= states.size())
    fail<ValueError>("program", "has ", states.size(), " states, and none numbered ", number);
  return *states[number].cell;
}

template <Real T>
void set_state(const States<T>& states, std::size_t number, const Array<T>& value) {
  Variable<T>& state = state_at(states, number);
  if (!std::ranges::equal(state.shape(), value.shape()))
    fail<ShapeError>("program", "state ", number, " cannot take another shape: ", Dims(value.shape()), " and ",
                     Dims(state.shape()));
  if (Array<T>* own = state.exclusive())
    std::ranges::copy(value, own->begin());
  else
    state = Variable<T>(value);
}

template <Real T>
State<T> own_state(const Array<T>& value) {
  return {std::make_shared<Variable<T>>(value), false};
}

/// The same values, apart from these and from all cells.
template <Real T>
std::shared_ptr<States<T>> copies(const States<T>& states) {
  auto result = std::make_shared<States<T>>();
  for (const auto& state : states) result->push_back(own_state(state.cell->value()));
  return result;
}

}  // namespace

/// The states as recorded: in their cells, or else beginning with the values that they had.
template <Real T>
std::shared_ptr<States<T>> first_states(const Compilation<T>& compilation, const std::vector<Update<T>>& updates,
                                        bool in_cells = true) {
  auto states = std::make_shared<States<T>>();
  for (std::size_t k = 0; k < updates.size(); ++k) {
    const auto& cell = compilation.cells[k];
    if (!in_cells || !cell) {
      states->push_back(own_state(*compilation.first[k]));
      continue;
    }
    // What a recording that computes has put there itself, as layers do in training, is no run yet.
    const auto& next = updates[k].next;
    const auto& first = compilation.first[k];
    if (cell->alive() && &cell->value() != first.get() && &cell->value() == next.tape().node(next.index()).value.get())
      *cell = Variable<T>(*first);
    states->push_back({cell, true});
  }
  return states;
}

/// The programs of a ShapedProgram, those used last in front.
template <Real T>
class ProgramCache {
 public:
  ProgramCache(typename ShapedProgram<T>::Record record, const CompileOptions& options)
      : record_(std::move(record)), options_(options) {
    options_.capacity = std::max<std::size_t>(options_.capacity, 1);
  }

  /// Shares what was compiled. What did not run last takes memory when it runs first.
  ProgramCache(const ProgramCache& other)
      : record_(other.record_),
        options_(other.options_),
        compiled_(other.compiled_),
        states_(copies(*other.states_)),
        in_cells_(false),
        forgotten_(other.forgotten_),
        warned_(other.warned_) {
    for (const auto& entry : other.entries_) entries_.push_back({entry.shapes, entry.compiled, nullptr});
    if (!entries_.empty()) front();
  }

  Executor<T>& find(std::span<const Array<T>* const> inputs) {
    const auto fits = [&](const Entry& entry) {
      return std::ranges::equal(entry.shapes, inputs, [](const Shape& shape, const Array<T>* input) {
        return std::ranges::equal(shape, input->shape());
      });
    };
    const auto found = std::ranges::find_if(entries_, fits);
    if (found == entries_.end())
      compile(inputs);
    else if (found != entries_.begin())
      entries_.splice(entries_.begin(), entries_, found);
    return front();
  }

  States<T>& states() { return *states_; }
  std::size_t compiled() const { return compiled_; }
  const ProgramReport& report() const {
    if (entries_.empty()) fail<ValueError>("program", "nothing has been compiled yet");
    const auto& [shapes, compiled, executor] = entries_.front();
    return executor ? executor->report() : compiled->report;
  }

 private:
  struct Entry {
    std::vector<Shape> shapes;
    std::shared_ptr<const Compiled<T>> compiled;
    std::unique_ptr<Executor<T>> executor;  // none before it runs in a copy
  };

  Executor<T>& front() {
    auto& [shapes, compiled, executor] = entries_.front();
    if (!executor) {
      executor = std::make_unique<Executor<T>>(compiled, states_);
      executor->compilations(compiled_);
    }
    return *executor;
  }

  void compile(std::span<const Array<T>* const> inputs) {
    if (!entries_.empty() && inputs.size() != entries_.front().shapes.size())
      fail<ShapeError>("program", "takes ", entries_.front().shapes.size(), " inputs, not ", inputs.size());
    Tape<T> tape(TapeMode::abstract);
    std::vector<Variable<T>> entered;
    Entry entry;
    for (const Array<T>* input : inputs) {
      entered.push_back(tape.input(input->shape()));
      entry.shapes.push_back(input->shape());
    }
    const Recording<T> recording = record_(tape, entered);
    check_replaced(tape, recording);
    const auto compilation = compile_recording<T>(entered, recording.outputs, recording.updates, options_);
    auto states = compiled_ == 0 ? first_states(compilation, recording.updates, in_cells_) : states_;
    check_states(compilation);
    entry.compiled = compilation.compiled;
    entry.executor = std::make_unique<Executor<T>>(entry.compiled, states);
    states_ = std::move(states);
    entries_.push_front(std::move(entry));
    ++compiled_;
    if (entries_.size() > options_.capacity) forget_last();
    for (const auto& [shapes, compiled, executor] : entries_)
      if (executor) executor->compilations(compiled_);
    warn_of_return();
  }

  void forget_last() {
    auto& last = entries_.back();
    evicted_ = std::move(last.executor);  // its outputs may be the inputs of this run
    if (!warned_ && forgotten_.size() < most_remembered) forgotten_.push_back(std::move(last.shapes));
    entries_.pop_back();
  }

  /// Says, once, that shapes were compiled again which had had to go.
  void warn_of_return() {
    if (warned_ || std::ranges::find(forgotten_, entries_.front().shapes) == forgotten_.end()) return;
    warned_ = true, forgotten_.clear();
    std::ostringstream text;
    text << "compiles again for shapes that it met before:";
    for (const auto& shape : entries_.front().shapes) text << ' ' << to_string(Dims(shape));
    text << "; it keeps programs for " << options_.capacity << " shapes, see CompileOptions::capacity";
    warn("program", text.str());
  }

  /// Throws TapeError for what a recording replaces, and the program would leave as it is.
  static void check_replaced(const Tape<T>& tape, const Recording<T>& recording) {
    for (const auto& replaced : tape.replaced())
      if (std::ranges::none_of(recording.updates, [&](const auto& update) {
            return update.state.recorded() && tape.cell(update.state.index()) == replaced.cell;
          }))
        fail<TapeError>("program", "the recording replaces ", replaced.name,
                        ", which is no state of the program and would stay as it is: make it an update, or call its "
                        "module in inference");
  }

  /// Throws ShapeError where a program for another shape has other states.
  void check_states(const Compilation<T>& compilation) const {
    if (compiled_ == 0) return;
    const auto& first = compilation.first;
    if (first.size() != states_->size())
      fail<ShapeError>("compile", "there must be as many states as before: ", first.size(), " and ", states_->size());
    for (std::size_t k = 0; k < first.size(); ++k)
      if (const auto& [cell, shared] = (*states_)[k]; shared && cell != compilation.cells[k])
        fail<ValueError>("compile", "state ", k,
                         " must be in the cell that it was in before: ", Dims(first[k]->shape()));
      else if (const Dims now(first[k]->shape()), before(cell->shape()); !std::ranges::equal(now, before))
        fail<ShapeError>("compile", "state ", k, " must keep its shape: ", now, " and ", before);
  }

  typename ShapedProgram<T>::Record record_;
  CompileOptions options_;
  std::size_t compiled_ = 0;
  std::shared_ptr<States<T>> states_ = std::make_shared<States<T>>();
  bool in_cells_ = true;  // where they have any; not those of a copy
  std::list<Entry> entries_;
  std::unique_ptr<Executor<T>> evicted_;
  static constexpr std::size_t most_remembered = 1000;
  std::vector<std::vector<Shape>> forgotten_;
  bool warned_ = false;
};

}  // namespace detail

namespace {

/// What a program points to, unless it has been moved from.
template <class P>
P& alive(const std::unique_ptr<P>& of) {
  if (!of) fail<ValueError>("program", "it has been moved to another");
  return *of;
}

template <Real T>
std::unique_ptr<detail::Executor<T>> copy_of(const std::unique_ptr<detail::Executor<T>>& other) {
  const auto& of = alive(other);
  return std::make_unique<detail::Executor<T>>(of.compiled(), detail::copies(of.states()));
}

}  // namespace

template <Real T>
Program<T>::Program(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                    const std::vector<Update<T>>& updates, const CompileOptions& options) {
  const auto compilation = detail::compile_recording<T>(inputs, outputs, updates, options);
  executor_ = std::make_unique<detail::Executor<T>>(compilation.compiled, detail::first_states(compilation, updates));
}

template <Real T>
Program<T>::~Program() = default;
template <Real T>
Program<T>::Program(const Program& other) : Calls<T, Program>(other), executor_(copy_of(other.executor_)) {}
template <Real T>
Program<T>& Program<T>::operator=(const Program& other) {
  if (this != &other) executor_ = copy_of(other.executor_);
  return *this;
}
template <Real T>
Program<T>::Program(Program&&) noexcept = default;
template <Real T>
Program<T>& Program<T>::operator=(Program&&) noexcept = default;

template <Real T>
const std::vector<Array<T>>& Program<T>::run(std::span<const Array<T>* const> inputs) {
  const detail::Turnstile::Pass pass(this->turnstile_);
  return run_alone(inputs);
}

template <Real T>
const std::vector<Array<T>>& Program<T>::run_alone(std::span<const Array<T>* const> inputs) {
  return alive(executor_).run(inputs);
}

template <Real T>
const Array<T>& Program<T>::state(std::size_t number) const {
  return detail::state_at(alive(executor_).states(), number).value();
}

template <Real T>
void Program<T>::state(std::size_t number, const Array<T>& value) {
  const detail::Turnstile::Pass pass(this->turnstile_);
  detail::set_state(alive(executor_).states(), number, value);
}

template <Real T>
const ProgramReport& Program<T>::report() const {
  return alive(executor_).report();
}

template <Real T>
ShapedProgram<T>::ShapedProgram(Record record, const CompileOptions& options)
    : cache_(std::make_unique<detail::ProgramCache<T>>(std::move(record), options)) {}
template <Real T>
ShapedProgram<T>::ShapedProgram(Record record, const CompileOptions& options, std::size_t capacity)
    : ShapedProgram(std::move(record), [&] {
        CompileOptions with = options;
        with.capacity = capacity;
        return with;
      }()) {}

template <Real T>
ShapedProgram<T>::~ShapedProgram() = default;
template <Real T>
ShapedProgram<T>::ShapedProgram(const ShapedProgram& other)
    : Calls<T, ShapedProgram>(other), cache_(std::make_unique<detail::ProgramCache<T>>(alive(other.cache_))) {}
template <Real T>
ShapedProgram<T>& ShapedProgram<T>::operator=(const ShapedProgram& other) {
  if (this != &other) cache_ = std::make_unique<detail::ProgramCache<T>>(alive(other.cache_));
  return *this;
}
template <Real T>
ShapedProgram<T>::ShapedProgram(ShapedProgram&&) noexcept = default;
template <Real T>
ShapedProgram<T>& ShapedProgram<T>::operator=(ShapedProgram&&) noexcept = default;

template <Real T>
const std::vector<Array<T>>& ShapedProgram<T>::run(std::span<const Array<T>* const> inputs) {
  const detail::Turnstile::Pass pass(this->turnstile_);
  return run_alone(inputs);
}

template <Real T>
const std::vector<Array<T>>& ShapedProgram<T>::run_alone(std::span<const Array<T>* const> inputs) {
  return alive(cache_).find(inputs).run(inputs);
}

template <Real T>
void ShapedProgram<T>::prepare(const std::vector<Array<T>>& inputs) {
  const detail::Turnstile::Pass pass(this->turnstile_);
  alive(cache_).find(this->pointers(inputs));
}

template <Real T>
std::size_t ShapedProgram<T>::states() const {
  return alive(cache_).states().size();
}

template <Real T>
const Array<T>& ShapedProgram<T>::state(std::size_t number) const {
  return detail::state_at(alive(cache_).states(), number).value();
}

template <Real T>
void ShapedProgram<T>::state(std::size_t number, const Array<T>& value) {
  const detail::Turnstile::Pass pass(this->turnstile_);
  detail::set_state(alive(cache_).states(), number, value);
}

template <Real T>
std::size_t ShapedProgram<T>::compiled() const {
  return alive(cache_).compiled();
}

template <Real T>
const ProgramReport& ShapedProgram<T>::report() const {
  return alive(cache_).report();
}

template class Program<float>;
template class Program<double>;
template class ShapedProgram<float>;
template class ShapedProgram<double>;

}  // namespace autodiff
