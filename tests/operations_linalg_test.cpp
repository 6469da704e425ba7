// Matrix products against three nested loops.
#include "cases.hpp"

#include <autodiff/ops/structs/linalg.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

/// The product by its definition, batches broadcast.
Array<double> product(const Array<double>& a, const Array<double>& b, bool transpose_a = false,
                      bool transpose_b = false) {
  const bool row = a.dimension() == 1, column = b.dimension() == 1;
  const auto lengths = [](const Array<double>& x, bool vector, bool as_row, bool transposed) {
    Shape s = x.shape();
    if (vector) s = as_row ? Shape{1, s[0]} : Shape{s[0], 1};
    if (transposed) std::swap(s[s.size() - 1], s[s.size() - 2]);
    return s;
  };
  const Shape p = lengths(a, row, true, transpose_a), q = lengths(b, column, false, transpose_b);
  Shape shape(std::max(p.size(), q.size()) - 2, 1);
  for (const Shape* s : {&p, &q})
    for (std::size_t i = 0; i + 2 < s->size(); ++i)
      if ((*s)[i] != 1) shape[shape.size() - (s->size() - 2) + i] = (*s)[i];
  const std::size_t batches = shape.size();
  if (!row) shape.push_back(p[p.size() - 2]);
  if (!column) shape.push_back(q.back());
  return build(shape, [&](const Index& index) {
    const std::size_t i = row ? 0 : index[batches], j = column ? 0 : index.back();
    const auto element = [&](const Array<double>& x, bool vector, bool transposed, std::size_t r, std::size_t c) {
      Index at(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(batches));
      if (transposed) std::swap(r, c);
      if (vector) return x(std::max(r, c));  // the other is zero
      at.push_back(r), at.push_back(c);
      return broadcast_at(x, at);
    };
    long double total = 0;
    for (std::size_t k = 0; k < p.back(); ++k)
      total += static_cast<long double>(element(a, row, transpose_a, i, k)) * element(b, column, transpose_b, k, j);
    return total;
  });
}

const std::vector<Shapes> shapes{{{3}, {3}},
                                 {{2, 3}, {3, 4}},
                                 {{3}, {3, 4}},
                                 {{2, 3}, {3}},
                                 {{5, 2, 3}, {5, 3, 4}},
                                 {{5, 2, 3}, {3, 4}},
                                 {{2, 3}, {5, 3, 4}},
                                 {{4, 1, 2, 3}, {2, 3, 2}},
                                 {{1, 2, 3}, {5, 3, 1}},
                                 {{3}, {5, 3, 4}},
                                 {{5, 2, 3}, {3}},
                                 {{2, 1, 2, 3}, {1, 3, 3, 2}},
                                 {{1, 1}, {1, 1}},
                                 {{2, 0}, {0, 3}},
                                 {{0, 3}, {3, 2}},
                                 {{0, 2, 3}, {3, 4}},
                                 {{1}, {1}},
                                 {{1, 4}, {4, 1}},
                                 {{4, 1}, {1, 4}}};

}  // namespace

template <>
std::vector<Case> cases<ad::Matmul>() {
  std::vector<Case> result;
  for (const auto& each : shapes)
    result.push_back({"matmul", [](const auto& x) { return matmul(x[0], x[1]); }, samples(each),
                      [](const Arrays& at) { return product(at[0], at[1]); }});
  for (bool a : {false, true})
    for (bool b : {false, true})
      for (bool batched : {false, true}) {
        Shapes each{a ? Shape{3, 2} : Shape{2, 3}, b ? Shape{4, 3} : Shape{3, 4}};
        if (batched) each[0] = a ? Shape{2, 3, 2} : Shape{2, 2, 3};
        result.push_back({"matmul transposed",
                          [=](const auto& x) {
                            return listed(ad::Matmul{a, b}, x[0], x[1]);
                          },
                          samples(each), [=](const Arrays& at) { return product(at[0], at[1], a, b); }});
      }
  return result;
}

AUTODIFF_LINALG(TEST_OPERATION)

TEST_CASE("derived dot") {
  check({"dot", [](const auto& x) { return dot(x[0], x[1]); }, samples({{7}, {7}}),
         [](const Arrays& at) { return product(at[0], at[1]); }});
}

TEST_CASE("derived outer") {
  for (const auto& each : std::vector<Shapes>{{{3}, {4}}, {{1}, {2}}, {{2, 2}, {3}}, {{}, {2}}})
    check({"outer", [](const auto& x) { return outer(x[0], x[1]); }, samples(each),
           [](const Arrays& at) {
             return build({at[0].size(), at[1].size()},
                          [&](const Index& i) { return at[0].data()[i[0]] * at[1].data()[i[1]]; });
           }});
}

TEST_CASE("derived linear") {
  for (const auto& each : std::vector<Shapes>{{{4, 3}, {3, 2}, {2}}, {{3}, {3, 2}, {2}}, {{2, 2, 3}, {3, 4}, {4}}})
    check({"linear", [](const auto& x) { return linear(x[0], x[1], x[2]); }, samples(each),
           [](const Arrays& at) {
             const auto y = product(at[0], at[1]);
             return build(y.shape(), [&](const Index& i) { return y.element(i.begin(), i.end()) + at[2](i.back()); });
           }});
}

TEST_CASE_TEMPLATE("products of all sizes, and their gradients", T, float, double) {
  // Across the borders between the kernels for tiny and for large products, and their blocks.
  const double tolerance = std::is_same_v<T, float> ? 2e-5 : 1e-13;
  for (const auto& lengths : std::vector<std::array<std::size_t, 3>>{{1, 1, 1},
                                                                     {1, 64, 1},
                                                                     {7, 5, 3},
                                                                     {15, 16, 17},
                                                                     {16, 16, 16},
                                                                     {17, 33, 9},
                                                                     {33, 65, 17},
                                                                     {64, 1, 64},
                                                                     {1, 100, 50},
                                                                     {100, 50, 1},
                                                                     {70, 130, 66}}) {
    const std::size_t m = lengths[0], k = lengths[1], n = lengths[2];
    INFO(m << " " << k << " " << n);
    ad::Tape<T> tape;
    const auto at = samples({{m, k}, {k, n}, {m, n}}, -1, 1);
    const auto a = tape.variable(at[0]), b = tape.variable(at[1]);
    const auto c = matmul(a, b);
    CHECK_EQ(difference(c.value(), product(at[0], at[1]), tolerance), "");
    const auto [da, db] = ad::vjp(c, ad::to_array<T>(at[2]), a, b);
    CHECK_EQ(difference(da, product(at[2], at[1], false, true), tolerance), "");
    CHECK_EQ(difference(db, product(at[0], at[2], true, false), tolerance), "");
  }
}

}  // namespace test
