"""The verdict on an answer, and the comparison of a learner's function with the right one.

A checker calls the learner's function, the package's and the common mistakes with the same inputs.
All common mistakes are therefore code, and a test runs all of it.
"""

import copy
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pdlearn.plots import BLUE, GREEN, GREY, VERMILION

LOOKS = {
    "right": ("✓", "Right", GREEN),
    "apart": ("≈", "Compare", BLUE),
    "not yet": ("✗", "Not yet", VERMILION),
    "missing": ("…", "Not written yet", GREY),
}


@dataclass(frozen=True)
class Verdict:
    """The result of a check, which a notebook shows as a coloured line.

    Args:
        state: a key of LOOKS. A guess is "right" or "apart" from the measured value. Any other
            answer is "right", "not yet" or "missing"
        text: the praise or the hint, with code between backticks
    """

    state: str
    text: str

    def __repr__(self) -> str:
        sign, word, _ = LOOKS[self.state]
        return f"{sign} {word}. {self.text}"

    def _repr_html_(self) -> str:
        sign, word, colour = LOOKS[self.state]
        text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(self.text))
        style = f"border-left: 4px solid {colour}; padding: 0.3em 0.8em; margin: 0.4em 0"
        return f'<div style="{style}"><strong>{sign} {word}.</strong> {text}</div>'


class Mistake(NamedTuple):
    """A common mistake of learners.

    Args:
        function: a wrong function, called with the arguments of the right one
        hint: the text for a learner who wrote it
    """

    function: Callable
    hint: str


def is_blank(answer) -> bool:
    """Return whether an answer is still the `...` of the exercise copy."""
    return answer is None or answer is ...


def compare(
    function: Callable,
    right: Callable,
    cases: Sequence[tuple],
    mistakes: Sequence[Mistake] = (),
    *,
    praise: str = "It agrees with the package on every input tried.",
    adapt: Callable[[Callable], Callable] | None = None,
    shape_hint: str = "",
    value_hint: str = "",
) -> Verdict:
    """Return the verdict on a learner's function: does it compute what `right` computes?

    Both are called with each of `cases`. A function must not change its arguments.

    Args:
        function: the learner's function
        right: the right function. Both return numbers, arrays or tensors
        cases: tuples of arguments
        mistakes: common mistakes. A function that returns what one of them returns in all cases
            gets its hint
        praise: the text for a right function
        adapt: is applied to every function first. It returns a function that takes the arguments in
            `cases` and returns numbers
        shape_hint: replaces the text for a wrong shape, where that text would not help a learner
        value_hint: replaces the text for wrong numbers, where that text would not help a learner

    Returns:
        the verdict; an exception of the learner's function becomes its text
    """
    if not callable(function):
        return _not_a_function(function)
    name = getattr(function, "__name__", "your function")
    if adapt is not None:
        function, right = adapt(function), adapt(right)
        mistakes = [Mistake(adapt(mistake.function), mistake.hint) for mistake in mistakes]
    answers = []
    for case in cases:
        given = [_copy(argument) for argument in case]
        try:
            answer = function(*given)
        except Exception as error:  # whatever a learner's code raises is answered with a sentence
            return Verdict("not yet", f"`{name}` stopped: {_said(error)}")
        if is_blank(answer):
            return Verdict("missing", f"`{name}` returns nothing so far.")
        if not all(_unchanged(*pair) for pair in zip(given, case, strict=True)):
            return Verdict(
                "not yet",
                f"`{name}` changes its arguments (`/=` and similar operators work in place). "
                "Compute new tensors.",
            )
        answers.append(answer)
    expected = [right(*case) for case in cases]
    if _all_same(answers, expected):
        return Verdict("right", praise)
    # Where the answer to an extreme case is not finite, the other cases identify the mistake.
    finite = [i for i, answer in enumerate(answers) if _is_finite(answer)]
    for mistake in mistakes:
        wrong = [mistake.function(*cases[i]) for i in finite]
        if finite and _all_same([answers[i] for i in finite], wrong):
            return Verdict("not yet", mistake.hint)
    return _difference(name, answers, expected, shape_hint, value_hint)


def _not_a_function(answer) -> Verdict:
    if is_blank(answer):
        return Verdict("missing", "There is no function here so far.")
    return Verdict("not yet", f"Hand over the function itself, without calling it; got {answer!r}.")


def _difference(
    name: str, answers: Sequence, expected: Sequence, shape_hint: str, value_hint: str
) -> Verdict:
    for answer, wanted in zip(answers, expected, strict=True):
        got, want = _tensor(answer), _tensor(wanted)
        if got is None or want is None:
            kind = type(answer).__name__
            return Verdict("not yet", f"`{name}` returns a {kind}; expected a tensor of numbers.")
        if got.shape != want.shape:
            return Verdict(
                "not yet",
                shape_hint
                or f"`{name}` returns the shape {list(got.shape)}; expected {list(want.shape)}"
                f"{' (a single number)' if want.ndim == 0 else ''}.",
            )
        if not bool(torch.isfinite(got).all()):
            return Verdict(
                "not yet",
                f"`{name}` gives {_shown(got)} for large values, where {_shown(want)} is right: "
                "an `exp` or a `log` overflows. `torch.log_softmax` does not.",
            )
        if not _same(got, want):
            text = value_hint or f"`{name}` gives {_shown(got)} where {_shown(want)} is right."
            return Verdict("not yet", text)
    raise AssertionError("answers that are the same as expected have no difference")


def _said(error: Exception) -> str:
    first = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0] if first else 'no message'}"


def _shown(tensor: Tensor) -> str:
    numbers = ", ".join(f"{value:.4g}" for value in tensor.flatten()[:4].tolist())
    return numbers if tensor.numel() <= 4 else f"{numbers}, …"


def _copy(argument):
    return argument.clone() if isinstance(argument, Tensor) else copy.deepcopy(argument)


def _unchanged(argument, before) -> bool:
    return argument == before if _tensor(before) is None else _same(argument, before)


def _tensor(answer) -> Tensor | None:
    try:
        return torch.as_tensor(answer).detach().double()
    except (TypeError, ValueError, RuntimeError):
        return None


def _is_finite(answer) -> bool:
    tensor = _tensor(answer)
    return tensor is not None and bool(torch.isfinite(tensor).all())


def _same(answer, expected) -> bool:
    got, want = _tensor(answer), _tensor(expected)
    if got is None or want is None:
        return answer is expected
    return got.shape == want.shape and torch.allclose(got, want, rtol=1e-4, atol=1e-5)


def _all_same(answers: Sequence, expected: Sequence) -> bool:
    return all(_same(a, b) for a, b in zip(answers, expected, strict=True))
