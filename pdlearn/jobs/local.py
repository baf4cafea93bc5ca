"""The executor on this machine: processes, each started as a new program for one job.

A process that dies takes no other job with it. A job begins in the same state whatever ran before.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from typing import Any


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalExecutor(ThreadPoolExecutor):
    """Run up to `workers` functions at once, each in a process of its own with one thread.

    The functions and their arguments are pickled, so their classes must be importable: not defined
    in a notebook or in a script. A future raises BrokenExecutor if its process ended without a
    result.
    """

    def __init__(self, workers: int | None = None):
        super().__init__(workers or usable_cores())

    def submit(self, function: Callable, /, *arguments: Any) -> Future:  # type: ignore[override]
        """Run `function(*arguments)` in a process; return its future."""
        return super().submit(in_process, function, *arguments)


def in_process(function: Callable, *arguments: Any) -> Any:
    """Return `function(*arguments)`, computed by a new process."""
    given = pickle.dumps((function, arguments))
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # In a session of its own, so that Ctrl-C in the terminal reaches this process alone.
    process = subprocess.Popen(
        [sys.executable, "-m", "pdlearn.jobs.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | environment, start_new_session=True,
    )  # fmt: skip
    result, said = process.communicate(given)
    if process.returncode == 0:
        if sys.stderr is not None:
            sys.stderr.write(said.decode(errors="replace"))
        return pickle.loads(result)
    lines = said.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    raise BrokenExecutor(f"a worker ended with {_status(process.returncode)}. {last}".strip(". "))


def _status(code: int) -> str:
    return f"status {code}" if code >= 0 else signal.Signals(-code).name
