// Where batches come from: memory, or a disk that holds more than the memory would.
#pragma once

#include <filesystem>
#include <memory>
#include <nn/base/data_error.hpp>

#include "dataset.hpp"
#include "scaling.hpp"

namespace nn {

/// Samples by number, whether in memory or not. One thread at a time.
template <autodiff::Real T>
class Source {
 public:
  virtual ~Source() = default;
  virtual std::size_t size() const = 0;
  /// Of one sample: (features), or further axes.
  virtual const autodiff::Shape& input_shape() const = 0;
  /// Of one sample: () for a class, (outputs) for real values.
  virtual const autodiff::Shape& target_shape() const = 0;

  /// Writes the samples of these numbers, in this order, to inputs (numbers, input_shape) and targets (numbers,
  /// target_shape), and takes no memory. Throws ShapeError for arrays of other shapes, ValueError for a sample that
  /// does not exist, and DataError when it cannot be read.
  void fetch(std::span<const std::size_t> numbers, autodiff::Array<T>& inputs, autodiff::Array<T>& targets);
  /// The same into arrays of its own.
  Dataset<T> rows(std::span<const std::size_t> numbers);
  /// Says which samples will be fetched next, so that a disk can read them meanwhile. Numbers that do not exist are not
  /// looked at.
  virtual void expect(std::span<const std::size_t>) {}

 protected:
  /// What fetch does once all is checked. A source that stands on another one uses copy_from.
  virtual void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) = 0;
  static void copy_from(Source& from, std::span<const std::size_t> numbers, T* inputs, T* targets) {
    from.copy(numbers, inputs, targets);
  }
};

/// The samples of a data set, which it keeps.
template <autodiff::Real T>
class MemorySource : public Source<T> {
 public:
  explicit MemorySource(Dataset<T> data);
  std::size_t size() const override { return data_.size(); }
  const autodiff::Shape& input_shape() const override { return input_shape_; }
  const autodiff::Shape& target_shape() const override { return target_shape_; }
  const Dataset<T>& data() const { return data_; }

 private:
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;

  Dataset<T> data_;
  autodiff::Shape input_shape_, target_shape_;
};

class SampleFile;

/// Samples on disk, in two IDX or .npy files: inputs (samples, ...), each as one row of features, and targets (samples)
/// or (samples, outputs). Any sample is read when it is asked for, through buffers of fixed size; neighbours are read
/// together. Throws DataError for other files, and for packed ones, which must be unpacked first.
template <autodiff::Real T>
class FileSource : public Source<T> {
 public:
  FileSource(const std::filesystem::path& inputs, const std::filesystem::path& targets);
  ~FileSource() override;
  std::size_t size() const override;
  const autodiff::Shape& input_shape() const override { return input_shape_; }
  const autodiff::Shape& target_shape() const override;
  void expect(std::span<const std::size_t> numbers) override;

 private:
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;

  std::unique_ptr<SampleFile> inputs_, targets_;
  autodiff::Shape input_shape_;
};

/// Some of the samples of another source, such as a training part, under numbers of their own; the other must outlive
/// it.
template <autodiff::Real T>
class Subset : public Source<T> {
 public:
  /// Throws ValueError for a sample that does not exist.
  Subset(Source<T>& source, std::vector<std::size_t> numbers);
  std::size_t size() const override { return numbers_.size(); }
  const autodiff::Shape& input_shape() const override { return source_.input_shape(); }
  const autodiff::Shape& target_shape() const override { return source_.target_shape(); }
  void expect(std::span<const std::size_t> numbers) override;

 private:
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;

  Source<T>& source_;
  std::vector<std::size_t> numbers_;
};

/// Another source with its inputs scaled, feature by feature; the other must outlive it.
template <autodiff::Real T>
class ScaledSource : public Source<T> {
 public:
  /// Throws ShapeError when the scaling has another number of features.
  ScaledSource(Source<T>& source, Scaling scaling);
  std::size_t size() const override { return source_.size(); }
  const autodiff::Shape& input_shape() const override { return source_.input_shape(); }
  const autodiff::Shape& target_shape() const override { return source_.target_shape(); }
  void expect(std::span<const std::size_t> numbers) override { source_.expect(numbers); }

 private:
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;

  Source<T>& source_;
  Scaling scaling_;
};

}  // namespace nn
