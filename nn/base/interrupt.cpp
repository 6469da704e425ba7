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
bool both = false;
struct sigaction before, before_termination;

void remember(int) { asked = true; }

void handle(int signal) {
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigaction(signal, &action, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard(bool also_termination) {
  const std::lock_guard lock(mutex);
  if (guards++ > 0) return;
  asked = false;
  sigaction(SIGINT, nullptr, &before);
  if (before.sa_handler != SIG_IGN) handle(SIGINT);
  sigaction(SIGTERM, nullptr, &before_termination);
  both = also_termination && before_termination.sa_handler == SIG_DFL;
  if (both) handle(SIGTERM);
}

InterruptGuard::~InterruptGuard() {
  const std::lock_guard lock(mutex);
  if (--guards > 0) return;
  sigaction(SIGINT, &before, nullptr);
  if (both) sigaction(SIGTERM, &before_termination, nullptr);
}

bool InterruptGuard::interrupted() const { return asked; }

}  // namespace nn
