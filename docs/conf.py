"""The documentation site: `sphinx-build -W docs build/site`. Its own extensions are in `_ext`."""

import sys
from pathlib import Path

import pdlearn

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pdlearn"
author = copyright = "The pdlearn authors"
release = version = pdlearn.__version__

extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode",
    "sphinx_copybutton", "sphinx_design", "command_help", "lessons", "mathml", "tables",
]  # fmt: skip
exclude_patterns = ["learn/exercises"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the lessons are shown as they were run
nb_render_markdown_format = "myst"  # of outputs: with tables
nb_ipywidgets_js = {}  # `lessons` shows widgets without a script from elsewhere

default_role = "code"  # docstrings are Markdown-like
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_display_short_literal_types = True
python_maximum_signature_line_length = 88

html_theme = "sphinx_book_theme"
html_title = "pdlearn"
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}  # the reader's system chooses light or dark
html_theme_options = {
    "show_toc_level": 2, "use_download_button": False, "use_fullscreen_button": False,
    "navbar_persistent": [], "footer_content_items": ["copyright.html", "cite.html"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}  # fmt: skip
templates_path = ["_templates"]
html_static_path = ["_static"]
html_extra_path = ["_extra", *(page.name for page in Path(__file__).parent.glob("*.html"))]
html_css_files = ["site.css"]
html_js_files = [(name, {"defer": ""}) for name in ("frames.js", "tables.js", "curves.js")]
html_copy_source = False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True


def escape_bars(app, what, name, obj, options, lines):
    """Keep reST from reading |x| in a docstring as a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", escape_bars)
