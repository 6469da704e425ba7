#include "file.hpp"

using autodiff::Array;
using autodiff::Shape;
using namespace std::string_literals;

namespace {

std::string refusal(const File& file, std::uint64_t max_bytes = 1 << 20) {
  return refusal("read_idx", file, [&](const auto& path) { nn::read_idx<double>(path, max_bytes); });
}

const std::string pixels = "\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\3\0\1\2\xfd\xfe\xff"s;
const std::string labels = "\0\0\x08\1\0\0\0\2\3\0"s;

}  // namespace

TEST_CASE("IDX files are read, plain or gzip, with elements of every type") {
  for (const bool gzip : {false, true}) {
    const auto array = nn::read_idx<float>(File(pixels, gzip).path());
    CHECK(array.shape() == Shape{2, 1, 3});
    CHECK(array == Array<float>{{{0, 1, 2}}, {{253, 254, 255}}});
  }
  const std::pair<std::string, Array<double>> types[] = {
      {"\0\0\x09\1\0\0\0\2\xff\x7f"s, {-1, 127}},         {"\0\0\x0b\1\0\0\0\2\xff\xfe\1\0"s, {-2, 256}},
      {"\0\0\x0c\1\0\0\0\1\xff\xff\0\0"s, {-65536}},      {"\0\0\x0d\1\0\0\0\1\xc0\x20\0\0"s, {-2.5}},
      {"\0\0\x0e\1\0\0\0\1\x3f\xe0\0\0\0\0\0\0"s, {0.5}},
  };
  for (const auto& [bytes, values] : types) CHECK(nn::read_idx<double>(File(bytes).path()) == values);
}

TEST_CASE("images and labels become a data set") {
  const auto data = nn::read_idx<float>(File(pixels, true).path(), File(labels).path());
  CHECK(data.inputs == Array<float>{{0, 1, 2}, {253, 254, 255}});
  CHECK(data.targets == Array<float>{3, 0});
  CHECK(data.classes == std::vector<std::string>{"0", "1", "2", "3"});
  const File images(pixels), three("\0\0\x08\1\0\0\0\3\3\0\1"s), negative("\0\0\x09\1\0\0\0\2\3\xff"s);
  CHECK_THROWS_WITH_AS(nn::read_idx<float>(images.path(), three.path()),
                       ("[read_idx] " + images.path().string() + " with " + three.path().string() +
                        ": [classification] needs inputs (samples, ...) and as many targets: (2, 1, 3) and (3)")
                           .c_str(),
                       nn::DataError);
  CHECK_THROWS_AS(nn::read_idx<float>(images.path(), negative.path()), nn::DataError);
  CHECK_THROWS_AS(nn::read_idx<float>(images.path(), images.path()), nn::DataError);
}

TEST_CASE("malformed IDX files are refused with file and offset") {
  const std::string no_idx = ":offset 4: this is no IDX file, which begins with 0, 0, a type and the number of axes";
  const std::pair<std::string, std::string> cases[] = {
      {"", ":offset 0: the file ends here, 4 bytes too early"},
      {"\0\0\x08"s, ":offset 3: the file ends here, 1 bytes too early"},
      {"\0\1\x08\1\0\0\0\0"s, no_idx},
      {"\0\0\x0a\1\0\0\0\0"s, no_idx},
      {"\0\0\x08\0"s, no_idx},
      {"\0\0\x08\x21"s + std::string(33 * 4, '\0'), no_idx},
      {"\0\0\x08\2\0\0\0\1\0\0"s, ":offset 10: the file ends here, 2 bytes too early"},
      {pixels.substr(0, 21),
       ":offset 16: the header promises elements of 1 bytes in shape (2, 1, 3), but 5 bytes follow"},
      {pixels + "x", ":offset 16: the header promises elements of 1 bytes in shape (2, 1, 3), but 7 bytes follow"},
      {"\0\0\x0e\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s,
       ":offset 16: the header promises elements of 8 bytes in shape (4294967295, 4294967295, 4294967295), "
       "but 0 bytes follow"},
  };
  for (const auto& [bytes, text] : cases)
    for (const bool gzip : {false, true}) CHECK(refusal(File(bytes, gzip)) == text);
  CHECK(refusal(File(pixels), 48) == "accepted");  // six doubles
  CHECK(refusal(File(pixels), 47).find("the array would take 48 bytes") != std::string::npos);
  CHECK(refusal(File(pixels), pixels.size() - 1) == ":offset 16: the file holds more than the 21 bytes allowed");
  CHECK(refusal(File(std::string(2'000'000, '\0'), true)).find("no IDX file") != std::string::npos);
  // A header that a bomb could bear out: 50 kB that unpack to 50 MB.
  const std::string bomb = "\0\0\x08\1\2\xfa\xf0\x80"s + std::string(50'000'000, '\0');
  CHECK(refusal(File(bomb, true)).find("the file holds more than the 1048576 bytes allowed") != std::string::npos);
  const std::string packed = File(pixels, true).bytes();
  CHECK(refusal(File(packed.substr(0, packed.size() - 5))).find("the gzip file is truncated") != std::string::npos);
}
