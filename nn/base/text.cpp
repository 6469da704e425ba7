#include "text.hpp"

#include <algorithm>

namespace nn {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

namespace {

/// How many bytes the character has that a text of UTF-8 begins with; 0 if it is none, or one that shows nothing and
/// acts on what is around it: controls, marks of direction, separators of lines.
std::size_t visible_bytes(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 128) return byte(0) >= 32 && byte(0) != 127;
  if (byte(0) < 0xC2 || byte(0) > 0xF4) return 0;
  const std::size_t bytes = byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  if (text.size() < bytes) return 0;
  char32_t c = byte(0) & (0xFF >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (byte(i) >> 6 != 2) return 0;
    c = c << 6 | (byte(i) & 0x3F);
  }
  constexpr char32_t least[] = {0xA0, 0x800, 0x10000};
  constexpr std::pair<char32_t, char32_t> hidden[] = {
      {0xAD, 0xAD},     {0x61C, 0x61C},   {0xFE00, 0xFE0F}, {0x200B, 0x200F}, {0x2028, 0x202E},
      {0x2060, 0x206F}, {0xD800, 0xDFFF}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFF}, {0xE0000, 0xFFFFFFFF}};
  const bool shown = std::ranges::none_of(hidden, [c](auto range) { return c >= range.first && c <= range.second; });
  return c >= least[bytes - 2] && shown ? bytes : 0;
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;  // bytes
  std::string result;
  for (std::size_t bytes; !text.empty(); text.remove_prefix(bytes)) {
    const std::size_t visible = visible_bytes(text);
    bytes = std::max<std::size_t>(visible, 1);
    if (result.size() + bytes > longest) break;
    result += visible ? text.substr(0, bytes) : "?";
  }
  return '"' + result + (text.empty() ? "\"" : "...\"");
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
