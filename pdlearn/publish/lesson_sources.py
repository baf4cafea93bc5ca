"""Turn the hand-written source of a lesson into the cells of its notebook and its exercise copy.

A source is a script of `# %%` cells with the front matter in its header. Solutions are between
`### BEGIN SOLUTION` and `### END SOLUTION`. The lesson contains them; the exercise copy has `...`
instead, and shows the solution folded below the next check.
"""

import ast
import re
import textwrap
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^([ \t]*){BEGIN}\n(.*?)^[ \t]*{END}\n?", re.M | re.S)
CHECK = re.compile(r"\bcheck_\w+\(")
LIST = "{{lessons}}"  # replaced by a list of all lessons
FRONT_MATTER = ("minutes", "level", "prerequisites", "objectives")
BLANK = "...  # your turn"


def read_source(path: Path) -> NotebookNode:
    """Return the unchanged cells of a source, with its front matter in `metadata.pdlearn`.

    Raises ValueError for incomplete front matter and for an unpaired solution mark.
    """
    notebook = jupytext.read(path, fmt="py:percent")
    front = notebook.metadata.get("pdlearn", {})
    missing = [key for key in FRONT_MATTER if key not in front]
    if missing:
        raise ValueError(f"{path}: the front matter lacks {', '.join(missing)}")
    for cell in notebook.cells:
        marks = re.findall(rf"{BEGIN}|{END}", cell.source)
        if marks != [BEGIN, END] * (len(marks) // 2):
            raise ValueError(f"{path}: a solution is not between its marks in\n{cell.source}")
    return notebook


def title_of(notebook: NotebookNode) -> str:
    """Return the heading of the first cell."""
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ").strip()


def solved(path: Path, sources: list[Path]) -> NotebookNode:
    """Return the lesson of the source `path` without outputs; `sources` are all sources."""
    notebook = read_source(path)
    for cell in notebook.cells:
        cell.source = REGION.sub(lambda m: m[2], cell.source).rstrip()
    return _finish(notebook, path, sources, copy=False)


def unsolved(path: Path, sources: list[Path]) -> NotebookNode:
    """Return the exercise copy: each solution is folded below the check that follows it.

    Raises ValueError if no check follows a solution.
    """
    notebook = read_source(path)
    cells, waiting = [], []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("tags", None)
        waiting += [textwrap.dedent(match[0]) for match in REGION.finditer(cell.source)]
        cell.source = REGION.sub(_blank, cell.source).rstrip()
        if waiting and CHECK.search(cell.source):
            code = "\n\n".join(REGION.sub(lambda m: m[2], region).rstrip() for region in waiting)
            cells.append(new_markdown_cell(folded("Solution", f"```python\n{code}\n```")))
            waiting = []
    if waiting:
        raise ValueError(f"{path}: no check comes after the solution\n{waiting[-1]}")
    notebook.cells = cells
    return _finish(notebook, path, sources, copy=True)


def _blank(region: re.Match) -> str:
    """Return the placeholder of a solution: `name = ...` for each name it assigns, else `...`.

    Inside a function it is always `...`, so that the function returns None.
    """
    indent, code = region[1], textwrap.dedent(region[2])
    names = [
        ast.unparse(target)
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign)
        for target in node.targets
    ]
    if indent or not names:
        return f"{indent}{BLANK}\n"
    return "".join(f"{name} = {BLANK}\n" for name in names)


def folded(summary: str, content: str) -> str:
    """Return Markdown that shows `content` after a click on `summary`."""
    return f"<details><summary>{summary}</summary>\n\n{content}\n\n</details>"


def glossary(path: Path) -> dict[str, str]:
    """Return the first sentence of each glossary entry by the anchor of its heading."""
    entries = re.findall(r"^## (.+)\n\n(.+)", path.read_text("utf-8"), re.M)
    return {
        heading.lower().replace(" ", "-"): re.split(r"(?<=[.]) ", text)[0]
        for heading, text in entries
    }


def _finish(notebook: NotebookNode, path: Path, sources: list[Path], copy: bool) -> NotebookNode:
    """Add the header, the explanations of glossary links and the link to the next lesson."""
    first, last = notebook.cells[0], notebook.cells[-1]
    first.source += "\n\n" + _header(notebook.metadata["pdlearn"], path, copy)
    following = next((other for other in sources if other.name > path.name), None)
    if following is not None:
        last.source += f"\n\nNext: [{title_of(read_source(following))}]({following.stem}.ipynb)"
    listed = "\n".join(
        f"- [{title_of(lesson)}]({other.stem}.ipynb): {lesson.metadata['pdlearn']['objectives'][0]}"
        for other, lesson in zip(sources, map(read_source, sources), strict=True)
    )
    words = glossary(path.parent.parent / "glossary.md")
    for index, cell in enumerate(notebook.cells):
        cell["id"] = f"{path.stem[:2]}-{index:02d}"
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(LIST, listed)
            cell.source = _explain(cell.source, words, path, "../" if copy else "")
        else:
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "pdlearn": notebook.metadata["pdlearn"],
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _header(front: dict, path: Path, copy: bool) -> str:
    before = ", ".join(f"lesson {number}" for number in front["prerequisites"])
    lines = [
        f"**{front['minutes']} minutes · {front['level']}"
        f"{' · after ' + before if before else ''}**",
        "",
        "You will be able to",
        *(f"- {objective}" for objective in front["objectives"]),
        "",
    ]
    if copy:
        lines.append(
            "This is the copy to work in. Replace each `...` by your own code and run the check "
            "below it, which reports missing parts and common mistakes. The solution is folded "
            "below the check; "
            f"[the whole lesson](../{path.stem}.ipynb) shows all its results."
        )
    else:
        lines.append(
            "This is the lesson as it comes out, exercises solved. To solve them yourself, "
            f"[open the copy to work in](exercises/{path.stem}.ipynb)."
        )
    return "\n".join(lines)


def _explain(text: str, words: dict[str, str], path: Path, prefix: str) -> str:
    """Add to each glossary link the folder and, as title, the first sentence of its entry.

    Raises ValueError for a word that is not in the glossary.
    """

    def link(match: re.Match) -> str:
        if match[2] not in words:
            raise ValueError(f"{path}: {match[2]!r} is not in the glossary")
        explained = words[match[2]].replace('"', "'")
        return f'[{match[1]}]({prefix}glossary.md#{match[2]} "{explained}")'

    text = re.sub(r"\[([^\]]+)\]\(glossary\.md#([\w-]+)\)", link, text)
    text = text.replace("](images/", f"]({prefix}images/")
    return text.replace("](glossary.md)", f"]({prefix}glossary.md)")
