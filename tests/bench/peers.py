#!/usr/bin/env python3
"""The training steps of train_step.cpp in PyTorch (eager and compiled) and JAX (jit), beside ours.

Makes a virtual environment with torch and jax, which are large; pip's own settings choose where they come from. For
each case and number of threads the sides take turns, so that other work on the machine meets all of them, and the best
of many turns counts. A number of threads is kept by all in the same way: each process is bound to as many cores before
anything is loaded; beyond that, PyTorch gets torch.set_num_threads, and XLA's own threads are off where it is one.
PyTorch compiled is the faster of two ways: forward and backward as usual with the update compiled beside it, and the
whole step in one graph. All do the same: tanh layers, softmax cross-entropy of class labels, plain gradient descent,
32-bit floats.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv

RATE = 1e-3


def best_of_turns(step, synchronise, seconds):
    """Seconds a step takes, as side_by_side in timing.hpp measures it. What a step returns last is waited for. A step
    that takes longer than all of that is timed once."""

    def turn(calls):
        start = time.perf_counter()
        for _ in range(calls):
            result = step()
        synchronise(result)
        return (time.perf_counter() - start) / calls

    turn(1)
    once = turn(1)
    if once > max(seconds, 0.1):
        return once
    turn(3)
    calls = max(1, int(300e-6 / turn(3)))
    best, turns, start = float("inf"), 0, time.perf_counter()
    while turns < 5 or time.perf_counter() - start < seconds:
        best, turns = min(best, turn(calls)), turns + 1
    return best


def data(batch, sizes):
    import numpy

    random = numpy.random.default_rng(1)
    x = random.uniform(-1, 1, (batch, sizes[0])).astype("float32")
    weights = [(random.uniform(-1, 1, (m, n)) / m**0.5).astype("float32") for m, n in zip(sizes, sizes[1:])]
    biases = [numpy.zeros(n, "float32") for n in sizes[1:]]
    return x, numpy.arange(batch) % sizes[-1], weights, biases


class Torch:
    ways = ("torch eager", "torch compile (forward, backward, update)", "torch compile (whole step)")

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        self.version = torch.__version__
        self.synchronise = lambda loss: None

    def step(self, way, batch, sizes):
        import torch
        from torch.nn import functional

        x, labels, weights, biases = data(batch, sizes)
        x, labels = torch.from_numpy(x), torch.from_numpy(labels)
        # As torch.nn.Linear keeps them: outputs by inputs.
        weights = [torch.from_numpy(w.T.copy()).requires_grad_() for w in weights]
        parameters = weights + [torch.from_numpy(b).requires_grad_() for b in biases]

        def loss_of(parameters, x, labels):
            h, layers = x, len(parameters) // 2
            for l in range(layers):
                h = functional.linear(h, parameters[l], parameters[layers + l])
                h = torch.tanh(h) if l + 1 < layers else h
            return functional.cross_entropy(h, labels)

        def update(parameters, slopes):
            torch._foreach_add_(parameters, slopes, alpha=-RATE)

        if way == self.ways[2]:
            parameters = [p.detach() for p in parameters]
            grad = torch.func.grad_and_value(loss_of)

            def whole(parameters, x, labels):
                slopes, loss = grad(parameters, x, labels)
                update(parameters, slopes)
                return loss

            whole = torch.compile(whole, dynamic=False)
            return lambda: whole(parameters, x, labels)
        if way == self.ways[1]:
            loss_of, update = torch.compile(loss_of, dynamic=False), torch.compile(update, dynamic=False)

        def step():
            loss = loss_of(parameters, x, labels)
            slopes = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                update(parameters, slopes)
            return loss

        return step


class Jax:
    ways = ("jax jit",)

    def __init__(self, threads):
        import jax

        self.version = jax.__version__
        self.synchronise = jax.block_until_ready

    def step(self, way, batch, sizes):
        import jax
        import jax.numpy as jnp

        x, labels, weights, biases = data(batch, sizes)
        x, labels = jnp.asarray(x), jnp.asarray(labels, "int32")
        parameters = [(jnp.asarray(w), jnp.asarray(b)) for w, b in zip(weights, biases)]

        def loss_of(parameters, x, labels):
            h = x
            for l, (w, b) in enumerate(parameters):
                h = h @ w + b
                h = jnp.tanh(h) if l + 1 < len(parameters) else h
            return -jnp.take_along_axis(jax.nn.log_softmax(h), labels[:, None], axis=1).mean()

        def whole(parameters, x, labels):
            loss, slopes = jax.value_and_grad(loss_of)(parameters, x, labels)
            return jax.tree.map(lambda p, s: p - RATE * s, parameters, slopes), loss

        whole = jax.jit(whole, donate_argnums=0)

        def step():
            nonlocal parameters
            parameters, loss = whole(parameters, x, labels)
            return loss

        return step


LIBRARIES = {"torch": Torch, "jax": Jax}


def serve(start):
    """In a process of its own: says the version that `start` returns, then what its other result, a function, answers
    to each task."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no answer
    version, answer = start()
    print(json.dumps({"version": version}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), file=answers, flush=True)


def work(name, threads):
    library = LIBRARIES[name](threads)
    steps = {}

    def measured(way, batch, sizes, seconds):
        key = way, batch, tuple(sizes)
        if key in steps:
            return {"us": 1e6 * best_of_turns(steps[key], library.synchronise, seconds)}
        steps[key] = library.step(*key)
        # Ten steps are compared between all ways.
        losses = [steps[key]().item() for _ in range(10)]
        return {"loss": losses[-1]}

    return library.version, measured


def bound(threads):
    """What binds a process to as many cores, for subprocess."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    if len(cores) < threads:
        sys.exit(f"there are not {threads} cores")
    return lambda: os.sched_setaffinity(0, cores)


class Peer:
    """A command that serves, in a process with so many threads."""

    def __init__(self, command, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        if threads == 1:
            environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        self.process = subprocess.Popen(
            [*command, "--threads", str(threads)], env=environment, preexec_fn=bound(threads), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.version = self.answer()["version"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a peer has failed; see above")
        return json.loads(line)

    def ask(self, **task):
        print(json.dumps(task), file=self.process.stdin, flush=True)
        return self.answer()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def ours(train_step, threads, seconds, case=""):
    """Microseconds a step of gradient descent takes, by case."""
    command = [train_step, "--threads", str(threads), "--seconds", str(seconds), "--case", case]
    lines = subprocess.run(command, preexec_fn=bound(threads), stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [json.loads(line) for line in lines.splitlines()]
    return {each["case"]: each["step_us"] for each in found if each["optimiser"] == "gradient-descent"}


def add_venv_option(parser, name="peers"):
    parser.add_argument("--venv", default=os.path.join(tempfile.gettempdir(), f"xtensor-autodiff-{name}"),
                        help="where the virtual environment is or will be (%(default)s)")


def environment(folder, modules="torch, jax", packages=("torch", "jax")):
    """The Python of a virtual environment with all that is needed."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", f"import {modules}"], stderr=subprocess.DEVNULL).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def measure(peers, names, threads, options):
    rows = []
    for name in names:
        batch, sizes = name.split(": ")
        task = dict(batch=int(batch), sizes=[int(n) for n in sizes.split("-")], seconds=options.seconds)
        ways = [(peer, way) for library, peer in peers.items() for way in LIBRARIES[library].ways]
        losses = [peer.ask(way=way, **task)["loss"] for peer, way in ways]
        if max(losses) - min(losses) > 1e-4 * max(losses):
            sys.exit(f"{name}: the losses differ: {losses}")
        row = {"case": name, "threads": threads, "ours": float("inf")} | {way: float("inf") for _, way in ways}
        for _ in range(options.rounds):
            row["ours"] = min(row["ours"], ours(options.train_step, threads, options.seconds, name)[name])
            for peer, way in ways:
                row[way] = min(row[way], peer.ask(way=way, **task)["us"])
        row["torch compile"] = min(row.pop(way) for way in Torch.ways[1:])
        show(row)
        rows.append(row)
    return rows


COLUMNS = ("torch eager", "torch compile", "jax jit")


def show(row):
    ratios = "".join(f"{row[column] / row['ours']:15.2f}" for column in COLUMNS)
    print(f"{row['case']:32}{row['threads']:3}{row['ours']:12.2f}{ratios}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-step", help="our benchmark, such as build/tests/bench/train_step")
    add_venv_option(parser)
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--threads", default="1,2", help="numbers of threads (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1, help="for each side, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often the sides take turns (%(default)s)")
    parser.add_argument("--json", help="a file for the results, microseconds a step")
    parser.add_argument("--work", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = [int(n) for n in options.threads.split(",")]
    if options.work:
        return serve(lambda: work(options.work, threads[0]))
    if not options.train_step:
        parser.error("--train-step is needed")

    python = environment(options.venv)
    names = [name for name in ours(options.train_step, 1, 0) if options.case in name]
    print("ours: microseconds a step; others: how many times as long")
    print(f"{'batch: sizes':28}threads{'ours':>12}" + "".join(f"{column:>15}" for column in COLUMNS), flush=True)
    rows, versions = [], {}
    for count in threads:
        peers = {name: Peer([python, __file__, "--work", name], count) for name in LIBRARIES}
        versions = {name: peer.version for name, peer in peers.items()}
        rows += measure(peers, names, count, options)
        for peer in peers.values():
            peer.stop()
    print("versions:", ", ".join(f"{name} {version}" for name, version in versions.items()))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"versions": versions, "microseconds": rows}, file, indent=1)


if __name__ == "__main__":
    main()
