"""Wrong values: what is put in the place of a right one."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

NUMBERS = [
    math.nan, math.inf, -math.inf, -1, -1e-320, 1e308, 10**13, 10**400, -(10**30), 2**63, 0.5, 1.5,
]  # fmt: skip
TYPES: list[Any] = [
    None, True, "", "3", "nan", "x" * 400, "\n", "\0", "../../etc/passwd", [], [1], {}, {"a": 1},
    (), b"1", object(), print, 1j,
]  # fmt: skip
JSON: list[Any] = [
    None, True, False, 0, -1, 0.5, 1e308, 10**13, 10**40, math.nan, math.inf, "", "x", "3", "\0\n",
    "y" * 5_000, [], [0], ["a", "a"], [[]], {}, {"x": 0}, {"": None},
]  # fmt: skip


def same(a: Any, b: Any) -> bool:
    """Return whether two JSON values are the same, types and all."""
    return type(a) is type(b) and repr(a) == repr(b)


def paths_of(value: Any, above: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every value within a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, list) else ()  # fmt: skip
    for key, each in inside:
        yield (*above, key)
        yield from paths_of(each, (*above, key))


def at(value: Any, path: tuple) -> Any:
    """Return what lies at `path`."""
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: tuple, new: Any) -> Any:
    """Return a copy of a JSON value with `new` at `path`."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


def without(value: Any, path: tuple) -> Any:
    """Return a copy of a JSON value that lacks what lies at `path`."""
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(value[path[0]], path[1:])
    return copy


def wrong_tensors(
    tensor: torch.Tensor, rng: np.random.Generator, *, file: bool
) -> Iterator[tuple[str, Any]]:
    """Yield tensors of another type, shape or range than `tensor`.

    In a `file`, one number that is not finite is wrong; a function may not use that number.
    """
    flat = tensor.reshape(-1)
    for dtype in (torch.float64, torch.float16, torch.int32, torch.int8, torch.bool, torch.uint8,
                  torch.int64, torch.float32, torch.complex64):  # fmt: skip
        if dtype != tensor.dtype:
            yield f"as {dtype}", tensor.to(dtype)
    for shape in ((0,), (1,), (*tensor.shape, 1), (1, *tensor.shape)):
        yield f"of shape {shape}", tensor.new_zeros(shape)
    if tensor.ndim:
        yield "one row less", tensor[:-1].clone()
        yield "one row more", torch.cat([tensor, tensor[-1:]])
    if tensor.dtype.is_floating_point and flat.numel():
        for number in (math.nan, math.inf, -math.inf):
            yield f"all {number}", torch.full_like(tensor, number)
            if file:
                worse = flat.clone()
                worse[int(rng.integers(len(flat)))] = number
                yield f"with {number}", worse.view(tensor.shape)
