"""What is known of a submission beside nbgrader's marks: `grading/ASSIGNMENT.json` of a course."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pdlearn.course.artefacts import Assessment
from pdlearn.course.parts import Assignment
from pdlearn.files import read_bytes, write_bytes
from pdlearn.schema import load_json


@dataclass
class Note:
    """What is known of a submission."""

    text: str = ""  # why it could not be graded, or what was restored
    graded: bool = True
    artefact: dict = field(default_factory=dict)  # an Assessment
    report: str = ""  # a sentence on the CSV file handed in
    look_at: list[str] = field(default_factory=list)


def flag_equal_agents(notes: dict[str, Note]) -> None:
    """Say of each student who handed in the same weights; an instructor decides what it means."""
    owners: dict[str, list[str]] = {}
    for student, note in notes.items():
        if mark := note.artefact.get("fingerprint"):
            owners.setdefault(mark, []).append(student)
    for note in notes.values():
        note.look_at = [what for what in note.look_at if not what.startswith("same weights")]
    for students in owners.values():
        for student in students:
            if others := [other for other in students if other != student]:
                notes[student].look_at.append(f"same weights as {', '.join(sorted(others))}")


def _notes_path(course: Path, assignment: Assignment) -> Path:
    return course / "grading" / f"{assignment.name}.json"


def read_notes(course: Path, assignment: Assignment) -> dict[str, Note]:
    """Return the note on each graded submission of an assignment."""
    path = _notes_path(course, assignment)
    if not path.exists():
        return {}
    try:
        return {student: Note(**note) for student, note in load_json(read_bytes(path)).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected notes as `course grade` writes ({error})") from None


def write_notes(course: Path, assignment: Assignment, notes: dict[str, Note]) -> None:
    """Write the note on each graded submission of an assignment."""
    plain = {student: asdict(note) for student, note in sorted(notes.items())}
    write_bytes(_notes_path(course, assignment), json.dumps(plain, indent=1).encode())


def agent_found(assessed: Assessment, report: str) -> str:
    """Return what is said of an agent and of the CSV file beside it."""
    return f"Agent: {assessed.note}." + (f" {report}." if report else "")


def known_of(assessed: Assessment) -> dict:
    """Return the entries of an assessment without those that are NaN, which JSON does not have."""
    return {name: value for name, value in asdict(assessed).items() if value == value}


def assessment_of(note: Note) -> Assessment | None:
    """Return the assessment of the agent that was handed in, if there is one."""
    return Assessment(**note.artefact) if note.artefact else None
