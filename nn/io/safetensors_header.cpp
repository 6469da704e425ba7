#include "safetensors_header.hpp"

#include <algorithm>
#include <istream>
#include <limits>
#include <nlohmann/json.hpp>
#include <nn/base/data_error.hpp>
#include <nn/base/text.hpp>
#include <vector>

namespace nn {

using autodiff::fail;
using autodiff::Shape;
using autodiff::ValueError;
using nlohmann::json;

namespace {

constexpr std::string_view metadata_name = "__metadata__";
constexpr std::size_t max_axes = 64;  // as in NumPy

// Of a name, a text, a number or white space the parser keeps several copies, so that none may be long.
constexpr std::uint64_t max_piece = 1 << 20;
// Each array and text, however short, takes nodes of maps: all may take this much more in memory than in the file.
constexpr std::uint64_t max_excess = 16 << 20;
constexpr std::uint64_t array_overhead = 256, text_overhead = 176;  // not less than what they take

/// The bytes of the header as the parser takes them, none of which are kept here.
class Input {
 public:
  Input(std::istream& from, std::uint64_t length, const SafetensorsFile& source)
      : from_(*from.rdbuf()), length_(length), source_(source) {}

  bool ended() const { return at_ == length_; }
  char peek() const {
    const auto next = from_.sgetc();
    if (next == std::char_traits<char>::eof()) source_.refuse("cannot be read to the end");
    // The parser would take it for the end.
    if (next == 0) source_.refuse(offset(), "the header is not JSON: it holds a zero byte");
    return std::char_traits<char>::to_char_type(next);
  }
  void next() {
    from_.sbumpc();
    if (++at_ - kept_from_ > max_piece)
      source_.refuse(offset(), "the header has a name, a text, a number or white space of more than " +
                                   std::to_string(max_piece) + " bytes");
  }
  /// The parser has no more use for what it has kept so far.
  void end_piece() { kept_from_ = at_; }
  /// Bytes taken.
  std::uint64_t count() const { return at_; }
  /// The byte of the file that comes next.
  std::uint64_t offset() const { return header_begin + at_; }

 private:
  std::streambuf& from_;
  std::uint64_t length_, at_ = 0, kept_from_ = 0;
  const SafetensorsFile& source_;
};

/// What the parser reads from. All copies share one place in the input; the end has none.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  explicit Cursor(Input* input = nullptr) : input_(input) {}
  reference operator*() const { return input_->peek(); }
  Cursor& operator++() { return input_->next(), *this; }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.ended() == b.ended(); }
  friend bool operator!=(const Cursor& a, const Cursor& b) { return !(a == b); }

 private:
  bool ended() const { return input_ == nullptr || input_->ended(); }

  Input* input_;
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
  Events(Input& input, const SafetensorsFile& source) : input_(input), source_(source) {}

  SafetensorsHeader parse() {
    json::sax_parse(Cursor(&input_), Cursor(), this);
    return std::move(header_);
  }

  bool null() { return value("null"); }
  bool boolean(bool) { return value("true or false"); }
  bool number_integer(json::number_integer_t) { return value("a negative number"); }
  bool number_float(json::number_float_t, const std::string&) { return value("a fraction, or a number beyond 2^64"); }
  bool binary(json::binary_t&) { return value("binary"); }

  bool number_unsigned(json::number_unsigned_t number) {
    input_.end_piece();
    if (inside_ != Inside::list) return value("a number");
    if (list_->size() == (list_ == &shape_ ? max_axes : 2))
      refuse(list_ == &shape_ ? "has more than 64 axes" : "must have two data_offsets");
    list_->push_back(number);
    return true;
  }

  // The parser's own strings have room for more than they hold, so they are not kept, but copied.

  bool string(const std::string& text) {
    input_.end_piece();
    if (inside_ == Inside::metadata) {
      hold(text_overhead + key_.size() + text.size());
      header_.metadata.emplace(key_, text);
    } else if (inside_ == Inside::array && key_ == "dtype") {
      for (auto d = Dtype{}; d <= Dtype::f64; d = static_cast<Dtype>(static_cast<int>(d) + 1))
        if (to_string(d) == text) dtype_ = d, has_dtype_ = true;
      if (!has_dtype_) refuse("has a dtype that is not read here: " + in_quotes(text));
    } else {
      value("a text");
    }
    return true;
  }

  bool key(const std::string& key) {
    input_.end_piece();
    key_ = key;
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
      if (key_ != "data_offsets" && !has_offsets_) header_.offsets_first = false;
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

  [[noreturn]] void refuse(const std::string& rule) const {
    source_.refuse(input_.offset(), (inside_ == Inside::nothing ? "the header" : in_quotes(name_)) + " " + rule);
  }
  /// Refuses what can stand nowhere, or not here.
  bool value(const std::string& what) const {
    if (inside_ == Inside::metadata) refuse("must hold texts only, and " + in_quotes(key_) + " is " + what);
    if (inside_ == Inside::array) refuse("has " + what + " as its " + key_);
    if (inside_ == Inside::list) refuse("has " + what + " in its " + key_);
    refuse("must be an object, not " + what);
  }

  /// Counts memory before it is taken for what the header says.
  void hold(std::uint64_t bytes) {
    held_ += bytes;
    if (held_ > input_.count() + max_excess)
      source_.refuse(input_.offset(), "the header has too many arrays or texts: up to here they would take " +
                                          std::to_string(held_) + " bytes of memory, of " +
                                          std::to_string(input_.count()) + " and " + std::to_string(max_excess) +
                                          " at most");
  }

  void finish_array() {
    if (!has_dtype_ || !has_shape_ || !has_offsets_) refuse("must have dtype, shape and data_offsets");
    const std::uint64_t begin = offsets_[0], end = offsets_[1];
    if (end < begin) refuse("ends before it begins");
    Extent extent{dtype_, Shape(shape_.begin(), shape_.end()), begin, end, input_.offset()};
    if (bytes(dtype_, extent.shape) != end - begin)
      refuse("is " + to_string(dtype_, extent.shape) + ", which does not take the " + std::to_string(end - begin) +
             " bytes of its data_offsets");
    hold(array_overhead + name_.size() + shape_.size() * sizeof(std::size_t));
    header_.arrays.emplace(name_, std::move(extent));
  }

  Input& input_;
  const SafetensorsFile& source_;
  SafetensorsHeader header_;
  std::uint64_t held_ = 0;
  Inside inside_ = Inside::nothing;
  std::string name_, key_;  // of the array or metadata, and inside of it
  bool has_metadata_ = false, has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  Dtype dtype_{};
  std::vector<std::uint64_t> shape_, offsets_;
  std::vector<std::uint64_t>* list_ = nullptr;
};

}  // namespace

void SafetensorsFile::refuse(const std::string& rule) const { fail<DataError>(caller, path, ": ", rule); }

void SafetensorsFile::refuse(std::uint64_t offset, const std::string& rule) const {
  fail<DataError>(caller, path, ":offset ", offset, ": ", rule);
}

SafetensorsHeader parse_safetensors_header(std::istream& file, std::uint64_t length, const SafetensorsFile& source) {
  Input input(file, length, source);
  // The parser would skip a byte order mark, or white space.
  if (input.ended() || file.peek() != '{') source.refuse(header_begin, "the header does not begin with {");
  return Events(input, source).parse();
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

}  // namespace nn
