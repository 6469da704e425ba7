#!/usr/bin/env python3
"""train_mlp and predict on regression data sets, beside scikit-learn's MLPRegressor of the same size.

Both read the same two files of each split, standardise features and targets by the training samples, and train two
hidden layers of 64 ReLU units by Adam with the same rate, batches and epochs, without weight decay. The splits are the
first of the data sets' own test indices, or a fifth by chance where there are none; each has its own seed. R2 and RMSE,
in units of the target, are found from both predictions by one function: mean and standard deviation over the splits.
The last columns have the mean and the standard error of our RMSE divided by scikit-learn's on the same split. Makes a
virtual environment with scikit-learn; pip's own settings choose where it comes from.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import warnings

from peers import add_venv_option, environment

HIDDEN, RATE, BATCH = (64, 64), 1e-3, 32
# Where it is, and how many epochs.
DATA_SETS = {
    "california-housing": ("california-housing/cal_housing.data", 30),
    "energy": ("uci-regression/energy", 200),
    "concrete": ("uci-regression/concrete", 200),
    "yacht": ("uci-regression/yacht", 200),
    "kin8nm": ("uci-regression/kin8nm", 60),
    "wine-quality-red": ("uci-regression/wine-quality-red", 20),
}


def splits(path, count):
    """The training and test rows, (samples, features and last the target), of so many splits."""
    import numpy

    if not os.path.isdir(path):
        table = numpy.loadtxt(path, delimiter=",")
        for seed in range(count):
            order = numpy.random.default_rng(seed).permutation(len(table))
            yield table[order[len(table) // 5:]], table[order[:len(table) // 5]]
        return
    table = numpy.loadtxt(os.path.join(path, "data.txt"))
    with open(os.path.join(path, "test_indices.txt")) as file:
        for line in list(file)[:count]:
            test = numpy.array(line.split(), int)
            yield numpy.delete(table, test, 0), table[test]


def ours(programs, train, test, epochs, seed):
    """Predictions for the test file."""
    import numpy

    train_mlp, predict = programs
    folder = os.path.dirname(test)
    model, predictions = os.path.join(folder, "model.safetensors"), os.path.join(folder, "predictions.csv")
    subprocess.run(
        [train_mlp, "--file", train, "--test", test, "--task", "regression", "--hidden", ",".join(map(str, HIDDEN)),
         "--learning-rate", str(RATE), "--batch", str(BATCH), "--epochs", str(epochs), "--seed", str(seed),
         "--threads", "1", "--save", model], stdout=subprocess.DEVNULL, check=True)
    subprocess.run([predict, "--model", model, "--file", test, "--output", predictions], check=True)
    return numpy.loadtxt(predictions, delimiter=",", skiprows=1)


def theirs(train, test, epochs, seed):
    """The same."""
    import numpy
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler

    train, test = (numpy.loadtxt(file, delimiter=",") for file in (train, test))
    features, targets = StandardScaler().fit(train[:, :-1]), StandardScaler().fit(train[:, -1:])
    network = MLPRegressor(hidden_layer_sizes=HIDDEN, alpha=0, batch_size=BATCH, learning_rate_init=RATE,
                           max_iter=epochs, tol=0, n_iter_no_change=epochs + 1, random_state=seed)
    network.fit(features.transform(train[:, :-1]), targets.transform(train[:, -1:]).ravel())
    return targets.inverse_transform(network.predict(features.transform(test[:, :-1]))[:, None]).ravel()


def scores(predictions, targets):
    """R2 and RMSE."""
    error = ((predictions - targets) ** 2).mean()
    return 1 - error / targets.var(), error**0.5


def spread(values):
    return statistics.stdev(values) if len(values) > 1 else 0


def compare(options):
    import numpy
    import sklearn

    warnings.simplefilter("ignore")  # that it could learn longer
    print(f"{'':19}{'samples':>8}{'epochs':>7}   {'ours: R2, RMSE':38}{'scikit-learn ' + sklearn.__version__:38}"
          "ratio of RMSE")
    for name, (path, epochs) in DATA_SETS.items():
        if options.only not in name:
            continue
        results = [], []
        for seed, tables in enumerate(splits(os.path.join(options.data_dir, path), options.splits)):
            with tempfile.TemporaryDirectory() as folder:
                files = [os.path.join(folder, part) for part in ("train.csv", "test.csv")]
                for file, table in zip(files, tables):
                    numpy.savetxt(file, table, delimiter=",", fmt="%.17g")
                targets = tables[1][:, -1]
                results[0].append(scores(ours(options.programs, *files, epochs, seed), targets))
                results[1].append(scores(theirs(*files, epochs, seed), targets))

        def text(side):
            r2, rmse = zip(*side)
            return (f"{statistics.mean(r2):.4f} ± {spread(r2):.4f}  "
                    f"{statistics.mean(rmse):.4g} ± {spread(rmse):.2g}")

        ratios = [mine[1] / other[1] for mine, other in zip(*results)]
        print(f"{name:19}{sum(map(len, tables)):8}{epochs:7}   {text(results[0]):38}{text(results[1]):38}"
              f"{statistics.mean(ratios):.3f} ± {spread(ratios) / len(ratios)**0.5:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", nargs=2, required=True, metavar=("TRAIN_MLP", "PREDICT"),
                        help="ours, such as build/examples/train_mlp build/examples/predict")
    parser.add_argument("--data-dir", required=True, help="where california-housing and uci-regression are")
    parser.add_argument("--only", default="", help="only data sets whose name holds this text")
    parser.add_argument("--splits", type=int, default=20, help="of each data set (%(default)s)")
    add_venv_option(parser, "sklearn")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return compare(options)
    python = environment(options.venv, "numpy, sklearn", ("numpy", "scikit-learn"))
    one_thread = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:], "--inside"], env=one_thread).returncode)


if __name__ == "__main__":
    main()
