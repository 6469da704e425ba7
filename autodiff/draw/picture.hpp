// What a picture of a recording shows, whichever way it is written.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "../draw.hpp"

namespace autodiff::detail {

/// The elements of a small array as rows and columns, a vector in one row; where it has further axes, as several such
/// blocks beside each other. None of a large one, nor of one that would be tall.
struct Cells {
  std::size_t rows = 0, columns = 0;
  std::vector<double> numbers;
};

/// One node of the recording, or several that are folded into one.
struct PictureNode {
  enum class Kind : std::uint8_t { variable, constant, operation, folded } kind = Kind::operation;
  std::size_t box = 0;
  std::string name, operation, shape;
  std::string numbers;  // single constants among its arguments, " 2"
  double value = std::numeric_limits<double>::quiet_NaN(), gradient = value;  // norms
  Cells values, gradients;
  std::string cost;  // bytes and time
};
struct PictureEdge {
  std::size_t from, to;
  bool back = false;
};
/// A scope. The first is the whole.
struct PictureBox {
  std::string name;
  std::size_t outer = 0, depth = 0;
  std::string cost;
};

struct Picture {
  std::string title;
  std::vector<PictureBox> boxes;
  std::vector<PictureNode> nodes;  // in the order of recording; the last is the loss
  std::vector<PictureEdge> edges;

  /// How large a gradient is beside the largest: 6 for that, one less for each power of ten, 0 below.
  double level(double gradient) const;
  double largest = 0;
};

/// Throws what draw throws.
template <Real T>
Picture picture_of(const Variable<T>& loss, const DrawOptions& options);

std::string as_dot(const Picture& picture);
std::string as_text(const Picture& picture);

/// Text with &, <, > and quotes as XML has them.
std::string escaped(const std::string& text);
/// "#rrggbb": from white to blue for positive shares of one, to red for negative ones.
std::string colour(double share);

/// A picture that `dot` lays out, in a format that it knows. Throws ValueError where it cannot be started, or fails.
std::string laid_out(const std::string& dot, const std::string& format);

}  // namespace autodiff::detail
