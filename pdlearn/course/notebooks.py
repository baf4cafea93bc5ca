"""Build an assignment's nbgrader source from the lessons' notebooks.

A function exercise is taken from the lesson (its solution) and from the exercise copy (its text and
its empty function), so that it is written once. The source has nbgrader's marks and metadata;
nbgrader makes the students' version from it.
"""

import ast
import re

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from pdlearn.course.marking import PARTS
from pdlearn.course.parts import Artefact, Assignment, Exercise, Written
from pdlearn.course.scales import printed
from pdlearn.lessons.places import folder

BLANK = "...  # your turn"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
IMPORTS = "import math\n\nimport numpy as np\nimport torch\n\nimport pdlearn"
MARKING = "from pdlearn.course import marking\n\n"


class Lesson:
    """The notebooks of a lesson: with solutions, and the copy to work in."""

    def __init__(self, number: str):
        (path,) = folder("notebooks").glob(f"{number}-*.ipynb")
        self.solved = nbformat.read(path, 4)
        self.copy = nbformat.read(path.parent / "exercises" / path.name, 4)

    def function(self, check: str) -> tuple[str, str, str]:
        """Return an exercise's text, the name of its function, and its solution with marks.

        Raises ValueError if the lesson has no function exercise with this checker.
        """
        for cell in self.copy.cells:
            call = re.search(rf"^{check}\((\w+)\)$", cell.source, re.M)
            if cell.cell_type == "code" and call:
                name = call[1]
                return self._text(name), name, self._marked(name)
        raise ValueError(f"no lesson cell calls {check} with a function")

    def _text(self, name: str) -> str:
        """Return the text of the exercise above the cell that defines `name`."""
        text = ""
        for cell in self.copy.cells:
            if cell.cell_type == "markdown" and "\n## Exercise" in "\n" + cell.source:
                text = cell.source[("\n" + cell.source).rindex("\n## Exercise") :]
            if cell.cell_type == "code" and f"def {name}(" in cell.source:
                return _plain(text)
        raise ValueError(f"the lesson defines no {name}")

    def _marked(self, name: str) -> str:
        """Return the function with its solution between nbgrader's marks."""
        solved, blank = _definition(self.solved, name), _definition(self.copy, name)
        head = blank[: next(i for i, line in enumerate(blank) if line.strip() == BLANK)]
        indent = " " * 4
        region = [f"{indent}### BEGIN SOLUTION", *solved[len(head) :], f"{indent}### END SOLUTION"]
        return "\n".join([*head, *region])


def _definition(notebook: NotebookNode, name: str) -> list[str]:
    """Return the lines of the function `name`."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and f"def {name}(" in cell.source:
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    # `...  # your turn` ends in a comment, which is no part of the node.
                    return cell.source.splitlines()[node.lineno - 1 : node.end_lineno]
    raise ValueError(f"the lesson defines no {name}")


def _plain(text: str) -> str:
    """Return a lesson's text without the links that lead nowhere outside the lessons."""
    text = re.sub(r"\[([^\]]+)\]\((?:\.\./)?glossary\.md[^)]*\)", r"\1", text)
    return re.sub(r"^## Exercise \d+ · ", "## ", text, flags=re.M).strip()


def _metadata(grade_id: str, points: float | None, solution: bool, locked: bool) -> dict:
    meta = {
        "grade_id": grade_id, "grade": points is not None, "solution": solution, "locked": locked,
        "schema_version": 3, "task": False,
    }  # fmt: skip
    return {"nbgrader": meta | ({} if points is None else {"points": points})}


def _locked_text(grade_id: str, text: str) -> NotebookNode:
    return new_markdown_cell(text, metadata=_metadata(grade_id, None, False, True))


def _answer(grade_id: str, points: float, model: str) -> NotebookNode:
    """Return a cell of text that a person grades; nbgrader empties it for students."""
    return new_markdown_cell(model, metadata=_metadata(grade_id, points, True, False))


def _test(grade_id: str, points: float, source: str) -> NotebookNode:
    return new_code_cell(source, metadata=_metadata(grade_id, points, False, True))


def exercise_cells(exercise: Exercise, shown: set[str]) -> list[NotebookNode]:
    """Return the cells of a function exercise; a text in `shown` is not repeated."""
    lesson = Lesson(exercise.lesson)
    text, name, function = lesson.function(exercise.check)
    cells = []
    if text not in shown:
        shown.add(text)
        cells.append(_locked_text(f"{name}-text", text))
    first = round(exercise.points * PARTS["visible"], 6)
    rest = round(exercise.points - first, 6)
    points = f"*`{name}`: {exercise.points} points, of which {first:g} by the visible test.*"
    cells += [
        _locked_text(f"{name}-points", points),
        new_code_cell(function, metadata=_metadata(name, None, True, False)),
        _test(
            f"{name}-visible",
            first,
            f'{MARKING}marking.visible("{exercise.check}", {name}, points={first:g})',
        ),
        _test(
            f"{name}-hidden",
            rest,
            f"# `{name}` is tested with further inputs when your work is graded.\n"
            "### BEGIN HIDDEN TESTS\n"
            f'{MARKING}marking.hidden("{exercise.check}", {name}, points={rest:g})\n'
            "### END HIDDEN TESTS",
        ),
    ]
    return cells


def written_cells(question: Written) -> list[NotebookNode]:
    """Return the cells of a question that a person grades by its rubric."""
    rubric = "\n".join(f"| {points:g} | {what} |" for points, what in question.rubric)
    text = (
        f"## {question.title}\n\n{question.text}\n\n*{question.points:g} points, about "
        f"{question.minutes} minutes; graded by hand.*\n\n| points | for |\n| --- | --- |\n{rubric}"
    )
    return [
        _locked_text(f"{question.name}-text", text),
        _answer(question.name, question.points, question.answer),
    ]


def artefact_cells(artefact: Artefact) -> list[NotebookNode]:
    """Return the cells that ask for a checkpoint and a CSV file, with the printed scale."""
    text = (
        f"## {artefact.title}\n\n{artefact.text}\n\nHand in two files beside this notebook:\n\n"
        f"- `{artefact.checkpoint}`, the file that `pdlearn.save_agent` wrote;\n"
        f"- `{artefact.table}` with one row and the columns `game,parameters,mean,episodes,seed`.\n"
        f"\n{printed(artefact)}"
    )
    model = "The command, the seed of the training, and what was tried before."
    return [
        _locked_text("artefact-text", text),
        _answer("artefact", artefact.points, model),
    ]


def source_notebook(assignment: Assignment) -> NotebookNode:
    """Return the nbgrader source of an assignment, with solutions and hidden tests."""
    total = sum(part.points for part in assignment.parts)
    outcomes = "\n".join(f"- {outcome}" for outcome in assignment.outcomes)
    title = (
        f"# {assignment.title}\n\n**{total:g} points · about {assignment.minutes} minutes · "
        f"after {assignment.after}**\n\nYou show that you can\n\n{outcomes}\n\n"
        "Replace each `...` by your own code. Torch, numpy and the standard library are allowed; "
        "an answer that calls a function of pdlearn gets no points. The test below an answer says "
        "what is missing."
    )
    cells = [
        _locked_text("title", title),
        new_code_cell(IMPORTS, metadata=_metadata("imports", None, False, True)),
    ]
    shown: set[str] = set()
    for part in assignment.parts:
        if isinstance(part, Exercise):
            cells += exercise_cells(part, shown)
        elif isinstance(part, Written):
            cells += written_cells(part)
        else:
            cells += artefact_cells(part)
    return numbered(cells, assignment.name)


def numbered(cells: list[NotebookNode], name: str) -> NotebookNode:
    """Return a notebook of cells, whose identities are the same in every building."""
    for number, cell in enumerate(cells):
        cell["id"] = f"{name}-{number:02d}"
    return new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
