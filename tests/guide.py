#!/usr/bin/env python3
"""The pages of the guide as tests.

guide.py program PAGE                    writes one program of all blocks of C++ of a page, to the standard output
guide.py check PAGE PROGRAM DATA [PATH]  runs it, and compares what it prints with the page; with --update, mends the page

A block that has a main is a program by itself. The other blocks between two headings (##) are one piece: what begins
with a definition stands at namespace scope, and the rest in a function, one block behind the other. A block of `text`
behind one of C++ is what that prints. A block of `console` is run with the programs of PATH, and one of `python` where
Python has the modules; all in a folder with the files of DATA. Texts agree if they differ in the last digits of numbers
alone. A line "..." stands for any lines, and at the end of a line for the rest of it. A picture that a page shows is one
that its blocks have drawn.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PREAMBLE = ["<autodiff/autodiff.hpp>", "<cstdio>", "<exception>", "<iostream>", "<nn/nn.hpp>"]
DEFINITION = re.compile(r"\s*(//[^\n]*\n\s*)*(struct|class|template|namespace|enum|inline|#include)\b")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Block:
    def __init__(self, language, line, section):
        self.language, self.line, self.section, self.text = language, line, section, ""


def blocks_of(page):
    blocks, inside, section = [], None, 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if inside is None and line.startswith("## "):
            section += 1
        if inside is None and (opening := re.match(r"```(\w+)$", line)):
            inside = Block(opening[1], number + 1, section)
            blocks.append(inside)
        elif inside is not None and line == "```":
            inside = None
        elif inside is not None:
            inside.text += line + "\n"
    return blocks


def write_program(page):
    includes, parts, calls = set(PREAMBLE), [], []
    cpp = [block for block in blocks_of(page) if block.language == "cpp"]

    def body(block):
        lines = []
        for line in block.text.splitlines():
            found = re.match(r"#include (\S+)", line)
            includes.add(found[1]) if found else None
            lines.append("" if found else line)
        return f'#line {block.line} "{page}"\n' + "\n".join(lines) + "\n"

    for number, block in enumerate(cpp):
        block.number = number
    for block in [block for block in cpp if re.search(r"^int main\(", block.text, re.M)]:
        text = re.sub(r"^int main\(", "int run(", body(block), flags=re.M)
        text = re.sub(r"^}\n*\Z", "  return 0;\n}\n", text.rstrip() + "\n", flags=re.M)
        parts.append(f"namespace block_{block.number} {{\n{text}}}\n")
        calls.append((block.number, f"guide_block({block.number});\n  failed |= block_{block.number}::run();"))
        cpp = [other for other in cpp if other is not block]
    for section in sorted({block.section for block in cpp}):
        pieces = [block for block in cpp if block.section == section]
        defining = [block for block in pieces if DEFINITION.match(block.text)]
        text = "".join(body(block) for block in defining) + "int run() {\n"
        for block in pieces:
            text += f"guide_block({block.number});\n" + (body(block) if block not in defining else "")
        parts.append(f"namespace section_{section} {{\nnamespace ad = autodiff;\n{text}return 0;\n}}\n}}\n")
        calls.append((pieces[0].number, f"failed |= section_{section}::run();"))
    head = "".join(f"#include {name}\n" for name in sorted(includes))
    print(head + "void guide_block(int number) { std::cout.flush(), std::printf(\"\\1%d\\n\", number), std::fflush(stdout); }")
    print("".join(parts))
    print("int main() try {\n  int failed = 0;")
    print("\n".join("  " + call for _, call in sorted(calls)))
    print("  return failed;\n} catch (const std::exception& error) {")
    print("  std::cout << error.what() << std::endl;\n  return 1;\n}")


def agree(expected, printed):
    """Whether a line says the same, but for the last digits of numbers, times, and what "..." stands for at its end."""
    if expected.endswith(" ...") and printed != expected:
        count = len(expected.split()) - 1
        return agree(" ".join(expected.split()[:-1]), " ".join(printed.split()[:count]))

    def words(line):
        """The line without its numbers, and these."""
        return re.sub(r"\s+", " ", NUMBER.sub("#", line)).strip(), NUMBER.findall(line)

    def near(a, b):
        near = abs(float(a) - float(b)) <= 0.05 * abs(float(a)) + 1e-6
        return float(a) == float(b) or (near and re.search("[.e]", a + b))  # whole numbers are what they are

    (text, numbers), (other, others) = words(expected), words(printed)
    return text == other and (" us " in expected or all(map(near, numbers, others)))


def same(expected, printed):
    """Whether lines agree, where "..." stands for any number of them."""
    if not expected:
        return not printed
    if expected[0].strip() == "...":
        return any(same(expected[1:], printed[k:]) for k in range(len(printed) + 1))
    return bool(printed) and agree(expected[0], printed[0]) and same(expected[1:], printed[1:])


def lines_of(text):
    return [line.rstrip() for line in text.rstrip().splitlines()]


def skeleton(picture):
    """The words of a picture; numbers differ from machine to machine, and so may how many lines there are."""
    return set(re.findall(r"[A-Za-z_]{2,}", re.sub(r"#[0-9a-f]{3,6}\b", "", picture.read_text())))


class Checker:
    def __init__(self, page, update):
        self.page, self.update, self.failed = page, update, False
        self.text = page.read_text().splitlines()
        self.changes = []

    def compare(self, block, first, expected, printed):
        """`expected` stands in the page from line `first`, counted from 0."""
        if same(expected, printed):
            return
        if self.update:
            self.changes.append((first, len(expected), printed))
            return
        self.failed = True
        print(f"{self.page}:{first + 1}: the page says", *expected, "and it prints", *printed, "", sep="\n")

    def run(self, program, data, path):
        blocks = blocks_of(self.page)
        with tempfile.TemporaryDirectory() as folder:
            for file in pathlib.Path(data).iterdir():
                os.symlink(file.resolve(), pathlib.Path(folder) / file.name)
            if program != "none":
                self.check_program(blocks, folder, program)
            if path:
                self.check_console(blocks, folder, path)
            self.check_python(blocks, folder)
            self.check_pictures(pathlib.Path(folder))
        for first, count, printed in sorted(self.changes, key=lambda change: change[0], reverse=True):
            self.text[first:first + count] = printed
        if self.changes:
            self.page.write_text("\n".join(self.text) + "\n")
        return self.failed

    def check_program(self, blocks, folder, program):
        done = subprocess.run([pathlib.Path(program).resolve()], cwd=folder, stdout=subprocess.PIPE, text=True)
        parts = re.split("\1(\\d+)\n", done.stdout)
        printed = {int(number): text for number, text in zip(parts[1::2], parts[2::2])}
        if done.returncode != 0:
            self.failed = True
            print(f"{self.page}: the program ends with {done.returncode}, and prints at last\n{parts[-1]}")
        number = -1
        for before, block in zip([None] + blocks, blocks):
            number += block.language == "cpp"
            if block.language == "text" and before is not None and before.language == "cpp":
                self.compare(block, block.line - 1, lines_of(block.text), lines_of(printed.get(number, "")))

    def check_console(self, blocks, folder, path):
        environment = dict(os.environ, PATH=os.path.abspath(path) + os.pathsep + os.environ["PATH"], COLUMNS="100")
        for block in blocks:
            if block.language != "console":
                continue
            lines = block.text.splitlines()
            starts = [k for k, line in enumerate(lines) if line.startswith("$ ")]
            for start, end in zip(starts, starts[1:] + [len(lines)]):
                command = [lines[start][2:]]
                while command[-1].endswith("\\") and start + 1 < end:
                    start += 1
                    command.append(lines[start])
                done = subprocess.run(["bash", "-c", "\n".join(command)], cwd=folder, env=environment, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self.compare(block, block.line + start, [line.rstrip() for line in lines[start + 1:end]],
                             lines_of(done.stdout))

    def check_python(self, blocks, folder):
        """Where Python has the modules."""
        for block in [block for block in blocks if block.language == "python"]:
            done = subprocess.run(["python3", "-c", block.text], cwd=folder, text=True, capture_output=True)
            if done.returncode != 0 and "ModuleNotFoundError" not in done.stderr:
                self.failed = True
                print(f"{self.page}:{block.line}: {done.stderr}")

    def check_pictures(self, folder):
        for name in re.findall(r"\]\(pictures/([^)]*)\)", "\n".join(self.text)):
            drawn, kept = folder / name, self.page.parent / "pictures" / name
            if not drawn.exists():
                self.failed = True
                print(f"{self.page}: no block has drawn {name}")
            elif self.update:
                kept.parent.mkdir(exist_ok=True)
                if not kept.exists() or skeleton(kept) != skeleton(drawn):
                    shutil.copy(drawn, kept)
            elif not kept.exists() or skeleton(kept) != skeleton(drawn):
                self.failed = True
                print(f"{self.page}: {kept} is not what a block draws")


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    if arguments[0] == "program":
        write_program(pathlib.Path(arguments[1]))
    else:
        checker = Checker(pathlib.Path(arguments[1]), "--update" in sys.argv)
        sys.exit(checker.run(*(arguments[2:] + [""])[:3]))
