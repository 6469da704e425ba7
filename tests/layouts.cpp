#include "layouts.hpp"

namespace test {

namespace {

using Index = std::vector<std::size_t>;

enum class Kind { transposed, swapped, cut, shifted, reversed, every_second, repeated, of_vector };

/// One view of an array, along an axis that counts from the end if it is negative.
struct Step {
  Kind kind;
  int axis = 0;
};

/// Views of views: the first is of the array itself.
struct Layout {
  const char* name;
  std::vector<Step> steps;
};

const std::vector<Layout> layouts{
    {"transposed", {{Kind::transposed}}},
    {"swapped", {{Kind::swapped}}},
    {"cut along columns", {{Kind::cut, -1}}},
    {"cut along rows", {{Kind::cut, -2}}},
    {"cut along the first axis", {{Kind::cut, 0}}},
    {"cut along rows and columns", {{Kind::cut, -1}, {Kind::cut, -2}}},
    {"shifted", {{Kind::shifted, 0}}},
    {"columns reversed", {{Kind::reversed, -1}}},
    {"rows reversed", {{Kind::reversed, -2}}},
    {"every second column", {{Kind::every_second, -1}}},
    {"every second row", {{Kind::every_second, -2}}},
    {"repeated along columns", {{Kind::repeated, -1}}},
    {"repeated along the first axis", {{Kind::repeated, 0}}},
    {"cut, then transposed", {{Kind::cut, -1}, {Kind::transposed}}},
    {"cut, then reversed", {{Kind::cut, -1}, {Kind::reversed, -2}}},
    {"reversed, then swapped", {{Kind::reversed, -1}, {Kind::swapped}}},
    {"swapped, then cut", {{Kind::swapped}, {Kind::cut, -1}}},
    {"every second, then swapped", {{Kind::every_second, -1}, {Kind::swapped}}},
    {"repeated, then swapped", {{Kind::repeated, 0}, {Kind::swapped}}},
    {"cut, then swapped, then reversed", {{Kind::cut, -2}, {Kind::swapped}, {Kind::reversed, 0}}},
    {"a part of a vector, reshaped", {{Kind::shifted, 0}, {Kind::of_vector}}},
};

/// Whether an array of this shape can be such a view.
bool applies(const Step& step, const Shape& shape) {
  const std::size_t axes = shape.size();
  switch (step.kind) {
    case Kind::transposed:
    case Kind::swapped:
      return axes >= 2;
    case Kind::of_vector:
      return true;
    case Kind::repeated:
      return axes >= 1 && ad::count(ad::Dims(shape)) > 0;
    default:
      return axes >= (step.axis == -2 ? 2 : 1);
  }
}

std::size_t axis_of(const Step& step, const Shape& shape) {
  return step.axis < 0 ? shape.size() - static_cast<std::size_t>(-step.axis) : static_cast<std::size_t>(step.axis);
}

/// An array whose view by this step is `a`, or, where elements repeat, is made of elements of `a`. What the view leaves
/// out is no number that `a` might have, and no index.
Array<double> unview(const Step& step, const Array<double>& a) {
  Shape shape = a.shape();
  const std::size_t axes = shape.size(), axis = axes ? axis_of(step, shape) : 0, n = axes ? shape[axis] : 1;
  const auto read = [&](const Index& i) { return a.element(i.begin(), i.end()); };
  const auto outside = [](const Index& i) {
    double value = 0.40625;
    for (auto each : i) value += 0.125 * static_cast<double>(each % 3);
    return value;
  };
  /// The array of another length along the axis, of which `from` tells where an element comes from; n is nowhere.
  const auto along = [&](std::size_t length, auto from) {
    shape[axis] = length;
    return build(shape, [&](Index i) {
      const std::size_t place = from(i[axis]);
      if (place >= n) return outside(i);
      i[axis] = place;
      return read(i);
    });
  };
  switch (step.kind) {
    case Kind::transposed:
      return build(Shape(shape.rbegin(), shape.rend()), [&](const Index& i) { return read({i.rbegin(), i.rend()}); });
    case Kind::swapped:
      std::swap(shape[axes - 1], shape[axes - 2]);
      return build(shape, [&](Index i) {
        std::swap(i[axes - 1], i[axes - 2]);
        return read(i);
      });
    case Kind::cut:
      return along(n + 2, [&](std::size_t i) { return i == 0 ? n : i - 1; });
    case Kind::shifted:
      return along(n + 1, [&](std::size_t i) { return i == 0 ? n : i - 1; });
    case Kind::reversed:
      return along(n, [&](std::size_t i) { return n - 1 - i; });
    case Kind::every_second:
      return along(2 * n, [&](std::size_t i) { return i % 2 ? i / 2 : n; });
    case Kind::repeated:
      return along(1, [](std::size_t) { return std::size_t(0); });
    default: {
      Array<double> flat = a;
      flat.reshape({a.size()});
      return flat;
    }
  }
}

template <class T>
ad::Variable<T> apply(const Step& step, const ad::Variable<T>& x, const Shape& shape) {
  const int axis = shape.empty() ? 0 : int(axis_of(step, shape));
  const auto taken = [&](const ad::Range& range) {
    std::vector<ad::Range> ranges(static_cast<std::size_t>(axis), ad::all);
    ranges.push_back(range);
    return slice(x, ranges);
  };
  switch (step.kind) {
    case Kind::transposed:
      return transpose(x);
    case Kind::swapped:
      return swap_axes(x, -1, -2);
    case Kind::cut:
      return taken({1, static_cast<std::ptrdiff_t>(shape[std::size_t(axis)]) + 1});
    case Kind::shifted:
      return taken({1, {}});
    case Kind::reversed:
      return flip(x, {axis});
    case Kind::every_second:
      return taken({1, {}, 2});
    case Kind::repeated:
      return broadcast_to(x, shape);
    default:
      return reshape(x, shape);
  }
}

/// An operand as a view of an array of its own.
class Laid {
 public:
  /// The operand as it is, where there is no layout or it has too few axes for it.
  Laid(const Array<double>& a, const Layout* layout) : base_(a) {
    if (!layout) return;
    for (auto step = layout->steps.rbegin(); step != layout->steps.rend(); ++step) {
      if (!applies(*step, base_.shape())) {
        steps_.clear(), base_ = a;
        return;
      }
      steps_.push_back({*step, base_.shape()});
      base_ = unview(*step, base_);
    }
  }
  const Array<double>& base() const { return base_; }
  bool viewed() const { return !steps_.empty(); }

  template <class T>
  ad::Variable<T> operator()(ad::Variable<T> x) const {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) x = apply(step->first, x, step->second);
    return x;
  }

 private:
  Array<double> base_;
  std::vector<std::pair<Step, Shape>> steps_;  // with the shape that each gives, the last first
};

/// A case whose operands are views.
class Viewed {
 public:
  /// `computed`: of what is computed from the inputs, to the same bits, instead of the inputs.
  Viewed(const Case& c, const std::vector<const Layout*>& chosen, bool computed) : case_(c), computed_(computed) {
    for (std::size_t i = 0; i < c.at.size(); ++i) {
      operands_.emplace_back(c.at[i], chosen[i]);
      name_ += (i ? ", " : "") + std::string(operands_[i].viewed() ? chosen[i]->name : "as it is");
    }
  }
  bool viewed() const { return std::ranges::any_of(operands_, &Laid::viewed); }

  template <class T>
  std::string difference_of_programs() const {
    ad::Tape<T> tape;
    Variables<T> x;
    std::vector<Array<T>> inputs;
    for (const auto& each : operands_) inputs.push_back(ad::to_array<T>(each.base()));
    for (const auto& each : inputs) x.push_back(tape.variable(each));
    const auto expected = results(x);
    for (const bool exact : {true, false}) {
      ad::CompileOptions options;
      options.exact = exact;
      options.threads = 1;
      auto program = ad::compile(x, expected, {}, options);
      const auto& actual = program(inputs);
      const double tolerance = exact ? 1e-300 : std::is_same_v<T, float> ? 2e-5 : 1e-13;
      for (std::size_t k = 0; k < expected.size(); ++k) {
        const auto found = difference(actual[k], expected[k].value(), tolerance);
        if (!found.empty())
          return case_.name + " at " + text(case_.at) + ", laid out " + name_ + (computed_ ? ", computed" : "") +
                 (exact ? ", exact program" : ", program") + (std::is_same_v<T, float> ? " of floats" : "") +
                 ", output " + std::to_string(k) + ": " + found;
      }
    }
    return "";
  }

 private:
  template <class T>
  Variables<T> results(const Variables<T>& x) const {
    Variables<T> operands;
    for (std::size_t i = 0; i < x.size(); ++i) operands.push_back(operands_[i](computed_ ? 0.5 * (2.0 * x[i]) : x[i]));
    Variables<T> all{case_.f(operands)};
    for (const auto& g : ad::recorded_gradient(ad::sum(ad::square(all[0])), x)) all.push_back(g);
    return all;
  }

  const Case& case_;
  bool computed_;
  std::vector<Laid> operands_;
  std::string name_;
};

/// Which layouts each operand is given, one row a try.
std::vector<std::vector<const Layout*>> choices(std::size_t operands, Together together) {
  std::vector<std::vector<const Layout*>> all;
  for (std::size_t n = 0; n < layouts.size(); ++n) {
    for (std::size_t i = 0; i < operands; ++i) {
      all.emplace_back(operands)[i] = &layouts[n];
    }
    if (operands < 2) continue;
    const auto end = together == Together::every_pair ? layouts.size() : 1;
    for (std::size_t shift = 0; shift < end; ++shift) {
      auto& row = all.emplace_back();
      for (std::size_t i = 0; i < operands; ++i) row.push_back(&layouts[(n + i * (shift + n % 4)) % layouts.size()]);
    }
  }
  return all;
}

}  // namespace

std::string differing_layout(const Case& c, Together together) {
  bool computed = false;
  for (const auto& choice : choices(c.at.size(), together)) {
    computed = !computed;
    const Viewed viewed(c, choice, computed);
    if (!viewed.viewed()) continue;
    std::string found = viewed.difference_of_programs<double>();
    if (found.empty()) found = viewed.difference_of_programs<float>();
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace test
