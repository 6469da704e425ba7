#include <cmath>
#include <nn/nn.hpp>

#include "reference.hpp"

using test::about;
using test::reference;

namespace {

void compare(const std::string& what, const nn::Schedule& schedule) {
  CAPTURE(what);
  const auto& rates = reference(what);
  for (std::size_t step = 0; step < rates.size(); ++step) {
    CAPTURE(step);
    CHECK(schedule(step) == about(rates[step]));
  }
}

}  // namespace

TEST_CASE("schedules agree with PyTorch's") {
  compare("step", nn::step_decay(0.5, 6, 0.3));
  compare("multi-step", nn::multi_step_decay(0.5, {3, 4, 12}, 0.5));
  compare("exponential", nn::exponential_decay(0.5, 0.8));
  compare("cosine", nn::cosine_decay(0.5, 15, 0.1));
  compare("polynomial", nn::polynomial_decay(0.5, 15, 2));
  compare("one-cycle", nn::one_cycle(0.5, 20));
  compare("one-cycle options", nn::one_cycle(0.5, 20, {.pct_start = 0.45, .div_factor = 10, .final_div_factor = 100}));
  compare("warm-up", nn::warm_up(6, nn::constant_rate(0.5)));
  compare("warm-up cosine", nn::warm_up(5, nn::cosine_decay(0.5, 10), 0.25));
}

TEST_CASE("schedules keep their last rate") {
  for (const std::size_t step : {15, 16, 29, 30, 31, 1000000}) {
    CAPTURE(step);
    CHECK(nn::cosine_decay(0.5, 15, 0.1)(step) == about(0.1));
    CHECK(nn::polynomial_decay(0.5, 15)(step) == 0);
    CHECK(nn::one_cycle(0.5, 16)(step) == about(0.5 / 25 / 1e4));
    CHECK(nn::one_cycle(0.5, 16, {.pct_start = 1})(step) == about(step == 15 ? 0.5 : 0.5 / 25 / 1e4));
    CHECK(nn::warm_up(5, nn::polynomial_decay(0.5, 10))(step) == 0);
  }
  CHECK(nn::one_cycle(0.5, 16, {.pct_start = 0})(0) < 0.5);
  CHECK(nn::warm_up(0, nn::constant_rate(0.5))(0) == 0.5);
}

TEST_CASE("schedules by name") {
  for (const auto& name : nn::schedule_names()) {
    CAPTURE(name);
    const auto plain = nn::schedule(name, 0.5, 90), warmed = nn::schedule(name, 0.5, 100, 10);
    CHECK(plain(0) == about(name == "one-cycle" ? 0.02 : 0.5));
    CHECK(warmed(0) == about(plain(0) / 3));
    for (std::size_t step = 0; step < 90; ++step) CHECK(warmed(step + 10) == plain(step));
    const double last = plain(89);
    if (name == "constant") CHECK(last == 0.5);
    if (name == "step") CHECK(last == about(0.005));
    if (name == "exponential") CHECK(last == about(0.005 * std::pow(10, 2.0 / 90)));
    if (name == "cosine") CHECK(last < 0.0002);
    if (name == "linear") CHECK(last == about(0.5 / 90));
    if (name == "one-cycle") CHECK(last == about(2e-6));
  }
  CHECK_THROWS_WITH_AS(nn::schedule("zigzag", 0.5, 10),
                       "[schedule] there is none named \"zigzag\", only constant, step, exponential, cosine, linear, "
                       "one-cycle",
                       autodiff::ValueError);
  CHECK_THROWS_AS(nn::schedule("constant", 0.5, 10, 10), autodiff::ValueError);
  CHECK_THROWS_AS(nn::schedule("constant", 0.5, 0), autodiff::ValueError);
}

TEST_CASE("what schedules are made of is checked") {
  for (const double bad : {-1.0, double(NAN), double(INFINITY)}) {
    CHECK_THROWS_AS(nn::constant_rate(bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::step_decay(bad, 1), autodiff::ValueError);
    CHECK_THROWS_AS(nn::step_decay(1, 1, bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::exponential_decay(1, bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::cosine_decay(1, 1, bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::polynomial_decay(1, 1, bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::one_cycle(bad, 2), autodiff::ValueError);
    CHECK_THROWS_AS(nn::warm_up(1, nn::constant_rate(1), bad), autodiff::ValueError);
    CHECK_THROWS_AS(nn::ReduceOnPlateau(0.1, {.min_lr = bad}), autodiff::ValueError);
    CHECK_THROWS_AS(nn::ReduceOnPlateau{bad}, autodiff::ValueError);
  }
  CHECK_THROWS_AS(nn::step_decay(1, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::cosine_decay(1, 0), autodiff::ValueError);
  CHECK_THROWS_AS(nn::one_cycle(1, 1), autodiff::ValueError);
  CHECK_THROWS_AS(nn::one_cycle(1, 9, {.pct_start = 1.1}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::one_cycle(1, 9, {.div_factor = 0}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::warm_up(1, {}), autodiff::ValueError);
  CHECK_THROWS_AS(nn::ReduceOnPlateau(0.1, {.factor = 1}), autodiff::ValueError);
  CHECK_THROWS_WITH_AS(nn::multi_step_decay(1, {3, 2}), "[multi_step_decay] milestones must be in order: 3 before 2",
                       autodiff::ValueError);
}

TEST_CASE("reducing on a plateau agrees with PyTorch, and goes on from a saved state") {
  const struct {
    std::string what;
    nn::PlateauOptions options;
    double sign;
  } cases[] = {
      {"plateau", {}, 1},
      {"plateau options", {.factor = 0.5, .patience = 2, .threshold = 0.05, .cooldown = 4, .min_lr = 0.01}, 1},
      {"plateau largest", {.largest = true, .factor = 0.5, .patience = 3}, 1},
      {"plateau options",
       {.largest = true, .factor = 0.5, .patience = 2, .threshold = 0.05, .cooldown = 4, .min_lr = 0.01},
       -1},  // the smallest of numbers is the largest of their opposites
  };
  for (const auto& c : cases) {
    CAPTURE(c.what);
    const auto &watched = reference("watched"), &rates = reference(c.what);
    nn::ReduceOnPlateau plateau(1, c.options);
    for (std::size_t i = 0; i < watched.size(); ++i) {
      CAPTURE(i);
      CHECK(plateau(c.sign * watched[i]) == about(rates[i]));
      nn::ReduceOnPlateau resumed(7, c.options);
      resumed.state(plateau.state());
      plateau = resumed;
    }
    CHECK(plateau.learning_rate() == about(rates.back()));
  }
}

TEST_CASE("what is not a number is never better") {
  nn::ReduceOnPlateau plateau(1, {.patience = 1});
  CHECK(plateau(NAN) == 1);
  CHECK(plateau(NAN) == about(0.1));
  CHECK(plateau(5) == about(0.1));
  CHECK(plateau.state().best == 5);
  CHECK(plateau(NAN) == about(0.1));
  CHECK(plateau(NAN) == about(0.01));
  CHECK(plateau.state().best == 5);
}
