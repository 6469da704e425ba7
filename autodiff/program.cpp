#include "program.hpp"

#include <algorithm>
#include <iomanip>
#include <list>

#include "program/executor.hpp"

namespace autodiff {

std::string ProgramReport::text() const {
  std::ostringstream text;
  text << nodes << " nodes: " << folded << " folded, " << merged << " merged, " << viewed << " views, " << absorbed
       << " absorbed, " << clustered << " in " << clusters << " clusters, " << multiply_adds << " multiply-adds, "
       << in_place << " in place\n"
       << bytes << " bytes in the arena (at most " << peak_bytes << " at a time; " << unplanned_bytes
       << " without planning), " << scratch_bytes << " for blocks\n"
       << instructions << " instructions\n";
  for (const auto& [what, seconds] : steps) {
    if (profiled_runs)
      text << std::setw(10) << std::fixed << std::setprecision(3) << 1e6 * seconds / static_cast<double>(profiled_runs)
           << " us";
    text << "  " << what << '\n';
  }
  return text.str();
}

namespace detail {

namespace {

template <Real T>
Array<T>& state_at(States<T>& states, std::size_t number) {
  if (number >= states.size())
    fail<ValueError>("program", "has ", states.size(), " states, and none numbered ", number);
  return states[number];
}

template <Real T>
void set_state(States<T>& states, std::size_t number, const Array<T>& value) {
  Array<T>& state = state_at(states, number);
  if (!std::ranges::equal(state.shape(), value.shape()))
    fail<ShapeError>("program", "state ", number, " cannot take another shape: ", Dims(value.shape()), " and ",
                     Dims(state.shape()));
  std::ranges::copy(value, state.begin());
}

}  // namespace

/// The values that states begin with, as recorded.
template <Real T>
std::shared_ptr<States<T>> first_states(const Compilation<T>& compilation) {
  auto states = std::make_shared<States<T>>();
  for (const auto& value : compilation.first) states->push_back(*value);
  return states;
}

/// The programs of a ShapedProgram, those used last in front.
template <Real T>
class ProgramCache {
 public:
  ProgramCache(typename ShapedProgram<T>::Record record, const CompileOptions& options, std::size_t capacity)
      : record_(std::move(record)), options_(options), capacity_(std::max<std::size_t>(capacity, 1)) {}

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
    return *entries_.front().executor;
  }

  States<T>& states() { return *states_; }
  std::size_t compiled() const { return compiled_; }
  const ProgramReport& report() const {
    if (entries_.empty()) fail<ValueError>("program", "nothing has been compiled yet");
    return entries_.front().executor->report();
  }

 private:
  struct Entry {
    std::vector<Shape> shapes;
    std::unique_ptr<Executor<T>> executor;
  };

  void compile(std::span<const Array<T>* const> inputs) {
    if (!entries_.empty() && inputs.size() != entries_.front().shapes.size())
      fail<ShapeError>("program", "takes ", entries_.front().shapes.size(), " inputs, not ", inputs.size());
    Tape<T> tape(Mode::abstract);
    std::vector<Variable<T>> entered;
    Entry entry;
    for (const Array<T>* input : inputs) {
      entered.push_back(tape.input(input->shape()));
      entry.shapes.push_back(input->shape());
    }
    const Recording<T> recording = record_(tape, entered);
    const auto compilation = compile_recording<T>(entered, recording.outputs, recording.updates, options_);
    auto states = compiled_ == 0 ? first_states(compilation) : states_;
    check_states(compilation);
    entry.executor = std::make_unique<Executor<T>>(compilation.compiled, states);
    states_ = std::move(states);
    entries_.push_front(std::move(entry));
    if (entries_.size() > capacity_) {
      evicted_ = std::move(entries_.back().executor);  // its outputs may be the inputs of this run
      entries_.pop_back();
    }
    ++compiled_;
  }

  /// Throws ShapeError where a program for another shape has other states.
  void check_states(const Compilation<T>& compilation) const {
    if (compiled_ == 0) return;
    const auto& first = compilation.first;
    if (first.size() != states_->size())
      fail<ShapeError>("compile", "there must be as many states as before: ", first.size(), " and ", states_->size());
    for (std::size_t k = 0; k < first.size(); ++k)
      if (const Dims now(first[k]->shape()), before((*states_)[k].shape()); !std::ranges::equal(now, before))
        fail<ShapeError>("compile", "state ", k, " must keep its shape: ", now, " and ", before);
  }

  typename ShapedProgram<T>::Record record_;
  CompileOptions options_;
  std::size_t capacity_, compiled_ = 0;
  std::shared_ptr<States<T>> states_ = std::make_shared<States<T>>();
  std::list<Entry> entries_;
  std::unique_ptr<Executor<T>> evicted_;
};

}  // namespace detail

namespace {

/// What a program points to, unless it has been moved from.
template <class P>
P& alive(const std::unique_ptr<P>& of) {
  if (!of) fail<ValueError>("program", "it has been moved to another");
  return *of;
}

}  // namespace

template <Real T>
Program<T>::Program(const std::vector<Variable<T>>& inputs, const std::vector<Variable<T>>& outputs,
                    const std::vector<Update<T>>& updates, const CompileOptions& options) {
  const auto compilation = detail::compile_recording<T>(inputs, outputs, updates, options);
  executor_ = std::make_unique<detail::Executor<T>>(compilation.compiled, detail::first_states(compilation));
}

template <Real T>
Program<T>::~Program() = default;
template <Real T>
Program<T>::Program(Program&&) noexcept = default;
template <Real T>
Program<T>& Program<T>::operator=(Program&&) noexcept = default;

template <Real T>
const std::vector<Array<T>>& Program<T>::run(std::span<const Array<T>* const> inputs) {
  return alive(executor_).run(inputs);
}

template <Real T>
const Array<T>& Program<T>::state(std::size_t number) const {
  return detail::state_at(alive(executor_).states(), number);
}

template <Real T>
void Program<T>::state(std::size_t number, const Array<T>& value) {
  detail::set_state(alive(executor_).states(), number, value);
}

template <Real T>
const ProgramReport& Program<T>::report() const {
  return alive(executor_).report();
}

template <Real T>
ShapedProgram<T>::ShapedProgram(Record record, const CompileOptions& options, std::size_t capacity)
    : cache_(std::make_unique<detail::ProgramCache<T>>(std::move(record), options, capacity)) {}

template <Real T>
ShapedProgram<T>::~ShapedProgram() = default;
template <Real T>
ShapedProgram<T>::ShapedProgram(ShapedProgram&&) noexcept = default;
template <Real T>
ShapedProgram<T>& ShapedProgram<T>::operator=(ShapedProgram&&) noexcept = default;

template <Real T>
const std::vector<Array<T>>& ShapedProgram<T>::run(std::span<const Array<T>* const> inputs) {
  return alive(cache_).find(inputs).run(inputs);
}

template <Real T>
void ShapedProgram<T>::prepare(const std::vector<Array<T>>& inputs) {
  alive(cache_).find(this->pointers(inputs));
}

template <Real T>
std::size_t ShapedProgram<T>::states() const {
  return alive(cache_).states().size();
}

template <Real T>
const Array<T>& ShapedProgram<T>::state(std::size_t number) const {
  return detail::state_at(alive(cache_).states(), number);
}

template <Real T>
void ShapedProgram<T>::state(std::size_t number, const Array<T>& value) {
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
