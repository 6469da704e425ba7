#!/usr/bin/env python3
"""How exact elementwise functions are, and what they give at the extremes, beside SciPy or NumPy and PyTorch.

special.py PROGRAM, where PROGRAM is build/tests/bench/special, prints a table in Markdown. With --header instead, it prints
tests/reference/special.hpp: the values of SciPy and the gradients of PyTorch at the extremes, which a test compares with.
Needs mpmath, numpy, scipy and torch.
"""
import math
import random
import subprocess
import sys

import mpmath as mp
import numpy as np
import scipy.special as sp
import torch

mp.mp.dps = 50
inf, nan, tiny = math.inf, math.nan, 5e-324
ONE = [0.0, -0.0, 1.0, -1.0, inf, -inf, nan, 1e-310, -1e-310]
TWO = [(0, 0), (0, 1), (1, 0), (inf, 1), (1, inf), (inf, inf), (-inf, -inf), (inf, -inf), (nan, 0), (0, nan), (1e-310, 1e-310)]
t = torch
f = torch.nn.functional

# name: exact function, range where it is compared, SciPy or NumPy, PyTorch
FUNCTIONS = {
    "asinh": (mp.asinh, (-10, 10), np.arcsinh, t.asinh),
    "acosh": (mp.acosh, (1, 10), np.arccosh, t.acosh),
    "atanh": (mp.atanh, (-1, 1), np.arctanh, t.atanh),
    "log2": (lambda x: mp.log(x, 2), (0, 10), np.log2, t.log2),
    "log10": (mp.log10, (0, 10), np.log10, t.log10),
    "exp2": (lambda x: mp.power(2, x), (-10, 10), np.exp2, t.exp2),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), (-10, 10), np.cbrt, None),
    "logit": (lambda x: mp.log(x / (1 - x)), (0, 1), sp.logit, t.logit),
    "sinc": (lambda x: mp.sinc(mp.pi * x), (-0.9, 0.9), np.sinc, t.sinc),
    "erfc": (mp.erfc, (-5, 5), sp.erfc, t.erfc),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), (-5, 30), sp.erfcx, t.special.erfcx),
    "erfinv": (mp.erfinv, (-1, 1), sp.erfinv, t.erfinv),
    "ndtr": (lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, (-5, 5), sp.ndtr, t.special.ndtr),
    "log_ndtr": (lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), (-50, 3), sp.log_ndtr, t.special.log_ndtr),
    "lgamma": (lambda x: mp.log(abs(mp.gamma(x))), (0.01, 10), sp.gammaln, t.lgamma),
    "digamma": (mp.digamma, (0.01, 10), sp.digamma, t.digamma),
    "trigamma": (lambda x: mp.polygamma(1, x), (0.01, 10), lambda x: sp.polygamma(1, x), lambda x: t.polygamma(1, x)),
    "polygamma2": (lambda x: mp.polygamma(2, x), (0.01, 10), lambda x: sp.polygamma(2, x), lambda x: t.polygamma(2, x)),
    "i0": (lambda x: mp.besseli(0, x), (-30, 30), sp.i0, t.special.i0),
    "i1": (lambda x: mp.besseli(1, x), (-30, 30), sp.i1, t.special.i1),
    "floor": (mp.floor, (-10, 10), np.floor, t.floor),
    "ceil": (mp.ceil, (-10, 10), np.ceil, t.ceil),
    "round": (mp.nint, (-10, 10), np.round, t.round),
    "trunc": (lambda x: mp.sign(x) * mp.floor(abs(x)), (-10, 10), np.trunc, t.trunc),
    "hard_sigmoid": (lambda x: min(max(x + 3, 0), 6) / 6, (-2.9, 5), None, f.hardsigmoid),
    "hard_swish": (lambda x: x * min(max(x + 3, 0), 6) / 6, (-2.9, 5), None, f.hardswish),
    "mish": (lambda x: x * mp.tanh(mp.log1p(mp.exp(x))), (-5, 5), None, f.mish),
    "softsign": (lambda x: x / (1 + abs(x)), (-5, 5), None, f.softsign),
    "gelu_tanh": (lambda x: x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))), (-2, 5), None,
                  lambda x: f.gelu(x, approximate="tanh")),
    "hypot": (mp.hypot, (-10, 10), np.hypot, t.hypot),
    "logaddexp": (lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), (0, 10), np.logaddexp, t.logaddexp),
    "xlogy": (lambda a, b: a * mp.log(b), (1.5, 10), sp.xlogy, t.xlogy),
    "betaln": (lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b), (1.5, 30), sp.betaln, None),
    "fmod": (lambda a, b: a - b * mp.floor(a / b), (0.1, 10), np.fmod, t.fmod),
    "remainder": (lambda a, b: a - b * mp.floor(a / b), (0.1, 10), np.remainder, t.remainder),
}
PAIRS = {"hypot", "logaddexp", "xlogy", "betaln", "fmod", "remainder"}


def evaluate(program, lines):
    out = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True).stdout
    return [[float.fromhex(n) for n in line.split()] for line in out.splitlines()]


def torch_at(function, point):
    """Value and gradients, as far as PyTorch has them."""
    if function is None:
        return None
    x = [t.tensor(float(p), dtype=t.float64, requires_grad=True) for p in point]
    y = function(*x)
    gradients = t.autograd.grad(y, x, allow_unused=True) if y.requires_grad else [None] * len(x)
    return [y.item()] + [0.0 if g is None else g.item() for g in gradients]


def text(x):
    return "none" if x is None else "%.4g" % x


def units(program, name, points, digits, column):
    worst = 0
    rows = evaluate(program, [f"{name} {p[0]!r} {p[-1]!r}" for p in points])
    for p, row in zip(points, rows):
        exact = FUNCTIONS[name][0](*[mp.mpf(x) for x in p])
        if exact == 0:
            continue
        unit = mp.power(2, mp.floor(mp.log(abs(exact), 2)) - digits + 1)
        worst = max(worst, abs(row[column] - exact) / unit)
    return "%.2g" % float(worst)


def at_extremes(name):
    return [p if isinstance(p, tuple) else (p,) for p in (TWO if name in PAIRS else ONE)]


def table(program):
    random.seed(1)
    print("| operation | worst error in units of the last place, double and float | at | here: value; gradient | SciPy or NumPy | PyTorch |")
    print("|---|---|---|---|---|---|")
    for name, (_, (low, high), scipy, pytorch) in FUNCTIONS.items():
        arity = 2 if name in PAIRS else 1
        points = [tuple(float(np.float32(random.uniform(low, high))) for _ in range(arity)) for _ in range(400)]
        error = units(program, name, points, 53, 0) + ", " + units(program, name, points, 24, 3)
        special = at_extremes(name)
        for p, row in zip(special, evaluate(program, [f"{name} {p[0]!r} {p[-1]!r}" for p in special])):
            with np.errstate(all="ignore"):
                theirs = text(float(scipy(*map(float, p)))) if scipy else "none"
            found = torch_at(pytorch, p)
            torchs = "none" if found is None else text(found[0]) + "; " + " ".join(map(text, found[1:]))
            ours = text(row[0]) + "; " + " ".join(map(text, row[1:1 + arity]))
            print(f"| {name} | {error} | {' '.join(map(text, p))} | {ours} | {theirs} | {torchs} |")


def header():
    def number(x):
        return "NAN" if math.isnan(x) else ("-" if x < 0 else "") + "INFINITY" if math.isinf(x) else repr(float(x))
    print("// Made by special.py with SciPy and PyTorch: values and gradients at the extremes; NAN in `known` where one has none.")
    print("#pragma once\n\n#include <cmath>\n\nnamespace test {\n")
    print("struct AtExtreme {\n  const char* name;\n  double a, b, value;\n  bool has_gradient;\n  double by_a, by_b;\n};\n")
    print("inline const AtExtreme at_extremes[] = {")
    for name, (_, _, scipy, pytorch) in FUNCTIONS.items():
        for p in at_extremes(name):
            found = torch_at(pytorch, p)
            with np.errstate(all="ignore"):
                value = float(scipy(*map(float, p))) if scipy else found[0]
            slopes = found[1:] if found else [0.0]
            numbers = [p[0], p[-1], value], [slopes[0], slopes[-1]]
            print('    {"%s", %s, %s, %s},' % (name, ", ".join(map(number, numbers[0])), "true" if found else "false",
                                              ", ".join(map(number, numbers[1]))))
    print("};\n\n}  // namespace test")


if sys.argv[1] == "--header":
    header()
else:
    table(sys.argv[1])
