// Files that are replaced as a whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace nn {

/// A file that takes the place of another one at once: a crash at any instant, of the program or of the machine, leaves
/// the old file or the new one.
///
/// What is written goes to ".name.part" beside the target; commit() has the disk take it, and only then renames it. A
/// part that a killed run left is used again by the next one, so there is never more than one. While one process writes
/// a target, others that want to wait. A target that is a symbolic link keeps being one: the file that it names is
/// replaced.
///
/// All throw DataError, "[caller] path: what failed: why", and leave the old file as it was.
class AtomicFile {
 public:
  AtomicFile(std::string_view caller, const std::filesystem::path& target);
  /// Without commit(), nothing has happened.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /// Call it once, at the end.
  void commit();

 private:
  void open_part();
  [[noreturn]] void refuse(std::string_view what, int error) const;

  std::string caller_, shown_;
  std::filesystem::path target_, part_;
  int file_ = -1;  // -1 once it is committed
};

}  // namespace nn
