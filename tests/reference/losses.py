"""Reference numbers of the losses: `python3 losses.py` writes losses.hpp beside it. Needs PyTorch."""
import torch
import torch.nn.functional as F

from header import write

torch.manual_seed(20240501)
draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)

numbers = {
    "prediction": draw(4, 3),
    "target": draw(4, 3),
    "logits": 2 * draw(5, 4),
    "probabilities": torch.softmax(draw(5, 4), -1),
    "classes": torch.tensor([2, 0, 3, 3, 1]),
    "weights": torch.tensor([0.5, 2.0, 1.25, 0.75], dtype=torch.float64),
    "binary": torch.tensor([[1, 0, 1], [0, 0.25, 1], [0, 1, 0.5], [1, 1, 0]], dtype=torch.float64),
    "large": torch.tensor([-800, -40, -40, 0, 0, 40, 40, 800], dtype=torch.float64),
    "large_binary": torch.tensor([0, 0, 1, 0, 1, 1, 0, 1], dtype=torch.float64),
}
# One certain row, whose other probabilities are zero.
numbers["probabilities"][1] = torch.tensor([0, 1, 0, 0], dtype=torch.float64)
inputs = dict(numbers)
signs = torch.where(inputs["target"] > 0, 1.0, -1.0).double()
numbers["signs"] = signs


def add(name, loss, at):
    """The loss under its three reductions, and the gradients of its mean and sum with respect to what it is taken at."""
    for reduction in ("mean", "sum", "none"):
        x = at.clone().requires_grad_()
        value = loss(x, "batchmean" if reduction == "mean" and name == "kullback_leibler" else reduction)
        numbers[f"{name}/{reduction}"] = value
        if reduction != "none":
            value.backward()
            numbers[f"{name}/{reduction}/gradient"] = x.grad


def reduce(losses, reduction):
    return {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[reduction](losses)


p, t, l = inputs["prediction"], inputs["target"], inputs["logits"]
c, q, w = inputs["classes"], inputs["probabilities"], inputs["weights"]
add("mean_squared_error", lambda x, r: F.mse_loss(x, t, reduction=r), p)
add("mean_absolute_error", lambda x, r: F.l1_loss(x, t, reduction=r), p)
add("huber", lambda x, r: F.huber_loss(x, t, delta=0.75, reduction=r), p)
add("binary_cross_entropy", lambda x, r: F.binary_cross_entropy_with_logits(x, inputs["binary"], reduction=r), p)
add("binary_cross_entropy_large",
    lambda x, r: F.binary_cross_entropy_with_logits(x, inputs["large_binary"], reduction=r), inputs["large"])
add("hinge", lambda x, r: reduce(torch.clamp(1 - signs * x, min=0), r), p)
add("multiclass_hinge", lambda x, r: F.multi_margin_loss(x, c, reduction=r), l)
for smoothing in (0.0, 0.1):
    for weights in (None, w):
        for target in (c, q):
            name = "cross_entropy" + ("_smoothed" if smoothing else "") + ("_weighted" if weights is not None else "")
            add(name + ("_classes" if target is c else "_probabilities"),
                lambda x, r: F.cross_entropy(x, target, weight=weights, label_smoothing=smoothing, reduction=r), l)
add("negative_log_likelihood", lambda x, r: F.nll_loss(x, c, reduction=r), torch.log_softmax(l, -1))
add("negative_log_likelihood_weighted", lambda x, r: F.nll_loss(x, c, weight=w, reduction=r), torch.log_softmax(l, -1))
add("kullback_leibler", lambda x, r: F.kl_div(x, q, reduction=r), torch.log_softmax(l, -1))
numbers["log_probabilities"] = torch.log_softmax(l, -1)

write(__file__, numbers, "PyTorch " + torch.__version__.split("+")[0])
