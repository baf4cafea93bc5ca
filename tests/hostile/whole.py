"""The campaign's parts by name, and how much of each is tried."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accidents import crashes, disks, kills
from calls import arguments, tensor_calls
from campaign import Case
from lines import commands
from parts import Files, bytes_of, contents_of, folders, shortened
from slow import slow_disks

PARTS = ["bytes", "contents", "folders", "commands", "arguments", "tensors", "disks", "crashes",
         "kills", "slow disks"]  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """How many inputs of each part are tried; None means all."""

    bytes: int
    contents: int | None
    folders: int | None
    commands: int | None
    arguments: int | None
    tensors: int | None
    disks: int | None
    slow_disks: int | None
    crashes: int
    kills: int

    @classmethod
    def short(cls) -> "Sizes":
        return cls(100, 300, 40, 60, 500, 300, None, 12, 2, 1)

    @classmethod
    def long(cls) -> "Sizes":
        return cls(600, None, None, None, None, None, None, None, 24, 50)


def cases_of(part: str, folder: Path, sizes: Sizes, seed: int) -> Iterable[Case]:
    """Return the wrong inputs of a part; their files lie in `folder`."""
    rng = np.random.default_rng([seed, PARTS.index(part)])
    limit = getattr(sizes, part.replace(" ", "_"))
    if part == "bytes":
        return bytes_of(Files(folder), rng, limit)
    if part == "contents":
        return shortened(contents_of(Files(folder), rng), limit, rng)
    if part == "folders":
        return shortened(folders(Files(folder), rng), limit, rng)
    if part == "commands":
        return shortened(commands(folder), limit, rng)
    if part == "arguments":
        return shortened(arguments(folder), limit, rng)
    if part == "tensors":
        return shortened(tensor_calls(rng), limit, rng)
    if part == "disks":
        return shortened(disks(Files(folder)), limit, rng)
    if part == "slow disks":
        return shortened(slow_disks(Files(folder)), limit, rng)
    if part == "crashes":
        points = np.arange(1, 49)
        return crashes(folder, sorted(rng.choice(points, limit, replace=False).tolist()))
    return kills(folder, rng, limit)
