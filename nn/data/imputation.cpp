#include "imputation.hpp"

#include <algorithm>
#include <cmath>
#include <nn/base/data_error.hpp>
#include <set>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::Shape;
using autodiff::ShapeError;

namespace {

template <Real T>
double mean(std::vector<T>& values) {
  double sum = 0;
  for (const T value : values) sum += value / static_cast<double>(values.size());
  // Rounding must not take a constant feature for one that varies.
  const auto [least, most] = std::ranges::minmax(values);
  return std::clamp<double>(sum, least, most);
}

template <Real T>
double median(std::vector<T>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return *std::max_element(values.begin(), middle) / 2 + *middle / 2;
}

template <Real T>
double most_frequent(const std::vector<T>& values) {
  std::map<T, std::size_t> counts;
  for (const T value : values) ++counts[value];
  return std::ranges::max_element(counts, {}, [](const auto& count) { return count.second; })->first;
}

template <Real T>
Imputation filling(const char* caller, const Dataset<T>& data, double (*average)(std::vector<T>&)) {
  if (data.inputs.dimension() != 2) fail<ShapeError>(caller, "needs (samples, features): ", Dims(data.inputs.shape()));
  const std::size_t width = data.inputs.shape(1);
  const auto& names = data.feature_names;
  if (std::set<std::string_view> distinct(names.begin(), names.end());
      !data.categories.empty() && distinct.size() < names.size())
    fail<DataError>(caller, "two features have one name, so that categories cannot be told apart");
  const auto known = [&](std::size_t feature) {
    std::vector<T> values;
    for (std::size_t i = feature; i < data.inputs.size(); i += width)
      if (!std::isnan(data.inputs.data()[i])) values.push_back(data.inputs.data()[i]);
    if (values.empty())
      fail<DataError>(caller, feature < names.size() ? names[feature] : "feature " + std::to_string(feature + 1),
                      " holds no value in these samples");
    return values;
  };
  const auto find = [&](const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  };

  Imputation result{Array<double>(Shape{width})};
  for (std::size_t j = 0; j < width; ++j) {
    auto values = known(j);
    result.values(j) = average(values);
  }
  for (const auto& [column, categories] : data.categories) {
    if (const std::size_t plain = find(column); plain < names.size()) {
      result.values(plain) = most_frequent(known(plain));
      continue;
    }
    if (categories.empty()) continue;
    const std::size_t first = find(column + "=" + categories.front());  // of as many features as there are categories
    std::size_t most = 0, largest = 0;
    for (std::size_t c = 0; c < categories.size() && first + c < width; ++c) {
      const auto count = static_cast<std::size_t>(std::ranges::count(known(first + c), T(1)));
      if (count > largest) most = c, largest = count;
      result.values(first + c) = 0;
    }
    if (largest > 0) result.values(first + most) = 1;
  }
  return result;
}

}  // namespace

template <Real T>
Array<T> Imputation::operator()(Array<T> inputs) const {
  if (inputs.dimension() != 2 || inputs.shape(1) != values.size())
    fail<ShapeError>("imputation", "needs inputs (samples, ", values.size(), "): ", Dims(inputs.shape()));
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (T& value = inputs.data()[i]; std::isnan(value)) value = static_cast<T>(values(i % values.size()));
  return inputs;
}

template <Real T>
Imputation fill_mean(const Dataset<T>& data) {
  return filling("fill_mean", data, mean<T>);
}

template <Real T>
Imputation fill_median(const Dataset<T>& data) {
  return filling("fill_median", data, median<T>);
}

#define NN_IMPUTATION(T)                                    \
  template Array<T> Imputation::operator()(Array<T>) const; \
  template Imputation fill_mean(const Dataset<T>&);         \
  template Imputation fill_median(const Dataset<T>&);
NN_IMPUTATION(float)
NN_IMPUTATION(double)

}  // namespace nn
