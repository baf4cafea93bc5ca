"""Equations as pictures that a page contains, drawn without a script or a font from elsewhere."""

import base64
import html
import io
import re

from matplotlib import mathtext, rc_context
from matplotlib.font_manager import FontProperties

from pdlearn.plots import INK

# What matplotlib's mathtext lacks or names otherwise.
OTHER_NAMES = (
    (r"\\texttt\{", r"\\mathtt{"),
    (r"\\text\{", r"\\mathrm{"),
    (r"\\[bB]igg?[lr]?(?=[^a-zA-Z])", ""),
    (r"\\tfrac", r"\\frac"),
    (r"\\lVert|\\rVert|\\Vert", r"\\|"),
    (r"\\mathbb\{E\}", r"\\mathrm{E}"),
    (r"\\operatorname\{([^}]*)\}", r"\\mathrm{\1}\\,"),
    (r"\s+", " "),
)
DISPLAYED, INLINE = re.compile(r"\$\$(.+?)\$\$", re.S), re.compile(r"(?<![$\\])\$([^$\n]+)\$")


def with_pictures(markdown: str) -> str:
    """Return Markdown whose equations are pictures, each with its LaTeX as alternative text."""
    parts = re.split(r"(```.*?```|`[^`]*`)", markdown, flags=re.S)  # code is no equation
    for index in range(0, len(parts), 2):
        text = DISPLAYED.sub(displayed, parts[index])
        parts[index] = INLINE.sub(lambda m: picture(m[1], "inline"), text)
    return "".join(parts)


def displayed(match: re.Match) -> str:
    """Return a displayed equation, a picture in a box of its own that a narrow page can scroll."""
    return f'<div class="display">{picture(match[1], "display")}</div>'


def picture(latex: str, kind: str = "inline") -> str:
    """Return an equation as an `img` element. Raises ValueError for LaTeX that is not known."""
    drawn = latex.strip()
    for pattern, other in OTHER_NAMES:
        drawn = re.sub(pattern, other, drawn)
    svg = io.BytesIO()
    with rc_context({"savefig.transparent": True}):
        size = FontProperties(size=14)
        mathtext.math_to_image(f"${drawn.strip()}$", svg, size, format="svg", color=INK)
    encoded = base64.b64encode(svg.getvalue()).decode()
    alt = html.escape(" ".join(latex.split()), quote=True)
    return f'<img class="{kind} equation" alt="{alt}" src="data:image/svg+xml;base64,{encoded}">'
