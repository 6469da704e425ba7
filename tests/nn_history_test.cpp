#include <cmath>
#include <limits>

#include "nn_support.hpp"
#include "scratch.hpp"

using nn::History;
using test::error_of;

namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

History small() {
  History history;
  history.append({{"epoch", 1}, {"loss", 0.5}, {"R² <1>", no_number}});
  history.append({{"epoch", 2}, {"loss", 0.1}, {"R² <1>", -infinity}});
  return history;
}

}  // namespace

TEST_CASE("a history is a table of named numbers") {
  History history = small();
  CHECK(history.rows() == 2);
  CHECK(history.names() == std::vector<std::string>{"epoch", "loss", "R² <1>"});
  CHECK(history.column("loss") == std::vector{0.5, 0.1});
  CHECK(history.contains("epoch"));
  CHECK(!history.contains("accuracy"));
  CHECK(history.row(1)[1] == std::pair<std::string, double>("loss", 0.1));
  CHECK(error_of([&] { history.column("accuracy"); }) ==
        "[history] there is no column named \"accuracy\"; there are \"epoch\", \"loss\", \"R² <1>\"");
  CHECK(error_of([&] { history.row(2); }) == "[history] there are only 2 rows: 2");
  history.keep(5);
  CHECK(history.rows() == 2);
  history.keep(1);
  CHECK(history.column("loss") == std::vector{0.5});
}

TEST_CASE("a history refuses rows that do not fit") {
  History history = small();
  CHECK_THROWS_AS(history.append({{"epoch", 3}, {"loss", 0}}), autodiff::ValueError);
  CHECK_THROWS_AS(history.append({{"loss", 0}, {"epoch", 3}, {"R² <1>", 0}}), autodiff::ValueError);
  CHECK(history.rows() == 2);
  for (const std::string name : {"", "a,b", "a\"", "a\n"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(History().append({{name, 1}}), autodiff::ValueError);
  }
  CHECK(error_of([] { History().append({{"a", 1}, {"b", 1}, {"a", 1}}); }) == "[history] two columns are named \"a\"");
  CHECK_THROWS_AS(History().append({}), autodiff::ValueError);
}

TEST_CASE("a history is written and read back with the same numbers") {
  const Scratch scratch;
  nn::write_csv(scratch / "small.csv", small());
  CHECK(bytes_of(scratch / "small.csv") == "epoch,loss,R² <1>\n1,0.5,nan\n2,0.1,-inf\n");

  History history;
  for (const double x : {0.1, 1. / 3, -0., 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 1e22, 123456789.125,
                         infinity, -infinity, no_number, -no_number})
    history.append({{"x", x}, {"-x", -x}});
  nn::write_csv(scratch / "numbers.csv", history);
  const auto back = nn::read_history(scratch / "numbers.csv");
  CHECK(back.names() == history.names());
  REQUIRE(back.rows() == history.rows());
  for (const auto& name : history.names())
    for (std::size_t i = 0; i < history.rows(); ++i) {
      const double before = history.column(name)[i], after = back.column(name)[i];
      CAPTURE(before);
      CHECK((std::isnan(before) ? std::isnan(after) : before == after && std::signbit(before) == std::signbit(after)));
    }

  nn::write_csv(scratch / "empty.csv", History());
  CHECK(nn::read_history(scratch / "empty.csv").names().empty());
}

TEST_CASE("a file that was cut off at any byte reads back as its whole lines") {
  const Scratch scratch;
  nn::write_csv(scratch / "whole.csv", small());
  const auto whole = bytes_of(scratch / "whole.csv");
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    write_bytes(scratch / "cut.csv", whole.substr(0, size));
    const auto lines = std::ranges::count(whole.substr(0, size), '\n');
    CHECK(nn::read_history(scratch / "cut.csv").rows() == std::size_t(std::max<std::ptrdiff_t>(lines - 1, 0)));
  }
}

TEST_CASE("a file that is no history is refused") {
  const Scratch scratch;
  const auto refusal = [&](const std::string& bytes) {
    write_bytes(scratch / "h.csv", bytes);
    const auto text = error_of([&] { nn::read_history(scratch / "h.csv"); });
    const auto begin = "[read_history] " + (scratch / "h.csv").string() + ":";
    REQUIRE(text.starts_with(begin));
    return text.substr(begin.size());
  };
  CHECK(refusal("a,b\n1,2\n3\n") == "3: has 1 fields instead of 2");
  CHECK(refusal("a,b\n1,2x\n") == "2: \"2x\" is not a number");
  CHECK(refusal("a,b\n1,\n") == "2: \"\" is not a number");
  CHECK(refusal("a,a\n1,2\n") == "1: two columns are named \"a\"");
  CHECK(refusal("\n1\n").starts_with("1: a name is empty"));
  CHECK_THROWS_AS(nn::read_history(scratch / "none.csv"), nn::DataError);
  CHECK_THROWS_AS(nn::read_history(scratch.path()), nn::DataError);
  CHECK_THROWS_AS(nn::write_csv(scratch / "none" / "h.csv", small()), nn::DataError);
  CHECK_THROWS_AS(nn::append_json_line(scratch / "none" / "h.jsonl", small()), nn::DataError);
}

TEST_CASE("a history is written as JSON lines") {
  const Scratch scratch;
  const std::string first = "{\"epoch\": 1, \"loss\": 0.5, \"R² <1>\": null}\n",
                    second = "{\"epoch\": 2, \"loss\": 0.1, \"R² <1>\": null}\n";
  nn::write_json_lines(scratch / "whole.jsonl", small());
  CHECK(bytes_of(scratch / "whole.jsonl") == first + second);

  nn::append_json_line(scratch / "h.jsonl", History());
  CHECK(scratch.files() == 1);
  History history = small();
  history.keep(1);
  nn::append_json_line(scratch / "h.jsonl", history);
  nn::append_json_line(scratch / "h.jsonl", small());
  CHECK(bytes_of(scratch / "h.jsonl") == first + second);

  // After a crash, at any byte of a line.
  for (std::size_t size = 0; size < second.size(); ++size) {
    write_bytes(scratch / "h.jsonl", first + second.substr(0, size));
    nn::append_json_line(scratch / "h.jsonl", small());
    CHECK(bytes_of(scratch / "h.jsonl") == first + second);
    write_bytes(scratch / "h.jsonl", first.substr(0, size));
    nn::append_json_line(scratch / "h.jsonl", history);
    CHECK(bytes_of(scratch / "h.jsonl") == first);
  }

  History odd;
  odd.append({{"back\\slash", 1e300}});
  nn::write_json_lines(scratch / "odd.jsonl", odd);
  CHECK(bytes_of(scratch / "odd.jsonl") == "{\"back\\\\slash\": 1e+300}\n");
}
