#include "data_set.hpp"

#include <zlib.h>

#include <algorithm>
#include <functional>
#include <set>

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
constexpr std::pair<const char*, Missing> policies[] = {
    {"refuse", Missing::refuse}, {"drop", Missing::drop_row}, {"mean", Missing::keep}, {"median", Missing::keep}};

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

nn::Column column(const std::string& text) {
  const bool number = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
  return number ? nn::Column(std::stoul(text)) : nn::Column(text);
}

namespace {

nn::CsvOptions form(const Table& table, const Survey& survey) {
  nn::CsvOptions options;
  options.separator = survey.separator, options.decimal_point = survey.decimal_point;
  options.header = survey.header;
  options.missing = chosen(policies, table.missing);
  return options;
}

/// A name from a file, without bytes that would do things to a terminal.
std::string quoted(std::string name) {
  std::ranges::replace_if(
      name, [](char c) { return (c >= 0 && c < 32) || c == 127; }, '?');
  return '"' + name + '"';
}

/// "size, kind, ...": the first few.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + quoted(names[i]);
  return text + (names.size() > most ? ", ..." : "");
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  return names;
}

/// More samples of a table are matched by names, so there must not be two of one.
void need_distinct(const std::string& file, const char* what, std::vector<std::string> names) {
  names = sorted(std::move(names));
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end())
    autodiff::fail<nn::DataError>("columns", file, ": two ", what, " are named ", quoted(*twice));
}

/// What becomes of columns that are those of training in another order, and may lack some that are not needed.
struct Match {
  const std::string& file;
  const Table& table;
  const std::vector<std::string>& features;
  const std::string& target;
  bool with_target;
  std::vector<std::string> read = {};  // the features in the order of the file

  void operator()(std::vector<std::string> columns, nn::CsvOptions& options) {
    // Where columns have no names, those after a target that is not there have moved.
    const bool unnamed = columns.front() == "column 1" && table.columns.front() == "column 1";
    if (!with_target && unnamed && columns.size() + 1 == table.columns.size()) {
      columns = table.columns;
      std::erase(columns, target);
    }
    using Names = std::set<std::string_view>;
    const Names plain(features.begin(), features.end()), before(table.columns.begin(), table.columns.end()),
        here(columns.begin(), columns.end());
    const auto needed = [&](const std::string& name) {
      return table.categories.contains(name) || plain.contains(name) || (with_target && name == target);
    };
    std::vector<std::string> missing, unknown;
    for (const auto& name : table.columns)
      if (needed(name) && !here.contains(name)) missing.push_back(name);
    for (const auto& name : columns)
      if (!before.contains(name)) unknown.push_back(name);
    if (!missing.empty() || !unknown.empty())
      autodiff::fail<nn::DataError>("columns", file, ": ", missing.empty() ? "" : "missing: " + listed(missing),
                                    missing.empty() || unknown.empty() ? "" : "; ",
                                    unknown.empty() ? "" : "not in the training table: " + listed(unknown));
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto category = table.categories.find(columns[c]);
      if (category != table.categories.end()) {
        options.categorical.push_back({c + 1, true, category->second});
        for (const auto& name : category->second) read.push_back(columns[c] + "=" + name);
      } else if (plain.contains(columns[c])) {
        read.push_back(columns[c]);
      } else if (with_target && columns[c] == target) {
        options.targets = {c + 1};
      } else {
        options.drop.push_back(c + 1);
      }
    }
  }
};

/// Reads more of a table, with features as those of training.
nn::Dataset<double> read_alike(Match match, const std::vector<std::string>& classes = {}) {
  const auto text = nn::read_csv_text(match.file);
  auto table = match.table;
  if (table.header == "counts") table.header = "automatic";  // counts that another file need not have
  auto options = form(table, look(text, table, match.table.columns));
  options.classes = classes;
  options.regression = classes.empty();
  options.unlabelled = !match.with_target;
  options.adapt = std::ref(match);
  auto data = nn::read_csv<double>(text, options);
  if (match.read == match.features) return data;
  need_distinct(match.file, "features", match.read);
  // The file of a network need not be one of ours.
  if (sorted(match.read) != sorted(match.features))
    autodiff::fail<nn::DataError>("columns", match.file, ": the network's features are not those of its table");
  std::map<std::string_view, std::size_t> places;
  for (const auto& name : match.read) places.emplace(name, places.size());
  autodiff::Array<double> inputs(data.inputs.shape());
  for (std::size_t j = 0; j < match.features.size(); ++j)
    xt::view(inputs, xt::all(), j) = xt::view(data.inputs, xt::all(), places.at(match.features[j]));
  data.inputs = std::move(inputs);
  return data;
}

}  // namespace

nn::Dataset<double> read_table(const nn::CsvText& text, const Survey& survey, Table& table) {
  auto options = form(table, survey);
  const auto named = [&](const std::string& name) {
    const auto found = survey.find(name);
    return found ? nn::Column(*found + 1) : column(name);
  };
  if (!table.target.empty()) options.targets = {named(table.target)};
  for (const auto& [number, reason] : survey.dropped) options.drop.push_back(number + 1);
  for (const auto& name : table.drop)
    if (const auto found = survey.find(name); !found || !survey.dropped.contains(*found))
      options.drop.push_back(named(name));
  for (const std::size_t number : survey.categorical) options.categorical.push_back({number + 1, true});
  for (const auto& name : table.categorical)
    if (!survey.find(name)) options.categorical.push_back({column(name), true});
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

nn::Dataset<double> read_more(const std::string& file, const Table& table, const nn::Dataset<double>& before) {
  return read_alike({file, table, before.feature_names, before.target_names.at(0), true}, before.classes);
}

autodiff::Array<double> read_inputs(const std::string& file, const Table& table,
                                    const std::vector<std::string>& features, const std::vector<std::string>& targets) {
  return read_alike({file, table, features, targets.at(0), false}).inputs;
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
