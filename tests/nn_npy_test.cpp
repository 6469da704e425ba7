#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "file.hpp"

using autodiff::Array;
using autodiff::Shape;
using namespace std::string_literals;

namespace {

const std::filesystem::path reference = REFERENCE;

std::string refusal(const File& file, std::uint64_t max_bytes = 1 << 20) {
  return refusal("read_npy", file, [&](const auto& path) { nn::read_npy<double>(path, max_bytes); });
}
std::string npz_refusal(const File& file, std::uint64_t max_bytes = 1 << 20) {
  return refusal("read_npz", file, [&](const auto& path) { nn::read_npz<double>(path, max_bytes); });
}

/// A version 1 file with this header.
std::string npy(const std::string& header, const std::string& elements) {
  return "\x93NUMPY\1\0"s + char(header.size()) + '\0' + header + elements;
}

}  // namespace

TEST_CASE("what NumPy wrote is read: types, byte orders, orders of axes, stored and deflated") {
  const Array<double> grid{{0.5, -1, 2}, {3, 4.25, -5}};
  const auto arrays = nn::read_npz<double>(reference / "arrays.npz");
  CHECK(arrays.size() == 8);
  CHECK(arrays.at("big_doubles") == grid);
  CHECK(arrays.at("fortran_floats") == grid);
  CHECK(arrays.at("big_shorts") == Array<double>{-300, 0, 258});
  CHECK(arrays.at("bytes") == Array<double>{0, 127, 255});
  CHECK(arrays.at("empty").shape() == Shape{0, 3});
  CHECK(arrays.at("longs") == Array<double>{-0x1p40, 0x1p52 + 1});
  CHECK(arrays.at("scalar").shape() == Shape{});
  CHECK(arrays.at("scalar")() == 7);
  CHECK(arrays.at("truths") == Array<double>{1, 0});
  CHECK(nn::read_npz<float>(reference / "stored.npz", "x") == Array<float>(grid));
  CHECK(nn::read_npz<float>(reference / "stored.npz").at("y") == Array<float>{1, 0});
  const auto cube = nn::read_npy<double>(reference / "fortran.npy");
  CHECK(cube == Array<double>(xt::reshape_view(xt::arange(24.0), {2, 3, 4})));
  CHECK_THROWS_WITH_AS(
      nn::read_npz<float>(reference / "stored.npz", "z"),
      ("[read_npz] " + (reference / "stored.npz").string() + ": there is no array \"z\", only \"x\", \"y\"").c_str(),
      nn::DataError);
}

TEST_CASE("a .npy file is written as NumPy writes it, and read back") {
  const File file("");
  nn::write_npy(file.path(), Array<float>{{1, -2, 0.5}});
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
  CHECK(file.bytes() == npy(header + std::string(117 - header.size(), ' ') + '\n', "\0\0\x80?\0\0\0\xc0\0\0\0?"s));
  CHECK(nn::read_npy<float>(file.path()) == Array<float>{{1, -2, 0.5}});
  for (const Array<double>& array : {Array<double>{1e-300, 3}, Array<double>(Shape{}, 4), Array<double>(Shape{0, 2})}) {
    nn::write_npy(file.path(), array);
    const auto back = nn::read_npy<double>(file.path());
    CHECK(back.shape() == array.shape());
    CHECK(back == array);
    CHECK((file.bytes().size() - array.size() * sizeof(double)) % 64 == 0);
  }
  CHECK_THROWS_WITH_AS(nn::write_npy("/nowhere/x.npy", Array<float>{1}),
                       "[write_npy] /nowhere/x.npy: cannot be written: No such file or directory", nn::DataError);
}

TEST_CASE("malformed .npy files are refused with file and offset") {
  const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}";
  CHECK(refusal(File(npy(good, "ab"))) == "accepted");
  CHECK(refusal(File(npy(good, "ab"), true)) == "accepted");
  const std::string begin = ":offset 10: ", fog = "the header cannot be understood: ";
  const std::pair<std::string, std::string> cases[] = {
      {"", ":offset 0: the file ends here, 8 bytes too early"},
      {"\x93NUMPI\1\0"s + npy(good, "ab").substr(8), ":offset 8: this is no .npy file of version 1, 2 or 3"},
      {"\x93NUMPY\4\0"s + npy(good, "ab").substr(8), ":offset 8: this is no .npy file of version 1, 2 or 3"},
      {"\x93NUMPY\1\0\xff\xff{"s,
       begin + "the header cannot be 65535 bytes long, since the file ends before: it is truncated"},
      {"\x93NUMPY\2\0\xff\xff\xff\xff{"s, ":offset 12: the header cannot be 4294967295 bytes long"},
      {npy(good, "abc"), ":offset 65: the header promises elements of 1 bytes in shape (2), but 3 bytes follow"},
      {npy("", ""), begin + fog + "\"{\" is missing"},
      {npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "ab"),
       ":offset 24: " + fog + "elements of type \"|O\" are not read"},
      {npy("{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", "ab"),
       ":offset 25: " + fog + "elements of type \"<f2\" are not read"},
      {npy("{'descr': [('x', '<f4')], }", "ab"),
       ":offset 20: " + fog + "text in quotes is missing (arrays of records are not read)"},
      {npy("{'descr': '|u1', 'fortran_order': 0, 'shape': (2,)}", "ab"),
       ":offset 44: " + fog + "True or False is missing"},
      {npy("{'descr': '|u1', 'fortran_order': False}", "ab"),
       ":offset 50: " + fog + "one of the keys descr, fortran_order and shape is missing"},
      {npy("{'descr': '|u1', 'descr': '|u1'}", "ab"), ":offset 34: " + fog + "unknown or repeated key \"descr\""},
      {npy("{'fortran_order': False 'descr': '|u1'}", "ab"), ":offset 34: " + fog + "\",\" or \"}\" is missing"},
      {npy("{'shape': (-2,)}", "ab"), ":offset 21: " + fog + "the shape is none"},
      {npy("{'shape': (99999999999999999999,)}", "ab"), ":offset 21: " + fog + "the shape is none"},
      {npy("{'shape': (2 2)}", "ab"), ":offset 23: " + fog + "\",\" or \")\" is missing"},
      {npy(good + "x", "ab"), ":offset 65: " + fog + "text after the closing brace"},
      {npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808, 4, 0)}", ""),
       ":offset 88: the header promises elements of 8 bytes in shape (9223372036854775808, 4, 0), but 0 bytes follow"},
  };
  for (const auto& [bytes, text] : cases)
    for (const bool gzip : {false, true}) CHECK(refusal(File(bytes, gzip)) == text);
  CHECK(refusal(File(npy(good, "ab")), 66) == ":offset 10: the file holds more than the 66 bytes allowed");
}

TEST_CASE("damaged .npz files are refused wherever they are damaged") {
  for (const char* name : {"arrays.npz", "stored.npz"}) {
    const std::string whole = File::bytes_of(reference / name);
    CHECK(npz_refusal(File(whole)) == "accepted");
    for (std::size_t length = 0; length < whole.size(); length += 13)
      CHECK(npz_refusal(File(whole.substr(0, length))) != "accepted");
    CHECK(npz_refusal(File(whole), 300).find("allowed") != std::string::npos);
  }
  const std::string stored = File::bytes_of(reference / "stored.npz");
  std::string wrong = stored;
  wrong[stored.find("\x93NUMPY") + 130] ^= 1;  // an element
  CHECK(npz_refusal(File(wrong)) == ":x.npy:offset 176: the zip file is damaged: the checksum is wrong");
  wrong = stored;
  for (std::size_t at; (at = wrong.find("y.npy")) != wrong.npos;) wrong.replace(at, 5, "x.npy");
  CHECK(npz_refusal(File(wrong)) == ":x.npy:offset 144: there are two members of this name");
  wrong = stored;
  for (std::size_t at; (at = wrong.find("y.npy")) != wrong.npos;) wrong.replace(at, 5, "y.txt");
  CHECK(npz_refusal(File(wrong)) == ":y.txt:offset 0: the member is no .npy file");
  CHECK(npz_refusal(File("PK")) == ": this is no zip file, or a truncated one");
}

TEST_CASE("the limit counts for arrays, not only for the bytes that they are unpacked from") {
  // A hundred thousand zeros of a byte each, which pack into little.
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (100000,), }";
  const File packed(npy(header, std::string(100000, '\0')), true);
  CHECK(nn::read_npy<double>(packed.path(), 800000).size() == 100000);
  CHECK(refusal(packed, 799999).find("the array would take 800000 bytes, more than the 799999") != std::string::npos);
  CHECK(nn::read_npy<float>(packed.path(), 400000).size() == 100000);
  // Of all members of an .npz file together.
  std::size_t all = 0;
  for (const auto& [name, array] : nn::read_npz<double>(reference / "arrays.npz")) all += 8 * array.size();
  CHECK(nn::read_npz<double>(reference / "arrays.npz", std::max<std::size_t>(all, 4096)).size() == 8);
}

TEST_CASE("a pipe that nobody writes to is refused, and one that somebody does is read") {
  const File file("");
  const auto pipe = file.path().string() + ".pipe";
  std::remove(pipe.c_str());
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::string said;
  try {
    nn::read_csv<float>(pipe);
  } catch (const nn::DataError& error) {
    said = error.what();
  }
  CHECK(said == "[read_csv] " + pipe + ": is a pipe that nobody writes to");
  std::thread writer([&] {
    std::ofstream out(pipe);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // a writer may take its time
    out << "1,2,0\n3,4,1\n";
  });
  CHECK(nn::read_csv<float>(pipe).size() == 2);
  writer.join();
  std::remove(pipe.c_str());
}
