"""The driver of all experiments that train: run what a CSV file lacks, return what it has.

A task is trained as a whole, as a job. It is done when the file has a row for each of its parts:
its games, or its seeds. A stopped experiment therefore continues with the unfinished tasks.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Protocol

from matplotlib.figure import Figure

from pdlearn.jobs import Entry, Executor, Job, no_watch, run
from pdlearn.rows import read_rows, write_rows


class Task(NamedTuple):
    """One training of an experiment; `parts` has for each part the test for its rows."""

    parts: Sequence[Callable[[dict], bool]]
    job: Job  # trains and evaluates; its result is the rows
    shared: Sequence[Job] = ()  # what the job needs; those of one name are run once

    def owns(self, row: dict) -> bool:
        """Return whether `row` belongs to a part of this task."""
        return any(part(row) for part in self.parts)

    def is_done(self, rows: list[dict]) -> bool:
        """Return whether each part has a row."""
        return all(any(part(row) for row in rows) for part in self.parts)


class Kind(Protocol):
    """What the modules of experiments that train have in common; `name` is an experiment's."""

    def tasks(
        self, name: str, budget: str, games: Sequence[str], seeds: Sequence[int], *, folder: Path
    ) -> list[Task]:
        """Return the tasks; without `games`, those of the experiment."""

    def told(self, row: dict) -> str:
        """Return a line on a new row."""

    def picture(self, rows: Sequence[dict], name: str) -> Figure | None:
        """Return the figure of the rows of the CSV file; None if they have none."""

    def table(self, rows: Sequence[dict], name: str) -> str:
        """Return a Markdown table of rows."""


def run_missing(
    path: Path,
    tasks: Sequence[Task],
    executor: Executor,
    folder: Path,
    *,
    watch: Callable[[Sequence[Entry]], None] = no_watch,
) -> Generator[dict, None, None]:
    """Run the tasks that are not done in the CSV file; yield their rows once the file has them.

    The shared jobs are run first. In the file the rows of `tasks` are in the order of the tasks, in
    whatever order these end, after other rows. The rows of a task that is partly done are replaced.
    """

    def place(row: dict) -> int:
        return next((number for number, task in enumerate(tasks) if task.owns(row)), -1)

    rows = read_rows(path)
    missing = [task for task in tasks if not task.is_done(rows)]
    shared = {job.name: job for task in missing for job in task.shared}
    with closing(run(shared.values(), executor, folder, watch=watch)) as made:
        for _ in made:
            pass
    with closing(run([t.job for t in missing], executor, folder, watch=watch)) as results:
        for job, new in results:
            (task,) = (task for task in missing if task.job is job)
            others = [row for row in read_rows(path) if not task.owns(row)]
            # Compared as the file will give them back.
            texts = [{key: str(value) for key, value in row.items()} for row in new]
            write_rows(path, sorted([*others, *texts], key=place))
            yield from new


def finished_rows(path: Path, tasks: Iterable[Task]) -> list[dict]:
    """Return the rows of the CSV file that belong to `tasks`, in the order of the file."""
    tasks = list(tasks)
    return [row for row in read_rows(path) if any(task.owns(row) for task in tasks)]
