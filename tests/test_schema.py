"""The one check of values by types: what passes, what does not, and in which words."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from pdlearn.schema import Count, Name, Range, Share, check_fields, checked, load_json, shown


@dataclass(frozen=True)
class Inner:
    share: Share = 0.5


@dataclass(frozen=True)
class Card:
    game: Name
    counts: dict[str, Count]
    shape: Annotated[tuple[Count, ...], Range(1, 3)]
    kind: Literal["card"] = "card"
    seed: int | None = None
    inner: Inner = Inner()
    more: Any = None


WHOLE = {"game": "pong", "counts": {"a": 1}, "shape": [4, 84], "inner": {"share": 1}, "more": [0]}


def test_a_mapping_becomes_the_dataclass_with_its_types():
    card = checked(WHOLE, Card, "")
    assert card == Card("pong", {"a": 1}, (4, 84), inner=Inner(1.0), more=[0])
    assert type(card.inner.share) is float and type(card.shape) is tuple


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"game": ""}, "expected game a length in 1..200; got ''"),
        ({"game": 3}, "expected game as a line of text; got 3"),
        ({"counts": {"a": 0}}, "expected counts of at least 1; got 0"),
        ({"counts": {"a": True}}, "expected counts as an integer; got True"),
        ({"counts": {"a": 2.0}}, "expected counts as an integer; got 2.0"),
        ({"counts": [1]}, r"expected counts as a mapping; got \[1\]"),
        ({"shape": []}, r"expected shape a length in 1..3; got \(\)"),
        ({"shape": [1, "2"]}, r"expected shape\[1\] as an integer; got '2'"),
        ({"shape": "84"}, "expected shape as a list; got '84'"),
        ({"kind": "other"}, "expected kind as 'card'; got 'other'"),
        ({"seed": 1.5}, "expected seed as an integer; got 1.5"),
        ({"inner": {"share": math.nan}}, "expected inner.share as a finite number; got nan"),
        ({"inner": {"share": 10**400}}, "finite number; got an integer of 1329 bits"),
        ({"inner": {"shares": 1}}, "unknown entry 'shares' in inner"),
        ({"inner": None}, "expected inner as a mapping; got None"),
        ({"more": {"deep": [math.inf]}}, "expected more as a finite number; got inf"),
        ({"unheard_of": 1}, "unknown entry 'unheard_of'"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_name(changed, message):
    with pytest.raises(ValueError, match=f"{message}"):
        checked(WHOLE | changed, Card, "")


def test_a_missing_entry_is_named():
    with pytest.raises(ValueError, match="expected an entry counts; it is missing"):
        checked({"game": "pong", "shape": [1]}, Card, "")


def test_a_value_nested_without_end_is_refused():
    endless: list = []
    endless.append(endless)
    with pytest.raises(ValueError, match="at most 40 levels"):
        checked(endless, Any, "more")
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json("[" * 200_000)


def test_numbers_of_numpy_become_pythons():
    card = Card("pong", {}, (np.int64(3),), inner=Inner(np.float32(0.5)))  # type: ignore
    check_fields(card)
    assert type(card.shape[0]) is int
    with pytest.raises(ValueError, match="expected share as a finite number; got np.True_"):
        check_fields(Inner(np.True_))  # type: ignore


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": -Infinity}', '{"a": 1, "a": 2}', "{", ""])
def test_json_that_another_program_would_read_otherwise_is_refused(text):
    with pytest.raises(ValueError):
        load_json(text)


def test_a_long_value_is_shown_in_one_short_line():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown(np.zeros((100, 100)))) <= 60 and "\n" not in shown(np.zeros((100, 100)))
