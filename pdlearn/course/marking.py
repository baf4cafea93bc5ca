"""Mark a learner's function in a test cell: visible inputs, hidden inputs, nothing borrowed.

A test cell's last line is a call of `visible` or of `hidden`; its value, a number of points, is
what nbgrader reads. What was checked is displayed, and stored beside it for the report.

The parts of an exercise of 10 points, by `PARTS`:

    2  visible: the checker that the lesson shows
    2  form     hidden inputs: runs, leaves its arguments alone, returns the right shape
    4  values   hidden inputs: right numbers (6 where there is no rigour to check)
    2  rigour   large values and gradients, where the exercise speaks of them
"""

import contextlib
import functools
import io
import os
import secrets
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
from IPython.display import display

from pdlearn.course.hidden import HIDDEN, Hidden
from pdlearn.exercises.verdicts import Verdict, is_blank

MIME = "application/vnd.pdlearn.marks+json"
PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"  # as the code of its functions names it
LINE_CHARACTERS = 88  # Formgrader does not wrap the output of a cell
PARTS = {"visible": 0.2, "form": 0.2, "values": 0.4, "rigour": 0.2}


class Part(NamedTuple):
    """A part of an exercise's points: its name, points got, points there are, and why."""

    name: str
    points: float
    of: float
    text: str


class Borrowed(Exception):
    """An answer called a function of the package instead of computing."""


class Sink(io.TextIOBase):
    """A stream that forgets what is written: a test cell's output holds marks alone."""

    def write(self, text: str) -> int:
        return len(text)


def own_work(function: Callable, provided: tuple[str, ...] = ()) -> Callable:
    """Return `function`, raising Borrowed when it calls a function of pdlearn not `provided`.

    Calls are seen whatever name the function was imported under.
    """

    @functools.wraps(function)
    def called(*arguments: Any) -> Any:
        borrowed: list[str] = []

        def look(frame: FrameType, event: str, _: object) -> None:
            code = frame.f_code
            inside = event == "call" and code.co_filename.startswith(PACKAGE)
            if inside and code.co_qualname not in provided:
                module = frame.f_globals.get("__name__", "pdlearn")
                borrowed.append(f"{module}.{code.co_qualname}")

        before = sys.getprofile()
        with contextlib.redirect_stdout(Sink()), contextlib.redirect_stderr(Sink()):
            sys.setprofile(look)
            try:
                return function(*arguments)
            finally:
                sys.setprofile(before)
                called.borrowed += borrowed  # type: ignore[attr-defined]

    called.borrowed = []  # type: ignore[attr-defined]
    return called


def _borrowed(function: Callable) -> str | None:
    """Return the sentence for a watched function that called the package; None if it did not."""
    names = getattr(function, "borrowed", [])
    if not names:
        return None
    name = getattr(function, "__name__", "your function")
    return (
        f"`{name}` calls `{names[0]}`. Write it yourself, with torch, numpy and the standard "
        "library; an answer that calls pdlearn gets no points."
    )


def visible_part(entry: Hidden, function: object, of: float) -> Part:
    """Return the marks of the lesson's own check."""
    watched = own_work(function, entry.provided) if callable(function) else function
    verdict = entry.check(watched)  # type: ignore[arg-type]
    if callable(watched) and (sentence := _borrowed(watched)):
        return Part("visible", 0.0, of, sentence)
    return Part("visible", of if verdict.state == "right" else 0.0, of, verdict.text)


def shares(entry: Hidden, of: float) -> dict[str, float]:
    """Return the points of each hidden part; without rigour its points are the values'."""
    wanted = {name: PARTS[name] for name in ("form", "values", "rigour")}
    if entry.extreme is None and entry.slope is None:
        wanted["values"] += wanted.pop("rigour")
    return {name: of * share / sum(wanted.values()) for name, share in wanted.items()}


def hidden_parts(entry: Hidden, function: object, of: float, seed: int) -> list[Part]:
    """Return the marks for inputs drawn from `seed`: form, values and rigour."""
    points = shares(entry, of)

    def marked(verdicts: dict[str, Verdict]) -> list[Part]:
        return [
            Part(name, points[name] * (verdict.state == "right"), points[name], verdict.text)
            for name, verdict in verdicts.items()
        ]

    if not callable(function):
        return marked(dict.fromkeys(points, entry.check(function)))  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    watched = own_work(function, entry.provided)
    cases = entry.draw(rng)
    values = entry.compare(watched, cases)
    verdicts = {"form": _form(entry, watched, cases, values), "values": values}
    if "rigour" in points:
        verdicts["rigour"] = _rigour(entry, watched, values, rng)
    if sentence := _borrowed(watched):
        verdicts = dict.fromkeys(points, Verdict("not yet", sentence))
    return marked(verdicts)


def _form(entry: Hidden, function: Callable, cases: list[tuple], values: Verdict) -> Verdict:
    """Return whether the function gives answers of the right shape, right or wrong."""
    if values.state == "right":
        return Verdict("right", "It runs, and its answers have the right shape.")
    adapt = entry.adapt or (lambda given: given)
    for case in cases:
        arguments = case
        if entry.is_interval:
            arguments = (*(a.numpy().copy() for a in case), np.random.default_rng(0))
        try:
            answer = adapt(function)(*_copied(arguments))
            if is_blank(answer):
                return values
            shape = np.shape(_numbers(answer))
        except Exception:  # whatever a learner's code raises; `values` has the sentence
            return values
        want = (2,) if entry.is_interval else np.shape(_numbers(adapt(entry.right)(*case)))
        if shape != want or "changes the tensors" in values.text:
            return values
    return Verdict("right", "It runs, and its answers have the right shape.")


def _numbers(answer: Any) -> np.ndarray:
    detached = answer.detach() if hasattr(answer, "detach") else answer
    if isinstance(detached, tuple | list):
        detached = [_numbers(each) for each in detached]
    return np.asarray(detached, dtype=float)


def _copied(arguments: tuple) -> tuple:
    return tuple(a.clone() if hasattr(a, "clone") else a for a in arguments)


def _rigour(
    entry: Hidden, function: Callable, values: Verdict, rng: np.random.Generator
) -> Verdict:
    if values.state != "right":
        return Verdict("not yet", "Large values and gradients count once the values are right.")
    if entry.extreme is not None:
        verdict = entry.compare(function, entry.extreme(rng))
        if verdict.state != "right":
            return verdict
    return entry.gradients(function, rng)


def visible(check: str, function: object, points: float) -> float:
    """Mark and show the visible part of an exercise; return its points."""
    return _shown([visible_part(HIDDEN[check], function, points)])


def hidden(check: str, function: object, points: float) -> float:
    """Mark and show the hidden parts of an exercise; return their points.

    The inputs are drawn anew in every grading, so no answer to them can be written beforehand.
    """
    seed = secrets.randbits(32)
    return _shown(hidden_parts(HIDDEN[check], function, points, seed), seed)


def require(check: str, function: object, part: str) -> None:
    """Raise AssertionError with what was found unless a function earns one part of the points.

    Nothing is printed: otter-grader takes a test that prints for one that failed.
    """
    entry = HIDDEN[check]
    if part == "visible":
        parts = [visible_part(entry, function, 1.0)]
    else:
        parts = hidden_parts(entry, function, 1.0, secrets.randbits(32))
    (found,) = (each for each in parts if each.name == part)
    if found.points != found.of:
        raise AssertionError(found.text)


def _shown(parts: list[Part], seed: int | None = None) -> float:
    lines = [
        textwrap.fill(
            f"{part.name}: {part.points:g} of {part.of:g}. {part.text}",
            LINE_CHARACTERS,
            subsequent_indent="    ",
        )
        for part in parts
    ]
    record = {"seed": seed, "parts": [part._asdict() for part in parts]}
    display({"text/plain": "\n".join(lines), MIME: record}, raw=True)
    return round(sum(part.points for part in parts), 6)
