"""The lessons for students who are graded: the copies to work in, without any folded solution.

The public copies fold a solution below each check, for those who learn alone. In a course the
graded exercises are the same, so a course gives out these instead.
"""

import re
from pathlib import Path

import nbformat

from pdlearn.files import write_bytes
from pdlearn.lessons.places import folder

SOLUTION = re.compile(r"<details><summary>Solution</summary>.*?</details>", re.S)
POINTER = re.compile(r"\s*The solution is folded below the check;[^\n]*")


def write_handouts(target: Path) -> list[Path]:
    """Write a copy of each lesson without solutions, glossary and diagrams; return the files."""
    source = folder("notebooks")
    paths = []
    for path in (source / "glossary.md", *source.glob("images/*")):
        paths.append(target / path.relative_to(source))
        write_bytes(paths[-1], path.read_bytes())
    for path in sorted((source / "exercises").glob("*.ipynb")):
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = POINTER.sub("", SOLUTION.sub("", cell.source)).strip()
        notebook.cells = [cell for cell in notebook.cells if cell.source]
        paths.append(target / "exercises" / path.name)
        write_bytes(paths[-1], (nbformat.writes(notebook) + "\n").encode())
    return paths
