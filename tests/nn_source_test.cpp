#include <algorithm>
#include <numeric>

#include "allocations.hpp"
#include "file.hpp"

using autodiff::Array;
using autodiff::Shape;
using namespace std::string_literals;

namespace {

/// 50 samples of shape (2, 3), whose elements say where they stand, as IDX bytes.
std::string images() {
  std::string bytes = "\0\0\x0b\3\0\0\0\x32\0\0\0\2\0\0\0\3"s;
  for (int i = 0; i < 300; ++i) bytes += {char(i >> 8), char(i & 255)};
  return bytes;
}

/// Their classes, as a .npy file.
void write_labels(const std::filesystem::path& path) {
  Array<double> labels(Shape{50});
  for (std::size_t i = 0; i < 50; ++i) labels(i) = double(i % 7);
  nn::write_npy(path, labels);
}

/// A .npy file of zeros, as bytes (samples, length), that takes no room on most disks.
void write_zeros(const std::filesystem::path& path, std::size_t samples, std::size_t length) {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (" + std::to_string(samples) +
                       (length > 0 ? ", " + std::to_string(length) + ")}" : ",)}");
  header.resize(118, ' ');
  std::ofstream(path, std::ios::binary) << "\x93NUMPY\1\0v\0"s << header;
  std::filesystem::resize_file(path, 128 + samples * std::max<std::size_t>(length, 1));
}

std::vector<std::size_t> numbers(std::size_t n) {
  std::vector<std::size_t> result(n);
  std::iota(result.begin(), result.end(), std::size_t{0});
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("samples on disk are those in memory", T, float, double) {
  const File inputs(images()), labels("");
  write_labels(labels.path());
  nn::FileSource<T> disk(inputs.path(), labels.path());
  CHECK(disk.size() == 50);
  CHECK(disk.input_shape() == Shape{6});
  CHECK(disk.target_shape().empty());
  nn::MemorySource<T> memory(nn::classification(nn::read_idx<T>(inputs.path()), nn::read_npy<T>(labels.path())));
  Array<T> x(Shape{4, 6}), y(Shape{4});
  for (const auto& batch : {std::vector<std::size_t>{49, 0, 1, 2}, {7, 7, 8, 3}, {10, 11, 12, 13}}) {
    disk.fetch(batch, x, y);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(x(i, 5) == T(batch[i] * 6 + 5));
      CHECK(y(i) == T(batch[i] % 7));
    }
    const auto same = memory.rows(batch);
    CHECK(same.inputs == x);
    CHECK(same.targets == y);
  }
  const auto all = disk.rows(numbers(50));
  CHECK(all.inputs == memory.data().inputs);

  nn::Subset<T> part(disk, {5, 40, 41});
  CHECK(part.size() == 3);
  CHECK(part.rows(std::vector<std::size_t>{2, 0}).targets == Array<T>{41 % 7, 5});
  CHECK_THROWS_AS(part.rows(std::vector<std::size_t>{3}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::Subset<T>(disk, {50}), autodiff::ValueError);
  CHECK_THROWS_AS(disk.fetch(std::vector<std::size_t>{1}, x, y), autodiff::ShapeError);
  CHECK_THROWS_AS(disk.fetch(std::vector<std::size_t>{1, 2, 3, 50}, x, y), autodiff::ValueError);
}

TEST_CASE("a scaled source scales features as the data set would be") {
  const auto data = nn::regression<double>({{1, 10}, {3, 30}, {5, 20}}, {1, 2, 3});
  nn::MemorySource<double> memory(data);
  const auto scaling = nn::standardise(data.inputs);
  nn::ScaledSource<double> scaled(memory, scaling);
  CHECK(scaled.target_shape() == Shape{1});
  CHECK(scaled.rows(numbers(3)).inputs == scaling(data.inputs));
  CHECK_THROWS_AS(nn::ScaledSource<double>(memory, {Array<double>{1}, Array<double>{1}}), autodiff::ShapeError);
}

TEST_CASE("batches take no memory, and data on disk a bounded one") {
  const File inputs(""), labels("");
  constexpr std::size_t samples = 20'000, features = 10'000;  // 200 MB
  write_zeros(inputs.path(), samples, features);
  write_zeros(labels.path(), samples, 0);
  Array<float> x(Shape{256, features}), y(Shape{256});
  const auto batches = nn::batches(samples, 256, 1, 1);

  start_counting();
  nn::FileSource<float> disk(inputs.path(), labels.path());
  for (std::size_t b = 0; b < 20; ++b) disk.fetch(batches[b], x, y);
  CHECK(allocations().peak < 400'000);  // less than a five-hundredth of the file

  nn::Subset<float> part(disk, numbers(1000));
  nn::ScaledSource<float> scaled(part, {xt::ones<double>({features}), xt::ones<double>({features})});
  const auto first = numbers(256);
  start_counting();
  scaled.fetch(first, x, y);
  CHECK(allocations().count == 0);
  CHECK(x(255, features - 1) == -1);

  // A sample that is larger than the buffers.
  write_zeros(inputs.path(), 3, 1'000'000);
  write_zeros(labels.path(), 3, 0);
  nn::FileSource<float> large(inputs.path(), labels.path());
  Array<float> row(Shape{1, 1'000'000}, 7), label(Shape{1});
  start_counting();
  const std::size_t last[] = {2};
  large.fetch(last, row, label);
  CHECK(allocations().count == 0);
  CHECK(std::ranges::all_of(row, [](float v) { return v == 0; }));
}

TEST_CASE("files that cannot be streamed are refused") {
  const auto refused = [](const File& inputs, const File& labels) {
    return refusal("file_source", inputs, [&](const auto& path) { nn::FileSource<float>(path, labels.path()); });
  };
  const File labels("");
  write_labels(labels.path());
  CHECK(refused(File(images()), labels) == "accepted");
  CHECK(refused(File(images(), true), labels) ==
        ":offset 0: is packed with gzip, where no sample can be reached but through all before it: unpack it first");
  CHECK(refused(File(""), labels) == ":offset 0: the file ends here, 4 bytes too early");
  CHECK(refused(File(images().substr(0, 615)), labels) ==
        ":offset 16: the header promises elements of 2 bytes in shape (50, 2, 3), but 599 bytes follow");
  CHECK(refused(File("\0\0\x08\1\0\0\0\2ab"s), labels) == ": 2 samples, but 50 targets in " + labels.path().string());
  const File fortran(File::bytes_of(std::filesystem::path(REFERENCE) / "fortran.npy"));
  CHECK(refused(fortran, labels).find("Fortran order") != std::string::npos);

  const File cubes(images());
  CHECK_THROWS_WITH_AS(nn::FileSource<float>(cubes.path(), cubes.path()),
                       ("[file_source] " + cubes.path().string() +
                        ": targets need shape (samples) or (samples, outputs), not (50, 2, 3)")
                           .c_str(),
                       nn::DataError);

  const File shrinking(images());
  nn::FileSource<float> source(shrinking.path(), labels.path());
  std::filesystem::resize_file(shrinking.path(), 600);
  CHECK_THROWS_WITH_AS(
      source.rows(std::vector<std::size_t>{49}),
      ("[file_source] " + shrinking.path().string() + ":offset 604: the file has become shorter since it was opened")
          .c_str(),
      nn::DataError);
}

TEST_CASE("samples that were expected are the same ones") {
  const File inputs(images()), labels("");
  write_labels(labels.path());
  nn::FileSource<float> disk(inputs.path(), labels.path());
  nn::Subset<float> part(disk, {5, 49, 0});
  nn::ScaledSource<float> scaled(part, nn::scale_range(disk.rows(numbers(50)).inputs));
  const std::vector<std::size_t> next{2, 1}, beyond{3, 50, std::size_t(-1)};
  const auto before = scaled.rows(next).inputs;
  for (nn::Source<float>* source : {static_cast<nn::Source<float>*>(&disk), static_cast<nn::Source<float>*>(&part),
                                    static_cast<nn::Source<float>*>(&scaled)}) {
    source->expect(next);
    source->expect(beyond);
  }
  CHECK(scaled.rows(next).inputs == before);
}
