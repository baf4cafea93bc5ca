"""The pages of the course: what an instructor needs to know, and notes for each lesson.

They are written into a course, and into `docs/` by `python -m pdlearn.course.pages`.
"""

import re

from pdlearn.course.assignments import ASSIGNMENTS
from pdlearn.course.parts import Artefact, Exercise
from pdlearn.lessons.places import CLONE
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


def course_page() -> str:
    """Return the page on the course, `course.md`."""
    parts = {"ASSIGNMENTS": assignments_table(), "OUTCOMES": outcomes()}
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
        (CLONE / "docs" / name).write_text(text, "utf-8")
