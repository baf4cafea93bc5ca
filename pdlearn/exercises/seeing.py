"""Checkers of observations: a shrunk picture, and the stack of four (lesson 01)."""

from collections.abc import Callable

import numpy as np
import torch

from pdlearn.envs.console import area_means
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.lessons import emulator


def frame_of(seed: int, *shape: int) -> np.ndarray:
    """Return a random uint8 picture, the same for the same seed."""
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def _overlapping(frame):
    picture = torch.from_numpy(frame).float()[None]
    return torch.nn.functional.adaptive_avg_pool2d(picture, 84)[0].round()


def _halves(rows):
    """Return the means over columns of `rows` `[84, 160]`."""
    return rows.repeat(21, 1).reshape(84, 84, 40).mean(2)


SHRINK_MISTAKES = [
    Mistake(
        lambda f: f[(np.arange(84) * 2.5).astype(int)][:, (np.arange(84) * 160 / 84).astype(int)],
        "This takes one pixel of each area, so a ball of two pixels appears and disappears. Take "
        "the mean of the area.",
    ),
    Mistake(
        lambda f: area_means(f).astype(np.uint8),
        "`astype` drops the fraction, so the picture gets darker. `round()` first.",
    ),
    Mistake(area_means, "The means still have fractions; `round()` them to whole grey levels."),
    Mistake(
        lambda f: np.floor(area_means(f) + 0.5),
        "Right except for means half way between two grey levels: `round()` takes those to the "
        "even level, as the emulator's code does.",
    ),
    Mistake(
        lambda f: np.rot90(area_means(np.rot90(f).reshape(210, 160)), -1).round(),
        "Rows and columns are mixed up: the picture has 210 rows of 160.",
    ),
    Mistake(
        lambda f: f.repeat(21, axis=1).reshape(84, 5, 84, 20).mean(axis=(1, 3)).round(),
        "Rows and columns are mixed up: write every row twice before five make one.",
    ),
    Mistake(
        lambda f: _overlapping(f).numpy(),
        "These areas are stretched to whole pixels and overlap (`adaptive_avg_pool2d` and "
        "`interpolate` with `area` do so). A pixel that lies half in an area counts half.",
    ),
    Mistake(
        lambda f: f.repeat(2, 0).repeat(21, 1).reshape(84, 5, 84, 40).max(axis=(1, 3)),
        "This takes the brightest pixel of each area. Take the mean of the area.",
    ),
    Mistake(
        lambda f: _halves(f.repeat(2, 0).reshape(84, 5, 160).mean(1).round()).round(),
        "The means over rows are rounded before those over columns are taken. Round once, at the "
        "end.",
    ),
    Mistake(
        lambda f: area_means(f).round().T,
        "The picture is transposed: the first axis is its rows, the second its columns.",
    ),
    Mistake(
        lambda f: area_means(f) / 255,
        "The grey levels are divided by 255. An observation stays uint8, 0 to 255; the network "
        "divides.",
    ),
    Mistake(
        lambda f: f[63:147, 38:122],
        "This cuts 84 × 84 pixels out of the picture. Shrink the whole picture.",
    ),
    Mistake(
        lambda f: f[: 84 * 2 : 2, : 84 * 2 : 2],
        "This takes every second pixel, so the lower rows are missing. Shrink the whole picture.",
    ),
    Mistake(
        lambda f: np.ceil(area_means(f)),
        "The means are rounded up. `round()` takes the nearest grey level.",
    ),
]


def check_shrink(function: Callable) -> Verdict:
    """Check a function that shrinks the picture of a game.

    Args:
        function: takes a grey picture, uint8 `[210, 160]`; returns the rounded means of areas,
            uint8 `[84, 84]`, as `lessons.emulator.shrink`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(frame_of(seed, 210, 160),) for seed in range(2)]
    praise = "Every pixel is the mean of its area, as in `emulator.shrink`."
    return compare(function, emulator.shrink, cases, SHRINK_MISTAKES, praise=praise)


PUSH_MISTAKES = [
    Mistake(
        lambda s, f: np.concatenate([f[None], s[:-1]]),
        "The newest frame comes first here. A network trained with the newest last would see the "
        "game backwards.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s[:-1], f[None]]),
        "This replaces the newest frame; drop the oldest.",
    ),
    Mistake(
        lambda s, f: np.repeat(f[None], len(s), axis=0),
        "All four frames are the newest one; keep the three before it.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s, f[None]]),
        "The stack grows to five frames. Drop the oldest, `stack[1:]`.",
    ),
    Mistake(
        lambda s, f: np.concatenate([f[None], s[1:]]),
        "The newest frame takes the oldest one's place. The frames must stay in order: drop the "
        "first, and add the newest at the end.",
    ),
    Mistake(
        lambda s, f: np.concatenate([np.roll(s, 1, axis=0)[:-1], f[None]]),
        "The stack is rolled in the wrong direction, so the last frame becomes the first: "
        "`np.roll(stack, -1, axis=0)`.",
    ),
    Mistake(
        lambda s, f: np.roll(s, -1, axis=0),
        "The stack is rolled, but the newest frame is not written: the oldest is last now.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s[1:], s[-1:]]),
        "The last frame of the stack is repeated, and `frame` is not used.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s[2:], f[None], f[None]]),
        "Two frames are dropped, and the newest is there twice.",
    ),
    Mistake(
        lambda s, f: np.append(s[1:], f),
        "`np.append` without an axis makes one row of all pixels. Use `np.concatenate` with "
        "`frame[None]`.",
    ),
    Mistake(
        lambda s, f: np.concatenate([*s[1:], f]),
        "The frames are joined along their rows. `frame[None]` gives the frame an axis to be "
        "stacked along.",
    ),
    Mistake(
        lambda s, f: np.stack([*s[1:], f], axis=-1),
        "The frames are the last axis here, `[84, 84, 4]`. They must be the first, `[4, 84, 84]`.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s[1:], f[None]]) / 255,
        "The grey levels are divided by 255. An observation stays uint8; the network divides.",
    ),
]


def check_push(function: Callable) -> Verdict:
    """Check a function that adds a frame to an observation.

    Args:
        function: takes a stack, uint8 `[4, 84, 84]`, and a frame, uint8 `[84, 84]`; returns the
            next stack, with the newest frame last, as `lessons.emulator.push`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(frame_of(seed, 4, 84, 84), frame_of(seed + 9, 84, 84)) for seed in range(2)]
    praise = "The oldest frame is dropped and the newest is last, as in `emulator.push`."
    return compare(function, emulator.push, cases, PUSH_MISTAKES, praise=praise)
