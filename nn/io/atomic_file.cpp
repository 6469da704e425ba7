#include "atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nn/base/data_error.hpp>
#include <utility>

namespace nn {

namespace {

/// Has a call go on that a signal has interrupted.
template <class Call>
auto uninterrupted(Call call) {
  for (;;)
    if (const auto result = call(); result != -1 || errno != EINTR) return result;
}

/// Some file systems of clusters have no locks, and some cannot sync a directory: they are written to without.
bool unsupported(int error) { return error == ENOSYS || error == EOPNOTSUPP || error == ENOLCK || error == EINVAL; }

}  // namespace

AtomicFile::AtomicFile(std::string_view caller, const std::filesystem::path& target)
    : caller_(caller), shown_(target.string()) {
  std::error_code error;
  target_ = std::filesystem::absolute(target, error);  // its directory gets a name that way
  // Links whose file is not there yet are no part of what is canonical.
  constexpr int most_links = 40;  // as Linux follows
  std::error_code ignored;
  for (int i = 0; i < most_links && std::filesystem::is_symlink(target_, ignored) && !error; ++i)
    target_ = target_.parent_path() / std::filesystem::read_symlink(target_, error);
  if (!error) target_ = std::filesystem::weakly_canonical(target_, error);
  if (error) refuse("cannot be written", error.value());
  if (!target_.has_filename()) refuse("is not the name of a file", 0);
  part_ = target_.parent_path() / ("." + target_.filename().string() + ".part");

  struct stat old;
  const bool replaces = ::stat(target_.c_str(), &old) == 0;
  if (replaces && S_ISDIR(old.st_mode)) refuse("is a directory", 0);
  if (replaces && !S_ISREG(old.st_mode)) refuse("is not a regular file", 0);
  // To rename over a file, nobody needs the right to write it: but who took that right away wants the file kept.
  if (replaces && ::access(target_.c_str(), W_OK) != 0) refuse("cannot be written", errno);
  open_part();
  if (replaces) (void)::fchmod(file_, old.st_mode & 07777);  // where that is forbidden, the new file has default rights
}

AtomicFile::~AtomicFile() {
  if (file_ == -1) return;
  ::unlink(part_.c_str());  // while it is locked still
  ::close(file_);
}

void AtomicFile::open_part() {
  for (;;) {
    // Not truncated before it is locked: another process may be writing it.
    file_ = uninterrupted([&] { return ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666); });
    if (file_ == -1) refuse("cannot be written, as " + part_.string(), errno);
    struct stat opened, named;
    const bool locked = uninterrupted([&] { return ::flock(file_, LOCK_EX); }) == 0 || unsupported(errno);
    // The one who had it until now may have renamed it, and so made it the target.
    if (locked && ::fstat(file_, &opened) == 0 &&
        (::stat(part_.c_str(), &named) != 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)) {
      ::close(std::exchange(file_, -1));
      continue;
    }
    if (!locked || uninterrupted([&] { return ::ftruncate(file_, 0); }) != 0) {
      const int error = errno;
      ::close(std::exchange(file_, -1));
      refuse("cannot be written", error);
    }
    return;
  }
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = uninterrupted([&] { return ::write(file_, bytes.data(), bytes.size()); });
    if (written == -1) refuse("cannot be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (uninterrupted([&] { return ::fsync(file_); }) != 0) refuse("cannot be written to the disk", errno);
  if (::rename(part_.c_str(), target_.c_str()) != 0) refuse("cannot be replaced", errno);
  ::close(std::exchange(file_, -1));  // the disk has it all: nothing is left to fail

  const int directory =
      uninterrupted([&] { return ::open(target_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  // A directory that may be written to but not read cannot be synced.
  if (directory == -1) return;
  const bool synced = uninterrupted([&] { return ::fsync(directory); }) == 0;
  const int error = errno;
  ::close(directory);
  if (!synced && !unsupported(error)) refuse("its directory cannot be written to the disk", error);
}

void AtomicFile::refuse(std::string_view what, int error) const {
  const std::string why = error == 0 ? "" : std::string(": ") + std::strerror(error);
  autodiff::fail<DataError>(caller_, shown_, ": ", what, why);
}

}  // namespace nn
