// Processes: how many threads one uses at first, and what becomes of them when it forks. Not for a build with the
// thread sanitizer, which has no threads after a fork.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>
#include <autodiff/autodiff.hpp>
#include <autodiff/kernels/processors.hpp>
#include <autodiff/kernels/threads.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace ad = autodiff;
namespace kernels = autodiff::kernels;
using Texts = std::vector<std::string>;

namespace {

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const ad::ValueError& error) {
    return error.what();
  }
  return "no error";
}

/// What a new process under this environment says of ad::threads().
int threads_of_process(const std::string& environment) {
  const std::string command = "env -u AUTODIFF_NUM_THREADS -u OMP_NUM_THREADS " + environment + " " THREADS_PROGRAM;
  FILE* output = popen(command.c_str(), "r");
  int count = -1;
  REQUIRE(std::fscanf(output, "%d", &count) == 1);
  CHECK(pclose(output) == 0);
  return count;
}

/// Runs f in a child, which leaves by exit(): whether f gave true there, within a minute.
bool in_child(const std::function<bool()>& f) {
  std::cout.flush();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    std::exit(f() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::size_t tasks() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

/// Whether all parts of a loop run at once, each on a thread of its own.
bool together(int threads) {
  const kernels::UseThreads guard(threads);
  std::atomic<int> begun = 0;
  std::atomic<bool> all = true;
  kernels::parallel_for(static_cast<std::size_t>(threads), [&](std::size_t) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (++begun; begun < threads && all; std::this_thread::yield())
      if (std::chrono::steady_clock::now() > end) all = false;
  });
  return all;
}

/// A step of training whose products are divided among threads; in float, oneDNN computes them.
template <class T>
struct Step {
  ad::Array<T> x = xt::reshape_view(xt::cos(xt::arange<T>(0, 160 * 160)), {160, 160});
  ad::Tape<T> tape;
  ad::Variable<T> input = tape.constant(x), w = tape.variable(ad::Array<T>(xt::sin(x)), "w");
  ad::Variable<T> loss = mean(square(tanh(matmul(input, w) * 0.1)));
  ad::Variable<T> next = w - 0.1 * recorded_gradient(loss, w);
  ad::Program<T> program = ad::compile({input}, {loss}, {{w, next}}, {.threads = 3});

  /// The bits of w after a few runs from the start.
  std::string bits() {
    program.state(0, w.value());
    for (int i = 0; i < 5; ++i) program(x);
    const auto& state = program.state(0);
    return {reinterpret_cast<const char*>(state.data()), state.size() * sizeof(T)};
  }
};

}  // namespace

TEST_CASE("threads are set in public, at least one, at most 256") {
  const int before = ad::threads();
  ad::set_threads(3);
  CHECK(ad::threads() == 3);
  CHECK(kernels::threads() == 3);
  ad::set_threads(1000);
  CHECK(ad::threads() == 256);
  CHECK(error_of([] { ad::set_threads(0); }) == "[set_threads] there must be at least one thread: 0");
  CHECK(error_of([] { ad::set_threads(-2); }) == "[set_threads] there must be at least one thread: -2");
  CHECK(ad::threads() == 256);
  ad::set_threads(before);
}

TEST_CASE("the environment asks for threads in whole numbers from 1 upwards") {
  const auto asked = [](const char* autodiff, const char* omp) {
    return kernels::requested_threads(autodiff, omp).value_or(-1);
  };
  CHECK(asked(nullptr, nullptr) == -1);
  CHECK(asked("3", nullptr) == 3);
  CHECK(asked("3", "5") == 3);
  CHECK(asked(nullptr, "5") == 5);
  CHECK(asked(nullptr, "5,3,2") == 5);
  CHECK(asked(nullptr, " 5 , 3") == 5);
  CHECK(asked(" 7\n", nullptr) == 7);
  CHECK(asked("100000", nullptr) == 256);
  CHECK(asked("99999999999999999999999", nullptr) == 256);
  for (const char* bad : {"", " ", "0", "-1", "two", "2x", "2.5", "+", "4,3", "-99999999999999999999999"}) {
    CAPTURE(bad);
    CHECK(asked(bad, "5") == 5);
    CHECK(asked(bad, nullptr) == -1);
  }
  for (const char* bad : {"", ",", ",4", "0,4", "x,4"}) CHECK(asked(nullptr, bad) == -1);
}

TEST_CASE("quotas are rounded up to threads") {
  const auto threads = [](const char* text) { return kernels::quota_threads(text).value_or(-1); };
  CHECK(threads("100000 100000\n") == 1);
  CHECK(threads("150000 100000\n") == 2);
  CHECK(threads("200000 100000") == 2);
  CHECK(threads("1000 100000\n") == 1);
  CHECK(threads("800000 50000\n") == 16);
  CHECK(threads("150000\n100000\n") == 2);  // the two files of version 1
  CHECK(threads("9223372036854775807 1000") == 256);
  for (const char* none : {"max 100000\n", "-1\n100000\n", "0 100000", "100000 0", "100000", "", "\n", "a b"}) {
    CAPTURE(none);
    CHECK(threads(none) == -1);
  }
}

TEST_CASE("control groups are found where they are mounted, with those around them") {
  const char* const v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 master:1 - cgroup2 cgroup2 rw,nsdelegate\n";
  CHECK(kernels::control_groups("0::/user.slice/run.scope\n", v2) ==
        Texts{"/sys/fs/cgroup/user.slice/run.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"});
  CHECK(kernels::control_groups("0::/\n", v2) == Texts{"/sys/fs/cgroup"});
  CHECK(kernels::control_groups("0::/a:b\n", v2) == Texts{"/sys/fs/cgroup/a:b", "/sys/fs/cgroup"});

  // Version 1: the hierarchy of "cpu", not that of "cpuset" or "cpuacct" alone, and without optional fields.
  const char* const v1 =
      "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
      "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "35 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "38 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
  CHECK(kernels::control_groups("9:cpuset:/x\n4:cpu,cpuacct:/job/1\n0::/\n", v1) ==
        Texts{"/sys/fs/cgroup/cpu,cpuacct/job/1", "/sys/fs/cgroup/cpu,cpuacct/job", "/sys/fs/cgroup/cpu,cpuacct",
              "/sys/fs/cgroup/unified"});

  // In a container that sees the host's names: its own group is what is mounted.
  const char* const container = "32 31 0:29 /docker/1f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
  CHECK(kernels::control_groups("4:cpu:/docker/1f\n", container) == Texts{"/sys/fs/cgroup/cpu"});
  CHECK(kernels::control_groups("4:cpu:/docker/1f/in\n", container) ==
        Texts{"/sys/fs/cgroup/cpu/in", "/sys/fs/cgroup/cpu"});
  CHECK(kernels::control_groups("4:cpu:/docker/1f2\n", container) == Texts{"/sys/fs/cgroup/cpu"});

  CHECK(kernels::control_groups("", v2).empty());
  CHECK(kernels::control_groups("0::/a\n", "").empty());
  CHECK(kernels::control_groups("nonsense\n:\n0:", "- - -\n30 23 - cgroup2 cgroup2 rw\n").empty());
}

TEST_CASE("a process starts with the threads of its environment, else with the processors that it may use") {
  CHECK(threads_of_process("AUTODIFF_NUM_THREADS=3") == 3);
  CHECK(threads_of_process("AUTODIFF_NUM_THREADS=3 OMP_NUM_THREADS=5") == 3);
  CHECK(threads_of_process("OMP_NUM_THREADS=5,2") == 5);
  CHECK(threads_of_process("AUTODIFF_NUM_THREADS=none OMP_NUM_THREADS=7") == 7);
  CHECK(threads_of_process("AUTODIFF_NUM_THREADS=1000") == 256);

  cpu_set_t all, one;
  REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
  const int usable = threads_of_process("");
  CHECK(usable >= 1);
  CHECK(usable <= CPU_COUNT(&all));
  CHECK(threads_of_process("AUTODIFF_NUM_THREADS=0 OMP_NUM_THREADS=-1") == usable);
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(threads_of_process("") == 1);
  CHECK(threads_of_process("AUTODIFF_NUM_THREADS=3") == 3);
  REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0);
}

TEST_CASE_TEMPLATE("after fork a program computes the same bits, in the child and in the parent", T, float, double) {
  Step<T> step;
  const std::string bits = step.bits();  // with several threads, which the child does not have
  for (int round = 0; round < 3; ++round) {
    CHECK(in_child([&] { return step.bits() == bits && step.bits() == bits; }));
    CHECK(step.bits() == bits);
  }
}

TEST_CASE("after fork the child has a team of its own, and so has its child") {
  REQUIRE(together(3));
  CHECK(in_child([] {
    const bool alone = tasks() == 1;
    return alone && together(3) && tasks() == 3 && together(4) && tasks() == 4 && in_child([] { return together(2); });
  }));
  CHECK(together(3));
}

TEST_CASE("after a fork while another thread runs a loop, the child does not wait for it") {
  std::atomic<bool> begun = false, end = false;
  std::thread other([&] {
    const kernels::UseThreads guard(2);
    kernels::parallel_for(2, [&](std::size_t) {
      begun = true;
      while (!end) std::this_thread::yield();
    });
  });
  while (!begun) std::this_thread::yield();
  CHECK(in_child([] { return together(3); }));
  end = true;
  other.join();
  CHECK(together(3));
}
