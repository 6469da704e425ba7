#include "samples.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace {

using Names = std::vector<std::string>;
using Missing = nn::CsvOptions::Missing;

/// "size, kind, ...": the first few.
std::string listed(const Names& names) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + nn::in_quotes(names[i]);
  return text + (names.size() > most ? ", ..." : "");
}

bool contains(const Names& names, const std::string& name) { return std::ranges::find(names, name) != names.end(); }

/// What becomes of the columns of a file, which are those of training, and may lack some that are not needed.
class Match {
 public:
  Match(const std::string& file, const Description& description, bool needs_targets)
      : file_(file), description_(description), table_(*description.table), needs_targets_(needs_targets) {}

  void operator()(Names columns, nn::CsvOptions& options, const Names& keep) {
    // Where columns have no names, those after targets that are not there have moved.
    const auto& targets = description_.targets;
    const bool unnamed = columns.front() == "column 1" && table_.columns.front() == "column 1";
    const bool moved = !needs_targets_ && unnamed && columns.size() + targets.size() == table_.columns.size();
    if (moved) {
      columns = table_.columns;
      std::erase_if(columns, [&](const auto& name) { return contains(targets, name); });
    }
    labelled = needs_targets_ || std::ranges::all_of(targets, [&](const auto& t) { return contains(columns, t); });
    check(columns, keep);
    options.unlabelled = !labelled;
    const std::set<std::string_view> plain(description_.features.begin(), description_.features.end());
    if (labelled) options.targets.resize(targets.size(), 0);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto target = std::ranges::find(targets, columns[c]);
      const auto category = table_.categories.find(columns[c]);
      const auto order = table_.date_orders.find(columns[c]);
      if (target != targets.end()) {
        if (labelled) options.targets[static_cast<std::size_t>(target - targets.begin())] = c + 1;
        if (!labelled) options.drop.push_back(c + 1);
      } else if (category != table_.categories.end()) {
        options.categorical.push_back({c + 1, true, category->second});
        for (const auto& name : category->second) read.push_back(columns[c] + "=" + name);
      } else if (plain.contains(columns[c])) {
        if (order != table_.date_orders.end()) options.dates.push_back({c + 1, date_order(order->second)});
        read.push_back(columns[c]);
      } else {
        options.drop.push_back(c + 1);
      }
    }
  }

  bool labelled = false;
  Names read = {};  // the features in the order of the file

 private:
  /// Throws for columns that are missing and for those that training had not, but for what is kept.
  void check(const Names& columns, const Names& keep) const {
    const std::set<std::string_view> plain(description_.features.begin(), description_.features.end()),
        before(table_.columns.begin(), table_.columns.end()), here(columns.begin(), columns.end());
    Names missing, unknown;
    for (const auto& name : table_.columns) {
      const bool is_target = contains(description_.targets, name);
      const bool needed = is_target ? labelled : table_.categories.contains(name) || plain.contains(name);
      if (needed && !here.contains(name)) missing.push_back(name);
    }
    for (const auto& name : columns)
      if (!before.contains(name) && !contains(keep, name)) unknown.push_back(name);
    if (!missing.empty() || !unknown.empty())
      autodiff::fail<nn::DataError>("columns", file_, ": ", missing.empty() ? "" : "missing: " + listed(missing),
                                    missing.empty() || unknown.empty() ? "" : "; ",
                                    unknown.empty() ? "" : "not in the training table: " + listed(unknown));
  }

  const std::string& file_;
  const Description& description_;
  const Table& table_;
  bool needs_targets_;
};

/// Features in the order of training.
void arrange(const std::string& file, nn::Dataset<double>& data, const Names& read, const Names& features) {
  if (read == features) return;
  need_distinct(file, "features", read);
  auto sorted_read = read, sorted_features = features;
  std::ranges::sort(sorted_read), std::ranges::sort(sorted_features);
  // The file of a network need not be one of ours.
  if (sorted_read != sorted_features)
    autodiff::fail<nn::DataError>("columns", file, ": the network's features are not those of its table");
  std::map<std::string_view, std::size_t> places;
  for (const auto& name : read) places.emplace(name, places.size());
  autodiff::Array<double> inputs(data.inputs.shape());
  for (std::size_t j = 0; j < features.size(); ++j)
    xt::view(inputs, xt::all(), j) = xt::view(data.inputs, xt::all(), places.at(features[j]));
  data.inputs = std::move(inputs), data.feature_names = features;
}

/// Lines and the fields of the columns to be kept, record by record as they were read.
void carry(const nn::CsvText& text, const nn::CsvOptions& options, const Survey& survey, const Names& keep,
           Rows& rows) {
  std::vector<std::size_t> columns;
  for (const auto& name : keep) {
    const auto found = survey.find(name);
    if (!found)
      autodiff::fail<nn::DataError>("--keep", text.path.string(), ": there is no column ", nn::in_quotes(name));
    columns.push_back(*found);
  }
  bool skip = survey.header != nn::CsvOptions::Header::absent;
  nn::for_each_record(text, options, [&](const std::vector<std::string_view>& fields, std::size_t line) {
    if (std::exchange(skip, false)) return true;
    rows.lines.push_back(line);
    if (columns.empty()) return true;
    auto& kept = rows.kept.emplace_back();
    for (const std::size_t c : columns) kept.emplace_back(c < fields.size() ? fields[c] : std::string_view());
    return true;
  });
}

nn::CsvOptions form_of(const nn::CsvText& text, const Description& description, Survey& survey) {
  auto table = *description.table;
  if (table.header == "counts") table.header = "automatic";  // counts that another file need not have
  survey = look(text, table, table.columns);
  auto options = form(table, survey);
  options.classes = description.classes, options.regression = description.classes.empty();
  return options;
}

nn::CsvText read_text(const std::string& file, const Description& description) {
  nn::CsvOptions limits;
  limits.max_bytes = description.table->max_bytes;
  return nn::read_csv_text(file, limits);
}

}  // namespace

Rows read_more(const std::string& file, const Description& description) {
  const auto text = read_text(file, description);
  Survey survey;
  auto options = form_of(text, description, survey);
  Match match(file, description, true);
  options.adapt = [&](const auto& columns, auto& found) { match(columns, found, {}); };
  Rows rows;
  const bool fills = options.missing == Missing::keep;
  if (fills) options.tolerate = [&](std::size_t row, const std::string& fault) { rows.faults.emplace(row, fault); };
  rows.data = nn::read_csv<double>(text, options), rows.labelled = true;
  for (const auto& [row, fault] : rows.faults) {
    const auto width = rows.data.outputs();
    for (std::size_t o = 0; o < width; ++o)
      if (std::isnan(rows.data.targets.data()[row * width + o]))
        autodiff::fail<nn::DataError>("read_csv", file, ": row ", row + 1, ": ", fault);
  }
  arrange(file, rows.data, match.read, description.features);
  return rows;
}

Rows read_to_predict(const std::string& file, const Description& description, const std::vector<std::string>& keep) {
  const auto text = read_text(file, description);
  Survey survey;
  auto options = form_of(text, description, survey);
  Match match(file, description, false);
  options.adapt = [&](const auto& columns, auto& found) { match(columns, found, keep); };
  Rows rows;
  options.missing = Missing::refuse, options.drop_missing_targets = false;
  options.tolerate = [&](std::size_t row, const std::string& fault) {
    auto& faults = rows.faults[row];
    faults += (faults.empty() ? "" : "; ") + fault;
  };
  rows.data = nn::read_csv<double>(text, options), rows.labelled = match.labelled;
  arrange(file, rows.data, match.read, description.features);
  carry(text, options, survey, keep, rows);
  return rows;
}
