// Damages valid files of every form that is read, and reads them: each must be read or refused with DataError, and no
// single piece of memory taken may exceed `fixed + factor * bytes`, where bytes is what the file holds, unpacked.
// Arguments: how many, and a seed. Case i of seed s is case 0 of seed s + i, so `fuzz_files 1 N` repeats one.
#include <unistd.h>
#include <unzip.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
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

// Buffers are of 64 KiB. A field of text takes one byte or two in a file, and is a std::string of 32 bytes in a vector
// that grows by doubling; the binary forms need 8 bytes for one, a double.
constexpr std::size_t fixed = (1 << 16) + 4096;
constexpr std::size_t factor = 40;

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

// How files are read: `choice` is a random number for those who have options.

using Options = nn::CsvOptions;

void read_csv(const Path& path, std::uint64_t choice) {
  nn::read_csv<double>(path, {.header = static_cast<Options::Header>(choice % 8 < 5 ? 0 : choice % 4),
                              .missing = static_cast<Options::Missing>(choice / 8 % 4)});
}
void read_table(const Path& path, std::uint64_t choice) {
  // What one-hot features take is bounded by the number of classes, not by the file's size alone.
  nn::read_csv<double>(path, {.categorical = {{2, choice % 2 == 0}, {"mass"}},
                              .missing = static_cast<Options::Missing>(1 + choice / 2 % 3),
                              .max_classes = 8});
}
void read_blanks(const Path& path, std::uint64_t choice) {
  nn::read_csv<float>(path, {.separator = ' ',
                             .comment = '#',
                             .targets = {1, 3},
                             .regression = true,
                             .drop = {4},
                             .missing = static_cast<Options::Missing>(choice % 4)});
}
void read_history(const Path& path, std::uint64_t) { nn::read_history(path); }
void read_idx(const Path& path, std::uint64_t choice) {
  choice % 2 ? void(nn::read_idx<double>(path)) : void(nn::read_idx<float>(path, path));
}
void read_npy(const Path& path, std::uint64_t) { nn::read_npy<double>(path); }
void read_npz(const Path& path, std::uint64_t choice) {
  choice % 2 ? void(nn::read_npz<double>(path)) : void(nn::read_npz<double>(path, "x"));
}
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
const Strings idx_files = {
    "\0\0\x08\3\0\0\0\4\0\0\0\2\0\0\0\3abcdefghijklmnopqrstuvwx"s,
    "\0\0\x08\1\0\0\0\5\0\1\2\3\4"s,
    "\0\0\x0b\2\0\0\0\2\0\0\0\3\0\1\0\2\0\3\0\4\0\5\0\6"s,
    "\0\0\x0d\1\0\0\0\2\x3f\x80\0\0\xc0\x20\0\0"s,
};
std::string npy(const std::string& header, const std::string& elements) {
  return "\x93NUMPY\1\0"s + static_cast<char>(header.size()) + '\0' + header + elements;
}
const Strings npy_files = {
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }       \n", std::string(48, '@')),
    npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2, 3), }\n", std::string(24, 'x')),
    npy("{'descr': '|u1', 'fortran_order': False, 'shape': (17,), }\n", "seventeen letters"),
    "\x93NUMPY\2\0\x3b\0\0\0{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  \n"s + "\0\0\x80?\0\0\0@"s,
};

struct Format {
  const char* name;
  Strings files;
  std::string (*pack)(const std::string&, const Path&);
  std::size_t (*size)(const Path&);
  void (*read)(const Path&, std::uint64_t);
};

// One line a reader: what it is called, valid files, how they are packed and measured, and the reader.
const Format formats[] = {
    {"csv", csv_files, plain, plain_size, read_csv},
    {"csv table", table_files, plain, plain_size, read_table},
    {"csv blanks", blank_files, plain, plain_size, read_blanks},
    {"csv.gz", csv_files, gzip, gzip_size, read_csv},
    {"history", history_files, plain, plain_size, read_history},
    {"idx", idx_files, plain, plain_size, read_idx},
    {"idx.gz", idx_files, gzip, gzip_size, read_idx},
    {"npy", npy_files, plain, plain_size, read_npy},
    {"npz", npy_files, zip, zip_size, read_npz},
    {"stream", idx_files, plain, plain_size, stream},
    {"stream npy", npy_files, plain, plain_size, stream},
};

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
      bytes[at] = "\0\1\x7f\x80\xff\"\n,;'(){}"[below(random, 14)];
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
      const auto begin = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
      const auto end = std::find_if(begin, bytes.end(), [](char c) { return c < '0' || c > '9'; });
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
  std::vector<std::size_t> read(std::size(formats)), refused(std::size(formats));
  double worst = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Random random(seed + i);
    const std::size_t f = below(random, std::size(formats));
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
      ++read[f];
    } catch (const nn::DataError&) {
      ++refused[f];
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    const std::size_t largest = allocations().largest;
    if (largest > fixed + factor * size) wrong = std::to_string(largest) + " bytes of memory in one piece";
    worst =
        std::max(worst, (static_cast<double>(largest) - fixed) / static_cast<double>(std::max<std::size_t>(size, 1)));
    if (!wrong.empty()) {
      std::cerr << "fuzz_files 1 " << seed + i << ": " << format.name << " of " << bytes.size() << " bytes, " << size
                << " unpacked, in " << path << ": " << wrong << '\n';
      return 1;
    }
  }
  std::filesystem::remove(path);
  for (std::size_t f = 0; f < std::size(formats); ++f) {
    std::cout << formats[f].name << ": " << read[f] << " read, " << refused[f] << " refused\n";
    if (count >= 1000 && (read[f] == 0 || refused[f] == 0)) {
      std::cerr << "these files test nothing\n";
      return 1;
    }
  }
  std::cout << "largest piece of memory: " << fixed << " bytes + " << std::max(worst, 0.0)
            << " for every byte of the file\n";
}
