// What compiling made of a tape, for people.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace autodiff {

/// What was made of the tape.
struct ProgramReport {
  std::size_t nodes = 0;            // that lead to an output or an update
  std::size_t folded = 0;           // depend on no input and no state, or do nothing to their argument
  std::size_t merged = 0;           // equal to an earlier one
  std::size_t viewed = 0;           // move no data: another layout of the same memory
  std::size_t absorbed = 0;         // scales and sums that became part of a product
  std::size_t clusters = 0;         // run block by block in the cache,
  std::size_t clustered = 0;        // and nodes that do
  std::size_t multiply_adds = 0;    // products that are added where they are computed
  std::size_t in_place = 0;         // written over an operand that nobody reads any more
  std::size_t recomputed = 0;       // nodes that are computed again rather than kept,
  double recomputed_work = 0;       // and about how much work that adds, as a share of all
  std::size_t instructions = 0;     // run each time
  std::size_t bytes = 0;            // of the arena
  std::size_t peak_bytes = 0;       // that live in it at one time, at most
  std::size_t unplanned_bytes = 0;  // were every result to have memory of its own
  std::size_t scratch_bytes = 0;    // for blocks, all threads together
  std::size_t state_bytes = 0;      // of all states
  std::size_t constant_bytes = 0;   // of all constants; copies of a program share them
  std::size_t compilations = 1;     // so far, of a ShapedProgram
  /// An instruction, and its time.
  struct Step {
    std::string text;
    double seconds;  // of all profiled runs
  };
  std::vector<Step> steps;  // the instructions, in order
  /// What an instruction is for, and what it does.
  struct Cost {
    std::vector<std::string> where;  // names or scopes of its nodes; outside of any, what they are for: "output 0"
    double bytes;                    // that it reads and writes
    double arithmetic;               // additions and multiplications, by what operations declare
  };
  std::vector<Cost> costs;  // of each of these
  /// How many runs were timed.
  std::size_t profiled_runs = 0;
  /// The same as a table for people: what the passes did, and the instructions: what each reads, writes and computes,
  /// and how long it takes, and its share, if that was asked for.
  std::string text() const;
};

}  // namespace autodiff
