#include "name.hpp"

#include <memory>
#include <utility>

namespace nn::detail {

Name::~Name() {
  for (const Given* given = given_; given;) delete std::exchange(given, given->before);
}

const Name::Given& Name::now() const {
  static const Given none{};
  const Given* now = now_.load(std::memory_order_acquire);
  return now ? *now : none;
}

void Name::set(std::string_view text, std::string_view also) {
  if (is(text, also)) return;
  const auto find = [&](const Given* given) {
    while (given && (given->text != text || given->also != also)) given = given->before;
    return given;
  };
  const Given* first = given_.load(std::memory_order_acquire);
  const Given* found = find(first);
  if (!found) {
    auto mine = std::make_unique<Given>(Given{std::string(text), std::string(also), first});
    // Where another thread is faster, it may have brought the same text.
    while (!given_.compare_exchange_weak(first, mine.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
      if ((found = find(first))) break;
      mine->before = first;
    }
    if (!found) found = mine.release();
  }
  now_.store(found, std::memory_order_release);
}

}  // namespace nn::detail
