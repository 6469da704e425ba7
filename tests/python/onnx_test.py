#!/usr/bin/env python3
"""What we write as ONNX is right for its checker, and computes the same in onnxruntime, for other numbers of samples, too; and
what ONNX's helpers write computes the same here: to 1e-5. Argument: the program that does our side. Without the packages, the
test is skipped."""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from safetensors.numpy import load_file, save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

program = sys.argv[1]
onnxruntime.set_default_logger_severity(3)


def run(*arguments):
    subprocess.run([program, *map(str, arguments)], check=True)


def refused(*arguments):
    result = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 1 and result.stderr.startswith("["), (arguments, result)
    return result.stderr.strip()


def compute(file, inputs, check=True):
    if check:
        onnx.checker.check_model(onnx.load(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs)))


def compare(what, ours, theirs, tolerance=1e-5):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, (what, ours.shape, theirs.shape)
    difference = numpy.abs(ours - theirs).max()
    print(f"{what}: differ by {difference:.1e} at most, up to {numpy.abs(theirs).max():.2f}")
    assert difference <= tolerance * max(1, numpy.abs(theirs).max()), what


def model(nodes, inputs, outputs, constants, opset):
    describe = lambda all: [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in all.items()]
    graph = helper.make_graph(nodes, "graph", describe(inputs), describe(outputs),
                              [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def theirs(random):
    """Models as other programs write them: name, model, shape of the input."""
    array = lambda *shape: random.normal(scale=0.5, size=shape).astype(numpy.float32)
    node = helper.make_node
    linear = {"fc1.weight": array(6, 4), "fc1.bias": array(6), "fc2.weight": array(6, 3), "fc2.bias": array(3)}
    for activation in ("Relu", "Tanh", "Sigmoid", "LeakyRelu", "Elu", "Selu", "Softplus", "HardSigmoid", "Softsign"):
        for last in ("Softmax", "LogSoftmax"):
            yield f"MLP with {activation} and {last}", model(
                [node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["a"], transB=1), node(activation, ["a"], ["h"]),
                 node("MatMul", ["h", "fc2.weight"], ["m"]), node("Add", ["m", "fc2.bias"], ["s"]),
                 node(last, ["s"], ["y"], axis=-1)],
                {"x": ["N", 4]}, {"y": ["N", 3]}, linear, 17), (5, 4)
    images = {"k": array(4, 2, 3, 3), "b": array(4), "scale": array(4), "shift": array(4), "mean": array(4),
              "var": abs(array(4)) + 0.1, "t": array(4, 3, 2, 2), "w": array(3, 2), "c": array(2),
              "rest": numpy.array([0, -1], numpy.int64)}
    yield "images", model(
        [node("Conv", ["x", "k", "b"], ["a"], pads=[1, 0, 0, 1], strides=[2, 1]),
         node("BatchNormalization", ["a", "scale", "shift", "mean", "var"], ["n"]), node("Relu", ["n"], ["r"]),
         node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[1, 2], pads=[1, 1, 1, 1]),
         node("ConvTranspose", ["p", "t"], ["d"], strides=[2, 2]),
         node("AveragePool", ["d"], ["e"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
         node("GlobalAveragePool", ["e"], ["g"]), node("Reshape", ["g", "rest"], ["f"]),
         node("Gemm", ["f", "w", "c"], ["y"], alpha=0.5, beta=2.0)],
        {"x": ["N", 2, 9, 8]}, {"y": ["N", 2]}, images, 17), (3, 2, 9, 8)
    # What exporters make of a shape that is known when it runs.
    whole = lambda *numbers: numpy.array(numbers, numpy.int64)
    shapes = {"zero": numpy.array(0, numpy.int64), "axes": whole(0), "minus": whole(-1), "s": whole(1), "e": whole(2**63 - 1),
              "ax": whole(2), "st": whole(2), "scale": array(6), "shift": array(6), "last": whole(-1)}
    yield "shapes", model(
        [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "zero"], ["n"]), node("Unsqueeze", ["n", "axes"], ["n1"]),
         node("Concat", ["n1", "minus"], ["to"], axis=0), node("Slice", ["x", "s", "e", "ax", "st"], ["part"]),
         node("Transpose", ["part"], ["turned"], perm=[0, 2, 1]), node("Reshape", ["turned", "to"], ["flat"]),
         node("LayerNormalization", ["flat", "scale", "shift"], ["norm"]), node("Clip", ["norm", "", "one"], ["c"]),
         node("Split", ["c"], ["left", "right"], axis=1), node("Sub", ["left", "right"], ["d"]),
         node("ReduceMean", ["d"], ["m"], axes=[1], keepdims=1), node("Pow", ["m", "two"], ["q"]),
         node("ReduceSum", ["d", "last"], ["u"], keepdims=0), node("Squeeze", ["q", "last"], ["v"]), node("Add", ["u", "v"], ["y"])],
        {"x": ["N", 3, 5]}, {"y": ["N"]}, {**shapes, "one": numpy.float32(1), "two": numpy.float32(2)}, 17), (4, 3, 5)


def operators():
    """What single operators are of x, (N, 3) with N = 2: name, nodes, constants."""
    node, whole = helper.make_node, lambda *numbers: numpy.array(numbers, numpy.int64)
    three = {"a": numpy.float32([[-9, 0.5, 9]]), "b": numpy.float32([[8], [-8]])}
    to_float = lambda name, out="y": node("Cast", [name], [out], to=TensorProto.FLOAT)
    beside_x = [to_float("k", "f"), node("Add", ["f", "zero"], ["g"]), node("Mul", ["x", "zero"], ["nothing"]),
                node("ReduceSum", ["nothing"], ["n"], keepdims=0), node("Add", ["g", "n"], ["y"])]
    zero = {"zero": numpy.float32(0)}
    for operation in ("Max", "Min", "Sum", "Mean"):
        yield f"{operation} of three", [node(operation, ["x", "a", "b"], ["y"])], three
        yield f"{operation} of one", [node(operation, ["x"], ["y"])], {}
    yield "Concat of one", [node("Concat", ["x"], ["y"], axis=-1)], {}
    yield "Selu of its own", [node("Selu", ["x"], ["y"], alpha=2.0, gamma=3.0)], {}
    yield "list of numbers", [node("Constant", [], ["c"], value_floats=[1.0, 2.0, 3.0]), node("Add", ["x", "c"], ["y"])], {}
    yield "list of whole numbers", [node("Constant", [], ["c"], value_ints=[3, 2]), node("Reshape", ["x", "c"], ["y"])], {}
    yield "places from the end", [node("Gather", ["x", "i"], ["y"], axis=1)], {"i": whole(-1, 0, -3)}
    yield "places from the end in a run", [
        node("ReduceMax", ["x"], ["m"], axes=[1], keepdims=0), node("Mul", ["m", "zero"], ["o"]), node("Sub", ["o", "one"], ["p"]),
        node("Cast", ["p"], ["i"], to=TensorProto.INT64), node("Gather", ["table", "i"], ["y"])], {
            **zero, "one": numpy.float32(1), "table": numpy.float32([[1, 2], [3, 4], [5, 6]])}
    yield "division of integers in a run", [
        node("Mul", ["x", "ten"], ["t"]), node("Cast", ["t"], ["i"], to=TensorProto.INT64), node("Add", ["i", "seven"], ["j"]),
        node("Div", ["j", "two"], ["q"]), to_float("q")], {
            "ten": numpy.float32(10), "two": whole(2), "seven": whole(7)}
    # Whole numbers that are known, with more digits than a float or a double has.
    large = {"big": whole(2**60 + 1), "less": whole(2**60), **zero}
    yield "difference", [node("Sub", ["big", "less"], ["k"]), *beside_x], large
    yield "equality", [node("Equal", ["big", "less"], ["e"]), node("Cast", ["e"], ["k"], to=TensorProto.INT64), *beside_x], large
    yield "part", [node("Slice", ["both", "from", "to"], ["s"]), node("Sub", ["s", "less"], ["k"]), *beside_x], {
        **large, "both": whole(7, 2**60 + 1), "from": whole(1), "to": whole(2)}
    table = {**zero, "row": whole(1, 2, 3), "column": whole(10, -7).reshape(2, 1), "pair": whole(-2, 3).reshape(2, 1),
             "table": whole(1, 2, 3, 4, 5, 6).reshape(2, 3), "i": whole(2, -3), "square": whole(1, 2, 3, 4).reshape(2, 2)}
    for operation in ("Add", "Sub", "Mul", "Div"):
        yield f"{operation} of a column and a row", [node(operation, ["column", "row"], ["k"]), *beside_x], table
        yield f"{operation} of two columns", [node(operation, ["column", "pair"], ["k"]), *beside_x], table
        yield f"{operation} of a table and a column", [node(operation, ["table", "pair"], ["k"]), *beside_x], table
    for operation, inputs, options in (("Gather", ["table", "i"], {"axis": 1}), ("Concat", ["table", "column"], {"axis": 1}),
                                       ("Concat", ["table", "table"], {"axis": 0}), ("Transpose", ["table"], {})):
        yield f"{operation} of a table", [node(operation, inputs, ["k"], **options), *beside_x], table


def misuses():
    """What is refused, from its first forward on or when it is read: rule, operator, nodes, constants."""
    node, whole = helper.make_node, lambda *numbers: numpy.array(numbers, numpy.int64)
    image = {"to": whole(1, 1, 2, 3), "k": numpy.ones((1, 1, 2, 2), numpy.float32)}
    of_image = lambda operation, *inputs, **options: (
        [node("Reshape", ["x", "to"], ["i"]), node(operation, ["i", *inputs], ["y"], **options)], image)
    yield "domain", "Add", [node("Add", ["x", "x"], ["y"], domain="my.own")], {}
    yield "type", "Softmax", [node("Softmax", ["x"], ["y"], axis=1.5)], {}
    yield "out of range", "Concat", [node("Concat", ["x", "x"], ["y"], axis=2**32)], {}
    yield "out of range", "Gather", [node("Gather", ["x", "i"], ["y"], axis=2**32)], {"i": whole(0)}
    yield "out of range", "Gather", [node("Gather", ["x", "i"], ["y"], axis=1)], {"i": whole(-4)}
    for lengths in ([1, 1], [-1, 4], [2**62, 2**62], [1, 1, 1]):
        yield "parts", "Split", [node("Split", ["x", "l"], ["y", "z"], axis=1)], {"l": whole(*lengths)}
    yield "too large", "Expand", [node("Expand", ["one", "l"], ["y"])], {"one": numpy.ones(1, numpy.float32), "l": whole(2**31)}
    yield "too large", "Add", [node("Add", ["row", "column"], ["y"])], {
        "row": numpy.ones((1, 12000), numpy.float32), "column": numpy.ones((12000, 1), numpy.float32)}
    yield "too large", "Conv", *of_image("Conv", "k", pads=[10**6] * 4)
    yield "too large", "ConvTranspose", *of_image("ConvTranspose", "k", strides=[10**6, 10**6])
    for operation, more in (("MaxPool", []), ("AveragePool", []), ("ConvTranspose", ["k"]), ("Conv", ["k"])):
        kernel = {} if more else {"kernel_shape": [2, 2]}
        yield "pads", operation, *of_image(operation, *more, pads=[-1] * 4, **kernel)
    yield "no value", "Div", [node("Div", ["a", "o"], ["k"]), node("Expand", ["x", "k"], ["y"])], {"a": whole(2), "o": whole(0)}
    yield "no value", "Mul", [node("Mul", ["a", "a"], ["k"]), node("Expand", ["x", "k"], ["y"])], {"a": whole(2**40)}
    yield "digits", "Neg", [node("Neg", ["a"], ["k"]), node("Cast", ["k"], ["y"], to=1)], {"a": whole(2**60 + 1)}
    yield "two matrices", "Gemm", [node("Gemm", ["i", "k"], ["y"])], {"i": numpy.ones((1, 2, 2), numpy.float32), "k": image["k"]}
    yield "twice", "Unsqueeze", [node("Unsqueeze", ["x", "a"], ["y"])], {"a": whole(0, 0)}
    yield "matmul", "MatMul", [node("MatMul", ["x", "x"], ["y"])], {}  # what operations refuse names the node


with tempfile.TemporaryDirectory() as directory:
    folder = pathlib.Path(directory)
    file, samples, outputs = folder / "model.onnx", folder / "samples", folder / "outputs"
    for name in ("mlp", "images", "lstm", "gru", "transformer", "words", "activations"):
        run("save", name, file, samples)
        ours = load_file(samples)
        assert onnx.load(file).opset_import[0].version == 17
        y = compute(file, {"input": ours["x"]})["output"]
        compare(f"our {name} in onnxruntime", y, ours["y"])
        compare(f"one sample of our {name}", compute(file, {"input": ours["x"][:1]})["output"], ours["y"][:1])
        if name in ("mlp", "images", "words"):  # and back
            save_file({"input": ours["x"]}, samples)
            run("load", file, samples, outputs)
            compare(f"our {name}, read again", load_file(outputs)["output"], ours["y"])
    names = {constant.name for constant in onnx.load(file).graph.initializer}
    assert {"0.weight", "0.bias", "2.weight"} <= names, names

    run("modes", file, samples)
    ours = load_file(samples)
    compare("our modes in onnxruntime", compute(file, {"input": ours["x"]})["output"], ours["y"])
    for what in ("mean", "variance", "count"):
        assert "number of samples" in refused("over_samples", what, file), what

    run("graph", file, samples)
    values = load_file(samples)
    for name, y in compute(file, {"x": values["x"], "w": values["w"]}).items():
        compare(f"our graph's {name} in onnxruntime", y, values[name], 1e-12)

    random = numpy.random.default_rng(1)
    for name, made, shape in theirs(random):
        onnx.save(made, file)
        x = random.normal(size=shape).astype(numpy.float32)
        save_file({"x": x}, samples)
        run("load", file, samples, outputs)
        compare(f"ONNX's {name} here", load_file(outputs)["y"], compute(file, {"x": x})["y"])

    x = random.normal(size=(2, 3)).astype(numpy.float32)
    save_file({"x": x}, samples)
    for name, nodes, constants in operators():
        onnx.save(model(nodes, {"x": ["N", 3]}, {"y": None}, constants, 17), file)
        run("load", file, samples, outputs)
        compare(f"ONNX's {name} here", load_file(outputs)["y"], compute(file, {"x": x}, check=False)["y"])
    halves = model([helper.make_node("Div", ["x", "two"], ["q"]), helper.make_node("Cast", ["q"], ["y"], to=TensorProto.FLOAT)],
                   {"x": ["N"]}, {"y": ["N"]}, {"two": numpy.array(2, numpy.int64)}, 17)
    halves.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    onnx.save(halves, file)
    save_file({"x": numpy.float32([7, -7, 4])}, samples)
    run("load", file, samples, outputs)
    compare("ONNX's inputs of integers here", load_file(outputs)["y"], compute(file, {"x": numpy.array([7, -7, 4])})["y"])
    save_file({"x": x}, samples)
    for rule, operation, nodes, constants in misuses():
        onnx.save(model(nodes, {"x": [2, 3]}, {"y": None}, constants, 17), file)
        error = refused("load", file, samples, outputs)
        assert f"[load_onnx] {operation} \"" in error and rule in error, (operation, rule, error)
    onnx.save(made, file)

    # What is damaged is refused, and never more than that.
    whole = file.read_bytes()
    for cut in range(0, len(whole), 7):
        file.write_bytes(whole[:cut])
        refused("load", file, samples, outputs)
    print(refused("load", file, samples, outputs))
    for place in random.integers(len(whole), size=150):
        file.write_bytes(whole[:place] + random.bytes(1) + whole[place + 1:])
        result = subprocess.run([program, "load", file, samples, outputs], capture_output=True)
        assert result.returncode in (0, 1), (place, result)
    unknown = model([helper.make_node("Det", ["x"], ["y"])], {"x": [2, 2]}, {"y": []}, {}, 17)
    onnx.save(unknown, file)
    save_file({"x": numpy.eye(2, dtype=numpy.float32)}, samples)
    print(refused("construct", file))
    print(f"ONNX {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
