// Layout by graphviz, a program of its own that may be installed: as a child, so that nothing is linked to it, and it
// is found wherever it is installed later.
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "picture.hpp"

extern char** environ;

namespace autodiff::detail {

namespace {

/// A file without a name, gone when it is closed.
class Temporary {
 public:
  Temporary() : file_(std::tmpfile()) {
    if (!file_) fail<ValueError>("draw", "no temporary file can be made: ", std::strerror(errno));
  }
  ~Temporary() { std::fclose(file_); }
  Temporary(const Temporary&) = delete;

  int descriptor() const { return ::fileno(file_); }
  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0)
      fail<ValueError>("draw", "a temporary file cannot be written: ", std::strerror(errno));
    std::rewind(file_);
  }
  std::string read() {
    std::rewind(file_);
    std::string text;
    char part[1 << 14];
    while (const auto size = std::fread(part, 1, sizeof part, file_)) text.append(part, size);
    return text;
  }

 private:
  std::FILE* file_;
};

}  // namespace

std::string laid_out(const std::string& dot, const std::string& format) {
  Temporary graph, picture, errors;
  graph.write(dot);
  std::string name = "dot", option = "-T" + format;
  char* const arguments[] = {name.data(), option.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, graph.descriptor(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, picture.descriptor(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, errors.descriptor(), 2);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, name.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT)
    fail<ValueError>(
        "draw", "this picture as a .", format,
        " needs graphviz, whose program dot is not installed: install it, or write a .dot or .txt instead");
  if (error != 0) fail<ValueError>("draw", "dot cannot be started: ", std::strerror(error));
  int status = 0;
  while (::waitpid(process, &status, 0) == -1 && errno == EINTR) continue;
  auto text = picture.read();
  if (status != 0 || text.empty()) fail<ValueError>("draw", "dot has failed: ", errors.read());
  return text;
}

}  // namespace autodiff::detail
