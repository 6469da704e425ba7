#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <nn/nn.hpp>
#include <sstream>

using autodiff::Array;
using autodiff::Shape;

namespace {

/// A file that is there for one test.
class File {
 public:
  explicit File(const std::string& text, bool gzip = false)
      : path_(std::filesystem::temp_directory_path() / ("nn_data_test_" + std::to_string(getpid()) + ".csv")) {
    if (gzip) {
      gzFile file = gzopen(path_.c_str(), "wb");
      REQUIRE(gzwrite(file, text.data(), unsigned(text.size())) == int(text.size()));
      REQUIRE(gzclose(file) == Z_OK);
    } else {
      std::ofstream(path_, std::ios::binary) << text;
    }
  }
  ~File() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }
  /// The bytes of the file, to be damaged.
  std::string bytes() const {
    std::ostringstream text;
    text << std::ifstream(path_, std::ios::binary).rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path path_;
};

/// What read_csv says about a file, without "[read_csv] " and the path.
std::string refusal(const File& file, const nn::CsvOptions& options = {}) {
  try {
    nn::read_csv<float>(file.path(), options);
  } catch (const nn::DataError& error) {
    const std::string text = error.what(), begin = "[read_csv] " + file.path().string();
    REQUIRE(text.starts_with(begin));
    return text.substr(begin.size());
  }
  return "accepted";
}

nn::Dataset<double> counting(std::size_t samples) {
  nn::Dataset<double> data{xt::zeros<double>({samples, std::size_t{2}}), xt::zeros<double>({samples}), {"0", "1"}};
  for (std::size_t i = 0; i < samples; ++i) {
    data.inputs(i, 0) = double(i), data.inputs(i, 1) = -double(i);
    data.targets(i) = double(i % 2);
  }
  return data;
}

}  // namespace

TEST_CASE("a file of numbers is read, plain or gzip") {
  const std::string text = "1,2.5,0\r\n\n -3e-1 ,\t4, 2\n5,6,1";
  for (const bool gzip : {false, true}) {
    const File file(text, gzip);
    const auto data = nn::read_csv<double>(file.path());
    CHECK(data.inputs == Array<double>{{1, 2.5}, {-0.3, 4}, {5, 6}});
    CHECK(data.targets == Array<double>{0, 2, 1});
    CHECK(data.classes == std::vector<std::string>{"0", "1", "2"});
  }
}

TEST_CASE("the digits that ship are what their source says") {
  const auto data = nn::read_csv<float>(DIGITS_CSV);
  CHECK(data.inputs.shape() == Shape{1797, 64});
  std::vector<int> counts(10);
  for (const float digit : data.targets) ++counts[std::size_t(digit)];
  CHECK(counts == std::vector<int>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
  CHECK(*std::ranges::min_element(data.inputs) == 0);
  CHECK(*std::ranges::max_element(data.inputs) == 16);
}

TEST_CASE("malformed files are refused with file and line") {
  const std::pair<std::string, std::string> cases[] = {
      {"", ": the file holds no samples"},
      {"\n\n", ":2: the file holds no samples"},
      {"1\n", ":1: needs two columns at least: a feature and the class"},
      {"1,2,0\n1,2\n", ":2: 2 columns, where the lines before have 3"},
      {"1,2,0\n1,2,3,0\n", ":2: 4 columns, where the lines before have 3"},
      {"1,0\n\n1,,0\n", ":3: column 2 is not a finite number: \"\""},
      {"1,0\nx,0\n", ":2: column 1 is not a finite number: \"x\""},
      {"1.5.2,0\n", ":1: column 1 is not a finite number: \"1.5.2\""},
      {"0x10,0\n", ":1: column 1 is not a finite number: \"0x10\""},
      {"nan,0\n", ":1: column 1 is not a finite number: \"nan\""},
      {"inf,0\n", ":1: column 1 is not a finite number: \"inf\""},
      {"1e39,0\n", ":1: column 1 is not a finite number: \"1e39\""},  // more than a float holds
      {"1e999,0\n", ":1: column 1 is not a finite number: \"1e999\""},
      {"1;2;0\n", ":1: column 1 is not a finite number: \"1;2;0\""},
      {std::string("1\0,0\n", 5), ":1: column 1 is not a finite number: \"1?\""},
      {"\x1b[2J,0\n", ":1: column 1 is not a finite number: \"?[2J\""},
      {std::string(40, 'a') + ",0\n", ":1: column 1 is not a finite number: \"aaaaaaaaaaaaaaaaaaaaaaaa...\""},
      {"1,-1\n", ":1: the last column must be a class, a whole number from 0 to 999"},
      {"1,0.5\n", ":1: the last column must be a class, a whole number from 0 to 999"},
      {"1,1000\n", ":1: the last column must be a class, a whole number from 0 to 999"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.first);
    for (const bool gzip : {false, true}) CHECK(refusal(File(c.first, gzip)) == c.second);
  }
}

TEST_CASE("damaged gzip files are refused wherever they are cut") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::to_string(i * 7919 % 1000) + "," + std::to_string(i % 3) + "\n";
  const std::string whole = File(text, true).bytes();
  for (std::size_t length = 1; length < whole.size(); length += 37)
    CHECK(refusal(File(whole.substr(0, length))) != "accepted");
  CHECK(refusal(File(whole.substr(0, whole.size() - 1))).find("the gzip file is truncated") != std::string::npos);
  std::string wrong = whole;
  wrong[whole.size() - 6] ^= 1;  // the checksum
  CHECK(refusal(File(wrong)).find("the gzip file is damaged") != std::string::npos);
}

TEST_CASE("what is larger than allowed is refused") {
  const std::string text = "1,0\n2,0\n3,0\n";
  CHECK(refusal(File(text), {.max_bytes = 12}) == "accepted");
  CHECK(refusal(File(text), {.max_bytes = 11}) == ":1: the file holds more than the 11 bytes allowed");
  CHECK(refusal(File("1,0\n1.0000,0\n"), {.max_line = 7}) == ":2: the line is longer than the 7 bytes allowed");
  const std::string zeros(50'000'000, '0');  // 50 kB as a gzip file
  CHECK(refusal(File(zeros, true)) == ":1: the line is longer than the 1048576 bytes allowed");
}

TEST_CASE("what cannot be opened is refused") {
  CHECK_THROWS_WITH_AS(nn::read_csv<float>("/nowhere/x.csv"),
                       "[read_csv] /nowhere/x.csv: cannot be opened: No such file or directory", nn::DataError);
  CHECK_THROWS_WITH_AS(nn::read_csv<float>("/"), "[read_csv] /: is a directory", nn::DataError);
}

TEST_CASE("a split takes every sample once, and depends on the seed alone") {
  const auto data = counting(103);
  const auto [train, test] = nn::split(data, 0.2, 7);
  CHECK(train.size() == 82);
  CHECK(test.size() == 21);
  std::vector<double> seen(train.inputs.begin(), train.inputs.end());
  seen.insert(seen.end(), test.inputs.begin(), test.inputs.end());
  std::ranges::sort(seen);
  for (int i = -102; i <= 102; ++i) CHECK(std::ranges::count(seen, double(i)) == (i == 0 ? 2 : 1));
  for (std::size_t i = 0; i < test.size(); ++i) CHECK(test.targets(i) == int(test.inputs(i, 0)) % 2);
  CHECK(nn::split(data, 0.2, 7).test.inputs == test.inputs);
  CHECK(nn::split(data, 0.2, 8).test.inputs != test.inputs);
  CHECK_THROWS_AS(nn::split(data, 0.001, 7), autodiff::ValueError);
  CHECK_THROWS_AS(nn::split(data, 1, 7), autodiff::ValueError);
  CHECK_THROWS_AS(nn::split(data, double(NAN), 7), autodiff::ValueError);
}

TEST_CASE("batches cover every sample once, in an order of seed and epoch") {
  const auto first = nn::batches(10, 4, 1, 0);
  REQUIRE(first.size() == 3);
  CHECK(first[0].size() == 4);
  CHECK(first[2].size() == 2);
  std::vector<std::size_t> all;
  for (const auto& batch : first) all.insert(all.end(), batch.begin(), batch.end());
  std::ranges::sort(all);
  CHECK(all == std::vector<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(nn::batches(10, 4, 1, 0) == first);
  CHECK(nn::batches(10, 4, 1, 1) != first);
  CHECK(nn::batches(10, 4, 2, 0) != first);
  CHECK(nn::batches(10, 100, 1, 0).size() == 1);
  CHECK(nn::batches(0, 4, 1, 0).empty());
  CHECK_THROWS_AS(nn::batches(10, 0, 1, 0), autodiff::ValueError);
}

TEST_CASE("rows are chosen with their targets") {
  const auto chosen = counting(5).rows(std::vector<std::size_t>{3, 3, 0});
  CHECK(chosen.inputs == Array<double>{{3, -3}, {3, -3}, {0, 0}});
  CHECK(chosen.targets == Array<double>{1, 1, 0});
  CHECK_THROWS_AS(counting(5).rows(std::vector<std::size_t>{5}), autodiff::ValueError);
}

TEST_CASE("features are scaled by what was seen") {
  const Array<double> seen{{0, 5}, {10, 5}, {5, 5}};
  const auto range = nn::scale_range(seen);
  CHECK(range(seen) == Array<double>{{0, 0.5}, {1, 0.5}, {0.5, 0.5}});
  CHECK(range(Array<double>{{20, -10}}) == Array<double>{{2, -1}});
  const auto standard = nn::standardise(Array<double>{{1, 7}, {3, 7}});  // mean 2, deviation 1; constant
  CHECK(standard(Array<double>{{3, 7}, {5, 9}}) == Array<double>{{1, 0}, {3, 0}});
  CHECK(nn::scale_range(Array<double>{{4, 4}})(Array<double>{{4, 4}}) == Array<double>{{0, 0}});
  CHECK_THROWS_AS(standard(Array<double>{1}), autodiff::ShapeError);
  CHECK_THROWS_AS(nn::standardise(Array<double>(xt::zeros<double>({0, 3}))), autodiff::ShapeError);
}

TEST_CASE("a confusion matrix counts and prints") {
  const Array<double> scores{{3, 1, 0}, {0, 1, 2}, {0, 5, 4}, {0, 1, 2}}, labels{0, 2, 1, 1};
  nn::ConfusionMatrix matrix({"cat", "dog", "horse"});
  matrix.add(scores, labels);
  CHECK(matrix(1, 1) == 1);
  CHECK(matrix(1, 2) == 1);
  CHECK(matrix.samples() == 4);
  CHECK(matrix.accuracy() == 0.75);
  CHECK(nn::accuracy(scores, labels) == 0.75);
  std::ostringstream out;
  out << matrix;
  CHECK(out.str() ==
        "actual | predicted\n"
        "       |   cat   dog horse\n"
        "-------+------------------\n"
        "   cat |     1     .     .\n"
        "   dog |     .     1     1\n"
        " horse |     .     .     1\n");
  CHECK_THROWS_AS(matrix.add(scores, Array<double>{0, 2, 1, 3}), autodiff::ValueError);
  CHECK_THROWS_AS(matrix.add(scores, Array<double>{0, 2, 1, 0.5}), autodiff::ValueError);
  CHECK_THROWS_AS(matrix.add(Array<double>{{1, 2}}, Array<double>{0}), autodiff::ShapeError);
  CHECK(matrix.samples() == 4);
  CHECK_THROWS_AS(matrix(3, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::ConfusionMatrix({}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::ConfusionMatrix({"a"}).accuracy(), autodiff::ValueError);
  CHECK_THROWS_AS(nn::accuracy(scores, Array<double>{0}), autodiff::ShapeError);
}
