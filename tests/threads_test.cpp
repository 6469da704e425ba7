// What threads may do at once. The figures are compared, too, but the point is to run this in a build with
// -Db_sanitize=thread, which sees races.
#include <barrier>
#include <cmath>
#include <cstring>
#include <functional>
#include <mutex>
#include <nn/model/name.hpp>
#include <optional>
#include <thread>

#include "nn_support.hpp"
#include "on_threads.hpp"

namespace ad = autodiff;
using ad::Array;
using ad::Tape;
using ad::Variable;
using test::same_bits;
using test::Threads;

namespace {

constexpr int count = 4;

/// Calls f(i) for i below `count` in threads of their own, which all begin at the same moment.
void at_once(const std::function<void(int)>& f) {
  std::barrier start(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      f(i);
    });
  for (auto& thread : threads) thread.join();
}

/// Numbers from -1 to 1.
template <class T>
Array<T> numbers(const ad::Shape& shape, int seed) {
  auto result = ad::uninitialised<T>(shape);
  int k = seed;
  for (auto& x : result) x = static_cast<T>(std::sin(k++));
  return result;
}

/// Large enough that products and clusters are divided among threads.
template <class T>
struct Step {
  Tape<T> tape;
  Variable<T> x, w, loss, slope, next;

  explicit Step(int seed)
      : x(tape.constant(numbers<T>({96, 96}, seed))),
        w(tape.variable(numbers<T>({96, 96}, 1), "w")),
        loss(mean(square(tanh(matmul(x, w) * 0.1)))),
        slope(recorded_gradient(loss, w)),
        next(w - 0.1 * slope) {}
};

/// The gradient of the length of a gradient.
template <class T>
Array<T> curvature(int seed) {
  const Step<T> step(seed);
  return gradient(sum(step.slope * step.slope), step.w);
}

template <class T>
Array<T> trained(int seed, int threads) {
  const Step<T> step(seed);
  auto program = ad::compile({step.x}, {step.loss}, {{step.w, step.next}}, {.threads = threads});
  for (int i = 0; i < 10; ++i) program(step.x.value());
  return program.state(0);
}

template <class T>
nn::Sequential<T> network() {
  nn::Sequential<T> model(nn::Linear<T>(8, 200), nn::BatchNorm<T>(200), nn::Activation<T>("gelu"),
                          nn::Residual<T>(nn::Linear<T>(200, 200)), nn::Dropout<T>(0.5), nn::Linear<T>(200, 3),
                          nn::LayerNorm<T>({3}), nn::Activation<T>("log_softmax"));
  model.initialise(1);
  return model;
}

}  // namespace

TEST_CASE_TEMPLATE("tapes side by side give what each gives alone", T, float, double) {
  const Threads guard(3);
  std::vector<Array<T>> alone, together(count);
  for (int i = 0; i < count; ++i) alone.push_back(curvature<T>(i));
  at_once([&](int i) { together[i] = curvature<T>(i); });
  for (int i = 0; i < count; ++i) CHECK(same_bits(alone[i], together[i]));
}

TEST_CASE_TEMPLATE("programs are compiled and run side by side", T, float, double) {
  std::vector<Array<T>> alone, together(count);
  for (int i = 0; i < count; ++i) alone.push_back(trained<T>(i, 1));
  at_once([&](int i) { together[i] = trained<T>(i, 3); });
  for (int i = 0; i < count; ++i) CHECK(same_bits(alone[i], together[i]));
}

TEST_CASE("copies of a program share a recorded loop, its gradient and a checkpoint, and run side by side") {
  const Threads several(3);
  Tape<double> tape;
  const auto x = tape.variable(numbers<double>({20, 64, 64}, 1)), w = tape.variable(numbers<double>({64, 64}, 2));
  const auto [last, all] = ad::scan(
      [&](const auto& h, const auto& e) {
        const auto next = ad::checkpoint([&](const auto& v) { return ad::tanh(ad::matmul(v, w) + e); }, h);
        return std::pair(next, next);
      },
      x(0), x);
  auto program = ad::compile({x, w}, {ad::recorded_gradient(ad::sum(ad::square(all)) + ad::sum(last), w)});
  std::vector<Array<double>> inputs;
  for (int i = 0; i < count; ++i) inputs.push_back(numbers<double>({20, 64, 64}, i));
  std::vector<Array<double>> alone, together(count);
  for (int i = 0; i < count; ++i) alone.push_back(program(inputs[std::size_t(i)], w.value())[0]);
  std::vector<ad::Program<double>> copies(count, program);
  at_once([&](int i) {
    for (int k = 0; k < 3; ++k) together[std::size_t(i)] = copies[std::size_t(i)](inputs[std::size_t(i)], w.value())[0];
  });
  for (int i = 0; i < count; ++i) CHECK(same_bits(together[std::size_t(i)], alone[std::size_t(i)]));
}

TEST_CASE_TEMPLATE("one model serves threads that call it for the first time at once", T, float, double) {
  const Threads guard(3);
  const auto first = network<T>();
  auto other = first;
  const auto x = numbers<T>({64, 8}, 5);
  const auto alone = other(x).value();
  for (int round = 0; round < 10; ++round) {
    auto model = first;  // which no module has named yet
    std::vector<char> same(count, true);
    at_once([&](int i) {
      for (int k = 0; k < 5; ++k) same[i] &= same_bits(model(x).value(), alone);
    });
    CHECK(same == std::vector<char>(count, true));
  }
}

TEST_CASE("errors of threads that call one model say where they happened in it") {
  auto model = network<double>();
  const Array<double> narrow = numbers<double>({2, 3}, 0);
  std::vector<std::string> errors(count);
  at_once([&](int i) { errors[i] = test::error_of([&] { model(narrow); }); });
  CHECK(errors == std::vector<std::string>(count, "0: [matmul] inner dimensions must agree: (2, 3) and (8, 200)"));
}

TEST_CASE("a name belongs to its place, and is whole while other threads give it others") {
  nn::detail::Name name;
  CHECK(name.text() == "");
  const std::string texts[] = {std::string(100, 'a'), std::string(200, 'b')};
  std::vector<char> whole(count, true);
  at_once([&](int i) {
    for (int k = 0; k < 1000; ++k) {
      name.set(texts[(i + k) % 2]);
      const std::string& now = name.text();
      whole[i] &= now == texts[0] || now == texts[1];
    }
  });
  CHECK(whole == std::vector<char>(count, true));
  name.set("mine");
  const std::string& mine = name.text();
  nn::detail::Name copy(name), assigned;
  assigned.set("before");
  assigned = name;
  name.set("next");
  CHECK(mine == "mine");
  CHECK(name.text() == "next");
  CHECK(copy.text() == "");
  CHECK(assigned.text() == "before");
}

TEST_CASE("two models are fitted side by side") {
  const auto fitted = [] {
    auto model = network<double>();
    nn::MemorySource<double> data({numbers<double>({96, 8}, 2), Array<double>(numbers<double>({96}, 3) > 0)});
    nn::Adam<double> adam(0.01);
    nn::FitOptions<double> options{.epochs = 2, .seed = 4};
    options.validation = &data;
    options.step.compile.threads = 2;
    nn::fit(model, adam, nn::loss<double>("cross-entropy"), data, options);
    std::vector<Array<double>> values;
    for (auto& [name, parameter] : model.parameters()) values.push_back(parameter.value());
    for (auto& [name, state] : model.states()) values.push_back(state.value());
    return values;
  };
  const auto alone = fitted();
  std::vector<Array<double>> together[2];
  std::thread one([&] { together[0] = fitted(); }), two([&] { together[1] = fitted(); });
  one.join(), two.join();
  for (const auto& values : together) {
    REQUIRE(values.size() == alone.size());
    for (std::size_t i = 0; i < alone.size(); ++i) CHECK(same_bits(values[i], alone[i]));
  }
}

TEST_CASE("the number of threads may be set while others compute") {
  const auto alone = trained<double>(1, 1);
  const Threads guard(3);
  std::vector<char> same(count, true);
  at_once([&](int i) {
    for (int k = 0; k < 5; ++k) {
      if (i == 0)
        ad::set_threads(1 + k % 4);
      else
        same[i] &= same_bits(trained<double>(1, 0), alone);
    }
  });
  CHECK(same == std::vector<char>(count, true));
}

TEST_CASE("a variable may be asked whether it is alive while its tape goes, in another thread") {
  for (int round = 0; round < 20; ++round) {
    auto tape = std::make_optional<Tape<double>>();
    const auto x = tape->variable(1.0);
    CHECK(x.alive());
    std::thread other([&] { tape.reset(); });
    while (x.alive()) std::this_thread::yield();
    other.join();
    CHECK_FALSE(x.alive());
  }
}

TEST_CASE("small plain values are read, and become arrays, in several threads at once") {
  for (int turn = 0; turn < 50; ++turn) {
    const auto shared = Variable<double>(Array<double>{1, 2}) * 2;
    std::vector<const Array<double>*> seen(count);
    std::vector<double> slopes(count);
    at_once([&](int i) {
      Tape<double> tape;
      const auto x = tape.variable(Array<double>{1, 1});
      slopes[i] = ad::gradient(ad::sum(x * shared * x), x)(1);
      seen[i] = &shared.value();
    });
    for (int i = 0; i < count; ++i) {
      CHECK_EQ(slopes[i], 8);
      CHECK_EQ(seen[i], seen[0]);
    }
  }
}

TEST_CASE("what one thread records, another may end") {
  std::vector<Variable<double>> values;
  for (int turn = 0; turn < 3; ++turn) {
    std::thread([&] {
      for (int i = 0; i < 3000; ++i) values.push_back(Variable<double>(Array<double>(double(i))) + 1);
    }).join();
    for (int i = 0; i < 3000; ++i) REQUIRE_EQ(values[i].item(), i + 1);
    values.clear();
  }
}

TEST_CASE("memory that threads hand to and fro stays what they hold at once") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
  return;  // sanitizers keep memory for a while; with Clang there may be one
#endif
  const Variable<float> x(Array<float>(ad::Shape{2, 2}, 1.f));
  const auto pass_on = [&](int rounds) {
    std::mutex mutex;
    std::vector<std::vector<Variable<float>>> between;
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < rounds; ++i) {
          std::vector<Variable<float>> mine, theirs;
          for (int k = 0; k < 300; ++k) mine.push_back(x * 2.f);
          const std::scoped_lock lock(mutex);
          between.push_back(std::move(mine));
          if (between.size() > 6) std::swap(theirs, between.front()), between.erase(between.begin());
        }
      });
    for (auto& thread : threads) thread.join();
  };
  pass_on(200);
  const double before = test::resident();
  for (int i = 0; i < 5; ++i) pass_on(1000);
  CHECK_LE(test::resident(), before + 8);  // megabytes
}
