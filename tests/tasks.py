"""Jobs for tests of executors; workers import this file."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from pdlearn.jobs import Progress

SOON = 120.0  # seconds


def wait_until(condition, process=None):
    deadline = time.monotonic() + SOON
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclass(frozen=True)
class Counting:
    """Counts the calls in a file, a line with the process's number each, and ends as told.

    `ends` has for each call: the result, the name of a signal for its own process, an error's
    text, or "wait", to work until it is interrupted.
    """

    name: str
    folder: Path
    ends: tuple = (1,)

    @property
    def calls(self):
        return self.folder / f"{self.name}.calls"

    def progress(self):
        done = self.calls.read_text().count("\n") if self.calls.exists() else 0
        return Progress(done, len(self.ends), "calls", "score 3")

    def __call__(self):
        with open(self.calls, "a") as file:
            file.write(f"{os.getpid()} {torch.get_num_threads()}\n")
        end = self.ends[self.progress().done - 1]
        if end in ("SIGKILL", "SIGTERM"):
            os.kill(os.getpid(), signal.Signals[end])
            time.sleep(SOON)
        if end == "wait":
            begun = time.monotonic()
            try:
                time.sleep(SOON)
            finally:
                if time.monotonic() < begun + SOON:  # the sleep was interrupted
                    (self.folder / f"{self.name}.saved").touch()
        if isinstance(end, str):
            raise ValueError(end)
        return end


def numbers(job):
    """Return the process's number of each call."""
    return [int(line.split()[0]) for line in job.calls.read_text().splitlines()]


@dataclass(frozen=True)
class Standstill(Counting):
    """Never has progress."""

    def progress(self):
        return None

    def __call__(self):
        with open(self.calls, "a") as file:
            file.write(f"{os.getpid()}\n")
        os.kill(os.getpid(), signal.SIGKILL)
