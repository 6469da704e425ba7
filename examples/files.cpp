#include "files.hpp"

#include <algorithm>
#include <cmath>
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

void need_known_options(const CLI::App& app, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") return;
    const std::string name(argument.substr(0, argument.find('=')));
    if (!name.starts_with("--") || app.get_option_no_throw(name)) continue;
    std::vector<std::string> known;
    for (const auto* option : app.get_options())
      for (const auto& each : option->get_lnames()) known.push_back("--" + each);
    const auto near = autodiff::names_near(name, known);  // or all of them, which are too many
    throw CLI::ExtrasError(name + " is no option" + (near.starts_with("; near") ? near : "") + " (--help lists all)",
                           CLI::ExitCodes::ExtrasError);
  }
}

void declare_memory(CLI::App& app, std::size_t& bytes) {
  app.add_option_function<std::string>(
         "--memory",
         [&bytes](const std::string& text) {
           const auto unit = std::string("KMGT").find(text.empty() ? '\0' : text.back());
           const auto value = nn::number(unit == std::string::npos ? text : text.substr(0, text.size() - 1));
           const double size = value.value_or(0) * std::pow(1024.0, unit == std::string::npos ? 0 : unit + 1);
           if (!(size >= 1 && size <= 0x1p50))
             throw CLI::ValidationError("--memory", text + " is no number of bytes, such as 500M or 2G");
           bytes = static_cast<std::size_t>(size);
         },
         "What a table may take, unpacked, such as 2G: a larger one is refused")
      ->type_name("SIZE")
      ->default_str("an eighth of this machine's memory");
}
