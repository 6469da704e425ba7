#!/usr/bin/env python3
"""Training steps of an LSTM and of a transformer encoder layer beside PyTorch (eager, and compiled where that may help)
and JAX (jit), which take turns with ours on the same cores: `sequences.py --program build/tests/bench/recurrence` or
`--program build/tests/bench/attention`. Microseconds, the best of all turns. Installs both into the virtual environment
of peers.py, where they are missing."""
import argparse
import json
import os
import re
import subprocess
import sys

import peers

RATE = 1e-4
BATCH, WIDTH, HEADS, UNITS = 8, 256, 4, 1024  # of the encoder layer, as in attention.cpp


def torch_steps(threads):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)

    def steps(model, x, y):
        parameters = list(model.parameters())

        def trained(forward):
            def step():
                loss = (forward(x) - y).square().sum() / x.shape[0]
                slopes = torch.autograd.grad(loss, parameters)
                with torch.no_grad():
                    torch._foreach_add_(parameters, slopes, alpha=-RATE)
                return loss

            return step

        return trained

    def lstm(time, batch, units):
        layer = torch.nn.LSTM(units, units, batch_first=True)
        trained = steps(layer, torch.randn(batch, time, units), torch.randn(batch, time, units))
        yield "torch eager", trained(lambda x: layer(x)[0])

    def encoder(length):
        layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, UNITS, dropout=0, batch_first=True)
        trained = steps(layer, torch.randn(BATCH, length, WIDTH), torch.randn(BATCH, length, WIDTH))
        yield "torch eager", trained(layer)
        yield "torch compile", trained(torch.compile(layer, dynamic=False))

    return lstm, encoder, lambda loss: None


def jax_steps(threads):
    import jax
    import jax.numpy as jnp
    import numpy as np

    random = np.random.default_rng(1)
    draw = lambda *shape: jnp.asarray(random.uniform(-1, 1, shape) / 16, "float32")

    def trained(forward, parameters, x, y):
        def loss_of(parameters):
            return jnp.square(forward(parameters, x) - y).sum() / x.shape[0]

        def whole(parameters):
            loss, slopes = jax.value_and_grad(loss_of)(parameters)
            return jax.tree.map(lambda p, s: p - RATE * s, parameters, slopes), loss

        whole = jax.jit(whole, donate_argnums=0)

        def step():
            nonlocal parameters
            parameters, loss = whole(parameters)
            return loss

        return step

    def lstm(time, batch, units):
        parameters = [draw(units, 4 * units), draw(units, 4 * units), draw(4 * units)]

        def forward(parameters, x):
            w, u, b = parameters

            def cell(state, gates):
                h, c = state
                i, f, g, o = jnp.split(gates + h @ u, 4, axis=-1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                h = jax.nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), h

            zeros = jnp.zeros((batch, units))
            return jax.lax.scan(cell, (zeros, zeros), jnp.swapaxes(x @ w + b, 0, 1))[1].swapaxes(0, 1)

        yield "jax jit", trained(forward, parameters, draw(batch, time, units), draw(batch, time, units))

    def encoder(length):
        parameters = [draw(WIDTH, 3 * WIDTH), draw(3 * WIDTH), draw(WIDTH, WIDTH), draw(WIDTH), draw(WIDTH, UNITS),
                      draw(UNITS), draw(UNITS, WIDTH), draw(WIDTH), *(draw(WIDTH) for _ in range(4))]

        def norm(x, weight, bias):
            x = x - x.mean(-1, keepdims=True)
            return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight + bias

        def forward(parameters, x):
            w_in, b_in, w_out, b_out, w1, b1, w2, b2, *norms = parameters
            q, k, v = (p.reshape(BATCH, length, HEADS, -1) for p in jnp.split(x @ w_in + b_in, 3, axis=-1))
            y = jax.nn.dot_product_attention(q, k, v).reshape(BATCH, length, WIDTH)
            x = norm(x + y @ w_out + b_out, *norms[:2])
            return norm(x + jax.nn.relu(x @ w1 + b1) @ w2 + b2, *norms[2:])

        yield "jax jit", trained(forward, parameters, draw(BATCH, length, WIDTH), draw(BATCH, length, WIDTH))

    return lstm, encoder, jax.block_until_ready


LIBRARIES = {"torch": torch_steps, "jax": jax_steps}


def ours(options, case, common):
    run = subprocess.run([options.program, *common, "--case", case], preexec_fn=peers.bound(options.threads), check=True,
                         stdout=subprocess.PIPE, text=True)
    return {line["case"]: line for line in map(json.loads, run.stdout.splitlines())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="our benchmark, recurrence or attention")
    peers.add_venv_option(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--seconds", type=float, default=1, help="for each side, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        lstm, encoder, synchronise = LIBRARIES[options.work](options.threads)
        sizes = [int(n) for n in re.findall(r"\d+", options.case)]
        for way, step in (lstm if options.case.startswith("lstm") else encoder)(*sizes):
            us = 1e6 * peers.best_of_turns(step, synchronise, options.seconds)
            print(json.dumps({"way": way, "us": us}), flush=True)
        return
    if not options.program:
        parser.error("--program is needed")
    python = peers.environment(options.venv)
    common = ["--threads", str(options.threads), "--seconds", str(options.seconds)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    if options.threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    print("ours: microseconds a step; others: how many times as long", flush=True)
    for case in ours(options, options.case, ["--threads", str(options.threads), "--seconds", "0"]):
        step = products = float("inf")
        others = {}
        for _ in range(options.rounds):
            line = ours(options, case, common)[case]
            step, products = min(step, line["step_us"]), min(products, line["products_us"])
            for library in LIBRARIES:
                command = [python, __file__, "--work", library, "--case", case, *common]
                run = subprocess.run(command, env=environment, preexec_fn=peers.bound(options.threads), check=True,
                                     stdout=subprocess.PIPE, text=True)
                for found in map(json.loads, run.stdout.splitlines()):
                    others[found["way"]] = min(others.get(found["way"], float("inf")), found["us"])
        ratios = "".join(f"  {way} {us / step:.2f}" for way, us in others.items())
        print(f"{case:40}{step:12.1f}  bare products {products / step:.2f}{ratios}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
