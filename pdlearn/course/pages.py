"""The pages of the course: what an instructor needs to know, and notes for each lesson.

They are written into a course, and into `docs/` by `python -m pdlearn.course.pages`.
"""

import re

from pdlearn.course.assignments import ASSIGNMENTS
from pdlearn.course.parts import Artefact, Exercise
from pdlearn.files import write_bytes
from pdlearn.lessons.places import CLONE, folder
from pdlearn.rows import read_rows
from pdlearn.web.pages import source


def assignments_table() -> str:
    """Return the assignments with their points and minutes as a Markdown table."""
    lines = [
        "| assignment | after | points | by tests | by an agent | by hand | student's minutes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in ASSIGNMENTS:
        tests = sum(part.points for part in one.parts if isinstance(part, Exercise))
        agent = sum(part.points for part in one.parts if isinstance(part, Artefact))
        lines.append(
            f"| `{one.name}`: {one.title} | {one.after} | {one.points:g} | {tests:g} | {agent:g} "
            f"| {one.points - tests - agent:g} | {one.minutes} |"
        )
    return "\n".join(lines)


def outcomes() -> str:
    """Return the learning outcomes of each assignment as Markdown."""
    return "\n".join(f"- **{one.title}**: {'; '.join(one.outcomes)}." for one in ASSIGNMENTS)


def costs_table() -> str:
    """Return what each assignment was measured to cost (`measuring`) as a Markdown table."""
    rows = {
        (row["assignment"], row["what"]): row
        for row in read_rows(folder("docs/results") / "course.csv")
    }
    lines = ["| assignment | solved notebook | grading one submission |", "| --- | --- | --- |"]
    for one in ASSIGNMENTS:
        if (one.name, "grading") not in rows:  # not measured since it was set
            continue
        cells = [
            f"{float(row['processor_seconds']):.0f} s, {int(row['memory_mb']):,} MB"
            for row in (rows[one.name, what] for what in ("notebook", "grading"))
        ]
        lines.append(f"| `{one.name}` | {' | '.join(cells)} |")
    (machine,) = {row["machine"] for row in rows.values()}
    return "\n".join([*lines, "", f"Machine: {machine}."])


def course_page() -> str:
    """Return the page on the course, `course.md`."""
    parts = {"ASSIGNMENTS": assignments_table(), "OUTCOMES": outcomes(), "COSTS": costs_table()}
    text = source("course/kit/course.md")
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda mark: parts[mark[1]], text)


def notes_page() -> str:
    """Return the instructor's notes on all lessons."""
    return source("course/kit/instructor-notes.md")


def pages() -> dict[str, str]:
    """Return the text of each page by its file's name."""
    return {"course.md": course_page(), "instructor-notes.md": notes_page()}


if __name__ == "__main__":
    for name, text in pages().items():
        write_bytes(CLONE / "docs" / name, text.encode())
