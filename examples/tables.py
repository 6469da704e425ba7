#!/usr/bin/env python3
"""train_mlp by its defaults on twelve real tables, beside scikit-learn's neural network and boosted trees.

The tables come with Python packages. Every split takes a fifth of the rows to test, by chance, the classes in their
shares, and all sides get the same two parts: train_mlp as files in the table's own form, with no option but the target
and the seed; scikit-learn's MLPClassifier or MLPRegressor after the usual pipeline (numbers filled by their median and
standardised, categories one-hot, dates as days; targets of regression standardised, at most 1000 epochs), and
HistGradientBoosting likewise. Prints rows of the table in RESULTS.md: accuracy or R2 on the test parts, mean and
standard deviation, and what train_mlp is ahead of the network, with the standard error of the mean difference. First it
compares what train_mlp takes the columns for with what they are. Needs scikit-learn, statsmodels, vega_datasets and
palmerpenguins, from pip.
"""
import argparse
import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
import warnings


def package(name, *path):
    return os.path.join(os.path.dirname(__import__(name).__file__), *path)


def tables():
    """Name, text, separator, target, dates and dropped columns, and whether the target is a class."""
    import json
    import pandas
    import sklearn.datasets

    def text(*path):
        with open(package(*path)) as file:
            return file.read()

    def framed(bunch, names=None):
        frame = bunch.frame.copy()
        if names is not None:
            frame["target"] = [names[i] for i in frame["target"]]
        return frame.to_csv(index=False)

    data = sklearn.datasets
    cancer, wine = data.load_breast_cancer(as_frame=True), data.load_wine(as_frame=True)
    cars = pandas.DataFrame(json.loads(text("vega_datasets", "_data", "cars.json"))).to_csv(index=False)
    weather = text("vega_datasets", "_data", "seattle-weather.csv")
    stats = lambda name: text("statsmodels", "datasets", name, name + ".csv")
    yield "breast cancer", framed(cancer, cancer.target_names), ",", "target", [], [], True
    yield "wine", framed(wine, wine.target_names), ",", "target", [], [], True
    yield "penguins", text("palmerpenguins", "data", "penguins.csv"), ",", "species", [], [], True
    yield "Seattle weather", weather, ",", "weather", ["date"], [], True
    yield "marriages", text("statsmodels", "datasets", "fair", "fair_pt.csv"), ",", "rate_marriage", [], [], True
    yield "travel modes", stats("modechoice"), ";", "choice", [], [], True
    yield "votes of 1996", stats("anes96").replace("'", ""), "\t", "vote", [], [], True
    yield "diabetes", framed(data.load_diabetes(as_frame=True, scaled=False)), ",", "target", [], [], False
    yield "cars", cars, ",", "Miles_per_Gallon", ["Year"], ["Name"], False
    yield "stocks", text("vega_datasets", "_data", "stocks.csv"), ",", "price", ["date"], [], False
    yield "Grunfeld's investments", stats("grunfeld"), ",", "invest", [], [], False
    yield "Engel's households", stats("engel"), ",", "foodexp", [], [], False


def kinds(frame, target, dates, dropped):
    """The names of columns by what they are."""
    import pandas

    result = {"dates": set(dates), "dropped": set(dropped), "numeric": set(), "categorical": set()}
    for name in frame.columns:
        if name != target and name not in dates and name not in dropped:
            result["numeric" if pandas.api.types.is_numeric_dtype(frame[name]) else "categorical"].add(name)
    return result


def wrong_kinds(train_mlp, file, target, expected):
    said = subprocess.run([train_mlp, "--describe", file, "--target", target], capture_output=True, text=True, check=True)
    counts = dict.fromkeys(expected, 0)
    for line in said.stdout.splitlines():
        found = re.match(r"(numeric|categorical|dates) +(\d+):", line)
        if found:
            counts[found[1]] = int(found[2])
        counts["dropped"] += line.startswith("dropped ")
    return {kind: (counts[kind], len(names)) for kind, names in expected.items() if counts[kind] != len(names)}


def pipeline(kinds, model):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = make_pipeline(SimpleImputer(strategy="most_frequent"),
                               OneHotEncoder(handle_unknown="ignore", sparse_output=False))
    return make_pipeline(ColumnTransformer([("numbers", numbers, sorted(kinds["numeric"] | kinds["dates"])),
                                            ("categories", categories, sorted(kinds["categorical"]))]), model)


def theirs(kinds, train, test, target, classes, seed):
    """The scores of the neural network and of the trees."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import StandardScaler

    if classes:
        models = MLPClassifier(max_iter=1000, random_state=seed), HistGradientBoostingClassifier(random_state=seed)
    else:
        models = (TransformedTargetRegressor(MLPRegressor(max_iter=1000, random_state=seed), transformer=StandardScaler()),
                  HistGradientBoostingRegressor(random_state=seed))
    return [pipeline(kinds, model).fit(train.drop(columns=target), train[target]).score(test.drop(columns=target), test[target])
            for model in models]


def ours(train_mlp, folder, header, lines, parts, target, seed, more):
    files = [os.path.join(folder, name) for name in ("train.csv", "test.csv")]
    for file, part in zip(files, parts):
        with open(file, "w") as out:
            out.writelines([header] + [lines[i] for i in part])
    said = subprocess.run([train_mlp, "--file", files[0], "--test", files[1], "--target", target, "--seed", str(seed),
                           "--quiet", "--threads", "1"] + more, capture_output=True, text=True)
    if said.returncode != 0:
        sys.exit(said.stderr)
    return float(said.stdout.split()[-1])


def main():
    import numpy
    import pandas
    from sklearn.model_selection import train_test_split

    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--train-mlp", default="build/examples/train_mlp")
    options.add_argument("--splits", type=int, default=10)
    options.add_argument("--first-seed", type=int, default=0)
    options.add_argument("--tables", default="", help="names, separated by commas; by default all")
    options.add_argument("--inner", action="store_true", help="scores on a part of the training part: to choose defaults by")
    options.add_argument("--skip-theirs", action="store_true")
    options.add_argument("more", nargs="*", help="after --, options of train_mlp")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    print("| table | rows | target | train_mlp | scikit-learn's network | boosted trees | ahead of the network |\n"
          "|---|---|---|---|---|---|---|", flush=True)
    for name, text, separator, target, dates, dropped, classes in tables():
        if chosen.tables and name not in chosen.tables.split(","):
            continue
        frame = pandas.read_csv(io.StringIO(text), sep=separator)
        header, *lines = [line + "\n" for line in text.splitlines()]
        rows = frame.index[frame[target].notna()].to_numpy()
        expected = kinds(frame, target, dates, dropped)
        for date in dates:
            frame[date] = pandas.to_datetime(frame[date]).astype("int64")
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "all.csv")
            with open(file, "w") as out:
                out.write(text)
            wrong = wrong_kinds(chosen.train_mlp, file, target, expected)
            if wrong:
                print(f"{name}: kinds of columns, found and right: {wrong}", file=sys.stderr)
            scores = []
            for seed in range(chosen.first_seed, chosen.first_seed + chosen.splits):
                split = lambda part: train_test_split(part, test_size=0.2, random_state=seed,
                                                      stratify=frame[target][part] if classes else None)
                parts = split(rows)
                if chosen.inner:
                    parts = split(parts[0])
                score = [ours(chosen.train_mlp, folder, header, lines, parts, target, seed, chosen.more)]
                if not chosen.skip_theirs:
                    score += theirs(expected, frame.loc[parts[0]], frame.loc[parts[1]], target, classes, seed)
                scores.append(score)
        shown = [f"{numpy.mean(column):.3f} ± {numpy.std(column):.3f}" for column in zip(*scores)]
        ahead = ""
        if not chosen.skip_theirs:
            differences = [score[0] - score[1] for score in scores]
            error = statistics.stdev(differences) / len(differences) ** 0.5
            ahead = f"{statistics.mean(differences):+.4f} ± {error:.4f}"
        print(f"| {name} | {len(rows)} | {target} | {' | '.join(shown)} | {ahead} |", flush=True)


if __name__ == "__main__":
    main()
