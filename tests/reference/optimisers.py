"""Writes optimisers.csv beside itself: what PyTorch's optimisers, clipping and schedules, and SciPy's minimiser, make of
small problems in double precision. Each row is a case, a step, and numbers. The tests state the same problems in C++.

  python3 -m venv venv && venv/bin/pip install torch scipy && venv/bin/python tests/reference/optimisers.py
"""
import pathlib
import warnings

import numpy as np
import scipy
import scipy.optimize
import torch
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)  # of the scalars that optimisers keep as well
warnings.filterwarnings("error")

STEPS = (1, 2, 10, 50)
rows = []


def numbers(count, factor, modulus, scale):
    """The same numbers anywhere: small integers over a power of two."""
    return torch.tensor([((i * factor) % modulus - modulus // 2) / scale for i in range(count)])


class Network:
    """Eight samples of 2 inputs, 3 tanh units, 1 output, and half of the mean squared error."""

    def __init__(self):
        shapes = (2, 3), (3,), (3, 1), (1,)
        values = numbers(13, 7, 13, 8).split([int(np.prod(s)) for s in shapes])
        self.parameters = [v.reshape(s).clone().requires_grad_() for v, s in zip(values, shapes)]
        self.x = numbers(16, 5, 17, 8).reshape(8, 2)
        self.y = numbers(8, 3, 11, 4).reshape(8, 1)

    def differentiate(self):
        w1, b1, w2, b2 = self.parameters
        for p in self.parameters:
            p.grad = None
        error = torch.tanh(self.x @ w1 + b1) @ w2 + b2 - self.y
        (error.square().sum() / 16).backward()

    def values(self):
        return torch.cat([p.detach().flatten() for p in self.parameters])


def descend(case, optimiser, clip=None, schedule=None, **options):
    network = Network()
    rule = getattr(torch.optim, optimiser)(network.parameters, **options)
    schedule = schedule and schedule(rule)
    for step in range(1, STEPS[-1] + 1):
        network.differentiate()
        if clip:
            clip(network.parameters)
        rule.step()
        if schedule:
            schedule.step()
        if step in STEPS:
            rows.append((case, step, network.values()))


descend("sgd", "SGD", lr=0.1)
descend("sgd decay", "SGD", lr=0.1, weight_decay=0.05)
descend("sgd momentum", "SGD", lr=0.05, momentum=0.9)
descend("sgd momentum decay", "SGD", lr=0.05, momentum=0.8, weight_decay=0.05)
descend("sgd dampening", "SGD", lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01)
descend("sgd nesterov", "SGD", lr=0.05, momentum=0.9, nesterov=True)
descend("sgd nesterov decay", "SGD", lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.05)
descend("adam", "Adam")
descend("adam options", "Adam", lr=0.05, betas=(0.8, 0.95), eps=1e-3)
descend("adam decay", "Adam", lr=0.05, weight_decay=0.05)
descend("adam amsgrad", "Adam", lr=0.05, betas=(0.7, 0.8), amsgrad=True)
descend("adam no mean", "Adam", lr=0.05, betas=(0.0, 0.9), eps=0.1)
descend("adamw", "AdamW")
descend("adamw options", "AdamW", lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.2)
descend("adamw amsgrad", "AdamW", lr=0.05, betas=(0.7, 0.8), amsgrad=True)
descend("nadam", "NAdam")
descend("nadam options", "NAdam", lr=0.05, betas=(0.8, 0.95), eps=1e-3, momentum_decay=0.1)
descend("nadam decay", "NAdam", lr=0.05, weight_decay=0.05)
descend("rmsprop", "RMSprop")
descend("rmsprop options", "RMSprop", lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.05)
descend("rmsprop momentum", "RMSprop", lr=0.002, alpha=0.9, momentum=0.9)
descend("rmsprop centred", "RMSprop", lr=0.01, alpha=0.9, centered=True, eps=1e-3)
descend("rmsprop all", "RMSprop", lr=0.002, alpha=0.9, centered=True, momentum=0.5, eps=1e-3, weight_decay=0.05)
descend("adagrad", "Adagrad")
descend("adagrad options", "Adagrad", lr=0.1, lr_decay=0.05, initial_accumulator_value=0.1, eps=1e-3, weight_decay=0.05)
descend("adadelta", "Adadelta")
descend("adadelta options", "Adadelta", lr=0.5, rho=0.7, eps=1e-3, weight_decay=0.05)


class Lion(torch.optim.Optimizer):
    """As in the paper, Chen et al. 2023, algorithm 2."""

    def __init__(self, parameters, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(parameters, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                mean = state.get("mean", torch.zeros_like(p))
                step = torch.sign(first * mean + (1 - first) * p.grad) + group["weight_decay"] * p
                state["mean"] = second * mean + (1 - second) * p.grad
                p.sub_(group["lr"] * step)


class Lamb(torch.optim.Optimizer):
    """As in the paper, You et al. 2020, algorithm 2."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.01):
        super().__init__(parameters, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                t = state["t"] = state.get("t", 0) + 1
                m = state["m"] = first * state.get("m", 0) + (1 - first) * p.grad
                v = state["v"] = second * state.get("v", 0) + (1 - second) * p.grad**2
                step = m / (1 - first**t) / ((v / (1 - second**t)).sqrt() + group["eps"]) + group["weight_decay"] * p
                both = p.norm() > 0 and step.norm() > 0
                p.sub_(group["lr"] * (p.norm() / step.norm() if both else 1) * step)


torch.optim.Lion, torch.optim.Lamb = Lion, Lamb
descend("lion", "Lion", lr=0.01)
descend("lion options", "Lion", lr=0.02, betas=(0.8, 0.95), weight_decay=0.1)
descend("adafactor", "Adafactor")
descend("adafactor options", "Adafactor", lr=0.2, beta2_decay=-0.6, eps=(1e-6, 0.1), d=1.1, weight_decay=0.05)
descend("lamb", "Lamb")
descend("lamb options", "Lamb", lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)


def averages(case, **options):
    """Means of the weights along a descent: those of which evaluations speak."""
    network = Network()
    model = torch.nn.ParameterList(network.parameters)
    averaged = torch.optim.swa_utils.AveragedModel(model, **options)
    rule = torch.optim.SGD(network.parameters, lr=0.1)
    for step in range(1, STEPS[-1] + 1):
        network.differentiate()
        rule.step()
        averaged.update_parameters(model)
        if step in STEPS:
            rows.append((case, step, torch.cat([p.detach().flatten() for p in averaged.parameters()])))


averages("average", multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
averages("average of all")
descend("clip norm", "SGD", clip=lambda p: torch.nn.utils.clip_grad_norm_(p, 0.25), lr=0.1)
descend("clip value", "SGD", clip=lambda p: torch.nn.utils.clip_grad_value_(p, 0.125), lr=0.1)
descend("adam cosine", "Adam", schedule=lambda o: lr_scheduler.CosineAnnealingLR(o, 50, 0.001), lr=0.05)


def rates(case, lr, count, make):
    """The learning rates of the first steps."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    schedule = make(optimiser)
    seen = []
    for _ in range(count):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    rows.append((case, 0, seen))


def warmed(optimiser):
    # The composition warns about a deprecated argument of its own.
    warnings.filterwarnings("ignore", category=UserWarning)
    first = lr_scheduler.LinearLR(optimiser, start_factor=0.25, total_iters=5)
    return lr_scheduler.SequentialLR(optimiser, [first, lr_scheduler.CosineAnnealingLR(optimiser, 10)], [5])


rates("step", 0.5, 20, lambda o: lr_scheduler.StepLR(o, 6, 0.3))
rates("multi-step", 0.5, 20, lambda o: lr_scheduler.MultiStepLR(o, [3, 4, 12], 0.5))
rates("exponential", 0.5, 20, lambda o: lr_scheduler.ExponentialLR(o, 0.8))
rates("cosine", 0.5, 16, lambda o: lr_scheduler.CosineAnnealingLR(o, 15, 0.1))
rates("polynomial", 0.5, 20, lambda o: lr_scheduler.PolynomialLR(o, 15, 2))
rates("one-cycle", 0.5, 19, lambda o: lr_scheduler.OneCycleLR(o, 0.5, total_steps=20, cycle_momentum=False))
rates("one-cycle options", 0.5, 19, lambda o: lr_scheduler.OneCycleLR(
    o, 0.5, total_steps=20, pct_start=0.45, div_factor=10, final_div_factor=100, cycle_momentum=False))
rates("warm-up", 0.5, 20, lambda o: lr_scheduler.LinearLR(o, start_factor=1 / 3, total_iters=6))
rates("warm-up cosine", 0.5, 15, warmed)

WATCHED = [((i * 7) % 10 + 12) / (8 + min(i, 12)) for i in range(60)]


def plateau(case, sign=1, **options):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(optimiser, **options)
    seen = []
    for value in WATCHED:
        schedule.step(sign * value)
        seen.append(optimiser.param_groups[0]["lr"])
    rows.append((case, 0, seen))


rows.append(("watched", 0, WATCHED))
plateau("plateau")
plateau("plateau options", factor=0.5, patience=2, threshold=0.05, cooldown=4, min_lr=0.01)
plateau("plateau largest", mode="max", factor=0.5, patience=3)

# Logistic regression with a penalty, to its minimum.
x = numbers(40, 11, 41, 16).reshape(20, 2).numpy()
label = (x[:, 0] - x[:, 1] + numbers(20, 7, 5, 4).numpy() > 0).astype(float)


def logistic(w):
    a = x @ w[:2] + w[2]
    p = 1 / (1 + np.exp(-a))
    loss = np.mean(np.logaddexp(0, a) - label * a) + 0.05 * np.sum(w**2)
    return loss, np.append(x.T @ (p - label), np.sum(p - label)) / len(label) + 0.1 * w


found = scipy.optimize.minimize(logistic, np.zeros(3), jac=True, method="BFGS", options={"gtol": 1e-11})
rows.append(("logistic regression", 0, [found.fun, *found.x]))

with open(pathlib.Path(__file__).with_suffix(".csv"), "w") as file:
    file.write(f"# By optimisers.py with torch {torch.__version__.split('+')[0]} and scipy {scipy.__version__}.\n")
    for case, step, values in rows:
        file.write(",".join([case, str(step), *(f"{float(v):.17g}" for v in values)]) + "\n")
