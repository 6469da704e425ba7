#include "ranks.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "../threads.hpp"
#include "group.hpp"

namespace autodiff::mpi {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds, std::chrono::milliseconds;

std::atomic<bool> given_up = false;

constexpr int message = 0, farewell = 1;  // tags
// MPI counts in int.
constexpr std::size_t block = std::size_t{1} << 30;
// How long messages are waited for without leaving the core to others, and how often it is looked whether ranks live.
constexpr microseconds eager(50), pause(20);
constexpr milliseconds between_looks(50);

/// Where a rank lives.
struct Home {
  std::array<char, 64> host{};
  std::int64_t process = 0;

  static Home here() {
    Home home;
    gethostname(home.host.data(), home.host.size() - 1);
    home.process = getpid();
    return home;
  }
  /// Only of processes on this host is anything known.
  bool is_gone() const { return host == here().host && kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH; }
};

class MpiRanks : public Ranks {
 public:
  explicit MpiRanks(const Communicator& communicator) {
    MPI_Comm made = MPI_COMM_NULL;
    detail::check(MPI_Comm_dup(communicator.group().ranks, &made), "mpi");
    group_ = std::make_unique<const detail::Group>(made);
    const Home home = Home::here();
    homes_.resize(size());
    detail::check(MPI_Allgather(&home, sizeof(Home), MPI_BYTE, homes_.data(), sizeof(Home), MPI_BYTE, made), "mpi");
  }

  /// All ranks end together: who still waits for one that is here has asked for more than it, and is told so.
  ~MpiRanks() override {
    requests_.clear(), peers_.clear();
    for (std::size_t r = 0; r < size(); ++r) {
      if (r == rank()) continue;
      MPI_Irecv(nullptr, 0, MPI_BYTE, int(r), farewell, group_->ranks, next(r));
      MPI_Isend(nullptr, 0, MPI_BYTE, int(r), farewell, group_->ranks, next(r));
    }
    try {
      wait(true);
    } catch (const RankLost&) {
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  }

  std::size_t rank() const override { return group_->rank; }
  std::size_t size() const override { return group_->size; }
  void give_up() noexcept override { given_up = true; }
  bool is_first_alive() const {
    return std::all_of(homes_.begin(), homes_.begin() + std::ptrdiff_t(rank()),
                       [](auto& home) { return home.is_gone(); });
  }

  void exchange(std::span<const Sent> to, std::span<const Received> from) override {
    requests_.clear(), peers_.clear();
    for (std::size_t apart = 1; apart < size(); ++apart) {  // not all to the same rank at once
      const std::size_t sender = (rank() + size() - apart) % size(), receiver = (rank() + apart) % size();
      for (std::size_t i = 0; i < from[sender].size(); i += block)
        detail::check(MPI_Irecv(from[sender].data() + i, length(from[sender].size() - i), MPI_BYTE, int(sender),
                                message, group_->ranks, next(sender)),
                      "exchange");
      for (std::size_t i = 0; i < to[receiver].size(); i += block)
        detail::check(MPI_Isend(to[receiver].data() + i, length(to[receiver].size() - i), MPI_BYTE, int(receiver),
                                message, group_->ranks, next(receiver)),
                      "exchange");
    }
    std::ranges::copy(to[rank()], from[rank()].begin());
    wait();
  }

 private:
  static int length(std::size_t left) { return int(std::min(block, left)); }
  MPI_Request* next(std::size_t peer) {
    peers_.push_back(peer);
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  /// Not by MPI_Waitall, which would keep a core busy and wait for the dead.
  void wait(bool ending = false) {
    const auto start = Clock::now();
    auto looked = start;
    for (;;) {
      if (given_up) fail<RankLost>("ranks", "rank ", rank(), " has given up");
      int done = 0;
      if (MPI_Testall(int(requests_.size()), requests_.data(), &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS)
        fail<RankLost>("ranks", "a rank cannot be reached any more from rank ", rank());
      if (done) return;
      const auto now = Clock::now();
      if (now - start < eager) {
        std::this_thread::yield();
        continue;
      }
      std::this_thread::sleep_for(pause);
      if (now - looked < between_looks) continue;
      looked = now;
      for (std::size_t i = 0; i < requests_.size(); ++i) {
        if (requests_[i] == MPI_REQUEST_NULL) continue;
        if (homes_[peers_[i]].is_gone()) lose(peers_[i]);
        if (!ending && said_farewell(i)) lose(peers_[i]);
      }
    }
  }

  /// Whether the peer of a request has come to its end without answering it.
  bool said_farewell(std::size_t request) const {
    int said = 0, done = 0;
    MPI_Iprobe(int(peers_[request]), farewell, group_->ranks, &said, MPI_STATUS_IGNORE);
    if (said) MPI_Request_get_status(requests_[request], &done, MPI_STATUS_IGNORE);  // what came before it
    return said && !done;
  }

  [[noreturn]] void lose(std::size_t peer) {
    given_up = true;
    fail<RankLost>("ranks", "rank ", peer, " of ", size(), " (process ", homes_[peer].process, " on ",
                   homes_[peer].host.data(), ") has ended, and so do all");
  }

  std::unique_ptr<const detail::Group> group_;
  std::vector<Home> homes_;
  std::vector<MPI_Request> requests_;
  std::vector<std::size_t> peers_;  // of the requests
};

}  // namespace

namespace detail {

std::unique_ptr<Ranks> make_ranks(const Communicator& communicator) { return std::make_unique<MpiRanks>(communicator); }

bool is_first_alive(const Ranks& ranks) { return static_cast<const MpiRanks&>(ranks).is_first_alive(); }

bool gave_up() { return given_up; }

void divide_cores(const Communicator& communicator) {
  if (std::getenv("AUTODIFF_NUM_THREADS") || std::getenv("OMP_NUM_THREADS")) return;
  MPI_Comm host = MPI_COMM_NULL;
  check(MPI_Comm_split_type(communicator.group().ranks, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host), "mpi");
  const Group group(host);
  // Where mpirun has bound ranks to cores of their own, each has these for itself.
  cpu_set_t mine;
  CPU_ZERO(&mine);
  sched_getaffinity(0, sizeof mine, &mine);
  std::vector<cpu_set_t> all(group.size);
  check(MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, host), "mpi");
  const auto sharing = std::ranges::count_if(all, [&](const cpu_set_t& other) { return CPU_EQUAL(&other, &mine); });
  if (sharing > 1) set_threads(std::max(1, threads() / int(sharing)));
}

}  // namespace detail

}  // namespace autodiff::mpi
