"""Types with ranges, and the one check of values against them.

Settings, cards of files and `config.json` are frozen dataclasses whose annotations are their
schema: `Annotated[int, Range(1)]` is a positive integer, and of a list, a mapping or a string the
range is that of its length. `checked` reads a value by its type; it is the only such check.
"""

import json
import math
import numbers
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

DEEPEST = 40  # levels of a JSON value


@dataclass(frozen=True)
class Range:
    """The values that a number may have, or a length; both ends included."""

    lowest: float
    highest: float = sys.float_info.max

    def __str__(self) -> str:
        if self.highest < sys.float_info.max:
            return f"in {self.lowest}..{self.highest}"
        return f"of at least {self.lowest}"

    def __contains__(self, value: float) -> bool:
        return self.lowest <= value <= self.highest


Count = Annotated[int, Range(1)]
CountOrZero = Annotated[int, Range(0)]
Amount = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Seed = Annotated[int, Range(0, 2**53)]
Minutes = Annotated[float, Range(0, math.inf)]
Name = Annotated[str, Range(1, 200)]


def shown(value: object) -> str:
    """Return `value` as one short line, for a message."""
    if isinstance(value, int) and value.bit_length() > 200:  # Python prints no huge integer
        return f"an integer of {value.bit_length()} bits"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def told(error: BaseException) -> str:
    """Return what an error says as one short line, for a message."""
    return " ".join(str(error).split())[:200]


def checked(value: Any, kind: Any, name: str) -> Any:
    """Return `value` as an instance of the type `kind`; `name` is what messages call it.

    Integers pass for floats and lists for tuples. A bool is not a number, and a float must be
    finite. If `kind` is a dataclass, a mapping becomes an instance of it; unknown keys and missing
    keys without a default are errors. `Any` is any JSON value. Raises ValueError in one sentence.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        ranges = [each for each in arguments[1:] if isinstance(each, Range)]
        if isinstance(value, float) and math.isinf(value) and ranges:
            if all(value in limits for limits in ranges):
                return value  # a range that includes infinity
        value = checked(value, arguments[0], name)
        sized = isinstance(value, str | list | tuple | dict)
        for limits in ranges:
            if value is not None and (len(value) if sized else value) not in limits:
                of = "a length " if sized else ""
                raise ValueError(f"expected {name} {of}{limits}; got {shown(value)}")
        return value
    if origin in (Union, UnionType):
        options = [option for option in arguments if option is not NoneType]
        if value is None and NoneType in arguments:
            return None
        for option in options[:-1]:
            try:
                return checked(value, option, name)
            except ValueError:
                continue
        return checked(value, options[-1], name)
    if kind is Any:
        return _json_value(value, name, DEEPEST)
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        return kind(**_entries(value, kind, name))
    if origin in (list, tuple) and isinstance(value, list | tuple):
        return origin(checked(each, arguments[0], f"{name}[{k}]") for k, each in enumerate(value))
    if origin is dict and isinstance(value, Mapping):
        return {
            checked(key, arguments[0], f"a key of {name}"): checked(each, arguments[1], name)
            for key, each in value.items()
        }
    if origin is Literal and any(value == each and type(value) is type(each) for each in arguments):
        return value
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if kind is int and number and isinstance(value, numbers.Integral):
        return int(value)
    if kind is float and number:
        try:
            if math.isfinite(real := float(value)):
                return real
        except OverflowError:  # an integer too large for a float
            pass
    if kind is bool and type(value) is bool:
        return value
    if kind is str and isinstance(value, str) and value.isprintable():
        return value
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, kind):
        return value
    raise ValueError(f"expected {name} as {_describe(kind)}; got {shown(value)}")


def check_fields(record: Any) -> None:
    """Check every field of the dataclass `record` by its type, and store what `checked` returns."""
    for name, kind in types_of(record.__class__).items():
        object.__setattr__(record, name, checked(getattr(record, name), kind, name))


_types: dict[Any, dict[str, Any]] = {}  # of each dataclass that was asked for


def types_of(schema: Any) -> dict[str, Any]:
    """Return the type of each field of a dataclass by name, with its ranges."""
    if schema not in _types:
        hints = get_type_hints(schema, include_extras=True)
        _types[schema] = {field.name: hints[field.name] for field in fields(schema)}
    return _types[schema]


def load_json(data: str | bytes) -> Any:
    """Return the JSON value in `data`.

    Raises ValueError in one sentence for other text, NaN, infinities, equal keys and deep nesting.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}; expected finite numbers")

    try:
        return json.loads(data, parse_constant=refuse, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it holds {shown(twice)} twice")
    return found


def _entries(value: Mapping, schema: Any, name: str) -> dict:
    types = types_of(schema)
    prefix = f"{name}." if name else ""
    known = {field.name: field for field in fields(schema)}
    for key in value:
        if key not in known:
            raise ValueError(f"unknown entry {shown(key)}{f' in {name}' if name else ''}")
    for key, field in known.items():
        if key not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"expected an entry {prefix}{key}; it is missing")
    return {key: checked(each, types[key], prefix + key) for key, each in value.items()}


def _json_value(value: Any, name: str, levels: int) -> Any:
    if levels == 0:
        raise ValueError(f"expected {name} with at most {DEEPEST} levels; got more")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return checked(value, str, name)
    if isinstance(value, Mapping):
        return {checked(k, str, name): _json_value(v, name, levels - 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(each, name, levels - 1) for each in value]
    return checked(value, int if isinstance(value, numbers.Integral) else float, name)


def _describe(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _describe(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(map(_describe, arguments))
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (list, tuple):
        return "a list"
    if origin is dict or is_dataclass(kind):
        return "a mapping"
    names = {
        int: "an integer",
        float: "a finite number",
        str: "a line of text",
        bool: "true or false",
    }
    return names.get(kind, "nothing" if kind is NoneType else str(kind))
