// Batches in memory that is used again and again.
#pragma once

#include <list>

#include "source.hpp"

namespace nn {

/// The arrays of batches of a source, one pair for each size of batch that it meets: in an epoch, two at most.
template <autodiff::Real T>
class BatchArrays {
 public:
  struct Batch {
    autodiff::Array<T> inputs, targets;
  };

  explicit BatchArrays(Source<T>& source) : source_(source) {}
  /// The samples of these numbers, until the next call. Throws what fetch throws.
  const Batch& operator()(std::span<const std::size_t> numbers) {
    for (auto& batch : batches_)
      if (batch.inputs.shape(0) == numbers.size()) {
        source_.fetch(numbers, batch.inputs, batch.targets);
        return batch;
      }
    auto fresh = source_.rows(numbers);
    batches_.push_back({std::move(fresh.inputs), std::move(fresh.targets)});
    return batches_.back();
  }

 private:
  Source<T>& source_;
  std::list<Batch> batches_;
};

}  // namespace nn
