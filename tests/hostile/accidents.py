"""Accidents: processes killed at a random moment and within each write, and failing disks."""

import builtins
import errno
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from campaign import Case, Kept, Lost, Refused, is_sentence
from parts import GAME, Files

from pdlearn import cli, files
from pdlearn.checkpoints import load_whole, save_agent
from pdlearn.replay.recordings import load_recording, save_recording
from pdlearn.rows import GrowingRows, read_rows, write_rows
from pdlearn.run_files import read_state
from pdlearn.starts import load_starts, save_starts

PATIENCE = 400  # seconds for two processes, which take ten where nothing else runs
TRAIN = ["--budget", "smoke", "--device", "cpu", "--set", "size=net5", "num_envs=2",
         "memory_steps=400", "learn_start_steps=20", "evaluation_period_steps=100",
         "agent_steps=100000"]  # fmt: skip
# Saves at every row, and kills itself at a call of the operating system that a write makes.
CRASHING = """
import os, sys
from pdlearn import cli, files, runs, dqn
runs.SAVE_SECONDS = 0
dqn.DQN.row_steps = 20
at, calls = int(sys.argv[1]), 0
def counted(function):
    def call(*arguments, **keywords):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), 9)
        return function(*arguments, **keywords)
    return call
for name in ("fsync", "replace", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
files.open = counted(open)
cli.main(sys.argv[2:])
"""


def _run(arguments: list[str], folder: Path) -> subprocess.Popen:
    quiet = dict(os.environ, PDLEARN_QUIET="1", OMP_NUM_THREADS="1")
    return subprocess.Popen(
        [sys.executable, "-c", CRASHING, *arguments], cwd=folder, env=quiet,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def survives(folder: Path) -> None:
    """Raise Kept if the killed run in `folder` goes on as one that was never killed, or Lost."""
    run = folder / "r"
    for name, read in (("best", load_whole), ("agent", load_whole)):
        if (run / f"{name}.safetensors").exists():
            read(run / f"{name}.safetensors")
    if not (run / "state.safetensors").exists():
        if cli.main(["train", GAME, *TRAIN[:-1], "agent_steps=60", "--folder", str(run)]) != 0:
            raise Lost("a folder without a state takes no new run")
    else:
        steps = read_state(run)[1].counts.agent_steps + 60
        if cli.main(["train", GAME, "--resume", str(run), "--agent-steps", str(steps)]) != 0:
            raise Lost("its state is there, but it is not resumed")
    rows = read_rows(run / "metrics.csv")
    steps_of_rows = [int(row["agent_steps"]) for row in rows]
    if steps_of_rows != sorted(set(steps_of_rows)):
        raise Lost(f"rows are doubled or out of order: {steps_of_rows}")
    left = [path.name for path in run.iterdir() if path.name.endswith(".part")]
    if left:
        raise Lost(f"remains of writes are left: {left}")
    raise Kept(f"{len(rows)} rows, each once")


def kills(folder: Path, rng: np.random.Generator, count: int) -> Iterator[Case]:
    """Yield runs that are killed at a random moment after they have begun."""
    for number in range(count):
        seconds = float(rng.uniform(0, 4))

        def call(number: int = number, seconds: float = seconds) -> None:
            where = folder / f"kill-{number}"
            where.mkdir()
            process = _run(["0", "train", GAME, *TRAIN, "--folder", "r"], where)
            try:
                deadline = time.monotonic() + PATIENCE / 2
                while not (where / "r" / "config.json").exists() and time.monotonic() < deadline:
                    time.sleep(0.02)
                time.sleep(seconds)
            finally:
                process.kill()
                process.wait()
            survives(where)

        yield Case(f"killed {seconds:.1f} s after its first state", call, PATIENCE)


def crashes(folder: Path, points: list[int]) -> Iterator[Case]:
    """Yield runs that are killed at the n-th call that a write makes of the system."""
    for point in points:

        def call(point: int = point) -> None:
            where = folder / f"crash-{point}"
            where.mkdir()
            process = _run([str(point), "train", GAME, *TRAIN, "--folder", "r"], where)
            try:
                process.wait(timeout=PATIENCE / 2)
            finally:
                process.kill()
                process.wait()
            survives(where)

        yield Case(f"killed at call {point} of its writes", call, PATIENCE)


def disks(found: Files) -> Iterator[Case]:
    """Yield writes of every kind to disks that fail, and look for the old file afterwards."""
    folder = found.folder / "disks"
    folder.mkdir()
    agent = load_whole(found.run / "agent.safetensors")
    memory, entries = load_recording(_recording(found))
    starts = load_starts("freeway")
    facts = {key: entries[key] for key in ("game", "actions", "preprocessing")}
    line = ["record", "pong", str(folder / "file"), "--agent-steps", "100"]
    score = ["evaluate", str(found.run / "agent.safetensors"), "--episodes", "1",
             "--json", str(folder / "file")]  # fmt: skip
    writes: dict[str, Callable[[Path], Any]] = {
        "agent": lambda path: save_agent(path, agent),
        "recording": lambda path: save_recording(path, memory, facts),
        "starts": lambda path: save_starts(path, starts),
        "rows": lambda path: write_rows(path, [{"a": 1}]),
        "bytes": lambda path: files.write_bytes(path, b"new"),
        "destination": files.check_writable,
        "record": lambda path: _told(line),
        "evaluate --json": lambda path: _told(score),
    }
    for what, write in writes.items():
        for number in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.EDQUOT):
            for where in ("open", "write", "fsync", "replace"):
                if what in ("destination", "record", "evaluate --json") and where != "open":
                    continue

                def call(write: Any = write, number: int = number, where: str = where) -> None:
                    path = folder / "file"
                    path.write_bytes(b"old")
                    try:
                        with failing(where, number):
                            write(path)
                    except (OSError, ValueError) as error:
                        if not is_sentence(error):
                            raise
                    except Refused:
                        pass
                    else:
                        raise Lost("the write told nothing of the disk")
                    if path.read_bytes() != b"old" or len(list(folder.iterdir())) != 1:
                        raise Lost("the old file is gone, or a part is left")
                    raise Kept("one sentence, and the old file")

                yield Case(f"{what}: {errno.errorcode[number]} at {where}", call)
    for size in (1, 3, 7):

        def torn(size: int = size) -> None:
            path = folder / "rows.csv"
            with GrowingRows(path) as growing:
                growing.add({"a": 1, "b": 2})
                before = path.read_bytes()
                _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
                resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + size, most))
                try:
                    growing.add({"a": 345, "b": 678})
                except OSError as error:
                    named = is_sentence(error)
                finally:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
                whole = path.read_bytes() == before
            path.unlink()
            if not whole or not named:
                raise Lost("part of a row is left, or the file is not named")
            raise Kept("the row is whole or not there")

        yield Case(f"a row of which {size} bytes fit", torn)


def _recording(found: Files) -> Path:
    from checksummed import write_checksummed

    return write_checksummed(found.folder / "sound.rec", *found.contents["recording"])


def _told(line: list[str]) -> None:
    if cli.main(line) == 2:
        raise Refused("status 2")


class failing:  # noqa: N801  used as a block
    """Let a call of the system fail inside a `with` block."""

    def __init__(self, where: str, number: int):
        error = OSError(number, os.strerror(number))

        def fail(*_: object, **__: object) -> None:
            raise error

        def open_failing(*arguments: Any, **keywords: Any) -> Any:
            if arguments[1:2] == ("rb",):
                return builtins.open(*arguments, **keywords)
            if where == "open":
                raise OSError(number, os.strerror(number), str(arguments[0]))
            file = builtins.open(*arguments, **keywords)
            if where == "write":
                file = _Full(file, error)  # type: ignore[assignment]
            return file

        if where in ("open", "write"):
            self.patch: Any = mock.patch.object(files, "open", open_failing, create=True)
        else:
            self.patch = mock.patch.object(os, where, fail)

    def __enter__(self) -> None:
        self.patch.start()

    def __exit__(self, *raised: object) -> None:
        self.patch.stop()


class _Full:
    """A file on a disk that is full after a few bytes."""

    def __init__(self, file: Any, error: OSError):
        self.file, self.error = file, error

    def write(self, data: bytes) -> int:
        self.file.write(data[:2])
        raise self.error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "_Full":
        return self

    def __exit__(self, *raised: object) -> None:
        self.file.close()
