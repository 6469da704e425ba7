#!/usr/bin/env python3
"""train_mlp on regression data sets beside scikit-learn's MLPRegressor of the same size.

Both have the same training and test samples (those of the data sets' own test indices, or a fifth by chance), features
and targets standardised by the training samples, two hidden layers of 64 ReLU units, and Adam with the same rate,
batches and epochs. Prints R2 and RMSE on the test samples, in units of the target: mean and standard deviation over
the splits. Makes a virtual environment with scikit-learn; pip's own settings choose where it comes from.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import venv

HIDDEN, RATE, BATCH = (64, 64), 1e-3, 32
# The file, and how many epochs.
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


def ours(train_mlp, train, test, epochs, seed):
    """R2 and RMSE on the test samples, as train_mlp prints them, and seconds."""
    import numpy

    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("train.csv", "test.csv")]
        for file, table in zip(files, (train, test)):
            numpy.savetxt(file, table, delimiter=",", fmt="%.9g")
        start = time.perf_counter()
        text = subprocess.run(
            [train_mlp, "--file", files[0], "--test", files[1], "--task", "regression", "--hidden",
             ",".join(map(str, HIDDEN)), "--learning-rate", str(RATE), "--batch", str(BATCH), "--epochs", str(epochs),
             "--seed", str(seed), "--threads", "1"],
            stdout=subprocess.PIPE, text=True, check=True).stdout
    seconds = time.perf_counter() - start
    r2, rmse = (float(re.search(rf"^test {what}\s+(\S+)", text, re.M)[1]) for what in ("R2", "RMSE"))
    return r2, rmse, seconds


def theirs(train, test, epochs, seed):
    from sklearn.metrics import mean_squared_error, r2_score
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler

    features, targets = StandardScaler().fit(train[:, :-1]), StandardScaler().fit(train[:, -1:])
    start = time.perf_counter()
    network = MLPRegressor(hidden_layer_sizes=HIDDEN, alpha=0, batch_size=BATCH, learning_rate_init=RATE,
                           max_iter=epochs, tol=0, n_iter_no_change=epochs + 1, random_state=seed)
    network.fit(features.transform(train[:, :-1]), targets.transform(train[:, -1:]).ravel())
    seconds = time.perf_counter() - start
    y = targets.inverse_transform(network.predict(features.transform(test[:, :-1]))[:, None]).ravel()
    return r2_score(test[:, -1], y), mean_squared_error(test[:, -1], y) ** 0.5, seconds


def compare(options):
    import statistics
    import warnings

    import sklearn

    warnings.simplefilter("ignore")  # that it could learn longer
    print(f"{'':20}{'samples':>8}{'epochs':>8}   {'ours: R2, RMSE, seconds':44}scikit-learn {sklearn.__version__}")
    for name, (path, epochs) in DATA_SETS.items():
        if options.only not in name:
            continue
        results = [], []
        for seed, (train, test) in enumerate(splits(os.path.join(options.data_dir, path), options.splits)):
            results[0].append(ours(options.train_mlp, train, test, epochs, seed))
            results[1].append(theirs(train, test, epochs, seed))
            samples = len(train) + len(test)

        def text(side):
            r2, rmse, seconds = zip(*side)
            spread = [statistics.stdev(x) if len(x) > 1 else 0 for x in (r2, rmse)]
            return (f"{statistics.mean(r2):.3f} ± {spread[0]:.3f}  {statistics.mean(rmse):.4g} ± {spread[1]:.2g}"
                    f"  {min(seconds):.1f} s")

        print(f"{name:20}{samples:8}{epochs:8}   {text(results[0]):44}{text(results[1])}", flush=True)


def environment(folder):
    """The Python of a virtual environment with all that is needed."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import sklearn"], stderr=subprocess.DEVNULL).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "scikit-learn"], check=True)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-mlp", required=True, help="our program, such as build/examples/train_mlp")
    parser.add_argument("--data-dir", required=True, help="where california-housing and uci-regression are")
    parser.add_argument("--only", default="", help="only data sets whose name holds this text")
    parser.add_argument("--splits", type=int, default=5, help="of each data set (%(default)s)")
    parser.add_argument("--venv", default=os.path.join(tempfile.gettempdir(), "xtensor-autodiff-sklearn"),
                        help="where the virtual environment is or will be (%(default)s)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        compare(options)
    else:
        environment_of = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        command = [environment(options.venv), __file__, *sys.argv[1:], "--inside"]
        sys.exit(subprocess.run(command, env=environment_of).returncode)


if __name__ == "__main__":
    main()
