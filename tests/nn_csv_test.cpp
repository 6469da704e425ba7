#include <algorithm>
#include <cmath>
#include <optional>

#include "file.hpp"

using autodiff::Array;
using autodiff::Shape;
using Options = nn::CsvOptions;

namespace {

std::string refusal(const File& file, const Options& options = {}) {
  return refusal("read_csv", file, [&](const auto& path) { nn::read_csv<float>(path, options); });
}

/// (n, 1)
Array<double> column(std::initializer_list<double> values) {
  Array<double> result(Shape{values.size(), 1});
  std::ranges::copy(values, result.begin());
  return result;
}

}  // namespace

TEST_CASE("a file of numbers is read, plain or gzip") {
  const std::string text = "1,2.5,0\r\n\n -3e-1 ,\t4, 2\n5,6,1";
  for (const bool gzip : {false, true}) {
    const File file(text, gzip);
    const auto data = nn::read_csv<double>(file.path());
    CHECK(data.inputs == Array<double>{{1, 2.5}, {-0.3, 4}, {5, 6}});
    CHECK(data.targets == Array<double>{0, 2, 1});
    CHECK(data.classes == std::vector<std::string>{"0", "1", "2"});
  }
}

TEST_CASE("the digits that ship are what their source says") {
  const auto data = nn::read_csv<float>(DIGITS_CSV);
  CHECK(data.inputs.shape() == Shape{1797, 64});
  std::vector<int> counts(10);
  for (const float digit : data.targets) ++counts[std::size_t(digit)];
  CHECK(counts == std::vector<int>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
  CHECK(*std::ranges::min_element(data.inputs) == 0);
  CHECK(*std::ranges::max_element(data.inputs) == 16);
}

TEST_CASE("malformed files are refused with file and line") {
  const std::pair<std::string, std::string> cases[] = {
      {"", ": the file holds no samples"},
      {"\n\n", ":2: the file holds no samples"},
      {"a,b\n", ":1: the file holds no samples"},
      {"1\n", ":1: needs a feature besides the target, so two columns at least"},
      {"1,2,0\n1,2\n", ":2: 2 columns, where the lines before have 3"},
      {"1,2,0\n1,2,3,0\n", ":2: 4 columns, where the lines before have 3"},
      {"a,b\n1,2,0\n", ":2: 3 columns, where the header has 2"},
      {"1,0\n\n1,,0\n", ":3: 3 columns, where the lines before have 2"},
      {"1,2,0\n\n1,,0\n", ":3: column 2 is missing: \"\""},
      {"mass,kind\n1,0\nNA,0\n", ":3: column 1 (\"mass\") is missing: \"NA\""},
      {"1,0\nx,0\n", ":2: column 1 is not a finite number: \"x\""},
      {"1.5.2,0\n", ":1: column 1 is not a finite number: \"1.5.2\""},
      {"0x10,0\n", ":1: column 1 is not a finite number: \"0x10\""},
      {"+-1,0\n", ":1: column 1 is not a finite number: \"+-1\""},
      {"-nan,0\n", ":1: column 1 is not a finite number: \"-nan\""},
      {"inf,0\n", ":1: column 1 is not a finite number: \"inf\""},
      {"1e39,0\n", ":1: column 1 is not a finite number: \"1e39\""},  // more than a float holds
      {"1e999,0\n", ":1: column 1 is not a finite number: \"1e999\""},
      {"1;2,0\n", ":1: column 1 is not a finite number: \"1;2\""},
      {std::string("1\0,0\n", 5), ":1: column 1 is not a finite number: \"1?\""},
      {"\x1b[2J,0\n", ":1: column 1 is not a finite number: \"?[2J\""},
      {std::string(70, 'a') + ",0\n",
       ":1: column 1 is not a finite number: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\""},
      {"1,-1\n", ":1: column 2 must be a class, a whole number from 0 to 999: \"-1\""},
      {"1,0.5\n", ":1: column 2 must be a class, a whole number from 0 to 999: \"0.5\""},
      {"1,1000\n", ":1: column 2 must be a class, a whole number from 0 to 999: \"1000\""},
      {"1,1e300\n", ":1: column 2 must be a class, a whole number from 0 to 999: \"1e300\""},
      {"1,2\n1,cat\n", ":2: column 2 must be a class, a whole number from 0 to 999: \"cat\""},
      {"1,cat\n1,2\n", ":2: column 2 must be a class, a name as before: \"2\""},
      {"1,c\x1b[2J\n", ":1: a name holds control characters: \"c?[2J\""},
      {std::string(1001, 'c') + ",d\n",
       ":1: a name is longer than 1000 bytes: \"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc...\""},
      {"1,0\n\"2,0\n3,0\n", ":2: a quote that opens in this record is never closed"},
      {"1,0\n\"2\"2,0\n", ":2: column 1 goes on after its closing quote"},
      {"3,1,cat,dog\n1,0\n2,1\n", ":3: the header promises 3 samples, the file holds 2"},
      {"2,1,cat,dog\n1,0\n2,2\n", ":3: column 2 must be a class, a whole number from 0 to 1: \"2\""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.first);
    for (const bool gzip : {false, true}) CHECK(refusal(File(c.first, gzip)) == c.second);
  }
}

TEST_CASE("a header is found, asked for, or ruled out") {
  const File names("mass,\"height, in m\",kind\n1,2,0\n3,4,1\n");
  const auto data = nn::read_csv<double>(names.path());
  CHECK(data.inputs == Array<double>{{1, 2}, {3, 4}});
  CHECK(data.feature_names == std::vector<std::string>{"mass", "height, in m"});
  CHECK(data.target_names == std::vector<std::string>{"kind"});
  CHECK(refusal(names, {.header = Options::Header::absent}) == ":1: column 1 is not a finite number: \"mass\"");

  const File years("2019,2020,2021\n1,2,0\n");
  CHECK(nn::read_csv<double>(years.path(), {.regression = true}).size() == 2);
  const auto later = nn::read_csv<double>(years.path(), {.header = Options::Header::present});
  CHECK(later.size() == 1);
  CHECK(later.feature_names == std::vector<std::string>{"2019", "2020"});
  CHECK(nn::read_csv<double>(File("1,2,0\n").path()).feature_names == std::vector<std::string>{"column 1", "column 2"});

  const File counts("2,1,cat,dog\n1.5,0\n2.5,1\n");
  for (const auto header : {Options::Header::automatic, Options::Header::counts}) {
    const auto counted = nn::read_csv<double>(counts.path(), {.header = header});
    CHECK(counted.inputs == column({1.5, 2.5}));
    CHECK(counted.classes == std::vector<std::string>{"cat", "dog"});
  }
  CHECK(refusal(File("1,0\n"), {.header = Options::Header::counts}) ==
        ":1: the header must hold the samples, the features and the names of the classes");
  // Looks like counts, but what follows does not agree.
  const auto plain = nn::read_csv<double>(File("5,1,red\n4,7,blue\n").path());
  CHECK(plain.inputs == Array<double>{{5, 1}, {4, 7}});
  CHECK(plain.classes == std::vector<std::string>{"red", "blue"});
}

TEST_CASE("quotes, separators and comments are as RFC 4180 and the options say") {
  const auto quoted =
      nn::read_csv<double>(File("\xef\xbb\xbf\"1\",\"a \"\"big\"\" one, or two\"\r\n 2 , \"b\" \r\n+3,b\n").path());
  CHECK(quoted.inputs == column({1, 2, 3}));
  CHECK(quoted.classes == std::vector<std::string>{"a \"big\" one, or two", "b"});
  // A line end inside quotes: of a column that is not read, since names must be fit to be shown.
  const auto lines = nn::read_csv<double>(File("\"two\n\nlines\",1,0\nx,2,1\n").path(), {.drop = {1}});
  CHECK(lines.inputs == column({1, 2}));
  CHECK(refusal(File("\"two\n\nlines\",1,0\nx,y,1\n"), {.drop = {1}}) == ":4: column 2 is not a finite number: \"y\"");
  const auto tabs =
      nn::read_csv<double>(File("1\t \t0\n\t2\t0\n").path(), {.separator = '\t', .missing = Options::Missing::mean});
  CHECK(tabs.inputs == Array<double>{{1, 2}, {1, 2}});
  const auto blanks =
      nn::read_csv<double>(File("# x y\n  1 \t 2  \"a b\"\t\n\n  #\n3 4 c").path(), {.separator = ' ', .comment = '#'});
  CHECK(blanks.inputs == Array<double>{{1, 2}, {3, 4}});
  CHECK(blanks.classes == std::vector<std::string>{"a b", "c"});
  CHECK(refusal(File("\"1\"2 0\n"), {.separator = ' '}) == ":1: column 1 goes on after its closing quote");
}

TEST_CASE("targets are chosen by name or number, as classes or as real values") {
  const File file("a,b,c,d\n1,2,3,4\n5,6,7,8\n");
  const auto both = nn::read_csv<double>(file.path(), {.targets = {"d", 2}, .regression = true});
  CHECK(both.inputs == Array<double>{{1, 3}, {5, 7}});
  CHECK(both.targets == Array<double>{{4, 2}, {8, 6}});
  CHECK(both.target_names == std::vector<std::string>{"d", "b"});
  CHECK(both.classes.empty());
  const auto last = nn::read_csv<double>(file.path(), {.regression = true, .drop = {"a"}});
  CHECK(last.inputs == Array<double>{{2, 3}, {6, 7}});
  CHECK(last.targets == column({4, 8}));
  const auto first = nn::read_csv<double>(file.path(), {.targets = {"a"}});
  CHECK(first.targets == Array<double>{1, 5});
  CHECK(first.classes.size() == 6);

  const auto named = nn::read_csv<double>(File("1,yes\n2,no\n3,yes\n").path(), {.classes = {"no", "yes"}});
  CHECK(named.targets == Array<double>{1, 0, 1});
  CHECK(named.classes == std::vector<std::string>{"no", "yes"});
  const auto signs = nn::read_csv<double>(File("1,-1\n2,1\n").path(), {.classes = {"-1", "1"}});
  CHECK(signs.targets == Array<double>{0, 1});
  const auto appeared = nn::read_csv<double>(File("1,yes\n2,no\n").path());
  CHECK(appeared.classes == std::vector<std::string>{"yes", "no"});

  CHECK(refusal(file, {.targets = {"e"}}) ==
        ":2: there is no column named \"e\"; there are \"a\", \"b\", \"c\", \"d\"");
  CHECK(refusal(file, {.targets = {5}}) == ":2: there is no column 5, only 1 to 4");
  CHECK(refusal(file, {.targets = {0}}) == ":2: there is no column 0, only 1 to 4");
  CHECK(refusal(file, {.targets = {"a", "b"}}) == ":2: a sample has one class, not several targets");
  CHECK(refusal(file, {.targets = {"a"}, .drop = {1}}) == ":2: column 1 (\"a\") is asked for in two ways");
  CHECK(refusal(File("a,a,b\n1,2,3\n"), {.targets = {"a"}}) == ":2: two columns are named \"a\"");
  CHECK(refusal(File("1,yes\n2,maybe\n"), {.classes = {"no", "yes"}}) ==
        ":2: column 2 is none of the names given: \"maybe\"");
  CHECK(refusal(File("1,a\n2,b\n3,c\n"), {.max_classes = 2}) ==
        ":3: column 2 holds more than the 2 different names allowed");
}

TEST_CASE("the targets themselves say what they are, if that is asked for") {
  const Options automatic{.automatic = true};
  const auto classes = nn::read_csv<double>(File("1,0\n2,3\n").path(), automatic);
  CHECK(classes.targets == Array<double>{0, 3});
  CHECK(classes.classes == std::vector<std::string>{"0", "1", "2", "3"});
  const auto names = nn::read_csv<double>(File("1,b\n2,a\n").path(), automatic);
  CHECK(names.targets == Array<double>{0, 1});
  CHECK(names.classes == std::vector<std::string>{"b", "a"});
  CHECK(nn::read_csv<double>(File("2,1,cat,dog\n1,0\n2,0\n").path(), automatic).classes.size() == 2);
  // Whole numbers stand for names that are given.
  CHECK(nn::read_csv<double>(File("1,9.0\n2,7\n").path(), {.classes = {"7", "9"}}).targets == Array<double>{1, 0});
  const auto counted = nn::read_csv<double>(File("2,1,cat,dog\n1,0\n2,1\n").path(), {.classes = {"dog", "cat"}});
  CHECK(counted.targets == Array<double>{1, 0});
  CHECK(counted.classes == std::vector<std::string>{"dog", "cat"});
  CHECK(refusal(File("1,1\n"), {.classes = {"a", "b"}}) == ":1: column 2 is none of the names given: \"1\"");
  CHECK(nn::read_csv<double>(File("1,0,1\n").path(), {.targets = {2, 3}, .automatic = true}).targets ==
        Array<double>{{0, 1}});
  CHECK(nn::read_csv<double>(File("1,0\n2,5\n").path(), {.automatic = true, .max_classes = 5}).classes.empty());
  CHECK(nn::read_csv<double>(File("1,9\n2,7\n").path(), {.automatic = true, .classes = {"7", "9"}}).targets ==
        Array<double>{1, 0});
  for (const std::string other : {"0.5", "100", "-1"}) {
    const auto values = nn::read_csv<double>(File("1,0\n2," + other + "\n").path(), automatic);
    CHECK(values.targets == column({0, std::stod(other)}));
    CHECK(values.classes.empty());
  }
  // The first fault is said, whatever the targets are.
  CHECK(refusal(File("1,0\nx,0\n1,y\n"), automatic) == ":2: column 1 is not a finite number: \"x\"");
  CHECK(refusal(File("1,2.5\nx,0\n"), automatic) == ":2: column 1 is not a finite number: \"x\"");
  CHECK(refusal(File("a,b\n1,2\n2,5x\n"), automatic) ==
        ":3: column 2 (\"b\") holds a text, and a number on line 2: \"5x\"");
  CHECK(refusal(File("1,x\n2,5\n"), automatic) == ":2: column 2 holds a number, and a text on line 1: \"5\"");
  CHECK(refusal(File("1,0\n2,inf\n"), automatic) == ":2: column 2 is not a finite number: \"inf\"");
}

TEST_CASE("categories become numbers or features of their own") {
  const File file("size,colour,shape,kind\n1,red,round,0\n2,blue,flat,1\n3,red,flat,0\n");
  const auto data = nn::read_csv<double>(file.path(), {.categorical = {{"colour", true}, {"shape"}}});
  CHECK(data.inputs == Array<double>{{1, 1, 0, 0}, {2, 0, 1, 1}, {3, 1, 0, 1}});
  CHECK(data.feature_names == std::vector<std::string>{"size", "colour=red", "colour=blue", "shape"});
  CHECK(data.categories.at("colour") == std::vector<std::string>{"red", "blue"});
  CHECK(data.categories.at("shape") == std::vector<std::string>{"round", "flat"});
  // What one file gave reads another one alike.
  const auto given =
      nn::read_csv<double>(file.path(), {.categorical = {{"colour", true, {"green", "blue", "red"}}}, .drop = {3}});
  CHECK(given.inputs == Array<double>{{1, 0, 0, 1}, {2, 0, 1, 0}, {3, 0, 0, 1}});
  CHECK(refusal(file, {.categorical = {{"colour", true, {"red"}}, {"shape"}}}) ==
        ":3: column 2 (\"colour\") is none of the names given: \"blue\"");
  std::string many = "0,c0,0\n";
  for (int i = 1; i < 300; ++i) many += "0,c" + std::to_string(i) + ",0\n";
  CHECK(refusal(File(many), {.categorical = {{2, true}}, .max_bytes = 10'000}) ==
        ":300: one-hot features would take more than the 10000 bytes allowed");
}

TEST_CASE("missing values are refused, dropped or filled, as is asked for") {
  const File file("a,b,c,kind\n1,?,x,0\n,2,x,1\n3,9,,0\n8,4,y,1\n");
  const std::vector<nn::Categorical> c = {{"c"}};
  CHECK(refusal(file, {.categorical = c}) == ":2: column 2 (\"b\") is missing: \"?\"");
  const auto dropped = nn::read_csv<double>(file.path(), {.categorical = c, .missing = Options::Missing::drop_row});
  CHECK(dropped.inputs == Array<double>{{8, 4, 0}});
  CHECK(dropped.targets == Array<double>{1});
  CHECK(dropped.categories.at("c") == std::vector<std::string>{"y"});
  const auto mean = nn::read_csv<double>(file.path(), {.categorical = c, .missing = Options::Missing::mean});
  CHECK(mean.inputs == Array<double>{{1, 5, 0}, {4, 2, 0}, {3, 9, 0}, {8, 4, 1}});
  const auto median = nn::read_csv<double>(file.path(), {.categorical = c, .missing = Options::Missing::median});
  CHECK(median.inputs == Array<double>{{1, 4, 0}, {3, 2, 0}, {3, 9, 0}, {8, 4, 1}});
  const auto kept = nn::read_csv<double>(
      file.path(), {.categorical = {{"c", true}}, .drop = {"a"}, .missing = Options::Missing::keep});
  CHECK(std::isnan(kept.inputs(0, 0)));
  CHECK(std::isnan(kept.inputs(2, 1)));
  CHECK(std::isnan(kept.inputs(2, 2)));
  CHECK(nn::fill_mean(kept)(kept.inputs) == Array<double>{{5, 1, 0}, {2, 1, 0}, {9, 1, 0}, {4, 0, 1}});
  const auto even = nn::read_csv<double>(File("1,0\n,0\n4,0\n").path(), {.missing = Options::Missing::median});
  CHECK(even.inputs == column({1, 2.5, 4}));
  const auto own = nn::read_csv<double>(File("-999,0\n5,0\n").path(),
                                        {.missing = Options::Missing::mean, .missing_values = {"-999"}});
  CHECK(own.inputs == column({5, 5}));

  const Options fill{.missing = Options::Missing::mean}, drop{.missing = Options::Missing::drop_row};
  CHECK(refusal(File("1,0\n2,?\n"), fill) == ":2: column 2 is missing: \"?\"");
  CHECK(nn::read_csv<double>(File("1,0\n2,?\n").path(), drop).size() == 1);
  CHECK(refusal(File("?,0\n?,1\n"), fill) == ":2: column 1 holds no value at all");
  CHECK(refusal(File("1,?,0\n1,?,1\n"), {.categorical = {{2, true, {"x"}}}, .missing = Options::Missing::mean}) ==
        ":2: column 2 holds no value at all");
  CHECK(refusal(File("1,?,0\n1,?,1\n"), {.categorical = {{2, true}}, .missing = Options::Missing::keep}) ==
        ":2: column 2 holds no value at all");
  CHECK(refusal(File("?,0\n?,1\n"), drop) == ":2: every sample has a missing value, so none is left");
}

TEST_CASE("damaged gzip files are refused wherever they are cut") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += std::to_string(i * 7919 % 1000) + "," + std::to_string(i % 3) + "\n";
  const std::string whole = File(text, true).bytes();
  for (std::size_t length = 1; length < whole.size(); length += 37)
    CHECK(refusal(File(whole.substr(0, length))) != "accepted");
  CHECK(refusal(File(whole.substr(0, whole.size() - 1))).find("the gzip file is truncated") != std::string::npos);
  std::string wrong = whole;
  wrong[whole.size() - 6] ^= 1;  // the checksum
  CHECK(refusal(File(wrong)).find("the gzip file is damaged") != std::string::npos);
}

TEST_CASE("what is larger than allowed is refused") {
  const std::string text = "1,0\n2,0\n3,0\n";
  CHECK(refusal(File(text), {.max_bytes = 12}) == "accepted");
  CHECK(refusal(File(text), {.max_bytes = 11}) == ":1: the file holds more than the 11 bytes allowed");
  CHECK(refusal(File("1,0\n1.0000,0\n"), {.max_line = 7}) == ":2: the line is longer than the 7 bytes allowed");
  CHECK(refusal(File("1,2,3,0\n"), {.max_columns = 3}) == ":1: there are more than the 3 columns allowed");
  CHECK(refusal(File("1,0\n\"1\n1\n1\n1\",0\n"), {.max_line = 6}) == ":5: the line is longer than the 6 bytes allowed");
  const std::string zeros(50'000'000, '0');  // 50 kB as a gzip file
  CHECK(refusal(File(zeros, true)) == ":1: the line is longer than the 1048576 bytes allowed");
}

TEST_CASE("what cannot be opened is refused") {
  CHECK_THROWS_WITH_AS(nn::read_csv<float>("/nowhere/x.csv"),
                       "[read_csv] /nowhere/x.csv: cannot be opened: No such file or directory", nn::DataError);
  CHECK_THROWS_WITH_AS(nn::read_csv<float>("/"), "[read_csv] /: is a directory", nn::DataError);
}

TEST_CASE("a file may have no target") {
  nn::CsvOptions options;
  options.unlabelled = true;
  const auto data = nn::read_csv<double>(File("a,b\n1,2\n3,4\n").path(), options);
  CHECK(data.inputs == Array<double>{{1, 2}, {3, 4}});
  CHECK(data.targets.shape() == Shape{2, 0});
  CHECK(data.classes.empty());
  options.targets = {"b"};
  CHECK(refusal(File("a,b\n1,2\n"), options) == ":2: a file without targets cannot have one");
}

TEST_CASE("what is done with columns may depend on their names") {
  Options options;
  options.adapt = [](const auto& columns, Options& adapted) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (columns[c].starts_with("x")) adapted.drop.push_back(c + 1);
    adapted.targets = {columns[0]};
  };
  const auto data = nn::read_csv<double>(File("a,x1,b,x2\n1,u,2,v\n0,u,3,v\n").path(), options);
  CHECK(data.feature_names == std::vector<std::string>{"b"});
  CHECK(data.targets == Array<double>{1, 0});
  std::vector<std::string> seen;
  options.adapt = [&](const auto& columns, Options&) { seen = columns; };
  nn::read_csv<double>(File("1,0\n").path(), options);
  CHECK(seen == std::vector<std::string>{"column 1", "column 2"});
}

TEST_CASE("a text is read as the file is, and can be looked at before") {
  const File file("x;y;class\r\n-1,5;2;7.0\n3;\"4,25\";-1\n", true);
  const auto text = nn::read_csv_text(file.path());
  CHECK(text.text == "x;y;class\n-1,5;2;7.0\n3;\"4,25\";-1\n");
  Options options;
  options.separator = ';', options.decimal_point = ',';
  std::vector<std::vector<std::string>> records;
  nn::for_each_record(text, options, [&](const auto& fields, std::size_t line) {
    CHECK(line == records.size() + 1);
    records.emplace_back(fields.begin(), fields.end());
    return line < 2;
  });
  CHECK(records == std::vector<std::vector<std::string>>{{"x", "y", "class"}, {"-1,5", "2", "7.0"}});
  // A class is known by its number, too.
  options.classes = {"-1", "7"};
  const auto refused = [&] { return nn::read_csv<double>(text, options); };
  CHECK_THROWS_WITH_AS(refused(),
                       ("[read_csv] " + file.path().string() +
                        ":2: column 3 (\"class\") is none of the "
                        "names given: \"7.0\"")
                           .c_str(),
                       nn::DataError);
  options.classes = {"-1", "7,0"};
  CHECK(refusal(file, options).ends_with("\"7.0\""));  // a point is no part of a number then
  options.drop = {"class"}, options.targets = {"y"}, options.regression = true;
  options.classes = {};
  const auto data = nn::read_csv<double>(text, options);
  CHECK(data.inputs == column({-1.5, 3}));
  CHECK(data.targets == column({2, 4.25}));
  CHECK(nn::read_csv<double>(file.path(), options).targets == data.targets);
  CHECK(nn::read_csv<double>(File("1,1.0\n2,-1\n3,07\n").path(), {.classes = {"-1", "1", "7.0"}}).targets ==
        Array<double>{1, 0, 2});
  CHECK(refusal(File("123456\n1\n"), {.max_line = 5}) == ":1: the line is longer than the 5 bytes allowed");
  CHECK_THROWS_WITH_AS(nn::read_csv_text("/nowhere.csv"),
                       "[read_csv] /nowhere.csv: cannot be opened: No such file or directory", nn::DataError);
}

TEST_CASE("dates are days since 1970") {
  using Order = nn::DateOrder;
  struct Case {
    std::string text;
    Order order;
    std::optional<double> days;
  };
  // The days are those of Python's datetime.
  for (const auto& c : std::vector<Case>{{"1970-01-01", Order::year, 0},
                                         {"2000-02-29", Order::year, 11016},
                                         {"2000/2/29", Order::year, 11016},
                                         {"1969-12-31", Order::year, -1},
                                         {"2000-02", Order::year, 10988},
                                         {"29.2.2000", Order::day, 11016},
                                         {"29. February 2000", Order::day, 11016},
                                         {"29-Feb-2000", Order::day, 11016},
                                         {"29/02/00", Order::day, 11016},
                                         {"1/1/68", Order::day, 35794},
                                         {"2/29/2000", Order::month, 11016},
                                         {"Feb 29 2000", Order::month, 11016},
                                         {"February 29, 2000", Order::month, 11016},
                                         {"2024-03-09T13:30", Order::year, 19791.5625},
                                         {"2024-03-09 13:30:00Z", Order::year, 19791.5625},
                                         {"2024-03-09 14:30:00.0+01:00", Order::year, 19791.5625},
                                         {"9/3/2024 13:30", Order::day, 19791.5625},
                                         {"2001-02-29", Order::year, {}},
                                         {"2000-13-01", Order::year, {}},
                                         {"31/12/2000", Order::month, {}},
                                         {"2000-01/01", Order::year, {}},
                                         {"2000-01-01x", Order::year, {}},
                                         {"2000-01-01 25:00", Order::year, {}},
                                         {"2000.01", Order::year, {}},
                                         {"1.2", Order::day, {}},
                                         {"may be", Order::month, {}},
                                         {"", Order::year, {}}}) {
    CAPTURE(c.text);
    const auto found = nn::date(c.text, c.order);
    CHECK(found.has_value() == c.days.has_value());
    if (found && c.days) CHECK(*found == doctest::Approx(*c.days).epsilon(1e-12));
  }
  const File file("day,x,y\n2000-02-29,1,0\n1970-01-02,2,1\n");
  Options options;
  options.dates = {{"day", Order::year}};
  CHECK(nn::read_csv<double>(file.path(), options).inputs == Array<double>{{11016, 1}, {1, 2}});
  options.dates = {{"day", Order::month}};
  CHECK(refusal(file, options) == ":2: column 1 (\"day\") is not such a date: \"2000-02-29\"");
}

TEST_CASE("faults are tolerated where that is asked for, and said") {
  const File file("kind,n,y\na,1,0\nc,2,1\na,x,0\na,,1\na,1\nb,3,9\n");
  std::vector<std::string> faults;
  Options options{.classes = {"0", "1"}, .categorical = {{"kind", true, {"a", "b"}}}};
  options.tolerate = [&](std::size_t row, const std::string& fault) {
    faults.push_back(std::to_string(row) + ' ' + fault);
  };
  const auto data = nn::read_csv<double>(file.path(), options);
  REQUIRE(data.size() == 6);
  const auto known = [&](std::size_t i) {  // features, then the target
    std::string text;
    for (std::size_t j = 0; j < 3; ++j) text += std::isnan(data.inputs(i, j)) ? '-' : '+';
    return text + (std::isnan(data.targets(i)) ? '-' : '+');
  };
  const std::vector<std::string> expected{"++++", "--++", "++-+", "++-+", "----", "+++-"};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(known(i) == expected[i]);
  CHECK(faults == std::vector<std::string>{"1 column 1 (\"kind\") is none of the names given: \"c\"",
                                           "2 column 2 (\"n\") is not a finite number: \"x\"",
                                           "3 column 2 (\"n\") is missing",
                                           "4 2 columns, where the lines before have 3",
                                           "5 column 3 (\"y\") is none of the names given: \"9\""});
  const File holes("a,y\n1,0\n,1\n3,\n");
  const auto kept =
      nn::read_csv<double>(holes.path(), {.missing = Options::Missing::keep, .drop_missing_targets = true});
  CHECK(kept.targets == Array<double>{0, 1});
  CHECK(std::isnan(kept.inputs(1, 0)));
}
