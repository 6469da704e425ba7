// A graph of ONNX under construction: https://github.com/onnx/onnx/blob/main/docs/IR.md, messages as in onnx.proto.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "../array.hpp"
#include "wire.hpp"

namespace autodiff::onnx {

/// The version of ONNX's operators that is written, and of the format of models; both of 2022.
inline constexpr int opset = 17, format = 8;

/// What onnx.proto calls TensorProto.DataType.
enum class ElementType { float32 = 1, int64 = 7, boolean = 9, float64 = 11 };

using Whole = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

/// A graph by itself: a value of the attribute `body` of loops.
struct Body {
  Message graph;
};
struct Attribute {
  std::string name;
  std::variant<std::int64_t, double, Whole, Body> value;
};
using Attributes = std::vector<Attribute>;

/// A value with its shape, in which lengths that are multiples of `samples` may vary.
struct Value {
  std::string name;
  Shape shape;
};

class Graph {
 public:
  /// `type` is that of all numbers. Where `samples` is not 0, lengths that it divides stand for any number of samples.
  Graph(ElementType type, std::size_t samples) : type_(type), samples_(samples) {}

  /// A name that is not in use yet, made of this one.
  std::string fresh(std::string_view name);
  /// Appends a node, and gives the names of its results.
  Names add(const std::string& operation, const Names& inputs, const Attributes& attributes, std::size_t results);
  std::string add(const std::string& operation, const Names& inputs, const Attributes& attributes = {}) {
    return add(operation, inputs, attributes, 1)[0];
  }
  /// Constants: a number of the type of all, and whole numbers as a vector.
  std::string number(double value);
  std::string whole(const Whole& values);
  /// An array of the type of all, given by its bytes. Throws ValueError where it would depend on the number of samples.
  std::string tensor(std::string_view name, const Shape& shape, const std::string& bytes);
  /// The lengths of axes as a vector, in which the number of samples is that of the run.
  std::string lengths(const Shape& shape);
  /// The numbers of a condition, 0 and 1, as truth values; and the other way round.
  std::string as_boolean(const std::string& x) {
    return add("Cast", {x}, {{"to", std::int64_t(ElementType::boolean)}});
  }
  std::string as_numbers(const std::string& x) { return add("Cast", {x}, {{"to", std::int64_t(type_)}}); }
  std::string as_indices(const std::string& x) { return add("Cast", {x}, {{"to", std::int64_t(ElementType::int64)}}); }

  void input(const Value& value);
  void output(const Value& value) { outputs_.push_back(value); }
  /// The value under a name that is taken for it.
  std::string rename(const std::string& value, const std::string& name);
  bool varies(std::size_t length) const { return samples_ != 0 && length != 0 && length % samples_ == 0; }

  /// The graph of a loop's body, made by `fill`, which adds inputs and outputs of its own; values of this one can be
  /// used.
  template <class F>
  Body body(const F& fill) {
    Graph inner(type_, samples_);
    inner.outer_ = this, inner.samples_length_ = count_of_samples();
    fill(inner);
    return {inner.message("body")};
  }
  /// The bytes of a whole model. Throws ValueError for more than 2 GB, which protocol buffers cannot have.
  std::string model();

 private:
  void add(const std::string& operation, const Names& inputs, const Attributes& attributes, const Names& results);
  Message message(const std::string& name) const;
  Message described(const Value& value) const;
  Graph& outermost() { return outer_ ? outer_->outermost() : *this; }
  std::string count_of_samples();
  void keep(const std::string& name, ElementType type, const Whole& lengths, const std::string& bytes);

  ElementType type_;
  std::size_t samples_;
  Graph* outer_ = nullptr;
  std::set<std::string> used_;
  std::map<double, std::string> numbers_;
  std::map<Whole, std::string> wholes_;
  std::string samples_length_;  // the vector of one number, how many samples there are; "" until it is asked for
  std::vector<Value> inputs_, outputs_;
  std::vector<Message> nodes_, constants_;
};

}  // namespace autodiff::onnx
