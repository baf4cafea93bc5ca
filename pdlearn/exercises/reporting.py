"""Checker of a sentence that reports a result (lesson 10)."""

import re
from collections.abc import Mapping

from pdlearn.exercises.verdicts import Verdict, is_blank

TOO_MUCH = {
    "reproduc": "One student of one game reproduces no table. Say what was measured.",
    "prove": "A mean over some games proves nothing. Say what was measured.",
    "confirm": "Say what was measured, and let the reader compare it with the claim.",
    "every game": "It played one game.",
    "atari": "It played one game: name it.",
    "significant": "By which test? Give the interval; it says more.",
    "better than the paper": "The paper's percentages are of other teachers, from other starts.",
    "exactly": "No mean of a few games is known exactly.",
}


def check_sentence(sentence: str, facts: Mapping) -> Verdict:
    """Check a sentence on a result: it states all that a reader needs, and claims no more.

    Args:
        sentence: on one result; a number in it may be rounded to an integer
        facts: what was measured: `game`, `student`, `percent` of the teacher's score, `low` and
            `high` in percent, `episodes` and `seed`

    Returns:
        the verdict, with a hint if the sentence lacks a fact or claims too much
    """
    if is_blank(sentence):
        return Verdict("missing", "Write one sentence, between quotation marks.")
    if not isinstance(sentence, str):
        return Verdict("not yet", f"Expected a sentence, a `str`; got {sentence!r}.")
    said = sentence.lower()
    for word, hint in TOO_MUCH.items():
        if found := re.search(rf"{word}\w*", said):
            return Verdict("not yet", f"`{found[0]}` says too much. {hint}")
    numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", said.replace(",", ""))]

    def gives(number: float) -> bool:
        return any(abs(number - told) <= 0.5 for told in numbers)

    states = {
        f"which student it was: `{facts['student']}`": facts["student"].lower() in said,
        f"the game: {facts['game']}": facts["game"].lower() in said,
        "the percentage": gives(facts["percent"]),
        "of what it is a percentage: its teacher's score": "teacher" in said,
        "both ends of the interval": gives(facts["low"]) and gives(facts["high"]),
        f"over how many games: {facts['episodes']}": gives(facts["episodes"]),
        "how many seeds trained it: a single one": "seed" in said,
        "from which starts: no-ops": "no-op" in said,
    }
    for what, is_stated in states.items():
        if not is_stated:
            return Verdict("not yet", f"The sentence does not state {what}.")
    return Verdict(
        "right", "The sentence states what was measured, on what, and with what uncertainty."
    )
