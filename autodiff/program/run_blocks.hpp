// Running the code of clusters, on the memory of one executor.
#pragma once

#include "block_code.hpp"

namespace autodiff::detail {

/// Runs chunks `first` to `last`. `memory` has a pointer for each buffer, `bases` room for one each, and for
/// the operands of a call.
template <Real T>
void run_chunks(const BlockCode<T>& code, T* const* memory, T* scratch, T** bases, std::size_t first, std::size_t last);

/// Puts together what the chunks have left.
template <Real T>
void finish_chunks(const BlockCode<T>& code, T* const* memory);

/// A cluster that is one block, with a pointer for every place.
template <Real T>
class SingleBlock {
 public:
  explicit SingleBlock(const BlockCode<T>& code);
  /// Notes that the buffer of this base may move from run to run. To be called before the pointers are found.
  void moves(std::uint32_t base);
  /// Finds the pointers: all before the first run, then those into buffers that may have moved.
  void resolve(T* const* memory, T* scratch);
  void run() const;

 private:
  struct Call {
    kernels::Block<T> block;
    const void* self;
    T* to;
    const T* const* from;
    unsigned single;
  };
  const BlockCode<T>* code_;
  std::vector<Call> calls_;
  std::vector<const T*> from_;
  std::vector<T*> bases_;
  std::vector<std::uint32_t> moving_, moving_calls_, moving_operands_;  // bases, and what is found by them
  bool resolved_ = false;
};

}  // namespace autodiff::detail
