// The ranks behind a Communicator, as MPI has them.
#pragma once

#define OMPI_SKIP_MPICXX
#define MPICH_SKIP_MPICXX
#include <mpi.h>

#include <string_view>

#include "../error.hpp"

namespace autodiff::mpi::detail {

struct Group {
  /// Takes over a communicator of its own.
  explicit Group(MPI_Comm owned);
  ~Group();
  Group(const Group&) = delete;

  MPI_Comm ranks;
  std::size_t rank, size;
};

/// Throws ValueError for what MPI says went wrong.
void check(int code, std::string_view operation);

}  // namespace autodiff::mpi::detail
