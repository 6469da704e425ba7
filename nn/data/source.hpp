// Where batches come from: memory, or a disk that holds more than the memory would.
#pragma once

#include <filesystem>
#include <memory>
#include <nn/base/data_error.hpp>
#include <string_view>
#include <vector>

#include "batch.hpp"
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
  /// Where a sample has several: of each, the first of which is the one above.
  virtual std::span<const autodiff::Shape> input_shapes() const { return {&input_shape(), 1}; }
  virtual std::span<const autodiff::Shape> target_shapes() const { return {&target_shape(), 1}; }
  /// Whether samples have weights.
  virtual bool weighted() const { return false; }

  /// Writes the samples of these numbers, in this order, to inputs (numbers, input_shape) and targets (numbers,
  /// target_shape), and takes no memory. Throws ShapeError for arrays of other shapes, and where a sample has several
  /// inputs or targets; ValueError for a sample that does not exist, and DataError when it cannot be read.
  void fetch(std::span<const std::size_t> numbers, autodiff::Array<T>& inputs, autodiff::Array<T>& targets);
  /// All that a sample has, likewise; weights where it has them.
  void fetch(std::span<const std::size_t> numbers, Batch<T>& batch);
  /// The same into arrays of its own.
  Dataset<T> rows(std::span<const std::size_t> numbers);
  Batch<T> batch(std::span<const std::size_t> numbers);
  /// Says which samples will be fetched next, so that a disk can read them meanwhile. Numbers that do not exist are not
  /// looked at.
  virtual void expect(std::span<const std::size_t>) {}

 protected:
  /// Where the arrays of a batch begin, and which of its samples is the first to be written.
  struct Places {
    std::span<T*const> inputs, targets;
    T* weights = nullptr;
    std::size_t first = 0;
  };
  /// What fetch does once all is checked, for a source with one input and one target. A source that stands on another
  /// one uses copy_from.
  virtual void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) = 0;
  /// The same for a source with several of them, or with weights.
  virtual void copy(std::span<const std::size_t> numbers, const Places& to);
  static void copy_from(Source& from, std::span<const std::size_t> numbers, T* inputs, T* targets) {
    from.copy(numbers, inputs, targets);
  }
  static void copy_from(Source& from, std::span<const std::size_t> numbers, const Places& to) {
    from.copy(numbers, to);
  }

 private:
  void check_single(std::string_view caller) const;
};

/// The samples of a data set, which it keeps.
template <autodiff::Real T>
class MemorySource : public Source<T> {
 public:
  explicit MemorySource(Dataset<T> data);
  std::size_t size() const override { return data_.size(); }
  const autodiff::Shape& input_shape() const override { return input_shape_; }
  const autodiff::Shape& target_shape() const override { return target_shape_; }
  /// The data set that it keeps.
  const Dataset<T>& data() const { return data_; }

 private:
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;

  Dataset<T> data_;
  autodiff::Shape input_shape_, target_shape_;
};

/// The samples of a batch, which it keeps: for models with several inputs or targets, and for samples with weights.
template <autodiff::Real T>
class BatchSource : public Source<T> {
 public:
  /// Throws ShapeError unless all arrays have as many rows, and weights are (samples); ValueError for no inputs, and
  /// for weights that are negative or not finite.
  explicit BatchSource(Batch<T> batch);
  std::size_t size() const override { return batch_.size(); }
  const autodiff::Shape& input_shape() const override { return input_shapes_[0]; }
  const autodiff::Shape& target_shape() const override { return target_shapes_[0]; }
  std::span<const autodiff::Shape> input_shapes() const override { return input_shapes_; }
  std::span<const autodiff::Shape> target_shapes() const override { return target_shapes_; }
  bool weighted() const override { return batch_.weights.has_value(); }

 private:
  using typename Source<T>::Places;
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;
  void copy(std::span<const std::size_t> numbers, const Places& to) override;

  Batch<T> batch_;
  std::vector<autodiff::Shape> input_shapes_, target_shapes_;
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
  std::span<const autodiff::Shape> input_shapes() const override { return source_.input_shapes(); }
  std::span<const autodiff::Shape> target_shapes() const override { return source_.target_shapes(); }
  bool weighted() const override { return source_.weighted(); }
  void expect(std::span<const std::size_t> numbers) override;

 private:
  using typename Source<T>::Places;
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;
  void copy(std::span<const std::size_t> numbers, const Places& to) override;

  Source<T>& source_;
  std::vector<std::size_t> numbers_;
};

/// Another source with its inputs scaled, the first ones where there are several, feature by feature; the other must
/// outlive it.
template <autodiff::Real T>
class ScaledSource : public Source<T> {
 public:
  /// Throws ShapeError when the scaling has another number of features.
  ScaledSource(Source<T>& source, Scaling scaling);
  std::size_t size() const override { return source_.size(); }
  const autodiff::Shape& input_shape() const override { return source_.input_shape(); }
  const autodiff::Shape& target_shape() const override { return source_.target_shape(); }
  std::span<const autodiff::Shape> input_shapes() const override { return source_.input_shapes(); }
  std::span<const autodiff::Shape> target_shapes() const override { return source_.target_shapes(); }
  bool weighted() const override { return source_.weighted(); }
  void expect(std::span<const std::size_t> numbers) override { source_.expect(numbers); }

 private:
  using typename Source<T>::Places;
  void copy(std::span<const std::size_t> numbers, T* inputs, T* targets) override;
  void copy(std::span<const std::size_t> numbers, const Places& to) override;

  Source<T>& source_;
  Scaling scaling_;
};

}  // namespace nn
