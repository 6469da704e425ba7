// How the learning rate changes in training.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nn {

/// The learning rate of a step, or of an epoch, whichever is counted; the first has the number 0. A pure function: what
/// training needs to go on is the number alone.
using Schedule = std::function<double(std::size_t step)>;

// All throw ValueError for rates, factors and minima that are negative or not finite, and where 0 steps make no sense.
// Those that end keep their last rate from then on. Names in brackets: the same in torch.optim.lr_scheduler.

/// The same rate always.
Schedule constant_rate(double rate);
/// Times `factor` after every `length` steps [StepLR].
Schedule step_decay(double rate, std::size_t length, double factor = 0.1);
/// Times `factor` at each milestone, a step at least that of the one before [MultiStepLR]. Throws ValueError for
/// milestones out of order.
Schedule multi_step_decay(double rate, std::vector<std::size_t> milestones, double factor = 0.1);
/// Times `factor` at each step [ExponentialLR].
Schedule exponential_decay(double rate, double factor);
/// Half a period of a cosine from the rate down to the minimum, which step number `steps` has [CosineAnnealingLR]. I.
/// Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5.
Schedule cosine_decay(double rate, std::size_t steps, double minimum = 0);
/// (1 - step / steps)^power times the rate: a straight line to zero by default [PolynomialLR].
Schedule polynomial_decay(double rate, std::size_t steps, double power = 1);

struct OneCycleOptions {
  double pct_start = 0.3;         // the share of the steps in which the rate rises, from 0 to 1
  double div_factor = 25;         // the first rate is the largest over this
  double final_div_factor = 1e4;  // and the last is the first over this
};
/// Up to the largest rate and down again, each along half a period of a cosine [OneCycleLR]. L. Smith and N. Topin,
/// "Super-convergence: very fast training of neural networks using large learning rates", 2017. Throws ValueError for
/// options out of range, and for less than two steps.
Schedule one_cycle(double largest, std::size_t steps, OneCycleOptions options = {});

/// A straight line from `start_factor` times the first rate of `then` up to that rate in so many steps, and then the
/// other schedule from its own beginning [LinearLR, SequentialLR]. P. Goyal et al., "Accurate, large minibatch SGD",
/// 2017.
Schedule warm_up(std::size_t steps, Schedule then, double start_factor = 1.0 / 3);

/// A schedule by name for a training of so many steps, of which the first `warming` warm up: "constant"; "step", a
/// tenth after each third; "exponential", down to a hundredth; "cosine" and "linear", down to zero; "one-cycle". Throws
/// ValueError for another name, for no steps (two for one-cycle) after warming up, and what the schedules throw.
Schedule schedule(std::string_view name, double rate, std::size_t steps, std::size_t warming = 0);
std::vector<std::string> schedule_names();

struct PlateauOptions {
  bool largest = false;       // whether the watched number is to grow, such as an accuracy
  double factor = 0.1;        // what the rate is multiplied by, below 1
  std::size_t patience = 10;  // how many times in a row nothing may get better
  double threshold = 1e-4;    // what counts as better: by this share of the best so far
  std::size_t cooldown = 0;   // how many times nothing is counted after a reduction
  double min_lr = 0;          // the rate never falls below this
};

/// Reduces the learning rate when a number, such as the validation loss, does not get better any more
/// [ReduceLROnPlateau]. A number that is not a number is never better.
class ReduceOnPlateau {
 public:
  /// All that it remembers.
  struct State {
    double rate, best;           // an infinity before the first number
    std::size_t worse, cooling;  // how often in a row nothing got better; how often nothing will be counted yet
  };

  /// Throws ValueError for a rate that is negative or not finite, and for options out of range.
  explicit ReduceOnPlateau(double rate, PlateauOptions options = {});
  /// Takes the next number, and gives the learning rate from now on.
  double operator()(double watched);
  /// The learning rate as it is.
  double learning_rate() const { return state_.rate; }

  /// All that it remembers, to be saved.
  const State& state() const { return state_; }
  /// Goes on from there. Throws ValueError for a rate that is negative or not finite.
  void state(const State& state);

 private:
  PlateauOptions options_;
  State state_;
};

}  // namespace nn
