// Diagonals, triangles and Kronecker products, element by element.
#include "cases.hpp"

#include <autodiff/ops/structs/matrices.hpp>

namespace test {

namespace {

using Index = std::vector<std::size_t>;

Array<double> diagonals(const Array<double>& x, int offset) {
  const std::size_t rank = x.dimension();
  std::ptrdiff_t rows = std::ptrdiff_t(x.shape(rank - 2)), columns = std::ptrdiff_t(x.shape(rank - 1)), length = 0;
  for (std::ptrdiff_t i = 0; i < rows; ++i) length += i + offset >= 0 && i + offset < columns;
  Shape shape(x.shape().begin(), x.shape().end() - 1);
  shape.back() = std::size_t(length);
  return build(shape, [&](Index i) {
    const std::size_t k = i.back();
    i.back() = k + std::size_t(std::max(0, -offset)), i.push_back(k + std::size_t(std::max(0, offset)));
    return broadcast_at(x, i);
  });
}

}  // namespace

template <>
std::vector<Case> cases<ad::Diagonal>() {
  std::vector<Case> result;
  for (const auto& shape : std::vector<Shape>{{3, 3}, {2, 4}, {4, 2}, {2, 3, 2}, {0, 2}})
    for (const int offset : {0, 1, -1, 3, -9})
      result.push_back({"diagonal", [=](const auto& x) { return diagonal(x[0], offset); }, samples({shape}),
                        [=](const Arrays& at) { return diagonals(at[0], offset); }});
  result.push_back({"diagonal of other axes", [](const auto& x) { return diagonal(x[0], 1, 2, 0); },
                    samples({{3, 2, 4}}),
                    [](const Arrays& at) {
                      return build({2, 2}, [&](const Index& i) { return at[0](i[1] + 1, i[0], i[1]); });
                    }});
  result.push_back(
      {"trace", [](const auto& x) { return trace(x[0]); }, samples({{2, 3, 3}}),
       [](const Arrays& at) {
         return build({2}, [&](const Index& i) { return at[0](i[0], 0, 0) + at[0](i[0], 1, 1) + at[0](i[0], 2, 2); });
       }});
  return result;
}

template <>
std::vector<Case> cases<ad::EmbedDiagonal>() {
  std::vector<Case> result;
  for (const auto& shape : std::vector<Shape>{{3}, {2, 3}, {1}, {0}})
    for (const int offset : {0, 2, -1})
      result.push_back({"embed_diagonal", [=](const auto& x) { return embed_diagonal(x[0], offset); }, samples({shape}),
                        [=](const Arrays& at) {
                          Shape to = at[0].shape();
                          to.back() += std::size_t(std::abs(offset));
                          to.push_back(to.back());
                          return build(to, [&](Index i) {
                            const auto column = std::ptrdiff_t(i.back());
                            i.pop_back();
                            if (column - std::ptrdiff_t(i.back()) != offset) return 0.0;
                            i.back() -= std::size_t(std::max(0, -offset));
                            return broadcast_at(at[0], i);
                          });
                        }});
  return result;
}

AUTODIFF_MATRICES(TEST_OPERATION)

TEST_CASE("derived diag, tril, triu, kron, cross, eye") {
  check({"diag of a vector", [](const auto& x) { return diag(x[0], -1); }, samples({{2}}),
         [](const Arrays& at) {
           return array({3, 3}, {0, 0, 0, at[0](0), 0, 0, 0, at[0](1), 0});
         }});
  check({"diag of a matrix", [](const auto& x) { return diag(x[0], 1); }, samples({{2, 3}}),
         [](const Arrays& at) { return diagonals(at[0], 1); }});
  for (const int offset : {-1, 0, 2})
    for (const bool lower : {false, true})
      check({"triangle", [=](const auto& x) { return lower ? tril(x[0], offset) : triu(x[0], offset); },
             samples({{2, 3, 4}}),
             [=](const Arrays& at) {
               return build({2, 3, 4}, [&](const Index& i) {
                 const int above = int(i[2]) - int(i[1]);
                 return (lower ? above <= offset : above >= offset) ? broadcast_at(at[0], i) : 0.0;
               });
             }});
  for (const auto& each : std::vector<Shapes>{{{2, 3}, {3, 2}}, {{3}, {2, 2}}, {{}, {2}}, {{2, 1, 2}, {2, 2}}})
    check({"kron", [](const auto& x) { return kron(x[0], x[1]); }, samples(each),
           [](const Arrays& at) {
             Shape a = at[0].shape(), b = at[1].shape();
             while (a.size() < b.size()) a.insert(a.begin(), 1);
             while (b.size() < a.size()) b.insert(b.begin(), 1);
             Shape shape = a;
             for (std::size_t i = 0; i < a.size(); ++i) shape[i] *= b[i];
             return build(shape, [&](const Index& index) {
               Index i = index, j = index;
               for (std::size_t k = 0; k < b.size(); ++k) i[k] /= b[k], j[k] %= b[k];
               return broadcast_at(at[0], i) * broadcast_at(at[1], j);
             });
           }});
  check({"cross", [](const auto& x) { return cross(x[0], x[1], 0); }, samples({{3, 2}, {3, 1}}),
         [](const Arrays& at) {
           return build({3, 2}, [&](const Index& i) {
             const std::size_t j = (i[0] + 1) % 3, k = (i[0] + 2) % 3;
             return at[0](j, i[1]) * at[1](k, 0) - at[0](k, i[1]) * at[1](j, 0);
           });
         }});
  CHECK_EQ(difference(ad::eye<float>(2, 3, 1).value(), array({2, 3}, {0, 1, 0, 0, 0, 1}), 1e-300), "");
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK_EQ(difference(tril(ad::Variable<double>(array({2, 2}, {1, infinity, 2, 3}))).value(),
                      array({2, 2}, {1, 0, 2, 3}), 1e-300),
           "");
}

}  // namespace test
