// Damages valid files of every form that is read, and reads them: each must be read or refused with DataError, and all
// the memory that is held at once may not exceed what its form allows for the bytes that the file holds, unpacked.
// Arguments: how many, and a seed. Case i of seed s is case 0 of seed s + i, so `fuzz_files 1 N` repeats one.
#include <unistd.h>
#include <unzip.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nn/nn.hpp>
#include <random>
#include <string>
#include <vector>

#include "allocations.hpp"

namespace {

using namespace std::string_literals;
using Path = std::filesystem::path;
using Strings = std::vector<std::string>;
using Random = std::mt19937_64;

std::string bytes_of(const Path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// How files are packed and, as far as they are not damaged, how many bytes they hold.

std::string plain(const std::string& bytes, const Path&) { return bytes; }
std::size_t plain_size(const Path& path) { return std::filesystem::file_size(path); }

std::string gzip(const std::string& bytes, const Path& path) {
  std::filesystem::remove(path);
  const gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return bytes_of(path);
}
std::size_t gzip_size(const Path& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  std::size_t size = 0;
  static char buffer[1 << 16];
  for (int got; (got = gzread(file, buffer, sizeof(buffer))) > 0;) size += static_cast<std::size_t>(got);
  gzclose(file);
  return std::max(size, plain_size(path));
}

std::string zip(const std::string& bytes, const Path& path) {
  std::filesystem::remove(path);
  const zipFile file = zipOpen64(path.c_str(), APPEND_STATUS_CREATE);
  for (const int method : {0, Z_DEFLATED}) {
    const zip_fileinfo info{};
    zipOpenNewFileInZip64(file, method ? "x.npy" : "y.npy", &info, nullptr, 0, nullptr, 0, nullptr, method, 6, 1);
    zipWriteInFileInZip(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    zipCloseFileInZip(file);
  }
  zipClose(file, nullptr);
  return bytes_of(path);
}
std::size_t zip_size(const Path& path) {
  std::size_t size = plain_size(path);
  const unzFile file = unzOpen64(path.c_str());
  if (file == nullptr) return size;
  static char buffer[1 << 16];
  for (int code = unzGoToFirstFile(file); code == UNZ_OK; code = unzGoToNextFile(file)) {
    if (unzOpenCurrentFile(file) != UNZ_OK) continue;
    for (int got; (got = unzReadCurrentFile(file, buffer, sizeof(buffer))) > 0;) size += static_cast<std::size_t>(got);
    unzCloseCurrentFile(file);
  }
  unzClose(file);
  return size;
}

/// A safetensors file of its header, a zero and its elements: a damaged header, too, is as long as the file says.
std::string safetensors(const std::string& bytes, const Path&) {
  const std::size_t length = std::min(bytes.find('\0'), bytes.size());
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(length >> 8 * i & 255);
  return file + bytes.substr(0, length) + bytes.substr(std::min(length + 1, bytes.size()));
}

// How files are read: `choice` is a random number for those who have options.

using Options = nn::CsvOptions;

void read_csv(const Path& path, std::uint64_t choice) {
  nn::read_csv<double>(path, {.header = static_cast<Options::Header>(choice % 8 < 5 ? 0 : choice % 4),
                              .automatic = choice / 64 % 2 == 0,
                              .missing = static_cast<Options::Missing>(choice / 8 % 5)});
}
void read_table(const Path& path, std::uint64_t choice) {
  // What one-hot features take is bounded by the number of classes, not by the file's size alone.
  nn::read_csv<double>(path, {.categorical = {{2, choice % 2 == 0}, {"mass"}},
                              .missing = static_cast<Options::Missing>(1 + choice / 2 % 4),
                              .max_classes = 8});
}
void read_blanks(const Path& path, std::uint64_t choice) {
  nn::read_csv<float>(path, {.separator = ' ',
                             .comment = '#',
                             .targets = {1, 3},
                             .regression = true,
                             .drop = {4},
                             .missing = static_cast<Options::Missing>(choice % 5)});
}
void read_history(const Path& path, std::uint64_t) { nn::read_history(path); }
void read_idx(const Path& path, std::uint64_t choice) {
  choice % 2 ? void(nn::read_idx<double>(path)) : void(nn::read_idx<float>(path, path));
}
void read_npy(const Path& path, std::uint64_t) { nn::read_npy<double>(path); }
void read_npz(const Path& path, std::uint64_t choice) {
  choice % 2 ? void(nn::read_npz<double>(path)) : void(nn::read_npz<double>(path, "x"));
}
void read_safetensors(const Path& path, std::uint64_t choice) {
  for (const auto& [name, tensor] : nn::load_safetensors(path).tensors)
    choice % 2 ? void(tensor.as<double>()) : void(tensor.as<float>());
}
void load_weights(const Path& path, std::uint64_t choice) {
  nn::Sequential<float> model(nn::Linear<float>(2, 2), nn::BatchNorm<float>(1));
  const nn::LoadOptions options{.strict = choice % 2 == 0};
  choice % 4 < 2 ? nn::load(model, path, options) : nn::load_pytorch(model, path, options);
}
void read_onnx(const Path& path, std::uint64_t choice) {
  choice % 2 ? void(nn::OnnxModel<float>(path)) : void(nn::OnnxModel<double>(path));
}
/// A run of training that saves all that a checkpoint can hold, or reads it all again to go on.
void train(const Path& path, bool resume, std::size_t epochs) {
  nn::Linear<double> model(2, 1);
  model.initialise(1);
  nn::Sgd<double> optimiser(0.1, {.momentum = 0.5});
  nn::MemorySource<double> data(nn::regression(autodiff::Array<double>{{1, 2}, {3, 4}}, autodiff::Array<double>{1, 2}));
  nn::FitOptions<double> options;
  options.epochs = epochs, options.batch = 1, options.keep_best = true, options.plateau = nn::PlateauOptions{};
  options.checkpoint = path, options.resume = resume;
  nn::fit(model, optimiser, nn::loss<double>("mean-squared-error"), data, options);
}
void resume(const Path& path, std::uint64_t choice) { train(path, true, 1 + choice % 2); }
void stream(const Path& path, std::uint64_t) {
  nn::FileSource<double> source(path, path);
  if (source.size() == 0) return;
  const std::size_t last[] = {source.size() - 1};
  source.rows(last);
}

const Strings csv_files = {
    "1,2.5,0\n-3e-1,4,2\n5,6,1\n",
    "3,2,cat,dog\n1,2,0\n3,4,1\n5,6,1\n",
    "a,b,kind\n1,\"2\",\"dog, \"\"big\"\"\"\r\n3,4,cat\r\n",
};
const Strings table_files = {"mass,\"height, in \"\"m\"\"\",kind\r\n1,red,\"a\"\r\n?,blue,b\r\n2,,b\r\n",
                             "kind,\"the\r\ncolour\",mass,yes or no\n1,x,2,no\n3,y,4,yes\n1,x,,no\n"};
const Strings blank_files = {"# comment\n 1 \t2 3.5 \"a b\"\n\n4 5 -6 c\n7 NA 9 d\n", "1 2 3 4\n5 6 7 8\n"};
const Strings history_files = {"epoch,loss\n1,0.5\n2,nan\n3,-1.25e-3\n", "a,b,c,d\r\n1,2,inf,4\r\n"};
constexpr std::size_t many = 40000;  // elements of a large file

const Strings small_idx_files = {
    "\0\0\x08\3\0\0\0\4\0\0\0\2\0\0\0\3abcdefghijklmnopqrstuvwx"s,
    "\0\0\x08\1\0\0\0\5\0\1\2\3\4"s,
    "\0\0\x0b\2\0\0\0\2\0\0\0\3\0\1\0\2\0\3\0\4\0\5\0\6"s,
    "\0\0\x0d\1\0\0\0\2\x3f\x80\0\0\xc0\x20\0\0"s,
};
Strings idx_files() {
  auto files = small_idx_files;
  files.push_back("\0\0\x08\2\0\0\x9c\x40\0\0\0\1"s + std::string(many, '\1'));
  return files;
}
std::string npy(const std::string& header, const std::string& elements) {
  return "\x93NUMPY\1\0"s + static_cast<char>(header.size()) + '\0' + header + elements;
}
const Strings small_npy_files = {
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }       \n", std::string(48, '@')),
    npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2, 3), }\n", std::string(24, 'x')),
    npy("{'descr': '|u1', 'fortran_order': False, 'shape': (17,), }\n", "seventeen letters"),
    "\x93NUMPY\2\0\x3b\0\0\0{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  \n"s + "\0\0\x80?\0\0\0@"s,
};

Strings npy_files() {
  auto files = small_npy_files;
  files.push_back(npy("{'descr': '|i1', 'fortran_order': True, 'shape': (200, 200), }\n", std::string(many, '\1')));
  return files;
}
const Strings small_safetensors_files = {
    R"({"__metadata__":{"format":"pt","step":"18446744073709551615"},"0.weight":{"dtype":"F32","shape":[2,3],)"
    R"("data_offsets":[8,32]},"\"\u00fc\ud83d\ude00\n":{"dtype":"U8","shape":[1,3],"data_offsets":[36,39]},)"
    R"("half":{"dtype":"F16","shape":[2],"data_offsets":[32,36]},"none":{"dtype":"F64","shape":[3,0],)"
    R"("data_offsets":[32,32]},"scalar":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}     )"
    "\0"
    "scalar64"
    "111122223333444455556666"
    "half"
    "one"s,
    R"({"a":{"shape":[4],"dtype":"BOOL","data_offsets":[0,4]}})"
    "\0\0\1\1\0"s,
};
Strings safetensors_files() {
  auto files = small_safetensors_files;
  files.push_back(R"({"a":{"shape":[2,20000],"dtype":"I8","data_offsets":[0,40000]}})" + std::string(1 + many, '\0'));
  return files;
}
const Strings weights_files = {
    R"({"__metadata__":{"format":"pt"},"0.bias":{"dtype":"F16","shape":[2],"data_offsets":[40,44]},)"
    R"("0.weight":{"dtype":"F64","shape":[2,2],"data_offsets":[0,32]},"1.bias":{"dtype":"BF16","shape":[1],)"
    R"("data_offsets":[44,46]},"1.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[32,40]},)"
    R"("1.running_mean":{"dtype":"F16","shape":[1],"data_offsets":[46,48]},"1.running_var":{"dtype":"F16",)"
    R"("shape":[1],"data_offsets":[48,50]},"1.weight":{"dtype":"F16","shape":[1],"data_offsets":[50,52]}})"
    "\0"
    "11111111222222223333333344444444tracked!bias1b1m1v1w"s,
};
Strings checkpoint_files(const Path& path) {
  Strings files;
  for (const std::size_t epochs : {1, 2}) {
    train(path, false, epochs);
    std::string bytes = bytes_of(path);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    files.push_back(bytes.erase(0, 8).insert(length, 1, '\0'));
  }
  return files;
}
Strings onnx_files(const Path& path) {
  nn::Sequential<float> dense(nn::Linear<float>(2, 3), nn::Activation<float>("tanh"), nn::Linear<float>(3, 2));
  nn::Sequential<float> images(nn::Conv2d<float>(1, 2, {3, 3}), nn::BatchNorm2d<float>(2), nn::MaxPool2d<float>({2, 2}),
                               nn::Flatten<float>());
  Strings files;
  for (const auto& [model, shape] :
       {std::pair<nn::Module<float>*, autodiff::Shape>{&dense, {1, 2}}, {&images, {1, 1, 6, 6}}}) {
    model->initialise(1);
    nn::save_onnx(*model, path, shape);
    files.push_back(bytes_of(path));
  }
  return files;
}

struct Format {
  const char* name;
  Strings files;
  std::string (*pack)(const std::string&, const Path&);
  std::size_t (*size)(const Path&);
  void (*read)(const Path&, std::uint64_t);
  std::size_t fixed, factor;
};

// One line a reader: what it is called, valid files, how they are packed and measured, the reader, and the memory that
// it may hold, of its own and for each byte of the file. Files are read through buffers of 64 KiB; a class of 999 is
// one of 1000 that have names, in 32 KiB; an element is a double, of 8 bytes, which is there twice where its axes are
// exchanged; a text of metadata takes 8 bytes in a file and 104 in a map; and a field of text one byte or two, but a
// string of 32 bytes, in a vector that grows by doubling and is there for every column.
std::vector<Format> all_formats(const Path& path) {
  constexpr std::size_t kib = 1024;
  return {
      {"csv", csv_files, plain, plain_size, read_csv, 144 * kib, 100},
      {"csv table", table_files, plain, plain_size, read_table, 144 * kib, 100},
      {"csv blanks", blank_files, plain, plain_size, read_blanks, 144 * kib, 100},
      {"csv.gz", csv_files, gzip, gzip_size, read_csv, 144 * kib, 100},
      {"history", history_files, plain, plain_size, read_history, 16 * kib, 80},
      {"idx", idx_files(), plain, plain_size, read_idx, 64 * kib, 9},
      {"idx.gz", idx_files(), gzip, gzip_size, read_idx, 64 * kib, 9},
      {"npy", npy_files(), plain, plain_size, read_npy, 16 * kib, 17},
      {"npz", npy_files(), zip, zip_size, read_npz, 16 * kib, 9},
      {"stream", idx_files(), plain, plain_size, stream, 192 * kib, 0},
      {"stream npy", npy_files(), plain, plain_size, stream, 192 * kib, 0},
      {"safetensors", safetensors_files(), safetensors, plain_size, read_safetensors, 16 * kib, 12},
      {"weights", weights_files, safetensors, plain_size, load_weights, 64 * kib, 12},
      {"checkpoint", checkpoint_files(path), safetensors, plain_size, resume, 64 * kib, 12},
      {"onnx", onnx_files(path), plain, plain_size, read_onnx, 64 * kib, 12},
  };
}

// How files are damaged.

std::size_t below(Random& random, std::size_t n) { return static_cast<std::size_t>(random() % n); }

std::string edge_number(Random& random) {
  const Strings numbers = {"0",
                           "-1",
                           "1",
                           "255",
                           "256",
                           "65536",
                           "4294967295",
                           "4294967296",
                           "9223372036854775807",
                           "18446744073709551615",
                           "99999999999999999999",
                           "1e308",
                           "1e-400",
                           "nan",
                           "-inf",
                           "1.5",
                           "?"};
  return numbers[below(random, numbers.size())];
}

void damage_once(std::string& bytes, const Strings& others, Random& random) {
  if (bytes.empty()) bytes = "x";
  const std::size_t at = below(random, bytes.size()), length = 1 + below(random, 16);
  switch (below(random, 9)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      bytes[at] = "\0\1\x7f\x80\xff\"\n,;:\\'(){}[]"[below(random, 18)];
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.erase(at, length);
      break;
    case 4:
      bytes.insert(at, bytes.substr(below(random, bytes.size()), length));
      break;
    case 5: {  // the beginning of this, the end of another
      const std::string& other = others[below(random, others.size())];
      bytes = bytes.substr(0, at) + other.substr(below(random, other.size()));
      break;
    }
    case 6: {  // a number in text
      const auto digit = [](char c) { return (c >= '0' && c <= '9') || c == '.'; };
      const auto begin = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), digit);
      const auto end = std::find_if_not(begin, bytes.end(), digit);
      bytes.replace(begin, end, edge_number(random));
      break;
    }
    case 8: {  // much of the same
      const std::string part = bytes.substr(at, length);
      std::string many;
      for (std::size_t n = below(random, 4000); n > 0; --n) many += part;
      bytes.insert(at, many);
      break;
    }
    case 7: {  // a length in bytes, of either order
      const std::uint64_t lengths[] = {
          0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0x100000000, ~std::uint64_t{0}};
      std::uint64_t value = lengths[below(random, std::size(lengths))] + below(random, 3) - 1;
      const std::size_t size = std::size_t{1} << below(random, 4);
      const bool big = below(random, 2);
      for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
        bytes[at + i] = static_cast<char>(value >> 8 * (big ? size - 1 - i : i));
      break;
    }
  }
}

std::string damaged(std::string bytes, const Strings& others, Random& random) {
  do damage_once(bytes, others, random);
  while (below(random, 2) == 0);
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: fuzz_files COUNT SEED\n";
    return 2;
  }
  const std::uint64_t count = std::strtoull(argv[1], nullptr, 10), seed = std::strtoull(argv[2], nullptr, 10);
  const Path path = std::filesystem::temp_directory_path() / ("fuzz_files_" + std::to_string(getpid()));
  const auto formats = all_formats(path);
  struct Seen {
    std::size_t read = 0, refused = 0;
    double most = 0;  // memory beyond what is fixed, for every byte of the file
  };
  std::vector<Seen> seen(formats.size());
  for (std::uint64_t i = 0; i < count; ++i) {
    Random random(seed + i);
    const std::size_t f = below(random, formats.size());
    const Format& format = formats[f];
    std::string bytes = format.files[below(random, format.files.size())];
    // Damaged inside, where a checksum would else hide it; or as packed.
    const bool inside = below(random, 2);
    bytes = format.pack(inside ? damaged(bytes, format.files, random) : bytes, path);
    if (!inside) bytes = damaged(bytes, {bytes}, random);
    std::filesystem::remove(path);  // quicker than to overwrite it, where that waits for the disk
    std::ofstream(path, std::ios::binary) << bytes;
    const std::size_t size = format.size(path);
    const std::uint64_t choice = random();

    std::string wrong;
    start_counting();
    try {
      format.read(path, choice);
      ++seen[f].read;
    } catch (const nn::DataError&) {
      ++seen[f].refused;
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    const std::size_t most = allocations().peak;
    constexpr std::size_t slab = 1 << 16;  // that small arrays take at once
    if (most > slab + format.fixed + format.factor * size)
      wrong = std::to_string(most) + " bytes of memory held at once";
    if (most > format.fixed)
      seen[f].most = std::max(seen[f].most, static_cast<double>(most - format.fixed) / static_cast<double>(size));
    if (!wrong.empty()) {
      std::cerr << "fuzz_files 1 " << seed + i << ": " << format.name << " of " << bytes.size() << " bytes, " << size
                << " unpacked, in " << path << ": " << wrong << '\n';
      return 1;
    }
  }
  std::filesystem::remove(path);
  for (std::size_t f = 0; f < formats.size(); ++f) {
    const auto& [read, refused, most] = seen[f];
    std::cout << formats[f].name << ": " << read << " read, " << refused << " refused; memory: " << formats[f].fixed
              << " bytes + " << most << " for every byte of the file\n";
    if (count >= 1000 && (read == 0 || refused == 0)) {
      std::cerr << "these files test nothing\n";
      return 1;
    }
  }
}
