#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>

#include "nn_support.hpp"
#include "scratch.hpp"

using nn::History;
using test::error_of;

namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

/// What is wrong with a text as XML, as far as it matters here: elements that do not nest, and marks that stand for
/// themselves. Attributes have double quotes.
std::string wrong_xml(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '&') {
      const auto entity = text.substr(at, text.find(';', at) + 1 - at);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;" && entity != "&#39;")
        return "an ampersand";
      at += entity.size();
    } else if (text[at] == '<') {
      std::size_t end = at + 1;
      for (bool quoted = false; end < text.size() && (quoted || text[end] != '>'); ++end) {
        if (text[end] == '"') quoted = !quoted;
        if (text[end] == '<') return "a mark inside of another";
      }
      if (end >= text.size()) return "a mark without an end";
      const auto mark = text.substr(at + 1, end - at - 1);
      const auto name = mark.substr(0, mark.find_first_of(" /", 1));
      if (name.starts_with('/')) {
        if (open.empty() || "/" + open.back() != name) return "the end of " + name;
        open.pop_back();
      } else if (!mark.ends_with('/')) {
        open.push_back(name);
      }
      at = end + 1;
    } else {
      ++at;
    }
  }
  return open.empty() ? "" : open.back() + " without an end";
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string svg(const History& history) {
  const Scratch scratch;
  nn::plot(history, scratch / "h.svg");
  const auto text = bytes_of(scratch / "h.svg");
  CHECK(wrong_xml(text) == "");
  CHECK(text.find("nan") == text.npos);
  CHECK(text.find("inf") == text.npos);
  return text;
}

History training() {
  History history;
  for (int e = 1; e <= 40; ++e)
    history.append({{"epoch", e},
                    {"loss", std::pow(10, -e / 10.)},
                    {"validation_loss", std::pow(10, -e / 20.)},
                    {"accuracy", 1 - 1. / e},
                    {"F<1> & 'so on'", 0.5},
                    {"mean-absolute-error", 100. / e},
                    {"validation_mean-absolute-error", 120. / e},
                    {"learning_rate", 0.1},
                    {"seconds", 7}});
  return history;
}

/// A column of these values.
std::string svg_of(const std::string& name, const std::vector<double>& values) {
  History history;
  for (const double value : values) history.append({{name, value}});
  return svg(history);
}

}  // namespace

TEST_CASE("training curves have a panel for each quantity") {
  const auto text = svg(training());
  for (const std::string label : {"loss", "validation loss", "accuracy", "F&lt;1&gt; &amp; &#39;so on&#39;",
                                  "mean-absolute-error", "validation mean-absolute-error", "learning rate", "epoch"}) {
    CAPTURE(label);
    CHECK(text.find(">" + label + "</text>") != text.npos);
  }
  CHECK(count(text, "class=\"title\"") == 4);
  CHECK(count(text, "class=\"frame\"") == 4);
  CHECK(text.find(">seconds<") == text.npos);
  // A curve and, but for the single learning rate, a line in the legend.
  CHECK(count(text, "class=\"curve\"") == 2 * 6 + 1);
  // The losses span four decades.
  for (const std::string tick : {">0.0001<", ">0.001<", ">0.01<", ">0.1<", ">1<", ">40<", ">100<"}) {
    CAPTURE(tick);
    CHECK(text.find(tick) != text.npos);
  }
}

TEST_CASE("a curve goes where its values are") {
  // From corner to corner: the frame is from 44, 32 to 776, 262.
  CHECK(svg_of("x", {0, 5, 10}).find("d=\"M44.0 262.0L410.0 147.0L776.0 32.0\"") != std::string::npos);
  CHECK(svg_of("loss", {1, 10, 100}).find("d=\"M44.0 262.0L410.0 147.0L776.0 32.0\"") != std::string::npos);
  CHECK(svg_of("x", {0, no_number, 10}).find("d=\"M44.0 262.0L44.0 262.0M776.0 32.0L776.0 32.0\"") !=
        std::string::npos);
}

TEST_CASE("histories that hardly are some can be drawn") {
  const double largest = std::numeric_limits<double>::max();
  const std::vector<std::vector<double>> all{{1},
                                             {0},
                                             {-3, -3, -3},
                                             {no_number},
                                             {no_number, infinity, -infinity},
                                             {1, no_number, 2, 3, infinity},
                                             {largest, -largest, 0},
                                             {1e299, -1e299},
                                             {1e-299, 1e299},
                                             {5e-324, 1e-310},
                                             {0.1, 0.1 + 1e-17, std::nextafter(0.1, 1)},
                                             {1e6, 1e6 + 1},
                                             {123456789, 123456790},
                                             {1e-300, 2e-300},
                                             {0.02, 0.99}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    for (const std::string name : {"loss", "accuracy", "learning_rate"}) {
      CAPTURE(name);
      const auto text = svg_of(name, all[i]);
      const auto ticks = count(text, "text-anchor=\"end\"");
      CHECK(ticks >= 2);
      CHECK(ticks <= 12);
      CHECK(text.size() < 10000);
    }
    History over;
    for (const double value : all[i]) over.append({{"epoch", value}, {"loss", value}});
    CHECK(svg(over).size() < 10000);
  }
  CHECK(error_of([] { svg(History()); }) == "[plot] there are no rows");
  CHECK(error_of([] { svg_of("epoch", {1, 2}); }) == "[plot] there are no curves to draw");
}

TEST_CASE("a web page has the same picture inside") {
  const Scratch scratch;
  nn::plot(training(), scratch / "h.html");
  const auto page = bytes_of(scratch / "h.html");
  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.find(svg(training())) != page.npos);
}

TEST_CASE("curves in letters go where their numbers are") {
  History history;
  for (const double loss : {3.0, 1.0, no_number, 2.0}) history.append({{"loss", loss}});
  const auto rows = [](const std::string& text) {
    std::vector<std::string> result;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) result.push_back(line);
    return result;
  }(nn::plot_text(history, 50));
  REQUIRE_EQ(rows.size(), 15);  // a title, 13 rows, epochs
  CHECK_EQ(rows[0], "     loss");
  CHECK_EQ(rows[1].substr(0, 6), "3.0 +*");
  CHECK_EQ(rows[13].find('*'), 5 + 36 / 3);  // of 37 columns, the second of four epochs
  CHECK_EQ(rows[7].rfind('*'), 5 + 36);      // 2 is in the middle, at the end
  for (const auto& row : rows) CHECK(row.substr(0, 5 + 36).find('*', 5 + 13) == row.npos);  // a gap between
  CHECK_EQ(rows[14].substr(0, 6), "     1");
  CHECK_THROWS_AS(nn::plot_text(History()), autodiff::ValueError);
}

TEST_CASE("a picture has an ending that says what it is") {
  CHECK(error_of([] { nn::plot(training(), "h.pdf"); }) == "[plot] h.pdf: is not the name of a .svg, .html or .png");
  CHECK_THROWS_AS(nn::plot(training(), "h"), autodiff::ValueError);
  CHECK_THROWS_AS(nn::plot(training(), "/nonexistent/h.svg"), nn::DataError);
}

TEST_CASE("gnuplot draws a .png where it is installed") {
  const Scratch scratch;
  const std::string path = std::getenv("PATH");
  const bool installed = std::system("command -v gnuplot >/dev/null") == 0;
  if (installed) {
    History one;
    one.append({{"loss", no_number}, {"it's `date` \\", 5}});
    for (const auto& history : {training(), one}) {
      nn::plot(history, scratch / "h.png");
      CHECK(bytes_of(scratch / "h.png").starts_with("\x89PNG\r\n"));
    }
  }

  // As if it were not, and as if it failed.
  setenv("PATH", scratch.path().c_str(), 1);
  CHECK(error_of([&] { nn::plot(training(), scratch / "none.png"); }) ==
        "[plot] a .png needs gnuplot, which is not installed: install it, or write a .svg instead");
  write_bytes(scratch / "gnuplot", "#!/bin/sh\necho no luck >&2\nexit 3\n");
  std::filesystem::permissions(scratch / "gnuplot", std::filesystem::perms::owner_all);
  CHECK(error_of([&] {
          nn::plot(training(), scratch / "none.png");
        }).starts_with("[plot] gnuplot has failed: \"no luck"));
  CHECK(!std::filesystem::exists(scratch / "none.png"));
  setenv("PATH", path.c_str(), 1);
}
