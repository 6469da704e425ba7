// From a formula to instructions on registers: which value is in which register when, and what waits in memory
// meanwhile.
#pragma once

#include "formula.hpp"

namespace autodiff::kernels {

struct RegisterCode {
  struct Instruction {
    enum class Kind : std::uint8_t { compute, load, broadcast, number, store, keep, fetch, zero, total, put } kind;
    Formula::Code code;  // of what is computed
    std::uint8_t to;     // the register, also of what is stored, kept or put
    std::uint8_t x[4];   // registers
    std::uint32_t at;    // the array, number or slot
  };
  std::vector<Instruction> before;  // once, in front of the loop
  std::vector<Instruction> body;    // for each register of elements
  std::vector<Instruction> after;   // once, behind the loop
  std::uint32_t slots = 0;          // of the size of a register, for values that wait
};

/// `registers`: how many there are, at least 10 and one for each total. What nothing is stored of is left out.
RegisterCode allocate_registers(const Formula& formula, unsigned registers);

}  // namespace autodiff::kernels
