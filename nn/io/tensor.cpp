#include "tensor.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::Real;
using autodiff::Shape;

namespace {

static_assert(std::endian::native == std::endian::little,
              "the files are little-endian, and read and written as they are");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559);

/// IEEE 754 binary16: one bit of sign, five of exponent, ten of fraction.
double half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = std::ldexp(exponent == 0 ? fraction : fraction + 1024, std::max(exponent, 1) - 25);
  if (exponent == 31) magnitude = fraction == 0 ? HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  return bits >> 15 ? -magnitude : magnitude;
}

// What stands in a file as other numbers than it means.
struct Half {
  std::uint16_t bits;
  explicit operator double() const { return half(bits); }
  explicit operator float() const { return static_cast<float>(half(bits)); }
};
/// Bfloat16 is the upper half of a float.
struct UpperHalf {
  std::uint16_t bits;
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t{bits} << 16); }
  explicit operator double() const { return static_cast<float>(*this); }
};

template <class Stored, bool reversed, Real T>
void convert_all(const std::byte* from, std::span<T> to) {
  for (T& element : to) {
    std::array<std::byte, sizeof(Stored)> bytes;
    std::memcpy(bytes.data(), from, sizeof(Stored));
    if (reversed) std::ranges::reverse(bytes);
    element = static_cast<T>(std::bit_cast<Stored>(bytes));
    from += sizeof(Stored);
  }
}

template <class Stored, Real T>
void convert_all(const std::byte* from, bool reversed, std::span<T> to) {
  reversed ? convert_all<Stored, true>(from, to) : convert_all<Stored, false>(from, to);
}

struct Row {
  std::string_view name;
  std::size_t size;
  void (*to_float)(const std::byte*, bool, std::span<float>);
  void (*to_double)(const std::byte*, bool, std::span<double>);
};

template <class Stored>
constexpr Row row(std::string_view name) {
  return {name, sizeof(Stored), convert_all<Stored, float>, convert_all<Stored, double>};
}

/// In the order of Dtype.
constexpr Row rows[] = {
    row<std::uint8_t>("BOOL"), row<std::uint8_t>("U8"),   row<std::int8_t>("I8"),   row<std::uint16_t>("U16"),
    row<std::int16_t>("I16"),  row<std::uint32_t>("U32"), row<std::int32_t>("I32"), row<std::uint64_t>("U64"),
    row<std::int64_t>("I64"),  row<UpperHalf>("BF16"),    row<Half>("F16"),         row<float>("F32"),
    row<double>("F64"),
};
static_assert(std::size(rows) == static_cast<std::size_t>(Dtype::f64) + 1);

const Row& row_of(Dtype dtype) { return rows[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view to_string(Dtype dtype) { return row_of(dtype).name; }

std::string to_string(Dtype dtype, Dims shape) {
  return std::string(to_string(dtype)) + ' ' + autodiff::to_string(shape);
}

std::size_t size(Dtype dtype) { return row_of(dtype).size; }

template <Real T>
void detail::convert(const std::byte* from, Dtype dtype, bool reversed, std::span<T> to) {
  if constexpr (std::same_as<T, float>)
    row_of(dtype).to_float(from, reversed, to);
  else
    row_of(dtype).to_double(from, reversed, to);
}

template <Real T>
Tensor::Tensor(const Array<T>& array) : dtype_(dtype_of<T>), shape_(array.shape()) {
  const auto bytes = std::as_bytes(std::span(array.data(), array.size()));
  bytes_.assign(bytes.begin(), bytes.end());
}

Tensor::Tensor(Dtype dtype, Shape shape, std::vector<std::byte> bytes)
    : dtype_(dtype), shape_(std::move(shape)), bytes_(std::move(bytes)) {
  if (autodiff::count(shape_) * size(dtype) != bytes_.size())
    autodiff::fail<autodiff::ShapeError>("tensor", bytes_.size(), " bytes are not ", to_string(dtype, shape_));
}

template <Real T>
Array<T> Tensor::as() const {
  auto result = autodiff::uninitialised<T>(shape_);
  const std::span<T> to(result.data(), result.size());
  if (dtype_ == dtype_of<T>)
    // Not element by element: that may quieten a signalling NaN.
    std::ranges::copy(bytes_, std::as_writable_bytes(to).begin());
  else
    detail::convert(bytes_.data(), dtype_, false, to);
  return result;
}

#define NN_TENSOR(T)                                                          \
  template void detail::convert(const std::byte*, Dtype, bool, std::span<T>); \
  template Tensor::Tensor(const Array<T>&);                                   \
  template Array<T> Tensor::as<T>() const;
NN_TENSOR(float)
NN_TENSOR(double)

}  // namespace nn
