"""Write a new course: the sources of all assignments, the configuration and the pages."""

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from pdlearn.course.assignments import ASSIGNMENTS
from pdlearn.course.handouts import write_handouts
from pdlearn.course.notebooks import source_notebook
from pdlearn.course.otter import otter_notebook
from pdlearn.course.pages import pages
from pdlearn.course.parts import Assignment
from pdlearn.course.quiz import questions, write_gift, write_json
from pdlearn.files import write_bytes
from pdlearn.web.pages import source

KIT = "course/kit"


def begin(course: Path, otter: bool = False) -> list[Path]:
    """Write a course to a new or empty folder; return its files.

    The assignments are sources for nbgrader, or for otter-grader.

    Raises ValueError for a folder that holds something.
    """
    if course.exists() and any(course.iterdir()):
        raise ValueError(f"{course} is not empty; expected a new folder for the course")
    course.mkdir(parents=True, exist_ok=True)
    course_id = re.sub(r"[^A-Za-z0-9_-]", "-", course.resolve().name)
    texts = {
        "nbgrader_config.py": source(f"{KIT}/nbgrader_config.txt").replace("COURSE_ID", course_id),
        **pages(),
        "Dockerfile": source(f"{KIT}/Dockerfile"),
    }
    for name, text in texts.items():
        write_bytes(course / name, text.encode())
    quiz = course / "quiz"
    write_json(quiz / "questions.json", questions())
    write_gift(quiz / "questions.gift", questions())
    if otter:
        sources = write_sources(course / "otter", otter_notebook)
    else:
        sources = write_sources(course / "source", source_notebook)
    lessons = write_handouts(course / "lessons")
    return [*(course / name for name in texts), *sorted(quiz.iterdir()), *lessons, *sources]


def write_sources(folder: Path, build: Callable[[Assignment], NotebookNode]) -> list[Path]:
    """Write the source of each assignment to `folder/NAME/NAME.ipynb`; return the files."""
    paths = []
    for assignment in ASSIGNMENTS:
        path = folder / assignment.name / f"{assignment.name}.ipynb"
        write_bytes(path, (nbformat.writes(build(assignment)) + "\n").encode())
        paths.append(path)
    return paths
