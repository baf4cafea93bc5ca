"""Give out and take in: the calls of nbgrader that release assignments and collect submissions."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any  # nbgrader has no types

from pdlearn.course.parts import Assignment
from pdlearn.files import write_bytes

CONFIG = "nbgrader_config.py"
STUDENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")
LARGEST_BYTES = 64_000_000  # of a file handed in


def nbgrader_of(course: Path) -> Any:
    """Return nbgrader's API for a course, with the course's configuration.

    Raises ValueError if there is no course or no nbgrader.
    """
    if not (course / CONFIG).exists():
        raise ValueError(
            f"{course} is no course: it has no {CONFIG}; `pdlearn course init` makes one"
        )
    try:
        from nbgrader.apps.api import NbGraderAPI
    except ImportError as error:
        raise ValueError('nbgrader is not installed: pip install "pdlearn[grading]"') from error
    from traitlets.config import PyFileConfigLoader

    # nbgrader starts alembic by its name, which only an activated environment has on its path.
    own = str(Path(sys.executable).parent)
    if own not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", "")])
    config = PyFileConfigLoader(CONFIG, path=str(course.resolve())).load_config()
    config.CourseDirectory.root = str(course.resolve())
    config.NbGraderAPI.log_level = "WARN"
    return NbGraderAPI(config=config)


def gradebook_of(course: Path) -> Any:
    """Return nbgrader's gradebook of a course, to use in a `with` block."""
    return nbgrader_of(course).gradebook


def _checked(result: dict, doing: str) -> str:
    """Return the log of a call of nbgrader's; raise ValueError with its error if it failed."""
    if not result["success"]:
        lines = (result.get("error") or result.get("log") or "no reason given").splitlines()
        raise ValueError(f"nbgrader could not {doing}: {lines[-1].strip()}")
    return result.get("log", "")


def release(course: Path, names: list[str], exchange: bool = False) -> None:
    """Make the students' versions in `release/`; with `exchange`, also put them in nbgrader's."""
    api = nbgrader_of(course)
    for name in names:
        _checked(api.generate_assignment(name), f"make {name}")
        if exchange:
            _checked(api.release_assignment(name), f"release {name} to the exchange")


def collect(course: Path, assignment: Assignment, folder: Path | None) -> dict[str, str]:
    """Bring submissions to `submitted/`; return a sentence for each student of what was taken.

    `folder` holds a folder for each student, named by the student, from any learning system. With
    None they come from nbgrader's exchange.
    """
    if folder is None:
        api = nbgrader_of(course)
        _checked(api.collect(assignment.name), f"collect {assignment.name}")
        students = api.get_submitted_students(assignment.name)
        return dict.fromkeys(sorted(students), "collected from the exchange")
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder; expected one with a folder for each student")
    return {
        place.name: _collect_one(course, assignment, place)
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }


def _collect_one(course: Path, assignment: Assignment, place: Path) -> str:
    if not STUDENT.fullmatch(place.name):
        return "not taken: a student's name has letters, digits and _ . @ - alone"
    inside = place / assignment.name if (place / assignment.name).is_dir() else place
    files = {
        path.name: path for path in inside.iterdir() if path.is_file() and not path.is_symlink()
    }
    notebook = assignment.files[0]
    others = [name for name in files if name.endswith(".ipynb")]
    if notebook not in files and len(others) == 1:  # systems rename what is uploaded
        files[notebook] = files[others[0]]
    target = course / "submitted" / place.name / assignment.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    taken = []
    for name in assignment.files:
        if name in files and files[name].stat().st_size <= LARGEST_BYTES:
            write_bytes(target / name, files[name].read_bytes())
            taken.append(name)
    return f"took {', '.join(taken)}" if taken else f"took nothing: there is no {notebook}"
