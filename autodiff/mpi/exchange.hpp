// Arrays between ranks, by MPI.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "../mpi.hpp"

namespace autodiff::mpi::detail {

/// y = what `reduce` makes of the x of all ranks, n elements each, in one order whoever comes first.
template <class T>
void reduce_all(const Group& group, Reduce reduce, const T* x, T* y, std::size_t n);
/// y = that of elements [begin, end) of part `rank`, for all ranks: `ends` says where each part ends.
template <class T>
void reduce_parts(const Group& group, Reduce reduce, const T* x, T* y, const std::vector<std::size_t>& ends);
/// y = the x of all ranks one behind the other: `ends` says where each ends.
template <class T>
void gather_all(const Group& group, const T* x, T* y, const std::vector<std::size_t>& ends);
template <class T>
void broadcast_from(const Group& group, std::size_t root, T* y, std::size_t n);
template <class T>
void send_to(const Group& group, std::size_t rank, const T* x, std::size_t n);
template <class T>
void receive_from(const Group& group, std::size_t rank, T* y, std::size_t n);

/// Throws ValueError on all ranks unless all ask for the same.
void check_agreement(const Group& group, std::string_view operation, const std::string& what);
/// The same of two ranks, each of which calls it.
void check_agreement_with(const Group& group, std::size_t other, std::string_view operation, const std::string& what);
/// What each rank gives.
std::vector<std::size_t> lengths_of_all(const Group& group, std::size_t mine);

}  // namespace autodiff::mpi::detail
