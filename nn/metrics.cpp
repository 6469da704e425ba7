#include "metrics.hpp"

#include <algorithm>
#include <iomanip>
#include <numeric>
#include <ostream>

namespace nn {

using autodiff::Array;
using autodiff::Dims;
using autodiff::fail;
using autodiff::Real;
using autodiff::ShapeError;
using autodiff::ValueError;
using autodiff::Variable;

namespace {

/// The class with the largest score of every sample.
template <Real T>
Array<T> predictions(std::string_view caller, const Array<T>& scores, const Array<T>& labels) {
  if (scores.dimension() != 2 || labels.dimension() != 1 || scores.shape(0) != labels.shape(0) || scores.size() == 0)
    fail<ShapeError>(caller, "needs scores (samples, classes) and labels (samples): ", Dims(scores.shape()), " and ",
                     Dims(labels.shape()));
  return autodiff::argmax(Variable<T>(scores)).value();
}

}  // namespace

ConfusionMatrix::ConfusionMatrix(std::vector<std::string> classes)
    : classes_(std::move(classes)), counts_(classes_.size() * classes_.size()) {
  if (classes_.empty()) fail<ValueError>("confusion_matrix", "needs at least one class");
}

template <Real T>
void ConfusionMatrix::add(const Array<T>& scores, const Array<T>& labels) {
  const auto predicted = predictions("confusion_matrix", scores, labels);
  if (scores.shape(1) != classes_.size())
    fail<ShapeError>("confusion_matrix", "needs a score for each of ", classes_.size(),
                     " classes: ", Dims(scores.shape()));
  auto counts = counts_;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const T label = labels.data()[i];
    if (!(label >= 0 && label < static_cast<T>(classes_.size())) ||
        label != static_cast<T>(static_cast<std::size_t>(label)))
      fail<ValueError>("confusion_matrix", "label ", i, " is not one of ", classes_.size(), " classes: ", label);
    ++counts[static_cast<std::size_t>(label) * classes_.size() + static_cast<std::size_t>(predicted.data()[i])];
  }
  counts_ = std::move(counts);
}

std::size_t ConfusionMatrix::operator()(std::size_t actual, std::size_t predicted) const {
  if (std::max(actual, predicted) >= classes_.size())
    fail<ValueError>("confusion_matrix", "there are only ", classes_.size(), " classes: ", actual, ", ", predicted);
  return counts_[actual * classes_.size() + predicted];
}

std::size_t ConfusionMatrix::samples() const { return std::accumulate(counts_.begin(), counts_.end(), std::size_t{0}); }

double ConfusionMatrix::accuracy() const {
  if (samples() == 0) fail<ValueError>("accuracy", "there are no samples");
  std::size_t right = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c) right += (*this)(c, c);
  return static_cast<double>(right) / static_cast<double>(samples());
}

std::ostream& operator<<(std::ostream& out, const ConfusionMatrix& matrix) {
  const auto& classes = matrix.classes_;
  std::size_t name = std::string_view("actual").size(), cell = 3;
  for (const auto& c : classes) name = std::max(name, c.size()), cell = std::max(cell, c.size());
  for (const auto n : matrix.counts_) cell = std::max(cell, std::to_string(n).size());
  const auto put = [&](const std::string& text, std::size_t width) {
    out << std::setw(static_cast<int>(width)) << text;
  };
  put("actual", name), out << " | predicted\n";
  put("", name), out << " |";
  for (const auto& c : classes) out << ' ', put(c, cell);
  out << '\n' << std::string(name + 1, '-') << '+' << std::string(classes.size() * (cell + 1), '-') << '\n';
  for (std::size_t a = 0; a < classes.size(); ++a) {
    put(classes[a], name), out << " |";
    for (std::size_t p = 0; p < classes.size(); ++p)
      out << ' ', put(matrix(a, p) ? std::to_string(matrix(a, p)) : ".", cell);
    out << '\n';
  }
  return out;
}

template <Real T>
double accuracy(const Array<T>& scores, const Array<T>& labels) {
  const auto predicted = predictions("accuracy", scores, labels);
  const auto right = std::inner_product(predicted.begin(), predicted.end(), labels.begin(), std::size_t{0},
                                        std::plus<>(), std::equal_to<>());
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

template void ConfusionMatrix::add(const Array<float>&, const Array<float>&);
template void ConfusionMatrix::add(const Array<double>&, const Array<double>&);
template double accuracy(const Array<float>&, const Array<float>&);
template double accuracy(const Array<double>&, const Array<double>&);

}  // namespace nn
