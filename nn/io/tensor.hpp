// Tensor: an array as a file holds it, of any element type that files have.
#pragma once

#include <autodiff/autodiff.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

/// The element types of safetensors files that are read here, under their names there: BOOL, U8, ... F64.
enum class Dtype { boolean, u8, i8, u16, i16, u32, i32, u64, i64, bf16, f16, f32, f64 };

std::string_view to_string(Dtype dtype);
/// "F32 (3, 5)"
std::string to_string(Dtype dtype, autodiff::Dims shape);
/// Bytes an element.
std::size_t size(Dtype dtype);
/// What a Real is in a file: F32 or F64.
template <autodiff::Real T>
constexpr Dtype dtype_of = sizeof(T) == sizeof(float) ? Dtype::f32 : Dtype::f64;

namespace detail {
/// The elements that stand at `from`, the bytes of each reversed if so asked, as numbers; rounded to nearest where T
/// does not hold them.
template <autodiff::Real T>
void convert(const std::byte* from, Dtype dtype, bool reversed, std::span<T> to);
}  // namespace detail

/// A value; its elements are in row-major order.
class Tensor {
 public:
  /// A single F64 of 0.
  Tensor() : Tensor(autodiff::to_array<double>(0.0)) {}
  /// Keeps the bits of the array: F32 for float, F64 for double.
  template <autodiff::Real T>
  Tensor(const autodiff::Array<T>& array);
  /// Throws ShapeError unless there are as many bytes as the shape needs.
  Tensor(Dtype dtype, autodiff::Shape shape, std::vector<std::byte> bytes);

  /// The element type, the shape, and the elements as a file holds them.
  Dtype dtype() const { return dtype_; }
  const autodiff::Shape& shape() const { return shape_; }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  /// The elements converted to T, rounded to nearest where T does not hold them; the same bits if they are T already.
  template <autodiff::Real T>
  autodiff::Array<T> as() const;

 private:
  Dtype dtype_;
  autodiff::Shape shape_;
  std::vector<std::byte> bytes_;
};

}  // namespace nn
