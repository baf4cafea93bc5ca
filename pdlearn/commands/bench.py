"""`pdlearn bench`: how fast each loop is."""

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.options import Device, device_by_name
from pdlearn.progress import Bar


def bench(
    peer: Literal["none", "sb3"] = "none",
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    seconds: float = 20.0,
    device: Device = "auto",
) -> None:
    """Measure speed on Pong, each loop as a share of the ceiling that this same run measured.

    Args:
        peer: sb3 also measures Stable-Baselines3's DQN (pip install stable-baselines3 and opencv)
        json_file: also write the figures to this file
        seconds: how long each figure is measured, in five slices in turn with the others
        device: where the networks and the memory live
    """
    from pdlearn.bench import measure, slice_count

    bar = Bar("bench", slice_count(peer), "slices")
    figures = measure(device_by_name(device), seconds, peer, bar.update)
    bar.close()
    for name, value, unit, note in figures:
        print(f"{name:34s} {value:10.2f} {unit:12s} {note}")
    if json_file is not None:
        values = {name: value for name, value, _, _ in figures}
        json_file.write_text(json.dumps(values, indent=1) + "\n")
