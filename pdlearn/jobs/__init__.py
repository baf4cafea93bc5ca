"""Many trainings and experiments, on one machine or on many.

A job is a picklable configuration. Called in any process, it goes on with what earlier calls left
in its files and returns its result. So a job that was stopped, or whose worker was lost, is simply
called again. `run` gives jobs to an executor of the form of `concurrent.futures`: `submit` returns
a future with `done`, `result` and `cancel`. On a cluster, the files are on a shared file system.
"""

import os
import socket
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pdlearn.files import write_bytes
from pdlearn.jobs.attempts import Outcome, attempt

POLL_SECONDS = 0.2
MOST_LOSSES = 3  # of workers, one after another, without progress in between
_calls = count()


class Progress(NamedTuple):
    """How far a job is."""

    done: int
    total: int
    unit: str
    figure: str  # what tells how good it is, such as "score 12.5"


class Job(Protocol):
    """What `run` runs; its class is importable, and its fields can be pickled."""

    @property
    def name(self) -> str: ...

    def progress(self) -> Progress | None:
        """Return the progress that the job's files tell; None before there is any."""

    def __call__(self) -> Any:
        """Do what is left to do, and return the result."""


class Executor(Protocol):
    """What runs a function elsewhere; see `concurrent.futures.Executor`."""

    def submit(self, function: Callable, /, *arguments: Any) -> Any: ...


@dataclass
class Entry:
    """A job of a call of `run`, and what became of it."""

    job: Job
    state: str = "open"  # open, done or failed
    told: str = ""  # why it failed, or why its worker was lost
    losses: int = 0  # of workers since the last progress
    done_at_loss: int = 0

    def lose_worker(self, told: str) -> bool:
        """Count a lost worker; return whether the job may have another one."""
        progress = self.job.progress()
        done = progress.done if progress else 0
        self.losses = self.losses + 1 if done <= self.done_at_loss else 1
        self.done_at_loss, self.told = done, told
        return self.losses < MOST_LOSSES


def no_watch(entries: Sequence[Entry]) -> None:
    """Show nothing."""


def run(
    jobs: Iterable[Job],
    executor: Executor,
    folder: Path,
    *,
    watch: Callable[[Sequence[Entry]], None] = no_watch,
) -> Generator[tuple[Any, Any], None, None]:
    """Run `jobs` on `executor`, begun in their order; yield each with its result as it ends.

    `folder` is one that all workers see. A job whose worker is lost, or was stopped from outside,
    is run again, up to three times without progress. Closing the iterator, Ctrl-C and an error
    stop all jobs and wait until they have saved. `watch` is called again and again.

    Raises ValueError after the last job if some failed, with their reasons, and before the first
    for two jobs of one name.
    """
    entries = [Entry(job) for job in jobs]
    names = [entry.job.name for entry in entries]
    if len(set(names)) < len(names):
        raise ValueError(f"expected jobs of different names; got {', '.join(names)}")
    stop = folder / f".stop-{socket.gethostname()}-{os.getpid()}-{next(_calls)}"
    given: dict[Any, Entry] = {}
    try:
        for entry in entries:
            given[executor.submit(attempt, entry.job, stop)] = entry
        while given:
            watch(entries)
            ended = [future for future in given if future.done()]
            if not ended:
                time.sleep(POLL_SECONDS)
            for future in ended:
                entry = given.pop(future)
                outcome = outcome_of(future)
                if outcome.kind == "done":
                    entry.state, entry.told = "done", ""
                    watch(entries)
                    yield entry.job, outcome.value
                elif outcome.kind != "failed" and entry.lose_worker(outcome.told):
                    given[executor.submit(attempt, entry.job, stop)] = entry
                else:
                    lost = "" if outcome.kind == "failed" else f"lost {entry.losses} workers, "
                    entry.state, entry.told = "failed", f"{lost}{outcome.told}"
    finally:
        if given:
            write_bytes(stop, b"")
            for future in given:
                future.cancel()  # if it has not begun
            while not all(future.done() for future in given):
                time.sleep(POLL_SECONDS)
            stop.unlink()
    watch(entries)
    failed = [f"{entry.job.name}: {entry.told}" for entry in entries if entry.state == "failed"]
    if failed:
        raise ValueError(f"{len(failed)} of {len(entries)} jobs failed. {'. '.join(failed)}")


def outcome_of(future: Any) -> Outcome:
    """Return the outcome of an attempt that ended; without one its worker was lost."""
    try:
        return future.result()
    except Exception as error:  # every executor has exceptions of its own for a lost worker
        return Outcome("lost", told=" ".join(str(error).split())[-300:] or type(error).__name__)
