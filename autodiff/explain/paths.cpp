#include "paths.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace autodiff::detail {

namespace {

/// A path up to an element, which goes on from another one.
struct Partial {
  PathStep last;
  double product;
  std::size_t before;  // its number among all partial paths
};
constexpr std::size_t none = std::size_t(-1);

/// What has come to one element so far: the largest partial paths, and how many there are.
struct Arrived {
  std::vector<std::size_t> best;
  double count = 0;
};

template <Real T>
class Search {
 public:
  Search(Flow<T>& flow, const std::vector<bool>& stations, std::size_t most, std::size_t width)
      : flow_(flow), stations_(stations), most_(most), width_(width) {}

  FoundPaths run(std::size_t element) {
    all_.push_back({{flow_.source(), element, 1}, 1, none});
    waiting_[flow_.source()][element] = {{0}, 1};
    while (waiting_.begin()->first != flow_.loss()) {
      const auto [node, elements] = std::move(*waiting_.begin());
      waiting_.erase(waiting_.begin());
      for (auto e : most_responsible(node, elements)) leave(node, e, elements.at(e));
      if (waiting_.empty()) return {};
    }
    const auto& arrived = waiting_.begin()->second.begin()->second;
    FoundPaths found{{}, exact_ ? arrived.count : std::numeric_limits<double>::quiet_NaN()};
    for (auto path : arrived.best) found.paths.push_back(trace(path));
    return found;
  }

 private:
  using Elements = std::map<std::size_t, Arrived>;

  double product(std::size_t path) const { return all_[path].product; }

  /// All elements, or where there are too many those with the most that goes on along their largest partial path.
  std::vector<std::size_t> most_responsible(std::uint32_t node, const Elements& elements) {
    std::vector<std::pair<double, std::size_t>> order;
    const T* back = flow_.cotangent(node).data();
    for (const auto& [e, arrived] : elements)
      order.emplace_back(-std::abs(product(arrived.best[0]) * double(back[e])), e);
    if (order.size() > width_) {
      std::ranges::sort(order);
      order.resize(width_);
      exact_ = false;
    }
    std::vector<std::size_t> result;
    for (const auto& [flow, e] : order) result.push_back(e);
    return result;
  }

  void leave(std::uint32_t node, std::size_t e, const Arrived& arrived) {
    Array<T> unit(flow_.cotangent(node).shape(), T(0));
    unit.data()[e] = 1;
    for (const auto& [to, column] : flow_.reach(node, unit, stations_)) {
      const auto& values = column.value();
      for (std::size_t f = 0; f < values.size(); ++f)
        if (values.data()[f] != 0) arrive(to, f, values.data()[f], arrived);
    }
  }

  void arrive(std::uint32_t node, std::size_t e, double factor, const Arrived& from) {
    auto& here = waiting_[node][e];
    here.count += from.count;
    const auto larger = [this](std::size_t a, std::size_t b) { return std::abs(product(a)) > std::abs(product(b)); };
    for (auto path : from.best) {
      const double now = product(path) * factor;
      if (here.best.size() == most_ && std::abs(now) <= std::abs(product(here.best.back()))) break;
      all_.push_back({{node, e, factor}, now, path});
      here.best.insert(std::ranges::upper_bound(here.best, all_.size() - 1, larger), all_.size() - 1);
      if (here.best.size() > most_) here.best.pop_back();
    }
  }

  FoundPath trace(std::size_t path) const {
    FoundPath found{{}, product(path)};
    for (; path != none; path = all_[path].before) found.steps.push_back(all_[path].last);
    std::ranges::reverse(found.steps);
    return found;
  }

  Flow<T>& flow_;
  const std::vector<bool>& stations_;
  const std::size_t most_, width_;
  bool exact_ = true;
  std::vector<Partial> all_;
  std::map<std::uint32_t, Elements> waiting_;  // by node, in the order of recording
};

}  // namespace

template <Real T>
FoundPaths find_paths(Flow<T>& flow, const std::vector<bool>& stations, std::size_t element, std::size_t most,
                      std::size_t width) {
  return Search<T>(flow, stations, most, width).run(element);
}

template FoundPaths find_paths(Flow<float>&, const std::vector<bool>&, std::size_t, std::size_t, std::size_t);
template FoundPaths find_paths(Flow<double>&, const std::vector<bool>&, std::size_t, std::size_t, std::size_t);

}  // namespace autodiff::detail
