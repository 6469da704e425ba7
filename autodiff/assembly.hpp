// Assembly<T>: many parts of one array put where they belong, as one operation of a recorded sweep.
#pragma once

#include "tape.hpp"

namespace autodiff {

/// Zeros of a shape, and what each of the operations adds to them. Its own derivatives are those of the operations: of
/// parts that were cut out, slices again, which cost what they are.
template <Real T>
class Assembly final : public Primitive<T> {
 public:
  Assembly(Shape shape, const std::vector<Cotangent<T>>& parts);

  std::string_view name() const override { return "assembly"; }
  Shape shape(std::span<const Dims>) const override { return shape_; }
  void forward(Operand<T> y, std::span<const Operand<const T>> x) const override;
  Variable<T> pullback(std::size_t i, const Variable<T>& ct, const Variable<T>& y,
                       std::span<const Variable<T>> x) const override;
  std::vector<Variable<T>> batched(std::size_t n, const std::vector<bool>& stacked,
                                   std::span<const Variable<T>> x) const override;
  bool differentiable(std::size_t i) const override;
  bool fails() const override;
  Reads reads() const override { return Reads::inputs; }
  const void* kind() const override;
  const void* self() const override { return this; }
  bool equals(const Primitive<T>& other) const override;
  std::span<const AssemblyTerm<T>> terms() const override { return terms_; }

 private:
  Shape shape_;
  std::vector<AssemblyTerm<T>> terms_;
  struct Owner {
    std::uint32_t term, first;  // of an input: its term, and where the inputs of that begin
  };
  std::vector<Owner> owner_;
};

/// The sum of parts of an array of this shape, recorded where they are.
template <Real T>
Variable<T> assemble(const Shape& shape, const std::vector<Cotangent<T>>& parts);

}  // namespace autodiff
