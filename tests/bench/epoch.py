#!/usr/bin/env python3
"""An epoch of MNIST in train_mlp, beside the same in PyTorch with its data in memory.

Both train 784-512-512-10 (ReLU, softmax cross-entropy, batches of 128 in a new order each epoch, 32-bit floats), and
after each epoch find loss and accuracy of the 10,000 test samples. The sides take turns in processes that are bound to
as many cores as there are threads, and the best epoch of each counts. PyTorch runs in the virtual environment of
peers.py, eager, and compiled in the faster of two ways: forward and backward with the optimiser's own fused update, and
the whole step in one graph. Two ratios are printed for each: of whole epochs, and of PyTorch's without its test to ours
with it.
"""
import argparse
import csv
import gzip
import os
import subprocess
import sys
import tempfile
import time

from peers import Peer, add_venv_option, bound, environment, serve

SIZES, BATCH, TEST_BATCH = (784, 512, 512, 10), 128, 256
RATES = {"adam": 1e-3, "gradient-descent": 0.1}
EAGER, COMPILED = "torch eager", ("torch compile (forward, backward)", "torch compile (whole step)")


def ours(train_mlp, folder, optimiser, threads, epochs):
    """Seconds of the best epoch, and the accuracy after the last."""
    with tempfile.TemporaryDirectory() as scratch:
        history = os.path.join(scratch, "history.csv")
        subprocess.run(
            [train_mlp, "--data", "mnist", "--data-dir", folder, "--dropout", "0", "--hidden", ",".join(map(str, SIZES[1:-1])), "--batch",
             str(BATCH), "--label-smoothing", "0", "--optimiser", optimiser, "--learning-rate", str(RATES[optimiser]),
             "--epochs", str(epochs), "--threads", str(threads), "--history", history],
            preexec_fn=bound(threads), stdout=subprocess.DEVNULL, check=True)
        with open(history, newline="") as file:
            rows = list(csv.DictReader(file))
    ends = [0.0] + [float(row["seconds"]) for row in rows]
    return min(b - a for a, b in zip(ends, ends[1:])), float(rows[-1]["test_accuracy"])


def read_mnist(folder, part):
    """Pixels from 0 to 1, (samples, 784), and classes."""
    import numpy
    import torch

    def read(kind, header):
        with gzip.open(os.path.join(folder, f"{part}-{kind}-ubyte.gz")) as file:
            return torch.from_numpy(numpy.frombuffer(file.read(), numpy.uint8, offset=header).copy())

    return read("images-idx3", 16).reshape(-1, SIZES[0]).float() / 255, read("labels-idx1", 8).long()


def network():
    """Begins as train_mlp does."""
    import torch

    layers = []
    for inputs, outputs in zip(SIZES, SIZES[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        bound = (6 / (inputs + outputs)) ** 0.5
        for parameter in layers[-2].parameters():
            torch.nn.init.uniform_(parameter, -bound, bound)
    return torch.nn.Sequential(*layers[:-1])


def usual_step(model, optimiser, compiled):
    """A step as most would write it, with the fastest update that PyTorch has for CPUs."""
    import torch
    from torch.nn import functional

    kind = {"adam": torch.optim.Adam, "gradient-descent": torch.optim.SGD}[optimiser]
    update = kind(model.parameters(), lr=RATES[optimiser], fused=True)

    def loss_of(x, y):
        return functional.cross_entropy(model(x), y)

    if compiled:
        loss_of = torch.compile(loss_of, dynamic=False)

    def step(x, y):
        update.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        update.step()
        return loss

    return step


def whole_step(model, optimiser):
    """The same in one graph."""
    import torch
    from torch.nn import functional

    parameters = {name: p.detach() for name, p in model.named_parameters()}
    means, squares = ({name: torch.zeros_like(p) for name, p in parameters.items()} for _ in range(2))
    steps, rate = torch.zeros(()), RATES[optimiser]

    def loss_of(parameters, x, y):
        return functional.cross_entropy(torch.func.functional_call(model, parameters, (x,)), y)

    slopes_of = torch.func.grad_and_value(loss_of)

    def step(parameters, means, squares, steps, x, y):
        slopes, loss = slopes_of(parameters, x, y)
        steps += 1
        for name, p in parameters.items():
            if optimiser == "gradient-descent":
                p -= rate * slopes[name]
                continue
            means[name].lerp_(slopes[name], 0.1)
            squares[name].lerp_(slopes[name] ** 2, 0.001)
            divisor = (squares[name] / (1 - 0.999**steps)).sqrt() + 1e-8
            p -= rate / (1 - 0.9**steps) * means[name] / divisor
        return loss

    step = torch.compile(step, dynamic=False)
    return lambda x, y: step(parameters, means, squares, steps, x, y)


def work(folder, threads):
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x, y = read_mnist(folder, "train")
    test_x, test_y = read_mnist(folder, "t10k")
    runs = {}

    def train(step):
        total, order = 0, torch.randperm(len(x))
        for chosen in order.split(BATCH):
            # Faster than x[chosen].
            loss = step(torch.index_select(x, 0, chosen), torch.index_select(y, 0, chosen))
            total += loss.item() * len(chosen)
        return total / len(x)

    def test(model):
        total, right = 0, 0
        with torch.inference_mode():
            for xs, ys in zip(test_x.split(TEST_BATCH), test_y.split(TEST_BATCH)):
                scores = model(xs)
                total += functional.cross_entropy(scores, ys, reduction="sum").item()
                right += (scores.argmax(1) == ys).sum().item()
        return total / len(test_x), right / len(test_x)

    def measured(way, optimiser, epochs):
        """Trains on, from where the last task of this way has ended. Seconds of the best epochs."""
        if (way, optimiser) not in runs:
            model = network()
            runs[way, optimiser] = model, (whole_step(model, optimiser) if way == COMPILED[1] else
                                           usual_step(model, optimiser, compiled=way == COMPILED[0]))
        model, step = runs[way, optimiser]
        training = whole = float("inf")
        for _ in range(epochs):
            start = time.perf_counter()
            train(step)
            middle = time.perf_counter()
            accuracy = test(model)[1]
            training, whole = min(training, middle - start), min(whole, time.perf_counter() - start)
        return {"training": training, "whole": whole, "accuracy": accuracy}

    return torch.__version__, measured


def compare(peer, optimiser, threads, options):
    ways = (EAGER, *COMPILED)
    best = {way: {"training": float("inf"), "whole": float("inf")} for way in ways}
    mine = float("inf")
    for turn in range(options.rounds):
        seconds, accuracy = ours(options.train_mlp, options.data_dir, optimiser, threads, options.epochs)
        mine = min(mine, seconds)
        for way in ways:
            answer = peer.ask(way=way, optimiser=optimiser, epochs=options.epochs)
            if turn == 0 and abs(answer["accuracy"] - accuracy) > 0.01:
                sys.exit(f"{way} does not learn as we do: {answer['accuracy']} and {accuracy}")
            best[way] = {part: min(seconds, answer[part]) for part, seconds in best[way].items()}
    eager = best[EAGER]
    compiled = {part: min(best[way][part] for way in COMPILED) for part in eager}
    ratios = "".join(f"{side[part] / mine:16.2f}" for side in (eager, compiled) for part in ("whole", "training"))
    print(f"{optimiser:20}{threads:7}{mine:9.3f}{ratios}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-mlp", help="our program, such as build/examples/train_mlp")
    parser.add_argument("--data-dir", required=True, help="where the four files of MNIST are")
    add_venv_option(parser)
    parser.add_argument("--threads", default="1,2", help="numbers of threads (%(default)s)")
    parser.add_argument("--optimisers", default=",".join(RATES), help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=3, help="of each side, in each turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often the sides take turns (%(default)s)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = [int(n) for n in options.threads.split(",")]
    if options.work:
        return serve(lambda: work(options.data_dir, threads[0]))
    if not options.train_mlp:
        parser.error("--train-mlp is needed")

    python = environment(options.venv)
    print("ours: seconds an epoch, with its test; others: how many times as long, with their test and without")
    print(f"{'':20}threads{'ours':>9}{'torch eager':>16}{'without test':>16}{'torch compile':>16}{'without test':>16}",
          flush=True)
    for count in threads:
        peer = Peer([python, __file__, "--work", "--data-dir", options.data_dir], count)
        for optimiser in options.optimisers.split(","):
            compare(peer, optimiser, count, options)
        peer.stop()
    print("PyTorch", peer.version)


if __name__ == "__main__":
    main()
