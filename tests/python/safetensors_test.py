#!/usr/bin/env python3
"""Files that we write are read by Python's safetensors package, and the other way round; a network computes the same
outputs here and in NumPy. Argument: the program that does our side. Without the packages, the test is skipped."""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import safetensors
    from safetensors.numpy import load_file, save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

program = sys.argv[1]


def run(*arguments):
    subprocess.run([program, *map(str, arguments)], check=True)


def network(weights, x):
    hidden = numpy.tanh(x @ weights["0.weight"] + weights["0.bias"])
    return hidden @ weights["2.weight"] + weights["2.bias"]


def compare(what, ours, theirs, tolerance):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, (what, ours.shape, theirs.shape)
    difference = float(numpy.abs(ours - theirs).max())
    print(f"{what}: differ by {difference:.1e} at most, up to {numpy.abs(theirs).max():.2f}")
    assert difference <= tolerance, what


with tempfile.TemporaryDirectory() as directory:
    folder = pathlib.Path(directory)
    random = numpy.random.default_rng(1)
    for precision, dtype, tolerance in (("float", numpy.float32, 1e-6), ("double", numpy.float64, 1e-14)):
        run("write-" + precision, folder / "weights", folder / "samples")
        weights, samples = load_file(folder / "weights"), load_file(folder / "samples")
        assert {name: array.shape for name, array in weights.items()} == {
            "0.weight": (4, 16), "0.bias": (16,), "2.weight": (16, 3), "2.bias": (3,)}
        assert all(array.dtype == dtype for array in weights.values())
        with safetensors.safe_open(folder / "weights", framework="numpy") as file:
            assert file.metadata() == {"layout": "xtensor-autodiff", "units": "16"}
        compare("our " + precision + " network in NumPy", samples["y"], network(weights, samples["x"]), tolerance)

        theirs = {name: random.normal(size=array.shape).astype(dtype) for name, array in weights.items()}
        x = random.normal(size=(8, 4)).astype(dtype)
        save_file(theirs, folder / "theirs", metadata={"made by": "NumPy \N{SNOWMAN}"})
        save_file({"x": x}, folder / "x")
        run("compute-" + precision, folder / "theirs", folder / "x", folder / "y")
        # Weights drawn with variance 1 make larger sums.
        y = network({name: array.astype(numpy.float64) for name, array in theirs.items()}, x.astype(numpy.float64))
        compare("NumPy's " + precision + " network here", load_file(folder / "y")["y"], y.astype(dtype),
                tolerance * numpy.abs(y).max())

    # Every type of element that NumPy has, in shapes that are easy to get wrong.
    arrays = {}
    for dtype in ("bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"):
        for name, shape in (("scalar", ()), ("empty", (2, 0, 3)), ("vector", (5,)), ("cube", (2, 3, 1))):
            numbers = numpy.asarray(random.normal(scale=40, size=shape))
            arrays[f"{dtype} {name}"] = numpy.asarray(abs(numbers) if dtype[0] in "bu" else numbers).astype(dtype)
    save_file(arrays, folder / "all", metadata={"": "\"", "\N{SNOWMAN}": "\n"})
    run("convert", folder / "all", folder / "converted")
    converted = load_file(folder / "converted")
    assert converted.keys() == arrays.keys()
    for name, array in arrays.items():
        assert converted[name].shape == array.shape, name
        assert numpy.array_equal(converted[name], array.astype(numpy.float64)), name
    with safetensors.safe_open(folder / "converted", framework="numpy") as file:
        assert file.metadata() == {"": "\"", "\N{SNOWMAN}": "\n"}
    print(f"{len(arrays)} arrays of all types came through; safetensors {safetensors.__version__}, NumPy {numpy.__version__}")
