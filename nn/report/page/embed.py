"""Puts the page of the report, report.html with the files that it names in {{...}}, into a C++ source: what comes before
its {{data}}, and what comes after. Arguments: report.html, the source to write."""
import pathlib
import re
import sys

page = pathlib.Path(sys.argv[1])
text = re.sub(r"\{\{(?!data)(.*?)\}\}", lambda name: (page.parent / name[1]).read_text("utf-8"), page.read_text("utf-8"))
head, foot = text.split("{{data}}")
assert ')page"' not in text
pathlib.Path(sys.argv[2]).write_text(encoding="utf-8", data=
    f'namespace nn::detail {{\n\nextern const char* const page_head;\nextern const char* const page_foot;\n'
    f'const char* const page_head = R"page({head})page";\n\nconst char* const page_foot = R"page({foot})page";\n\n}}\n')
