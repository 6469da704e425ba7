#include "ranks.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace autodiff {

namespace {

class Alone : public Ranks {
 public:
  std::size_t rank() const override { return 0; }
  std::size_t size() const override { return 1; }
  void exchange(std::span<const Sent> to, std::span<const Received> from) override {
    std::ranges::copy(to[0], from[0].begin());
  }
  void give_up() noexcept override {}
};

std::atomic<Ranks*> ranks_of_session = nullptr;

}  // namespace

std::vector<std::string> Ranks::gather(std::string_view mine) {
  const std::uint64_t length = mine.size();
  std::vector<std::uint64_t> lengths(size());
  std::vector<Received> from;
  for (auto& each : lengths) from.push_back(std::as_writable_bytes(std::span(&each, 1)));
  exchange(std::vector(size(), std::as_bytes(std::span(&length, 1))), from);

  std::vector<std::string> all;
  for (const auto each : lengths) all.emplace_back(each, '\0');
  from.clear();
  for (auto& text : all) from.push_back(std::as_writable_bytes(std::span(text)));
  exchange(std::vector(size(), std::as_bytes(std::span(mine))), from);
  return all;
}

bool Ranks::any(bool mine) {
  const auto said = static_cast<std::byte>(mine);
  std::vector<std::byte> all(size());
  std::vector<Received> from;
  for (auto& each : all) from.emplace_back(&each, 1);
  exchange(std::vector(size(), Sent(&said, 1)), from);
  return std::ranges::any_of(all, [](std::byte each) { return each != std::byte{0}; });
}

Ranks& Ranks::alone() {
  static Alone ranks;
  return ranks;
}

Ranks* Ranks::of_session() { return ranks_of_session; }

void detail::set_ranks(Ranks* ranks) { ranks_of_session = ranks; }

std::size_t copies_started() {
  // Of Open MPI; of MPICH, and of srun where it starts ranks of MPI: a script of SLURM has its number of tasks, too.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* text = std::getenv(name);
    const bool counts = std::string_view(name) != "SLURM_STEP_NUM_TASKS" || std::getenv("PMIX_RANK");
    if (text && counts) return static_cast<std::size_t>(std::max(0, std::atoi(text)));
  }
  return 0;
}

}  // namespace autodiff
