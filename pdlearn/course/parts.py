"""The parts of an assignment.

An `Exercise` names a lesson's exercise by its checker; its text and its solution are the lesson's.
A `Written` question is graded by hand, an `Artefact` by assessing the file that is handed in.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Exercise:
    """A function to write, tested by visible and hidden inputs."""

    lesson: str
    check: str  # the name of the exercise's checker in `pdlearn.exercises`
    points: float = 10


@dataclass(frozen=True)
class Written:
    """A question answered in words; `rubric` holds points and what they are for."""

    name: str
    title: str
    text: str
    rubric: tuple[tuple[float, str], ...]
    answer: str  # a model answer, for the grader alone
    minutes: int = 10

    @property
    def points(self) -> float:
        return sum(points for points, _ in self.rubric)


@dataclass(frozen=True)
class Artefact:
    """A trained agent to hand in; `bands` hold a number of parameters and their share of points."""

    title: str
    text: str
    games: tuple[str, ...]  # the agent must play one of them
    bands: tuple[tuple[int, float], ...]
    points: float
    episodes: int = 12
    checkpoint: ClassVar[str] = "agent.safetensors"
    table: ClassVar[str] = "results.csv"


@dataclass(frozen=True)
class Assignment:
    """A notebook to hand in: its parts in order, and what it shows."""

    name: str
    title: str
    after: str  # the lessons to read first
    minutes: int
    outcomes: tuple[str, ...]
    parts: tuple[Exercise | Written | Artefact, ...]

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)

    @property
    def artefact(self) -> Artefact | None:
        """The agent to hand in, if there is one."""
        return next((part for part in self.parts if isinstance(part, Artefact)), None)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files to hand in."""
        extra = (Artefact.checkpoint, Artefact.table) if self.artefact else ()
        return (f"{self.name}.ipynb", *extra)
