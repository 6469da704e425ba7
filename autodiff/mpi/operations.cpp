#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>

#include "../op.hpp"
#include "../ops/arithmetic.hpp"
#include "../ops/elementary.hpp"
#include "../ops/reduce.hpp"
#include "../ops/shape.hpp"
#include "../ops/slice.hpp"
#include "exchange.hpp"
#include "group.hpp"

namespace autodiff::mpi {

namespace {

constexpr std::array by_first{true, false};

// Each operation takes, besides what it communicates, the communication before it on the tape: so a program, which
// computes in any order that its inputs allow, communicates in the order of recording.

/// The last communication on each tape that has one, and those before it: what was recorded may be taken off again.
template <Real T>
class LastOnTapes {
 public:
  Variable<T> before(const Variable<T>& x) {
    if (!x.recorded()) return none();
    const std::lock_guard lock(mutex_);
    const auto& tape = x.tape();
    auto& here = on(x);
    const auto gone = [&](const auto& last) {
      return last.first >= tape.size() || tape.node(last.first).operation != last.second;
    };
    while (!here.empty() && gone(here.back())) here.pop_back();
    return here.empty() ? none() : tape.recorded(here.back().first);
  }
  void now(const Variable<T>& y) {
    if (!y.recorded()) return;
    const std::lock_guard lock(mutex_);
    on(y).emplace_back(y.index(), y.tape().node(y.index()).operation);
  }

 private:
  using Communications = std::vector<std::pair<std::size_t, std::shared_ptr<const Primitive<T>>>>;

  static Variable<T> none() { return Variable<T>(Array<T>(Shape{0})); }
  Communications& on(const Variable<T>& v) {
    const auto place = v.place();
    auto& [life, communications] = of_tapes_[place.anchor];
    if (std::exchange(life, place.life) != place.life) communications.clear();
    return communications;
  }

  std::mutex mutex_;
  std::map<const void*, std::pair<std::uint64_t, Communications>> of_tapes_;  // anchors are never freed
};

template <Real T>
LastOnTapes<T>& last() {
  static LastOnTapes<T> found;
  return found;
}

template <class Op, Real T>
Variable<T> communicate(const Op& op, const Variable<T>& x) {
  if (x.recorded() && x.tape().of_function())
    fail<TapeError>(Op::name,
                    "ranks communicate outside of scan, checkpoint and other functions that are recorded: "
                    "programs would not keep the order");
  auto y = record(op, x, last<T>().before(x));
  last<T>().now(y);
  return y;
}

template <Real T>
std::string array_of(Dims shape) {
  return to_string(shape) + (sizeof(T) == sizeof(float) ? " of float" : " of double");
}

std::vector<std::size_t> ends_of(std::vector<std::size_t> lengths, std::size_t each) {
  std::partial_sum(lengths.begin(), lengths.end(), lengths.begin());
  for (auto& end : lengths) end *= each;
  return lengths;
}

std::size_t row_size(Dims shape) { return count(shape.subspan(1)); }

/// The sum of all ranks, or their mean.
struct AllReduce {
  static constexpr auto name = "allreduce";
  static constexpr auto reads = Reads::nothing;
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  Reduce reduce;
  friend bool operator==(const AllReduce&, const AllReduce&) = default;
  Shape shape(Dims x, Dims) const { return Shape(x.begin(), x.end()); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T>) const {
    detail::reduce_all(ranks.group(), reduce, x.data, y.data, count(x.shape));
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&, const V&) const {
    return allreduce(ct, reduce, ranks);
  }
};

/// The largest of all ranks.
struct AllReduceMax {
  static constexpr auto name = "allreduce";
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  friend bool operator==(const AllReduceMax&, const AllReduceMax&) = default;
  Shape shape(Dims x, Dims) const { return Shape(x.begin(), x.end()); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T>) const {
    detail::reduce_all(ranks.group(), Reduce::max, x.data, y.data, count(x.shape));
  }
  template <int I, class V>
  V vjp(const V& ct, const V& y, const V& x, const V&) const {
    const V largest = equal(x, y);
    return allreduce(ct, Reduce::sum, ranks) * largest / allreduce(largest, Reduce::sum, ranks);
  }
};

struct Broadcast {
  static constexpr auto name = "broadcast";
  static constexpr auto reads = Reads::nothing;
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  std::size_t root;
  friend bool operator==(const Broadcast&, const Broadcast&) = default;
  Shape shape(Dims x, Dims) const { return Shape(x.begin(), x.end()); }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T>) const {
    std::copy_n(x.data, count(x.shape), y.data);
    detail::broadcast_from(ranks.group(), root, y.data, count(x.shape));
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&, const V&) const {
    using T = typename V::value_type;
    // Zeros on the other ranks, which take part all the same.
    return where(V(Array<T>(T(ranks.rank() == root))), allreduce(ct, Reduce::sum, ranks), T(0));
  }
};

struct AllGather {
  static constexpr auto name = "all_gather";
  static constexpr auto reads = Reads::nothing;
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  std::vector<std::size_t> lengths;
  friend bool operator==(const AllGather&, const AllGather&) = default;
  Shape shape(Dims x, Dims) const {
    Shape all(x.begin(), x.end());
    all[0] = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
    return all;
  }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T>) const {
    detail::gather_all(ranks.group(), x.data, y.data, ends_of(lengths, row_size(x.shape)));
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&, const V&) const;
};

/// The sum of all ranks, of which each gets so many rows.
struct ReduceScatter {
  static constexpr auto name = "reduce_scatter";
  static constexpr auto reads = Reads::nothing;
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  std::vector<std::size_t> lengths;
  friend bool operator==(const ReduceScatter&, const ReduceScatter&) = default;
  Shape shape(Dims x, Dims) const {
    Shape part(x.begin(), x.end());
    part[0] = lengths[ranks.rank()];
    return part;
  }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T>) const {
    detail::reduce_parts(ranks.group(), Reduce::sum, x.data, y.data, ends_of(lengths, row_size(x.shape)));
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&, const V&) const {
    return communicate(AllGather{ranks, lengths}, ct);
  }
};

template <int I, class V>
V AllGather::vjp(const V& ct, const V&, const V&, const V&) const {
  return communicate(ReduceScatter{ranks, lengths}, ct);
}

struct Send {
  static constexpr auto name = "send";
  static constexpr auto reads = Reads::inputs;
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  std::size_t to;
  friend bool operator==(const Send&, const Send&) = default;
  Shape shape(Dims, Dims) const { return {}; }
  template <class T>
  void forward(Operand<T> y, Operand<const T> x, Operand<const T>) const {
    detail::send_to(ranks.group(), to, x.data, count(x.shape));
    y.data[0] = 0;
  }
  template <int I, class V>
  V vjp(const V&, const V&, const V& x, const V&) const {
    return receive(x.shape(), to, x, ranks);
  }
};

struct Receive {
  static constexpr auto name = "receive";
  static constexpr auto reads = Reads::inputs;
  static constexpr auto differentiable = by_first;
  Communicator ranks;
  std::size_t from;
  Shape received;
  friend bool operator==(const Receive& a, const Receive& b) {
    return a.ranks == b.ranks && a.from == b.from && std::ranges::equal(a.received, b.received);
  }
  Shape shape(Dims, Dims) const { return received; }
  template <class T>
  void forward(Operand<T> y, Operand<const T>, Operand<const T>) const {
    detail::receive_from(ranks.group(), from, y.data, count(y.shape));
  }
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& through, const V&) const {
    // Where ct is the same whatever the inputs are, the other rank expects an answer to its derivatives all the same.
    return broadcast_to(send(ct + 0 * sum(tanh(through)), from, ranks), through.shape());
  }
};

std::string_view name_of(Reduce reduce) {
  return reduce == Reduce::sum ? "sum" : reduce == Reduce::mean ? "mean" : "max";
}

// What is wrong on one rank only is told once all have agreed: the others would wait for it.
void check_rows(std::string_view operation, Dims x) {
  if (x.empty()) fail<ShapeError>(operation, "needs an axis to put ranks along: ", x);
}

template <Real T>
std::string message(std::size_t from, std::size_t to, Dims shape) {
  return array_of<T>(shape) + " from rank " + std::to_string(from) + " to rank " + std::to_string(to);
}

void check_other(std::string_view operation, std::size_t other, const Communicator& ranks) {
  if (other >= ranks.size() || other == ranks.rank())
    fail<ValueError>(operation, "needs another rank than ", ranks.rank(), ", of ", ranks.size(), ": ", other);
}

}  // namespace

template <Real T>
Variable<T> allreduce(const Variable<T>& x, Reduce reduce, const Communicator& ranks) {
  detail::check_agreement(ranks.group(), "allreduce",
                          "allreduce by " + std::string(name_of(reduce)) + " of " + array_of<T>(x.shape()));
  return reduce == Reduce::max ? communicate(AllReduceMax{ranks}, x) : communicate(AllReduce{ranks, reduce}, x);
}

template <Real T>
std::vector<Variable<T>> allreduce(const std::vector<Variable<T>>& xs, Reduce reduce, const Communicator& ranks) {
  std::string shapes;
  for (const auto& x : xs) shapes += (shapes.empty() ? "" : ", ") + array_of<T>(x.shape());
  detail::check_agreement(ranks.group(), "allreduce",
                          "allreduce by " + std::string(name_of(reduce)) + " of several: " + shapes);
  std::vector<Variable<T>> flat, found;
  for (const auto& x : xs) flat.push_back(reshape(x, {-1}));
  if (xs.empty()) return found;
  const auto all = allreduce(concatenate(flat), reduce, ranks);
  std::size_t begin = 0;
  for (const auto& x : xs) {
    const auto part = slice(all, {Range{std::ptrdiff_t(begin), std::ptrdiff_t(begin + x.size())}});
    found.push_back(reshape(part, x.shape()));
    begin += x.size();
  }
  return found;
}

template <Real T>
Variable<T> broadcast(const Variable<T>& x, std::size_t root, const Communicator& ranks) {
  detail::check_agreement(ranks.group(), "broadcast",
                          "broadcast from rank " + std::to_string(root) + " of " + array_of<T>(x.shape()));
  if (root >= ranks.size())
    fail<ValueError>("broadcast", "there is no rank ", root, ", but ", ranks.size(), " of them");
  return communicate(Broadcast{ranks, root}, x);
}

template <Real T>
Variable<T> all_gather(const Variable<T>& x, const Communicator& ranks) {
  const Dims all(x.shape());
  detail::check_agreement(ranks.group(), "all_gather",
                          "all_gather of " + (all.empty() ? "a number" : "rows " + array_of<T>(all.subspan(1))));
  check_rows("all_gather", all);
  return communicate(AllGather{ranks, detail::lengths_of_all(ranks.group(), x.shape(0))}, x);
}

template <Real T>
Variable<T> reduce_scatter(const Variable<T>& x, const Communicator& ranks) {
  detail::check_agreement(ranks.group(), "reduce_scatter", "reduce_scatter of " + array_of<T>(x.shape()));
  check_rows("reduce_scatter", x.shape());
  std::vector<std::size_t> lengths;
  for (std::size_t r = 0; r < ranks.size(); ++r)
    lengths.push_back(x.shape(0) / ranks.size() + (r < x.shape(0) % ranks.size()));
  return communicate(ReduceScatter{ranks, lengths}, x);
}

template <Real T>
Variable<T> send(const Variable<T>& x, std::size_t to, const Communicator& ranks) {
  check_other("send", to, ranks);
  detail::check_agreement_with(ranks.group(), to, "send", message<T>(ranks.rank(), to, x.shape()));
  return communicate(Send{ranks, to}, x);
}

template <Real T>
Variable<T> receive(const Shape& shape, std::size_t from, const Variable<T>& through, const Communicator& ranks) {
  check_other("receive", from, ranks);
  detail::check_agreement_with(ranks.group(), from, "receive", message<T>(from, ranks.rank(), shape));
  return communicate(Receive{ranks, from, shape}, through);
}

#define INSTANTIATE(T)                                                                                       \
  template Variable<T> allreduce(const Variable<T>&, Reduce, const Communicator&);                           \
  template std::vector<Variable<T>> allreduce(const std::vector<Variable<T>>&, Reduce, const Communicator&); \
  template Variable<T> broadcast(const Variable<T>&, std::size_t, const Communicator&);                      \
  template Variable<T> all_gather(const Variable<T>&, const Communicator&);                                  \
  template Variable<T> reduce_scatter(const Variable<T>&, const Communicator&);                              \
  template Variable<T> send(const Variable<T>&, std::size_t, const Communicator&);                           \
  template Variable<T> receive(const Shape&, std::size_t, const Variable<T>&, const Communicator&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::mpi
