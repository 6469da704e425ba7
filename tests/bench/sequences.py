#!/usr/bin/env python3
"""Training steps of an LSTM and of a transformer encoder layer beside PyTorch (eager, and compiled where that may help)
and JAX (jit), which take turns with ours on the same cores: `sequences.py --programs build/tests/bench`. Prints a table
in Markdown: milliseconds, the best of all turns; of the others, how many times as long; of the encoder layer also by how
much the memory of a process grows at most, in MB. The floor of an LSTM are its bare products and one pass over the gates
in each direction, that of the encoder layer its products. Installs both libraries into the virtual environment of
peers.py, where they are missing."""
import argparse
import gc
import json
import os
import re
import resource
import subprocess
import sys

import peers

RATE = 1e-4
BATCH, WIDTH, HEADS, UNITS = 8, 256, 4, 1024  # of the encoder layer, as in attention.cpp


class Torch:
    def __init__(self, threads, compiled=False):
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.compiled, self.synchronise = compiled, lambda loss: None
        self.version = torch.__version__

    def trained(self, forward, parameters, *shape):
        import torch

        x, y = torch.randn(*shape), torch.randn(*shape)
        parameters = list(parameters)

        def step():
            loss = (forward(x) - y).square().sum() / x.shape[0]
            slopes = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                torch._foreach_add_(parameters, slopes, alpha=-RATE)
            return loss

        return step

    def lstm(self, time, batch, units):
        import torch

        layer = torch.nn.LSTM(units, units, batch_first=True)
        return self.trained(lambda x: layer(x)[0], layer.parameters(), batch, time, units)

    def encoder(self, length):
        import torch

        layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, UNITS, dropout=0, batch_first=True)
        forward = torch.compile(layer, dynamic=False) if self.compiled else layer
        return self.trained(forward, layer.parameters(), BATCH, length, WIDTH)


class Jax:
    def __init__(self, threads):
        import jax
        import numpy as np

        random = np.random.default_rng(1)
        self.draw = lambda *shape: jax.numpy.asarray(random.uniform(-1, 1, shape) / 16, "float32")
        self.version, self.synchronise = jax.__version__, jax.block_until_ready

    def trained(self, forward, parameters, *shape):
        import jax
        import jax.numpy as jnp

        x, y = self.draw(*shape), self.draw(*shape)

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

    def lstm(self, time, batch, units):
        import jax
        import jax.numpy as jnp

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

        parameters = [self.draw(units, 4 * units), self.draw(units, 4 * units), self.draw(4 * units)]
        return self.trained(forward, parameters, batch, time, units)

    def encoder(self, length):
        import jax
        import jax.numpy as jnp

        shapes = [(WIDTH, 3 * WIDTH), (3 * WIDTH,), (WIDTH, WIDTH), (WIDTH,), (WIDTH, UNITS), (UNITS,), (UNITS, WIDTH)]

        def norm(x, weight, bias):
            x = x - x.mean(-1, keepdims=True)
            return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight + bias

        def forward(parameters, x):
            w_in, b_in, w_out, b_out, w1, b1, w2, b2, *norms = parameters
            q, k, v = (p.reshape(BATCH, length, HEADS, -1) for p in jnp.split(x @ w_in + b_in, 3, axis=-1))
            y = jax.nn.dot_product_attention(q, k, v).reshape(BATCH, length, WIDTH)
            x = norm(x + y @ w_out + b_out, *norms[:2])
            return norm(x + jax.nn.relu(x @ w1 + b1) @ w2 + b2, *norms[2:])

        parameters = [self.draw(*shape) for shape in shapes + 5 * [(WIDTH,)]]
        return self.trained(forward, parameters, BATCH, length, WIDTH)


WAYS = {"torch eager": Torch, "torch compile": lambda threads: Torch(threads, True), "jax jit": Jax}


def work(way, threads):
    """What a peer answers: it keeps the step of the last case alone, and says how memory has grown since it began."""
    library = WAYS[way](threads)
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before, last = peak(), {}

    def answer(case, seconds):
        if case not in last:
            last.clear()
            gc.collect()
            sizes = [int(n) for n in re.findall(r"\d+", case)]
            last[case] = (library.lstm if case.startswith("lstm") else library.encoder)(*sizes)
        us = 1e6 * peers.best_of_turns(last[case], library.synchronise, seconds)
        return {"us": us, "mb": peak() - before}

    return library.version, answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", help="where our benchmarks are: recurrence and attention")
    peers.add_venv_option(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--case", default="", help="only cases whose name holds this text")
    parser.add_argument("--seconds", type=float, default=0.4, help="for each side, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return peers.serve(lambda: work(options.work, options.threads))
    if not options.programs:
        parser.error("--programs is needed")
    python, threads = peers.environment(options.venv), options.threads

    def run(program, *arguments):
        command = [os.path.join(options.programs, program), "--threads", str(threads), *arguments]
        return subprocess.run(command, preexec_fn=peers.bound(threads), check=True, stdout=subprocess.PIPE, text=True).stdout

    def ours(case):
        program = "recurrence" if case.startswith("lstm") else "attention"
        line = json.loads(run(program, "--seconds", str(options.seconds), "--case", case))
        return {"us": line["step_us"], "floor": line["products_us"] + line.get("pass_us", 0), "mb": line.get("bytes", 0) / 1e6}

    def row(case, sides):
        best, mb, heavy = {}, {}, False
        for number in range(options.rounds):
            if heavy:
                break
            for side in ("ours", *sides):
                found = ours(case) if side == "ours" else sides[side].ask(case=case, seconds=options.seconds)
                best[side] = min(best.get(side, float("inf")), found["us"])
                if side == "ours":
                    best["floor"] = min(best.get("floor", float("inf")), found["floor"])
                mb[side] = found["mb"]
            heavy = best["ours"] > 1e6
        step = best["ours"]
        times = [f"{best[way] / step:.2f}" if way in best else "" for way in WAYS]
        memory = " / ".join(f"{mb[side]:.0f}" for side in ("ours", *WAYS)) if case.startswith("encoder") else ""
        print(f"| {case} | {step / 1e3:.3f} | {step / best['floor']:.2f} | {' | '.join(times)} | {memory} |", flush=True)

    peer = lambda way: peers.Peer([python, __file__, "--work", way], threads)
    chosen = lambda names: [name for name in names if options.case in name]
    print(f"| {threads} thread(s) | ours, ms | over the floor | {' | '.join(WAYS)} | MB, in this order |\n|---|---|---|---|---|---|---|")
    cases = chosen(run("recurrence", "--names").splitlines())
    sides = {way: peer(way) for way in ("torch eager", "jax jit")} if cases else {}
    for case in cases:
        row(case, sides)
    for each in sides.values():
        each.stop()
    for case in chosen(["encoder layer, length 128", "encoder layer, length 1024"]):
        sides = {way: peer(way) for way in WAYS}
        row(case, sides)
        for each in sides.values():
            each.stop()


if __name__ == "__main__":
    sys.exit(main())
