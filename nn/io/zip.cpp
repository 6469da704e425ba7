#include "zip.hpp"

#include <unzip.h>

#include <algorithm>
#include <array>
#include <nn/base/text.hpp>

namespace nn {

using autodiff::fail;

ZipMember::ZipMember(std::string_view caller, const std::string& path, std::string name, void* zip,
                     std::uint64_t length, std::uint64_t& room)
    : Bytes(caller, path + ":" + name, length), name_(std::move(name)), zip_(zip), claimed_(length), room_(room) {
  open();
}

ZipMember::~ZipMember() {
  if (open_) unzCloseCurrentFile(zip_);
}

void ZipMember::open() {
  if (unzOpenCurrentFile(zip_) != UNZ_OK) refuse("the member cannot be opened: the zip file is damaged");
  open_ = true;
}

std::size_t ZipMember::take(char* to, std::size_t n) {
  const int got = unzReadCurrentFile(zip_, to, static_cast<unsigned>(std::min(n, std::size_t{1} << 30)));
  if (got < 0) refuse("the zip file is damaged");
  return static_cast<std::size_t>(got);
}

void ZipMember::rewind() {
  open_ = false;
  if (offset() != claimed_)
    refuse("the zip file is damaged: the member should hold " + std::to_string(claimed_) + " bytes");
  // Known here alone, since all of the member has been read.
  if (unzCloseCurrentFile(zip_) != UNZ_OK) refuse("the zip file is damaged: the checksum is wrong");
  open();
}

Zip::Zip(std::string_view caller, const std::filesystem::path& path, std::uint64_t max_bytes)
    : caller_(caller),
      path_(path.string()),
      left_(max_bytes),
      room_(max_bytes),
      packed_left_(0),
      zip_(nullptr, unzClose) {
  packed_left_ = FileBytes(caller, path, max_bytes).length();  // refuses what is no regular file
  zip_.reset(unzOpen64(path.c_str()));
  if (!zip_) refuse("this is no zip file, or a truncated one");
}

void Zip::refuse(const std::string& rule) const { fail<DataError>(caller_, path_, ": ", rule); }

std::unique_ptr<ZipMember> Zip::next() {
  const int code = started_ ? unzGoToNextFile(zip_.get()) : unzGoToFirstFile(zip_.get());
  started_ = true;
  if (code == UNZ_END_OF_LIST_OF_FILE) return nullptr;
  unz_file_info64 info;
  std::array<char, 1024> name;
  if (code != UNZ_OK ||
      unzGetCurrentFileInfo64(zip_.get(), &info, name.data(), name.size(), nullptr, 0, nullptr, 0) != UNZ_OK)
    refuse("the directory of the zip file is damaged");
  if (info.size_filename >= name.size())
    refuse("a member has a name of " + std::to_string(info.size_filename) + " bytes");
  const std::string_view text(name.data(), info.size_filename);
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }))
    refuse("a member has a name with control characters: " + in_quotes(text));
  if ((info.flag & 1) != 0) refuse("the member " + in_quotes(text) + " is encrypted");
  if (info.compression_method != 0 && info.compression_method != Z_DEFLATED)
    refuse("the member " + in_quotes(text) + " is packed by a method other than deflate");
  if (info.compressed_size > packed_left_) refuse("the members would take more bytes than the file holds");
  packed_left_ -= info.compressed_size;
  if (info.uncompressed_size > left_) refuse("the members hold more bytes than are allowed");
  left_ -= info.uncompressed_size;
  return std::make_unique<ZipMember>(caller_, path_, std::string(text), zip_.get(), info.uncompressed_size, room_);
}

}  // namespace nn
