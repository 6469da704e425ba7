"""Writes named numbers as a C++ header that tests include."""
import pathlib

import numpy as np


def write(script, numbers, package):
    """numbers: arrays by name; package: whose they are, and its version. The header stands beside the script, under its
    name."""
    path = pathlib.Path(script)
    lines = [
        f"// Made by {path.name} with {package} in float64.",
        "// clang-format off",
        "#pragma once",
        "",
        "#include <map>",
        "#include <string>",
        "#include <vector>",
        "",
        "namespace reference {",
        "",
        f"inline const std::map<std::string, std::vector<double>> {path.stem}{{",
    ]
    for name, array in numbers.items():
        array = np.asarray(array.detach() if hasattr(array, "detach") else array)  # PyTorch's may have a gradient
        assert array.dtype in (np.float64, np.int64), name
        values = ", ".join(repr(float(v)) for v in array.flatten().tolist())
        lines.append(f'    {{"{name}", {{{values}}}}},')
    lines += ["};", "", "}  // namespace reference", ""]
    path.with_suffix(".hpp").write_text("\n".join(lines))
