"""Paired scores: a row of an experiment keeps every episode of a student and of its teacher.

The columns `EPISODES` are numbers separated by spaces, in the order of the starts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pdlearn.statistics import by_start

EPISODES = ("starts", "scores", "steps", "teacher_scores", "teacher_steps")


class Episodes(NamedTuple):
    """The episodes of an agent, in the order of `start_list`."""

    starts: list[int]
    scores: list[float]
    steps: list[int]
    protocol: str


def episode_columns(student: Episodes, teacher: Episodes) -> dict[str, str]:
    """Return the columns `EPISODES` of a row.

    Raises ValueError for different starts or protocols, whose scores are not paired.
    """
    if (student.starts, student.protocol) != (teacher.starts, teacher.protocol):
        raise ValueError(
            f"expected the teacher's starts and protocol, {teacher.starts} and "
            f"{teacher.protocol!r}; got {student.starts} and {student.protocol!r}"
        )
    lists: tuple[Sequence[float], ...] = (
        student.starts, student.scores, student.steps, teacher.scores, teacher.steps
    )  # fmt: skip
    return {
        name: " ".join(f"{number:.10g}" for number in numbers)
        for name, numbers in zip(EPISODES, lists, strict=True)
    }


def is_paired(row: dict) -> bool:
    """Return whether the row keeps the episodes of the student and of its teacher."""
    return bool(row.get("teacher_scores"))


def paired_scores(rows: Sequence[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of a student and of its teacher, `[seeds, starts, episodes]` each.

    `rows` are of one student in one game, a row for each training seed. Where a seed has more
    episodes of each start than another one, only its first ones count, as many as all seeds have: a
    shipped file is evaluated for longer than a run of an experiment. Raises ValueError for seeds
    with different numbers of starts.
    """
    both = [
        [
            by_start(_numbers(row["starts"]), _numbers(row[name]))
            for name in ("scores", "teacher_scores")
        ]
        for row in rows
    ]
    counts = sorted({len(scores) for each in both for scores in each})
    if len(counts) != 1:
        raise ValueError(f"expected as many starts of each seed; got {counts}")
    fewest = min(scores.shape[1] for each in both for scores in each)
    students, teachers = zip(*both, strict=True)
    return (
        np.stack([scores[:, :fewest] for scores in students]),
        np.stack([scores[:, :fewest] for scores in teachers]),
    )


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split()]
