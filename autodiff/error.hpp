// Errors: every one names the operation, the rule that was broken, and the shapes.
#pragma once

#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kernels/operand.hpp"

namespace autodiff {

/// What every error of the library derives from. Its text is "[operation] rule: shapes", after the scope if any.
class Error : public std::exception {
 public:
  explicit Error(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Shapes that do not fit the operation.
struct ShapeError : Error {
  using Error::Error;
};
/// An axis that the array does not have, or that is named twice.
struct AxisError : Error {
  using Error::Error;
};
/// An element that the operation cannot take: an index out of range, a label that is not a whole number.
struct ValueError : Error {
  using Error::Error;
};
/// A variable used where it cannot be: another tape, a tape that is gone, a constant asked for its gradient.
struct TapeError : Error {
  using Error::Error;
};

/// A derivative by, or of, a plain value, which no tape knows.
struct PlainError : TapeError {
  using TapeError::TapeError;
};

/// "(4, 3)", as NumPy prints a shape: "()" for a single number, "(4,)" is written "(4)".
inline std::string to_string(Dims shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

/// How the error about an unknown name goes on: `; near are "a", "b"`, those that differ least from it, five at most;
/// or where none is near `; there are "a", "b" and 7 more`, the first few. "" where nothing is known.
std::string names_near(std::string_view unknown, std::span<const std::string> known);

/// While it lives, errors of this thread say that they happened here: "layer1: [matmul] ...", inside those outside it.
/// One without a name adds nothing.
class [[nodiscard]] ErrorScope {
 public:
  explicit ErrorScope(std::string_view name);
  ~ErrorScope();
  ErrorScope(const ErrorScope&) = delete;
  /// "model/layer1", or "" outside of any.
  static std::string path();

 private:
  std::string name_;
  const ErrorScope* outer_;
};

/// Says "[operation] rule" where something is allowed, and seldom meant: by the function that set_warnings was given,
/// else on std::clog.
void warn(std::string_view operation, std::string_view rule);
/// Sets what becomes of warnings in this process, [](const std::string&) {} to be silent; null: std::clog again. The
/// function may be called by any thread.
void set_warnings(void (*handler)(const std::string& text));

/// Throws E with "[operation] rule", where the rule is put together from text, numbers and shapes.
template <class E, class... Parts>
[[noreturn]] void fail(std::string_view operation, const Parts&... parts) {
  std::ostringstream text;
  if (const std::string where = ErrorScope::path(); !where.empty()) text << where << ": ";
  text << '[' << operation << "] ";
  auto put = [&](const auto& part) {
    if constexpr (std::is_convertible_v<decltype(part), Dims>)
      text << to_string(part);
    else
      text << part;
  };
  (put(parts), ...);
  throw E(text.str());
}

}  // namespace autodiff
