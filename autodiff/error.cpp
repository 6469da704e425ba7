#include "error.hpp"

#include <algorithm>
#include <atomic>
#include <iostream>
#include <numeric>
#include <utility>
#include <vector>

namespace autodiff {

namespace {
thread_local const ErrorScope* innermost = nullptr;

/// How many characters must be put in, left out or replaced to make one text of the other (V. Levenshtein, 1966).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // the distances of what there is of a so far, and beginnings of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// Whether one is the end of the other, as "layer1/W" is of "encoder/layer1/W".
bool ends_alike(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  return !b.empty() && a.size() > b.size() && a.ends_with(b) &&
         (a[a.size() - b.size() - 1] == '/' || a[a.size() - b.size() - 1] == '.');
}
}  // namespace

namespace {
std::atomic<void (*)(const std::string&)> warnings = nullptr;
}

void set_warnings(void (*handler)(const std::string& text)) { warnings = handler; }

void warn(std::string_view operation, std::string_view rule) {
  const std::string where = ErrorScope::path();
  const std::string text =
      (where.empty() ? "" : where + ": ") + "[" + std::string(operation) + "] " + std::string(rule);
  if (const auto handler = warnings.load())
    handler(text);
  else
    std::clog << text + "\n";
}

std::string names_near(std::string_view unknown, std::span<const std::string> known) {
  constexpr std::size_t most = 5;
  const std::size_t bound = unknown.size() < 2 ? 0 : std::max<std::size_t>(1, unknown.size() / 3);
  std::vector<std::pair<std::size_t, std::string_view>> near;  // with their distances
  for (const auto& name : known) {
    const std::size_t lengths = std::max(name.size(), unknown.size()) - std::min(name.size(), unknown.size());
    const std::size_t distance = ends_alike(unknown, name) ? 0
                                 : lengths > bound         ? lengths
                                                           : edit_distance(unknown, name);
    if (distance <= bound) near.emplace_back(distance, name);
  }
  std::ranges::stable_sort(near, {}, [](const auto& entry) { return entry.first; });
  std::vector<std::string_view> listed;
  if (near.empty())
    listed.assign(known.begin(), known.end());
  else
    for (const auto& [distance, name] : near)
      if (std::ranges::find(listed, name) == listed.end()) listed.push_back(name);
  std::string text = listed.empty() ? "" : near.empty() ? "; there are " : "; near are ";
  for (std::size_t i = 0; i < std::min(listed.size(), most); ++i)
    text += std::string(i ? ", " : "") + '"' + std::string(listed[i]) + '"';
  if (near.empty() && listed.size() > most) text += " and " + std::to_string(listed.size() - most) + " more";
  return text;
}

ErrorScope::ErrorScope(std::string_view name) : name_(name), outer_(innermost) { innermost = this; }
ErrorScope::~ErrorScope() { innermost = outer_; }

std::string ErrorScope::path() {
  std::string path;
  for (const ErrorScope* w = innermost; w; w = w->outer_)
    if (!w->name_.empty()) path = path.empty() ? w->name_ : w->name_ + "/" + path;
  return path;
}

}  // namespace autodiff
