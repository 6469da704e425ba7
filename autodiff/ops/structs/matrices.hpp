// Diagonals, as operations.
#pragma once

#include "../matrices.hpp"
#include "listed.hpp"

namespace autodiff {

/// The diagonals of matrices, so far above the main one, or below where that is negative.
struct Diagonal {
  static constexpr auto name = "diagonal";
  static constexpr auto reads = Reads::nothing;
  int offset;
  friend bool operator==(const Diagonal&, const Diagonal&) = default;
  std::optional<View> view(const View& x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V& x) const;
};

/// The reverse of a diagonal: matrices of so many rows and columns, zero but for x on their diagonal.
struct EmbedDiagonal {
  static constexpr auto name = "embed_diagonal";
  static constexpr auto reads = Reads::nothing;
  static constexpr bool fails = false;
  int offset;
  std::size_t rows, columns;
  friend bool operator==(const EmbedDiagonal&, const EmbedDiagonal&) = default;
  Shape shape(Dims x) const;
  template <class T>
  void forward(Operand<T> y, Operand<const T> x) const;
  template <int I, class V>
  V vjp(const V& ct, const V&, const V&) const;
};

#define AUTODIFF_MATRICES(X) X(Diagonal) X(EmbedDiagonal)
AUTODIFF_MATRICES(AUTODIFF_EXTERN)

}  // namespace autodiff
