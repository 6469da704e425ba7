// Loops made at run time: a formula as machine code, with everything between its loads and stores in registers.
#pragma once

#include <memory>

#include "elementwise.hpp"
#include "formula.hpp"

namespace autodiff::kernels {

/// Machine code of several loops over T.
template <class T>
class Assembler {
 public:
  /// Whether there are loops at all: for processors whose instructions are known here, where memory may be executed.
  static bool works();

  /// The elements of a register: so many a total leaves.
  static std::size_t lanes();

  Assembler();
  ~Assembler();

  /// Appends a loop, and says where it begins. It is a Block whose x has all arrays of the formula, those that are
  /// written, too; whose self is the array of the formula's numbers; and which reads neither y nor `single`. It takes
  /// so many elements and no others, or, of 0, any number. One that takes a single element has no totals.
  std::size_t add(const Formula& formula, std::size_t elements);
  /// Ends the code. Only now can it run, and not where it says false; it lives as long as this object.
  bool finish();
  Block<T> loop(std::size_t begin) const;

 private:
  class Generator;
  std::unique_ptr<Generator> generator_;
};

}  // namespace autodiff::kernels
