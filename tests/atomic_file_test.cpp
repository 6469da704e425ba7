// Crashes and failures of the machine, at every call that changes files: this program has these calls to itself.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <nn/nn.hpp>
#include <thread>
#include <vector>

#include "scratch.hpp"

namespace {

/// What happens before a call: nothing, or what a test wants. An error number is what the call fails with.
std::function<int(const std::string&)> before_call;

int ask(const std::string& call) { return before_call ? before_call(call) : 0; }

std::string name_of(int file) {
  char name[4096] = {};
  const auto length = ::readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), name, sizeof name);
  return length > 0 ? std::filesystem::path(std::string(name, std::size_t(length))).filename().string() : "?";
}

template <class Call>
auto unless_failing(const std::string& call, Call&& go) -> decltype(go()) {
  if (const int error = ask(call)) return errno = error, -1;
  return go();
}

}  // namespace

extern "C" {
ssize_t write(int file, const void* bytes, size_t size) {
  // Half of it first, as a disk that is nearly full does.
  if (file <= 2) return syscall(SYS_write, file, bytes, size);
  return unless_failing("write " + name_of(file),
                        [&] { return syscall(SYS_write, file, bytes, size > 1 ? size / 2 : size); });
}
int fsync(int file) {
  return unless_failing("fsync " + name_of(file), [&] { return int(syscall(SYS_fsync, file)); });
}
int rename(const char* from, const char* to) {
  const auto call =
      "rename " + std::filesystem::path(from).filename().string() + " " + std::filesystem::path(to).filename().string();
  return unless_failing(call, [&] { return int(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to)); });
}
}

namespace {

using autodiff::Array;

/// While it lives, calls are watched.
struct Watch {
  explicit Watch(std::function<int(const std::string&)> watch) { before_call = std::move(watch); }
  ~Watch() { before_call = nullptr; }
};

void save(const std::filesystem::path& path, double value) {
  nn::save_safetensors(path, {{"x", autodiff::to_array<double>(value)}, {"y", Array<float>(autodiff::Shape{100}, 1)}});
}

double saved(const std::filesystem::path& path) { return nn::load_safetensors(path).tensors.at("x").as<double>()(); }

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const nn::DataError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the disk has the new file before it takes the place of the old one, and the place afterwards") {
  const Scratch scratch;
  std::vector<std::string> calls;
  {
    const Watch watch([&](const std::string& call) {
      if (calls.empty() || calls.back() != call) calls.push_back(call);
      return 0;
    });
    save(scratch / "w", 1);
  }
  CHECK(calls == std::vector<std::string>{"write .w.part", "fsync .w.part", "rename .w.part w",
                                          "fsync " + scratch.path().filename().string()});
  CHECK(saved(scratch / "w") == 1);
  CHECK(scratch.files() == 1);
}

TEST_CASE("a crash at any call leaves the old file or the new one, and the next run saves again") {
  for (const bool exists : {false, true}) {
    const Scratch scratch;
    const auto path = scratch / "w";
    bool completed = false, old_seen = false;
    int calls = 0;
    for (; !completed; ++calls) {
      std::filesystem::remove(path);
      if (exists) save(path, 1);
      const pid_t child = fork();
      if (child == 0) {
        int left = calls;
        before_call = [&](const std::string&) { return left-- == 0 ? _exit(1), 0 : 0; };
        save(path, 2);
        _exit(0);
      }
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      REQUIRE(WIFEXITED(status));
      completed = WEXITSTATUS(status) == 0;
      CAPTURE(calls);
      if (exists || std::filesystem::exists(path)) {
        const double found = saved(path);
        CHECK((found == 1 || found == 2));
        old_seen = old_seen || found == 1;
      }
      CHECK(scratch.files() <= 2);  // the file and the part
      if (completed) {
        CHECK(saved(path) == 2);
      } else {
        save(path, 3);
        CHECK(saved(path) == 3);
        CHECK(scratch.files() == 1);
      }
    }
    CHECK(calls > 8);
    CHECK(old_seen == exists);
  }
}

TEST_CASE("a failure at any call is an error, and leaves the old file alone") {
  const Scratch scratch;
  const auto path = scratch / "w";
  save(path, 1);
  const std::string begin = "[save_safetensors] " + path.string() + ": ";
  const auto failing = [&](const std::string& call, int error) {
    const Watch watch([&](const std::string& c) { return c.starts_with(call) ? error : 0; });
    return error_of([&] { save(path, 2); });
  };
  CHECK(failing("write", ENOSPC) == begin + "cannot be written: No space left on device");
  CHECK(failing("fsync .w.part", EIO) == begin + "cannot be written to the disk: Input/output error");
  CHECK(failing("rename", EXDEV) == begin + "cannot be replaced: Invalid cross-device link");
  CHECK(saved(path) == 1);
  CHECK(scratch.files() == 1);
  // The new file is there then, but may not stay after a power failure.
  CHECK(failing("fsync " + scratch.path().filename().string(), EIO) ==
        begin + "its directory cannot be written to the disk: Input/output error");
  CHECK(saved(path) == 2);
  CHECK(failing("fsync " + scratch.path().filename().string(), EINVAL) == "no error");
}

TEST_CASE("a call that a signal interrupts goes on") {
  const Scratch scratch;
  bool interrupted = false;
  const Watch watch(
      [&](const std::string& call) { return !call.starts_with("rename") && (interrupted = !interrupted) ? EINTR : 0; });
  save(scratch / "w", 1);
  CHECK(saved(scratch / "w") == 1);
}

TEST_CASE("a file larger than allowed fails to be written") {
  const Scratch scratch;
  save(scratch / "w", 1);
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{200, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const auto said = error_of([&] { save(scratch / "w", 2); });
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(said == "[save_safetensors] " + (scratch / "w").string() + ": cannot be written: File too large");
  CHECK(saved(scratch / "w") == 1);
  CHECK(scratch.files() == 1);
}

TEST_CASE("targets that cannot be replaced are refused") {
  const Scratch scratch;
  const auto refusal = [&](const std::filesystem::path& path) {
    const auto said = error_of([&] { save(path, 1); }), begin = "[save_safetensors] " + path.string() + ": ";
    return said.starts_with(begin) ? said.substr(begin.size()) : said;
  };
  std::filesystem::create_directory(scratch / "d");
  CHECK(refusal(scratch / "d") == "is a directory");
  CHECK(refusal((scratch / "d").string() + "/") == "is a directory");
  CHECK(refusal(scratch / "none/w").find("cannot be written, as ") == 0);
  CHECK(refusal(scratch / "none/w").find(": No such file or directory") != std::string::npos);
  CHECK(refusal(scratch / "none/") == "is not the name of a file");
  CHECK(refusal("").find("cannot be written: ") == 0);
  CHECK(refusal("/dev/null") == "is not a regular file");
  CHECK(refusal(scratch / std::string(300, 'x')).find("File name too long") != std::string::npos);
  std::filesystem::create_directory(scratch / ".e.part");
  CHECK(refusal(scratch / "e").find(": Is a directory") != std::string::npos);
  std::filesystem::create_symlink(scratch / "elsewhere", scratch / ".f.part");
  CHECK(refusal(scratch / "f").find(": Too many levels of symbolic links") != std::string::npos);
  CHECK(!std::filesystem::exists(scratch / "elsewhere"));
  if (geteuid() != 0) {
    save(scratch / "kept", 1);
    std::filesystem::permissions(scratch / "kept", std::filesystem::perms::owner_read);
    CHECK(refusal(scratch / "kept") == "cannot be written: Permission denied");
  }
}

TEST_CASE("links, rights and relative names are kept") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "d");
  save(scratch / "d/w", 1);
  std::filesystem::permissions(scratch / "d/w", std::filesystem::perms(0640));
  std::filesystem::create_symlink("d/w", scratch / "latest");
  save(scratch / "latest", 2);
  CHECK(std::filesystem::is_symlink(scratch / "latest"));
  CHECK(saved(scratch / "d/w") == 2);
  CHECK(std::filesystem::status(scratch / "d/w").permissions() == std::filesystem::perms(0640));
  // Links whose file is not there yet, one of them through another, get it.
  std::filesystem::create_symlink("d/new", scratch / "ahead");
  std::filesystem::create_symlink("ahead", scratch / "first");
  save(scratch / "first", 4);
  CHECK(std::filesystem::is_symlink(scratch / "first"));
  CHECK(std::filesystem::is_symlink(scratch / "ahead"));
  CHECK(saved(scratch / "d/new") == 4);
  std::filesystem::create_symlink("loop", scratch / "loop");
  CHECK_THROWS_AS(save(scratch / "loop", 1), nn::DataError);
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(scratch.path());
  save("relative", 3);
  std::filesystem::current_path(here);
  CHECK(saved(scratch / "relative") == 3);
}

TEST_CASE("several that save to one file at once do not mix") {
  const Scratch scratch;
  std::vector<std::thread> savers;
  for (int saver = 0; saver < 4; ++saver)
    savers.emplace_back([&, saver] {
      for (int i = 0; i < 50; ++i) save(scratch / "w", saver);
    });
  for (int i = 0; i < 200; ++i)
    if (std::filesystem::exists(scratch / "w")) CHECK(saved(scratch / "w") < 4);
  for (auto& saver : savers) saver.join();
  CHECK(saved(scratch / "w") < 4);
  CHECK(scratch.files() == 1);
}
