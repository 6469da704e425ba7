#include "structs/matrices.hpp"

#include "batches.hpp"
#include "compile.hpp"
#include "index.hpp"
#include "reduce.hpp"

namespace autodiff {

namespace {

/// Where the diagonal starts, and how long it is.
struct Place {
  std::size_t row, column, length;
};
Place place(int offset, std::size_t rows, std::size_t columns) {
  const auto distance = static_cast<std::size_t>(std::abs(static_cast<std::ptrdiff_t>(offset)));
  const std::size_t row = offset < 0 ? std::min(distance, rows) : 0,
                    column = offset > 0 ? std::min(distance, columns) : 0;
  return {row, column, std::min(rows - row, columns - column)};
}

}  // namespace

std::optional<View> Diagonal::view(const View& x) const {
  check_matrices(name, x.shape);
  const std::size_t last = x.shape.size() - 1;
  const auto [row, column, length] = place(offset, x.shape[last - 1], x.shape[last]);
  View y{Shape(x.shape.begin(), x.shape.end() - 1), Strides(x.strides.begin(), x.strides.end() - 1), x.offset};
  y.shape.back() = length, y.strides.back() = x.strides[last - 1] + x.strides[last];
  if (length > 0) y.offset += std::ptrdiff_t(row) * x.strides[last - 1] + std::ptrdiff_t(column) * x.strides[last];
  return y;
}
template <int I, class V>
V Diagonal::vjp(const V& ct, const V&, const V& x) const {
  const std::size_t last = x.dimension() - 1;
  return listed(EmbedDiagonal{offset, x.shape(last - 1), x.shape(last)}, ct);
}

Shape EmbedDiagonal::shape(Dims x) const {
  if (x.empty() || x.back() != place(offset, rows, columns).length)
    fail<ShapeError>(name, "the diagonal has another length: ", x);
  Shape y = to_shape(x);
  y.back() = rows, y.push_back(columns);
  return y;
}
template <class T>
void EmbedDiagonal::forward(Operand<T> y, Operand<const T> x) const {
  const auto [row, column, length] = place(offset, rows, columns);
  std::fill_n(y.data, count(y.shape), T(0));
  const std::size_t matrices = length ? count(x.shape) / length : 0;
  for (std::size_t m = 0; m < matrices; ++m)
    for (std::size_t i = 0; i < length; ++i)
      y.data[(m * rows + row + i) * columns + column + i] = x.data[m * length + i];
}
template <int I, class V>
V EmbedDiagonal::vjp(const V& ct, const V&, const V&) const {
  return listed(Diagonal{offset}, ct);
}

AUTODIFF_MATRICES(AUTODIFF_COMPILE)

namespace {

/// x where keep(row, column) holds, else zero.
template <Real T, class F>
Variable<T> masked(std::string_view operation, const Variable<T>& x, F keep) {
  check_matrices(operation, x.shape());
  const std::size_t rows = x.shape(x.dimension() - 2), columns = x.shape(x.dimension() - 1);
  Array<T> mask(Shape{rows, columns});
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j)
      mask(i, j) = keep(static_cast<std::ptrdiff_t>(i), static_cast<std::ptrdiff_t>(j));
  return where(mask, x, T(0));
}

}  // namespace

template <Real T>
Variable<T> eye(std::size_t rows, std::optional<std::size_t> columns, int offset) {
  Array<T> y(Shape{rows, columns.value_or(rows)}, T(0));
  const auto [row, column, length] = place(offset, rows, columns.value_or(rows));
  for (std::size_t i = 0; i < length; ++i) y(row + i, column + i) = 1;
  return Variable<T>(std::move(y));
}

template <Real T>
Variable<T> diagonal(const Variable<T>& x, int offset, int row_axis, int column_axis) {
  const std::size_t rank = x.dimension();
  const auto named = Axes{row_axis, column_axis}.resolve("diagonal", x.shape());
  std::vector<int> order;
  for (std::size_t i = 0; i < rank; ++i)
    if (i != named[0] && i != named[1]) order.push_back(static_cast<int>(i));
  order.push_back(static_cast<int>(named[0])), order.push_back(static_cast<int>(named[1]));
  return listed(Diagonal{offset}, named[0] + 2 == rank && named[1] + 1 == rank ? x : permute(x, order));
}

template <Real T>
Variable<T> embed_diagonal(const Variable<T>& x, int offset) {
  if (x.dimension() == 0) fail<ShapeError>("embed_diagonal", "needs an axis: ", Dims(x.shape()));
  const std::size_t n = x.shape(x.dimension() - 1) + static_cast<std::size_t>(std::abs(offset));
  return listed(EmbedDiagonal{offset, n, n}, x);
}

template <Real T>
Variable<T> diag(const Variable<T>& x, int offset) {
  if (x.dimension() != 1 && x.dimension() != 2)
    fail<ShapeError>("diag", "needs a vector or a matrix: ", Dims(x.shape()));
  return x.dimension() == 1 ? embed_diagonal(x, offset) : diagonal(x, offset);
}

template <Real T>
Variable<T> trace(const Variable<T>& x, int offset) {
  check_matrices("trace", x.shape());
  return sum(diagonal(x, offset), -1);
}

template <Real T>
Variable<T> tril(const Variable<T>& x, int offset) {
  return masked("tril", x, [=](std::ptrdiff_t i, std::ptrdiff_t j) { return j - i <= offset; });
}
template <Real T>
Variable<T> triu(const Variable<T>& x, int offset) {
  return masked("triu", x, [=](std::ptrdiff_t i, std::ptrdiff_t j) { return j - i >= offset; });
}

namespace detail {

template <Real T>
Variable<T> kron(const Variable<T>& a, const Variable<T>& b) {
  Tape<T>::check_operands("kron", std::array{a, b});
  const std::size_t rank = std::max(a.dimension(), b.dimension());
  Shape left, right, result;
  const auto length = [&](const Variable<T>& x, std::size_t i) {
    return i + x.dimension() < rank ? 1 : x.shape(i + x.dimension() - rank);
  };
  for (std::size_t i = 0; i < rank; ++i) {
    left.push_back(length(a, i)), left.push_back(1);
    right.push_back(1), right.push_back(length(b, i));
    result.push_back(length(a, i) * length(b, i));
  }
  return reshape(reshape(a, left) * reshape(b, right), result);
}

template <Real T>
Variable<T> cross(const Variable<T>& a, const Variable<T>& b, int axis) {
  Tape<T>::check_operands("cross", std::array{a, b});
  for (const auto* x : {&a, &b})
    if (x->shape(resolve_axis("cross", axis, x->dimension(), x->shape())) != 3)
      fail<ShapeError>("cross", "needs an axis of length 3: ", Dims(a.shape()), " and ", Dims(b.shape()));
  const Array<T> next = xt::xarray<T>{1, 2, 0}, last = xt::xarray<T>{2, 0, 1};
  return gather(a, next, axis) * gather(b, last, axis) - gather(a, last, axis) * gather(b, next, axis);
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                  \
  template Variable<T> eye(std::size_t, std::optional<std::size_t>, int);    \
  template Variable<T> diagonal(const Variable<T>&, int, int, int);          \
  template Variable<T> embed_diagonal(const Variable<T>&, int);              \
  template Variable<T> diag(const Variable<T>&, int);                        \
  template Variable<T> trace(const Variable<T>&, int);                       \
  template Variable<T> tril(const Variable<T>&, int);                        \
  template Variable<T> triu(const Variable<T>&, int);                        \
  template Variable<T> detail::kron(const Variable<T>&, const Variable<T>&); \
  template Variable<T> detail::cross(const Variable<T>&, const Variable<T>&, int);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
