// Sums over the shards of a batch, which the ranks have some of each: what comes of them is exchanged while the rest is
// computed.
#pragma once

#include <autodiff/ranks.hpp>
#include <autodiff/variable.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "shard_tree.hpp"
#include "traffic.hpp"

namespace nn::detail {

using autodiff::Array;
using autodiff::Ranks;
using autodiff::Real;

/// Arrays of fixed sizes, the items, each added up over all shards in the order of ShardTree: the same bits whatever
/// rank has which shards. Neighbouring items make a bucket, which a thread exchanges as soon as this rank has given all
/// of it.
template <Real T>
class ShardSums {
 public:
  /// Items in the order in which they come, as far as that is known. Of the first ones, each may have an owner, in
  /// ascending order: who alone gets their sums. `ranks` must outlive this.
  ShardSums(Ranks& ranks, const std::vector<std::size_t>& sizes, const std::vector<std::size_t>& owners = {});
  /// Where a batch is not finished, the rank gives up.
  ~ShardSums();
  ShardSums(const ShardSums&) = delete;

  /// A batch of such shards, of which this rank has its part.
  void begin(const ShardTree& tree);
  const ShardTree& tree() const { return tree_; }
  /// What a shard of this rank, one after the other, has of an item. Of one thread.
  void add(std::size_t item, std::size_t shard, const T* x);
  /// Waits until all sums are there, on all ranks. Throws RankLost.
  void finish();

  /// Where an item is in its bucket.
  struct Place {
    std::size_t bucket, offset, size;
  };
  const Place& place(std::size_t item) const { return places_[item]; }
  std::size_t buckets() const { return buckets_.size(); }
  const Array<T>& sums(std::size_t bucket) const { return buckets_[bucket].sums; }
  const Traffic& traffic() const { return traffic_; }

 private:
  struct Bucket {
    std::size_t size = 0, items = 0;
    std::vector<std::size_t> ends;  // where what each rank owns ends; none where all get all
    std::size_t left = 0;           // items of which shards are to come
    std::vector<Array<T>> slots;    // sums over nodes of the tree
    Array<T> sums;
  };
  Node part_of(const Bucket& bucket, std::size_t rank) const;
  void exchange(Bucket& bucket);
  void work();
  void given(std::size_t bucket);

  Ranks& ranks_;
  std::vector<Place> places_;
  std::vector<Bucket> buckets_;
  ShardTree tree_;
  Node mine_{};
  std::vector<std::vector<Node>> stacks_;  // by item: which node is in which slot
  Traffic traffic_;
  std::vector<T> sent_, rows_;

  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  std::size_t exchanged_ = 0;  // buckets
  bool begun_ = false, stop_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  // where there are other ranks
};

/// The same of numbers that are few: `mine` has as many for each shard of this rank; gives those of all shards.
template <Real T>
std::vector<T> gather_shards(Ranks& ranks, const ShardTree& tree, const std::vector<T>& mine, std::size_t each);

}  // namespace nn::detail
