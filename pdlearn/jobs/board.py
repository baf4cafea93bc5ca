"""A table of all jobs of a call of `run`, drawn while they work."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

from pdlearn.jobs import Entry

DRAW_SECONDS = 2.0  # in a terminal
PRINT_SECONDS = 60.0  # elsewhere, such as in a file
UP, CLEAR_BELOW = "\033[{}A", "\033[J"


class Board:
    """Show jobs on standard error: redrawn in a terminal, printed each minute elsewhere.

    The table has the jobs that are at work: name, steps or updates, score, and the time left at the
    speed of this call. Quiet where PDLEARN_QUIET is set, and where standard error is closed.
    """

    def __init__(self, stream: TextIO | None = None):
        self._stream = sys.stderr if stream is None else stream
        self._before: dict[str, int] = {}  # by job: how far it was before this call
        self._first: dict[str, tuple[float, int]] = {}  # by job: its first progress, and when
        self._drawn_lines = 0
        self._next = time.monotonic()

    def __call__(self, entries: Sequence[Entry]) -> None:
        """Draw the table if it is time to, or if all jobs have ended."""
        ended = all(entry.state != "open" for entry in entries)
        quiet = bool(os.environ.get("PDLEARN_QUIET")) or self._stream is None
        if quiet or not entries or (time.monotonic() < self._next and not ended):
            return
        terminal = self._stream.isatty()
        self._next = time.monotonic() + (DRAW_SECONDS if terminal else PRINT_SECONDS)
        lines = self.lines(entries, time.monotonic())
        self.clear()
        if terminal:
            width, height = shutil.get_terminal_size()
            lines = [line[: width - 1] for line in lines[: height - 1]]
            self._drawn_lines = len(lines)
        self._stream.write("".join(f"{line}\n" for line in lines))
        self._stream.flush()

    def clear(self) -> None:
        """Remove the table from a terminal, so that a line can be printed in its place."""
        if self._drawn_lines:
            self._stream.write(UP.format(self._drawn_lines) + CLEAR_BELOW)
            self._stream.flush()
            self._drawn_lines = 0

    def lines(self, entries: Sequence[Entry], now: float) -> list[str]:
        """Return the table at the time `now` in seconds, a line for each job at work."""
        table = []
        for entry in entries:
            if entry.state == "open" and (cells := self._cells(entry, now)):
                table.append(cells)
        done = sum(entry.state == "done" for entry in entries)
        failed = sum(entry.state == "failed" for entry in entries)
        waiting = len(entries) - done - failed - len(table)
        head = f"{done} done, {len(table)} at work, {waiting} waiting"
        head += f", {failed} failed" if failed else ""
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rows = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
        return [head, *rows]

    def _cells(self, entry: Entry, now: float) -> list[str]:
        """Return the cells of a job's line; none before it has progress in this call."""
        job = entry.job
        progress = job.progress()
        before = self._before.setdefault(job.name, 0 if progress is None else progress.done)
        if progress is None or (progress.done == before and job.name not in self._first):
            return []
        since, first = self._first.setdefault(job.name, (now, progress.done))
        left = "–"
        if progress.done > first:
            speed = (progress.done - first) / (now - since)  # a second
            left = duration((progress.total - progress.done) / speed)
        share = 100 * progress.done / max(progress.total, 1)
        told = f"a worker was lost: {entry.told}" if entry.told else ""
        return [
            job.name, f"{progress.done:,} of {progress.total:,} {progress.unit} ({share:.0f} %)",
            progress.figure, f"{left} left", told,
        ]  # fmt: skip


def duration(seconds: float) -> str:
    """Return a time in hours, minutes or seconds."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"
