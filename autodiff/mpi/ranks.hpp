// The ranks of MPI as nn takes them.
#pragma once

#include <memory>

#include "../mpi.hpp"

namespace autodiff::mpi::detail {

/// Called by all ranks. It must not outlive the session.
std::unique_ptr<Ranks> make_ranks(const Communicator& communicator);
/// Divides the cores of a host among its ranks, unless the environment says how many threads each has.
void divide_cores(const Communicator& communicator);
/// Whether all ranks before this one have ended, as far as this is known.
bool is_first_alive(const Ranks& ranks);
/// Whether this process gave up, so that the others must not be waited for.
bool gave_up();

}  // namespace autodiff::mpi::detail
