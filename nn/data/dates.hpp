// Dates as numbers.
#pragma once

#include <optional>
#include <string_view>

namespace nn {

/// What comes first in a date, as "2024-03-09", "9.3.2024" and "3/9/2024" have it.
enum class DateOrder : char { year, day, month };

/// The days from the beginning of 1970 to a date and nothing else, with the time of day as a fraction: a year of four
/// digits (two where it is last: from 1969 to 2068), a month as a number or an English name, and a day, which may be
/// missing after year and month, with "-", "/", "." or blanks between them; then, after a blank or "T", perhaps
/// hours:minutes, seconds with a fraction, and "Z" or a distance from universal time, "+01:00". Days that no calendar
/// has give nothing. Calendar: ISO 8601.
std::optional<double> date(std::string_view text, DateOrder order);

}  // namespace nn
