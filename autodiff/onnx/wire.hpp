// Messages in the wire format of protocol buffers, as far as ONNX needs it:
// https://protobuf.dev/programming-guides/encoding.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace autodiff::onnx {

/// A message under construction: fields by number, in any order.
class Message {
 public:
  Message& number(int field, std::uint64_t value) { return key(field, 0), varint(value); }
  Message& real(int field, float value) {
    key(field, 5);
    for (auto bits = std::bit_cast<std::uint32_t>(value), i = 0u; i < 4; ++i, bits >>= 8) bytes_ += char(bits & 0xff);
    return *this;
  }
  Message& text(int field, std::string_view value) {
    key(field, 2), varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, std::uint64_t type) { varint(static_cast<std::uint64_t>(field) << 3 | type); }
  Message& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += char((value & 0x7f) | 0x80);
    bytes_ += char(value);
    return *this;
  }

  std::string bytes_;
};

}  // namespace autodiff::onnx
