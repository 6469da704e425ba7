#include "exchange.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "group.hpp"

namespace autodiff::mpi::detail {

namespace {

template <class T>
MPI_Datatype type() {
  return sizeof(T) == sizeof(float) ? MPI_FLOAT : MPI_DOUBLE;
}

// MPI counts in int, and what is on its way takes memory: larger arrays go in blocks.
constexpr std::size_t block = std::size_t{1} << 22;
// Elements up to which all ranks reduce all: one message more would take longer.
constexpr std::size_t few = 512;

template <class T>
void reduce_into(Reduce reduce, T* y, const T* x, std::size_t n) {
  if (reduce == Reduce::max)
    for (std::size_t i = 0; i < n; ++i) y[i] = y[i] >= x[i] || std::isnan(y[i]) ? y[i] : x[i];
  else
    for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

/// Of rows of n elements, one from each rank: neighbours by pairs, pairs of pairs, and so on, into the first.
template <class T>
void reduce_rows(Reduce reduce, T* rows, std::size_t count, std::size_t n) {
  for (std::size_t apart = 1; apart < count; apart *= 2)
    for (std::size_t r = 0; r + apart < count; r += 2 * apart)
      reduce_into(reduce, rows + r * n, rows + (r + apart) * n, n);
  if (reduce == Reduce::mean)
    for (std::size_t i = 0; i < n; ++i) rows[i] /= T(count);
}

/// Where n elements end that are dealt out to all ranks, the first of them at `begin`.
std::vector<std::size_t> even_ends(std::size_t n, std::size_t size) {
  std::vector<std::size_t> ends;
  for (std::size_t r = 1; r <= size; ++r) ends.push_back(n * r / size);
  return ends;
}

/// Counts and places for MPI, of parts that end there.
struct Layout {
  std::vector<int> counts, places;
  explicit Layout(const std::vector<std::size_t>& ends) {
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      counts.push_back(int(end - begin)), places.push_back(int(begin));
      begin = end;
    }
  }
  Layout(std::size_t size, std::size_t each) {
    for (std::size_t r = 0; r < size; ++r) counts.push_back(int(each)), places.push_back(int(r * each));
  }
};

/// y = this rank's part of the reduction of x, whose parts end there: few enough elements for one message.
template <class T>
void reduce_block(const Group& group, Reduce reduce, const T* x, T* y, const std::vector<std::size_t>& ends) {
  const Layout sent(ends);
  const auto mine = std::size_t(sent.counts[group.rank]);
  std::vector<T> rows(std::max<std::size_t>(1, group.size * mine));
  const Layout received(group.size, mine);
  check(MPI_Alltoallv(x, sent.counts.data(), sent.places.data(), type<T>(), rows.data(), received.counts.data(),
                      received.places.data(), type<T>(), group.ranks),
        "reduce_scatter");
  reduce_rows(reduce, rows.data(), group.size, mine);
  std::copy_n(rows.data(), mine, y);
}

}  // namespace

template <class T>
void reduce_all(const Group& group, Reduce reduce, const T* x, T* y, std::size_t n) {
  if (n <= few) {
    std::vector<T> rows(std::max<std::size_t>(1, group.size * n));
    check(MPI_Allgather(x, int(n), type<T>(), rows.data(), int(n), type<T>(), group.ranks), "allreduce");
    reduce_rows(reduce, rows.data(), group.size, n);
    std::copy_n(rows.data(), n, y);
    return;
  }
  for (std::size_t i = 0; i < n; i += block) {
    const auto ends = even_ends(std::min(block, n - i), group.size);
    const std::size_t begin = group.rank ? ends[group.rank - 1] : 0;
    reduce_block(group, reduce, x + i, y + i + begin, ends);
    const Layout parts(ends);
    check(MPI_Allgatherv(MPI_IN_PLACE, 0, type<T>(), y + i, parts.counts.data(), parts.places.data(), type<T>(),
                         group.ranks),
          "allreduce");
  }
}

template <class T>
void reduce_parts(const Group& group, Reduce reduce, const T* x, T* y, const std::vector<std::size_t>& ends) {
  std::size_t longest = 0;
  for (std::size_t r = 0; r < ends.size(); ++r) longest = std::max(longest, ends[r] - (r ? ends[r - 1] : 0));
  if (group.size * longest <= block) return reduce_block(group, reduce, x, y, ends);
  // A block of each part at a time.
  const std::size_t each = std::max<std::size_t>(1, block / group.size);
  std::vector<T> packed;
  for (std::size_t done = 0; done < longest; done += each) {
    packed.clear();
    std::vector<std::size_t> packed_ends;
    for (std::size_t r = 0; r < ends.size(); ++r) {
      const std::size_t begin = std::min(ends[r], (r ? ends[r - 1] : 0) + done), end = std::min(ends[r], begin + each);
      packed.insert(packed.end(), x + begin, x + end);
      packed_ends.push_back(packed.size());
    }
    reduce_block(group, reduce, packed.data(), y + done, packed_ends);
  }
}

template <class T>
void gather_all(const Group& group, const T* x, T* y, const std::vector<std::size_t>& ends) {
  if (ends.back() <= std::size_t{1} << 30) {
    const Layout parts(ends);
    check(MPI_Allgatherv(x, parts.counts[group.rank], type<T>(), y, parts.counts.data(), parts.places.data(), type<T>(),
                         group.ranks),
          "all_gather");
    return;
  }
  for (std::size_t r = 0; r < group.size; ++r) {
    const std::size_t begin = r ? ends[r - 1] : 0;
    if (r == group.rank) std::copy_n(x, ends[r] - begin, y + begin);
    broadcast_from(group, r, y + begin, ends[r] - begin);
  }
}

template <class T>
void broadcast_from(const Group& group, std::size_t root, T* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += block)
    check(MPI_Bcast(y + i, int(std::min(block, n - i)), type<T>(), int(root), group.ranks), "broadcast");
}

template <class T>
void send_to(const Group& group, std::size_t rank, const T* x, std::size_t n) {
  for (std::size_t i = 0; i < n; i += block)
    check(MPI_Send(x + i, int(std::min(block, n - i)), type<T>(), int(rank), 0, group.ranks), "send");
}

template <class T>
void receive_from(const Group& group, std::size_t rank, T* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += block)
    check(MPI_Recv(y + i, int(std::min(block, n - i)), type<T>(), int(rank), 0, group.ranks, MPI_STATUS_IGNORE),
          "receive");
}

namespace {

// Of what a rank asks for, so much is compared, and shown.
using Text = std::array<char, 160>;

Text as_text(const std::string& what) {
  Text text{};
  std::copy_n(what.data(), std::min(what.size(), text.size() - 1), text.data());
  return text;
}

void check_same(const Text* all, std::size_t first, std::size_t other, std::string_view operation) {
  if (all[0] != all[1])
    fail<ValueError>(operation, "ranks must ask for the same: rank ", first, " for ", all[0].data(), ", rank ", other,
                     " for ", all[1].data());
}

}  // namespace

void check_agreement(const Group& group, std::string_view operation, const std::string& what) {
  const std::uint64_t mine = std::hash<std::string>()(what), both[] = {mine, ~mine};
  std::uint64_t largest[2];
  check(MPI_Allreduce(both, largest, 2, MPI_UINT64_T, MPI_MAX, group.ranks), operation);
  if (largest[0] == ~largest[1]) return;
  const Text text = as_text(what);
  std::vector<Text> all(group.size);
  check(MPI_Allgather(text.data(), int(text.size()), MPI_CHAR, all.data(), int(text.size()), MPI_CHAR, group.ranks),
        operation);
  for (std::size_t r = 1; r < group.size; ++r) {
    const Text two[] = {all[0], all[r]};
    check_same(two, 0, r, operation);
  }
  fail<ValueError>(operation, "ranks must ask for the same");  // beyond what is compared here
}

void check_agreement_with(const Group& group, std::size_t other, std::string_view operation, const std::string& what) {
  const Text mine = as_text(what);
  Text two[] = {mine, mine};
  check(MPI_Sendrecv(mine.data(), int(mine.size()), MPI_CHAR, int(other), 1, two[1].data(), int(mine.size()), MPI_CHAR,
                     int(other), 1, group.ranks, MPI_STATUS_IGNORE),
        operation);
  check_same(two, group.rank, other, operation);
}

std::vector<std::size_t> lengths_of_all(const Group& group, std::size_t mine) {
  std::vector<std::uint64_t> all(group.size);
  const std::uint64_t length = mine;
  check(MPI_Allgather(&length, 1, MPI_UINT64_T, all.data(), 1, MPI_UINT64_T, group.ranks), "all_gather");
  return {all.begin(), all.end()};
}

#define INSTANTIATE(T)                                                                             \
  template void reduce_all(const Group&, Reduce, const T*, T*, std::size_t);                       \
  template void reduce_parts(const Group&, Reduce, const T*, T*, const std::vector<std::size_t>&); \
  template void gather_all(const Group&, const T*, T*, const std::vector<std::size_t>&);           \
  template void broadcast_from(const Group&, std::size_t, T*, std::size_t);                        \
  template void send_to(const Group&, std::size_t, const T*, std::size_t);                         \
  template void receive_from(const Group&, std::size_t, T*, std::size_t);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace autodiff::mpi::detail
