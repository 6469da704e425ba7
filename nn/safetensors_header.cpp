#include "safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "data_error.hpp"

namespace nn {

using autodiff::fail;
using autodiff::Shape;
using autodiff::ValueError;
using nlohmann::json;

namespace {

constexpr std::string_view metadata_name = "__metadata__";
constexpr std::size_t max_axes = 64;  // as in NumPy

/// A position in a text that all its copies share, so that it is known how far the parser has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  explicit Cursor(const char*& at) : at_(&at) {}
  reference operator*() const { return **at_; }
  Cursor& operator++() { return ++*at_, *this; }
  friend bool operator==(const Cursor& a, const Cursor& b) { return *a.at_ == *b.at_; }
  friend bool operator!=(const Cursor& a, const Cursor& b) { return !(a == b); }

 private:
  const char** at_;
};

/// Bytes of an array, or the largest number where they are too many to count.
std::uint64_t bytes(Dtype dtype, const Shape& shape) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t product = size(dtype);
  for (const std::size_t extent : shape) {
    // Extents of zero must not hide others that no array can have.
    if (extent != 0 && product > most / extent) return most;
    product *= std::max<std::size_t>(extent, 1);
  }
  return std::ranges::find(shape, 0u) == shape.end() ? product : 0;
}

std::string_view after(std::string_view text, std::string_view mark) {
  const auto at = text.find(mark);
  return at == text.npos ? text : text.substr(at + mark.size());
}

/// Takes the events of the parser. All return true: what is refused is thrown, and so nothing goes deeper than a header
/// does, or keeps more than it holds.
class Events {
 public:
  Events(std::string_view text, const Source& source) : text_(text), at_(text.data()), source_(source) {}

  SafetensorsHeader parse() {
    const char* end = text_.data() + text_.size();
    json::sax_parse(Cursor(at_), Cursor(end), this);
    return std::move(header_);
  }

  bool null() { return value("null"); }
  bool boolean(bool) { return value("true or false"); }
  bool number_integer(json::number_integer_t) { return value("a negative number"); }
  bool number_float(json::number_float_t, const std::string&) { return value("a fraction, or a number beyond 2^64"); }
  bool binary(json::binary_t&) { return value("binary"); }

  bool number_unsigned(json::number_unsigned_t number) {
    if (inside_ != Inside::list) return value("a number");
    if (list_->size() == (list_ == &shape_ ? max_axes : 2))
      refuse(list_ == &shape_ ? "has more than 64 axes" : "must have two data_offsets");
    list_->push_back(number);
    return true;
  }

  bool string(std::string& text) {
    if (inside_ == Inside::metadata) {
      header_.metadata[key_] = std::move(text);
    } else if (inside_ == Inside::array && key_ == "dtype") {
      for (auto d = Dtype{}; d <= Dtype::f64; d = static_cast<Dtype>(static_cast<int>(d) + 1))
        if (to_string(d) == text) dtype_ = d, has_dtype_ = true;
      if (!has_dtype_) refuse("has a dtype that is not read here: " + in_quotes(text));
    } else {
      value("a text");
    }
    return true;
  }

  bool key(std::string& key) {
    key_ = std::move(key);
    if (inside_ == Inside::file) {
      name_ = key_;
      if (header_.arrays.contains(name_) || (name_ == metadata_name && has_metadata_)) refuse("is there twice");
    } else if (inside_ == Inside::metadata) {
      if (header_.metadata.contains(key_)) refuse("has " + in_quotes(key_) + " twice");
    } else {
      const bool twice = key_ == "dtype" ? has_dtype_ : key_ == "shape" ? has_shape_ : has_offsets_;
      if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")
        refuse("has an unknown key: " + in_quotes(key_));
      if (twice) refuse("has its " + key_ + " twice");
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (inside_ == Inside::nothing) {
      inside_ = Inside::file;
    } else if (inside_ == Inside::file && name_ == metadata_name) {
      inside_ = Inside::metadata;
      has_metadata_ = true;
    } else if (inside_ == Inside::file) {
      inside_ = Inside::array;
      has_dtype_ = has_shape_ = has_offsets_ = false;
    } else {
      value("an object");
    }
    return true;
  }

  bool end_object() {
    if (inside_ == Inside::array) finish_array();
    inside_ = inside_ == Inside::file ? Inside::nothing : Inside::file;
    return true;
  }

  bool start_array(std::size_t) {
    if (inside_ != Inside::array || key_ == "dtype") return value("a list");
    inside_ = Inside::list;
    list_ = key_ == "shape" ? &shape_ : &offsets_;
    (key_ == "shape" ? has_shape_ : has_offsets_) = true;
    list_->clear();
    return true;
  }

  bool end_array() {
    if (list_ == &offsets_ && offsets_.size() != 2) refuse("must have two data_offsets");
    inside_ = Inside::array;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: what; last read: 'all of a long text'"
    std::string_view what = after(error.what(), "] ");
    if (what.starts_with("parse error at")) what = after(what, ": ");
    what = what.substr(0, std::min<std::size_t>(what.find("; last read"), 120));
    source_.refuse(header_begin + std::max<std::size_t>(position, 1) - 1,
                   "the header is not JSON: " + std::string(what));
  }

 private:
  enum class Inside { nothing, file, metadata, array, list };

  std::uint64_t offset() const { return header_begin + static_cast<std::uint64_t>(at_ - text_.data()); }
  [[noreturn]] void refuse(const std::string& rule) const {
    source_.refuse(offset(), (inside_ == Inside::nothing ? "the header" : in_quotes(name_)) + " " + rule);
  }
  /// Refuses what can stand nowhere, or not here.
  bool value(const std::string& what) const {
    if (inside_ == Inside::metadata) refuse("must hold texts only, and " + in_quotes(key_) + " is " + what);
    if (inside_ == Inside::array) refuse("has " + what + " as its " + key_);
    if (inside_ == Inside::list) refuse("has " + what + " in its " + key_);
    refuse("must be an object, not " + what);
  }

  void finish_array() {
    if (!has_dtype_ || !has_shape_ || !has_offsets_) refuse("must have dtype, shape and data_offsets");
    const std::uint64_t begin = offsets_[0], end = offsets_[1];
    if (end < begin) refuse("ends before it begins");
    Extent extent{dtype_, Shape(shape_.begin(), shape_.end()), begin, end, offset()};
    if (bytes(dtype_, extent.shape) != end - begin)
      refuse("is " + std::string(to_string(dtype_)) + " " + autodiff::to_string(extent.shape) +
             ", which does not take the " + std::to_string(end - begin) + " bytes of its data_offsets");
    header_.arrays.emplace(name_, std::move(extent));
  }

  std::string_view text_;
  const char* at_;
  const Source& source_;
  SafetensorsHeader header_;
  Inside inside_ = Inside::nothing;
  std::string name_, key_;  // of the array or metadata, and inside of it
  bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  Dtype dtype_{};
  std::vector<std::uint64_t> shape_, offsets_;
  std::vector<std::uint64_t>* list_ = nullptr;
};

}  // namespace

void Source::refuse(const std::string& rule) const { fail<DataError>(caller, path, ": ", rule); }

void Source::refuse(std::uint64_t offset, const std::string& rule) const {
  fail<DataError>(caller, path, ":offset ", offset, ": ", rule);
}

SafetensorsHeader parse_safetensors_header(std::string_view text, const Source& source) {
  // The parser would skip a byte order mark, or white space.
  if (!text.starts_with('{')) source.refuse(header_begin, "the header does not begin with {");
  // And it takes a zero for the end.
  if (const auto zero = text.find('\0'); zero != text.npos)
    source.refuse(header_begin + zero, "the header is not JSON: it holds a zero byte");
  return Events(text, source).parse();
}

std::string safetensors_header(const SafetensorsHeader& header) {
  json object = json::object();
  for (const auto& [name, extent] : header.arrays) {
    if (name == metadata_name) fail<ValueError>("save_safetensors", "no array can have the name ", metadata_name);
    object[name] = {{"dtype", to_string(extent.dtype)},
                    {"shape", std::vector<std::uint64_t>(extent.shape.begin(), extent.shape.end())},
                    {"data_offsets", {extent.begin, extent.end}}};
  }
  if (!header.metadata.empty()) object[std::string(metadata_name)] = header.metadata;
  try {
    return object.dump();
  } catch (const json::type_error&) {
    fail<ValueError>("save_safetensors", "names and metadata must be UTF-8");
  }
}

std::string in_quotes(std::string_view name) {
  std::string text(name.substr(0, 60));
  std::ranges::replace_if(
      text, [](char c) { return c < 32 || c > 126; }, '?');
  return '"' + text + (name.size() > 60 ? "...\"" : "\"");
}

}  // namespace nn
