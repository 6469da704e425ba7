#!/usr/bin/env python3
"""Values and gradients of linear algebra beside PyTorch and JAX, which take turns with ours on the same cores:
`linear_algebra.py --program build/tests/bench/linear_algebra`. Milliseconds, the best of all turns. Installs both into
the virtual environment of peers.py, where they are missing."""
import argparse
import json
import os
import subprocess
import sys
import time

import peers

SIDES = (32, 256, 1024)


def best(f, seconds):
    f()
    least, start = float("inf"), time.perf_counter()
    for turn in range(10000):
        before = time.perf_counter()
        f()
        least = min(least, time.perf_counter() - before)
        if turn >= 4 and time.perf_counter() - start > seconds:
            break
    return least * 1e3


def torch_cases(threads):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    eye = lambda n: torch.eye(n, dtype=torch.float64)
    draw = lambda *shape: 2 * torch.rand(*shape, dtype=torch.float64) - 1
    losses = {
        "cholesky": lambda x: torch.linalg.cholesky(x[0]).sum(),
        "solve": lambda x: torch.linalg.solve(x[0], x[1]).sum(),
        "eigh": lambda x: sum((r ** p).sum() for r, p in zip(torch.linalg.eigh(x[0]), (1, 3))),
        "svd": lambda x: sum((r ** p).sum() for r, p in zip(torch.linalg.svd(x[0], full_matrices=False), (3, 1, 3))),
    }
    for n in SIDES:
        a = draw(n, n)
        at = {"cholesky": [a @ a.T / n + eye(n)], "solve": [a + 2 * eye(n), draw(n, n)],
              "eigh": [a @ a.T / n + eye(n)], "svd": [a]}
        for name, f in losses.items():
            x = [each.requires_grad_() for each in map(torch.clone, at[name])]

            def value():
                with torch.no_grad():
                    f(x)

            yield f"{name} {n}", value, lambda: torch.autograd.grad(f(x), x)


def jax_cases(threads):
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    random = np.random.default_rng(1)
    draw = lambda *shape: jnp.asarray(random.uniform(-1, 1, shape))
    def eigh(a):
        w, v = jnp.linalg.eigh(a)
        return w.sum() + (v ** 3).sum()
    def svd(a):
        u, s, vh = jnp.linalg.svd(a, full_matrices=False)
        return s.sum() + (u ** 3).sum() + (vh ** 3).sum()
    losses = {"cholesky": lambda a: jnp.linalg.cholesky(a).sum(), "solve": lambda a, b: jnp.linalg.solve(a, b).sum(),
              "eigh": eigh, "svd": svd}
    for n in SIDES:
        a = draw(n, n)
        s = a @ a.T / n + jnp.eye(n)
        at = {"cholesky": [s], "solve": [a + 2 * jnp.eye(n), draw(n, n)], "eigh": [s], "svd": [a]}
        for name, f in losses.items():
            x = at[name]
            value, gradient = jax.jit(f), jax.jit(jax.grad(f, argnums=tuple(range(len(x)))))
            yield (f"{name} {n}", lambda: jax.block_until_ready(value(*x)), lambda: jax.block_until_ready(gradient(*x)))


PEERS = {"torch": torch_cases, "jax": jax_cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="our benchmark, such as build/tests/bench/linear_algebra")
    peers.add_venv_option(parser)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each side, in each round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        for name, value, gradient in PEERS[options.work](options.threads):
            line = {"case": name, "value_ms": best(value, options.seconds), "gradient_ms": best(gradient, options.seconds)}
            print(json.dumps(line), flush=True)
        return
    if not options.program:
        parser.error("--program is needed")
    python = peers.environment(options.venv)
    common = ["--threads", str(options.threads), "--seconds", str(options.seconds)]
    commands = {"ours": [options.program, *common]}
    commands |= {name: [python, __file__, "--work", name, *common] for name in PEERS}
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    if options.threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    found = {}
    for _ in range(options.rounds):
        for side, command in commands.items():
            run = subprocess.run(command, env=environment, preexec_fn=peers.bound(options.threads), check=True,
                                 stdout=subprocess.PIPE, text=True)
            for line in map(json.loads, run.stdout.splitlines()):
                for what in ("value_ms", "gradient_ms"):
                    times = found.setdefault((line["case"], what), {})
                    times[side] = min(times.get(side, float("inf")), line[what])
    print(f"{'case':24}{'':14}" + "".join(f"{side:>10}" for side in commands))
    for (case, what), times in found.items():
        print(f"{case:24}{what:14}" + "".join(f"{times.get(side, float('nan')):10.3f}" for side in commands))


if __name__ == "__main__":
    sys.exit(main())
