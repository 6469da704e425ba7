#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <nn/io/atomic_file.hpp>

#include "panels.hpp"
#include "report_page.hpp"

namespace nn {

using autodiff::fail;
using autodiff::ValueError;

namespace {

constexpr std::size_t most_epochs = 100;

std::string rounded(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", x);
  return text;
}
std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

nlohmann::json json_of(const Distribution& d) {
  return d.counts.empty() ? nlohmann::json() : nlohmann::json{{"most", d.most}, {"counts", d.counts}};
}

nlohmann::json json_of(const Observed& o) {
  return {{"role", o.role},
          {"name", o.name},
          {"layer", o.layer},
          {"value", o.value},
          {"zero", o.zero},
          {"saturated", o.saturated},
          {"update", o.update},
          {"gradient", o.gradient},
          {"values", json_of(o.values)},
          {"gradients", json_of(o.gradients)}};
}

nlohmann::json json_of(const Panels& all) {
  auto panels = nlohmann::json::array();
  for (const auto& panel : all.panels) {
    auto series = nlohmann::json::array();
    for (const auto& one : panel.series) series.push_back({{"label", one.label}, {"values", one.values}});
    panels.push_back(
        {{"title", panel.title}, {"log", panel.axis.logarithmic}, {"small", panel.small}, {"series", series}});
  }
  return {{"x", all.x}, {"panels", panels}, {"colours", curve_colours}};
}

/// Text that ends no script, whatever is in it.
std::string in_script(const nlohmann::json& json) {
  std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), result;
  for (const char c : text) result += c == '<' ? std::string("\\u003c") : std::string(1, c);
  return result;
}

}  // namespace

std::vector<std::string> remarks(std::span<const Observed> observed) {
  std::vector<std::string> result;
  const Observed *slow = nullptr, *fast = nullptr;
  for (const auto& o : observed) {
    if (o.role == "weights" && o.update > 0 && std::isfinite(o.update)) {
      if (!slow || o.update < slow->update) slow = &o;
      if (!fast || o.update > fast->update) fast = &o;
    }
    if (o.role == "hidden units" && o.zero > 0.8)
      result.push_back(percent(o.zero) + " of " + o.name + " are zero: units may be dead");
    if (o.role == "hidden units" && o.saturated > 0.5 && o.zero < 0.1)
      result.push_back(percent(o.saturated) + " of " + o.name + " are saturated: little flows back through them");
    if (o.update > 0.1)
      result.push_back(o.name + " moves by " + percent(o.update) +
                       " of its norm in a step: the learning rate is large");
  }
  if (slow && slow->layer != fast->layer && fast->update >= 10 * slow->update)
    result.insert(result.begin(), "layer " + std::to_string(slow->layer) + " learns " +
                                      rounded(fast->update / slow->update) + " times slower than layer " +
                                      std::to_string(fast->layer) +
                                      (slow->layer < fast->layer ? ": vanishing gradient" : ""));
  return result;
}

Report::Report(std::filesystem::path path, ReportOptions options)
    : path_(std::move(path)), options_(std::move(options)) {
  if (path_.extension() != ".html" && path_.extension() != ".htm")
    fail<ValueError>("report", "the path must end with .html: \"", path_.string(), '"');
  if (options_.samples == 0) fail<ValueError>("report", "needs samples to look at");
}

void Report::add(const History& history, std::vector<Observed> observed,
                 std::vector<std::vector<std::size_t>> confusion) {
  const std::size_t number = history.rows();
  // The last epoch is always shown; of those before it every second one is left out where there are too many.
  if (epochs_.size() > 1 && (epochs_.back().number - 1) % every_ != 0) epochs_.pop_back();
  epochs_.push_back({number, std::move(observed)});
  if (epochs_.size() > most_epochs) {
    every_ *= 2;
    std::erase_if(epochs_, [&](const Epoch& e) { return e.number != number && (e.number - 1) % every_ != 0; });
  }
  auto epochs = nlohmann::json::array();
  for (const auto& epoch : epochs_) {
    auto rows = nlohmann::json::array();
    for (const auto& o : epoch.observed) rows.push_back(json_of(o));
    epochs.push_back({{"epoch", epoch.number}, {"rows", rows}, {"remarks", remarks(epoch.observed)}});
  }
  const nlohmann::json data{{"title", options_.title},
                            {"curves", json_of(panels(history))},
                            {"epochs", epochs},
                            {"confusion", confusion},
                            {"classes", options_.classes}};
  html_ = std::string(detail::page_head) + in_script(data) + detail::page_foot;
  AtomicFile file("report", path_);
  file.write(std::as_bytes(std::span(html_)));
  file.commit();
}

}  // namespace nn
