"""Reference numbers of a Gaussian process and a Kalman filter: `python3 gaussian_process.py` writes gaussian_process.hpp
beside it. Needs PyTorch."""
import torch

from header import write

torch.manual_seed(20240601)
draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)
points, targets = torch.sort(3 * draw(12))[0], draw(12)
parameters = torch.tensor([-0.2, 0.1, -1.5], dtype=torch.float64)


def likelihood(log_parameters):
    """Of a squared-exponential kernel with noise: logarithms of its length, variance and noise."""
    length, variance, noise = torch.exp(log_parameters)
    d = (points[:, None] - points[None, :]) / length
    k = variance * torch.exp(-0.5 * d * d) + noise * torch.eye(12, dtype=torch.float64)
    l = torch.linalg.cholesky(k)
    z = torch.linalg.solve_triangular(l, targets[:, None], upper=False)
    return -0.5 * (z * z).sum() - torch.log(torch.diagonal(l)).sum()


measured, motion, seen = draw(6, 1), torch.tensor([[1.0, 0.5], [0.0, 1.0]]).double(), torch.tensor([[1.0, 0.0]]).double()
noises = torch.tensor([-1.0, -0.5], dtype=torch.float64)


def filtered(log_noises):
    """The log-likelihood of measured places, but for a constant, of a point that moves with a velocity."""
    q, r = torch.exp(log_noises)
    x, p, total = torch.zeros(2, 1).double(), torch.eye(2).double(), 0
    for z in measured:
        x, p = motion @ x, motion @ p @ motion.T + q * torch.eye(2).double()
        s = seen @ p @ seen.T + r * torch.eye(1).double()
        gain = torch.linalg.solve(s, seen @ p).T
        e = z[:, None] - seen @ x
        total = total - 0.5 * (torch.linalg.slogdet(s)[1] + (e.T @ torch.linalg.inv(s) @ e).sum())
        x, p = x + gain @ e, p - gain @ seen @ p
    return total


numbers = {"points": points, "targets": targets, "parameters": parameters, "measured": measured, "noises": noises}
for name, f, at in (("likelihood", likelihood, parameters), ("filtered", filtered, noises)):
    x = at.clone().requires_grad_()
    value = f(x)
    numbers[name] = value
    numbers[name + "/gradient"] = torch.autograd.grad(value, x)[0]
    numbers[name + "/hessian"] = torch.autograd.functional.hessian(f, at)
write(__file__, numbers, "PyTorch " + torch.__version__.split("+")[0])
