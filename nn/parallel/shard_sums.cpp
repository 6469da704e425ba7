#include "shard_sums.hpp"

#include <algorithm>
#include <chrono>

namespace nn::detail {

namespace {

// Large enough that what messages cost by themselves does not count, small enough that there are several.
constexpr std::size_t bucket_bytes = std::size_t{1} << 20;

template <Real T>
void add_to(T* y, const T* x, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

template <Real T>
ShardSums<T>::ShardSums(Ranks& ranks, const std::vector<std::size_t>& sizes, const std::vector<std::size_t>& owners)
    : ranks_(ranks), stacks_(sizes.size()) {
  for (std::size_t item = 0; item < sizes.size(); ++item) {
    const bool owned = item < owners.size();
    if (buckets_.empty() || buckets_.back().size * sizeof(T) >= bucket_bytes || owned == buckets_.back().ends.empty())
      buckets_.emplace_back();
    auto& bucket = buckets_.back();
    places_.push_back({buckets_.size() - 1, bucket.size, sizes[item]});
    bucket.size += sizes[item], ++bucket.items;
    if (!owned) continue;
    bucket.ends.resize(ranks.size());
    std::fill(bucket.ends.begin() + static_cast<std::ptrdiff_t>(owners[item]), bucket.ends.end(), bucket.size);
  }
  for (auto& bucket : buckets_) bucket.sums = Array<T>(autodiff::Shape{bucket.size});
  exchanged_ = buckets_.size();
  if (ranks_.size() > 1) thread_ = std::thread([this] { work(); });
}

template <Real T>
ShardSums<T>::~ShardSums() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (begun_ && ranks_.size() > 1) ranks_.give_up();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

template <Real T>
void ShardSums<T>::begin(const ShardTree& tree) {
  const std::lock_guard lock(mutex_);
  tree_ = tree;
  mine_ = tree_.part_of(ranks_.rank(), ranks_.size());
  for (auto& stack : stacks_) stack.clear();
  for (auto& bucket : buckets_) bucket.left = mine_.begin == mine_.end ? 0 : bucket.items;
  exchanged_ = 0, begun_ = true;
  changed_.notify_all();
}

template <Real T>
void ShardSums<T>::add(std::size_t item, std::size_t shard, const T* x) {
  const auto& place = places_[item];
  auto& bucket = buckets_[place.bucket];
  auto& stack = stacks_[item];
  const auto slot = [&](std::size_t k) {
    while (bucket.slots.size() <= k) bucket.slots.push_back(Array<T>(autodiff::Shape{bucket.size}));
    return bucket.slots[k].data() + place.offset;
  };
  Node node{shard, shard + 1};
  if (!stack.empty() && tree_.are_siblings(stack.back(), node)) {
    add_to(slot(stack.size() - 1), x, place.size);
    node.begin = stack.back().begin;
    stack.pop_back();
  } else {
    std::copy_n(x, place.size, slot(stack.size()));
  }
  tree_.push(stack, node, [&](std::size_t k) { add_to(slot(k), slot(k + 1), place.size); });
  if (shard + 1 == mine_.end) given(place.bucket);
}

template <Real T>
void ShardSums<T>::given(std::size_t bucket) {
  const std::lock_guard lock(mutex_);
  if (--buckets_[bucket].left == 0) changed_.notify_all();
}

template <Real T>
void ShardSums<T>::finish() {
  if (ranks_.size() == 1) {
    for (auto& bucket : buckets_) std::swap(bucket.sums, bucket.slots[0]);
    begun_ = false;
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return exchanged_ == buckets_.size() || failure_; });
  traffic_.waited += seconds_since(start);
  if (failure_) std::rethrow_exception(failure_);
  begun_ = false;
}

/// Exchanges one bucket after the other, which all ranks do in this order.
template <Real T>
void ShardSums<T>::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock,
                  [&] { return stop_ || (begun_ && exchanged_ < buckets_.size() && buckets_[exchanged_].left == 0); });
    if (stop_) return;
    auto& bucket = buckets_[exchanged_];
    lock.unlock();
    std::exception_ptr failure;
    try {
      exchange(bucket);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    ++exchanged_;
    failure_ = failure;
    changed_.notify_all();
    if (failure_) return;
  }
}

/// Which of its elements a rank adds up.
template <Real T>
Node ShardSums<T>::part_of(const Bucket& bucket, std::size_t rank) const {
  const std::size_t ranks = ranks_.size();
  if (bucket.ends.empty()) return {bucket.size * rank / ranks, bucket.size * (rank + 1) / ranks};
  return {rank == 0 ? 0 : bucket.ends[rank - 1], bucket.ends[rank]};
}

/// Each rank adds up its part of the bucket, of which it gets the sums that the others have so far, and sends the
/// others what came of it, unless it owns that.
template <Real T>
void ShardSums<T>::exchange(Bucket& bucket) {
  const auto start = std::chrono::steady_clock::now();
  const std::size_t ranks = ranks_.size(), rank = ranks_.rank();
  const Node here = part_of(bucket, rank);
  const std::size_t length = here.end - here.begin, nodes = tree_.nodes_of(mine_).size();

  std::vector<Ranks::Sent> to(ranks);
  std::vector<Ranks::Received> from(ranks);
  sent_.clear(), sent_.reserve(nodes * bucket.size);
  for (std::size_t r = 0; r < ranks; ++r) {
    const Node there = part_of(bucket, r);
    const auto begin = sent_.end();
    for (std::size_t k = 0; k < nodes; ++k) {
      const T* slot = bucket.slots[k].data();
      sent_.insert(sent_.end(), slot + there.begin, slot + there.end);
    }
    to[r] = std::as_bytes(std::span(begin, sent_.end()));
    if (r != rank) traffic_.bytes += static_cast<double>(to[r].size());
  }
  std::vector<Node> all;
  std::vector<std::size_t> ends;
  for (std::size_t r = 0; r < ranks; ++r) {
    const auto of_rank = tree_.nodes_of(tree_.part_of(r, ranks));
    all.insert(all.end(), of_rank.begin(), of_rank.end());
    ends.push_back(all.size() * length);
  }
  rows_.resize(all.size() * length);
  for (std::size_t r = 0; r < ranks; ++r) {
    const std::size_t begin = r ? ends[r - 1] : 0;
    from[r] = std::as_writable_bytes(std::span(rows_).subspan(begin, ends[r] - begin));
  }
  ranks_.exchange(to, from);

  std::vector<Node> stack;
  std::vector<T*> rows;
  for (std::size_t k = 0; k < all.size(); ++k) {
    rows.resize(stack.size()), rows.push_back(rows_.data() + k * length);
    tree_.push(stack, all[k], [&](std::size_t below) { add_to(rows[below], rows[below + 1], length); });
  }
  if (!bucket.ends.empty()) {
    std::copy_n(rows[0], length, bucket.sums.data() + here.begin);
    traffic_.exchanging += seconds_since(start);
    return;
  }
  const auto sum = std::as_bytes(std::span(rows[0], length));
  const auto bytes = std::as_writable_bytes(std::span(bucket.sums.data(), bucket.size));
  for (std::size_t r = 0; r < ranks; ++r) {
    const Node there = part_of(bucket, r);
    to[r] = sum;
    from[r] = bytes.subspan(there.begin * sizeof(T), (there.end - there.begin) * sizeof(T));
  }
  ranks_.exchange(to, from);
  traffic_.bytes += static_cast<double>((ranks - 1) * sum.size());
  traffic_.exchanging += seconds_since(start);
}

template <Real T>
std::vector<T> gather_shards(Ranks& ranks, const ShardTree& tree, const std::vector<T>& mine, std::size_t each) {
  std::vector<T> all(tree.shards() * each);
  std::vector<Ranks::Received> from;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const Node part = tree.part_of(r, ranks.size());
    from.push_back(std::as_writable_bytes(std::span(all).subspan(part.begin * each, (part.end - part.begin) * each)));
  }
  ranks.exchange(std::vector(ranks.size(), std::as_bytes(std::span(mine))), from);
  return all;
}

template class ShardSums<float>;
template class ShardSums<double>;
template std::vector<float> gather_shards(Ranks&, const ShardTree&, const std::vector<float>&, std::size_t);
template std::vector<double> gather_shards(Ranks&, const ShardTree&, const std::vector<double>&, std::size_t);

}  // namespace nn::detail
