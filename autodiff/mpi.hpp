// Processes that compute together: communication between the ranks of MPI as operations with derivatives. An optional
// part, with a library of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ranks.hpp"
#include "tape.hpp"

namespace autodiff::mpi {

namespace detail {
struct Group;
}

/// MPI from here to the end of its life, for main(): what every program that communicates starts with. Cores of a host
/// are divided among its ranks, but for those that mpirun has bound to some of their own, and unless
/// AUTODIFF_NUM_THREADS or OMP_NUM_THREADS says how many threads each has. While it lives, nn::fit trains on all ranks.
/// Throws ValueError where MPI was started before or does not let threads take turns.
class Session {
 public:
  Session(int& argc, char**& argv);
  /// Waits for all ranks; but where an exception ends its life, or this rank has failed, all of them end.
  ~Session();
  Session(const Session&) = delete;
  /// Whether all ranks before this one have ended: who should say what has gone wrong for all.
  bool first_alive() const;
  /// This rank has failed: see above.
  void give_up() noexcept { ranks_->give_up(); }

 private:
  std::unique_ptr<Ranks> ranks_;
};

/// Ranks that communicate. Cheap to copy; copies are the same ranks. All of them must ask for the same communication in
/// the same order: what does not agree throws ValueError on all of them, and names the first two that differ. (A rank
/// that sends or receives waits for the other one, whatever that asks for; and all wait for one that asks for nothing.)
class Communicator {
 public:
  /// All that mpirun started. Throws ValueError outside of a Session.
  static const Communicator& world();

  /// The number of this process, from 0.
  std::size_t rank() const;
  /// How many processes communicate.
  std::size_t size() const;
  /// The ranks that give the same color, in their order: called by all ranks.
  Communicator split(int color) const;
  /// Returns when all ranks have called it.
  void barrier() const;

  bool operator==(const Communicator&) const = default;
  /// The same ranks as the library knows them.
  const detail::Group& group() const { return *group_; }

 private:
  explicit Communicator(std::shared_ptr<const detail::Group> group) : group_(std::move(group)) {}
  std::shared_ptr<const detail::Group> group_;
};

/// The same ranks for FitOptions::ranks, with messages of their own. Called by all of them.
std::unique_ptr<Ranks> ranks_of(const Communicator& ranks);

enum class Reduce { sum, mean, max };

// Each rank may have a loss of its own: derivatives are those of the sum of all of them, so a sweep is begun by all
// ranks, and communicates, too. The loss of each must therefore depend on all that was communicated, if only by 0 *
// sum(y). A program communicates in the order of recording; in bodies of scan, checkpoint and the like nothing is
// communicated: that throws TapeError. Sums are added up in one order that depends on the number of ranks alone, by
// pairs of neighbours, so results have the same bits whenever it is run. A program leaves out what comes behind the
// last communication that it has a use for: all ranks must have a use for that.

/// The sum, mean or largest of what all ranks have, element by element, on all of them. From several that are equal and
/// largest, each gets its share of the gradient. Throws ValueError unless all ranks have one shape.
template <Real T>
Variable<T> allreduce(const Variable<T>& x, Reduce reduce = Reduce::sum,
                      const Communicator& ranks = Communicator::world());
/// The same of several, as one message.
template <Real T>
std::vector<Variable<T>> allreduce(const std::vector<Variable<T>>& xs, Reduce reduce = Reduce::sum,
                                   const Communicator& ranks = Communicator::world());

/// What rank `root` has, on all of them. Throws ValueError for no rank, or unless all ranks have one shape.
template <Real T>
Variable<T> broadcast(const Variable<T>& x, std::size_t root = 0, const Communicator& ranks = Communicator::world());

/// What all ranks have, one below the other: x is (n, ...) with an n of its own on each rank. Throws ShapeError for a
/// number, and ValueError unless the other axes are the same.
template <Real T>
Variable<T> all_gather(const Variable<T>& x, const Communicator& ranks = Communicator::world());

/// A part of the sum of what all ranks have: of (n, ...), to each rank some of the n in order, as evenly as can be, to
/// the first ones one more. Throws ShapeError for a number, and ValueError unless all ranks have one shape.
template <Real T>
Variable<T> reduce_scatter(const Variable<T>& x, const Communicator& ranks = Communicator::world());

/// The part of (n, ...) that reduce_scatter gives this rank: begin and end.
std::pair<std::size_t, std::size_t> part_of(std::size_t n, const Communicator& ranks = Communicator::world());

/// Sends x to one rank, which must receive it. Gives the number 0, through which the gradient comes back: add it to
/// every loss of this rank, also to one that is made of gradients. Throws ValueError for no other rank.
template <Real T>
Variable<T> send(const Variable<T>& x, std::size_t to, const Communicator& ranks = Communicator::world());
/// Receives an array of this shape from one rank. `through` is a variable, of any shape, whose gradient, a zero, this
/// rank must ask for, so that the gradient is sent back. Throws ValueError for no other rank, or where that one sends
/// another shape.
template <Real T>
Variable<T> receive(const Shape& shape, std::size_t from, const Variable<T>& through,
                    const Communicator& ranks = Communicator::world());

}  // namespace autodiff::mpi
