"""Grade submissions: thin calls of nbgrader's API, with settings that make it safe.

Every submission runs in a kernel of its own (`kernel`): confined, timed, and started afresh. What
nbgrader does not record (why a submission failed, the assessment of an agent, what an instructor
should look at) is in the submission's note (`notes`).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any  # nbgrader has no types

import nbformat

from pdlearn.course import kernel
from pdlearn.course.artefacts import assess_apart, report_note
from pdlearn.course.handing import nbgrader_of
from pdlearn.course.notes import (
    Note,
    agent_found,
    flag_equal_agents,
    known_of,
    read_notes,
    write_notes,
)
from pdlearn.course.parts import Assignment
from pdlearn.files import write_bytes

# What has no place in an answer; an instructor is told to look, and nothing is taken off.
UNUSUAL = re.compile(
    r"\b(?:marking|setprofile|settrace|_getframe|get_ipython|builtins|ctypes|gc|subprocess|socket|"
    r"importlib)\b|sys\.modules|os\.system|\.ipynb|\bIn\["
)


@dataclass(frozen=True)
class Limits:
    """What a submission may use."""

    cell_seconds: int = 30
    notebook_seconds: int = 600
    memory_bytes: int = 4_000_000_000
    file_bytes: int = 100_000_000


def promises() -> str:
    """Return a sentence on what this machine does to a submission, found by trying it."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pdlearn.course.confinement"], capture_output=True, text=True
    )
    held = json.loads(done.stdout) if done.returncode == 0 else {}
    said = [f"{what}: {'yes' if ok else 'NO'}" for what, ok in held.items()]
    return f"submissions are confined ({'; '.join(said) or 'time alone'})"


def grade(
    course: Path, assignment: Assignment, limits: Limits = Limits(), students: tuple[str, ...] = ()
) -> Iterator[tuple[str, Note]]:
    """Grade submissions of an assignment, by default all; yield each student with a note."""
    api = nbgrader_of(course)
    api.config.Execute.kernel_name = kernel.NAME
    api.config.Execute.timeout = limits.cell_seconds
    api.config.KernelManager.transport = "ipc"  # the kernel has no network
    submitted = course / "submitted"
    found = sorted(
        path.parent.name for path in submitted.glob(f"*/{assignment.name}") if path.is_dir()
    )
    if unknown := set(students) - set(found):
        raise ValueError(f"no submission of {assignment.name} by {', '.join(sorted(unknown))}")
    if not found:
        raise ValueError(f"no submissions of {assignment.name} in {submitted}; collect them first")
    notes = read_notes(course, assignment)
    for student in students or found:
        note = notes[student] = _grade_one(api, course, assignment, student, limits)
        flag_equal_agents(notes)
        write_notes(course, assignment, notes)
        yield student, note


def _grade_one(
    api: Any, course: Path, assignment: Assignment, student: str, limits: Limits
) -> Note:
    note, place = Note(), course / "submitted" / student / assignment.name
    problem, note.look_at = _inspect(place / assignment.files[0])
    if not problem:
        with _confined_kernel(api, limits), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SQLAlchemy's, of nbgrader's own code
            result = api.autograde(assignment.name, student)
        problem = "" if result["success"] else _why(result)
        note.text = _restored(course, assignment, place / assignment.files[0])
    if problem:
        note.text, note.graded = problem, False
        _give_nothing(api, assignment, student)
        return note
    if assignment.artefact is not None:
        _grade_artefact(api, assignment, student, place, note)
    return note


def _inspect(path: Path) -> tuple[str, list[str]]:
    """Return why a notebook cannot be run, or "", and what in it an instructor should look at."""
    if not path.is_file():
        return f"no notebook {path.name} was handed in", []
    try:
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat, json and jsonschema each have their own
        first = str(error).strip().splitlines()[:1]
        return f"{path.name} is no notebook ({first[0][:100] if first else error!r})", []
    written = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader", {}).get("locked")
    ]
    return "", sorted({found[0] for source in written for found in UNUSUAL.finditer(source)})


def _why(result: dict) -> str:
    said = f"{result.get('error', '')}\n{result.get('log', '')}"
    if "DeadKernelError" in said or "Kernel died" in said or "kernel died" in said:
        return (
            "the kernel ended while the notebook ran: it crashed, or used more memory or time than "
            "a notebook may"
        )
    last = said.strip().splitlines()[-1:]
    return f"the notebook could not be run: {last[0][:200] if last else 'no reason given'}"


def _restored(course: Path, assignment: Assignment, submitted: Path) -> str:
    """Return a sentence on test cells that the student changed or deleted, or ""."""
    released = course / "release" / assignment.name / assignment.files[0]
    if not released.exists():
        return ""
    given, back = (_test_cells(path) for path in (released, submitted))
    restored = sorted(name for name in given if back.get(name) != given[name])
    return f"test cells were restored: {', '.join(restored)}" if restored else ""


def _test_cells(path: Path) -> dict[str, str]:
    """Return the source of each test cell of a notebook by its name."""
    cells = nbformat.read(path, 4).cells
    marks = [(cell.source, cell.metadata.get("nbgrader", {})) for cell in cells]
    return {
        meta["grade_id"]: source
        for source, meta in marks
        if meta.get("grade") and not meta.get("solution") and "grade_id" in meta
    }


@contextmanager
def _confined_kernel(api: Any, limits: Limits) -> Iterator[None]:
    """Let Jupyter find the confined kernel, with folders of its own, while a submission runs."""
    with tempfile.TemporaryDirectory(prefix="pdg-") as made:
        place = Path(made)
        own, runtime = place / "own", place / "run"
        specification = place / "share" / "kernels" / kernel.NAME
        for folder in (own, runtime, specification):
            folder.mkdir(parents=True)
        settings = {
            "argv": [
                sys.executable,
                "-P",
                "-m",
                "pdlearn.course.kernel",
                "-f",
                "{connection_file}",
            ],
            "display_name": kernel.NAME,
            "language": "python",
            "env": {
                **dict.fromkeys(("HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR"), str(own)),
                **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PDLEARN_QUIET"), "1"),
                kernel.LIMITS: json.dumps(asdict(limits)),
            },
        }
        write_bytes(specification / "kernel.json", json.dumps(settings).encode())
        api.config.KernelManager.connection_file = str(runtime / "kernel.json")
        kept = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = str(place / "share")
        try:
            yield
        finally:
            if kept is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = kept


def _give_nothing(api: Any, assignment: Assignment, student: str) -> None:
    """Record 0 points for every cell of a submission that could not be graded."""
    with api.gradebook as gradebook:
        gradebook.update_or_create_student(student)
        submission = gradebook.update_or_create_submission(assignment.name, student)
        for notebook in submission.notebooks:
            for cell in notebook.grades:
                cell.auto_score, cell.manual_score, cell.needs_manual_grade = 0, None, False
        gradebook.db.commit()


def _grade_artefact(
    api: Any, assignment: Assignment, student: str, place: Path, note: Note
) -> None:
    artefact = assignment.artefact
    assert artefact is not None
    assessed = assess_apart(place / artefact.checkpoint, assignment.name)
    points, note.report = report_note(place / artefact.table, artefact, assessed)
    note.artefact = known_of(assessed)
    with api.gradebook as gradebook:
        cell = gradebook.find_grade("artefact", assignment.name, assignment.name, student)
        cell.manual_score, cell.needs_manual_grade = assessed.points + points, False
        comment = gradebook.find_comment("artefact", assignment.name, assignment.name, student)
        comment.auto_comment = agent_found(assessed, note.report)  # shown in Formgrader
        gradebook.db.commit()
