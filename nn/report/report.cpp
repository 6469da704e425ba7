#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <nn/io/atomic_file.hpp>
#include <numeric>

#include "panels.hpp"

namespace nn {

namespace detail {
// What the page is made of besides its data, which go between the two: page/report.html, by page/embed.py.
extern const char *const page_head, *const page_foot;
}  // namespace detail

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

std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// An object of these members, and of others that are text already.
std::string joined(const nlohmann::json& object, const std::map<std::string, std::string>& others) {
  std::string text = text_of(object);
  text.pop_back();
  for (const auto& [name, json] : others) text += ",\"" + name + "\":" + json;
  return text + '}';
}

/// Text that ends no script, whatever is in it.
std::string in_script(const std::string& text) {
  std::string result;
  result.reserve(text.size() + text.size() / 8);
  for (const char c : text)
    if (c == '<')
      result += "\\u003c";
    else
      result += c;
  return result;
}

constexpr std::string_view data_begin = "\nconst data = ", data_end = ";\n";

/// The curves of a report.
nlohmann::json curves_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const auto begin = page.find(data_begin), end = page.find(data_end, begin);
  if (end == page.npos) fail<DataError>("report", path.string(), ": is not the report of a run");
  const auto from = begin + data_begin.size();
  const auto data = nlohmann::json::parse(page.substr(from, end - from), nullptr, false);
  const auto curves = data.is_object() ? data.find("curves") : data.end();
  const bool fits = data.is_object() && curves != data.end() && curves->contains("x") && curves->contains("panels");
  if (!fits) fail<DataError>("report", path.string(), ": is not the report of a run");
  return *curves;
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

void Report::compare(const std::filesystem::path& run) {
  const bool page = run.extension() == ".html" || run.extension() == ".htm";
  const auto history = page ? History() : read_history(run);
  if (!page && history.rows() == 0) fail<DataError>("report", run.string(), ": has no epochs to compare with");
  others_.push_back(
      text_of({{"name", run.stem().string()}, {"curves", page ? curves_of(run) : json_of(panels(history))}}));
}

void Report::importance(const std::string& score, const std::vector<std::string>& names,
                        const std::vector<double>& losses) {
  if (names.size() != losses.size())
    fail<autodiff::ShapeError>("report", "needs a name for each loss: ", names.size(), " and ", losses.size());
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return losses[i]; });
  auto rows = nlohmann::json::array();
  for (const std::size_t i : order) rows.push_back({{"name", names[i]}, {"loss", losses[i]}});
  show("importance", text_of({{"score", score}, {"rows", rows}}));
  if (!html_.empty()) write();
}

void Report::show(const std::string& section, std::string json) { sections_[section] = std::move(json); }
void Report::show_of_epoch(const std::string& section, std::string json) { of_epoch_[section] = std::move(json); }

void Report::add(const History& history, std::vector<Observed> observed,
                 std::vector<std::vector<std::size_t>> confusion) {
  const std::size_t number = history.rows();
  // The last epoch is always shown; of those before it every second one is left out where there are too many.
  if (epochs_.size() > 1 && (epochs_.back().number - 1) % every_ != 0) epochs_.pop_back();
  auto rows = nlohmann::json::array();
  for (const auto& o : observed) rows.push_back(json_of(o));
  const nlohmann::json shown{{"epoch", number}, {"rows", rows}, {"remarks", remarks(observed)}};
  epochs_.push_back({number, joined(shown, std::exchange(of_epoch_, {}))});
  if (epochs_.size() > most_epochs) {
    every_ *= 2;
    std::erase_if(epochs_, [&](const Epoch& e) { return e.number != number && (e.number - 1) % every_ != 0; });
  }
  show("curves", text_of(json_of(panels(history))));
  show("confusion", text_of(confusion));
  write();
}

void Report::write() {
  const auto list = [](const auto& items, const auto& text) {
    std::string result;
    for (const auto& item : items) result += (result.empty() ? "[" : ",") + text(item);
    return result.empty() ? std::string("[]") : result + ']';
  };
  show("epochs", list(epochs_, [](const Epoch& epoch) { return epoch.json; }));
  show("others", list(others_, [](const std::string& other) { return other; }));
  const nlohmann::json about{{"title", options_.title}, {"classes", options_.classes}, {"features", options_.features}};
  html_ = detail::page_head + in_script(joined(about, sections_)) + detail::page_foot;
  AtomicFile file("report", path_);
  file.write(std::as_bytes(std::span(html_)));
  file.commit();
}

}  // namespace nn
