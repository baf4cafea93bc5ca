"""The driver of all experiments that train: run what a CSV file lacks, return what it has.

A task is trained as a whole. It is done when the file has a row for each of its parts: its games,
or its seeds. A stopped experiment therefore continues with the first unfinished task.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from pdlearn.rows import read_rows, write_rows


class Task(NamedTuple):
    """One training of an experiment; `parts` has for each part the test for its rows."""

    parts: Sequence[Callable[[dict], bool]]
    run: Callable[[], list[dict]]  # trains, evaluates and returns the rows

    def owns(self, row: dict) -> bool:
        """Return whether `row` belongs to a part of this task."""
        return any(part(row) for part in self.parts)

    def is_done(self, rows: list[dict]) -> bool:
        """Return whether each part has a row."""
        return all(any(part(row) for row in rows) for part in self.parts)


def no_training(*arguments: object) -> NoReturn:
    """Raise RuntimeError: tasks made to look up finished rows are not run."""
    raise RuntimeError("expected finished rows only; got a task to run")


def run_missing(path: Path, tasks: Iterable[Task]) -> Iterator[dict]:
    """Run the tasks that are not done in the CSV file; yield their rows once the file has them.

    The rows of a task that is partly done are replaced.
    """
    for task in tasks:
        if task.is_done(read_rows(path)):
            continue
        new = task.run()
        write_rows(path, [*(row for row in read_rows(path) if not task.owns(row)), *new])
        yield from new


def finished_rows(path: Path, tasks: Iterable[Task]) -> list[dict]:
    """Return the rows of the CSV file that belong to `tasks`, in the order of the file."""
    tasks = list(tasks)
    return [row for row in read_rows(path) if any(task.owns(row) for task in tasks)]
