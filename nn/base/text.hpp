// Pieces of text that nobody has to trust.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nn {

/// Without the blanks around it.
std::string_view trimmed(std::string_view text);
/// Fit to be shown in quotes: short, and without bytes that would do things to a terminal.
std::string shown(std::string_view text);
/// The number that a text is and nothing else, infinities and NaN included.
std::optional<double> number(std::string_view text);

}  // namespace nn
