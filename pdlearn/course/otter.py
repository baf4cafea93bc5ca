"""The assignments as sources for otter-grader 7 (`otter assign`), for Gradescope and Canvas.

They have the exercises and points of nbgrader's sources. Each part of an exercise is a test case of
its own; answers in words and agents are graded by hand.
"""

import re

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from pdlearn.course.hidden import HIDDEN
from pdlearn.course.marking import PARTS, shares
from pdlearn.course.notebooks import numbered, source_notebook
from pdlearn.course.parts import Assignment

CONFIG = """# ASSIGNMENT CONFIG
init_cell: true
solutions_pdf: false
requirements:
    - pdlearn
generate:
    pdf: false"""
CALL = re.compile(r'marking\.hidden\("(\w+)", (\w+), points=([\d.]+)\)')


def otter_notebook(assignment: Assignment) -> NotebookNode:
    """Return the source for `otter assign`, made from the source for nbgrader."""
    cells = [new_raw_cell(CONFIG)]
    for cell in source_notebook(assignment).cells:
        meta = cell.metadata.nbgrader
        if meta.grade_id.endswith("-visible"):
            continue  # its test case comes with the hidden ones
        if meta.grade and meta.solution:
            cells += _manual(meta.grade_id, meta.points, cell.source)
        elif meta.solution:
            function = cell
        elif meta.grade:
            cells += _question(meta.grade_id, function, cell)
        elif cell.cell_type == "code":
            cells.append(new_code_cell(cell.source))
        else:
            cells.append(new_markdown_cell(cell.source))
    return numbered(cells, f"{assignment.name}-otter")


def _manual(name: str, points: float, answer: str) -> list[NotebookNode]:
    return [
        new_raw_cell(f"# BEGIN QUESTION\nname: {name}\nmanual: true\npoints: {points:g}"),
        new_raw_cell("# BEGIN SOLUTION"),
        new_markdown_cell(answer),
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# END QUESTION"),
    ]


def _question(grade_id: str, function: NotebookNode, test: NotebookNode) -> list[NotebookNode]:
    call = CALL.search(test.source)
    assert call is not None
    check, name, hidden = call[1], call[2], float(call[3])
    whole = hidden / (1 - PARTS["visible"])
    parts = {"visible": whole * PARTS["visible"], **shares(HIDDEN[check], hidden)}
    total = round(sum(parts.values()), 6)
    cells = [
        new_raw_cell(f"# BEGIN QUESTION\nname: {name}\npoints: {total:g}"),
        new_raw_cell("# BEGIN SOLUTION"),
        new_code_cell(function.source.replace("### ", "# ")),
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# BEGIN TESTS"),
    ]
    for part, points in parts.items():
        is_hidden = "false" if part == "visible" else "true"
        cells.append(
            new_code_cell(
                f'""" # BEGIN TEST CONFIG\npoints: {points:g}\nhidden: {is_hidden}\n'
                f'""" # END TEST CONFIG\nfrom pdlearn.course import marking\n\n'
                f'marking.require("{check}", {name}, "{part}")'
            )
        )
    return [*cells, new_raw_cell("# END TESTS"), new_raw_cell("# END QUESTION")]
