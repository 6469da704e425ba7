#include "dates.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <nn/base/text.hpp>
#include <string>

namespace nn {

namespace {

/// A text that is taken apart from its beginning.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  bool accept(char c) {
    const bool here = rest_.starts_with(c);
    if (here) rest_.remove_prefix(1);
    return here;
  }
  /// Whether a sign between two parts comes next, the same one each time; blanks may follow a point or a comma.
  bool apart() {
    const char c = rest_.empty() ? '\0' : rest_[0];
    const bool strict = c == '-' || c == '/';
    if ((!strict && c != '.' && c != ',' && c != ' ') ||
        (sign_ && (strict || sign_ == '-' || sign_ == '/') && c != sign_))
      return false;
    if (!sign_) sign_ = c;
    rest_.remove_prefix(strict ? 1 : std::min(rest_.find_first_not_of(' ', 1), rest_.size()));
    return true;
  }
  char sign() const { return sign_; }
  /// A number of so many digits.
  std::optional<int> digits(std::size_t least, std::size_t most) {
    const auto length = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (length < least || length > most) return {};
    int value = 0;
    std::from_chars(rest_.data(), rest_.data() + length, value);
    rest_.remove_prefix(length);
    return value;
  }
  /// A month by its name or the first three letters of it.
  std::optional<int> month() {
    constexpr std::array names{"january", "february", "march",     "april",   "may",      "june",
                               "july",    "august",   "september", "october", "november", "december"};
    std::string word;
    for (const char c : rest_) {
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) break;
      word += static_cast<char>(c | 32);
    }
    if (word.size() < 3) return digits(1, 2);
    for (std::size_t i = 0; i < names.size(); ++i)
      if (word == names[i] || (word.size() == 3 && std::string_view(names[i]).starts_with(word))) {
        rest_.remove_prefix(word.size());
        return static_cast<int>(i) + 1;
      }
    return {};
  }
  std::optional<double> seconds() {
    const auto length = std::min(rest_.find_first_not_of("0123456789."), rest_.size());
    const auto value = length < 2 ? std::nullopt : number(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return value;
  }

 private:
  std::string_view rest_;
  char sign_ = 0;  // between the first two parts
};

/// Hours and minutes as a share of a day.
std::optional<double> clock(Scanner& text) {
  const auto hours = text.digits(1, 2);
  if (!hours || !text.accept(':')) return {};
  const auto minutes = text.digits(2, 2);
  if (!minutes || *hours > 24 || *minutes > 59) return {};
  return (*hours + *minutes / 60.0) / 24;
}

/// What may follow a date, to its end.
std::optional<double> time_of_day(Scanner& text) {
  if (text.done()) return 0;
  if (!text.accept('T') && !text.accept(' ')) return {};
  auto time = clock(text);
  if (!time) return {};
  if (text.accept(':')) {
    const auto seconds = text.seconds();
    if (!seconds || *seconds >= 61) return {};
    *time += *seconds / 86400;
  }
  text.accept(' ');
  if (text.accept('Z') || text.done()) return text.done() ? time : std::nullopt;
  const bool ahead = text.accept('+');
  if (!ahead && !text.accept('-')) return {};
  const auto distance = clock(text);
  if (!distance || !text.done()) return {};
  return *time + (ahead ? -*distance : *distance);
}

}  // namespace

std::optional<double> date(std::string_view text, DateOrder order) {
  Scanner scan(text);
  std::optional<int> year, month, day;
  const auto read_day = [&] { return (day = scan.digits(1, 2)).has_value(); };
  const auto read_month = [&] { return (month = scan.month()).has_value(); };
  const auto read_year = [&] {
    year = scan.digits(order == DateOrder::year ? 4 : 2, 4);
    if (year && *year < 100) *year += *year < 69 ? 2000 : 1900;  // as POSIX has it
    return year.has_value();
  };
  if (order == DateOrder::year) {
    if (!read_year() || !scan.apart() || !read_month()) return {};
    const bool strict = scan.sign() == '-' || scan.sign() == '/';
    if (scan.done() && strict) day = 1;
    if (!day && (!scan.apart() || !read_day())) return {};
  } else {
    const bool day_first = order == DateOrder::day;
    if (!(day_first ? read_day() && scan.apart() && read_month() : read_month() && scan.apart() && read_day()))
      return {};
    if (!scan.apart() || !read_year()) return {};
  }
  if (*year < 1000 || *year > 2999) return {};
  const std::chrono::year_month_day when(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  const auto time = time_of_day(scan);
  if (!when.ok() || !time) return {};
  return static_cast<double>(std::chrono::sys_days(when).time_since_epoch().count()) + *time;
}

}  // namespace nn
