#include "files.hpp"

#include <algorithm>
#include <filesystem>
#include <nn/nn.hpp>

namespace fs = std::filesystem;

namespace {

/// Where a path leads, though the file at the end of its links need not be there yet.
fs::path resolved(fs::path path) {
  constexpr int most_links = 40;  // as Linux follows
  std::error_code ignored;
  for (int i = 0; i < most_links && fs::is_symlink(path, ignored) && !fs::exists(path, ignored); ++i)
    path = path.parent_path() / fs::read_symlink(path, ignored);
  return fs::weakly_canonical(fs::absolute(path, ignored), ignored);
}

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  if (fs::exists(a, ignored) && !fs::is_regular_file(a, ignored)) return false;  // terminals are read and written
  return resolved(a) == resolved(b) || fs::equivalent(a, b, ignored);
}

}  // namespace

void need_distinct_files(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs) {
  auto others = inputs;
  for (const auto& [option, path] : outputs) {
    if (path.empty()) continue;
    for (const auto& [other, file] : others)
      if (!file.empty() && is_same(path, file))
        autodiff::fail<nn::DataError>(option, path, ": is the file of ", other, " already");
    others.emplace_back(option, path);
  }
}
