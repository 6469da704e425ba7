// What ranks have to do with each other in a run of fit, besides steps.
#include <algorithm>
#include <array>
#include <cstring>
#include <iomanip>
#include <nn/parallel/agreement.hpp>
#include <numeric>
#include <sstream>

#include "checkpoint.hpp"
#include "named_arrays.hpp"
#include "run.hpp"

namespace nn::detail {

using autodiff::fail;
using autodiff::ValueError;

namespace {

constexpr std::size_t usual_shards = 4, most_usual_shards = 16, samples_of_shard = 64;
constexpr std::size_t piece = 256;  // of validation data, in samples
// By how much of it data is compared: all, up to so many numbers; else samples, and no fewer than that.
constexpr std::size_t looked_at = std::size_t{1} << 24, least_looked_at = 64;

/// What is fixed by the batch alone: shards that matrix products are worth their while for.
std::size_t default_shards(std::size_t batch) {
  return std::min(batch, std::clamp(batch / samples_of_shard, usual_shards, most_usual_shards));
}

template <Real T>
std::string fingerprint(const std::vector<NamedArray<T>>& arrays) {
  Fingerprint result;
  for (const auto& array : arrays) {
    const auto value = array.value();
    result.add(value.data(), value.size());
  }
  return result.text();
}

template <class N>
std::string bytes_of(const N& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

/// Rows of arrays, which all ranks have some of.
class Collected {
 public:
  template <Real T>
  void add(const Array<T>& rows) {
    bytes_.append(reinterpret_cast<const char*>(rows.data()), rows.size() * sizeof(T));
    shape_.clear();
    for (const std::size_t length : rows.shape()) shape_ += bytes_of(length);
  }
  /// Those of all ranks, in their order: of so many samples.
  template <Real T>
  Array<T> all(Ranks& ranks, std::size_t samples) const {
    const std::string shape = ranks.gather(shape_)[0];  // which has the first rows
    Shape of_all(shape.size() / sizeof(std::size_t));
    std::memcpy(of_all.data(), shape.data(), shape.size());
    of_all[0] = samples;
    auto result = autodiff::uninitialised<T>(autodiff::Dims(of_all));
    auto* to = reinterpret_cast<char*>(result.data());
    for (const auto& bytes : ranks.gather(bytes_)) to = std::copy(bytes.begin(), bytes.end(), to);
    return result;
  }

 private:
  std::string bytes_, shape_;
};

/// All samples, or some, evenly from the first to the last.
template <Real T>
std::string fingerprint(Source<T>& data) {
  Fingerprint result;
  if (data.size() == 0) return result.text();
  std::size_t numbers = 0;  // of a sample
  const std::array<std::size_t, 1> first{0};
  const auto sample = data.batch(first);
  for (const auto* array : sample.arrays()) numbers += array->size();
  const std::size_t count =
      std::min(data.size(), std::max(least_looked_at, looked_at / std::max<std::size_t>(numbers, 1)));
  for (std::size_t begin = 0; begin < count; begin += piece) {
    std::vector<std::size_t> some(std::min(piece, count - begin));
    for (std::size_t i = 0; i < some.size(); ++i)
      some[i] = count == 1 ? 0 : (begin + i) * (data.size() - 1) / (count - 1);
    const auto batch = data.batch(some);
    for (const auto* array : batch.arrays()) result.add(array->data(), array->size());
  }
  return result.text();
}

}  // namespace

/// Who takes part, in how many shards, and what is left to rank 0.
template <Real T>
FitOptions<T> Run<T>::of_this_rank(FitOptions<T> options) {
  auto& step = options.step;
  const bool by_itself = !step.ranks && !Ranks::of_session();
  if (by_itself && autodiff::copies_started() > 1)
    fail<ValueError>("fit", "mpirun has started ", autodiff::copies_started(),
                     " copies of this program, which know nothing of each other: have main() begin with an "
                     "autodiff::mpi::Session (library xtensor-autodiff-mpi) to train together, or set "
                     "FitOptions::step.ranks to &autodiff::Ranks::alone() to train apart");
  if (!step.ranks) step.ranks = by_itself ? &Ranks::alone() : Ranks::of_session();
  if (step.shards == 0 && options.resume && !options.checkpoint.empty()) {
    const auto checkpoint = load_checkpoint(options.checkpoint);
    if (checkpoint.contains("fit.shards")) step.shards = checkpoint.template number<std::size_t>("fit.shards");
  } else if (step.shards == 0 && step.ranks != &Ranks::alone()) {
    step.shards = default_shards(options.batch);
  }
  if (step.ranks->rank() == 0) return options;
  options.history.clear();
  options.progress = nullptr, options.report = nullptr;
  return options;
}

/// Throws, on all ranks and before the first step, unless all of them train the same.
template <Real T>
void Run<T>::check_alike() {
  if (ranks_.size() == 1) return;
  const auto text = [](auto number) { return digits(number); };
  std::map<std::string, std::string> all{
      {"the build", build_text()},
      {"the precision", sizeof(T) == sizeof(float) ? "float" : "double"},
      {"epochs", text(options_.epochs)},
      {"batch", text(options_.batch)},
      {"shards", text(options_.step.shards)},
      {"seed", text(options_.seed)},
      {"drop_last", text(int(options_.drop_last))},
      {"split_slots", text(int(options_.step.split_slots))},
      {"clip_norm", text(options_.step.clip_norm)},
      {"clip_value", text(options_.step.clip_value)},
      {"patience", text(options_.patience)},
      {"min_delta", text(options_.min_delta)},
      {"keep_best", text(int(options_.keep_best))},
      {"watch", watched_},
      {"columns", columns_text()},
      {"a checkpoint", options_.checkpoint.empty() ? "no" : "yes"},
      {"checkpoint_epochs", text(options_.checkpoint_epochs)},
      {"checkpoint_steps", text(options_.checkpoint_steps)},
      {"means of the weights", text(int(options_.average.has_value()))},
      {"the learning rate", text(options_.schedule ? options_.schedule(state_.steps) : optimiser_.learning_rate())},
      {"steps that are done", text(state_.steps)},
      {"samples", text(data_.size())},
      {"the data", fingerprint(data_)},
      {"the weights", fingerprint(named_arrays(model_))},
      {"the optimiser", options_.step.split_slots ? "" : fingerprint(named_arrays(optimiser_, model_))},
      {"validation samples", text(options_.validation ? options_.validation->size() : 0)}};
  if (options_.validation) all["the validation data"] = fingerprint(*options_.validation);
  for (const auto& array : named_arrays(model_))
    all["the model"] += array.name + ' ' + autodiff::to_string(autodiff::Dims(array.shape)) + ' ';
  for (const auto& [name, mine] : options_.identity) all[name] = mine;
  check_agreement(ranks_, all);
}

template <Real T>
bool Run<T>::any_rank(bool mine) {
  if (ranks_.size() == 1) return mine;
  const double before = seconds();
  const bool any = ranks_.any(mine);
  waited_ += seconds() - before;
  return any;
}

/// All take the row of rank 0, whose seconds and quantities may be its own; weights must still be the same.
template <Real T>
void Run<T>::agree_on(std::vector<double>& row) {
  if (ranks_.size() == 1) return;
  check_agreement(
      ranks_, {{"the weights after epoch " + digits(state_.epochs) + " (processors of other kinds may round otherwise)",
                fingerprint(named_arrays(model_))}});
  const auto bytes = std::as_bytes(std::span(row));
  const auto first = ranks_.gather({reinterpret_cast<const char*>(bytes.data()), bytes.size()})[0];
  std::ranges::copy(std::as_bytes(std::span(first)), std::as_writable_bytes(std::span(row)).begin());
}

/// Looks at the validation data: each rank at some of it, in pieces that are the same for any number of ranks. (Pieces
/// may be without weight, so that weighted data is looked at by all.)
template <Real T>
Evaluation<T> Run<T>::evaluate() {
  auto& data = *options_.validation;
  const std::size_t samples = data.size();
  if (options_.step.shards == 0 || data.weighted() || samples == 0) return evaluator_(data);
  const std::size_t pieces = (samples + piece - 1) / piece, ranks = ranks_.size();
  const auto begin_of = [&](std::size_t rank) { return (pieces * rank + ranks - 1) / ranks; };
  Collected predictions, targets;
  std::string losses;
  for (std::size_t k = begin_of(ranks_.rank()); k < begin_of(ranks_.rank() + 1); ++k) {
    std::vector<std::size_t> numbers(std::min(piece, samples - k * piece));
    std::iota(numbers.begin(), numbers.end(), k * piece);
    Subset<T> part(data, numbers);
    const auto found = evaluator_(part, piece);
    predictions.add(found.predictions), targets.add(found.targets);
    const auto add = [&, n = static_cast<double>(numbers.size())](double loss) { losses += bytes_of(loss * n); };
    add(found.loss);
    for (const double each : found.parts) add(each);
  }
  Evaluation<T> result;
  result.predictions = predictions.template all<T>(ranks_, samples),
  result.targets = targets.template all<T>(ranks_, samples);
  std::vector<double> sums(1 + parts_.size());
  std::string all;
  for (const auto& of_rank : ranks_.gather(losses)) all += of_rank;
  for (std::size_t i = 0; i < all.size() / sizeof(double); ++i) {
    double loss = 0;
    std::memcpy(&loss, all.data() + i * sizeof loss, sizeof loss);
    sums[i % sums.size()] += loss;
  }
  for (double& sum : sums) sum /= static_cast<double>(samples);
  result.loss = sums[0];
  result.parts.assign(sums.begin() + 1, sums.end());
  return result;
}

/// Says which of the next batch this rank will ask for.
template <Real T>
void Run<T>::expect(std::span<const std::size_t> next) {
  if (next.empty()) return;
  const ShardTree tree(options_.step.shards, next.size());
  const auto mine = tree.part_of(ranks_.rank(), ranks_.size());
  const auto begin = tree.samples_of(mine.begin, next.size()).begin, end = tree.samples_of(mine.end, next.size()).begin;
  data_.expect(next.subspan(begin, end - begin));
}

/// On rank 0, the slots that other ranks keep, by full name, for a checkpoint. Called by all ranks.
template <Real T>
std::map<std::string, Array<T>> Run<T>::slots_of_others() {
  std::map<std::string, Array<T>> result;
  if (!splits_slots()) return result;
  for (const auto& named : model_.parameters()) {
    const std::size_t keeper = step_.keeper(named.name);
    if (keeper == 0) continue;
    for (const auto& slot : named_arrays(optimiser_, named)) {
      auto value = ranks_.rank() == keeper ? slot.value() : autodiff::uninitialised<T>(autodiff::Dims(slot.shape));
      const auto bytes = std::as_writable_bytes(std::span(value.data(), value.size()));
      std::vector<Ranks::Sent> to(ranks_.size());
      std::vector<Ranks::Received> from(ranks_.size());
      if (ranks_.rank() == keeper) to[0] = bytes;
      if (ranks_.rank() == 0) from[keeper] = bytes;
      ranks_.exchange(to, from);
      if (ranks_.rank() == 0) result.emplace(slot.name, std::move(value));
    }
  }
  return result;
}

/// What each rank has done so far.
template <Real T>
std::vector<RankReport> Run<T>::reports_of_ranks() {
  RankReport mine{seconds(), step_.traffic()};
  mine.traffic.waited += waited_;
  for (const auto& [parameter, slots] : optimiser_.slots())
    for (const auto& [name, slot] : slots) mine.slot_bytes += static_cast<double>(slot.size() * sizeof(T));
  std::vector<RankReport> all;
  for (const auto& text : ranks_.gather({reinterpret_cast<const char*>(&mine), sizeof mine}))
    std::memcpy(&all.emplace_back(), text.data(), sizeof mine);
  return all;
}

template <Real T>
void Run<T>::say(const std::vector<RankReport>& ranks) const {
  if (!options_.progress || ranks.size() == 1) return;
  std::ostringstream text;
  text << std::fixed << std::setprecision(1);
  for (std::size_t r = 0; r < ranks.size(); ++r)
    text << (r ? "; " : "ranks: ") << r << " waited " << ranks[r].traffic.waited << " of " << ranks[r].seconds
         << " s, sent " << ranks[r].traffic.bytes / 1e6 << " MB in " << ranks[r].traffic.exchanging << " s";
  if (const auto slow = slow_rank(ranks)) text << "; the others wait for rank " << *slow;
  *options_.progress << text.str() << std::endl;
}

/// On the page of the report. Called by all ranks.
template <Real T>
void Run<T>::show_ranks() {
  if (ranks_.size() == 1) return;
  const auto ranks = reports_of_ranks();
  if (!options_.report) return;
  std::string rows;
  for (const auto& [seconds, traffic, slot_bytes] : ranks) {
    rows += rows.empty() ? "[" : "],[";
    for (const double x : {seconds, traffic.waited, traffic.exchanging, traffic.bytes / 1e6, slot_bytes / 1e6})
      rows += (rows.back() == '[' ? "" : ",") + digits(x);
  }
  const auto slow = slow_rank(ranks);
  options_.report->show("ranks", "{\"ranks\":[" + rows + "]],\"slow\":" + (slow ? digits(*slow) : "null") + "}");
}

#define NN_RUN_RANKS(T)                                               \
  template FitOptions<T> Run<T>::of_this_rank(FitOptions<T>);         \
  template void Run<T>::check_alike();                                \
  template void Run<T>::agree_on(std::vector<double>&);               \
  template std::vector<RankReport> Run<T>::reports_of_ranks();        \
  template void Run<T>::say(const std::vector<RankReport>&) const;    \
  template std::map<std::string, Array<T>> Run<T>::slots_of_others(); \
  template bool Run<T>::any_rank(bool);                               \
  template void Run<T>::show_ranks();                                 \
  template Evaluation<T> Run<T>::evaluate();                          \
  template void Run<T>::expect(std::span<const std::size_t>);
NN_RUN_RANKS(float)
NN_RUN_RANKS(double)

}  // namespace nn::detail

std::optional<std::size_t> nn::slow_rank(const std::vector<RankReport>& ranks) {
  constexpr double share = 0.2;  // of its time that somebody waits for it
  if (ranks.size() < 2) return {};
  const auto by_wait = [](const RankReport& a, const RankReport& b) { return a.traffic.waited < b.traffic.waited; };
  const auto [least, most] = std::ranges::minmax_element(ranks, by_wait);
  if (!(most->traffic.waited - least->traffic.waited > share * most->seconds)) return {};
  return static_cast<std::size_t>(least - ranks.begin());
}
