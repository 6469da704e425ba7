#include "options.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "files.hpp"

namespace {

/// The whole number that a text is and nothing else, if it is from `least` to `most`.
template <class Number>
std::optional<Number> whole(std::string_view text, Number least, Number most) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size() && value >= least && value <= most;
  return good ? std::optional(value) : std::nullopt;
}

constexpr std::size_t most_units = 10'000;

CLI::Validator not_empty() {
  return CLI::Validator([](std::string& text) { return text.empty() ? "needs the name of a file" : ""; }, "");
}

/// A finite number that `accepts` takes.
template <class Accepts>
CLI::Validator number(const char* what, Accepts accepts) {
  return CLI::Validator(
      [=](std::string& text) {
        double value = 0;
        const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && accepts(value);
        return good ? std::string() : text + " is not a finite number " + what;
      },
      "");
}

CLI::Validator above_zero() {
  return number("above 0", [](double value) { return value > 0; });
}
CLI::Validator not_negative() {
  return number("from 0", [](double value) { return value >= 0; });
}
CLI::Validator fraction() {
  return number("from 0 to below 1", [](double value) { return value >= 0 && value < 1; });
}

CLI::Validator count(std::uint64_t least, std::uint64_t most) {
  return CLI::Validator(
      [=](std::string& text) {
        if (whole(text, least, most)) return std::string();
        return text + " is not a whole number from " + std::to_string(least) + " to " + std::to_string(most);
      },
      "");
}

CLI::Validator layers() {
  return CLI::Validator(
      [](std::string& text) {
        if (!units(text).empty()) return std::string();
        return text + " is not a list of whole numbers from 1 to " + std::to_string(most_units) + ", such as 128,64";
      },
      "");
}

using Names = std::vector<std::string>;

void choice(CLI::App& app, const std::string& name, std::string& value, const std::string& what, const Names& names) {
  auto known = CLI::IsMember(names);
  known.description("");  // the names stand in the text
  app.add_option(name, value, what + ": " + CLI::detail::join(names, ", "))->type_name("NAME")->check(known);
}

void declare_data(CLI::App& app, Options& options) {
  choice(app, "--data", options.data, "What is learnt", {"digits", "iris", "mnist", "csv"});
  app.get_option("--data")->default_str("digits, or csv with --file");
  app.add_option("--file", options.file, "A table, may be gzip; by default, the target is its last column")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--describe", options.describe,
                 "Says what a table is taken for, or what a network of --save is, and trains nothing")
      ->type_name("FILE")
      ->check(not_empty());
  app.add_option("--test", options.test, "A table of the samples to test with")
      ->type_name("FILE")
      ->default_str("a fifth of those in --file");
  app.add_option("--data-dir", options.data_dir, "Where the four files of MNIST are, may be gzip")->type_name("DIR");
  app.add_option("--target", options.table.target,
                 "The column to predict, by its name or by its number from 1; several are real values of one network")
      ->type_name("COLUMN,..")
      ->default_str("the last");
  choice(app, "--task", options.task, "By default, a target of texts or of few different whole numbers is classes",
         {"automatic", "classification", "regression"});
  choice(app, "--separator", options.table.separator,
         "Between the columns; by default commas, semicolons, tabs or bars, as all lines have them", separator_names());
  choice(app, "--decimal", options.table.decimal, "Before the fraction of a number", {"automatic", "point", "comma"});
  choice(app, "--header", options.table.header,
         "The first line: by default a header if it is unlike those below; counts are scikit-learn's samples, features "
         "and names of classes",
         header_names());
  app.add_option("--drop", options.table.drop, "Columns that are not read")->type_name("COLUMN,..")->delimiter(',');
  app.add_option("--categorical", options.table.categorical,
                 "Columns of kinds of things, made into features of 0 and 1, as by default those of few texts are")
      ->type_name("COLUMN,..")
      ->delimiter(',');
  app.add_option("--dates", options.table.dates,
                 "Columns of dates, made into days since 1970, as by default those that hold nothing else are")
      ->type_name("COLUMN,..")
      ->delimiter(',');
  choice(app, "--date-order", options.table.date_order, "What comes first in dates", date_order_names());
  choice(
      app, "--missing", options.table.missing,
      "What happens where a value is missing: features are filled by mean or median of the training samples, also in "
      "predict, or rows dropped; by default the median, and rows without a target are dropped",
      missing_names());
  auto always = nn::CsvOptions().missing_values;
  std::erase(always, "");
  app.add_option("--missing-values", options.table.missing_values,
                 "Texts that stand for no value, besides " + CLI::detail::join(always, ", "))
      ->type_name("TEXT,..")
      ->delimiter(',');
  declare_memory(app, options.table.max_bytes);
  choice(app, "--scaling", options.scaling,
         "Features to 0..1 together, which is for pixels; each to mean 0 and variance 1, the default but for mnist; or "
         "as they are",
         {"automatic", "range", "standard", "none"});
  app.add_option("--validation", options.validation,
                 "The share of the training samples that chooses the best epoch instead")
      ->type_name("X")
      ->check(fraction());
}

void declare_network(CLI::App& app, Options& options) {
  app.add_option("--hidden", options.hidden, "Units of every hidden layer, such as 128,64")
      ->type_name("N,N,..")
      ->check(layers());
  choice(app, "--activation", options.activation, "Of the hidden layers", nn::activation_names());
  app.add_option("--dropout", options.dropout, "The share of hidden units that a step leaves out")
      ->type_name("X")
      ->default_str("0.2 for classes, 0 for values")
      ->check(fraction());
  auto losses = nn::loss_names();
  losses.insert(losses.begin(), "automatic");
  choice(app, "--loss", options.loss,
         "Of a linear output, and of classes or, where it needs rows, one-hot targets; softmax is part of "
         "cross-entropy, the default for classes; for values, that is squared-error",
         losses);
  choice(app, "--class-weights", options.class_weights,
         "What samples count in training: all alike, or balanced, so that all classes count alike, however rare",
         {"none", "balanced"});
  app.add_option("--label-smoothing", options.label_smoothing,
                 "How much of its target a cross-entropy spreads over all classes: probabilities stay below 1")
      ->type_name("X")
      ->check(fraction());
}

void declare_training(CLI::App& app, Options& options) {
  choice(app, "--optimiser", options.optimiser, "How weights follow their gradients", nn::optimiser_names());
  app.add_option("--learning-rate", options.learning_rate, "The size of a step")
      ->type_name("X")
      ->default_str("0.002 for classes, 0.001 for values")
      ->check(above_zero());
  app.add_option("--weight-decay", options.weight_decay, "How much of the weights goes to their gradients")
      ->type_name("X")
      ->check(not_negative())
      ->default_str("the optimiser's");
  auto schedules = nn::schedule_names();
  schedules.push_back("plateau");
  choice(app, "--schedule", options.schedule, "How the learning rate changes over all epochs", schedules);
  app.add_option("--epochs", options.epochs, "How often all training samples are seen")
      ->type_name("N")
      ->default_str(
          "as many as do best on parts that are left out in turns, 1000 at most; with --validation 1000; "
          "with a schedule by steps or below 20 samples, 100 for classes and 40 for values")
      ->check(count(1, 1'000'000));
  app.add_flag("--average", options.average,
               "Gives a mean of the weights, most of it from the last third of all steps; always so where neither "
               "--epochs nor a schedule by steps is said");
  app.add_option("--batch", options.batch, "How many samples make a step")->type_name("N")->check(count(1, 1'000'000));
  app.add_option("--patience", options.patience,
                 "Ends after this many epochs without a better one in validation; 0: never")
      ->type_name("N")
      ->default_str("20 where neither --epochs nor a schedule by steps is said; else 0")
      ->check(count(0, 1'000'000));
  app.add_option("--seed", options.seed, "Chooses the split, the first weights and the order of the samples")
      ->type_name("N")
      ->check(count(0, std::numeric_limits<std::uint64_t>::max()));
  app.add_option("--threads", options.threads,
                 "How many threads training uses; results are the same; 0: one for each core")
      ->type_name("N")
      ->check(count(0, 256));
  app.add_option("--shards", options.shards,
                 "Parts that a batch is made of, which processes started by mpirun have some of each: their number "
                 "changes nothing, that of the shards rounds otherwise")
      ->type_name("N")
      ->default_str("1 in one process, else 4, or for more than 319 samples one for each 64, up to 16")
      ->check(count(1, 100'000));
  app.add_flag("--split-slots", options.split_slots,
               "Each process keeps what the optimiser remembers of some of the weights alone: less memory");
  choice(app, "--precision", options.precision, "The type of all numbers", {"float", "double"});
}

void declare_trials(CLI::App& app, Options& options) {
  app.add_option(
         "--folds", options.folds,
         "Cross-validation: trains this many networks, each tested on another part of the table, and says their mean "
         "and deviation")
      ->type_name("N")
      ->default_str("none")
      ->check(count(2, 1000));
  app.add_option("--search", options.search,
                 "Tries this many choices of hidden layers and learning rate, and takes the best in validation "
                 "(--validation, by "
                 "default 0.2)")
      ->type_name("N")
      ->default_str("none")
      ->check(count(1, 1000));
  app.add_flag("--importance", options.importance,
               "Says for each column how much worse the test result is when the column is shuffled");
  app.add_option(
         "--fine-tune", options.fine_tune,
         "A network of --save that goes on to learn from another table of the same columns; a tenth of the usual "
         "learning rate")
      ->type_name("FILE")
      ->check(not_empty());
}

void declare_files(CLI::App& app, Options& options) {
  app.add_option("--save", options.save, "Where the trained network goes, for predict")->type_name("FILE");
  app.add_option("--checkpoint", options.checkpoint, "Where all that --resume needs is saved after every epoch")
      ->type_name("FILE");
  app.add_flag("--quiet", options.quiet, "Prints nothing but the result");
  app.add_option("--checkpoint-steps", options.checkpoint_steps,
                 "Saves it after each time this many steps, too; 0: only after epochs")
      ->type_name("N")
      ->check(count(0, 1'000'000'000));
  app.add_flag(
      "--resume", options.resume,
      "Goes on from the checkpoint, as if training had never stopped; one of other data or options is refused");
  app.add_option("--history", options.history,
                 "Where a line an epoch is written: JSON if the name ends in .jsonl, or CSV")
      ->type_name("FILE");
  app.add_option("--plot", options.plot,
                 "Where a picture of the history goes, as .svg, .html or .png; -: curves of letters, in the terminal")
      ->type_name("FILE");
  app.add_option("--report", options.report,
                 "Where the report of the training goes, as .html, anew after every epoch: curves, layers, a walk "
                 "through the network, confusions, calibration, the worst samples")
      ->type_name("FILE");
  app.add_option("--compare", options.compare,
                 "Other runs whose curves the report shows as well: their reports, or their histories as CSV")
      ->type_name("FILE,...")
      ->delimiter(',')
      ->check(not_empty());
  app.add_option("--image", options.image, "Height and width, 8x8, of samples that the report shows as images")
      ->type_name("HxW")
      ->delimiter('x')
      ->expected(2)
      ->check(count(1, 100'000));
  for (const char* output : {"--save", "--checkpoint", "--history", "--plot", "--report"})
    app.get_option(output)->check(not_empty());
}

}  // namespace

std::vector<std::size_t> units(std::string_view text) {
  std::vector<std::size_t> result;
  for (;;) {
    const std::size_t comma = text.find(',');
    const auto number = whole(text.substr(0, comma), std::size_t{1}, most_units);
    if (!number) return {};
    result.push_back(*number);
    if (comma == text.npos) return result;
    text.remove_prefix(comma + 1);
  }
}

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", version("train_mlp"));
  app.footer("Example: train_mlp --file table.csv --target price --validation 0.2 --save net.safetensors");
  app.option_defaults()->always_capture_default();
  declare_data(app, options);
  declare_network(app, options);
  declare_training(app, options);
  declare_trials(app, options);
  declare_files(app, options);
}
