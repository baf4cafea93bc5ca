"""`pdlearn bench`: the speed of each loop."""

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.options import Device, device_by_name
from pdlearn.files import check_writable, write_bytes
from pdlearn.progress import Bar
from pdlearn.schema import Range


def bench(
    peer: Literal["none", "sb3"] = "none",
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    seconds: Annotated[float, Range(0.1, 3_600)] = 20.0,
    device: Device = "auto",
) -> None:
    """Measure the speed of each loop on Pong, as a share of a ceiling measured in the same run.

    Args:
        peer: sb3 also measures Stable-Baselines3's DQN (pip install stable-baselines3 and opencv)
        json_file: also write the figures to this file
        seconds: measuring time of each figure, in five slices alternating with the others
        device: device of the networks and the replay memory
    """
    from pdlearn.bench import measure, slice_count

    if json_file is not None:
        check_writable(json_file)
    bar = Bar("bench", slice_count(peer), "slices")
    figures = measure(device_by_name(device), seconds, peer, bar.update)
    bar.close()
    for name, value, unit, note in figures:
        print(f"{name:34s} {value:10.2f} {unit:12s} {note}")
    if json_file is not None:
        values = {name: value for name, value, _, _ in figures}
        write_bytes(json_file, (json.dumps(values, indent=1) + "\n").encode())
