"""The queue of `jobs.run`: a simulation, and a real run of two workers to compare it with."""

import heapq
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pdlearn.jobs import Progress, run
from pdlearn.jobs.local import LocalExecutor

MEASURED_JOBS = (6.0, 3.0, 9.0, 4.0, 5.0, 8.0)  # seconds


def simulate(
    hours: Sequence[float], workers: int, losses: Sequence[float] = (), lost_hours: float = 0.0
) -> float:
    """Return the hours until all jobs are done, which take `hours` and are begun in this order.

    A worker that is free takes the next job. `losses` are the times at which a worker is lost; its
    job, the one that ends next, then takes `lost_hours` more.
    """
    ends: list[float] = []  # of the jobs at work
    waiting = list(reversed(hours))
    now, coming = 0.0, sorted(losses)
    while waiting or ends:
        while waiting and len(ends) < workers:
            heapq.heappush(ends, now + waiting.pop())
        now = heapq.heappop(ends)
        if coming and coming[0] <= now:
            coming.pop(0)
            heapq.heappush(ends, now + lost_hours)
    return now


@dataclass(frozen=True)
class Sleep:
    """Sleep for some seconds, counted in a file, and at `lost_at` once kill the process."""

    name: str
    folder: Path
    seconds: float
    lost_at: float | None = None

    def progress(self) -> Progress:
        """Return the tenths of a second that it has slept."""
        path = self.folder / self.name
        done = path.stat().st_size if path.exists() else 0
        return Progress(done, round(10 * self.seconds), "tenths", "")

    def __call__(self) -> float:
        """Sleep for what is left; return the time at which this call began."""
        begun = time.time()
        with open(self.folder / self.name, "ab", buffering=0) as file:
            while file.tell() < 10 * self.seconds:
                time.sleep(0.1)
                file.write(b".")
                if self.lost_at is not None and file.tell() == round(10 * self.lost_at):
                    os._exit(1)  # as if killed
        return begun


def measure(folder: Path, lost: bool) -> dict[str, Any]:
    """Run the jobs by two local processes; return the row of what it took and should take."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        Sleep(f"job{number}", folder, seconds, 2.0 if lost and number == 2 else None)
        for number, seconds in enumerate(MEASURED_JOBS)
    ]
    with LocalExecutor(2) as executor:
        # What a process needs before its job begins, on this machine and under its load.
        asked = time.time()
        warm = [Sleep(f"warm{number}", folder, 0.0) for number in range(4)]
        begun = [result for _, result in run(warm, executor, folder)]
        start = (time.time() - asked) / 2
        assert len(begun) == 4
        asked = time.time()
        for _ in run(jobs, executor, folder):
            pass
        took = time.time() - asked
    needed = [start + job.seconds for job in jobs]
    losses = [needed[0] + 0.1] if lost else []
    return {
        "workers": 2, "jobs": len(jobs), "losses": int(lost), "start_seconds": round(start, 2),
        "measured_seconds": round(took, 2),
        "simulated_seconds": round(simulate(needed, 2, losses, start), 2),
        "version": version("pdlearn"),
    }  # fmt: skip
