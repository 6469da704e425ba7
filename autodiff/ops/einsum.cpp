#include "einsum.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "compile.hpp"
#include "matrices.hpp"
#include "reduce.hpp"
#include "structs/linalg.hpp"

namespace autodiff {

namespace {

// An axis by its name: a letter, or, of the axes that "..." stands for, the place from the last, below zero.
using Label = int;
using Labels = std::vector<Label>;

bool has(const Labels& labels, Label label) { return std::ranges::find(labels, label) != labels.end(); }
std::size_t place(const Labels& labels, Label label) {
  return static_cast<std::size_t>(std::ranges::find(labels, label) - labels.begin());
}
template <class F>
Labels those(const Labels& labels, F f) {
  Labels found;
  std::ranges::copy_if(labels, std::back_inserter(found), f);
  return found;
}
Labels operator+(Labels a, const Labels& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// An array whose axes have names, each one once.
template <Real T>
struct Term {
  Variable<T> x;
  Labels labels;

  std::size_t length(Label label) const { return x.shape(place(labels, label)); }
  std::size_t size(const Labels& of) const {
    std::size_t product = 1;
    for (Label label : of) product *= length(label);
    return product;
  }
  /// With axes in this order, which names them all.
  Term in_order(const Labels& order) const {
    if (order == labels) return *this;
    std::vector<int> axes;
    for (Label label : order) axes.push_back(static_cast<int>(place(labels, label)));
    return {permute(x, axes), order};
  }
  /// Summed over the axes for which keep is false.
  template <class F>
  Term keeping(F keep) const {
    std::vector<int> axes;
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (!keep(labels[i])) axes.push_back(static_cast<int>(i));
    return axes.empty() ? *this : Term{sum(x, axes), those(labels, keep)};
  }
};

/// In this shape: a copy only where it is another one.
template <Real T>
Variable<T> in_shape(const Variable<T>& x, const Shape& shape) {
  return std::ranges::equal(x.shape(), shape) ? x : reshape(x, shape);
}

/// The elements of both beside each other, in this order, and multiplied.
template <Real T>
Variable<T> multiplied(const Term<T>& a, const Term<T>& b, const Labels& order) {
  const auto spread = [&](const Term<T>& term) {
    const auto own = term.in_order(those(order, [&](Label label) { return has(term.labels, label); }));
    Shape shape;
    for (Label label : order) shape.push_back(has(term.labels, label) ? term.length(label) : 1);
    return in_shape(own.x, shape);
  };
  return spread(a) * spread(b);
}

/// A stack of matrices for a product, and whether they lie transposed.
template <Real T>
struct Stack {
  Variable<T> x;
  bool transposed;
};
template <Real T>
Stack<T> as_matrices(const Term<T>& term, const Labels& batch, const Labels& rows, const Labels& columns) {
  const bool transposed = term.labels == batch + columns + rows && term.labels != batch + rows + columns;
  const auto& [x, labels] = transposed ? term : term.in_order(batch + rows + columns);
  Shape shape;
  for (Label label : batch) shape.push_back(term.length(label));
  shape.push_back(term.size(rows)), shape.push_back(term.size(columns));
  if (transposed) std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  return {in_shape(x, shape), transposed};
}

/// The product of two, summed over the axes that nobody else asks for.
template <Real T, class F>
Term<T> product(Term<T> a, Term<T> b, F keep) {
  a = a.keeping([&](Label label) { return keep(label) || has(b.labels, label); });
  b = b.keeping([&](Label label) { return keep(label) || has(a.labels, label); });
  const auto in_b = [&](Label label) { return has(b.labels, label); };
  const auto batch = those(a.labels, [&](Label label) { return in_b(label) && keep(label); });
  const auto summed = those(a.labels, [&](Label label) { return in_b(label) && !keep(label); });
  const auto rows = those(a.labels, [&](Label label) { return !in_b(label); });
  const auto columns = those(b.labels, [&](Label label) { return !has(a.labels, label); });
  if (summed.empty()) return {multiplied(a, b, batch + rows + columns), batch + rows + columns};
  if (rows.empty() && columns.empty() && !batch.empty())
    return Term<T>{multiplied(a, b, batch + summed), batch + summed}.keeping(
        [&](Label label) { return has(batch, label); });
  const auto left = as_matrices(a, batch, rows, summed), right = as_matrices(b, batch, summed, columns);
  Shape shape;
  for (Label label : batch + rows) shape.push_back(a.length(label));
  for (Label label : columns) shape.push_back(b.length(label));
  return {in_shape(listed(Matmul{left.transposed, right.transposed}, left.x, right.x), shape), batch + rows + columns};
}

/// All terms multiplied, pair by pair, and summed over what the result does not have.
template <Real T>
Variable<T> contract(std::vector<Term<T>> terms, const Labels& result) {
  const auto asked = [&](std::size_t i, std::size_t j) {  // by the result, or by a third term
    return [&, i, j](Label label) {
      if (has(result, label)) return true;
      for (std::size_t k = 0; k < terms.size(); ++k)
        if (k != i && k != j && has(terms[k].labels, label)) return true;
      return false;
    };
  };
  while (terms.size() > 1) {
    std::size_t first = 0, second = 1;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < terms.size(); ++i)
      for (std::size_t j = i + 1; j < terms.size(); ++j) {
        double work = 1;
        for (Label label : terms[i].labels) work *= double(terms[i].length(label));
        for (Label label : terms[j].labels) work *= has(terms[i].labels, label) ? 1 : double(terms[j].length(label));
        if (work < least) least = work, first = i, second = j;
      }
    const auto keep = asked(first, second);
    // Rows of the product come from the term whose axes the result has first: it may need no permutation then.
    const auto lead = [&](std::size_t i, std::size_t other) {
      for (Label label : result)
        if (has(terms[i].labels, label) != has(terms[other].labels, label)) return has(terms[i].labels, label);
      return true;
    };
    const bool swapped = !lead(first, second);
    auto next = product(terms[swapped ? second : first], terms[swapped ? first : second], keep);
    terms.erase(terms.begin() + std::ptrdiff_t(second));
    terms[first] = std::move(next);
  }
  return terms[0].keeping([&](Label label) { return has(result, label); }).in_order(result).x;
}

// ---- equations ----

struct Equation {
  std::vector<std::string> inputs;  // letters, and '.' for "..."
  std::optional<std::string> output;
};

[[noreturn]] void refuse(std::string_view equation, std::string_view why) {
  fail<ValueError>("einsum", why, ": \"", equation, "\"");
}

Equation parse(std::string_view equation) {
  Equation found{{""}, {}};
  for (std::size_t i = 0; i < equation.size(); ++i) {
    auto& part = found.output ? *found.output : found.inputs.back();
    const char c = equation[i];
    if (c == ' ') continue;
    if (std::isalpha(static_cast<unsigned char>(c))) {
      part += c;
    } else if (equation.substr(i, 3) == "...") {
      if (part.find('.') != part.npos) refuse(equation, "\"...\" stands twice in one place");
      part += '.', i += 2;
    } else if (equation.substr(i, 2) == "->" && !found.output) {
      found.output = "", ++i;
    } else if (c == ',' && !found.output) {
      found.inputs.emplace_back();
    } else {
      refuse(equation,
             "axes are letters, or \"...\", after one another, operands stand between commas, the result "
             "after one \"->\"");
    }
  }
  return found;
}

/// A name for each axis, of which those of "..." are counted from the last.
Labels labels_of(std::string_view equation, const std::string& letters, Dims shape) {
  const bool open = letters.find('.') != letters.npos;
  const std::size_t named = letters.size() - open;
  if (open ? shape.size() < named : shape.size() != named)
    fail<ShapeError>("einsum", "\"", equation, "\" names ", named, named == 1 ? " axis" : " axes",
                     " of an operand of shape ", shape);
  Labels labels;
  for (char letter : letters) {
    if (letter != '.') labels.push_back(letter);
    for (std::size_t i = shape.size() - named; letter == '.' && i > 0; --i) labels.push_back(-static_cast<int>(i));
  }
  return labels;
}

/// Axes that have the same name become one: their diagonal.
template <Real T>
Term<T> without_repeats(Term<T> term) {
  for (std::size_t i = 0; i < term.labels.size(); ++i)
    for (std::size_t j = i + 1; j < term.labels.size(); ++j) {
      if (term.labels[i] != term.labels[j]) continue;
      if (term.x.shape(i) != term.x.shape(j))
        fail<ShapeError>("einsum", "axes of one name must have one length: ", Dims(term.x.shape()));
      term.x = diagonal(term.x, 0, static_cast<int>(i), static_cast<int>(j));
      term.labels.push_back(term.labels[i]);
      term.labels.erase(term.labels.begin() + std::ptrdiff_t(j)),
          term.labels.erase(term.labels.begin() + std::ptrdiff_t(i));
      return without_repeats(std::move(term));
    }
  return term;
}

/// Axes of length one are left out of terms where another has more there.
template <Real T>
void broadcast(std::string_view equation, std::vector<Term<T>>& terms) {
  std::map<Label, std::size_t> lengths;
  for (const auto& term : terms)
    for (std::size_t i = 0; i < term.labels.size(); ++i) {
      auto& length = lengths.try_emplace(term.labels[i], 1).first->second;
      const std::size_t own = term.x.shape(i);
      if (own == 1) continue;
      if (length != 1 && length != own)
        fail<ShapeError>("einsum", "axes of one name must have one length: ", length, " and ", own, " in \"", equation,
                         "\"");
      length = own;
    }
  for (auto& term : terms) {
    Shape shape;
    Labels kept;
    for (std::size_t i = 0; i < term.labels.size(); ++i)
      if (term.x.shape(i) == lengths[term.labels[i]]) shape.push_back(term.x.shape(i)), kept.push_back(term.labels[i]);
    if (kept.size() != term.labels.size()) term = {reshape(term.x, shape), kept};
  }
}

Labels result_labels(std::string_view equation, const Equation& parsed, const std::vector<Labels>& inputs) {
  Label longest = 0;
  std::map<Label, std::size_t> count;
  for (const auto& labels : inputs)
    for (Label label : labels) longest = std::min(longest, label), ++count[label];
  Labels result;
  const auto open = [&] {
    for (Label label = longest; label < 0; ++label) result.push_back(label);
  };
  if (!parsed.output) {
    open();
    for (const auto& [label, times] : count)
      if (label > 0 && times == 1) result.push_back(label);
    return result;
  }
  for (char letter : *parsed.output) {
    if (letter == '.') {
      open();
      continue;
    }
    if (!count.contains(letter)) refuse(equation, std::string("no operand has the axis ") + letter + " of the result");
    if (has(result, letter)) refuse(equation, std::string("the result has the axis ") + letter + " twice");
    result.push_back(letter);
  }
  return result;
}

}  // namespace

template <Real T>
Variable<T> einsum(std::string_view equation, const std::vector<Variable<T>>& operands) {
  Tape<T>::check_operands("einsum", operands);
  const auto parsed = parse(equation);
  if (parsed.inputs.size() != operands.size())
    fail<ValueError>("einsum", "\"", equation, "\" has ", parsed.inputs.size(), " operands, and ", operands.size(),
                     " are given");
  std::vector<Labels> labels;
  for (std::size_t i = 0; i < operands.size(); ++i)
    labels.push_back(labels_of(equation, parsed.inputs[i], operands[i].shape()));
  const auto result = result_labels(equation, parsed, labels);
  std::vector<Term<T>> terms;
  for (std::size_t i = 0; i < operands.size(); ++i) terms.push_back(without_repeats(Term<T>{operands[i], labels[i]}));
  broadcast(equation, terms);
  return contract(std::move(terms), result);
}

namespace detail {

template <Real T>
Variable<T> tensordot(const Variable<T>& a, const Variable<T>& b, const std::vector<int>& of_a,
                      const std::vector<int>& of_b) {
  Tape<T>::check_operands("tensordot", std::array{a, b});
  const auto left = Axes(of_a).resolve("tensordot", a.shape()), right = Axes(of_b).resolve("tensordot", b.shape());
  bool fit = left.size() == right.size();
  for (std::size_t i = 0; fit && i < left.size(); ++i) fit = a.shape(left[i]) == b.shape(right[i]);
  if (!fit)
    fail<ShapeError>("tensordot", "summed axes must be as many, of the same lengths: ", Dims(a.shape()), " and ",
                     Dims(b.shape()));
  Term<T> x{a, {}}, y{b, {}};
  for (std::size_t i = 0; i < a.dimension(); ++i) x.labels.push_back(static_cast<int>(i) + 1);
  for (std::size_t i = 0; i < b.dimension(); ++i) y.labels.push_back(static_cast<int>(a.dimension() + i) + 1);
  for (std::size_t i = 0; i < left.size(); ++i) y.labels[right[i]] = x.labels[left[i]];
  Labels result = those(x.labels, [&](Label label) { return !has(y.labels, label); }) +
                  those(y.labels, [&](Label label) { return !has(x.labels, label); });
  return contract(std::vector{x, y}, result);
}

template <Real T>
Variable<T> tensordot(const Variable<T>& a, const Variable<T>& b, int axes) {
  if (axes < 0 || std::cmp_greater(axes, std::min(a.dimension(), b.dimension())))
    fail<ShapeError>("tensordot", "there are no ", axes, " axes of both: ", Dims(a.shape()), " and ", Dims(b.shape()));
  std::vector<int> left, right;
  for (int i = 0; i < axes; ++i) left.push_back(i - axes), right.push_back(i);
  return tensordot(a, b, left, right);
}

template <Real T>
Variable<T> inner(const Variable<T>& a, const Variable<T>& b) {
  if (a.dimension() == 0 || b.dimension() == 0) return a * b;
  if (a.shape().back() != b.shape().back())
    fail<ShapeError>("inner", "last axes must have one length: ", Dims(a.shape()), " and ", Dims(b.shape()));
  return tensordot(a, b, {-1}, {-1});
}

}  // namespace detail

#define AUTODIFF_DERIVED(T)                                                                               \
  template Variable<T> einsum(std::string_view, const std::vector<Variable<T>>&);                         \
  template Variable<T> detail::tensordot(const Variable<T>&, const Variable<T>&, const std::vector<int>&, \
                                         const std::vector<int>&);                                        \
  template Variable<T> detail::tensordot(const Variable<T>&, const Variable<T>&, int);                    \
  template Variable<T> detail::inner(const Variable<T>&, const Variable<T>&);
AUTODIFF_DERIVED(float)
AUTODIFF_DERIVED(double)

}  // namespace autodiff
