"""Disks that are slow: writes that take long, and Ctrl-C while they do."""

import builtins
import contextlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from campaign import Case, Kept, Lost
from parts import GAME, Files, config

from pdlearn import DQN, files, rows, runs
from pdlearn.checkpoints import load_whole, save_agent
from pdlearn.commands.bars import follow
from pdlearn.progress import Bar
from pdlearn.rows import read_rows, write_rows
from pdlearn.run_files import read_state
from pdlearn.starts import load_starts, save_starts


def slow_disks(found: Files) -> Iterator[Case]:
    """Yield writes and runs on a disk that is slow; some are interrupted by Ctrl-C meanwhile."""
    agent = load_whole(found.run / "agent.safetensors")
    writes: dict[str, Callable[[Path], Any]] = {
        "agent": lambda path: save_agent(path, agent),
        "starts": lambda path: save_starts(path, load_starts("freeway")),
        "rows": lambda path: write_rows(path, [{"a": 1}]),
    }
    for what, write in writes.items():

        def late(what: str = what, write: Any = write) -> None:
            path = _new(found, what) / "file"
            path.write_bytes(b"old")
            with slow_disk():
                write(path)
            if path.read_bytes() == b"old" or len(list(path.parent.iterdir())) != 1:
                raise Lost("the new file is not there, or a part is left")
            raise Kept("the new file, late")

        yield Case(f"{what}: a slow disk", late)
        for where in ("write", "fsync", "replace"):

            def interrupted(what: str = what, write: Any = write, where: str = where) -> None:
                path = _new(found, what) / "file"
                path.write_bytes(b"old")
                try:
                    with slow_disk(interrupted_at=1, where=where):
                        write(path)
                except KeyboardInterrupt:
                    if path.read_bytes() != b"old" or len(list(path.parent.iterdir())) != 1:
                        raise Lost("the old file is gone, or a part is left") from None
                    raise Kept("the old file, whole") from None
                raise Lost("Ctrl-C was not heeded")

            yield Case(f"{what}: Ctrl-C during a slow {where}", interrupted)
    # A run that saves at every row forces 34 files and folders to the disk, and 10 if it saves at
    # its two ends alone.
    for where, seconds, calls in (
        ("fsync", 0.0, (0, 1, 3, 5, 7, 12, 17, 22, 27, 34)), ("row", 0.0, (1, 2, 6)),
        ("write", 0.0, (1, 2, 4, 8, 12, 16, 17)), ("fsync", 1e9, (0, 7, 8, 9, 10)),
    ):  # fmt: skip
        for call in calls:

            def run(where: str = where, seconds: float = seconds, call: int = call) -> None:
                folder = _new(found, f"run-{where}-{seconds}-{call}")
                with slow_disk(interrupted_at=call, where=where):
                    with mock.patch.object(runs, "SAVE_SECONDS", seconds):
                        with contextlib.suppress(KeyboardInterrupt):
                            _drive(DQN(GAME, config(agent_steps=24), folder=folder))
                _goes_on(folder)

            yield Case(f"a run on a slow disk, saved after {seconds:g} s, Ctrl-C at {where} "
                       f"{call or 'none'}", run)  # fmt: skip


def _new(found: Files, name: str) -> Path:
    folder = found.folder / "slow" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _drive(run: Any) -> None:
    with mock.patch.object(DQN, "row_steps", 4):
        follow(run, Bar("", 1, ""), "agent_steps", (), again="")


def _goes_on(folder: Path) -> None:
    """Raise Kept if the run that was interrupted in `folder` lost nothing and goes on, or Lost."""
    found = read_rows(folder / "metrics.csv")
    if not (folder / "state.safetensors").exists():
        if found:
            raise Lost("rows without a state")
        raise Kept("interrupted before its first state")
    saved = read_state(folder)[1].counts.agent_steps
    steps = [int(row["agent_steps"]) for row in found]
    if steps and steps[-1] > saved:
        raise Lost(f"the state is of step {saved}, and the last row of {steps[-1]}")
    _drive(DQN(GAME, config(agent_steps=saved + 8), folder=folder, resume=True))
    steps = [int(row["agent_steps"]) for row in read_rows(folder / "metrics.csv")]
    if steps != list(range(4, saved + 9, 4)):
        raise Lost(f"expected each row once; got {steps}")
    if list(folder.glob("*.part")) + list(folder.glob(".*.part")):
        raise Lost("remains of writes are left")
    raise Kept(f"{len(steps)} rows, each once")


@contextlib.contextmanager
def slow_disk(*, interrupted_at: int = 0, where: str = "fsync") -> Iterator[None]:
    """Make each call of a write take long; at one of the calls, count from 1, Ctrl-C is pressed."""
    counts: Counter = Counter()

    def slowly(name: str, function: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            counts[name] += 1
            if name == where and counts[name] == interrupted_at:
                raise KeyboardInterrupt
            time.sleep(0.002)
            return function(*arguments, **keywords)

        return call

    def opened(*arguments: Any, **keywords: Any) -> Any:
        file = builtins.open(*arguments, **keywords)
        name = "row" if arguments[1:2] == ("ab",) else "write"
        return _Slow(file, slowly(name, file.write))

    with contextlib.ExitStack() as patches:
        for owner in (files, rows):
            patches.enter_context(mock.patch.object(owner, "open", opened, create=True))
        for name in ("fsync", "replace"):
            patches.enter_context(mock.patch.object(os, name, slowly(name, getattr(os, name))))
        yield


class _Slow:
    """A file whose writes take long."""

    def __init__(self, file: Any, write: Any):
        self.file, self.write = file, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "_Slow":
        return self

    def __exit__(self, *raised: object) -> None:
        self.file.close()
