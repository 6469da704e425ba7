#include "data_set.hpp"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>

using autodiff::Real;

namespace {

constexpr std::pair<const char*, char> separators[] = {
    {"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"bar", '|'}, {"space", ' '}};

using Header = nn::CsvOptions::Header;
constexpr std::pair<const char*, Header> headers[] = {{"automatic", Header::automatic},
                                                      {"absent", Header::absent},
                                                      {"present", Header::present},
                                                      {"counts", Header::counts}};

using Missing = nn::CsvOptions::Missing;
// What to fill in is not known before the test samples are set apart.
constexpr std::pair<const char*, Missing> policies[] = {{"automatic", Missing::keep},
                                                        {"refuse", Missing::refuse},
                                                        {"drop", Missing::drop_row},
                                                        {"mean", Missing::keep},
                                                        {"median", Missing::keep}};

constexpr std::pair<const char*, nn::DateOrder> orders[] = {
    {"year", nn::DateOrder::year}, {"day", nn::DateOrder::day}, {"month", nn::DateOrder::month}};

template <class Value, std::size_t N>
Value chosen(const std::pair<const char*, Value> (&choices)[N], const std::string& name) {
  for (const auto& [known, value] : choices)
    if (known == name) return value;
  autodiff::fail<nn::DataError>("table", "there is no choice \"", name, '"');
}

template <class Value, std::size_t N>
std::vector<std::string> names(const std::pair<const char*, Value> (&choices)[N]) {
  std::vector<std::string> result;
  for (const auto& choice : choices) result.emplace_back(choice.first);
  return result;
}

}  // namespace

char separator(const std::string& name) { return chosen(separators, name); }
Header header(const std::string& name) { return chosen(headers, name); }
std::vector<std::string> separator_names() {
  auto result = names(separators);
  result.insert(result.begin(), "automatic");
  return result;
}
std::vector<std::string> header_names() { return names(headers); }
std::vector<std::string> missing_names() { return names(policies); }
nn::DateOrder date_order(const std::string& name) { return chosen(orders, name); }
std::string name_of(nn::DateOrder order) { return orders[static_cast<std::size_t>(order)].first; }
std::vector<std::string> date_order_names() {
  auto result = names(orders);
  result.insert(result.begin(), "automatic");
  return result;
}

std::size_t usual_memory() {
  const auto pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  const std::size_t all = pages > 0 && size > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(size) : 0;
  return std::max(all / 8, nn::CsvOptions().max_bytes);
}

std::vector<std::string> missing_values(const Table& table) {
  auto result = nn::CsvOptions().missing_values;
  result.insert(result.end(), table.missing_values.begin(), table.missing_values.end());
  return result;
}

nn::Column column(const std::string& text) {
  const bool number = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
  return number ? nn::Column(std::stoul(text)) : nn::Column(text);
}

nn::CsvOptions form(const Table& table, const Survey& survey) {
  nn::CsvOptions options;
  options.separator = survey.separator, options.decimal_point = survey.decimal_point;
  options.header = survey.header;
  options.missing = chosen(policies, table.missing);
  options.missing_values = missing_values(table);
  options.drop_missing_targets = table.missing == "automatic";
  options.max_bytes = table.max_bytes;
  return options;
}

void need_distinct(const std::string& file, const char* what, std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end())
    autodiff::fail<nn::DataError>("columns", file, ": two ", what, " are named ", nn::in_quotes(*twice));
}

nn::Dataset<double> read_table(const nn::CsvText& text, const Survey& survey, Table& table) {
  auto options = form(table, survey);
  for (const std::size_t number : survey.targets) options.targets.emplace_back(number + 1);
  for (const auto& [number, reason] : survey.dropped) options.drop.push_back(number + 1);
  for (const std::size_t number : survey.categorical) options.categorical.push_back({number + 1, true});
  for (const auto& [number, order] : survey.dates) {
    options.dates.push_back({number + 1, order});
    table.date_orders[survey.columns[number].name] = name_of(order);
  }
  options.regression = survey.regression, options.classes = survey.classes;
  options.adapt = [&](const auto& columns, auto&) {
    need_distinct(survey.file, "columns", columns);
    table.columns = columns;
  };
  auto data = nn::read_csv<double>(text, options);
  need_distinct(survey.file, "features", data.feature_names);
  table.categories = data.categories;
  return data;
}

template <Real T>
std::string fingerprint(const nn::Dataset<T>& data) {
  auto sum = crc32(0, nullptr, 0);
  const auto add = [&](const void* bytes, std::size_t size) {
    sum = crc32_z(sum, static_cast<const Bytef*>(bytes), size);
  };
  for (const auto* array : {&data.inputs, &data.targets}) add(array->data(), array->size() * sizeof(T));
  for (const auto& name : data.classes) add(name.c_str(), name.size() + 1);
  return std::to_string(data.size()) + " samples of " + std::to_string(data.features()) + " features (checksum " +
         std::to_string(sum) + ")";
}

std::string version(const std::string& program) {
  std::string result = program;
  for (const int number :
       {XTENSOR_AUTODIFF_VERSION_MAJOR, XTENSOR_AUTODIFF_VERSION_MINOR, XTENSOR_AUTODIFF_VERSION_PATCH})
    result += (result == program ? ' ' : '.') + std::to_string(number);
  return result;
}

std::vector<std::filesystem::path> mnist_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const char* name : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"}) {
    const auto plain = directory / (std::string(name) + "-ubyte");
    files.push_back(std::filesystem::exists(plain) ? plain : std::filesystem::path(plain.string() + ".gz"));
  }
  return files;
}

template <Real T>
nn::Split<T> read_mnist(const std::string& directory) {
  const auto files = mnist_files(directory);
  return {nn::read_idx<T>(files[0], files[1]), nn::read_idx<T>(files[2], files[3])};
}

template std::string fingerprint(const nn::Dataset<float>&);
template std::string fingerprint(const nn::Dataset<double>&);
template nn::Split<float> read_mnist(const std::string&);
template nn::Split<double> read_mnist(const std::string&);
