// What people see of a recording: roadmaps, the derivative of one weight, listings, pictures and reports of programs.
#include <doctest/doctest.h>

#include <algorithm>
#include <autodiff/autodiff.hpp>
#include <autodiff/draw/picture.hpp>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <nn/nn.hpp>
#include <sstream>

#include "scratch.hpp"

namespace ad = autodiff;
using A = ad::Array<double>;
using T = ad::Tape<double>;
using V = ad::Variable<double>;
using Role = ad::Roadmap::Role;

namespace {

A some(const std::vector<std::size_t>& shape, double phase) {
  A w = xt::zeros<double>(shape);
  for (std::size_t i = 0; i < w.size(); ++i) w.flat(i) = 0.9 * std::sin(phase + 1.7 * double(i));
  return w;
}

/// Layers of weights and biases, logistic but for the last.
V network(T& tape, V h, const std::vector<std::size_t>& units) {
  for (std::size_t l = 1; l < units.size(); ++l) {
    const auto scope = tape.scope("layer" + std::to_string(l));
    const auto W = tape.variable(some({units[l - 1], units[l]}, double(l)), "W");
    const auto b = tape.variable(some({units[l]}, -double(l)), "b");
    h = ad::linear(h, W, b).named("a");
    if (l + 1 < units.size()) h = ad::logistic(h).named("h");
  }
  return h;
}
V plain_network(T& tape) {
  const auto a = network(tape, tape.constant(some({2, 4}, 0.3)), {4, 3, 3, 2});
  return ad::softmax_cross_entropy(a, A{0, 1}).named("loss");
}
V recurrent_network(T& tape) {
  const auto W = tape.variable(some({3, 4}, 1), "W"), U = tape.variable(some({4, 4}, 2), "U");
  const auto b = tape.variable(some({4}, 3), "b"), O = tape.variable(some({4, 1}, 4), "O");
  V h = tape.constant(A(ad::Shape{2, 4}, 0.0));
  for (int t = 0; t < 3; ++t) {
    const auto scope = tape.scope("rnn");
    h = ad::tanh(ad::matmul(tape.constant(some({2, 3}, t)), W) + ad::matmul(h, U) + b).named("h");
  }
  return ad::sum(ad::square(ad::matmul(h, O) - 1.0)).named("loss");
}
V residual_network(T& tape) {
  const auto W = tape.variable(some({4, 4}, 1), "W"), O = tape.variable(some({4, 2}, 4), "O");
  const auto g = tape.variable(some({4}, 2), "g"), b = tape.variable(some({4}, 3), "b");
  V h = tape.constant(some({2, 4}, 0));
  h = (h + g * ad::tanh(ad::matmul(h, W)) + b).named("h");
  return ad::sum(ad::log_softmax(ad::matmul(h, O).named("scores")) * A{{1, 0}, {0, 1}}).named("loss");
}

/// Whether tags of XML are closed as they were opened, and what stands between has no stray signs.
bool well_formed(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t i = text.find('<'); i != text.npos; i = text.find('<', i)) {
    const auto end = text.find('>', i);
    if (end == text.npos) return false;
    const std::string tag = text.substr(i + 1, end - i - 1), name = tag.substr(0, tag.find_first_of(" \n/", 1));
    if (std::count(tag.begin(), tag.end(), '"') % 2 || tag.find('<') != tag.npos) return false;
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag) return false;
      open.pop_back();
    } else if (tag.back() != '/' && tag[0] != '?' && tag[0] != '!') {
      open.push_back(name);
    }
    i = end;
    for (auto sign = text.find('&', end); sign < text.find('<', end); sign = text.find('&', sign + 1))
      if (text.find(';', sign) > sign + 6) return false;
  }
  return open.empty();
}

std::string drawn(const V& loss, const std::string& name, const ad::DrawOptions& options = {}) {
  const Scratch folder;
  ad::draw(loss, folder / name, options);
  return bytes_of(folder / name);
}

std::size_t times(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto i = text.find(what); i != text.npos; i = text.find(what, i + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("roles follow from what rules look at, in networks written by hand, too") {
  struct Case {
    const char* name;
    std::function<V(T&)> loss;
    std::map<std::string, std::pair<Role, std::size_t>> expected;  // of rows by name: role and layer
  };
  const auto W = [](T& tape, std::vector<std::size_t> shape) { return tape.variable(some(shape, 1), "W"); };
  const auto b = [](T& tape, std::size_t n) { return tape.variable(some({n}, 2), "b"); };
  const auto x = [](T& tape) { return tape.constant(some({5, 3}, 0)); };
  const Case cases[] = {
      {"layers",
       plain_network,
       {{"layer3/a", {Role::output, 3}},
        {"layer2/h", {Role::hidden, 2}},
        {"layer2/a", {Role::hidden, 2}},
        {"layer1/h", {Role::hidden, 1}},
        {"layer1/a", {Role::hidden, 1}},
        {"layer3/W", {Role::weights, 3}},
        {"layer2/W", {Role::weights, 2}},
        {"layer1/W", {Role::weights, 1}},
        {"layer3/b", {Role::biases, 3}},
        {"layer2/b", {Role::biases, 2}},
        {"layer1/b", {Role::biases, 1}}}},
      {"a sum of a product and a bias, columns, a transposed weight",
       [&](T& t) {
         const auto y = ad::matmul(ad::transpose(W(t, {3, 2})), ad::transpose(x(t))) + ad::reshape(b(t, 2), {2, 1});
         return ad::sum(ad::square(y.named("y") - 1.0));
       },
       {{"y", {Role::output, 1}}, {"W", {Role::weights, 1}}, {"b", {Role::biases, 1}}}},
      {"a recurrence uses its weights again",
       recurrent_network,
       {{"rnn/h", {Role::hidden, 1}},
        {"W", {Role::weights, 1}},
        {"U", {Role::weights, 1}},
        {"b", {Role::biases, 1}},
        {"O", {Role::weights, 2}}}},
      {"a gain is a weight of the layer that it is in",
       residual_network,
       {{"h", {Role::hidden, 1}},
        {"scores", {Role::output, 2}},
        {"W", {Role::weights, 1}},
        {"g", {Role::weights, 1}},
        {"b", {Role::biases, 1}},
        {"O", {Role::weights, 2}}}},
      {"rows of a table by index",
       [&](T& t) {
         return ad::mean(
             ad::square(ad::matmul(ad::gather(W(t, {5, 3}), A{0, 3}, 0), t.variable(some({3, 2}, 2), "O"))));
       },
       {{"W", {Role::weights, 1}}, {"O", {Role::weights, 2}}}},
      {"single numbers",
       [&](T& t) {
         return ad::square(ad::tanh(t.constant(0.8) * t.variable(0.3, "W") + t.variable(0.1, "b")).named("h") - 1.0);
       },
       {{"h", {Role::output, 1}}, {"W", {Role::weights, 1}}, {"b", {Role::biases, 1}}}},
      {"an input that is a variable cannot be told from a weight",
       [&](T& t) {
         return ad::sum(ad::tanh(ad::matmul(t.variable(some({5, 3}, 0), "x"), W(t, {3, 2})) + b(t, 2)).named("h"));
       },
       {{"h", {Role::output, 1}},
        {"x", {Role::unclassified, 0}},
        {"W", {Role::unclassified, 0}},
        {"b", {Role::biases, 1}}}},
      {"a penalty meets no data",
       [&](T& t) {
         return ad::mean(ad::matmul(x(t), W(t, {3, 2}))) +
                ad::sum(ad::square(t.variable(some({2}, 1), "p"))) * ad::exp(t.variable(1.0, "q"));
       },
       {{"W", {Role::weights, 1}}, {"p", {Role::unclassified, 0}}, {"q", {Role::unclassified, 0}}}},
      {"parameters do inside of a checkpoint what they would do without one",
       [&](T& t) {
         const auto U = t.variable(some({4, 4}, 1), "U"), c = t.variable(some({4}, 1), "c");
         const auto h = ad::checkpoint([&](const V& h) { return ad::tanh(ad::matmul(h, U) + c); },
                                       ad::matmul(x(t), W(t, {3, 4})).named("a"));
         return ad::sum(ad::square(h.named("h")));
       },
       {{"h", {Role::output, 2}},
        {"a", {Role::hidden, 1}},
        {"W", {Role::weights, 1}},
        {"U", {Role::weights, 2}},
        {"c", {Role::biases, 2}}}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    T tape;
    const auto roadmap = ad::explain(c.loss(tape));
    for (const auto& one : c.expected) {
      const std::string& name = one.first;
      const auto& expected = one.second;
      CAPTURE(name);
      const auto row = std::ranges::find(roadmap.rows(), name, &ad::Roadmap::Row::name);
      REQUIRE(row != roadmap.rows().end());
      CHECK(int(row->role) == int(expected.first));
      CHECK_EQ(row->layer, expected.second);
    }
  }
  T tape;
  const auto input = tape.variable(some({5, 3}, 0), "x"), weight = W(tape, {3, 2});
  const auto loss = ad::sum(ad::tanh(ad::matmul(input, weight)));
  CHECK(ad::explain(loss).text().find("cannot be classified: it is multiplied by another variable") !=
        std::string::npos);
  const auto told = ad::explain(loss, {input});
  CHECK_EQ(told.parameters(), 6);
  CHECK(std::ranges::none_of(told.rows(), [](const auto& row) { return row.role == Role::unclassified; }));
}

TEST_CASE("a loop is a layer, though the loss needs its last result alone") {
  nn::Sequential<double> model(nn::LSTM<double>(3, 5), nn::Linear<double>(5, 2));
  model.initialise(1);
  T tape;
  const auto loss = ad::sum(ad::square(model(tape.constant(some({4, 6, 3}, 0)))));
  const auto roadmap = ad::explain(loss);
  const std::pair<const char*, std::pair<Role, std::size_t>> expected[] = {
      {"0/weight_ih_l0", {Role::weights, 1}},
      {"0/weight_hh_l0", {Role::unclassified, 0}},
      {"1/weight", {Role::weights, 3}},
      {"1/bias", {Role::biases, 3}},
      {"1/a", {Role::output, 3}},
  };
  for (const auto& each : expected) {
    const auto& name = each.first;
    const auto& what = each.second;
    CAPTURE(name);
    const auto row = std::ranges::find(roadmap.rows(), name, &ad::Roadmap::Row::name);
    REQUIRE(row != roadmap.rows().end());
    CHECK_EQ(ad::Roadmap::name(row->role), std::string(ad::Roadmap::name(what.first)));
    CHECK_EQ(row->layer, what.second);
  }
}

TEST_CASE("norms and shares of the roadmap are those of values and gradients") {
  nn::Sequential<double> model(nn::Linear<double>(3, 4), nn::Activation<double>("relu"), nn::Linear<double>(4, 2),
                               nn::Activation<double>("tanh"), nn::Linear<double>(2, 1));
  model.initialise(1);
  model.parameters()[0].parameter.assign(1e3 * some({3, 4}, 0));  // so that what follows is saturated
  T tape;
  const auto loss = nn::mean_squared_error(model(tape.constant(some({6, 3}, 2))), A(ad::Shape{6, 1}, 0.5));
  const auto roadmap = ad::explain(loss);
  CHECK_EQ(roadmap.parameters(), model.parameter_count());
  std::size_t layers = 0;
  for (const auto& row : roadmap.rows()) {
    CAPTURE(row.name);
    const auto v = tape.find(row.name);
    const A &value = v.value(), slope = ad::gradient(loss, v);
    CHECK(row.value == doctest::Approx(std::sqrt(xt::sum(value * value)())));
    CHECK(row.gradient == doctest::Approx(std::sqrt(xt::sum(slope * slope)())));
    const auto zero = std::count(value.begin(), value.end(), 0.0);
    CHECK(row.zero == doctest::Approx(double(zero) / double(value.size())));
    CHECK_EQ(row.non_finite, 0);
    layers = std::max(layers, row.layer);
    if (row.name == "1/h") CHECK(row.saturated == row.zero);  // of relu
    if (row.name == "3/h") CHECK(row.saturated == 1);
  }
  CHECK_EQ(layers, 3);
  for (const char* word : {"output units", "hidden units", "weights", "biases", "29 parameters in 6 arrays"})
    CHECK(roadmap.text().find(word) != std::string::npos);

  T other;
  const auto w = other.variable({0.0, 1.0}, "w");
  const auto rows = ad::explain(ad::sum(other.constant(A{1, 1}) * ad::log(w))).rows();
  CHECK_EQ(rows.at(0).non_finite, 0.5);  // the gradient 1 / 0
}

TEST_CASE("one weight's derivative passes every cut, and is the sum over its paths") {
  for (auto make : {plain_network, recurrent_network, residual_network}) {
    T tape;
    const auto loss = make(tape);
    for (const auto& name : tape.names()) {
      const auto w = tape.find(name);
      if (tape.node(w.index()).operation) continue;
      const auto slopes = ad::gradient(loss, w);
      for (std::size_t e : {std::size_t(0), w.size() - 1}) {
        CAPTURE(name);
        std::vector<std::size_t> element(w.dimension());
        for (std::size_t axis = w.dimension(), rest = e; axis-- > 0; rest /= w.shape(axis))
          element[axis] = rest % w.shape(axis);
        const auto chain = ad::explain(loss, w, element);
        CHECK(chain.value() == doctest::Approx(slopes.flat(e)).epsilon(1e-13));
        CHECK(chain.cuts().front().name == "loss");
        for (const auto& cut : chain.cuts()) CHECK(std::abs(cut.value - slopes.flat(e)) < 1e-13);
        double sum = 0;
        for (const auto& path : chain.paths()) {
          double product = 1;
          for (const auto& factor : path.factors) product *= factor.value;
          CHECK(product == doctest::Approx(path.product));
          sum += product;
        }
        if (double(chain.paths().size()) == chain.path_count()) CHECK(sum == doctest::Approx(slopes.flat(e)));
        CHECK(chain.text().find("d loss / d " + name) == 0);
      }
    }
  }
}

TEST_CASE("a thin network has one path, and each factor is the formula's") {
  T tape;
  const auto loss =
      ad::squared_error(network(tape, tape.constant(A(ad::Shape{1, 1}, 0.8)), {1, 1, 1}), A(ad::Shape{1, 1}, 1.0))
          .named("loss");
  const auto chain = ad::explain(loss, tape.find("layer1/W"), {0, 0});
  REQUIRE_EQ(chain.paths().size(), 1);
  const double h = tape.find("layer1/h").item(), a = tape.find("layer2/a").item();
  const double expected[] = {2 * (a - 1), tape.find("layer2/W").item(), h * (1 - h), 0.8};
  const char* names[] = {"d loss / d layer2/a", "d layer2/a / d layer1/h", "d layer1/h / d layer1/a",
                         "d layer1/a / d layer1/W"};
  const auto& factors = chain.paths()[0].factors;
  REQUIRE_EQ(factors.size(), 4);
  for (std::size_t k = 0; k < 4; ++k) {
    CHECK(factors[k].value == doctest::Approx(expected[k]));
    CHECK_EQ(factors[k].name(), names[k]);
  }
  CHECK(chain.text().find("product so far") != std::string::npos);
}

TEST_CASE("in a wide network the largest paths are found with one product an element") {
  T tape;
  const A x = some({1, 784}, 0.3);
  V h = tape.constant(x);
  const std::size_t units[] = {784, 100, 100, 10};
  std::vector<V> W;
  for (std::size_t l = 0; l < 3; ++l) {
    W.push_back(tape.variable(0.2 * some({units[l], units[l + 1]}, double(l)), "W" + std::to_string(l)));
    h = ad::matmul(h, W[l]).named("a" + std::to_string(l));
    if (l < 2) h = ad::tanh(h).named("h" + std::to_string(l));
  }
  const auto loss = ad::softmax_cross_entropy(h, A{3}).named("loss");
  const auto chain = ad::explain(loss, W[0], {5, 7});
  CHECK_EQ(chain.path_count(), 100 * 10);
  CHECK_LT(chain.products(), 1000);  // the Jacobians have 89400 rows and columns
  for (const auto& cut : chain.cuts()) CHECK(cut.value == doctest::Approx(ad::gradient(loss, W[0])(5, 7)));

  std::vector<double> products;
  const A h0 = tape.find("h0").value(), h1 = tape.find("h1").value(), top = ad::gradient(loss, h);
  for (std::size_t j = 0; j < 100; ++j)
    for (std::size_t k = 0; k < 10; ++k)
      products.push_back(x(0, 5) * (1 - h0(0, 7) * h0(0, 7)) * W[1].value()(7, j) * (1 - h1(0, j) * h1(0, j)) *
                         W[2].value()(j, k) * top(0, k));
  std::ranges::sort(products, [](double a, double b) { return std::abs(a) > std::abs(b); });
  REQUIRE_EQ(chain.paths().size(), 10);
  for (std::size_t p = 0; p < 10; ++p) CHECK(chain.paths()[p].product == doctest::Approx(products[p]));
}

TEST_CASE("what cannot be explained or drawn is refused") {
  T tape, other;
  const auto loss = plain_network(tape);
  const auto w = tape.find("layer1/W"), late = tape.variable({1.0}, "late"), far = other.variable({1.0});
  const Scratch folder;
  const auto file = [&](const char* name) { return folder / name; };
  const std::pair<std::function<void()>, std::string> cases[] = {
      {[&] { ad::explain(w); }, "[explain] the loss must have one element: (4, 3)"},
      {[&] { ad::explain(V(A{1.0})); }, "[explain] the loss is a plain value, recorded on no tape: (1)"},
      {[&] { ad::explain(tape.constant(1.0)); }, "[explain] the loss is a constant, to which no gradient leads: ()"},
      {[&] { ad::explain(loss, {far}); }, "[explain] an input must be of the tape of the loss: (1)"},
      {[&] {
         ad::explain(loss, w, {0, 3});
       },
       "[explain] the weight has no element (0, 3): (4, 3)"},
      {[&] { ad::explain(loss, w, {0}); }, "[explain] the weight has no element (0): (4, 3)"},
      {[&] { ad::explain(loss, late, {0}); }, "[explain] the loss does not depend on late: (1)"},
      {[&] { ad::explain(loss, far, {0}); }, "[explain] weight and loss belong to two tapes: (1)"},
      {[&] { ad::explain(loss, V(A{1.0}), {0}); }, "[explain] the weight is a plain value, recorded on no tape: (1)"},
      {[&] { ad::explain(loss, tape.constant(1.0), {}); },
       "[explain] the weight is a constant, which has no gradient: ()"},
      {[&] { ad::explain(V()); }, "[explain] argument 1 is an empty variable"},
      {[&] { ad::draw(V(), file("a.dot")); }, "[draw] argument 1 is an empty variable"},
      {[&] { ad::draw(w, file("a.dot")); }, "[draw] the loss must have one element: (4, 3)"},
      {[&] { ad::draw(loss, "net.pdf"); }, "[draw] the path must end with .svg, .png, .dot or .txt: \"net.pdf\""},
      {[&] { ad::draw(loss, "/nowhere/net.dot"); },
       "[draw] \"/nowhere/net.dot\" cannot be written: No such file or directory"},
  };
  for (const auto& [call, message] : cases) {
    std::string said;
    try {
      call();
    } catch (const ad::Error& error) {
      said = error.what();
    }
    CHECK_EQ(said, message);
  }
  T abstract(ad::TapeMode::abstract);
  const auto unknown = ad::sum(abstract.input({2}) * abstract.variable({1.0, 2.0}, "w"));
  CHECK_THROWS_AS(ad::explain(unknown), ad::TapeError);
  CHECK_THROWS_AS(ad::draw(unknown, file("a.dot"), {.values = true}), ad::TapeError);
  CHECK_NOTHROW(ad::draw(unknown, file("a.dot")));
}

TEST_CASE("a tape is printed line by line, gradients included") {
  T tape;
  const auto x = tape.constant(A{{1, 2}});
  V a, slope;
  {
    const auto scope = tape.scope("layer1");
    a = ad::matmul(x, tape.variable({{0.5}, {-1.0}}, "W")).named("a");
  }
  slope = ad::recorded_gradient(ad::sum(ad::square(a)), tape.find("layer1/W"));
  std::ostringstream text;
  ad::print(text, tape);
  const std::string lines =
      "  %0 = constant  (1, 2)  [[1, 2]]\n"
      "# layer1\n"
      "  layer1/W = variable  (2, 1)  [[0.5], [-1]]\n"
      "  layer1/a = matmul %0 layer1/W  (1, 1)  [[-1.5]]\n"
      "# /\n"
      "  %3 = square layer1/a  (1, 1)  [[2.25]]\n";
  CHECK_EQ(text.str().substr(0, lines.size()), lines);
  CHECK(text.str().find("# layer1/gradient\n  layer1/gradient/%") != std::string::npos);
  CHECK_EQ(tape.scope_of(slope.index()), "layer1/gradient");

  A numbers = xt::arange<double>(80.0);
  numbers.reshape({2, 40});
  std::ostringstream variables;
  variables << a << '\n' << V() << '\n' << V(numbers) << '\n' << ad::Variable<float>(ad::Array<float>{1, 2});
  const std::string printed = "(2, 40) [[0, 1, 2, ..., 37, 38, 39], [40, 41, 42, ..., 77, 78, 79]]\n(2) [1, 2]";
  CHECK_EQ(variables.str(), "layer1/a (1, 1) [[-1.5]]\nan empty variable\n" + printed);
  std::ostringstream arrays;  // the same, as gradients are
  arrays << numbers << '\n' << ad::Array<float>{1, 2};
  CHECK_EQ(arrays.str(), printed);
}

TEST_CASE("a report of a program says where every instruction comes from, and what it costs") {
  T tape;
  const auto x = tape.constant(some({2, 4}, 0.3));
  const auto loss = ad::softmax_cross_entropy(network(tape, x, {4, 3, 2}), A{0, 1}).named("loss");
  std::vector<ad::Update<double>> updates;
  for (const char* name : {"layer1/W", "layer1/b", "layer2/W", "layer2/b"}) {
    const auto w = tape.find(name);
    updates.push_back({w, w - 0.1 * ad::recorded_gradient(loss, w)});
  }
  auto program = ad::compile({x}, {loss}, updates, {.profile = true});
  program(x.value());
  const auto& report = program.report();
  REQUIRE_EQ(report.costs.size(), report.steps.size());
  std::size_t products = 0;
  for (std::size_t k = 0; k < report.steps.size(); ++k) {
    CAPTURE(report.steps[k].text);
    CHECK(std::ranges::any_of(report.costs[k].where, [](const auto& place) { return !place.empty(); }));
    CHECK_GT(report.costs[k].bytes, 0);
    if (report.steps[k].text.find("[matmul] in layer1/gradient (4, 3)") != 0) continue;
    ++products;
    CHECK_EQ(report.costs[k].arithmetic, 2 * 4 * 2 * 3);
  }
  CAPTURE(report.text());
  CHECK_EQ(products, 1);
  for (const char* part : {" %", "[log_softmax] (2, 2) for loss", "update of layer1/b", "layer2/gradient"})
    CHECK(report.text().find(part) != std::string::npos);
  CHECK(drawn(loss, "net.dot", {.report = &report}).find(" bytes, ") != std::string::npos);
}

TEST_CASE("pictures are well formed, and hold what was recorded") {
  for (auto make : {plain_network, recurrent_network, residual_network}) {
    T tape;
    const auto loss = make(tape);
    for (const bool on : {false, true}) {
      const ad::DrawOptions options{.values = on, .gradients = on, .cotangents = on};
      const auto dot = drawn(loss, "net.dot", options), text = drawn(loss, "net.txt", options);
      for (const auto& name : tape.names()) {
        CHECK(dot.find("<B>" + name + "</B>") != std::string::npos);
        CHECK(text.find(name + " = ") != std::string::npos);
      }
      CHECK_EQ(times(dot, "{"), times(dot, "}"));
      CHECK((times(dot, "style=dashed") > 0) == on);
      CHECK((dot.find("|gradient|") != dot.npos) == on);
      if (std::system("command -v dot > /dev/null 2>&1") == 0) {
        CHECK(well_formed(drawn(loss, "net.svg", {.values = on, .gradients = on, .layers = false})));
        CHECK_EQ(drawn(loss, "net.png", options).substr(1, 3), "PNG");
      } else {
        MESSAGE("skipped: graphviz is not installed");
      }
    }
  }
}

TEST_CASE("a plain network is drawn by layers, and without graphviz") {
  const std::string path = std::getenv("PATH") ? std::getenv("PATH") : "";
  ::setenv("PATH", "/nowhere", 1);
  T tape, other;
  const auto loss = plain_network(tape);
  const auto svg = drawn(loss, "net.svg", {.values = true, .gradients = true});
  CHECK(well_formed(svg));
  CHECK_EQ(times(svg, "<circle"), 4 + 3 + 3 + 2);
  CHECK_EQ(times(svg, "<line"), 4 * 3 + 3 * 3 + 3 * 2 + 2);
  std::ostringstream weight;
  weight.precision(4);
  weight << "layer2/W[1, 2] = " << tape.find("layer2/W").value()(1, 2) << ", gradient "
         << ad::gradient(loss, tape.find("layer2/W"))(1, 2) << "</title>";
  CHECK(svg.find(weight.str()) != std::string::npos);
  CHECK_THROWS_WITH_AS(
      ad::draw(recurrent_network(other), "net.svg"),
      "[draw] this picture as a .svg needs graphviz, whose program dot is not installed: install it, or "
      "write a .dot or .txt instead",
      ad::ValueError);
  T columns;  // W x, whose weights are recorded the other way round
  const auto y = ad::matmul(columns.variable(A{{1, 2}, {3, 4}, {5, 6}}, "W"), columns.constant(A{0.1, 0.2}));
  CHECK(drawn(ad::sum(ad::tanh(y)), "net.svg").find("W[2, 1] = 6, gradient ") != std::string::npos);
  T wide;
  const auto of_many = drawn(ad::sum(network(wide, wide.constant(some({2, 784}, 0)), {784, 100, 10})), "net.svg");
  CHECK_EQ(times(of_many, "<line"), 10 * 10 * 2 + 10);
  ::setenv("PATH", path.c_str(), 1);
}

TEST_CASE("deep networks are folded, and show that gradients vanish") {
  T tape;
  const auto loss =
      ad::sum(network(tape, tape.constant(some({2, 4}, 0)), std::vector<std::size_t>(12, 4))).named("loss");
  const auto picture = ad::detail::picture_of(loss, {.gradients = true});
  CHECK_LE(picture.nodes.size(), 40);
  double before = 7;
  for (int l = 11; l >= 1; --l) {
    const auto node = std::ranges::find(picture.nodes, "layer" + std::to_string(l), &ad::detail::PictureNode::name);
    REQUIRE(node != picture.nodes.end());
    CHECK(picture.level(node->gradient) < before);
    before = picture.level(node->gradient) + 0.5;
  }
  CHECK(before < 3);
  const auto all = ad::detail::picture_of(loss, {.most_nodes = 1000});
  CHECK_GT(all.nodes.size(), 40);
}

TEST_CASE("small arrays are cells, blocks of them beside each other, and tall ones norms") {
  T tape;
  const auto blocks = tape.variable(some({2, 3, 2}, 1), "blocks"), tall = tape.variable(some({9, 2}, 1), "tall");
  const auto picture = ad::detail::picture_of(ad::sum(blocks) + ad::sum(tall), {.values = true});
  for (const auto& node : picture.nodes) {
    if (node.name == "blocks") CHECK((node.values.rows == 3 && node.values.columns == 2));
    if (node.name == "tall") CHECK((node.values.numbers.empty() && node.value > 0));
  }
  const auto dot = drawn(ad::sum(blocks), "net.dot", {.values = true});
  std::size_t rows = 0;  // of cells: each has a number of both blocks
  for (auto at = dot.find("<TR><TD BGCOLOR"); at != dot.npos; at = dot.find("<TR><TD BGCOLOR", at + 1)) ++rows;
  CHECK_EQ(rows, 3);
  const auto first = dot.substr(dot.find("<TR><TD BGCOLOR"),
                                dot.find("</TR>", dot.find("<TR><TD BGCOLOR")) - dot.find("<TR><TD BGCOLOR"));
  char number[16];
  std::snprintf(number, sizeof number, ">%.2g<", blocks.value()(1, 0, 0));
  CHECK(first.find(number) != first.npos);
}

TEST_CASE("names are written as they are, and long recordings without scopes are folded, too") {
  T tape;
  const auto w = tape.variable({1.0, 2.0}, "<w> & \"v\"");
  V y = w * 1.0;
  for (int i = 0; i < 20000; ++i) y = ad::tanh(y) + w;
  const auto loss = ad::sum(y).named("loss");
  const auto picture = ad::detail::picture_of(loss, {});
  CHECK_LE(picture.nodes.size(), 40);
  CHECK(drawn(loss, "net.dot").find("<B>&lt;w&gt; &amp; &quot;v&quot;</B>") != std::string::npos);
  CHECK(drawn(loss, "net.txt").find("<w> & \"v\" = variable") != std::string::npos);

  T single;  // a loss that is a variable itself
  const auto v = single.variable(2.0, "v");
  CHECK(ad::explain(v).text().find("1 parameter in 1 array\nv cannot be classified: it meets no data\n") !=
        std::string::npos);
  CHECK_EQ(ad::explain(v, v, {}).text(), "d v / d v = 1\n\nthe same passes every cut from the loss down\n  v  1\n");

  T powers;  // a value made of one weight alone, along 2^40 paths
  const auto W = powers.variable(A{{0.5, 0.1}, {0.2, 0.4}}, "W");
  V power = W;
  for (int i = 0; i < 40; ++i) power = ad::matmul(power, power) + 0.5 * W;
  const auto roadmap = ad::explain(ad::sum(ad::matmul(powers.constant(A{{1, 2}}), power)));
  REQUIRE_EQ(roadmap.rows().size(), 2);
  CHECK(int(roadmap.rows()[1].role) == int(Role::weights));
}
