// Name: what a module calls one of its members.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

namespace nn::detail {

/// Belongs to the place in a module, not to the value that is put there: a copy has none, and assignment keeps the old
/// one. Any number of threads may set and read it at once.
class Name {
 public:
  Name() = default;
  Name(const Name&) noexcept {}
  Name& operator=(const Name&) noexcept { return *this; }
  ~Name();

  /// Writes nothing where it is this already, so that threads that call one model share its memory.
  void set(std::string_view text, std::string_view also = {});
  bool is(std::string_view text, std::string_view also) const { return this->text() == text && this->also() == also; }
  /// "" while none was set. Stays what it is as long as the Name lives.
  const std::string& text() const { return now().text; }
  /// A second name, by which tapes know the member, too; "" for none.
  const std::string& also() const { return now().also; }

 private:
  struct Given {
    std::string text, also;
    const Given* before;
  };
  const Given& now() const;

  std::atomic<const Given*> now_ = nullptr;
  std::atomic<const Given*> given_ = nullptr;  // every text so far, the last one first: others may be reading them
};

}  // namespace nn::detail
