// Sums over named axes, against loops over all values of all letters.
#include "cases.hpp"

namespace test {

namespace {

using Index = std::vector<std::size_t>;

/// The sum by its definition: all values of all letters, of equations without "...".
Array<double> summed(const std::string& equation, const Arrays& at) {
  const auto arrow = equation.find("->");
  std::vector<std::string> inputs{""};
  for (char c : equation.substr(0, arrow))
    if (c == ',')
      inputs.emplace_back();
    else
      inputs.back() += c;
  const std::string output = equation.substr(arrow + 2);
  std::string letters = output;
  std::vector<std::size_t> lengths(256, 1);
  for (std::size_t k = 0; k < inputs.size(); ++k)
    for (std::size_t i = 0; i < inputs[k].size(); ++i) {
      const auto c = static_cast<unsigned char>(inputs[k][i]);
      if (letters.find(inputs[k][i]) == letters.npos) letters += inputs[k][i];
      if (at[k].shape(i) != 1) lengths[c] = at[k].shape(i);
    }
  Shape shape, all;
  for (char c : letters) all.push_back(lengths[static_cast<unsigned char>(c)]);
  for (char c : output) shape.push_back(lengths[static_cast<unsigned char>(c)]);
  Array<double> y(shape, 0.0);
  build(all, [&](const Index& index) {
    double product = 1;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      Index from;
      for (char c : inputs[k]) from.push_back(index[letters.find(c)]);
      product *= broadcast_at(at[k], from);
    }
    return y.element(index.begin(), index.begin() + std::ptrdiff_t(output.size())) += product;
  });
  return y;
}

}  // namespace

TEST_CASE("derived einsum") {
  const std::vector<std::pair<std::string, Shapes>> table{{"ij,jk->ik", {{2, 3}, {3, 4}}},
                                                          {"ij,jk->ki", {{2, 3}, {3, 4}}},
                                                          {"ji,jk->ik", {{3, 2}, {3, 4}}},
                                                          {"ij,kj->ik", {{2, 3}, {4, 3}}},
                                                          {"bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}}},
                                                          {"bhqd,bhkd->bhqk", {{2, 2, 3, 2}, {2, 2, 2, 2}}},
                                                          {"bqhd,bkhd->bhqk", {{2, 3, 2, 2}, {2, 2, 2, 2}}},
                                                          {"bi,ij,bj->b", {{2, 3}, {3, 2}, {2, 2}}},
                                                          {"i,i->", {{4}, {4}}},
                                                          {"i,j->ij", {{2}, {3}}},
                                                          {"ii->", {{3, 3}}},
                                                          {"ii->i", {{3, 3}}},
                                                          {"bii->b", {{2, 3, 3}}},
                                                          {"ijk->kij", {{2, 3, 2}}},
                                                          {"ijk->j", {{2, 3, 2}}},
                                                          {"iij,jk->ik", {{2, 2, 3}, {3, 2}}},
                                                          {"ab,bc,cd,de->ae", {{2, 3}, {3, 2}, {2, 2}, {2, 3}}},
                                                          {"ij,ij->j", {{2, 3}, {2, 3}}},
                                                          {"ij,ij->ij", {{2, 3}, {2, 3}}},
                                                          {"ijk,k->ij", {{2, 2, 3}, {3}}},
                                                          {"ij,ik->jk", {{1, 3}, {2, 2}}},
                                                          {"ij,->ji", {{2, 3}, {}}},
                                                          {"i,i,i->", {{3}, {3}, {3}}},
                                                          {"abc,cad->bd", {{2, 3, 2}, {2, 2, 2}}},
                                                          {"ij,jk->ik", {{2, 0}, {0, 3}}},
                                                          {"ij,k->k", {{2, 3}, {2}}}};
  for (const auto& row : table) {
    const std::string equation = row.first;
    check({equation, [=](const auto& x) { return ad::einsum(equation, x) * 1.0; }, samples(row.second, -0.7, 0.7),
           [=](const Arrays& at) { return summed(equation, at); }});
  }
  const auto same_as = [](const char* equation, const char* other, const Shapes& shapes) {
    const auto at = samples(shapes);
    Variables<double> x;
    for (const auto& each : at) x.emplace_back(each);
    CHECK_EQ(difference(ad::einsum(equation, x).value(), summed(other, at), 1e-13), "");
  };
  same_as("ij , jk", "ij,jk->ik", {{2, 3}, {3, 4}});
  same_as("ba", "ba->ab", {{2, 3}});
  same_as("...ij,...jk->...ik", "abij,bjk->abik", {{2, 3, 2, 3}, {3, 3, 2}});
  same_as("...j,j", "aj,j->a", {{2, 3}, {3}});
  same_as("i...,i...", "iab,ib->ab", {{2, 3, 2}, {2, 2}});
  same_as("...i->...", "abi->ab", {{2, 3, 2}});
}

TEST_CASE("derived tensordot and inner") {
  check({"tensordot", [](const auto& x) { return tensordot(x[0], x[1]); }, samples({{2, 3, 2}, {3, 2, 2}}),
         [](const Arrays& at) { return summed("iab,abj->ij", at); }});
  check({"tensordot of axes",
         [](const auto& x) {
           return tensordot(x[0], x[1], {{0, -1}, {1, 0}});
         },
         samples({{2, 3, 4}, {4, 2, 2}}), [](const Arrays& at) { return summed("aib,baj->ij", at); }});
  check({"tensordot of none", [](const auto& x) { return tensordot(x[0], x[1], 0); }, samples({{2}, {3}}),
         [](const Arrays& at) { return summed("i,j->ij", at); }});
  check({"inner", [](const auto& x) { return inner(x[0], x[1]); }, samples({{2, 3}, {2, 2, 3}}),
         [](const Arrays& at) { return summed("ij,abj->iab", at); }});
  check({"inner of a number", [](const auto& x) { return inner(x[0], x[1]); }, samples({{2, 3}, {}}),
         [](const Arrays& at) { return summed("ij,->ij", at); }});
}

TEST_CASE("wrong equations, and shapes that do not fit them") {
  ad::Tape<double> tape;
  const auto x = tape.variable(sample({2, 3}, 0, 1)), y = tape.variable(sample({2, 3}, 0, 1));
  for (const char* wrong : {"ij", "ij,jk,k", "ij,jk->il", "ij,jk->ii", "i1,jk", "ij,jk-k", "......,jk", "ij,jk->i->k"})
    CHECK_THROWS_AS(einsum(wrong, x, y), ad::ValueError);
  for (const char* wrong : {"ij,jk", "i,jk", "ijk...,jk", "ii,jk"})
    CHECK_THROWS_AS(einsum(wrong, x, y), ad::ShapeError);
  CHECK_THROWS_AS(tensordot(x, y, 3), ad::ShapeError);
  CHECK_THROWS_AS(tensordot(x, y, 1), ad::ShapeError);
  CHECK_THROWS_AS(inner(x, tape.variable({1.0})), ad::ShapeError);
}

}  // namespace test
