#!/usr/bin/env python3
"""The training step of convolution.cpp in PyTorch, eager and compiled, and JAX, which take turns with ours on the same
cores: `convolution.py --program build/tests/bench/convolution`. Prints a table in Markdown: milliseconds, the best of all
turns; of the others, how many times as long. Installs both libraries into the virtual environment of peers.py, where they
are missing."""
import argparse
import json
import subprocess
import sys

import peers

BATCH, RATE = 64, 1e-3


def torch_step(threads, compiled=False):
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = 2 * torch.rand(BATCH, 1, 28, 28) - 1, torch.arange(BATCH) % 10
    parameters = list(model.parameters())
    loss_of = lambda x, y: nn.functional.cross_entropy(model(x), y)
    if compiled:
        loss_of = torch.compile(loss_of, dynamic=False)

    def step():
        loss = loss_of(x, y)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, gradients, alpha=-RATE)
        return loss

    return torch.__version__, step, lambda loss: None


def jax_step(threads):
    """With channels last, which XLA likes better on processors."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax

    random = np.random.default_rng(1)
    draw = lambda fan, *shape: jnp.asarray(random.uniform(-1, 1, shape) / fan**0.5, "float32")
    x, y = draw(1, BATCH, 28, 28, 1), jnp.arange(BATCH) % 10
    parameters = [draw(9, 3, 3, 1, 32), draw(9, 32), draw(288, 3, 3, 32, 64), draw(288, 64), draw(3136, 3136, 128),
                  draw(3136, 128), draw(128, 128, 10), draw(128, 10)]

    def loss_of(parameters):
        h = x
        for w, b in (parameters[:2], parameters[2:4]):
            h = lax.conv_general_dilated(h, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            h = lax.reduce_window(jax.nn.relu(h + b), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        h = jax.nn.relu(h.reshape(BATCH, -1) @ parameters[4] + parameters[5])
        scores = jax.nn.log_softmax(h @ parameters[6] + parameters[7])
        return -jnp.take_along_axis(scores, y[:, None], 1).mean()

    def whole(parameters):
        loss, slopes = jax.value_and_grad(loss_of)(parameters)
        return [p - RATE * s for p, s in zip(parameters, slopes)], loss

    whole = jax.jit(whole, donate_argnums=0)

    def step():
        nonlocal parameters
        parameters, loss = whole(parameters)
        return loss

    return jax.__version__, step, jax.block_until_ready


WAYS = {"torch eager": torch_step, "torch compile": lambda threads: torch_step(threads, True), "jax jit": jax_step}


def work(way, threads):
    version, step, synchronise = WAYS[way](threads)
    return version, lambda seconds: {"ms": 1e3 * peers.best_of_turns(step, synchronise, seconds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="our benchmark, build/tests/bench/convolution")
    peers.add_venv_option(parser)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3, help="how often the sides take turns (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2, help="for each side, in each round (%(default)s)")
    parser.add_argument("--work", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return peers.serve(lambda: work(options.work, options.threads[0]))
    if not options.program:
        parser.error("--program is needed")
    python = peers.environment(options.venv)
    print(f"| training step, threads | ours, ms | {' | '.join(WAYS)} |\n|---|---|---|---|---|")
    for threads in options.threads:
        command = [options.program, "--step", "--threads", str(threads), "--seconds", str(options.seconds)]
        sides = {way: peers.Peer([python, __file__, "--work", way], threads) for way in WAYS}
        best = {}
        for _ in range(options.rounds):
            run = subprocess.run(command, preexec_fn=peers.bound(threads), check=True, stdout=subprocess.PIPE, text=True)
            found = {"ours": json.loads(run.stdout)["ms"]}
            found |= {way: side.ask(seconds=options.seconds)["ms"] for way, side in sides.items()}
            best = {name: min(ms, best.get(name, ms)) for name, ms in found.items()}
        for side in sides.values():
            side.stop()
        times = " | ".join(f"{best[way] / best['ours']:.2f}" for way in WAYS)
        print(f"| {threads} | {best['ours']:.2f} | {times} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
