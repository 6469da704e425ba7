// Which shard of a batch is recorded.
#pragma once

#include <autodiff/autodiff.hpp>

namespace nn::detail {

/// While it lives, what this thread records is what becomes of a shard, one of those that a batch is made of and that
/// all start from the same states; its number, from 0, is known at each run. Layers that draw at random draw by it.
template <autodiff::Real T>
class ShardScope {
 public:
  explicit ShardScope(const autodiff::Variable<T>& number) : before_(std::exchange(now_, &number)) {}
  ~ShardScope() { now_ = before_; }
  ShardScope(const ShardScope&) = delete;
  /// Null where the batch is one whole.
  static const autodiff::Variable<T>* number() { return now_; }

 private:
  inline static thread_local const autodiff::Variable<T>* now_ = nullptr;
  const autodiff::Variable<T>* before_;
};

}  // namespace nn::detail
