#!/usr/bin/env python3
"""The training step of convolution.cpp in PyTorch, eager and compiled, which take turns with ours on the same cores:
`convolution.py --program build/tests/bench/convolution`. Milliseconds, the best of all turns. Runs with a python3 that
has PyTorch."""
import argparse
import json
import os
import subprocess
import sys
import time


def torch_step(compiled):
    import torch
    from torch import nn

    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = 2 * torch.rand(64, 1, 28, 28) - 1, torch.arange(64) % 10
    parameters = list(model.parameters())
    loss_of = lambda x, y: nn.functional.cross_entropy(model(x), y)
    if compiled:
        loss_of = torch.compile(loss_of, dynamic=False)

    def step():
        gradients = torch.autograd.grad(loss_of(x, y), parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradients, alpha=-1e-3)

    return step


def side(name, threads, seconds):
    """Prints what a step takes, in milliseconds."""
    import torch

    torch.set_num_threads(threads)
    step = torch_step(name == "compiled")
    for _ in range(3):
        step()
    least, start = float("inf"), time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        step()
        least = min(least, time.perf_counter() - before)
    print(json.dumps({"case": "training step", "ms": least * 1e3}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", help="build/tests/bench/convolution")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--side", choices=("eager", "compiled"))
    parser.add_argument("--sides", nargs="+", default=["eager", "compiled"])
    options = parser.parse_args()
    if options.side:
        return side(options.side, options.threads[0], options.seconds)
    for threads in options.threads:
        cores = sorted(os.sched_getaffinity(0))[:threads]
        best = {}
        for _ in range(options.turns):
            common = ["--threads", str(threads), "--seconds", str(options.seconds)]
            commands = {"ours": [options.program, *common]}
            for name in options.sides:
                commands[f"torch {name}"] = [sys.executable, __file__, "--side", name, *common]
            for name, command in commands.items():
                result = subprocess.run(command, capture_output=True, text=True, check=True,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
                ms = json.loads(result.stdout.splitlines()[0])["ms"]
                best[name] = min(best.get(name, float("inf")), ms)
        print(f"{threads} threads: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in best.items()))


main()
