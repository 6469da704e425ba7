#!/usr/bin/env python3
"""Weights of PyTorch's compute the same here, and ours do there, to 1e-6 of the largest: an MLP with square layers, LayerNorm and
BatchNorm, a model with an Embedding whose modules have other names, one of sequences, and one of images. Argument: the program
that does our side.
Without the packages, the test is skipped."""
import pathlib
import subprocess
import sys
import tempfile

try:
    import safetensors
    import torch
    from safetensors.torch import load_file, save_file
    from torch.nn.utils.parametrizations import spectral_norm, weight_norm
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

program = sys.argv[1]


def run(*arguments):
    return subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.strip()


class Words(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.ModuleDict({
            "embedding": torch.nn.Embedding(10, 4), "hidden": torch.nn.Linear(12, 6),
            "norm": torch.nn.LayerNorm(6), "out": torch.nn.Linear(6, 2)})

    def forward(self, x):
        h = self.net["embedding"](x.long()).flatten(1)
        return self.net["out"](self.net["norm"](self.net["hidden"](h)))


class Sequences(torch.nn.Module):
    """With dropout, whose states are nothing that PyTorch keeps."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(6, 4, 2, bidirectional=True, batch_first=True, dropout=0.1)
        self.encoder = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True)
        self.gru = torch.nn.GRU(8, 5, batch_first=True)
        self.attention = torch.nn.MultiheadAttention(5, 5, batch_first=True)

    def forward(self, x):
        x = self.gru(self.encoder(self.lstm(x)[0]))[0]
        return self.attention(x, x, x, need_weights=False)[0]


def network(name):
    if name == "sequences":
        return Sequences()
    if name == "words":
        return Words()
    if name == "images":
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.ConvTranspose2d(4, 3, 2, stride=2), torch.nn.GroupNorm(3, 3),
            weight_norm(torch.nn.Conv2d(3, 6, 3, groups=3, bias=False)), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(),
            spectral_norm(torch.nn.Linear(24, 8)), weight_norm(torch.nn.Linear(8, 3)), torch.nn.RMSNorm(3, eps=1e-5))
    if name == "square":
        return torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8))
    return torch.nn.Sequential(
        torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 8),
        torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 3))


def samples(name, dtype, count=32):
    if name == "sequences":
        return torch.randn(count, 7, 6, dtype=dtype)
    if name == "words":
        return torch.randint(10, (count, 3)).to(dtype)
    if name == "images":
        return torch.randn(count, 1, 8, 8, dtype=dtype)
    return torch.randn(count, 8, dtype=dtype)


def compare(what, ours, theirs, tolerance):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, (what, ours.shape, theirs.shape)
    difference = (ours - theirs).abs().max().item()
    largest = theirs.abs().max().item()
    print(f"{what}: differ by {difference:.1e} at most, up to {largest:.2f}")
    assert difference <= tolerance * max(1, largest), what


def trained(name, dtype):
    """A few steps, so that norms and running statistics are not those of the beginning."""
    model = network(name).to(dtype)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        optimiser.zero_grad()
        model(samples(name, dtype)).sub(1).square().mean().backward()
        optimiser.step()
    return model.eval()


torch.manual_seed(1)
torch.set_num_threads(1)
with tempfile.TemporaryDirectory() as directory, torch.no_grad():
    folder = pathlib.Path(directory)
    weights, x_file, y_file = folder / "weights", folder / "x", folder / "y"
    for precision, dtype, tolerance in (("float", torch.float32, 1e-6), ("double", torch.float64, 1e-12)):
        for name in ("mlp", "square", "words", "sequences", "images"):
            what = f"{precision} {name}"
            with torch.enable_grad():
                model = trained(name, dtype)
            x = samples(name, dtype)
            save_file(model.state_dict(), weights)
            save_file({"x": x}, x_file)
            print(run("compute", precision, name, weights, x_file, y_file))
            compare(f"PyTorch's {what} here", load_file(y_file)["y"], model(x), tolerance)

            # As half the bits, which are exact here.
            for half in (torch.float16, torch.bfloat16):
                state = {key: value.to(half) if value.is_floating_point() else value
                         for key, value in model.state_dict().items()}
                save_file(state, weights)
                report = run("compute", precision, name, weights, x_file, y_file)
                assert ("F16 to" if half == torch.float16 else "BF16 to") in report
                rounded = network(name).to(dtype).eval()
                rounded.load_state_dict(state)
                compare(f"PyTorch's {what} of {half} here", load_file(y_file)["y"], rounded(x), tolerance)

            run("train", precision, name, weights, x_file, y_file)
            back = network(name).to(dtype)
            back.load_state_dict(load_file(weights), strict=True)
            compare(f"our {what} in PyTorch", load_file(y_file)["y"], back.eval()(x), tolerance)

    # A file of square layers alone is not taken for one of ours.
    for metadata in (None, {"format": "pt"}):
        save_file(network("square").state_dict(), weights, metadata=metadata)
        result = subprocess.run([program, "load", "float", "square", weights, "-", "-"], capture_output=True, text=True)
        assert result.returncode == 1 and "call load_pytorch" in result.stderr, result.stderr
    print(f"safetensors {safetensors.__version__}, PyTorch {torch.__version__}")
