// Names of nodes: how they are listed and found, and what errors about unknown ones say.
#include <optional>

#include "cases.hpp"

using namespace test;
using ad::Tape;

TEST_CASE("all names are listed as find takes them, and tell nodes of one name apart") {
  Tape<double> tape;
  CHECK(tape.names().empty());
  CHECK_THROWS_WITH_AS(tape.find("x"), "[find] no variable of this tape is named \"x\"", ad::TapeError);
  const auto x = tape.variable(1.0, "x");
  std::vector<ad::Variable<double>> a;
  for (int call = 0; call < 3; ++call) {
    const auto scope = tape.scope("encoder");
    a.push_back((x * call).named("a"));
  }
  const auto b = exp(x).named("b");
  CHECK(tape.names() == std::vector<std::string>{"x", "encoder/a#1", "encoder/a#2", "encoder/a#3", "b"});
  for (std::size_t k = 0; k < 3; ++k) CHECK_EQ(tape.find("encoder/a#" + std::to_string(k + 1)).index(), a[k].index());
  CHECK_EQ(tape.find("encoder/a").index(), a[2].index());
  for (const char* none : {"encoder/a#0", "encoder/a#4", "encoder/a#", "encoder/a#1x", "encoder/a#-1"})
    CHECK_THROWS_AS(tape.find(none), ad::TapeError);
  CHECK_EQ(tape.find("encoder.a#1").index(), a[0].index());

  a[2].named("c");  // a node is listed where it was recorded, and found under its new name alone
  CHECK(tape.names() == std::vector<std::string>{"x", "encoder/a#1", "encoder/a#2", "c", "b"});
  CHECK_EQ(tape.find("encoder/a").index(), a[1].index());
  {
    const ad::Tape<double>::Rollback rollback(tape);
    const auto other = tape.variable(2.0, "x");
    CHECK_EQ(tape.find("x").index(), other.index());
  }
  CHECK_EQ(tape.find("x").index(), x.index());  // what was taken off hides nothing
  tape.clear();
  CHECK(tape.names().empty());
}

TEST_CASE("scopes and nodes have second names, and points are as good as slashes") {
  Tape<double> tape;
  const auto net = tape.scope("net");
  std::optional<ad::Variable<double>> w, a, h;
  {
    const auto scope = tape.scope("0", "layer1");
    w = tape.variable(2.0);
    tape.name(w->index(), "weight", "W");
    a = (*w * 3).named("a");
  }
  {
    const auto scope = tape.scope("1", "layer1");
    h = tanh(*a).named("h");
  }
  for (const char* name :
       {"net/0/weight", "net.0.weight", "net/layer1/W", "net.layer1.W", "net/0/W", "net/layer1/weight"})
    CHECK_EQ(tape.find(name).index(), w->index());
  CHECK_EQ(tape.find("net/layer1/a").index(), a->index());
  CHECK_EQ(tape.find("net/layer1/h").index(), h->index());
  for (const char* none :
       {"layer1/h", "net/layer1", "net/layer1/", "net/layer2/h", "/net/layer1/ha", "et/layer1/h", ""})
    CHECK_THROWS_AS(tape.find(none), ad::TapeError);
  CHECK(tape.names() == std::vector<std::string>{"net/0/weight", "net/0/a", "net/1/h"});
  CHECK_EQ(w->name(), "net/0/weight");
  const auto exact = tape.variable(1.0, "layer1/h");  // what is called so comes before what is also called so
  CHECK_EQ(tape.find("net/layer1/h").index(), exact.index());
  CHECK_THROWS_WITH_AS(tape.find("net/layer1/b"),
                       "net: [find] no variable of this tape is named \"net/layer1/b\"; near are \"net/layer1/h\", "
                       "\"net/layer1/W\", \"net/layer1/a\"",
                       ad::TapeError);
}

TEST_CASE("errors about names list those that are near, or the first few") {
  const auto near = [](const char* unknown, const std::vector<std::string>& known) {
    return ad::names_near(unknown, known);
  };
  CHECK_EQ(near("x", {}), "");
  CHECK_EQ(near("wieght", {"bias", "weight", "height"}), "; near are \"weight\"");
  CHECK_EQ(near("0.weigth", {"0.bias", "2.weight", "0.weight"}), "; near are \"0.weight\"");
  CHECK_EQ(near("logistik", {"tanh", "logistic"}), "; near are \"logistic\"");
  CHECK_EQ(near("abcdef", {"abcdeg", "abcde", "abcdefgh", "bcdef", "abcdf", "abxxef", "abcxef"}),
           "; near are \"abcdeg\", \"abcde\", \"bcdef\", \"abcdf\", \"abcxef\"");
  CHECK_EQ(near("zzz", {"a", "b", "c", "d", "e", "f", "g"}),
           "; there are \"a\", \"b\", \"c\", \"d\", \"e\" and 2 more");
  CHECK_EQ(near("z", {"a", "y"}), "; there are \"a\", \"y\"");
}
