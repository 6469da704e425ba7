#include "csv.hpp"

#include <limits>

#include "csv_columns.hpp"
#include "csv_records.hpp"
#include "imputation.hpp"

namespace nn {

using autodiff::Array;
using autodiff::Real;
using detail::Fault;
using detail::Names;
using detail::Role;
using detail::whole;

namespace {

using Fields = std::vector<std::string_view>;

template <Real T>
class Reader {
 public:
  /// Of a path or a text.
  template <class From>
  Reader(const From& from, const CsvOptions& options)
      : options_(options), records_("read_csv", from, options_), regression_(options.regression && !options.automatic) {
    labels_.fix(options.classes);
  }

  Dataset<T> read() {
    read_beginning();
    for (Fields fields; records_.next(fields);) add(fields, records_.line());
    if (samples_ == 0)
      records_.refuse(rows_ > 0 ? "every sample has a missing value, so none is left" : "the file holds no samples");
    if (counted_ && *counted_ != rows_)
      records_.refuse("the header promises " + std::to_string(*counted_) + " samples, the file holds " +
                      std::to_string(rows_));
    check_known();
    if (options_.automatic) choose_targets();
    auto data = finish();
    if (options_.missing == Missing::mean) data.inputs = fill_mean(data)(std::move(data.inputs));
    if (options_.missing == Missing::median) data.inputs = fill_median(data)(std::move(data.inputs));
    return data;
  }

 private:
  using Header = CsvOptions::Header;
  using Missing = CsvOptions::Missing;
  using Kind = Role::Kind;

  // Columns.

  std::string column_name(std::size_t column) const {
    return column < header_.size() ? header_[column] : "column " + std::to_string(column + 1);
  }
  std::string shown_column(std::size_t column) const {
    const std::string number = "column " + std::to_string(column + 1);
    return column < header_.size() ? number + " (" + in_quotes(header_[column]) + ")" : number;
  }
  bool is_missing(std::string_view field) const {
    return std::ranges::find(options_.missing_values, field) != options_.missing_values.end();
  }

  /// The first record, or the first two, which say whether there is a header.
  void read_beginning() {
    Fields fields;
    if (!records_.next(fields)) return;
    const std::vector<std::string> first(fields.begin(), fields.end());
    const std::size_t line = records_.line();
    const bool text = std::ranges::none_of(first, [](const auto& field) { return number(field).has_value(); }) &&
                      !std::ranges::all_of(first, [this](const auto& field) { return is_missing(field); });
    if (options_.header == Header::present || (options_.header == Header::automatic && text)) {
      for (const auto& name : first) check_name(name, line);
      header_ = first;
      return;
    }
    const bool maybe_counts = options_.header != Header::absent && first.size() > 2 && whole(first[0]) &&
                              whole(first[1]) && std::none_of(first.begin() + 2, first.end(), [this](const auto& name) {
                                return number(name) || is_missing(name);
                              });
    if (options_.header == Header::counts && !maybe_counts)
      records_.refuse(line, "the header must hold the samples, the features and the names of the classes");
    if (!maybe_counts) return add(fields, line);
    const bool second = records_.next(fields);
    const auto label = second ? whole(fields.back()) : std::nullopt;
    if (options_.header == Header::counts ||
        (second && fields.size() == *whole(first[1]) + 1 && label && *label < first.size() - 2)) {
      counted_ = whole(first[0]);
      for (std::size_t i = 2; i < first.size(); ++i) {
        check_name(first[i], line);
        counted_classes_.push_back(first[i]);
      }
    } else {
      add(Fields(first.begin(), first.end()), line);
    }
    if (second) add(fields, records_.line());
  }

  /// Names are shown on terminals, and repeated: the name of a column for every category in it.
  void check_name(std::string_view name, std::size_t line) const {
    constexpr std::size_t longest = 1000;
    if (name.size() > longest) records_.refuse(line, "a name is longer than 1000 bytes: " + in_quotes(name));
    if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }))
      records_.refuse(line, "a name holds control characters: " + in_quotes(name));
  }

  /// Which columns there are, where none has the name.
  std::string near(std::string_view name) const {
    std::vector<std::string> shown;
    for (const auto& each : header_)
      shown.push_back(in_quotes(each)), shown.back().pop_back(), shown.back().erase(0, 1);
    return autodiff::names_near(name, shown);
  }

  std::size_t find(const Column& column, std::size_t line) const {
    if (column.name.empty()) {
      if (column.number == 0 || column.number > roles_.size())
        records_.refuse(line, "there is no column " + std::to_string(column.number) + ", only 1 to " +
                                  std::to_string(roles_.size()));
      return column.number - 1;
    }
    const auto found = std::ranges::find(header_, column.name);
    if (found == header_.end())
      records_.refuse(line, "there is no column named " + in_quotes(column.name) + near(column.name));
    if (std::find(found + 1, header_.end(), column.name) != header_.end())
      records_.refuse(line, "two columns are named " + in_quotes(column.name));
    return static_cast<std::size_t>(found - header_.begin());
  }

  std::size_t assign(const Column& column, Kind kind, std::size_t line) {
    const std::size_t number = find(column, line);
    if (roles_[number].kind != Kind::number) records_.refuse(line, shown_column(number) + " is asked for in two ways");
    roles_[number].kind = kind;
    if (kind == Kind::target) targets_.push_back(number);
    return number;
  }

  /// Decides what every column is for.
  void assign_roles(std::size_t columns, std::size_t line) {
    if (!header_.empty() && columns != header_.size())
      records_.refuse(line,
                      std::to_string(columns) + " columns, where the header has " + std::to_string(header_.size()));
    roles_.resize(columns), known_.resize(columns);
    if (options_.adapt) {
      std::vector<std::string> names;
      for (std::size_t c = 0; c < columns; ++c) names.push_back(column_name(c));
      options_.adapt(names, options_);
    }
    for (const auto& column : options_.drop) assign(column, Kind::dropped, line);
    for (const auto& categorical : options_.categorical) {
      const std::size_t number = assign(categorical.column, Kind::categorical, line);
      roles_[number].one_hot = categorical.one_hot;
      categories_[number].fix(categorical.names);
    }
    for (const auto& [column, order] : options_.dates) roles_[assign(column, Kind::date, line)].order = order;
    for (const auto& column : options_.targets) assign(column, Kind::target, line);
    if (options_.targets.empty() && !options_.unlabelled) assign(Column(columns), Kind::target, line);
    if (options_.unlabelled && !targets_.empty()) records_.refuse(line, "a file without targets cannot have one");
    if (options_.automatic && targets_.size() > 1) options_.automatic = false, regression_ = true;
    if (!regression_ && targets_.size() > 1) records_.refuse(line, "a sample has one class, not several targets");
    if (!std::ranges::any_of(roles_, [](const Role& role) { return role.kind <= Kind::categorical; }))
      records_.refuse(line, "needs a feature besides the target, so two columns at least");
  }

  // Values.

  [[noreturn]] void refuse(std::size_t line, const std::string& rule) const {
    if (options_.tolerate) throw Fault{rule};
    records_.refuse(line, rule);
  }
  /// What `read` gives, or NaN where that is tolerated.
  T tolerant(auto read) const try { return read(); } catch (const Fault& fault) {
    options_.tolerate(samples_, fault.rule);
    return std::numeric_limits<T>::quiet_NaN();
  }

  T finite(std::string_view field, std::size_t column, std::size_t line) const {
    const bool is_date = roles_[column].kind == Kind::date;
    const auto value = is_date ? date(field, roles_[column].order) : number(field, options_.decimal_point);
    if (!value || !std::isfinite(static_cast<T>(*value)))
      refuse(line, shown_column(column) + (is_date ? " is not such a date: " : " is not a finite number: ") +
                       in_quotes(field));
    return static_cast<T>(*value);
  }

  T category(Names& names, std::string_view field, std::size_t column, std::size_t line) const {
    const std::string name(field);
    const auto known = names.numbers.find(name);
    if (known != names.numbers.end()) return static_cast<T>(known->second);
    if (names.complete) refuse(line, shown_column(column) + " is none of the names given: " + in_quotes(field));
    check_name(field, line);
    if (names.names.size() == options_.max_classes)
      records_.refuse(line, shown_column(column) + " holds more than the " + std::to_string(options_.max_classes) +
                                " different names allowed");
    names.add(name);
    return static_cast<T>(names.names.size() - 1);
  }

  /// Of the names given, the one that a number stands for: "1.0" for "1", or for the second of a header's names.
  std::optional<std::size_t> given_class(std::string_view field) const {
    if (!labels_.complete || labels_.numbers.contains(std::string(field))) return {};
    const auto value = number(field, options_.decimal_point);
    const auto count = whole(field);
    if (count && *count < counted_classes_.size()) {
      const auto known = labels_.numbers.find(counted_classes_[*count]);
      return known == labels_.numbers.end() ? std::nullopt : std::optional(known->second);
    }
    for (std::size_t c = 0; value && c < labels_.names.size(); ++c)
      if (number(labels_.names[c], options_.decimal_point) == value) return c;
    return {};
  }

  T label(std::string_view field, std::size_t column, std::size_t line) {
    if (const auto given = given_class(field)) return static_cast<T>(*given);
    if (labels_.complete || (!number(field) && numbered_ == 0 && counted_classes_.empty()))
      return category(labels_, field, column, line);
    const std::size_t most = counted_classes_.empty() ? options_.max_classes : counted_classes_.size();
    const auto value = whole(field);
    if (!value || *value >= most || !labels_.names.empty())
      refuse(line, shown_column(column) + " must be a class, " +
                       (labels_.names.empty() ? "a whole number from 0 to " + std::to_string(most - 1)
                                              : std::string("a name as before")) +
                       ": " + in_quotes(field));
    numbered_ = std::max(numbered_, *value + 1);
    return static_cast<T>(*value);
  }

  void add(const Fields& fields, std::size_t line) {
    if (roles_.empty()) assign_roles(fields.size(), line);
    ++rows_;
    if (fields.size() != roles_.size()) {
      const auto rule =
          std::to_string(fields.size()) + " columns, where the lines before have " + std::to_string(roles_.size());
      if (!options_.tolerate) records_.refuse(line, rule);
      return add_missing(rule);
    }
    for (std::size_t c = 0; c < fields.size(); ++c) {
      const Kind kind = roles_[c].kind;
      if (kind == Kind::dropped || !is_missing(fields[c])) continue;
      if (options_.missing == Missing::drop_row || (kind == Kind::target && options_.drop_missing_targets)) return;
      if ((options_.missing == Missing::refuse || kind == Kind::target) && !options_.tolerate)
        records_.refuse(line, shown_column(c) + " is missing: " + in_quotes(fields[c]));
    }
    for (std::size_t c = 0; c < fields.size(); ++c)
      if (roles_[c].kind <= Kind::categorical) values_.push_back(tolerant([&] { return feature(fields[c], c, line); }));
    for (const std::size_t c : targets_) {
      if (options_.automatic) look_at_target(fields[c], c, line);
      target_values_.push_back(tolerant([&] {
        if (is_missing(fields[c])) refuse(line, shown_column(c) + " is missing");
        return regression_ ? finite(fields[c], c, line) : label(fields[c], c, line);
      }));
    }
    ++samples_;
  }

  T feature(std::string_view field, std::size_t c, std::size_t line) {
    if (is_missing(field)) {
      if (options_.missing == Missing::refuse) refuse(line, shown_column(c) + " is missing");
      return std::numeric_limits<T>::quiet_NaN();
    }
    known_[c] = true;
    return roles_[c].kind == Kind::categorical ? category(categories_[c], field, c, line) : finite(field, c, line);
  }

  /// A record of which nothing is known.
  void add_missing(const std::string& rule) {
    options_.tolerate(samples_, rule);
    const auto is_feature = [](const Role& role) { return role.kind <= Kind::categorical; };
    values_.insert(values_.end(), static_cast<std::size_t>(std::ranges::count_if(roles_, is_feature)),
                   std::numeric_limits<T>::quiet_NaN());
    target_values_.insert(target_values_.end(), targets_.size(), std::numeric_limits<T>::quiet_NaN());
    ++samples_;
  }

  /// The first target says whether all are texts or numbers.
  void look_at_target(std::string_view field, std::size_t column, std::size_t line) {
    if (labels_.complete || !counted_classes_.empty()) return;
    const bool numeric = number(field).has_value();
    if (samples_ == 0) first_target_ = line, regression_ = numeric;
    if (numeric != regression_)
      records_.refuse(line, shown_column(column) + (numeric ? " holds a number" : " holds a text") + ", and a " +
                                (numeric ? "text" : "number") + " on line " + std::to_string(first_target_) + ": " +
                                in_quotes(field));
  }
  /// Numbers may turn out to be classes.
  void choose_targets() {
    const T most = static_cast<T>(std::min<std::size_t>(options_.max_classes, 100));
    const auto is_class = [=](T value) { return value >= 0 && value < most && value == std::floor(value); };
    if (!regression_ || !std::ranges::all_of(target_values_, is_class)) return;
    regression_ = false;
    numbered_ = static_cast<std::size_t>(std::ranges::max(target_values_)) + 1;
  }

  /// A column without a value has no mean, and one without a category no feature.
  void check_known() const {
    const bool fills = options_.missing == Missing::mean || options_.missing == Missing::median;
    for (std::size_t c = 0; c < roles_.size(); ++c) {
      if (roles_[c].kind > Kind::categorical || known_[c]) continue;
      if (fills || (roles_[c].kind == Kind::categorical && categories_.at(c).names.empty()))
        records_.refuse(shown_column(c) + " holds no value at all");
    }
  }

  Dataset<T> finish() {
    Dataset<T> data;
    data.inputs = inputs();
    for (std::size_t c = 0; c < roles_.size(); ++c) {
      const Role role = roles_[c];
      if (role.kind > Kind::categorical) continue;
      if (role.one_hot)
        for (const auto& name : categories_[c].names) data.feature_names.push_back(column_name(c) + "=" + name);
      else
        data.feature_names.push_back(column_name(c));
      if (role.kind == Kind::categorical) data.categories.emplace(column_name(c), std::move(categories_[c].names));
    }
    for (const std::size_t c : targets_) data.target_names.push_back(column_name(c));
    if (regression_ || options_.unlabelled) {
      data.targets = detail::array({samples_, targets_.size()}, target_values_);
      return data;
    }
    data.targets = detail::array({samples_}, target_values_);
    const bool counted = !counted_classes_.empty() && !labels_.complete;
    data.classes = counted ? std::move(counted_classes_) : std::move(labels_.names);
    for (std::size_t c = data.classes.size(); c < numbered_; ++c) data.classes.push_back(std::to_string(c));
    return data;
  }

  Array<T> inputs() const {
    std::size_t width = 0;
    std::vector<std::size_t> spread;  // of every feature: categories to spread over, or 0
    for (std::size_t c = 0; c < roles_.size(); ++c) {
      if (roles_[c].kind > Kind::categorical) continue;
      spread.push_back(roles_[c].one_hot ? categories_.at(c).names.size() : 0);
      width += std::max<std::size_t>(spread.back(), 1);
    }
    if (std::ranges::all_of(spread, [](std::size_t categories) { return categories == 0; }))
      return detail::array({samples_, width}, values_);
    if (width > options_.max_bytes / sizeof(T) / samples_)
      records_.refuse("one-hot features would take more than the " + std::to_string(options_.max_bytes) +
                      " bytes allowed");
    Array<T> result = xt::zeros<T>({samples_, width});
    T* to = result.data();
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::size_t categories = spread[i % spread.size()];
      const std::size_t features = std::max<std::size_t>(categories, 1);
      if (categories == 0 || std::isnan(values_[i]))
        std::fill_n(to, features, values_[i]);
      else
        to[static_cast<std::size_t>(values_[i])] = 1;
      to += features;
    }
    return result;
  }

  CsvOptions options_;
  CsvRecords records_;
  std::vector<std::string> header_, counted_classes_;
  std::optional<std::size_t> counted_;  // samples that the header promises
  std::vector<Role> roles_;
  std::vector<bool> known_;                  // whether the column has any value
  std::map<std::size_t, Names> categories_;  // by column
  std::vector<std::size_t> targets_;
  Names labels_;
  bool regression_;
  std::size_t first_target_ = 0;  // its line
  std::size_t numbered_ = 0;      // classes, where they are numbers
  std::size_t rows_ = 0, samples_ = 0;
  std::vector<T> values_, target_values_;  // (samples, features before one-hot), (samples, outputs)
};

}  // namespace

template <Real T>
Dataset<T> read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return Reader<T>(path, options).read();
}

template <Real T>
Dataset<T> read_csv(const CsvText& text, const CsvOptions& options) {
  return Reader<T>(text, options).read();
}

#define NN_CSV(T)                                                                \
  template Dataset<T> read_csv(const std::filesystem::path&, const CsvOptions&); \
  template Dataset<T> read_csv(const CsvText&, const CsvOptions&);
NN_CSV(float)
NN_CSV(double)

}  // namespace nn
