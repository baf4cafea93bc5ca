"""What a campaign of hostile inputs counts, and how it tells one ending from another.

Every input here is wrong. A call that is given it must end at once with one clear sentence: a
ValueError or an OSError that the package raised itself, in one line. Anything else is a fault.
"""

import contextlib
import csv
import io
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = str(Path(__file__).resolve().parents[2] / "pdlearn")
# What is right: one sentence, or what an accident must leave is there. The others are faults.
RIGHT = ("sentence", "kept")
ENDINGS = (*RIGHT, "traceback", "hang", "accepted", "lost")
HANG_SECONDS = 60
LONGEST_SENTENCE = 900  # an unknown setting is answered with the names of all


class Hang(BaseException):
    """An input took longer than `HANG_SECONDS`."""


class Refused(Exception):
    """A command refused its line with one sentence and status 2."""


class Kept(Exception):
    """All that an accident must leave is there."""


class Lost(Exception):
    """An accident took what it must leave."""


class Began(BaseException):
    """Raised where work begins that a wrong input must not reach."""


@dataclass(frozen=True)
class Case:
    """One wrong input: what it is, and the call that is given it."""

    name: str
    call: Callable[[], object]
    seconds: float = HANG_SECONDS


@dataclass
class Tally:
    """The endings of a part's inputs, and the faults among them."""

    part: str
    endings: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, ending: str, told: str) -> None:
        self.endings[ending] += 1
        if ending not in RIGHT:
            self.faults.append(f"{self.part}: {name}: {ending}: {told}")

    def row(self) -> dict:
        counts = {ending: self.endings[ending] for ending in ENDINGS}
        return {"part": self.part, "inputs": self.endings.total(), **counts}


def is_sentence(error: BaseException) -> bool:
    """Return whether `error` is one sentence that the package raised itself."""
    if not isinstance(error, ValueError | OSError):
        return False
    told = str(error)
    if not told or "\n" in told or len(told) > LONGEST_SENTENCE:
        return False
    if isinstance(error, OSError):
        return error.errno is None or error.filename is not None
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return last.startswith(PACKAGE)


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise Hang inside a `with` block that takes longer than `seconds`."""

    def stop(*_: object) -> None:
        raise Hang(f"longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def ending_of(case: Case) -> tuple[str, str]:
    """Return how a case ends, and what it tells."""
    quiet = io.StringIO()
    try:
        with limited(case.seconds), contextlib.redirect_stderr(quiet):
            with contextlib.redirect_stdout(quiet):
                result = case.call()
    except Hang as error:
        return "hang", str(error)
    except Refused as error:
        return "sentence", str(error)
    except Kept as error:
        return "kept", str(error)
    except Lost as error:
        return "lost", str(error)
    except Began as error:
        return "accepted", f"it began: {error}"
    except Exception as error:
        told = f"{type(error).__name__}: {str(error)[:300]}"
        return ("sentence" if is_sentence(error) else "traceback"), told
    return "accepted", repr(result)[:200]


def tally(part: str, cases: Iterable[Case]) -> Tally:
    """Return the endings of `cases`."""
    counted = Tally(part)
    for case in cases:
        counted.add(case.name, *ending_of(case))
    return counted


def write_table(path: Path, tallies: Iterable[Tally], seed: int) -> None:
    """Write a row for each part, and the sum of all."""
    rows = [counted.row() for counted in tallies]
    whole = {"part": "all", **{key: sum(row[key] for row in rows) for key in list(rows[0])[1:]}}
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, [*whole, "seed"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "seed": seed} for row in [*rows, whole])


def report(counted: Tally, since: float) -> None:
    """Print a line for a part, and its first faults."""
    seconds = time.monotonic() - since
    print(*(f"{key} {value}" for key, value in counted.row().items()), f"in {seconds:.0f} s")
    for fault in counted.faults[:40]:
        print("  ", fault)
    sys.stdout.flush()
