// BlockCode<T>: a cluster as it runs, block by block: which kernel is called on what, and how the space is cut. No
// pointers: what is said of memory are buffers by number.
#pragma once

#include "../kernels/assembler.hpp"
#include "../kernels/elementwise.hpp"
#include "buffers.hpp"

namespace autodiff::detail {

/// What an operand's place is found from: its base, and how far the run has come.
enum class At : std::uint8_t { fixed, element, in_chunk, column, row, total };  // total: of the block, in its chunk

struct Place {
  std::uint32_t base = 0;  // of the bases of the code
  At at = At::fixed;
  friend bool operator==(Place, Place) = default;
};

/// Where a base points to: into a buffer, or into the scratch memory of the thread.
struct Base {
  std::uint32_t buffer;  // nowhere: scratch
  std::size_t offset;
};

/// One call of a loop on a block: that of an operation, or one that computes several in registers.
template <Real T>
struct BlockCall {
  kernels::Block<T> block;
  const void* self;
  unsigned single;                     // see kernels::Block
  std::uint32_t first = 0, count = 0;  // operands, of those of the code
  Place y;
};

/// What a call computes that has no loop yet.
struct Unassembled {
  std::uint32_t call;
  kernels::Formula formula;
};

/// Repeats a row over the rows of a block, or each element of a column over its row.
struct Spread {
  std::uint32_t from, to;  // bases
};

/// Puts the elements of a block one after the other, of axes that take more than rows and columns.
struct Collection {
  std::uint32_t from, to;  // bases
  View view;               // of the first
};

template <Real T>
struct ReduceCall {
  kernels::Reduce<T> kernel;
  Walk kept;
  Place value;
  std::uint32_t y, partials;  // bases: the result, and what each chunk leaves, where there are several
  std::size_t width;          // of a partial result
  bool of_totals = false;     // of what each block has added up, else of its elements
};

template <Real T>
struct BlockCode {
  std::size_t size = 0, columns = 0;  // columns 0: the space is one row
  std::size_t block = 0, chunk = 0;   // elements; a chunk is what one thread computes at a time
  bool whole_rows = false;            // blocks are whole rows, else parts of one
  std::vector<Base> bases;
  std::vector<Spread> rows, columns_of;  // spread once, and for every block
  std::vector<Collection> collections;   // for every block
  std::vector<BlockCall<T>> calls;
  std::vector<Place> operands;           // of calls
  std::vector<Unassembled> unassembled;  // of calls that have no loop yet
  std::vector<std::vector<T>> numbers;   // of loops that were made
  std::vector<ReduceCall<T>> reductions;
  std::vector<std::uint32_t> read, written;  // bases of what comes into the cache ahead of its block
  std::size_t totals = 0;                    // elements that a block leaves where it adds up
  std::size_t scratch = 0;                   // elements a thread needs
  std::size_t steps = 0;                     // loops on blocks, or what takes as long
  std::size_t most_operands = 0;             // of a call

  std::size_t chunks() const { return (size + chunk - 1) / chunk; }
  std::size_t work() const { return size * (steps + reductions.size()); }

  /// Whether all of it is one block: then an executor finds its pointers once, and not at each run.
  bool is_one_block() const { return size <= block; }
};

/// The code of a cluster. Adds the buffers that it needs to the memory.
template <Real T>
BlockCode<T> emit_blocks(const Graph<T>& graph, const Schedule& schedule, std::uint32_t group, const Fusion& fusion,
                         Memory& memory);

/// Makes the loops that the codes are without, and keeps them.
template <Real T>
std::shared_ptr<const kernels::Assembler<T>> assemble(std::span<BlockCode<T>> codes);

}  // namespace autodiff::detail
