#include "../mpi.hpp"
#include "exchange.hpp"
#include "group.hpp"
#include "ranks.hpp"

namespace autodiff::mpi {

namespace {

std::unique_ptr<const Communicator>& world_of_session() {
  static std::unique_ptr<const Communicator> world;
  return world;
}

MPI_Comm duplicate(MPI_Comm ranks) {
  MPI_Comm made = MPI_COMM_NULL;
  detail::check(MPI_Comm_dup(ranks, &made), "mpi");
  return made;
}

}  // namespace

namespace detail {

void check(int code, std::string_view operation) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail<ValueError>(operation, "MPI failed: ", std::string_view(text, std::size_t(length)));
}

Group::Group(MPI_Comm owned) : ranks(owned) {
  MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN);
  int rank_of = 0, size_of = 0;
  check(MPI_Comm_rank(ranks, &rank_of), "mpi");
  check(MPI_Comm_size(ranks, &size_of), "mpi");
  rank = std::size_t(rank_of), size = std::size_t(size_of);
}

Group::~Group() {
  int ended = 0;
  MPI_Finalized(&ended);
  if (!ended) MPI_Comm_free(&ranks);
}

}  // namespace detail

Session::Session(int& argc, char**& argv) {
  int started = 0, provided = 0;
  MPI_Initialized(&started);
  if (started) fail<ValueError>("mpi", "MPI was started before: there is one session in a process");
  detail::check(MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided), "mpi");
  if (provided < MPI_THREAD_SERIALIZED) fail<ValueError>("mpi", "this MPI does not let threads take turns");
  detail::divide_cores(Communicator::world());
  ranks_ = detail::make_ranks(Communicator::world());
  autodiff::detail::set_ranks(ranks_.get());
}

Session::~Session() {
  autodiff::detail::set_ranks(nullptr);
  // A rank that has failed ends the others, too: they would wait for it.
  if (std::uncaught_exceptions() > 0 || detail::gave_up()) MPI_Abort(MPI_COMM_WORLD, 1);
  ranks_.reset();
  world_of_session().reset();
  MPI_Finalize();
}

bool Session::first_alive() const { return detail::is_first_alive(*ranks_); }

const Communicator& Communicator::world() {
  auto& world = world_of_session();
  int started = 0, ended = 0;
  MPI_Initialized(&started), MPI_Finalized(&ended);
  if (!started || ended) fail<ValueError>("mpi", "ranks communicate within the life of an mpi::Session only");
  if (!world) world.reset(new Communicator(std::make_shared<const detail::Group>(duplicate(MPI_COMM_WORLD))));
  return *world;
}

std::size_t Communicator::rank() const { return group_->rank; }
std::size_t Communicator::size() const { return group_->size; }

Communicator Communicator::split(int color) const {
  detail::check_agreement(*group_, "split", "split");
  MPI_Comm made = MPI_COMM_NULL;
  detail::check(MPI_Comm_split(group_->ranks, color, int(rank()), &made), "split");
  return Communicator(std::make_shared<const detail::Group>(made));
}

void Communicator::barrier() const { detail::check_agreement(*group_, "barrier", "barrier"); }

std::unique_ptr<Ranks> ranks_of(const Communicator& ranks) { return detail::make_ranks(ranks); }

std::pair<std::size_t, std::size_t> part_of(std::size_t n, const Communicator& ranks) {
  const std::size_t each = n / ranks.size(), more = n % ranks.size(), rank = ranks.rank();
  const std::size_t begin = rank * each + std::min(rank, more);
  return {begin, begin + each + (rank < more)};
}

}  // namespace autodiff::mpi
