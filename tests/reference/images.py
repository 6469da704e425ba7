"""Reference numbers of layers of images: `python3 images.py` writes images.hpp beside it. Needs PyTorch."""
import torch

from header import write

torch.manual_seed(20261128)
draw = lambda *shape: torch.randn(*shape, dtype=torch.float64).round(decimals=3)
numbers = {}


def add(name, layer, *shape):
    """Parameters, input, output, and the gradients of the output's product with the cotangent."""
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(draw(*parameter.shape))
    x = draw(*shape).requires_grad_()
    y = layer(x)
    cotangent = draw(*y.shape)
    inputs = {"x": x, **dict(layer.named_parameters())}
    gradients = torch.autograd.grad((y * cotangent).sum(), list(inputs.values()))
    numbers[f"{name}/output"], numbers[f"{name}/cotangent"] = y, cotangent
    for (key, value), gradient in zip(inputs.items(), gradients):
        numbers[f"{name}/{key}"], numbers[f"{name}/{key}/gradient"] = value, gradient
    for key, value in layer.named_buffers():
        if value.is_floating_point():
            numbers[f"{name}/{key}"] = value


nn = torch.nn
add("conv1d", nn.Conv1d(2, 3, 3, stride=2, padding=1), 2, 2, 7)
add("conv2d", nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), 2, 4, 5, 4)
add("conv2d_same", nn.Conv2d(2, 2, (4, 3), padding="same", bias=False), 1, 2, 5, 5)
add("conv3d", nn.Conv3d(1, 2, (2, 3, 2), padding=(0, 1, 1)), 1, 1, 3, 3, 4)
add("conv_transpose1d", nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), 2, 2, 4)
add("conv_transpose2d", nn.ConvTranspose2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, dilation=(2, 1)), 1, 4, 3, 4)
add("conv_transpose3d", nn.ConvTranspose3d(1, 2, 2, stride=(1, 2, 1), bias=False), 1, 1, 2, 3, 2)
add("max_pool1d", nn.MaxPool1d(3, 2, 1), 2, 2, 7)
add("max_pool2d", nn.MaxPool2d((3, 2), 2, 1, dilation=(1, 2), ceil_mode=True), 2, 2, 6, 7)
add("max_pool3d", nn.MaxPool3d(2), 1, 1, 4, 2, 5)
add("avg_pool1d", nn.AvgPool1d(2), 1, 2, 5)
add("avg_pool2d", nn.AvgPool2d(3, 2, 1, ceil_mode=True), 2, 2, 6, 5)
add("avg_pool2d_inside", nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), 2, 2, 6, 5)
add("avg_pool3d", nn.AvgPool3d(2, 1), 1, 1, 2, 3, 3)
add("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((2, 3)), 1, 2, 5, 4)
add("adaptive_max_pool2d", nn.AdaptiveMaxPool2d((2, 3)), 1, 2, 5, 7)
add("upsample", nn.Upsample(scale_factor=(2, 3)), 1, 2, 2, 3)
add("upsample_bilinear", nn.Upsample(scale_factor=2, mode="bilinear"), 1, 2, 2, 3)
add("batch_norm2d", nn.BatchNorm2d(3), 2, 3, 2, 2)
add("batch_norm1d", nn.BatchNorm1d(2, momentum=0.25), 3, 2, 3)
add("group_norm", nn.GroupNorm(2, 4), 2, 4, 3)
add("instance_norm1d", nn.InstanceNorm1d(2), 2, 2, 4)
add("instance_norm2d", nn.InstanceNorm2d(2, eps=1e-3, affine=True), 2, 2, 3, 2)
add("rms_norm", nn.RMSNorm((2, 3), eps=1e-5), 2, 2, 3)

write(__file__, numbers, "PyTorch " + torch.__version__.split("+")[0])
