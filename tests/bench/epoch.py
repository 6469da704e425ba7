#!/usr/bin/env python3
"""An epoch of MNIST in train_mlp, beside the same in PyTorch with its data in memory.

Both train 784-512-512-10 (ReLU, softmax cross-entropy, Adam, batches of 128 in a new order each epoch, 32-bit floats).
PyTorch runs in two ways, eager and with forward, backward and loss compiled, in the virtual environment of peers.py.
The sides take turns in processes that are bound to as many cores as there are threads, and the best epoch of each
counts. Ours includes what train_mlp does besides: the accuracy and loss of the 10,000 test samples after each epoch.
"""
import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

from peers import add_venv_option, bound, environment

SIZES, BATCH, RATE = (784, 512, 512, 10), 128, 1e-3
WAYS = ("torch eager", "torch compile")


def ours(train_mlp, folder, threads, epochs):
    """Seconds of the best epoch."""
    with tempfile.TemporaryDirectory() as scratch:
        history = os.path.join(scratch, "history.csv")
        subprocess.run(
            [train_mlp, "--data", "mnist", "--data-dir", folder, "--hidden", ",".join(map(str, SIZES[1:-1])), "--batch",
             str(BATCH), "--loss", "cross-entropy", "--learning-rate", str(RATE), "--epochs", str(epochs), "--threads",
             str(threads), "--history", history],
            preexec_fn=bound(threads), stdout=subprocess.DEVNULL, check=True)
        with open(history, newline="") as file:
            ends = [0.0] + [float(row["seconds"]) for row in csv.DictReader(file)]
    return min(b - a for a, b in zip(ends, ends[1:]))


def theirs(python, way, folder, threads, epochs):
    """The same of PyTorch, in a process of its own."""
    command = [python, __file__, "--work", way, "--data-dir", folder, "--threads", str(threads), "--epochs",
               str(epochs)]
    return json.loads(subprocess.run(command, env=dict(os.environ, OMP_NUM_THREADS=str(threads)),
                                     preexec_fn=bound(threads), stdout=subprocess.PIPE, check=True).stdout)


def work(way, folder, threads, epochs):
    import numpy
    import torch
    from torch.nn import functional

    def read(name, header):
        with gzip.open(os.path.join(folder, name)) as file:
            return numpy.frombuffer(file.read(), numpy.uint8, offset=header)

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    x = torch.from_numpy(read("train-images-idx3-ubyte.gz", 16).reshape(-1, SIZES[0]).astype("float32") / 255)
    y = torch.from_numpy(read("train-labels-idx1-ubyte.gz", 8).astype("int64"))
    layers = []
    for inputs, outputs in zip(SIZES, SIZES[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    adam = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)  # the fastest of three

    def loss_of(x, y):
        return functional.cross_entropy(model(x), y)

    if way == "torch compile":
        loss_of = torch.compile(loss_of)

    def epoch():
        order = torch.randperm(len(x))
        for i in range(0, len(x), BATCH):
            chosen = order[i:i + BATCH]
            adam.zero_grad()
            loss_of(x[chosen], y[chosen]).backward()
            adam.step()

    def seconds():
        start = time.perf_counter()
        epoch()
        return time.perf_counter() - start

    seconds()  # compiles, if it does
    best = min(seconds() for _ in range(epochs))
    with torch.no_grad():
        share = (model(x).argmax(1) == y).float().mean().item()
    if share < 0.97:
        sys.exit(f"{way} does not learn: {share}")
    print(json.dumps(best))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-mlp", help="our program, such as build/examples/train_mlp")
    parser.add_argument("--data-dir", required=True, help="where the four files of MNIST are")
    add_venv_option(parser)
    parser.add_argument("--threads", default="1,2", help="numbers of threads (%(default)s)")
    parser.add_argument("--epochs", type=int, default=4, help="of each side, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often the sides take turns (%(default)s)")
    parser.add_argument("--work", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.data_dir, int(options.threads), options.epochs)
    if not options.train_mlp:
        parser.error("--train-mlp is needed")

    python = environment(options.venv)
    print("ours: seconds an epoch; others: how many times as long")
    print(f"threads{'ours':>12}" + "".join(f"{way:>15}" for way in WAYS), flush=True)
    for threads in (int(n) for n in options.threads.split(",")):
        best = {way: float("inf") for way in ("ours",) + WAYS}
        for _ in range(options.rounds):
            best["ours"] = min(best["ours"], ours(options.train_mlp, options.data_dir, threads, options.epochs))
            for way in WAYS:
                best[way] = min(best[way], theirs(python, way, options.data_dir, threads, options.epochs))
        print(f"{threads:7}{best['ours']:12.3f}" + "".join(f"{best[way] / best['ours']:15.2f}" for way in WAYS),
              flush=True)


if __name__ == "__main__":
    main()
