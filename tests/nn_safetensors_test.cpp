#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <nn/nn.hpp>

#include "allocations.hpp"
#include "scratch.hpp"

using autodiff::Array;
using autodiff::Shape;
using nn::Dtype;
using nn::Tensor;

namespace {

/// The bytes of a file with this header, put together by hand.
std::string file(const std::string& header, const std::string& data = "") {
  const std::uint64_t length = header.size();
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += char(length >> 8 * i & 255);
  return bytes + header + data;
}

/// What load_safetensors says about these bytes, without "[load_safetensors] " and the path.
std::string refusal(const std::string& bytes) {
  const Scratch scratch;
  write_bytes(scratch / "w", bytes);
  try {
    nn::load_safetensors(scratch / "w");
  } catch (const nn::DataError& error) {
    const std::string text = error.what(), begin = "[load_safetensors] " + (scratch / "w").string();
    REQUIRE(text.starts_with(begin));
    return text.substr(begin.size());
  }
  return "accepted";
}

nn::Safetensors read(const std::string& bytes) {
  const Scratch scratch;
  write_bytes(scratch / "w", bytes);
  return nn::load_safetensors(scratch / "w");
}

template <class T>
bool same_bits(const Array<T>& a, const Array<T>& b) {
  return a.shape() == b.shape() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T, class Bits>
void check_round_trip(std::initializer_list<Bits> bits) {
  Array<T> odd(Shape{bits.size()});
  std::memcpy(odd.data(), std::data(bits), bits.size() * sizeof(T));
  Array<T> cube(Shape{2, 3, 4});
  for (std::size_t i = 0; i < cube.size(); ++i) cube.data()[i] = T(i) / T(7);
  const std::map<std::string, Tensor> tensors = {{"odd", odd},
                                                 {"cube", cube},
                                                 {"scalar", autodiff::to_array<T>(-0.0)},
                                                 {"empty", Array<T>(Shape{3, 0, 2})},
                                                 {"", odd},
                                                 {"\"\\\n\u00fc", cube},
                                                 {std::string("nul\0nul", 7), cube}};
  const std::map<std::string, std::string> metadata = {
      {"", "empty"}, {"key", ""}, {"\u4e2d", "\"{}\x01\xf0\x9f\x98\x80"}};
  const Scratch scratch;
  nn::save_safetensors(scratch / "w", tensors, metadata);
  const auto back = nn::load_safetensors(scratch / "w");
  CHECK(back.metadata == metadata);
  REQUIRE(back.tensors.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const Tensor& found = back.tensors.at(name);
    CHECK(found.dtype() == nn::dtype_of<T>);
    CHECK(same_bits(found.as<T>(), tensor.template as<T>()));
  }
  CHECK(same_bits(back.tensors.at("odd").template as<T>(), odd));
  CHECK(back.tensors.at("empty").shape() == Shape{3, 0, 2});
  CHECK(back.tensors.at("scalar").shape() == Shape{});
  CHECK(std::signbit(back.tensors.at("scalar").template as<T>()()));
}

}  // namespace

TEST_CASE("arrays come back with the same bits") {
  // Signalling and quiet NaNs, infinities, zeros, the smallest and largest denormal, the largest number.
  check_round_trip<float>(
      {0x7f800001u, 0xffc12345u, 0x7f800000u, 0xff800000u, 0u, 0x80000000u, 1u, 0x807fffffu, 0x7f7fffffu});
  check_round_trip<double>({0x7ff0000000000001u, 0xfff8000000012345u, 0x7ff0000000000000u, 0xfff0000000000000u,
                            0x8000000000000000u, 1ul, 0x800ffffffffffffful, 0x7fefffffffffffffu});
}

TEST_CASE("the bytes are those of the format") {
  const Scratch scratch;
  nn::save_safetensors(scratch / "w", {{"a", Array<float>{1}}, {"b", autodiff::to_array<double>(-2.0)}}, {{"k", "v"}});
  // Doubles first, aligned; spaces after the header up to a multiple of eight bytes.
  std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[8,12],"dtype":"F32","shape":[1]},"b":{"data_offsets":[0,8],"dtype":"F64","shape":[]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  CHECK(bytes_of(scratch / "w") == file(header, std::string("\0\0\0\0\0\0\0\xc0\0\0\x80\x3f", 12)));
  nn::save_safetensors(scratch / "w", {});
  CHECK(bytes_of(scratch / "w") == file("{}      "));
}

TEST_CASE("files of other writers are read") {
  const auto [tensors, metadata] = read(file(
      R"({"two":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},
           "one":{"shape":[],"data_offsets":[0,4],"dtype":"F32"},"none":{"dtype":"F64","shape":[0],"data_offsets":[4,4]}})",
      std::string("\0\0\x80\x3f\0\0\0\x40\0\0\x40\xc0", 12)));
  CHECK(metadata.empty());
  CHECK(tensors.at("one").as<float>()() == 1);
  const Array<double> two = tensors.at("two").as<double>();
  CHECK(two.shape() == Shape{2, 1});
  CHECK(two(0, 0) == 2);
  CHECK(two(1, 0) == -3);
  CHECK(tensors.at("none").as<double>().shape() == Shape{0});
  CHECK(read(file("{}")).tensors.empty());
  CHECK(read(file(R"({"__metadata__":{}})")).metadata.empty());
}

TEST_CASE("elements of every type are converted") {
  const auto value = [](const std::string& dtype, const std::string& data) {
    const auto size = std::to_string(data.size());
    const auto [tensors, metadata] =
        read(file(R"({"x":{"dtype":")" + dtype + R"(","shape":[1],"data_offsets":[0,)" + size + "]}}", data));
    const double wide = tensors.at("x").as<double>()(0);
    const float narrow = tensors.at("x").as<float>()(0);
    if (!std::isnan(wide)) CHECK(narrow == float(wide));
    CHECK(nn::to_string(tensors.at("x").dtype()) == dtype);
    return wide;
  };
  using namespace std::string_literals;
  CHECK(value("BOOL", "\1") == 1);
  CHECK(value("U8", "\xff") == 255);
  CHECK(value("I8", "\xff") == -1);
  CHECK(value("U16", "\xfe\xff") == 65534);
  CHECK(value("I16", "\xfe\xff") == -2);
  CHECK(value("U32", "\xff\xff\xff\xff") == 4294967295.0);
  CHECK(value("I32", "\xfd\xff\xff\xff") == -3);
  CHECK(value("U64", "\0\0\0\0\0\0\0\x80"s) == 0x1p63);
  CHECK(value("I64", "\0\0\0\0\0\0\0\x80"s) == -0x1p63);
  CHECK(value("BF16", "\x80\x3f") == 1);
  CHECK(value("BF16", "\x20\xc1") == -10);
  CHECK(value("F32", "\0\0\x20\xc1"s) == -10);
  CHECK(value("F64", "\0\0\0\0\0\0\xf0\x3f"s) == 1);
  // The examples of IEEE 754 binary16 that Wikipedia lists.
  CHECK(value("F16", "\x01\0"s) == 0.000000059604644775390625);
  CHECK(value("F16", "\xff\x03") == 0.000060975551605224609375);
  CHECK(value("F16", "\0\x04"s) == 0.00006103515625);
  CHECK(value("F16", "\x55\x35") == 0.333251953125);
  CHECK(value("F16", "\xff\x3b") == 0.99951171875);
  CHECK(value("F16", "\xff\x7b") == 65504);
  CHECK(value("F16", "\0\xc0"s) == -2);
  CHECK(value("F16", "\0\xfc"s) == -HUGE_VAL);
  CHECK(std::isnan(value("F16", "\x01\x7c")));
}

TEST_CASE("malformed files are refused with file and offset") {
  const auto array = [](const std::string& inner) { return file("{\"x\":{" + inner + "}}", "0123"); };
  const auto nested = [](std::size_t depth) { return file("{\"x\":" + std::string(depth, '[')); };
  const std::string good = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  REQUIRE(refusal(array(good)) == "accepted");
  const std::string huge = "18446744073709551615";
  const std::pair<std::string, std::string> cases[] = {
      // The length.
      {"", ":offset 0: this is a truncated file: it has 0 bytes, less than a header"},
      {"1234567", ":offset 0: this is a truncated file: it has 7 bytes, less than a header"},
      {std::string(8, '\xff'),
       ":offset 0: this is a truncated file, or none of safetensors: the header would take 18446744073709551615 bytes, "
       "of 0"},
      {file("{}").substr(0, 9),
       ":offset 0: this is a truncated file, or none of safetensors: the header would take 2 bytes, of 1"},
      // JSON.
      {std::string(8, '\0'), ":offset 8: the header does not begin with {"},
      {file(" {}"), ":offset 8: the header does not begin with {"},
      {file("\xef\xbb\xbf{}"), ":offset 8: the header does not begin with {"},
      {file("[]"), ":offset 8: the header does not begin with {"},
      {file("{"), ":offset 9: the header is not JSON: syntax error while parsing object key"},
      {file("{}x"), ":offset 10: the header is not JSON: syntax error while parsing value - invalid literal"},
      {file("{}{}"), ":offset 10: the header is not JSON"},
      {file(std::string("{}\0", 3)), ":offset 10: the header is not JSON: it holds a zero byte"},
      {file("{\"x\""), ":offset 12: the header is not JSON: syntax error while parsing object separator"},
      {file("{\"\xff\":1}"),
       ":offset 10: the header is not JSON: syntax error while parsing object key - invalid string: "
       "ill-formed UTF-8 byte"},
      {file("{\"\xed\xa0\x80\":1}"), ":offset 11: the header is not JSON"},  // half of a surrogate pair
      {file("{\"\\ud800\":1}"), ":offset 16: the header is not JSON"},
      {file("{\"a\nb\":1}"),
       ":offset 11: the header is not JSON: syntax error while parsing object key - invalid string: "
       "control character U+000A (LF) must be escaped"},
      {file("{/**/}"), ":offset 9: the header is not JSON"},
      {file("{\"x\":1e999}"), ":offset 17: the header is not JSON: number overflow parsing '1e999'"},
      {file("{\"x\":NaN}"), ":offset 13: the header is not JSON"},
      // What it says.
      {file("{\"x\":1}"), "\"x\" must be an object, not a number"},
      {file("{\"x\":-1}"), "\"x\" must be an object, not a negative number"},
      {file("{\"x\":null}"), ":offset 17: \"x\" must be an object, not null"},
      {file("{\"x\":[]}"), ":offset 14: \"x\" must be an object, not a list"},
      {file("{\"x\":\"F32\"}"), "\"x\" must be an object, not a text"},
      {nested(1), ":offset 14: \"x\" must be an object, not a list"},
      {nested(10'000'000), ":offset 14: \"x\" must be an object, not a list"},
      {array("\"dtype\":[]"), "\"x\" has a list as its dtype"},
      {array("\"dtype\":{}"), "\"x\" has an object as its dtype"},
      {array("\"dtype\":1"), "\"x\" has a number as its dtype"},
      {array("\"shape\":\"1\""), "\"x\" has a text as its shape"},
      {array("\"shape\":{}"), "\"x\" has an object as its shape"},
      {array("\"shape\":[[1]]"), "\"x\" has a list in its shape"},
      {array("\"shape\":[{}]"), "\"x\" has an object in its shape"},
      {array("\"shape\":[\"1\"]"), "\"x\" has a text in its shape"},
      {array("\"shape\":[true]"), "\"x\" has true or false in its shape"},
      {array("\"shape\":[-1]"), "\"x\" has a negative number in its shape"},
      {array("\"shape\":[-0]"), "\"x\" has a negative number in its shape"},
      {array("\"shape\":[1.0]"), "\"x\" has a fraction, or a number beyond 2^64 in its shape"},
      {array("\"shape\":[18446744073709551616]"), "\"x\" has a fraction, or a number beyond 2^64 in its shape"},
      {array("\"data_offsets\":[0]"), "\"x\" must have two data_offsets"},
      {array("\"data_offsets\":[0,1,2]"), "\"x\" must have two data_offsets"},
      {array("\"dtype\":\"F31\""), "\"x\" has a dtype that is not read here: \"F31\""},
      {array("\"dtype\":\"F8_E4M3\""), "\"x\" has a dtype that is not read here: \"F8_E4M3\""},
      {array("\"size\":1"), "\"x\" has an unknown key: \"size\""},
      {array(""), "\"x\" must have dtype, shape and data_offsets"},
      {array(R"("dtype":"F32","shape":[1])"), "\"x\" must have dtype, shape and data_offsets"},
      {array(R"("shape":[1],"data_offsets":[0,4])"), "\"x\" must have dtype, shape and data_offsets"},
      {array(R"("dtype":"F32","data_offsets":[0,4])"), "\"x\" must have dtype, shape and data_offsets"},
      {array(good + R"(,"shape":[1])"), "\"x\" has its shape twice"},
      {array(good + R"(,"dtype":"F32")"), "\"x\" has its dtype twice"},
      {array(good + R"(,"data_offsets":[0,4])"), "\"x\" has its data_offsets twice"},
      {file("{\"x\":{" + good + "},\"x\":{" + good + "}}", "0123"), ":offset 65: \"x\" is there twice"},
      {file("{\"x\":{" + good + "},\"\\u0078\":{" + good + "}}", "0123"), ":offset 70: \"x\" is there twice"},
      {file(R"({"__metadata__":1})"), "\"__metadata__\" must be an object, not a number"},
      {file(R"({"__metadata__":{"k":1}})"), "\"__metadata__\" must hold texts only, and \"k\" is a number"},
      {file(R"({"__metadata__":{"k":{}}})"), "\"__metadata__\" must hold texts only, and \"k\" is an object"},
      {file(R"({"__metadata__":{"k":"","k":""}})"), "\"__metadata__\" has \"k\" twice"},
      {file(R"({"__metadata__":{},"__metadata__":{}})"), "\"__metadata__\" is there twice"},
      {file("{\"\\u001b[2J" + std::string(1000, 'x') + "\":1}"), "\"?[2J" + std::string(56, 'x') + "...\" must be"},
      // Where the bytes are.
      {array(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
       ":offset 61: \"x\" is F32 (2), which does not take the 4 bytes of its data_offsets"},
      {array(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), "\"x\" ends before it begins"},
      {array(R"("dtype":"U8","shape":[4],"data_offsets":[1,5])"),
       "\"x\" begins at byte 1 of the data, and what is before it ends at 0"},
      {array(R"("dtype":"U8","shape":[3],"data_offsets":[0,3])"),
       "the arrays take 3 bytes of the data, and there are 4"},
      {array(R"("dtype":"U8","shape":[5],"data_offsets":[0,5])"), "\"x\" ends at byte 5 of the data, and there are 4"},
      {array(R"("dtype":"U8","shape":[)" + huge + R"(],"data_offsets":[0,)" + huge + "]"),
       "\"x\" ends at byte 18446744073709551615 of the data, and there are 4"},
      // 2^62 floats take 2^64 bytes, which is 0 to who does not look.
      {array(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"), "which does not take the 0 bytes"},
      {array(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
       "which does not take the 0 bytes"},
      {array(R"("dtype":"F32","shape":[)" + huge + "," + huge + R"(,0],"data_offsets":[0,0])"),
       "which does not take the 0 bytes"},
      {file(
           R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}})",
           "01234"),
       "\"b\" begins at byte 2 of the data, and what is before it ends at 3"},
      {file(
           R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
           "01234"),
       "\"b\" begins at byte 3 of the data, and what is before it ends at 2"},
      {file(
           R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})",
           "01234"),
       "\"b\" begins at byte 2 of the data, and what is before it ends at 5"},
      {file("{}", "x"), ":offset 8: the arrays take 0 bytes of the data, and there are 1"},
  };
  for (const auto& malformed : cases) {
    const std::string& bytes = malformed.first;
    const std::string& expected = malformed.second;
    const std::string header = bytes.substr(std::min<std::size_t>(8, bytes.size()), 120);
    CAPTURE(header);
    const std::string said = refusal(bytes);
    CAPTURE(said);
    CHECK(said.find(expected) != said.npos);
    CHECK(said.size() < 300);
  }
  std::string axes = "1";
  for (int i = 1; i < 64; ++i) axes += ",1";
  const auto of_axes = [&](const std::string& shape) {
    return refusal(array(R"("dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[0,4])"));
  };
  CHECK(of_axes(axes) == "accepted");
  CHECK(of_axes(axes + ",1").find("\"x\" has more than 64 axes") != std::string::npos);
}

TEST_CASE("a header takes as much memory as the file has bytes and 16 MiB at most") {
  const auto in_list = [](std::size_t n, const std::string& text) {
    std::string all = text;
    while (all.size() < n) all += "," + text;
    return all;
  };
  // As many members as fit, each by a name of its own and as short as can be.
  const auto members = [](std::size_t n, const std::string& value) {
    std::string all;
    for (std::size_t i = 0; all.size() < n; ++i) all += (i ? ",\"" : "\"") + std::to_string(i) + "\":" + value;
    return "{" + all + "}";
  };
  const auto array = [&](const std::string& shape) {
    return R"({"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,0]})";
  };
  const std::size_t n = 20'000'000;
  const std::string long_text(n, 'x'), axes = in_list(2 * 63, "0");
  const std::string many = ": the header has too many arrays or texts: up to here they would take ",
                    large = ": the header has a name, a text, a number or white space of more than 1048576 bytes";
  const std::pair<std::string, std::string> cases[] = {
      {"{\"__metadata__\":" + members(n, "\"\"") + "}", many},
      {members(n, array("0")), many},
      {members(n, array(axes)), many},
      {"{\"__metadata__\":{\"k\":\"" + long_text + "\"}}", large},
      {"{\"" + long_text + "\":" + array("0") + "}", large},
      {"{\"" + long_text + "\xff\":" + array("0") + "}", large},
      {"{\"x\":" + array(std::string(n, '9')) + "}", large},
      {"{" + std::string(n, ' ') + "}", large},
      {"{\"x\":" + array(in_list(n, "0")) + "}", "\"x\" has more than 64 axes"},
      // Just small enough to be read.
      {"{\"__metadata__\":" + members(900'000, "\"\"") + "}", "accepted"},
      {members(3'500'000, array("0")), "accepted"},
      {"{\"__metadata__\":{\"k\":\"" + std::string(1'048'000, 'x') + "\"}}", "accepted"},
  };
  const Scratch scratch;
  for (const auto& [header, expected] : cases) {
    const auto begin = header.substr(0, 80);
    CAPTURE(begin);
    write_bytes(scratch / "w", file(header));
    std::string said = "accepted";
    start_counting();
    try {
      nn::load_safetensors(scratch / "w");
    } catch (const nn::DataError& error) {
      said = error.what();
    }
    CHECK(allocations().peak < header.size() + (16 << 20));
    CHECK(said.find(expected) != said.npos);
  }
}

TEST_CASE("a header longer than the format allows is refused before it is read") {
  const Scratch scratch;
  write_bytes(scratch / "w", std::string("\x01\xe1\xf5\x05\0\0\0\0", 8));  // 100,000,001
  std::filesystem::resize_file(scratch / "w", 200'000'000);
  CHECK_THROWS_WITH_AS(
      nn::load_safetensors(scratch / "w"),
      doctest::Contains(":offset 0: this is a truncated file, or none of safetensors: the header would take 100000001"),
      nn::DataError);
}

TEST_CASE("what is no file is refused") {
  const auto error_of = [](const std::string& path) {
    try {
      nn::load_safetensors(path);
    } catch (const nn::DataError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(error_of("/nowhere/w") == "[load_safetensors] /nowhere/w: cannot be opened: No such file or directory");
  CHECK(error_of("") == "[load_safetensors] : cannot be opened: No such file or directory");
  CHECK(error_of("/") == "[load_safetensors] /: is a directory");
  CHECK(error_of("/dev/zero") == "[load_safetensors] /dev/zero: is not a regular file");
}

TEST_CASE("what no file can hold is refused before anything is written") {
  const Scratch scratch;
  const Array<float> one{1};
  CHECK_THROWS_AS(nn::save_safetensors(scratch / "w", {{"__metadata__", one}}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::save_safetensors(scratch / "w", {{"\xff", one}}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::save_safetensors(scratch / "w", {}, {{"k", "\xc3"}}), autodiff::ValueError);
  std::map<std::string, std::string> texts;
  for (int i = 0; i < 100; ++i) texts[std::to_string(i)] = std::string(1'000'000, ' ');
  CHECK_THROWS_WITH_AS(nn::save_safetensors(scratch / "w", {}, texts), doctest::Contains("of the format"),
                       autodiff::ValueError);
  // What could not be loaded.
  CHECK_THROWS_WITH_AS(nn::save_safetensors(scratch / "w", {}, {{"k", std::string(1 << 20, ' ')}}),
                       doctest::Contains("of more than 1048576 bytes"), autodiff::ValueError);
  CHECK_THROWS_WITH_AS(nn::save_safetensors(scratch / "w", {{"x", Array<float>(Shape(65, 1))}}),
                       doctest::Contains("\"x\" has more than 64 axes"), autodiff::ValueError);
  CHECK(scratch.files() == 0);
  CHECK_THROWS_WITH_AS(Tensor(Dtype::f16, {3}, std::vector<std::byte>(4)), "[tensor] 4 bytes are not F16 (3)",
                       autodiff::ShapeError);
}
