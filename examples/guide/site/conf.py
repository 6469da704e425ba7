"""The site of the guide and the reference: see build.py, which prepares what stands here."""
import logging

project = "xtensor-autodiff"
author = "the authors of xtensor-autodiff"
copyright = author
extensions = ["myst_parser", "breathe"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_heading_anchors = 3  # as GitHub and GitLab make them of headings
breathe_projects = {project: "xml"}
breathe_default_project = project
breathe_show_include = False
default_role = None
highlight_language = "none"
pygments_style = "friendly"
html_theme = "alabaster"
html_theme_options = {"page_width": "84em", "sidebar_width": "17em", "description": "Reverse-mode automatic differentiation in C++20"}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_show_sourcelink = False

# A namespace stands on many pages, and functions that constraints alone tell apart look the same without them.
logging.getLogger("sphinx.sphinx.domains.cpp").addFilter(
    lambda record: not str(record.msg).startswith("Duplicate C++ declaration"))
