// Programs of the examples, run by tests.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>

struct Run {
  int code;
  std::string text;
  std::size_t lines() const { return std::size_t(std::ranges::count(text, '\n')); }
  std::string last_line() const {
    const auto end = text.find_last_not_of('\n') + 1;
    return text.substr(0, end).substr(text.substr(0, end).find_last_of('\n') + 1);
  }
};

/// Runs a program with these arguments and keeps what it prints to one of its streams.
inline Run run(const std::string& program, const std::string& arguments, bool errors = false) {
  const std::string command = program + " " + arguments + (errors ? " 2>&1 >/dev/null" : " 2>/dev/null");
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  REQUIRE(pipe);
  Run result{0, {}};
  std::array<char, 4096> buffer;
  while (const auto got = fread(buffer.data(), 1, buffer.size(), pipe.get())) result.text.append(buffer.data(), got);
  result.code = WEXITSTATUS(pclose(pipe.release()));
  return result;
}
inline Run train_mlp(const std::string& arguments, bool errors = false) { return run(TRAIN_MLP, arguments, errors); }
inline Run predict(const std::string& arguments, bool errors = false) { return run(PREDICT, arguments, errors); }
