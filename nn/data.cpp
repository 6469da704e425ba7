#include "data.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "lines.hpp"

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::ShapeError;
using autodiff::ValueError;

namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// What a file holds, fit to be shown: short, and without bytes that would do things to a terminal.
std::string shown(std::string_view field) {
  std::string text(field.substr(0, 24));
  std::ranges::replace_if(
      text, [](char c) { return c < 32 || c > 126; }, '?');
  return '"' + text + (field.size() > 24 ? "...\"" : "\"");
}

/// Appends the fields of a line and returns how many there were.
template <Real T>
std::size_t parse(const Lines& lines, std::string_view line, std::vector<T>& values) {
  for (std::size_t column = 1;; ++column) {
    const std::size_t comma = line.find(',');
    const std::string_view field = trimmed(line.substr(0, comma));
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc() || end != field.data() + field.size() || !std::isfinite(static_cast<T>(value)))
      lines.refuse("column " + std::to_string(column) + " is not a finite number: " + shown(field));
    values.push_back(static_cast<T>(value));
    if (comma == line.npos) return column;
    line.remove_prefix(comma + 1);
  }
}

template <Real T>
Array<T> array(autodiff::Shape shape, const std::vector<T>& values) {
  Array<T> result(shape);
  std::ranges::copy(values, result.data());
  return result;
}

template <Real T>
void check_samples(std::string_view caller, const Array<T>& inputs) {
  if (inputs.dimension() != 2 || inputs.size() == 0)
    fail<ShapeError>(caller, "needs inputs (samples, features): ", Dims(inputs.shape()));
}

}  // namespace

template <Real T>
Dataset<T> read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  Lines lines("read_csv", path, options.max_bytes, options.max_line);
  std::vector<T> inputs, targets;
  std::size_t columns = 0, classes = 0;
  for (std::string_view line; lines.next(line);) {
    if (trimmed(line).empty()) continue;
    const std::size_t here = parse(lines, line, inputs);
    if (columns == 0 && here < 2) lines.refuse("needs two columns at least: a feature and the class");
    if (columns != 0 && here != columns)
      lines.refuse(std::to_string(here) + " columns, where the lines before have " + std::to_string(columns));
    columns = here;
    const T label = inputs.back();
    inputs.pop_back();
    if (!(label >= 0) || label != std::floor(label) || label >= static_cast<T>(options.max_classes))
      lines.refuse("the last column must be a class, a whole number from 0 to " +
                   std::to_string(options.max_classes - 1));
    classes = std::max(classes, static_cast<std::size_t>(label) + 1);
    targets.push_back(label);
  }
  if (targets.empty()) lines.refuse("the file holds no samples");
  Dataset<T> data{array({targets.size(), columns - 1}, inputs), array({targets.size()}, targets), {}};
  for (std::size_t c = 0; c < classes; ++c) data.classes.push_back(std::to_string(c));
  return data;
}

template <Real T>
Dataset<T> Dataset<T>::rows(std::span<const std::size_t> numbers) const {
  Dataset chosen{autodiff::uninitialised<T>(autodiff::Shape{numbers.size(), features()}),
                 autodiff::uninitialised<T>(autodiff::Shape{numbers.size()}), classes};
  T* to = chosen.inputs.data();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] >= size()) fail<ValueError>("rows", "there is no sample ", numbers[i], ", only ", size());
    to = std::copy_n(inputs.data() + numbers[i] * features(), features(), to);
    chosen.targets.data()[i] = targets.data()[numbers[i]];
  }
  return chosen;
}

template <Real T>
Split<T> split(const Dataset<T>& data, double fraction, std::uint64_t seed) {
  const double wanted = std::round(fraction * static_cast<double>(data.size()));
  if (!(wanted >= 1 && wanted < static_cast<double>(data.size())))
    fail<ValueError>("split", "leaves a part empty: ", fraction, " of ", data.size(), " samples");
  const auto order = Random(seed, "split").permutation(data.size());
  const auto test = std::span(order).first(static_cast<std::size_t>(wanted));
  return {data.rows(std::span(order).subspan(test.size())), data.rows(test)};
}

std::vector<std::vector<std::size_t>> batches(std::size_t samples, std::size_t size, std::uint64_t seed,
                                              std::uint64_t epoch) {
  if (size == 0) fail<ValueError>("batches", "a batch needs at least one sample");
  const auto order = Random(seed, "batches " + std::to_string(epoch)).permutation(samples);
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t begin = 0; begin < samples;) {
    const std::size_t length = std::min(size, samples - begin);
    result.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(begin),
                        order.begin() + static_cast<std::ptrdiff_t>(begin + length));
    begin += length;
  }
  return result;
}

template <Real T>
Array<T> Scaling::operator()(const Array<T>& inputs) const {
  if (inputs.dimension() != 2 || inputs.shape(1) != shift.size())
    fail<ShapeError>("scaling", "needs inputs (samples, ", shift.size(), "): ", Dims(inputs.shape()));
  return autodiff::to_array<T>((xt::cast<double>(inputs) - shift) * factor);
}

template <Real T>
Scaling scale_range(const Array<T>& inputs) {
  check_samples("scale_range", inputs);
  const auto [low, high] = std::minmax_element(inputs.begin(), inputs.end());
  const double range = static_cast<double>(*high) - static_cast<double>(*low);
  Array<double> shift = xt::ones<double>({inputs.shape(1)});
  Array<double> factor = shift * (range > 0 ? 1 / range : 0);
  return {shift * static_cast<double>(*low), factor};
}

template <Real T>
Scaling standardise(const Array<T>& inputs) {
  check_samples("standardise", inputs);
  const std::size_t samples = inputs.shape(0), features = inputs.shape(1);
  const double n = static_cast<double>(samples);
  Array<double> mean = xt::zeros<double>({features}), square = mean, factor = mean;
  for (std::size_t i = 0; i < inputs.size(); ++i) mean(i % features) += inputs.data()[i] / n;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const double off = inputs.data()[i] - mean(i % features);
    square(i % features) += off * off / n;
  }
  for (std::size_t j = 0; j < features; ++j) {
    // A constant feature deviates by rounding alone.
    const bool constant = std::sqrt(square(j)) <= 1e-12 * std::abs(mean(j));
    factor(j) = constant ? 0 : 1 / std::sqrt(square(j));
  }
  return {mean, factor};
}

#define NN_DATA(T)                                                               \
  template struct Dataset<T>;                                                    \
  template Dataset<T> read_csv(const std::filesystem::path&, const CsvOptions&); \
  template Split<T> split(const Dataset<T>&, double, std::uint64_t);             \
  template Array<T> Scaling::operator()(const Array<T>&) const;                  \
  template Scaling scale_range(const Array<T>&);                                 \
  template Scaling standardise(const Array<T>&);
NN_DATA(float)
NN_DATA(double)

}  // namespace nn
