#include "data_set.hpp"

#include <zlib.h>

#include <algorithm>

using autodiff::Real;

namespace {

constexpr std::pair<const char*, char> separators[] = {
    {"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"space", ' '}};

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

std::vector<std::string> separator_names() { return names(separators); }
std::vector<std::string> missing_names() { return names(policies); }

nn::Column column(const std::string& text) {
  const bool number = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
  return number ? nn::Column(std::stoul(text)) : nn::Column(text);
}

nn::CsvOptions Table::options(std::size_t removed) const {
  const auto shifted = [&](const std::string& text) {
    auto result = column(text);
    if (removed > 0 && result.number > removed) --result.number;
    return result;
  };
  nn::CsvOptions options;
  options.separator = chosen(separators, separator);
  options.missing = chosen(policies, missing);
  for (const auto& name : drop) options.drop.push_back(shifted(name));
  for (const auto& name : categorical) {
    const auto found = categories.find(column(name).name.empty() ? "column " + name : name);
    options.categorical.push_back(
        {shifted(name), true, found == categories.end() ? std::vector<std::string>{} : found->second});
  }
  return options;
}

namespace {

nn::CsvOptions with_target(const Table& table) {
  auto options = table.options();
  if (!table.target.empty()) options.targets = {column(table.target)};
  return options;
}

/// "3 (size, kind, ...)": the first few.
std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 8;
  std::string text = std::to_string(names.size());
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : " (") + names[i];
  return text + (names.empty() ? "" : names.size() > most ? ", ...)" : ")");
}

}  // namespace

template <Real T>
nn::Dataset<T> read_table(const std::string& file, const std::string& task, Table& table) {
  auto options = with_target(table);
  options.regression = task == "regression";
  options.automatic = task == "automatic";
  auto data = nn::read_csv<T>(file, options);
  table.categories = data.categories;
  return data;
}

template <Real T>
nn::Dataset<T> read_more(const std::string& file, const Table& table, const nn::Dataset<T>& before) {
  auto options = with_target(table);
  options.regression = before.classes.empty();
  options.classes = before.classes;
  auto data = nn::read_csv<T>(file, options);
  if (data.feature_names != before.feature_names || data.features() != before.features())
    autodiff::fail<nn::DataError>("table", file,
                                  ": the features must be those of training: ", listed(data.feature_names), " and ",
                                  listed(before.feature_names));
  return data;
}

template <Real T>
autodiff::Array<T> read_inputs(const std::string& file, const Table& table, const std::vector<std::string>& features,
                               const std::vector<std::string>& targets) {
  // Columns without a name are known by their number.
  const std::string unnamed = "column ";
  const bool numbered = targets.at(0).starts_with(unnamed);
  const auto target = column(numbered ? targets[0].substr(unnamed.size()) : targets[0]);
  const auto read = [&](nn::CsvOptions options) {
    options.unlabelled = true;
    return nn::read_csv<T>(file, options);
  };
  try {
    auto labelled = table.options();
    labelled.drop.push_back(target);
    auto data = read(labelled);
    if (data.feature_names == features) return data.inputs;
  } catch (const nn::DataError&) {  // there is no such column, or there is a fault that is found again
  }
  auto data = read(table.options(numbered ? target.number : 0));
  const auto has_number = [&](const std::string& name) { return name.starts_with(unnamed); };
  const bool fits =
      data.feature_names == features ||
      (numbered && std::ranges::all_of(data.feature_names, has_number) && data.features() == features.size());
  if (!fits)
    autodiff::fail<nn::DataError>("predict", file, ": needs the ", features.size(), " features ", features.front(),
                                  " to ", features.back(), " that the model was trained on, and has ", data.features());
  return data.inputs;
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

template <Real T>
nn::Split<T> read_mnist(const std::string& directory) {
  const auto read = [&](const std::string& part) {
    const auto file = [&](const std::string& kind) {
      const std::filesystem::path plain = std::filesystem::path(directory) / (part + "-" + kind + "-ubyte");
      return std::filesystem::exists(plain) ? plain : std::filesystem::path(plain.string() + ".gz");
    };
    return nn::read_idx<T>(file("images-idx3"), file("labels-idx1"));
  };
  return {read("train"), read("t10k")};
}

#define DATA_SET(T)                                                                                          \
  template nn::Dataset<T> read_table(const std::string&, const std::string&, Table&);                        \
  template nn::Dataset<T> read_more(const std::string&, const Table&, const nn::Dataset<T>&);                \
  template autodiff::Array<T> read_inputs(const std::string&, const Table&, const std::vector<std::string>&, \
                                          const std::vector<std::string>&);                                  \
  template std::string fingerprint(const nn::Dataset<T>&);                                                   \
  template nn::Split<T> read_mnist(const std::string&);
DATA_SET(float)
DATA_SET(double)
