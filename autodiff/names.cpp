// What nodes of a tape are called: names are kept as they were given, and put together for who asks.
#include <charconv>
#include <functional>

#include "tape.hpp"

namespace autodiff {

template <Real T>
std::string Tape<T>::full(const NodeName& name, bool also) const {
  const std::string scope = scope_path(name.scope, also), &last = also && !name.also.empty() ? name.also : name.name;
  return scope.empty() ? last : scope + "/" + last;
}

template <Real T>
std::string Tape<T>::name(std::size_t index) const {
  const auto found = names_.find(static_cast<std::uint32_t>(index));
  return found == names_.end() ? std::string() : full(found->second);
}

template <Real T>
void Tape<T>::name(std::size_t index, const std::string& name, std::string_view also) {
  names_.insert_or_assign(names_.end(), static_cast<std::uint32_t>(index), NodeName{scope_, name, std::string(also)});
  if (index < indexed_) by_name_.clear(), indexed_ = 0;
}

template <Real T>
const std::unordered_map<std::string, std::vector<std::uint32_t>>& Tape<T>::by_name() const {
  for (auto entry = names_.lower_bound(indexed_); entry != names_.end(); ++entry)
    by_name_[full(entry->second)].push_back(entry->first);
  indexed_ = static_cast<std::uint32_t>(nodes_.size());
  return by_name_;
}

namespace {

bool separates(char c) { return c == '/' || c == '.'; }

/// Takes the part off the end of a path, and the separator before it; false where the path does not end so.
bool take_last(std::string_view& path, std::string_view part) {
  const auto same = [](char a, char b) { return a == b || (separates(a) && separates(b)); };
  if (part.empty() || part.size() > path.size() ||
      !std::ranges::equal(path.substr(path.size() - part.size()), part, same))
    return false;
  std::string_view rest = path.substr(0, path.size() - part.size());
  if (!rest.empty() && !separates(rest.back())) return false;
  if (!rest.empty()) rest.remove_suffix(1);
  return path = rest, true;
}

}  // namespace

/// Whether it is the full name with first or second names, and '.' or '/' between them.
template <Real T>
bool Tape<T>::is_spelled(std::string_view text, const NodeName& name) const {
  const auto in_scope = [&](const auto& self, std::string_view path, std::uint32_t scope) -> bool {
    if (scope == 0) return path.empty();
    const auto second = scope_also_.find(scope);
    for (std::string_view part :
         {std::string_view(scopes_[scope].name), second == scope_also_.end() ? std::string_view() : second->second})
      if (std::string_view rest = path; take_last(rest, part) && self(self, rest, scopes_[scope].outer)) return true;
    return false;
  };
  for (const std::string& part : {std::cref(name.name), std::cref(name.also)})
    if (std::string_view rest = text; take_last(rest, part) && in_scope(in_scope, rest, name.scope)) return true;
  return false;
}

/// All nodes of this name; where there is none, those that it is another spelling of.
template <Real T>
std::vector<std::uint32_t> Tape<T>::named(const std::string& name) const {
  if (const auto found = by_name().find(name); found != by_name_.end()) return found->second;
  std::vector<std::uint32_t> result;
  for (const auto& [index, its] : names_)
    if (is_spelled(name, its)) result.push_back(index);
  return result;
}

template <Real T>
Variable<T> Tape<T>::find(const std::string& name) const {
  if (const auto found = named(name); !found.empty()) return recorded(found.back());
  if (const auto sign = name.rfind('#'); sign != name.npos) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + sign + 1, name.data() + name.size(), number);
    const auto found = named(name.substr(0, sign));
    if (error == std::errc() && end == name.data() + name.size() && number >= 1 && number <= found.size())
      return recorded(found[number - 1]);
  }
  auto known = names();
  for (const auto& [index, its] : names_)
    if (auto second = full(its, true); second != full(its)) known.push_back(std::move(second));
  fail<TapeError>("find", "no variable of this tape is named \"", name, '"', names_near(name, known));
}

template <Real T>
std::vector<std::string> Tape<T>::names() const {
  std::vector<std::string> result;
  std::unordered_map<std::string, std::size_t> met;
  for (const auto& [index, its] : names_) {
    auto& name = result.emplace_back(full(its));
    if (by_name().at(name).size() > 1) {
      const std::size_t number = ++met[name];
      name += "#" + std::to_string(number);
    }
  }
  return result;
}

#define AUTODIFF_NAMES(T)                                                                               \
  template std::string Tape<T>::full(const NodeName&, bool) const;                                      \
  template std::string Tape<T>::name(std::size_t) const;                                                \
  template void Tape<T>::name(std::size_t, const std::string&, std::string_view);                       \
  template const std::unordered_map<std::string, std::vector<std::uint32_t>>& Tape<T>::by_name() const; \
  template bool Tape<T>::is_spelled(std::string_view, const NodeName&) const;                           \
  template std::vector<std::uint32_t> Tape<T>::named(const std::string&) const;                         \
  template Variable<T> Tape<T>::find(const std::string&) const;                                         \
  template std::vector<std::string> Tape<T>::names() const;
AUTODIFF_NAMES(float)
AUTODIFF_NAMES(double)

}  // namespace autodiff
