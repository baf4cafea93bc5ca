"""Checker of predictions: a number guessed before running, beside the measured one."""

from pdlearn.exercises.verdicts import Verdict, is_blank


def check_prediction(guess: float, measured: float, near: float, unit: str = "") -> Verdict:
    """Return the verdict on a number that was guessed before it was measured.

    A guess is never "not yet": a large difference shows where to look closer.

    Args:
        guess: the learner's number
        measured: the measured number, in the same unit
        near: the largest distance from the measured number of a right guess
        unit: text that follows the numbers, with its own space, as in `" %"`

    Returns:
        the verdict, "right" within `near` of the measured number, otherwise "apart"
    """
    if is_blank(guess):
        return Verdict("missing", "Guess first, then look: put a number in place of the `...`.")
    if isinstance(guess, bool) or not isinstance(guess, int | float):
        return Verdict("not yet", f"Expected a number; got {guess!r}.")
    off = abs(guess - measured)
    seen = f"You guessed {guess:g}{unit}, measured was {measured:.4g}{unit}"
    if off <= near:
        return Verdict("right", f"{seen}.")
    apart = f"{off:.3g} percentage points" if unit.strip() == "%" else f"{off:.3g}{unit}"
    return Verdict("apart", f"{seen}: {apart} apart. What did you not expect?")
