// What must be the same on all ranks.
#pragma once

#include <autodiff/ranks.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace nn::detail {

/// Stands for bytes: others give another one, but for a chance of 2^-64.
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes);
  template <class T>
  void add(const T* values, std::size_t n) {
    add(std::as_bytes(std::span(values, n)));
  }
  std::string text() const;

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

/// Version, compiler and instruction set of the library.
std::string build_text();

/// What all ranks throw where they differ.
struct Unlike : autodiff::ValueError {
  using ValueError::ValueError;
};
/// Throws Unlike on all ranks unless all of them say the same of everything: the first that says something else than
/// rank 0 is named, with all that differs.
void check_agreement(autodiff::Ranks& ranks, const std::map<std::string, std::string>& particulars);

}  // namespace nn::detail
