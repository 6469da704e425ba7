// Batches in memory that is used again and again.
#pragma once

#include <list>

#include "source.hpp"

namespace nn {

/// The batches of a source, one for each size that it meets: in an epoch, two at most.
template <autodiff::Real T>
class BatchArrays {
 public:
  explicit BatchArrays(Source<T>& source) : source_(source) {}
  /// The samples of these numbers, until the next call. Throws what fetch throws.
  const Batch<T>& operator()(std::span<const std::size_t> numbers) {
    for (auto& batch : batches_)
      if (batch.size() == numbers.size()) {
        source_.fetch(numbers, batch);
        return batch;
      }
    return batches_.emplace_back(source_.batch(numbers));
  }

 private:
  Source<T>& source_;
  std::list<Batch<T>> batches_;
};

}  // namespace nn
