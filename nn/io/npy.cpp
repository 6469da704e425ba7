#include "npy.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <nn/base/text.hpp>

#include "array_file.hpp"
#include "zip.hpp"

namespace nn {

using autodiff::Array;
using autodiff::fail;
using autodiff::Real;

namespace {

constexpr std::string_view magic = "\x93NUMPY";

/// The header's text: a Python dictionary with three keys, such as
/// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class Dictionary {
 public:
  Dictionary(const Bytes& bytes, std::string_view text, std::uint64_t offset)
      : bytes_(bytes), text_(text), offset_(offset) {}

  ArrayHeader parse() {
    ArrayHeader header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (which == 3 || seen[which]) refuse("unknown or repeated key " + in_quotes(key));
      seen[which] = true;
      expect(':');
      if (which == 0) set_type(header);
      if (which == 1) header.fortran = truth();
      if (which == 2) header.shape = shape();
      if (!accept(',') && peek() != '}') refuse("\",\" or \"}\" is missing");
    }
    if (!seen[0] || !seen[1] || !seen[2]) refuse("one of the keys descr, fortran_order and shape is missing");
    if (peek() != 0 || at_ != text_.size()) refuse("text after the closing brace");
    return header;
  }

 private:
  [[noreturn]] void refuse(const std::string& rule) const {
    bytes_.refuse_at("offset " + std::to_string(offset_ + at_), "the header cannot be understood: " + rule);
  }
  /// The next character that is no blank; 0 at the end.
  char peek() {
    at_ = std::min(text_.find_first_not_of(" \n", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse(std::string("\"") + c + "\" is missing");
  }
  std::string_view quoted() {
    const char quote = peek();
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : text_.npos;
    if (end == text_.npos) refuse("text in quotes is missing (arrays of records are not read)");
    const auto result = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return result;
  }
  bool truth() {
    peek();
    const auto rest = text_.substr(at_);
    for (const bool value : {false, true})
      if (const std::string_view word = value ? "True" : "False"; rest.starts_with(word)) {
        at_ += word.size();
        return value;
      }
    refuse("True or False is missing");
  }
  autodiff::Shape shape() {
    constexpr std::size_t most_axes = 32;  // as in NumPy
    autodiff::Shape result;
    expect('(');
    while (!accept(')')) {
      peek();
      std::size_t length = 0;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), length);
      if (error != std::errc() || result.size() == most_axes) refuse("the shape is none");
      at_ += static_cast<std::size_t>(end - begin);
      result.push_back(length);
      if (!accept(',') && peek() != ')') refuse("\",\" or \")\" is missing");
    }
    return result;
  }
  void set_type(ArrayHeader& header) {
    constexpr std::pair<std::string_view, Dtype> types[] = {
        {"b1", Dtype::boolean}, {"u1", Dtype::u8},  {"i1", Dtype::i8},  {"u2", Dtype::u16},
        {"i2", Dtype::i16},     {"u4", Dtype::u32}, {"i4", Dtype::i32}, {"u8", Dtype::u64},
        {"i8", Dtype::i64},     {"f4", Dtype::f32}, {"f8", Dtype::f64}};
    const std::string_view text = quoted();
    const char order = text.empty() ? '\0' : text[0];
    header.big_endian = order == '>' || (order == '=' && std::endian::native == std::endian::big);
    for (const auto& [name, dtype] : types)
      if (text.size() == 3 && text.substr(1) == name &&
          (std::string_view("<>=").find(order) != std::string_view::npos || (order == '|' && size(dtype) == 1))) {
        header.dtype = dtype;
        return;
      }
    refuse("elements of type " + in_quotes(text) + " are not read");
  }

  const Bytes& bytes_;
  std::string_view text_;
  std::uint64_t offset_;
  std::size_t at_ = 0;
};

template <Real T>
Array<T> read_array(Bytes& bytes) {
  const auto header = read_npy_header(bytes);
  return read_elements<T>(bytes, header);
}

/// "x" for the member "x.npy".
std::string array_name(const ZipMember& member) {
  const std::string_view name = member.name();
  if (!name.ends_with(".npy")) member.refuse("the member is no .npy file");
  return std::string(name.substr(0, name.size() - 4));
}

}  // namespace

ArrayHeader read_npy_header(Bytes& bytes) {
  constexpr std::size_t longest = 1 << 16;
  std::array<unsigned char, 12> fixed;
  bytes.read(fixed.data(), 8);
  const int version = fixed[6];
  if (std::memcmp(fixed.data(), magic.data(), magic.size()) != 0 || version < 1 || version > 3 || fixed[7] != 0)
    bytes.refuse("this is no .npy file of version 1, 2 or 3");
  const std::size_t size = version == 1 ? 2 : 4;
  bytes.read(fixed.data() + 8, size);
  std::size_t length = 0;
  for (std::size_t i = size; i > 0; --i) length = length << 8 | fixed[7 + i];
  const std::uint64_t offset = bytes.offset();
  if (length > longest || length > bytes.length() - offset)
    bytes.refuse("the header cannot be " + std::to_string(length) + " bytes long" +
                 (length > longest ? "" : ", since the file ends before: it is truncated"));
  std::string text(length, '\0');
  bytes.read(text.data(), length);
  auto header = Dictionary(bytes, text, offset).parse();
  header.begin = bytes.offset();
  check_elements(bytes, header);
  return header;
}

template <Real T>
Array<T> read_npy(const std::filesystem::path& path, std::uint64_t max_bytes) {
  FileBytes bytes("read_npy", path, max_bytes);
  return read_array<T>(bytes);
}

template <Real T>
void write_npy(const std::filesystem::path& path, const Array<T>& array) {
  std::string shape;
  for (const std::size_t length : array.shape()) shape += std::to_string(length) + ", ";
  if (array.dimension() > 1) shape.resize(shape.size() - 2);  // "(3,)" but "(3, 4)"
  std::string text = std::string("{'descr': '") + (std::endian::native == std::endian::big ? '>' : '<') + 'f' +
                     std::to_string(sizeof(T)) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // The format wants the elements to begin at a multiple of 64.
  constexpr std::size_t before = 10;
  text.resize((before + text.size() + 1 + 63) / 64 * 64 - before, ' ');
  text.back() = '\n';
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << magic << '\1' << '\0' << static_cast<char>(text.size() & 0xff) << static_cast<char>(text.size() >> 8) << text;
  file.write(reinterpret_cast<const char*>(array.data()), static_cast<std::streamsize>(array.size() * sizeof(T)));
  file.close();
  if (!file) fail<DataError>("write_npy", path.string(), ": cannot be written: ", std::strerror(errno));
}

template <Real T>
std::map<std::string, Array<T>> read_npz(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::map<std::string, Array<T>> arrays;
  for (Zip zip("read_npz", path, max_bytes); auto member = zip.next();) {
    auto name = array_name(*member);
    if (!arrays.emplace(std::move(name), read_array<T>(*member)).second)
      member->refuse("there are two members of this name");
  }
  return arrays;
}

template <Real T>
Array<T> read_npz(const std::filesystem::path& path, std::string_view name, std::uint64_t max_bytes) {
  std::string known;
  for (Zip zip("read_npz", path, max_bytes); auto member = zip.next();) {
    const std::string here = array_name(*member);
    if (here == name) return read_array<T>(*member);
    if (known.size() < 200) known += (known.empty() ? "" : ", ") + in_quotes(here);
  }
  fail<DataError>("read_npz", path.string(), ": there is no array ", in_quotes(name), ", only ", known);
}

#define NN_NPY(T)                                                                                 \
  template Array<T> read_npy(const std::filesystem::path&, std::uint64_t);                        \
  template void write_npy(const std::filesystem::path&, const Array<T>&);                         \
  template std::map<std::string, Array<T>> read_npz(const std::filesystem::path&, std::uint64_t); \
  template Array<T> read_npz(const std::filesystem::path&, std::string_view, std::uint64_t);
NN_NPY(float)
NN_NPY(double)

}  // namespace nn
