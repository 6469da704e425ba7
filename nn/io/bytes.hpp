// The bytes of a file, plain or gzip, that nobody has to trust.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nn/base/data_error.hpp>
#include <string>
#include <string_view>

namespace nn {

/// Bytes one after the other, wherever they come from. All throw DataError, "[caller] file:place: rule".
class Bytes {
 public:
  virtual ~Bytes() = default;
  Bytes(const Bytes&) = delete;
  /// The next n.
  void read(void* to, std::size_t n);
  /// The next ones, n at most; 0 at the end alone.
  std::size_t read_some(void* to, std::size_t n);
  void skip(std::uint64_t n);
  /// Back to the first one.
  void restart();
  /// How many there are, unpacked, which is found before anything is read: packed ones are all unpacked for it, and
  /// thrown away, since what a file says about itself may be a lie.
  std::uint64_t length();
  /// Refuses the file if what is made of it takes more memory, in bytes, than it may hold in bytes itself: what is
  /// packed may be small, and elements may grow.
  void take_room(std::uint64_t bytes);
  /// Of the byte that comes next.
  std::uint64_t offset() const { return offset_; }
  /// Refuses what was read last.
  [[noreturn]] void refuse(const std::string& rule) const { refuse_at(place(), rule); }
  [[noreturn]] void refuse_at(const std::string& place, const std::string& rule) const;

 protected:
  Bytes(std::string_view caller, std::string name, std::uint64_t max_bytes)
      : caller_(caller), name_(std::move(name)), max_bytes_(max_bytes), room_(max_bytes) {}
  [[noreturn]] void refuse_file(const std::string& rule) const { refuse_at("", rule); }
  virtual std::string place() const { return "offset " + std::to_string(offset_); }

 private:
  virtual std::size_t take(char* to, std::size_t n) = 0;
  virtual void rewind() = 0;
  /// The memory that is left for what is made of the bytes.
  virtual std::uint64_t& room() { return room_; }
  /// The length, if it is known without reading.
  virtual bool known_length(std::uint64_t&) const { return false; }

  std::string caller_, name_;
  std::uint64_t max_bytes_, room_, offset_ = 0;
};

/// Those of a file, unpacked if it is a gzip one. A named pipe that nobody writes to is refused, not waited for.
class FileBytes : public Bytes {
 public:
  FileBytes(std::string_view caller, const std::filesystem::path& path, std::uint64_t max_bytes);
  /// A text that stands for the file, such as one that was read from it before; it must outlive this.
  FileBytes(std::string_view caller, const std::filesystem::path& path, std::string_view text);
  bool packed() const { return file_ && !gzdirect(file_.get()); }

 private:
  std::size_t take(char* to, std::size_t n) override;
  void rewind() override;
  bool known_length(std::uint64_t& length) const override;

  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, decltype(&gzclose)> file_;  // none where there is a text
  std::string_view text_, rest_;
};

}  // namespace nn
