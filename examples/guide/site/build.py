#!/usr/bin/env python3
"""Builds the site: build.py ROOT FOLDER makes FOLDER/html of the documents and the public headers below ROOT; with --list,
it lists what public headers do not document, and makes nothing.

Doxygen reads the public headers, without constraints of templates and without what is private; Sphinx and Breathe join
what it finds with the guide. Any warning is an error. Nothing is fetched.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT, FOLDER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
SITE = ROOT / "examples" / "guide" / "site"
# What users include beside the headers that these include.
STARTS = ["autodiff/autodiff.hpp", "autodiff/op.hpp", "autodiff/mpi.hpp", "autodiff/onnx.hpp", "nn/nn.hpp"]
# Rooms of the engine that users do not enter.
INTERNAL = re.compile(r"autodiff/(kernels|program/recording|ops/(lanes|batches|layout|counters|compile)|function\.hpp|"
                      r"sweep|assembly|value|memory)")


def public_headers():
    """All that the first ones include, from the root."""
    found, queue = [], list(STARTS)
    while queue:
        name = queue.pop(0)
        if name in found:
            continue
        found.append(name)
        for quote, path in re.findall(r'#include ([<"])([^>"]+\.hpp)[>"]', (ROOT / name).read_text()):
            beside = (ROOT / name).parent / path
            path = beside.resolve() if beside.exists() else ROOT / path
            if path.exists() and not INTERNAL.match(str(path.relative_to(ROOT))):
                queue.append(str(path.relative_to(ROOT)))
    return found


def behind_brackets(text, at):
    """The place behind the bracket that closes the one at this place."""
    pairs, depth = {"(": ")", "<": ">", "{": "}"}, 0
    open_, close = text[at], pairs[text[at]]
    while True:
        depth += (text[at] == open_) - (text[at] == close)
        at += 1
        if depth == 0:
            return at


def without_constraints(text):
    """Without `requires ...` behind the parameters of a template: the comments say what is taken."""
    while found := re.search(r"(?<=[>)])\s+requires\b(?!\s*\w+::)\s*", text):
        at = found.end()
        while True:
            if text.startswith("requires", at):
                at = text.index("{", at)
            elif text[at] != "(":
                at = re.compile(r"[\w:.]+\s*").match(text, at).end()
            if text[at] in "(<{":
                at = behind_brackets(text, at)
            more = re.compile(r"\s*(&&|\|\|)\s*").match(text, at)
            if not more:
                break
            at = more.end()
        text = text[:found.start()] + "\n" + text[at:].lstrip(" ")
    return text


def without_private(text):
    """Without what is private, what is for the engine alone, and what the library has compiled."""
    text = re.sub(r"^extern template [^;]*;\n", "", text, flags=re.M)
    text = re.sub(r"= \{\.(\w+) = (\w+)\}\)", r"= \1_\2)", text)  # an option by name, which Sphinx does not read
    kept, end = [], None  # how far what is left out is indented
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if end is not None and line.strip() and (indent < end or indent == end and re.match(r" *(public|protected):", line)):
            end = None
        if re.match(r"\s*private:|  // ---- for the engine", line):
            end = indent
        if end is None:
            kept.append(line)
    return "\n".join(kept) + "\n"


def declared(line):
    """Whether a line begins a declaration."""
    return re.match(r"\s*(?!(return|if|for|else|friend|extern|namespace|public|private|protected)\b)[A-Za-z~]", line)


def with_comments(text):
    """What stands behind a member documents it; and what stands above a group of declarations, as /// or //, those of them
    that have no comment of their own."""
    text = re.sub(r"^(?! *//)(.*[^\s}]) {2,}// (.*)$", r"\1  ///< \2", text, flags=re.M)
    member = r"\w+(?: = (?:\{\}|(?:[^,;(){}]|\(\))+))?"  # its name, and what it starts from
    text = re.sub(rf"^(\s+[\w:]+(?:<[^;()]*>)?) ({member}(?:, {member})+);(.*)$",
                  lambda m: "\n".join(f"{m[1]} {name};{m[3]}" for name in m[2].split(", ")), text, flags=re.M)
    text = re.sub(r"^( +)enum class (\w+) (\{[^}]*\}) (\w+ = .*;)$", r"\1enum class \2 \3;\n\1\2 \4", text, flags=re.M)
    lines, comment, group, shared, inside = [], [], [], [], []
    for line in text.splitlines():
        outside_of_functions = all(inside)
        ended = not lines or re.search(r"([;}{]|:|^)(\s*///<.*)?$", lines[-1]) or lines[-1].strip().startswith("//")
        if line.strip().startswith("///"):
            comment.append(line)
        elif line.strip().startswith("//") and outside_of_functions:
            if lines and not lines[-1].strip().startswith("//"):
                group = []
            group.append(line.replace("//", "///", 1))
        elif comment:
            shared, comment = comment, []
        elif re.match(r"\s*(public:|protected:|\};|namespace)", line):
            shared, group = [], []
        elif not line.strip():
            shared = []
        elif outside_of_functions and ended and declared(line) and "///<" not in line and (shared or group):
            lines += shared or group
        for bracket in re.findall(r"[{}]", re.sub(r"\"[^\"]*\"|//.*", "", line)):
            if bracket == "{":
                inside.append(bool(re.search(r"\b(namespace|struct|class|enum)\b", line)) and not re.search(r"\)\s*\{", line))
            elif inside:
                inside.pop()
        lines.append(line)
    return "\n".join(lines) + "\n"


def prepare():
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "source").mkdir(parents=True)
    headers = public_headers()
    for name in headers:
        to = FOLDER / "headers" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(with_comments(without_constraints(without_private((ROOT / name).read_text()))))
    source = FOLDER / "source"
    shutil.copy(SITE / "conf.py", source)
    for pattern in ["*.md", "autodiff/**/*.md", "nn/**/*.md", "examples/**/*.md", "examples/*.[ch]pp", "LICENSE",
                    "examples/guide/pictures/*", "tests/bench/*.py", "examples/*.py"]:
        for path in ROOT.glob(pattern):
            if SITE in path.parents:
                continue
            to = source / path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
    shutil.copy(SITE / "index.md", source / "index.md")
    reference = source / "reference"
    for name in headers:
        page = reference / (name[:-4].replace("/", "_") + ".rst")
        page.parent.mkdir(exist_ok=True)
        about = re.match(r"(//[^\n]*\n)+", (ROOT / name).read_text())
        text = "\n".join(line[3:] for line in about[0].splitlines()) if about else ""
        page.write_text(f"{name}\n{'=' * len(name)}\n\n" + "\n".join("| " + line for line in text.splitlines()) +
                        f"\n\n.. code-block:: cpp\n\n   #include <{name}>\n\n.. doxygenfile:: {name}\n")
    rows = "\n".join("   " + name[:-4].replace("/", "_") for name in sorted(headers))
    (reference / "index.rst").write_text("Reference\n=========\n\nThere is a page for each public header.\n\n"
                                         f".. toctree::\n   :maxdepth: 1\n\n{rows}\n")


def says_itself(what):
    """Constructors and copies of a class, which its own comment explains, options of something, what C++ asks for, and what
    containers of the standard library have."""
    if named := re.match(r"Member (\w+)\(.*\(function\) of (?:class|struct) (?:\w+::)*(\w+)", what):
        if named[1] == named[2]:
            return True
    known = (r"Compound (\w+::)*\w+Options$|Member (value_type|what|iterator|const_iterator|operator[=*-]|operator(==| bool)|"
             r"(begin|end|size|empty|contains|count|find)\()")
    return re.match(known, what) or " override " in what or "=default" in what


def undocumented(log):
    """Each name once, however many classes have it."""
    found = {}
    for line in log:
        place, what = re.match(r".*/headers/([^:]*):\d+: warning: (.*) is not documented", line).groups()
        if not says_itself(what):
            found[place, re.sub(r" of (class|struct) .*", "", what)] = f"{place}: {what}"
    return sorted(found.values())


def build():
    subprocess.run(["doxygen", SITE / "Doxyfile"], cwd=FOLDER, check=True)
    log = (FOLDER / "doxygen.log").read_text().splitlines()
    faults = [line for line in log if "is not documented" not in line]
    missing = undocumented([line for line in log if line not in faults])
    if "--list" in sys.argv:
        print("\n".join(missing))
    print(f"{len(missing)} public names are not documented", file=sys.stderr)
    if faults:
        sys.exit("\n".join(faults))
    if "--list" in sys.argv:
        return
    shutil.move(FOLDER / "xml", FOLDER / "source" / "xml")
    subprocess.run(["sphinx-build", "-W", "--keep-going", "-q", "-j", "2", FOLDER / "source", FOLDER / "html"], check=True)
    print(f"the site is {FOLDER}/html/index.html")


prepare()
build()
