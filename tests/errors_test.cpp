// Every failing call says which operation, which rule and which shapes, and records nothing.
#include <autodiff/ops/structs/elementary.hpp>
#include <autodiff/ops/structs/linalg.hpp>

#include "cases.hpp"

using namespace test;
using ad::Range;

namespace {

/// A call that must fail, and what its text must contain, separated by '|': the operation first.
struct Failing {
  const char* says;
  std::function<void()> call;
};

/// Runs the calls: each must throw E, say all its parts, and leave the tape as it was.
template <class E>
void check_failing(ad::Tape<double>& tape, const std::vector<Failing>& calls) {
  const auto size = tape.size();
  for (const auto& [says, call] : calls) {
    std::string text;
    try {
      call();
      FAIL_CHECK("no error; expected: " << says);
      continue;
    } catch (const E& error) {
      text = error.what();
    } catch (const std::exception& error) {
      FAIL_CHECK("an error of another kind: " << error.what());
    }
    std::istringstream parts(says);
    for (std::string part; std::getline(parts, part, '|');)
      CHECK_MESSAGE(text.find(part) != text.npos, "\"" << text << "\" does not say \"" << part << "\"");
    CHECK_MESSAGE(text.starts_with(std::string(says).substr(0, std::string_view(says).find('|'))), text);
    CHECK_MESSAGE(tape.size() == size, "recorded something: " << text);
  }
}

}  // namespace

TEST_CASE("shapes that do not fit") {
  ad::Tape<double> tape;
  const auto a = tape.variable(xt::zeros<double>({4, 3})), b = tape.variable(xt::zeros<double>({5, 2}));
  const auto v = tape.variable(xt::zeros<double>({3})), s = tape.variable(1.0);
  const auto none = tape.variable(xt::zeros<double>({0, 3}));
  const auto left = tape.variable(xt::zeros<double>({2, 4, 3})), right = tape.variable(xt::zeros<double>({3, 3, 4}));
  check_failing<ad::ShapeError>(
      tape, {{"[add] |broadcast|(4, 3)|(5, 2)", [&] { a + b; }},
             {"[sub] |(4, 3)|(2)", [&] { a - xt::zeros<double>({2}); }},
             {"[mul] |(5, 2)|(4, 3)", [&] { b* a; }},
             {"[div] |(4, 3)|(5, 2)", [&] { a / b; }},
             {"[pow] |(4, 3)|(5, 2)", [&] { pow(a, b); }},
             {"[where] |broadcast|(4, 3)|(3)|(5, 2)", [&] { where(a, v, b); }},
             {"[less] |(4, 3)|(5, 2)", [&] { void(a < b); }},
             {"[add] |(4, 3)|(5, 2)",
              [&] {
                auto c = a;
                c += b;
              }},
             {"[matmul] |inner dimensions must agree|(4, 3)|(5, 2)", [&] { matmul(a, b); }},
             {"[matmul] |inner dimensions must agree|(3)|(5, 2)", [&] { matmul(v, b); }},
             {"[matmul] |inner dimensions must agree|(5, 2)|(3)", [&] { matmul(b, v); }},
             {"[matmul] |numbers|()|(3)", [&] { matmul(s, v); }},
             {"[matmul] |batches|(2, 4, 3)|(3, 3, 4)", [&] { matmul(left, right); }},
             {"[dot] |(4, 3)|(5, 2)", [&] { dot(a, b); }},
             {"[dot] |(3)|(2)", [&] { dot(v, xt::zeros<double>({2})); }},
             {"[matmul] |(4, 3)|(5, 2)", [&] { linear(a, b, 0); }},
             {"[reshape] |number of elements must stay the same: 12 of (4, 3), and 5 of (5)", [&] { reshape(a, {5}); }},
             {"[reshape] |no length for -1|12 of (4, 3), and 5 times that length of (5, -1)",
              [&] {
                reshape(a, {5, -1});
              }},
             {"[reshape] |but for one -1: (-1, -1)",
              [&] {
                reshape(a, {-1, -1});
              }},
             {"[reshape] |but for one -1: (-2, 6)",
              [&] {
                reshape(a, {-2, 6});
              }},
             {"[broadcast_to] |(4, 3)|(4, 4)",
              [&] {
                broadcast_to(a, {4, 4});
              }},
             {"[broadcast_to] |(4, 3)|(3)", [&] { broadcast_to(a, {3}); }},
             {"[reshape] |32 axes",
              [&] {
                reshape(a, std::vector<int>{4, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
              }},
             {"[squeeze] |axis 0|(4, 3)", [&] { squeeze(a, 0); }},
             {"[concatenate] |(4, 3)|(5, 2)",
              [&] {
                concatenate(std::vector{a, b});
              }},
             {"[concatenate] |(4, 3)|(3)",
              [&] {
                concatenate(std::vector{a, v});
              }},
             {"[concatenate] |at least one", [&] { concatenate(std::vector<ad::Variable<double>>()); }},
             {"[stack] |at least one", [&] { stack(std::vector<ad::Variable<double>>()); }},
             {"[stack] |(4, 3)|(5, 2)",
              [&] {
                stack(std::vector{a, b});
              }},
             {"[split] |3|(4, 3)", [&] { split(a, 3); }},
             {"[split] |0|(4, 3)", [&] { split(a, 0); }},
             {"[pad] |1|(4, 3)",
              [&] {
                pad(a, {{1, 1}});
              }},
             {"[max] |axis 0|(0, 3)", [&] { max(none); }},
             {"[min] |axis 0|(0, 3)", [&] { min(none, 0); }},
             {"[argmax] |(0, 3)", [&] { argmax(none, 0); }},
             {"[mean] |(0, 3)", [&] { mean(none); }},
             {"[variance] |(0, 3)", [&] { variance(none); }},
             {"[softmax_cross_entropy] |(4, 3)|(5, 2)", [&] { softmax_cross_entropy(a, b); }},
             {"[squared_error] |(4, 3)|(3)", [&] { squared_error(a, v); }},
             {"[squared_error] |(0, 3)", [&] { squared_error(none, none); }},
             {"[scatter_add] |(2, 3)|(1, 3)", [&] {
                scatter_add(a, xt::xarray<double>{0}, xt::zeros<double>({2, 3}));
              }}});
}

TEST_CASE("losses with no elements name the public function") {
  ad::Tape<double> tape;
  const auto none = tape.variable(xt::zeros<double>({0, 3}));
  check_failing<ad::ShapeError>(tape, {{"[softmax_cross_entropy] |(0, 3)", [&] {
                                          softmax_cross_entropy(none, xt::zeros<double>({0, 3}));
                                        }}});
}

TEST_CASE("more elements than memory can hold are refused, though the product of the lengths may overflow to few") {
  ad::Tape<double> tape;
  constexpr std::size_t half = std::size_t(1) << 32, much = std::size_t(1) << 59;
  const auto s = tape.variable(1.0), v = tape.variable(xt::zeros<double>({3}));
  const auto none = tape.variable(xt::zeros<double>({0, 3}));
  const auto wide = tape.variable(xt::zeros<double>({std::size_t(0), much})), tall = transpose(wide);
  const Shape square{half, half};
  check_failing<ad::ShapeError>(
      tape, {{"[broadcast_to] |memory|(4294967296, 4294967296)", [&] { broadcast_to(s, square); }},
             {"[broadcast_to] |memory|(1152921504606846976)", [&] { broadcast_to(s, {2 * much}); }},
             {"[reshape] |memory|(4294967296, 4294967296)", [&] { reshape(none, square); }},
             {"[reshape] |memory",
              [&] {
                reshape(v, {half, half, std::size_t(1), std::size_t(0)});
              }},
             {"[random_uniform] |memory", [&] { random_uniform(s, 0, square); }},
             {"[random_normal] |memory|(4294967296, 4294967296)", [&] { random_normal(s, 0, square); }},
             {"[one_hot] |memory", [&] { one_hot(v, much); }},
             {"[pad] |memory",
              [&] {
                pad(v, {{2 * much, 0}});
              }},
             {"[pad] |axis 0",
              [&] {
                pad(v, {{std::size_t(-1), 1}});
              }},
             {"[matmul] |memory", [&] { matmul(tall, wide); }},
             {"[concatenate] |axis 1", [&] { concatenate(std::vector(40, wide), 1); }},
             {"[stack] |memory", [&] { stack(std::vector(40, wide)); }},
             {"[jacobian] |memory", [&] { jacobian(tall, wide); }},
             {"[array] |memory|(4294967296, 4294967296)", [&] {
                tape.variable(xt::zeros<double>({half, half}));
              }}});
}

TEST_CASE("axes that are not there, or named twice") {
  ad::Tape<double> tape;
  const auto a = tape.variable(xt::zeros<double>({4, 3}));
  check_failing<ad::AxisError>(tape, {{"[sum] |axis 2|(4, 3)", [&] { sum(a, 2); }},
                                      {"[sum] |axis -3|(4, 3)", [&] { sum(a, -3); }},
                                      {"[sum] |twice|(4, 3)",
                                       [&] {
                                         sum(a, {1, -1});
                                       }},
                                      {"[max] |axis 5|(4, 3)", [&] { max(a, 5); }},
                                      {"[mean] |axis 2|(4, 3)", [&] { mean(a, 2); }},
                                      {"[prod] |axis 2|(4, 3)", [&] { prod(a, 2); }},
                                      {"[variance] |axis 2|(4, 3)", [&] { variance(a, 2); }},
                                      {"[norm] |axis 2|(4, 3)", [&] { norm(a, 2); }},
                                      {"[logsumexp] |axis 2|(4, 3)", [&] { logsumexp(a, 2); }},
                                      {"[argmax] |axis 2|(4, 3)", [&] { argmax(a, 2); }},
                                      {"[cumsum] |axis 2|(4, 3)", [&] { cumsum(a, 2); }},
                                      {"[softmax] |axis 2|(4, 3)", [&] { softmax(a, 2); }},
                                      {"[permute] |axis 2|(4, 3)",
                                       [&] {
                                         permute(a, {0, 2});
                                       }},
                                      {"[permute] |twice|(4, 3)",
                                       [&] {
                                         permute(a, {0, 0});
                                       }},
                                      {"[permute] |(4, 3)", [&] { permute(a, {0}); }},
                                      {"[swap_axes] |axis 2|(4, 3)", [&] { swap_axes(a, 0, 2); }},
                                      {"[squeeze] |axis 2|(4, 3)", [&] { squeeze(a, 2); }},
                                      {"[expand_dims] |axis 3|(4, 3)", [&] { expand_dims(a, 3); }},
                                      {"[flatten] |axis 2|(4, 3)", [&] { flatten(a, 2); }},
                                      {"[slice] |3 ranges|(4, 3)",
                                       [&] {
                                         slice(a, {{}, {}, {}});
                                       }},
                                      {"[take_range] |axis 2|(4, 3)", [&] { take_range(a, 2, 0, 1); }},
                                      {"[flip] |axis 2|(4, 3)", [&] { flip(a, 2); }},
                                      {"[concatenate] |axis 2|(4, 3)",
                                       [&] {
                                         concatenate(std::vector{a, a}, 2);
                                       }},
                                      {"[split] |axis 2|(4, 3)", [&] { split(a, 1, 2); }},
                                      {"[gather] |axis 2|(4, 3)", [&] { gather(a, 0, 2); }},
                                      {"[scatter_add] |axis 2|(4, 3)", [&] { scatter_add(a, 0, a, 2); }}});
}

TEST_CASE("axes of stack and split_at name the public function") {
  ad::Tape<double> tape;
  const auto a = tape.variable(xt::zeros<double>({4, 3}));
  check_failing<ad::AxisError>(tape, {{"[stack] |axis 3|(4, 3)",
                                       [&] {
                                         stack(std::vector{a, a}, 3);
                                       }},
                                      {"[split_at] |axis 2|(4, 3)", [&] { split_at(a, {1}, 2); }}});
}

TEST_CASE("values that an operation cannot take") {
  ad::Tape<double> tape;
  const auto a = tape.variable(xt::zeros<double>({4, 3}));
  check_failing<ad::ValueError>(tape, {{"[gather] |4|not included", [&] { gather(a, 4); }},
                                       {"[gather] |element 1|0.5",
                                        [&] {
                                          gather(a, xt::xarray<double>{0, 0.5});
                                        }},
                                       {"[scatter_add] |-1",
                                        [&] {
                                          scatter_add(a, xt::xarray<double>{-1}, xt::zeros<double>({1, 3}));
                                        }},
                                       {"[softmax_cross_entropy] |element 2|3",
                                        [&] {
                                          softmax_cross_entropy(a, xt::xarray<double>{0, 1, 3, 2});
                                        }},
                                       {"[slice] |step|(4, 3)",
                                        [&] {
                                          slice(a, {Range{{}, {}, 0}});
                                        }},
                                       {"[split_at] |ascend|(4, 3)",
                                        [&] {
                                          split_at(a, {1, 9});
                                        }},
                                       {"[clip] |1|-1", [&] { clip(a, 1, -1); }}});
}

TEST_CASE("what records some of its steps before one fails leaves none of them") {
  ad::Tape<double> tape;
  const auto a = tape.variable(xt::zeros<double>({4, 3})), v = tape.variable(xt::zeros<double>({3}));
  const auto none = slice(a, {Range{0, 0}});
  check_failing<ad::ShapeError>(tape,
                                {{"[linear] |(4, 2)|(3)",
                                  [&] {
                                    linear(a, xt::zeros<double>({3, 2}), v);
                                  }},
                                 {"[stack] |(4, 3)|(3)",
                                  [&] {
                                    stack(std::vector{a, v});
                                  }},
                                 {"[softmax_cross_entropy] |(0, 3)", [&] { softmax_cross_entropy(none, none); }}});
  check_failing<ad::ValueError>(tape, {{"[split_at] |ascend|(4, 3)", [&] { split_at(a, {3, 1}); }}});
}

TEST_CASE("transforms of what cannot be transformed") {
  ad::Tape<double> tape, other;
  const auto x = tape.variable(xt::ones<double>({4, 3})), c = tape.constant(xt::ones<double>({4, 3}));
  const auto y = sum(x * c), elsewhere = other.variable(1.0);
  const ad::Variable<double> plain(array({}, {1}));
  check_failing<ad::ShapeError>(tape, {{"[gradient] |one element|(4, 3)", [&] { gradient(x, x); }},
                                       {"[recorded_gradient] |one element|(4, 3)", [&] { recorded_gradient(x, x); }},
                                       {"[hvp] |one element|(4, 3)", [&] { hvp(x, x, x.value()); }},
                                       {"[hessian] |one element|(4, 3)", [&] { hessian(x, x); }},
                                       {"[vjp] |cotangent|(3)|(4, 3)", [&] { vjp(x, xt::ones<double>({3}), x); }},
                                       {"[jvp] |(3)|(4, 3)", [&] { jvp(x, x, xt::ones<double>({3})); }},
                                       {"[hvp] |()|(4, 3)", [&] { hvp(y, x, 1.0); }},
                                       {"[jvp] |1 variables|2 vectors", [&] {
                                          ad::jvp(y, std::vector{x}, {x.value(), x.value()});
                                        }}});
  check_failing<ad::TapeError>(tape, {{"[gradient] |constant|(4, 3)", [&] { gradient(y, c); }},
                                      {"[gradient] |two tapes", [&] { gradient(y, elsewhere); }},
                                      {"[gradient] |plain value|()", [&] { gradient(plain, x); }},
                                      {"[gradient] |plain value|()", [&] { gradient(y, plain); }},
                                      {"[vjp] |constant|(4, 3)", [&] { vjp(y, 1.0, c); }},
                                      {"[jvp] |constant|(4, 3)", [&] { jvp(y, c, c.value()); }},
                                      {"[hessian] |constant", [&] { hessian(y, c); }},
                                      {"[jacobian] |constant", [&] { jacobian(y, c); }},
                                      {"[mul] |two tapes|(4, 3)|()", [&] { x* elsewhere; }},
                                      {"[add] |empty", [&] { x + ad::Variable<double>(); }}});
}

TEST_CASE("random numbers: who is called is named") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({4, 3})), s = tape.variable(1.0);
  check_failing<ad::ShapeError>(tape, {{"[random_uniform] |key and step|(4, 3)|()", [&] { random_uniform(x, s, {2}); }},
                                       {"[random_normal] |key and step|(4, 3)|()", [&] { random_normal(x, s, {2}); }},
                                       {"[dropout] |key and step|()|(4, 3)", [&] { dropout(x, 0.5, s, x); }}});
  check_failing<ad::ValueError>(tape, {{"[random_uniform] |step|0.5", [&] { random_uniform(s, 0.5, {2}); }},
                                       {"[random_normal] |key|-1", [&] { random_normal(-1, s, {2}); }},
                                       {"[dropout] |key|0.5", [&] { dropout(x, 0.5, 0.5, s); }}});
}

TEST_CASE("the length of an axis that is not there") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({4, 3}));
  CHECK_EQ(x.shape(1), 3);
  CHECK_THROWS_WITH_AS(x.shape(2), "[shape] axis 2 is out of range for shape (4, 3)", ad::AxisError);
  CHECK_THROWS_WITH_AS(x.shape(-1), "[shape] axis -1 is out of range for shape (4, 3)", ad::AxisError);
}

TEST_CASE("errors name the scope") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({4, 3}));
  const auto outer = tape.scope("net");
  const auto inner = tape.scope("layer1");
  CHECK_THROWS_WITH_AS(matmul(x, xt::zeros<double>({5, 2})),
                       "net/layer1: [matmul] inner dimensions must agree: (4, 3) and (5, 2)", ad::ShapeError);
  CHECK_THROWS_WITH_AS(sum(x, 2), "net/layer1: [sum] axis 2 is out of range for shape (4, 3)", ad::AxisError);
  CHECK_THROWS_WITH_AS(mean(x, 2), "net/layer1: [mean] axis 2 is out of range for shape (4, 3)", ad::AxisError);
}

TEST_CASE("every error can be caught as one, and as std::exception") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({3}));
  CHECK_THROWS_AS(x + xt::zeros<double>({2}), ad::Error);
  CHECK_THROWS_AS(x + xt::zeros<double>({2}), std::exception);
}

TEST_CASE("an operation that is given another number of arguments says so") {
  ad::Tape<double> tape;
  const auto x = tape.variable(xt::zeros<double>({3, 3}));
  CHECK_THROWS_WITH_AS(ad::listed(ad::Matmul{}, x), "[matmul] takes 2 arguments, not 1", ad::ShapeError);
  CHECK_THROWS_WITH_AS(ad::listed(ad::Tanh{}, x, x), "[tanh] takes 1 argument, not 2", ad::ShapeError);
}

TEST_CASE("the hunt for what is not finite stops at the first value, and says where") {
  ad::Tape<double> tape;
  const auto scope = tape.scope("net");
  const auto x = tape.variable(array({2, 2}, {1, 2, 0, 3}));
  log(x);  // off at first
  tape.stop_at_non_finite();
  const auto size = tape.size();
  CHECK_THROWS_WITH_AS(log(x), "net: [log] the result (2, 2) has -inf at (1, 0), from (2, 2)", ad::ValueError);
  CHECK_THROWS_WITH_AS(tape.variable(array({1}, {std::nan("")})), "net: [variable] the value (1) has nan at (0)",
                       ad::ValueError);
  CHECK_THROWS_WITH_AS(tape.constant(array({1}, {INFINITY}), "c"), "net/c: [constant] the value (1) has inf at (0)",
                       ad::ValueError);
  CHECK_EQ(tape.size(), size);
  const auto y = sum(sqrt(x));
  try {  // finite, with an infinite slope
    ad::gradient(y, x);
    FAIL("the gradient of sqrt at 0 was taken");
  } catch (const ad::ValueError& error) {
    CHECK(std::string(error.what()).find("gradient of net: [sqrt]") != std::string::npos);
    CHECK(std::string(error.what()).find("inf at (1, 0)") != std::string::npos);
  }
  ad::Tape<double> bare;
  const auto zero = bare.variable(0.0);
  const auto root = sqrt(zero);
  bare.stop_at_non_finite();
  CHECK_THROWS_WITH_AS(ad::gradient(root, zero), "net/gradient: [sqrt] the result () has inf at (), from ()",
                       ad::ValueError);
  tape.stop_at_non_finite(false);
  CHECK(std::isinf(ad::gradient(y, x)(1, 0)));
}
