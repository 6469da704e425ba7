#include "file.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nn/io/bytes.hpp>
#include <optional>

namespace nn {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 31;
constexpr std::uint64_t most_fields = 1'000'000;  // nodes, names and numbers in a list of one

[[noreturn]] void refuse(const std::string& rule) { throw DataError(rule); }

/// The fields of a message in the wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding.
/// What is unknown is passed over. A length is checked before anything is made of it.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  /// The next field; false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const auto key = varint();
    number = key >> 3;
    switch (key & 7) {
      case 0:
        value = varint(), bytes = {}, packed = false;
        break;
      case 1:
        bytes = take(8), packed = true;
        break;
      case 2:
        bytes = take(varint()), packed = true;
        break;
      case 5:
        bytes = take(4), packed = true;
        break;
      default:
        refuse("a field has no type that there is");
    }
    return true;
  }
  std::string text() const { return std::string(bytes); }
  float real() const {
    if (bytes.size() != 4) refuse("a number has the wrong length");
    float x;
    std::memcpy(&x, bytes.data(), 4);
    return x;
  }
  /// One of a list of whole numbers, or all of it, packed.
  void append_to(Whole& list) const {
    if (!packed) return list.push_back(static_cast<std::int64_t>(value));
    for (Fields numbers(bytes); !numbers.rest_.empty();) {
      if (list.size() >= most_fields) refuse("a list is too long");
      list.push_back(static_cast<std::int64_t>(numbers.varint()));
    }
  }
  void append_to(std::vector<float>& list) const {
    if (!packed || bytes.size() % 4 != 0) refuse("a list of numbers has the wrong length");
    const std::size_t before = list.size();
    list.resize(before + bytes.size() / 4);
    if (!bytes.empty()) std::memcpy(list.data() + before, bytes.data(), bytes.size());
  }

  std::uint64_t number = 0, value = 0;
  std::string_view bytes;
  bool packed = false;  // bytes, and no value

 private:
  std::uint64_t varint() {
    std::uint64_t result = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) refuse("it ends within a number");
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      result |= std::uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
    refuse("a number is too long");
  }
  std::string_view take(std::uint64_t n) {
    if (n > rest_.size()) refuse("a field is longer than what is left");
    const auto taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  std::string_view rest_;
};

/// TensorProto.DataType.
std::optional<Dtype> dtype(std::uint64_t type) {
  switch (type) {
    case 1:
      return Dtype::f32;
    case 2:
      return Dtype::u8;
    case 3:
      return Dtype::i8;
    case 6:
      return Dtype::i32;
    case 7:
      return Dtype::i64;
    case 9:
      return Dtype::boolean;
    case 10:
      return Dtype::f16;
    case 11:
      return Dtype::f64;
    case 16:
      return Dtype::bf16;
    default:
      return {};
  }
}

std::vector<std::byte> as_bytes(const Whole& numbers, std::size_t each) {
  std::vector<std::byte> bytes(numbers.size() * each);
  for (std::size_t i = 0; i < numbers.size(); ++i) std::memcpy(bytes.data() + i * each, &numbers[i], each);
  return bytes;
}

Tensor tensor(std::string_view message, std::string& name) {
  Whole dims, integers;
  std::uint64_t type = 0;
  std::string_view raw;
  std::string reals;
  for (Fields f(message); f.next();) switch (f.number) {
      case 1:
        f.append_to(dims);
        break;
      case 2:
        type = f.value;
        break;
      case 4:
      case 10:
        reals += f.bytes;
        break;
      case 5:
      case 7:
        f.append_to(integers);
        break;
      case 8:
        name = f.text();
        break;
      case 9:
        raw = f.bytes;
        break;
      case 13:
        refuse("\"" + name + "\" is in another file");
      default:
        break;
    }
  const auto of = dtype(type);
  if (!of) refuse("\"" + name + "\" has elements of a type that is not read here, number " + std::to_string(type));
  if (dims.size() > 32) refuse("\"" + name + "\" has more than 32 axes");
  if (raw.empty()) raw = reals;
  std::vector<std::byte> bytes = as_bytes(integers, size(*of));
  if (bytes.empty()) {
    bytes.resize(raw.size());
    if (!raw.empty()) std::memcpy(bytes.data(), raw.data(), raw.size());
  }
  std::uint64_t count = 1;
  for (const auto length : dims)
    if (length < 0 || __builtin_mul_overflow(count, std::uint64_t(length), &count) || count > most_bytes)
      refuse("\"" + name + "\" has lengths that cannot be");
  if (count * size(*of) != bytes.size())
    refuse("\"" + name + "\" has " + std::to_string(bytes.size()) + " bytes for " + std::to_string(count) +
           " elements");
  return Tensor(*of, autodiff::Shape(dims.begin(), dims.end()), std::move(bytes));
}

void attribute(std::string_view message, OnnxNode& node) {
  enum Field { real = 2, integer = 3, text = 4, one_tensor = 5, reals = 7, integers = 8, type = 20 };
  std::string name;
  OnnxAttribute result;
  for (Fields f(message); f.next();) switch (f.number) {
      case 1:
        name = f.text();
        break;
      case real:
        result.real = f.real();
        break;
      case integer:
        result.integer = static_cast<std::int64_t>(f.value);
        break;
      case text:
        result.text = f.text();
        break;
      case one_tensor: {
        std::string ignored;
        result.tensor = tensor(f.bytes, ignored);
        break;
      }
      case reals:
        f.append_to(result.reals);
        break;
      case integers:
        f.append_to(result.integers);
        break;
      case type:
        result.type = OnnxType(f.value);
        break;
      default:
        break;
    }
  node.attributes[name] = std::move(result);
}

OnnxNode node(std::string_view message) {
  OnnxNode result;
  for (Fields f(message); f.next();) switch (f.number) {
      case 1:
        result.inputs.push_back(f.text());
        break;
      case 2:
        result.outputs.push_back(f.text());
        break;
      case 3:
        result.name = f.text();
        break;
      case 4:
        result.operation = f.text();
        break;
      case 5:
        attribute(f.bytes, result);
        break;
      case 7:
        result.domain = f.text();
        break;
      default:
        break;
    }
  if (result.outputs.empty()) refuse("a node gives nothing");
  return result;
}

/// What is behind a path of fields, each in the message of the one before; nothing where one is not there.
std::optional<Fields> within(std::string_view message, std::initializer_list<std::uint64_t> path) {
  std::optional<Fields> found;
  for (const auto number : path) {
    found.reset();
    for (Fields f(message); f.next();)
      if (f.number == number) found = f;
    if (!found) return {};
    message = found->bytes;
  }
  return found;
}

std::string name_of(std::string_view message) {
  const auto name = within(message, {1});
  return name ? name->text() : "";
}

/// Whether a ValueInfoProto is an array of integers, or conditions.
bool is_whole(std::string_view message) {
  const auto type = within(message, {2, 1, 1});
  return type && ((type->value >= 2 && type->value <= 7) || type->value == 9 || type->value == 12 || type->value == 13);
}

void graph(std::string_view message, OnnxFile& file) {
  for (Fields f(message); f.next();) switch (f.number) {
      case 1:
        file.nodes.push_back(node(f.bytes));
        break;
      case 5: {
        std::string name;
        auto value = tensor(f.bytes, name);
        file.constants.insert_or_assign(name, std::move(value));
        break;
      }
      case 11:
        file.inputs.push_back(name_of(f.bytes));
        if (is_whole(f.bytes)) file.whole_inputs.insert(file.inputs.back());
        break;
      case 12:
        file.outputs.push_back(name_of(f.bytes));
        break;
      default:
        break;
    }
  std::erase_if(file.inputs, [&](const std::string& name) { return file.constants.contains(name); });
}

OnnxFile parse(std::string_view bytes) {
  OnnxFile file;
  bool found = false;
  for (Fields f(bytes); f.next();) {
    if (f.number == 7) graph(f.bytes, file), found = true;
    if (f.number != 8) continue;
    std::string domain;
    std::int64_t version = 0;
    for (Fields set(f.bytes); set.next();) {
      if (set.number == 1) domain = set.text();
      if (set.number == 2) version = static_cast<std::int64_t>(set.value);
    }
    if (domain.empty() || domain == "ai.onnx") file.version = version;
  }
  if (!found || file.outputs.empty()) refuse("it holds no graph");
  if (file.version < 7 || file.version > 21)
    refuse("operators are of version " + std::to_string(file.version) + ", and read are 7 to 21");
  return file;
}

}  // namespace

OnnxFile read_onnx(const std::filesystem::path& path) {
  FileBytes file("load_onnx", path, most_bytes);
  std::string bytes(file.length(), '\0');
  file.read(bytes.data(), bytes.size());
  try {
    return parse(bytes);
  } catch (const DataError& error) {
    file.refuse_at("", error.what());
  }
}

}  // namespace nn
