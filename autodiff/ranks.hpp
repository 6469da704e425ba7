// Ranks: processes that compute together, for what only has to bring bytes from one to the other.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"

namespace autodiff {

/// Another rank has ended, or given up: this one cannot go on either. The text says which.
struct RankLost : Error {
  using Error::Error;
};

/// Processes by number, of which this is one. All of them must ask for the same in the same order. One thread at a
/// time.
class Ranks {
 public:
  /// The bytes for one rank.
  using Sent = std::span<const std::byte>;
  using Received = std::span<std::byte>;  ///< Room for the bytes of one rank.

  virtual ~Ranks() = default;
  virtual std::size_t rank() const = 0;  ///< The number of this process, from 0.
  virtual std::size_t size() const = 0;  ///< How many there are.
  /// Sends to[r] to each rank r, itself included, and fills from[r] with what that one sends here, which must be as
  /// long. Returns when all is there. Throws RankLost.
  virtual void exchange(std::span<const Sent> to, std::span<const Received> from) = 0;
  /// This rank has failed: what it exchanges now, in another thread, and from now on throws RankLost; the others end
  /// with it.
  virtual void give_up() noexcept = 0;

  /// What each rank gives, in their order.
  std::vector<std::string> gather(std::string_view mine);
  /// Whether any rank says so.
  bool any(bool mine);

  /// A process by itself.
  static Ranks& alone();
  /// Those of the mpi::Session that lives, or null.
  static Ranks* of_session();
};

/// As how many copies mpirun or srun has started this program; 0 where none of them has.
std::size_t copies_started();

namespace detail {
/// What of_session() gives from now on. For mpi::Session.
void set_ranks(Ranks* ranks);
}  // namespace detail

}  // namespace autodiff
