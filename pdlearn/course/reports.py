"""Reports of a graded course: one CSV file, a page for each student, a leaderboard.

A page has what was checked and what went wrong in the checkers' words. Of a hidden test it shows
the marks alone, never the text of the test.
"""

import hashlib
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat import NotebookNode

from pdlearn.course.assignments import ASSIGNMENTS
from pdlearn.course.handing import gradebook_of
from pdlearn.course.marking import MIME
from pdlearn.course.notes import Note, agent_found, assessment_of, read_notes
from pdlearn.course.parts import Assignment
from pdlearn.files import write_bytes
from pdlearn.rows import write_rows

ELSEWHERE = "graded without `pdlearn course grade`: not confined, no agent assessed"
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.6rem;
  border-bottom: 1px solid #8886; }
td.number, th.number { text-align: right; white-space: nowrap; }
code { background: #8882; padding: 0 0.2em; border-radius: 3px; }
"""


class Mark(NamedTuple):
    """A graded cell of a submission; `waiting` for a person to grade it."""

    cell: str
    points: float
    of: float
    waiting: bool
    by_hand: bool
    comment: str


class Graded(NamedTuple):
    """A graded submission."""

    assignment: Assignment
    student: str
    marks: list[Mark]
    note: Note

    @property
    def points(self) -> float:
        return round(sum(mark.points for mark in self.marks), 2)

    @property
    def of(self) -> float:
        return sum(mark.of for mark in self.marks)


def graded(course: Path) -> list[Graded]:
    """Return all graded submissions of a course."""
    found = []
    with gradebook_of(course) as gradebook:
        for assignment in ASSIGNMENTS:
            notes = read_notes(course, assignment)
            submissions = gradebook.assignment_submissions(assignment.name)
            for submission in sorted(submissions, key=lambda one: one.student.id):
                student = submission.student.id
                note = notes.get(student) or Note(look_at=[ELSEWHERE])
                marks = [
                    Mark(
                        cell.name, cell.score, cell.max_score, bool(cell.needs_manual_grade),
                        cell.cell.cell_type == "markdown", _comment(notebook, cell.name),
                    )
                    for notebook in submission.notebooks
                    for cell in notebook.grades
                ]  # fmt: skip
                found.append(Graded(assignment, student, marks, note))
    return found


def _comment(notebook: Any, cell: str) -> str:
    return next((c.comment or "" for c in notebook.comments if c.name == cell), "")


def row_of(one: Graded) -> dict:
    """Return a submission's row of the CSV file."""
    assessed = assessment_of(one.note)
    automatic = sum(m.points for m in one.marks if not m.by_hand)
    return {
        "student": one.student,
        "assignment": one.assignment.name,
        "points": one.points,
        "of": one.of,
        "automatic": round(automatic, 2),
        "by_hand": round(one.points - automatic, 2),
        "waiting_for_a_grader": sum(m.waiting for m in one.marks),
        "agent": assessed.note if assessed else "",
        "note": one.note.text,
        "look_at": "; ".join(one.note.look_at),
    }


def write_reports(course: Path) -> list[Path]:
    """Write `reports/` of a course and return its files; raise ValueError if nothing is graded."""
    found = graded(course)
    if not found:
        raise ValueError(f"{course}: nothing is graded yet; run `pdlearn course grade` first")
    folder = course / "reports"
    paths = [folder / "grades.csv", folder / "leaderboard.html"]
    write_rows(paths[0], [row_of(one) for one in found])
    write_bytes(paths[1], leaderboard(found).encode())
    for student in sorted({one.student for one in found}):
        path = folder / "students" / f"{student}.html"
        own = [one for one in found if one.student == student]
        write_bytes(path, student_page(course, student, own).encode())
        paths.append(path)
    return paths


def student_page(course: Path, student: str, own: Sequence[Graded]) -> str:
    """Return a student's page."""
    sections = []
    for one in own:
        waiting = sum(mark.waiting for mark in one.marks)
        head = f"<h2>{_text(one.assignment.title)}: {one.points:g} of {one.of:g} points</h2>"
        notes = [one.note.text, f"Answers that wait for a grader: {waiting}" if waiting else ""]
        if assessed := assessment_of(one.note):
            notes.append(agent_found(assessed, one.note.report))
        lines = "".join(f"<p>{_text(note)}</p>" for note in notes if note)
        sections.append(head + lines + _table(_details(course, one)))
    name = f"<p>On the leaderboard you are <strong>{alias(student)}</strong>.</p>"
    return _page(f"Results of {student}", name + "".join(sections))


def alias(student: str) -> str:
    """Return the name under which a student stands on the leaderboard."""
    return f"agent-{hashlib.sha256(student.encode()).hexdigest()[:6]}"


def _details(course: Path, one: Graded) -> list[tuple]:
    """Return rows (what, points, of, text) of a submission's graded cells."""
    outputs = _outputs(course, one)
    rows: list[tuple] = []
    for mark in one.marks:
        parts, problem = outputs.get(mark.cell, ([], ""))
        what = mark.cell.removesuffix("-visible").removesuffix("-hidden")
        if parts and round(sum(part["points"] for part in parts), 4) == round(mark.points, 4):
            rows += [
                (f"{what}: {part['name']}", part["points"], part["of"], part["text"])
                for part in parts
            ]
        else:
            text = "waits for a grader" if mark.waiting else mark.comment or problem
            rows.append((_named(mark.cell), mark.points, mark.of, text))
    return rows


def _named(cell: str) -> str:
    """Return a graded cell's name as a reader knows it."""
    for test in ("visible", "hidden"):
        cell = cell.replace(f"-{test}", f": {test} test")
    return cell.replace("-", " ")


def _outputs(course: Path, one: Graded) -> dict[str, tuple[list[dict], str]]:
    """Return the marked parts and the error of each test cell that was run."""
    name = one.assignment.name
    path = course / "autograded" / one.student / name / f"{name}.ipynb"
    if not one.note.graded or not path.exists():
        return {}
    found = {}
    for cell in nbformat.read(path, 4).cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if cell.cell_type == "code" and grade_id.endswith(("-visible", "-hidden")):
            parts = [o.data[MIME]["parts"] for o in cell.outputs if MIME in o.get("data", {})]
            errors = [o for o in cell.outputs if o.output_type == "error"]
            found[grade_id] = (parts[0] if parts else [], _said(errors[0]) if errors else "")
    return found


def _said(error: NotebookNode) -> str:
    if error.ename in ("CellTimeoutError", "KeyboardInterrupt"):  # an interrupt is a time-out's
        return "It did not end within the time that a cell has."
    return f"It stopped: {error.ename}: {error.evalue}"[:300]


def leaderboard(found: Sequence[Graded]) -> str:
    """Return the page of all assessed agents, the best of each assignment first."""
    sections = []
    for assignment in ASSIGNMENTS:
        rows = []
        for one in found:
            assessed = assessment_of(one.note)
            if one.assignment is assignment and assessed is not None and assessed.points:
                rows.append((assessed, alias(one.student)))
        if rows:
            rows.sort(key=lambda row: (-row[0].points, row[0].parameters, -row[0].way))
            lines = "".join(
                f'<tr><td class="number">{place}</td><td>{_text(name)}</td>'
                f"<td>{_text(assessed.game)}</td>"
                f'<td class="number">{assessed.parameters:,}</td>'
                f'<td class="number">{assessed.mean:.2f} '
                f"[{assessed.low:.2f}, {assessed.high:.2f}]</td>"
                f'<td class="number">{assessed.way:.0%}</td>'
                f'<td class="number">{assessed.points:g}</td></tr>'
                for place, (assessed, name) in enumerate(rows, 1)
            )
            sections.append(
                f"<h2>{_text(assignment.title)}</h2><table><thead><tr>"
                '<th class="number">place</th><th>who</th><th>game</th>'
                '<th class="number">parameters</th><th class="number">mean score, 95 %</th>'
                '<th class="number">of the way</th><th class="number">points</th></tr></thead>'
                f"<tbody>{lines}</tbody></table>"
            )
    return _page("Leaderboard", "".join(sections) or "<p>No agents were assessed yet.</p>")


def _table(rows: Sequence[tuple]) -> str:
    lines = "".join(
        f'<tr><td>{_text(what)}</td><td class="number">{points:g} of {of:g}</td>'
        f"<td>{_text(text)}</td></tr>"
        for what, points, of, text in rows
    )
    return (
        '<table><thead><tr><th>checked</th><th class="number">points</th><th>what was found</th>'
        f"</tr></thead><tbody>{lines}</tbody></table>"
    )


def _text(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{_text(title)}</h1>{body}</body></html>\n"
    )
