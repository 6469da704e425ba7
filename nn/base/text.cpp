#include "text.hpp"

#include <algorithm>

namespace nn {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result(text.substr(0, longest));
  std::ranges::replace_if(
      result, [](char c) { return c < 32 || c > 126; }, '?');
  return '"' + result + (text.size() > longest ? "...\"" : "\"");
}

std::optional<double> number(std::string_view text) {
  // from_chars takes no plus sign; files do.
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> number(std::string_view text, char decimal_point) {
  if (decimal_point == '.' || text.find_first_of(std::string{'.', decimal_point}) == text.npos) return number(text);
  if (text.find('.') != text.npos) return std::nullopt;
  std::string with_point(text);
  std::ranges::replace(with_point, decimal_point, '.');
  return number(with_point);
}

}  // namespace nn
