"""Writes named numbers as a C++ header that tests include."""
import pathlib

import torch


def write(script, numbers):
    """numbers: tensors by name. The header stands beside the script, under its name."""
    path = pathlib.Path(script)
    version = torch.__version__.split("+")[0]
    lines = [
        f"// Made by {path.name} with PyTorch {version} in float64.",
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
    for name, tensor in numbers.items():
        assert tensor.dtype in (torch.float64, torch.int64), name
        values = ", ".join(repr(float(v)) for v in tensor.detach().flatten().tolist())
        lines.append(f'    {{"{name}", {{{values}}}}},')
    lines += ["};", "", "}  // namespace reference", ""]
    path.with_suffix(".hpp").write_text("\n".join(lines))
