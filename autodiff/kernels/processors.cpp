#include "processors.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "threads.hpp"

namespace autodiff::kernels {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto begin = std::min(text.find_first_not_of(space), text.size());
  return text.substr(begin, text.find_last_not_of(space) + 1 - begin);
}

/// The parts between the separators, "" among them.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// A whole number from 1 upwards and nothing else; one that is too large is the largest there is.
std::optional<std::int64_t> positive(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::invalid_argument || end != text.data() + text.size() || text.starts_with('-')) return {};
  if (error == std::errc::result_out_of_range) return INT64_MAX;
  return number > 0 ? std::optional(number) : std::nullopt;
}

int possible(std::int64_t count) { return static_cast<int>(std::clamp<std::int64_t>(count, 1, most_threads)); }

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();  // nothing where it cannot be read
  return text.str();
}

/// In the mask of the thread that the process began with: others may be bound to a processor of their own.
int allowed_processors() {
#ifdef __linux__
  for (int room = 1024; room <= 1 << 20; room *= 2) {  // the kernel refuses a set that is smaller than its own
    cpu_set_t* set = CPU_ALLOC(room);
    if (!set) break;
    const bool known = sched_getaffinity(getpid(), CPU_ALLOC_SIZE(room), set) == 0;
    const int count = known ? CPU_COUNT_S(CPU_ALLOC_SIZE(room), set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::optional<int> requested_threads(const char* autodiff, const char* omp) {
  for (const char* text : {autodiff, omp})
    if (text)
      if (const auto number = positive(trimmed(text == omp ? split(text, ',')[0] : text))) return possible(*number);
  return {};
}

std::vector<std::string> control_groups(std::string_view cgroup, std::string_view mountinfo) {
  // "0::/group" in version 2, "4:cpu,cpuacct:/group" in version 1.
  std::string_view unified, cpu;
  for (const auto line : split(cgroup, '\n')) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const auto controllers = split(line.substr(first + 1, second - first - 1), ',');
    if (controllers[0].empty())
      unified = line.substr(second + 1);
    else if (std::ranges::find(controllers, "cpu") != controllers.end())
      cpu = line.substr(second + 1);
  }
  // "31 23 0:28 /root /mount/point rw shared:1 - cgroup cgroup rw,cpu": what lies at the point is the group /root.
  std::vector<std::string> result;
  for (const auto line : split(mountinfo, '\n')) {
    const auto words = split(line, ' ');
    const auto dash = std::ranges::find(words, "-");
    if (words.end() - dash < 4 || dash - words.begin() < 6) continue;
    const auto options = split(dash[3], ',');
    std::string_view group;
    if (dash[1] == "cgroup2")
      group = unified;
    else if (dash[1] == "cgroup" && std::ranges::find(options, "cpu") != options.end())
      group = cpu;
    if (group.empty()) continue;
    const std::string_view root = words[3] == "/" ? "" : words[3];
    // A group elsewhere cannot be seen from here.
    const bool below = group.starts_with(root) && (group.size() == root.size() || group[root.size()] == '/');
    std::string_view path = below ? group.substr(root.size()) : "";
    while (path.ends_with('/')) path.remove_suffix(1);
    for (; !path.empty(); path = path.substr(0, path.rfind('/')))
      result.push_back(std::string(words[4]) + std::string(path));
    result.emplace_back(words[4]);
  }
  return result;
}

std::optional<int> quota_threads(std::string_view quota_and_period) {
  const auto text = trimmed(quota_and_period);
  const auto space = std::min(text.find_first_of(" \n"), text.size());
  const auto quota = positive(text.substr(0, space)), period = positive(trimmed(text.substr(space)));
  if (!quota || !period) return {};
  return possible(*quota / *period + (*quota % *period > 0));
}

int default_threads() {
  if (const auto requested = requested_threads(std::getenv("AUTODIFF_NUM_THREADS"), std::getenv("OMP_NUM_THREADS")))
    return *requested;
  int count = possible(allowed_processors());
  for (const auto& group : control_groups(content("/proc/self/cgroup"), content("/proc/self/mountinfo")))
    for (const auto& text :
         {content(group + "/cpu.max"), content(group + "/cpu.cfs_quota_us") + content(group + "/cpu.cfs_period_us")})
      if (const auto quota = quota_threads(text)) count = std::min(count, *quota);
  return count;
}

}  // namespace autodiff::kernels
