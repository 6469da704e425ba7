// The members of a zip file that nobody has to trust.
#pragma once

#include <memory>

#include "bytes.hpp"

namespace nn {

/// One member, unpacked; its errors name file and member. Its bytes can be read until the next member is asked for.
class ZipMember : public Bytes {
 public:
  ZipMember(std::string_view caller, const std::string& path, std::string name, void* zip, std::uint64_t length,
            std::uint64_t& room);
  ~ZipMember() override;
  const std::string& name() const { return name_; }

 private:
  std::size_t take(char* to, std::size_t n) override;
  void rewind() override;
  std::uint64_t& room() override { return room_; }
  void open();

  std::string name_;
  void* zip_;
  std::uint64_t claimed_;
  std::uint64_t& room_;  // of all members together
  bool open_ = false;
};

/// Goes through the members. Throws DataError for a file that is no zip file or a damaged one, and for members that are
/// encrypted, packed otherwise than by deflate, or overlap so that they would unpack to more than the file can hold.
class Zip {
 public:
  Zip(std::string_view caller, const std::filesystem::path& path, std::uint64_t max_bytes);
  /// The next one; none after the last.
  std::unique_ptr<ZipMember> next();

 private:
  [[noreturn]] void refuse(const std::string& rule) const;

  std::string caller_, path_;
  std::uint64_t left_, room_, packed_left_;
  std::unique_ptr<void, int (*)(void*)> zip_;
  bool started_ = false;
};

}  // namespace nn
