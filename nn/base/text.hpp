// Numbers and names as text, and untrusted text.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace nn {

/// Without the blanks around it.
std::string_view trimmed(std::string_view text);
/// Text from a file in quotes, fit to be shown: short, and without bytes that would do things to a terminal.
std::string in_quotes(std::string_view text);
/// The number that a text is and nothing else, infinities and NaN included.
std::optional<double> number(std::string_view text);
/// The same with another sign, such as a comma, before the fraction: a point is no part of a number then.
std::optional<double> number(std::string_view text, char decimal_point);
/// A number in the fewest digits that read back as the same one.
template <class N>
requires(std::integral<N> || std::floating_point<N>) std::string digits(N number) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

}  // namespace nn
