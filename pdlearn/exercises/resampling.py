"""Comparing functions of scores, whose answers are single numbers or the ends of an interval."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from pdlearn.exercises.verdicts import Slip, Verdict, compare


def on_arrays(function: Callable) -> Callable:
    """Return `function` called with arrays of its own in place of tensors."""
    if not callable(function):
        return function

    def called(*arguments):
        return function(*(a.numpy().copy() if torch.is_tensor(a) else a for a in arguments))

    called.__name__ = getattr(function, "__name__", "your function")
    return called


def compare_intervals(
    function: Callable,
    right: Callable,
    cases: Sequence[tuple],
    slips: Sequence[Slip],
    *,
    praise: str,
) -> Verdict:
    """Return the verdict on a function of arrays and a random generator that gives `(low, high)`.

    All are called with a generator of the same seed. Resampling is chance: an end may be a
    twentieth of the interval away from that of `right`, or of the slip that it is.
    """
    known = [_seeded(right), *(_seeded(slip.function) for slip in slips)]
    named = [Slip(answer, slip.hint) for answer, slip in zip(known[1:], slips, strict=True)]
    return compare(_snapped(function, known), known[0], cases, named, praise=praise)


def _seeded(function: Callable) -> Callable:
    def interval(*arrays):
        return on_arrays(function)(*arrays, np.random.default_rng(0))

    return interval


def _snapped(function: Callable, known: Sequence[Callable]) -> Callable:
    """Return `function`, seeded, its answers moved onto the nearest known one if that is near."""
    if not callable(function):
        return function

    def snapped(*arrays):
        answer = _seeded(function)(*arrays)
        ends = np.asarray(answer, dtype=object)
        if ends.shape != (2,) or not all(isinstance(end, int | float | np.number) for end in ends):
            return answer
        answers = [other(*arrays) for other in known]
        low, high = answers[0]
        off = [max(abs(np.subtract(ends, other).astype(float))) for other in answers]
        return answers[int(np.argmin(off))] if min(off) < (high - low) / 20 else answer

    snapped.__name__ = getattr(function, "__name__", "your function")
    return snapped
