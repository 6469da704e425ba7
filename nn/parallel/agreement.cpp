#include "agreement.hpp"

#include <autodiff/autodiff.hpp>
#include <charconv>
#include <cstring>

namespace nn::detail {

/// FNV-1a by words of 8 bytes, each of them spread over the whole first.
void Fingerprint::add(std::span<const std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
    word = (word ^ (word >> 32)) * 0x9e3779b97f4a7c15;
    hash_ = (hash_ ^ word ^ (word >> 29)) * 0x100000001b3;
  }
}

std::string Fingerprint::text() const {
  char text[16];
  return {text, std::to_chars(text, text + sizeof text, hash_, 16).ptr};
}

std::string build_text() {
  std::string text = std::to_string(XTENSOR_AUTODIFF_VERSION_MAJOR) + '.' +
                     std::to_string(XTENSOR_AUTODIFF_VERSION_MINOR) + '.' +
                     std::to_string(XTENSOR_AUTODIFF_VERSION_PATCH) + " by " __VERSION__ " for ";
#if defined(__AVX512F__)
  text += "AVX-512";
#elif defined(__AVX2__)
  text += "AVX2";
#else
  text += "SSE";
#endif
  return text;
}

void check_agreement(autodiff::Ranks& ranks, const std::map<std::string, std::string>& particulars) {
  if (ranks.size() == 1) return;
  std::string mine;
  for (const auto& [name, text] : particulars) ((mine += name) += '\0') += text, mine += '\0';
  const auto all = ranks.gather(mine);
  const auto parsed = [](const std::string& text) {
    std::map<std::string, std::string> result;
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t name = text.find('\0', i), end = text.find('\0', name + 1);
      result[text.substr(i, name - i)] = text.substr(name + 1, end - name - 1);
      i = end + 1;
    }
    return result;
  };
  for (std::size_t r = 1; r < all.size(); ++r) {
    if (all[r] == all[0]) continue;
    auto first = parsed(all[0]), other = parsed(all[r]);
    std::string differences;
    const auto note = [&](const std::string& name) {
      const auto text = [&](auto& of) { return of.contains(name) ? of[name] : "not there"; };
      if (text(first) == text(other)) return;
      differences += (differences.empty() ? "" : "; ") + name + ": " + text(first) + " and " + text(other);
    };
    for (const auto& [name, text] : first) note(name);
    for (const auto& [name, text] : other)
      if (!first.contains(name)) note(name);
    autodiff::fail<Unlike>("fit", "ranks 0 and ", r, " must be alike, and differ in ", differences);
  }
}

}  // namespace nn::detail
