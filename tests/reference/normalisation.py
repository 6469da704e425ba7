"""Reference numbers of the normalising layers: `python3 normalisation.py` writes normalisation.hpp beside it. Needs
PyTorch. Features are the last axis in what is written, whatever PyTorch's own order."""
import torch

from header import write

torch.manual_seed(20240502)
draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)
numbers = {}


def add(name, outputs, cotangent, **inputs):
    """The outputs, and the gradients of their product with the cotangent."""
    gradients = torch.autograd.grad((outputs * cotangent).sum(), list(inputs.values()))
    numbers[f"{name}/cotangent"] = cotangent
    numbers[f"{name}/output"] = outputs
    for (key, value), gradient in zip(inputs.items(), gradients):
        numbers[f"{name}/{key}"] = value
        numbers[f"{name}/{key}/gradient"] = gradient


def batch_norm(name, shape, epsilon, momentum):
    """Two batches in training, then one in inference."""
    features = shape[-1]
    layer = torch.nn.BatchNorm1d(features, eps=epsilon, momentum=momentum, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(1 + 0.3 * draw(features))
        layer.bias.copy_(draw(features))
    for batch in ("first", "second", "inference"):
        layer.train(batch != "inference")
        x = (3 + 2 * draw(*shape)).requires_grad_()
        y = layer(x.movedim(-1, 1)).movedim(1, -1)
        add(f"{name}/{batch}", y, draw(*shape), x=x, weight=layer.weight, bias=layer.bias)
        numbers[f"{name}/{batch}/running_mean"] = layer.running_mean.clone()
        numbers[f"{name}/{batch}/running_variance"] = layer.running_var.clone()


def layer_norm(name, shape, axes, epsilon):
    layer = torch.nn.LayerNorm(shape[-axes:], eps=epsilon, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(1 + 0.3 * draw(*layer.weight.shape))
        layer.bias.copy_(draw(*layer.bias.shape))
    x = (3 + 2 * draw(*shape)).requires_grad_()
    add(name, layer(x), draw(*shape), x=x, weight=layer.weight, bias=layer.bias)


batch_norm("batch_norm", (6, 3), 1e-5, 0.1)
batch_norm("batch_norm_sequences", (3, 4, 2), 1e-3, 0.25)
layer_norm("layer_norm", (4, 5), 1, 1e-5)
layer_norm("layer_norm_matrices", (2, 3, 4), 2, 1e-3)

write(__file__, numbers, "PyTorch " + torch.__version__.split("+")[0])
