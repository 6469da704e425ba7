#include "interrupt.hpp"

#include <atomic>
#include <csignal>
#include <mutex>

namespace nn {

namespace {

std::atomic<bool> asked = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a handler of signals must not wait");

std::mutex mutex;  // of those below
int guards = 0;
struct sigaction before;

void remember(int) { asked = true; }

}  // namespace

InterruptGuard::InterruptGuard() {
  const std::lock_guard lock(mutex);
  if (guards++ > 0) return;
  asked = false;
  sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  const std::lock_guard lock(mutex);
  if (--guards == 0) sigaction(SIGINT, &before, nullptr);
}

bool InterruptGuard::interrupted() const { return asked; }

}  // namespace nn
