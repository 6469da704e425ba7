#include "nn_programs.hpp"
#include "scratch.hpp"

namespace {

double accuracy(const Run& run) {
  const std::string line = run.last_line(), begin = "test accuracy ";
  REQUIRE(line.starts_with(begin));
  REQUIRE(line.size() == begin.size() + 6);  // four decimals
  return std::stod(line.substr(begin.size()));
}

}  // namespace

TEST_CASE("train_mlp reads the digits by default, and shows how it goes") {
  const auto run = train_mlp("");
  CHECK(run.code == 0);
  CHECK(accuracy(run) >= 0.97);
  CHECK(run.text.find("1438 samples to train, 359 to test") != std::string::npos);
  CHECK(run.text.find("actual | predicted") != std::string::npos);
  CHECK(run.lines() > 30);
}

TEST_CASE("train_mlp reaches 0.97 from any seed") {
  for (const std::string seed : {"1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
    CAPTURE(seed);
    const auto run = train_mlp("--quiet --seed " + seed);
    CHECK(run.lines() == 1);
    CHECK(accuracy(run) >= 0.97);
  }
}

TEST_CASE("train_mlp gives the same numbers again") {
  const auto shown = [](Run run) {  // all but the time it took
    return run.text.substr(run.text.find("actual"));
  };
  CHECK(shown(train_mlp("--epochs 3 --seed 4")) == shown(train_mlp("--epochs 3 --seed 4")));
  CHECK(shown(train_mlp("--epochs 3 --seed 4")) != shown(train_mlp("--epochs 3 --seed 5")));
}

TEST_CASE("train_mlp learns with every choice that it offers") {
  for (const std::string arguments :
       {"--loss cross-entropy", "--loss cross-entropy --optimiser momentum --learning-rate 0.05",
        "--loss cross-entropy --optimiser gradient-descent --learning-rate 0.3 --activation tanh",
        "--optimiser gradient-descent --learning-rate 0.05",
        "--activation logistic --hidden 32,16 --learning-rate 0.01", "--precision double --scaling standard",
        "--batch 200 --learning-rate 0.01"}) {
    CAPTURE(arguments);
    const auto run = train_mlp("--epochs 15 " + arguments);
    CHECK(run.code == 0);
    CHECK(accuracy(run) > 0.9);
  }
}

TEST_CASE("train_mlp explains itself") {
  const auto run = train_mlp("--help");
  CHECK(run.code == 0);
  for (const char* option : {"--file", "--hidden", "--activation", "--loss", "--optimiser", "--learning-rate",
                             "--epochs", "--batch", "--seed", "logistic", "cross-entropy", "gradient-descent"})
    CHECK(run.text.find(option) != std::string::npos);
}

TEST_CASE("bad options and files get one clear line and exit code 2") {
  const Scratch scratch;
  const std::string directory = scratch.path().string(), absent = (scratch / "absent").string();
  const std::pair<std::string, std::string> cases[] = {
      {"--activation foo", "--activation: foo not in {"},
      {"--loss foo", "--loss: foo not in {automatic,cross-entropy,"},
      {"--optimiser foo", "--optimiser: foo not in {"},
      {"--precision half", "--precision: half not in {float,double}"},
      {"--batch 0", "--batch: 0 is not a whole number from 1"},
      {"--epochs -3", "--epochs: -3 is not a whole number from 1"},
      {"--epochs 2.5", "--epochs: 2.5 is not a whole number from 1"},
      {"--seed -1", "--seed: -1 is not a whole number from 0"},
      {"--learning-rate -1", "--learning-rate: -1 is not a finite number above 0"},
      {"--learning-rate 0", "--learning-rate: 0 is not a finite number above 0"},
      {"--learning-rate nan", "--learning-rate: nan is not a finite number above 0"},
      {"--learning-rate inf", "--learning-rate: inf is not a finite number above 0"},
      {"--learning-rate fast", "--learning-rate: fast is not a finite number above 0"},
      {"--hidden 0", "--hidden: 0 is not a list of whole numbers from 1"},
      {"--hidden 12,,3", "--hidden: 12,,3 is not a list of whole numbers from 1"},
      {"--hidden 12,x", "--hidden: 12,x is not a list of whole numbers from 1"},
      {"--hidden ''", "--hidden:  is not a list of whole numbers from 1"},
      {"--hidden", "--hidden"},
      {"--bogus", "--bogus is no option (--help lists all)"},
      {"--optimizer=adam", "--optimizer is no option; near are \"--optimiser\" (--help lists all)"},
      {"extra", "not expected: extra"},
      {"--data mnist", "--data: mnist needs --data-dir"},
      {"--data csv", "--data: csv needs --file"},
      {"--data iris --test t.csv", "--test: is for --data csv"},
      {"--data pixels", "--data: pixels not in {"},
      {"--data iris --target 2", "--data: has columns to choose for csv only"},
      {"--data mnist --data-dir /nowhere", "-ubyte.gz: cannot be opened"},
      {"--task regression --loss cross-entropy --file " DIGITS_CSV, "[--loss] cross-entropy is for classes"},
      {"--task regression --loss binary-cross-entropy --file " DIGITS_CSV,
       "[--loss] binary-cross-entropy is for classes"},
      {"--target 99 --file " DIGITS_CSV, "there is no column 99, only 1 to 65"},
      {"--target digit --file " DIGITS_CSV, "there is no column named \"digit\""},
      {"--resume", "--resume: needs --checkpoint"},
      {"--resume --checkpoint " + absent, "[load_safetensors] " + absent + ": cannot be opened"},
      {"--checkpoint /nowhere/c", "--checkpoint: [check_writable] /nowhere/c: cannot be written"},
      {"--history /dev/null", "--history: [check_writable] /dev/null: is not a regular file"},
      {"--plot /nowhere/p.svg", "--plot: [plot] /nowhere/p.svg: cannot be written"},
      {"--save " + directory, "--save: [check_writable] " + directory + ": is a directory"},
      {"--report run.txt", "--report: must end with .html: run.txt"},
      {"--report /nowhere/run.html", "cannot be written"},
      {"--compare other.html", "--compare: needs --report"},
      {"--image 8x8", "--image: needs --report"},
      {"--quiet --report " + (scratch / "run.html").string() + " --compare " + absent + ".csv",
       "[read_history] " + absent + ".csv: is not a regular file"},
      {"--plot curves.gif", "--plot: [plot] curves.gif: is not the name of a .svg, .html or .png"},
      {"--save /nowhere/s", "--save: [check_writable] /nowhere/s: cannot be written"},
      {"--patience 3", "--patience: needs --validation"},
      {"--memory 1x", "--memory: 1x is no number of bytes"},
      {"--memory 100 --file " DIGITS_CSV, "holds more than the 100 bytes allowed"},
      {"--folds 1", "--folds: 1 is not a whole number from 2"},
      {"--folds 5 --save " + absent, "--folds: goes with no --test, --save"},
      {"--folds 5 --search 3", "--folds: goes with no --search"},
      {"--search 0", "--search: 0 is not a whole number from 1"},
      {"--class-weights heavy", "--class-weights: heavy not in {"},
      {"--class-weights balanced --task regression --file " DIGITS_CSV, "[--class-weights] balanced is for classes"},
      {"--fine-tune " + absent, "--fine-tune: needs --file"},
      {"--fine-tune " + absent + " --hidden 3 --file " DIGITS_CSV, "--hidden: goes with no --fine-tune"},
      {"--fine-tune " + absent + " --file " DIGITS_CSV, absent + ": cannot be opened"},
      {"--date-order first", "--date-order: first not in {"},
      {"--drop x,y --categorical z --file " DIGITS_CSV,
       "there is no column named \"x\" (--drop); there is no column named \"y\" (--drop); there is no column named "
       "\"z\" "
       "(--categorical)"},
      {"--validation 1", "--validation: 1 is not a finite number from 0 to below 1"},
      {"--dropout 1", "--dropout: 1 is not a finite number from 0 to below 1"},
      {"--weight-decay -1", "--weight-decay: -1 is not a finite number from 0"},
      {"--schedule foo", "--schedule: foo not in {"},
      {"--threads -1", "--threads: -1 is not a whole number from 0"},
      {"--file /nowhere.csv", "[read_csv] /nowhere.csv: cannot be opened: No such file or directory"},
      {"--file /", "[read_csv] /: is a directory"},
      {"--file /dev/null", "[read_csv] /dev/null: the file holds no samples"},
      {"--file /dev/zero", "[read_csv] /dev/zero:1: the line is longer than"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.first);
    const auto run = train_mlp(c.first, true);
    CHECK(run.code == 2);
    CHECK(run.lines() == 1);
    CHECK(run.text.starts_with("train_mlp: "));
    CHECK(run.text.find(c.second) != std::string::npos);
  }
}

TEST_CASE("a loss that blows up ends with exit code 1") {
  const auto run = train_mlp("--optimiser gradient-descent --learning-rate 1e30", true);
  CHECK(run.code == 1);
  CHECK(run.text ==
        "train_mlp: the loss or the weights are not finite any more in epoch 1: a smaller learning rate may help\n");
}

TEST_CASE("train_mlp learns iris, with dropout, a schedule, and validation that ends it") {
  const Scratch scratch;
  const auto history = (scratch / "h.csv").string(), plot = (scratch / "h.svg").string();
  const auto run = train_mlp(
      "--data iris --hidden 16 --learning-rate 0.02 --epochs 400 --dropout 0.1 --schedule cosine "
      "--loss cross-entropy --optimiser adamw --weight-decay 0.01 --validation 0.2 --patience 10 "
      "--history " +
      history + " --plot " + plot);
  CHECK(run.code == 0);
  CHECK(accuracy(run) >= 0.9);
  CHECK(run.text.find("96 samples to train, 24 to validate, 30 to test") != std::string::npos);
  CHECK(run.text.find("nothing got better in 10 epochs: the best was epoch") != std::string::npos);
  CHECK(run.text.find("versicolor") != std::string::npos);
  CHECK(bytes_of(plot).find("<svg") != std::string::npos);
  const auto text = bytes_of(history);
  CHECK(text.starts_with("epoch,loss,validation_loss,validation_accuracy,learning_rate,seconds\n1,"));
}

TEST_CASE("train_mlp draws curves into the terminal, and reports a run beside another one") {
  const Scratch scratch;
  const std::string first = (scratch / "first.csv").string(), page = (scratch / "run.html").string();
  const auto run = train_mlp("--data iris --epochs 3 --quiet --plot - --history " + first);
  CHECK(run.code == 0);
  CHECK(run.text.find("learning rate\n") != std::string::npos);
  CHECK(run.text.find("  epoch\n") != std::string::npos);
  CHECK(!std::filesystem::exists("-"));
  CHECK(train_mlp("--data iris --epochs 2 --quiet --image 2x2 --importance --report " + page + " --compare " + first)
            .code == 0);
  const auto text = bytes_of(page);
  for (const char* part : {"\"name\":\"first\"", "\"importance\":{", "\"filters\":{", "\"walk\":[{"})
    CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("train_mlp tells the task by the target") {
  const Scratch scratch;
  std::string table = "size,kind,price\n";
  for (int i = 0; i < 200; ++i) {
    const int size = i * 37 % 101, kind = i % 3;
    table += std::to_string(size) + "," + "abc"[kind] + "," + std::to_string(3.5 * size + 100 * kind) + "\n";
  }
  write_bytes(scratch / "prices.csv", table);
  const std::string file = "--epochs 60 --learning-rate 0.01 --file " + (scratch / "prices.csv").string();
  const auto values = train_mlp(file + " --categorical kind");
  CHECK(values.code == 0);
  CHECK(values.text.find("network     4-256-1 relu") != std::string::npos);
  CHECK(values.text.find("test RMSE ") != std::string::npos);
  CHECK(values.text.find("test MAE ") != std::string::npos);
  REQUIRE(values.last_line().starts_with("test R2   "));
  CHECK(std::stod(values.last_line().substr(10)) > 0.98);
  const auto classes = train_mlp(file + " --target kind");
  CHECK(classes.code == 0);
  CHECK(classes.text.find("network     2-256-3 relu") != std::string::npos);
  CHECK(accuracy(classes) > 0.5);
  CHECK(values.text.find("task        values, as the target holds numbers with fractions") != std::string::npos);
  CHECK(classes.text.find("task        3 classes, as the target holds texts\n") != std::string::npos);
  write_bytes(scratch / "whole.csv", "size,grade\n1,0\n2,1\n3,2\n4,0\n5,1\n6,2\n");
  CHECK(train_mlp("--epochs 1 --file " + (scratch / "whole.csv").string())
            .text.find("task        3 classes, as the target holds 3 different whole numbers in 6 rows (else: --task "
                       "regression)\n") != std::string::npos);
  // A pipe is read once.
  CHECK(run("cat " + (scratch / "prices.csv").string() + " | " TRAIN_MLP,
            "--categorical kind --epochs 1 --file /dev/stdin")
            .code == 0);
  // The first fault is said, though the other task has others.
  write_bytes(scratch / "fault.csv", "size,price\n1,0.5\n2,1.5\n3;4,2\n");
  CHECK(
      train_mlp("--file " + (scratch / "fault.csv").string(), true).text ==
      "train_mlp: [table] " + (scratch / "fault.csv").string() +
          ": column \"size\" holds 2 numbers and 1 texts, the first \"3;4\" on line 4 (--missing-values \"3;4\" if it "
          "stands for none, --drop or --categorical \"size\")\n");
  CHECK(train_mlp(file + " --drop kind --task regression --target 1").last_line().starts_with("test R2"));
}

TEST_CASE("train_mlp tests with a table of its own") {
  const Scratch scratch;
  const auto table = [](int first, int last, bool kinds = true) {
    std::string text = kinds ? "size,kind,grade\n" : "size,grade\n";
    for (int i = first; i < last; ++i) {
      const int size = i * 37 % 101;
      text += std::to_string(size) + (kinds ? std::string(",") + "xyz"[i % 3] : "");
      text += size < 20 ? ",low\n" : size < 60 ? ",middle\n" : ",top\n";
    }
    return text;
  };
  write_bytes(scratch / "train.csv", table(0, 200));
  write_bytes(scratch / "test.csv", table(200, 230));
  write_bytes(scratch / "top.csv", "size,kind,grade\n98,x,top\n99,z,top\n");
  write_bytes(scratch / "narrow.csv", table(200, 230, false));
  write_bytes(scratch / "other.csv", "size,kind,grade\n98,x,best\n");
  const auto run = [&](const std::string& test, bool errors = false) {
    return train_mlp("--epochs 60 --loss cross-entropy --categorical kind --file " + (scratch / "train.csv").string() +
                         " --test " + (scratch / test).string(),
                     errors);
  };
  const auto tested = run("test.csv");
  CHECK(tested.text.find("200 samples to train, 30 to test") != std::string::npos);
  CHECK(accuracy(tested) > 0.9);
  write_bytes(scratch / "moved.csv", "grade,kind,size\nlow,x,5\ntop,z,99\n");
  CHECK(accuracy(run("moved.csv")) == 1);
  CHECK(accuracy(run("top.csv")) == 1);  // the only class there is the third, as in training
  for (const auto& [test, message] : {std::pair("narrow.csv", "kind"), std::pair("other.csv", "best")}) {
    const auto refused = run(test, true);
    CAPTURE(refused.text);
    CHECK(refused.code == 2);
    CHECK(refused.lines() == 1);
    CHECK(refused.text.find(test) != std::string::npos);
    CHECK(refused.text.find(message) != std::string::npos);
  }
}

TEST_CASE("one thread and two give the same bits") {
  const Scratch scratch;
  for (const std::string threads : {"1", "2"})
    CHECK(train_mlp("--epochs 3 --threads " + threads + " --save " + (scratch / threads).string()).code == 0);
  CHECK(bytes_of(scratch / "1") == bytes_of(scratch / "2"));
}

TEST_CASE("train_mlp goes on from a checkpoint of the same run alone, and says what differs") {
  const Scratch scratch;
  const auto table = [](int last) {
    std::string text = "size,price\n";
    for (int i = 0; i < 40; ++i) text += std::to_string(i) + "," + std::to_string(i + 0.5) + "\n";
    return text + std::to_string(last) + ",1.5\n";
  };
  write_bytes(scratch / "a.csv", table(1));
  write_bytes(scratch / "moved.csv", table(1));
  write_bytes(scratch / "b.csv", table(2));
  const auto run = [&](const std::string& file, const std::string& more = "") {
    return train_mlp("--checkpoint " + (scratch / "c").string() + " --file " + (scratch / file).string() + ' ' + more,
                     true);
  };
  REQUIRE(run("a.csv", "--epochs 1").code == 0);
  const std::pair<std::string, std::string> cases[] = {
      {"--batch 64", "--batch was 32, is 64\n"},
      {"--hidden 8", "--hidden was 256, is 8\n"},
      {"--dropout 0.5", "--dropout was 0.0, is 0.5\n"},
      {"--loss huber --optimiser rmsprop", "--loss was squared-error, is huber; --optimiser was adam, is rmsprop\n"},
      {"--learning-rate 0.1", "--learning-rate was 0.001, is 0.1\n"},
      {"--weight-decay 0.1", "--weight-decay was the optimiser's, is 0.1\n"},
      {"--schedule cosine", "--epochs was not kept, is 40; --schedule was constant, is cosine\n"},
      {"--scaling none", "--scaling was standard, is none\n"},
      {"--seed 1", "--seed was 0, is 1; the test data was 8 samples of 1 features (checksum "}};
  for (const auto& c : cases) {
    CAPTURE(c.first);
    const auto refused = run("a.csv", "--resume " + c.first);
    CHECK(refused.code == 2);
    CHECK(refused.lines() == 1);
    CHECK(refused.text.find(c.second) != std::string::npos);
  }
  CHECK(run("b.csv", "--resume").text.find("data was ") != std::string::npos);
  CHECK(run("moved.csv", "--resume --epochs 2 --threads 1 --save " + (scratch / "net").string()).code == 0);
}

TEST_CASE("what cannot be written is refused before training, and old files stay") {
  const Scratch scratch;
  const auto file = [&](const std::string& name) { return " " + (scratch / name).string(); };
  for (const std::string name : {"net", "h.csv", "p.svg"}) write_bytes(scratch / name, "old");
  const auto refused = [&](const std::string& program, const std::string& arguments) {
    CAPTURE(arguments);
    CHECK(run(program, "--data iris" + arguments).text.empty());  // it does not begin
    const auto said = run(program, "--data iris" + arguments, true);
    CHECK(said.code == 2);
    CHECK(said.lines() == 1);
    return said.text;
  };
  refused(TRAIN_MLP, " --save" + file("net") + " --history" + file("h.csv") + " --plot /nowhere/p.svg");
  CHECK(refused("PATH=/nowhere " TRAIN_MLP, " --plot" + file("p.png")).find("needs gnuplot") != std::string::npos);
  write_bytes(scratch / "latin.csv", "gr\xfcn,kind\n1,0\n2,1\n3,0\n4,1\n5,0\n6,1\n");
  const auto latin = " --epochs 1 --file" + file("latin.csv");
  CHECK(train_mlp(latin).code == 0);
  const auto said = train_mlp(latin + " --save" + file("net"), true);
  CHECK(said.code == 2);
  CHECK(said.text.find("net: names of columns and classes must be UTF-8 to be saved: ") != std::string::npos);
  CHECK(train_mlp(latin + " --save" + file("net")).text.find("training ") == std::string::npos);
  for (const std::string name : {"net", "h.csv", "p.svg"}) CHECK(bytes_of(scratch / name) == "old");
  CHECK(scratch.files() == 4);
}

TEST_CASE("one file for two things, columns of one name and forms of tables that are shipped are refused") {
  const Scratch scratch;
  const auto file = (scratch / "net").string();
  write_bytes(scratch / "twice.csv", "k,k,y\n1,2,0\n2,1,1\n");
  for (const auto& c : {std::pair("--save " + file + " --checkpoint " + file,
                                  "[--checkpoint] " + file + ": is the file of --save already"),
                        std::pair("--header present" + std::string(), std::string("--header: is for --data csv")),
                        std::pair("--threads 257" + std::string(), std::string("--threads")),
                        std::pair("--drop 2 --file " + (scratch / "twice.csv").string(),
                                  std::string("twice.csv: two columns are named \"k\""))}) {
    CAPTURE(c.first);
    const auto said = train_mlp(c.first, true);
    CHECK(said.code == 2);
    CHECK(said.text.find(c.second) != std::string::npos);
  }
  CHECK(run("sh -c '" TRAIN_MLP " --data iris --epochs 1 >/dev/full'", "", true).code == 2);
}

TEST_CASE("labels that train serve to test") {
  const Scratch scratch;
  write_bytes(scratch / "a.csv", "1,0.0\n2,1.0\n3,0.0\n4,1.0\n");
  const auto a = (scratch / "a.csv").string();
  CHECK(train_mlp("--epochs 1 --file " + a + " --test " + a).code == 0);
  const auto iris = (std::filesystem::path(DIGITS_CSV).parent_path() / "iris.csv").string();
  CHECK(train_mlp("--epochs 1 --file " + iris + " --test " + iris).code == 0);
}

TEST_CASE("the test result is there though the picture fails in the end") {
  const Scratch scratch;
  const auto once = (scratch / "once").string();  // this gnuplot works
  write_bytes(scratch / "gnuplot", "#!/bin/sh\n[ -e " + once + " ] && exit 1\n: > " + once + "\nprintf '\\211PNG'\n");
  std::filesystem::permissions(scratch / "gnuplot", std::filesystem::perms::owner_all);
  const auto trained = run("PATH=" + scratch.path().string() + ":$PATH " TRAIN_MLP,
                           "--data iris --epochs 1 --plot " + (scratch / "p.png").string());
  CHECK(trained.code == 2);
  CHECK(trained.last_line().starts_with("test accuracy "));
}
