"""Show formulas as MathML, which browsers draw without a script or a font from elsewhere."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def mathml(latex: str, display: str = "inline") -> str:
    """Return a formula as MathML, also where latex2mathml differs from LaTeX.

    It does not know an escape inside a text, nor `arg`, and leaves no space after `log`.
    """
    latex = re.sub(r"\\texttt\{[^}]*\}", lambda text: text[0].replace(r"\_", "_"), latex)
    latex = latex.replace(r"\arg", r"\operatorname{arg}").replace(r"\log", r"\log\,")
    return convert(latex, display=display)


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
