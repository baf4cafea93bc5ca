"""`pdlearn course`: set, collect and grade the lessons' exercises as a course."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.refusals import refuse_unused
from pdlearn.schema import Range


def course(
    action: Annotated[
        Literal["init", "release", "collect", "grade", "report"], tyro.conf.Positional
    ],
    folder: Annotated[Path, tyro.conf.Positional],
    assignment: Annotated[str | None, tyro.conf.Positional] = None,
    *,
    submissions: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
    student: tuple[str, ...] = (),
    format: Literal["nbgrader", "otter"] | None = None,
    exchange: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    cell_seconds: Annotated[int | None, Range(1, 86_400)] = None,
    notebook_seconds: Annotated[int | None, Range(1, 604_800)] = None,
    memory_gb: Annotated[float | None, Range(0.1, 10_000)] = None,
) -> None:
    """Set, collect and grade the lessons' exercises as an nbgrader course.

    Args:
        action: init writes a course; release makes the students' versions; collect brings in
            submissions; grade runs and marks them; report writes CSV and pages
        folder: the course
        assignment: which one (default: all; collect and grade need one)
        submissions: a folder with a folder for each student (collect; default: nbgrader's exchange)
        student: grade these alone
        format: of the assignments' sources (init; default: nbgrader)
        exchange: put what is released in nbgrader's exchange too
        cell_seconds: time of a cell (grade; default: 30)
        notebook_seconds: time of a notebook (grade; default: 600)
        memory_gb: memory of a notebook, in gigabytes (grade; default: 4)
    """
    used = {
        "init": {"format"}, "release": {"exchange"}, "report": set(), "collect": {"from"},
        "grade": {"student", "cell-seconds", "notebook-seconds", "memory-gb"},
    }[action]  # fmt: skip
    given = {
        "from": submissions, "student": student, "format": format, "exchange": exchange,
        "cell-seconds": cell_seconds, "notebook-seconds": notebook_seconds, "memory-gb": memory_gb,
    }  # fmt: skip
    refuse_unused(f"with {action}", **{k: v for k, v in given.items() if k not in used})
    if action in ("init", "report") and assignment is not None:
        raise ValueError(f"expected no assignment with {action}; got {assignment}")

    from pdlearn.course import grading, handing, reports, starting
    from pdlearn.course.assignments import BY_NAME, assignment_by_name

    if action == "init":
        files = starting.begin(folder, otter=format == "otter")
        print(f"{folder}: {len(files)} files; begin with {folder / 'course.md'}")
        return
    if action == "report":
        for path in reports.write_reports(folder):
            print(path)
        return
    if assignment is None:
        if action != "release":
            raise ValueError(f"{action} needs an assignment: {', '.join(BY_NAME)}")
        names = list(BY_NAME)
    else:
        names = [assignment_by_name(assignment).name]
    if action == "release":
        handing.release(folder, names, exchange)
        for name in names:
            print(folder / "release" / name)
        return
    chosen = BY_NAME[names[0]]
    if action == "collect":
        for name, sentence in handing.collect(folder, chosen, submissions).items():
            print(f"{name}: {sentence}")
        return
    limits = grading.Limits(
        cell_seconds or 30, notebook_seconds or 600, int((memory_gb or 4.0) * 1e9)
    )
    print(grading.promises())
    for name, note in grading.grade(folder, chosen, limits, student):
        print(f"{name}: {note.text or 'graded'}", flush=True)
