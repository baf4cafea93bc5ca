"""`pdlearn bench`: the speed of each loop, or the price of a decision."""

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.options import Device, device_by_name
from pdlearn.commands.refusals import refuse_unused
from pdlearn.files import check_writable, write_bytes
from pdlearn.progress import Bar
from pdlearn.schema import Range


def bench(
    *,
    peer: Literal["none", "sb3"] = "none",
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
    seconds: Annotated[float, Range(0.1, 3_600)] = 20.0,
    device: Device = "auto",
    decisions: Path | None = None,
) -> None:
    """Measure the speed of each loop on Pong, as a share of a ceiling measured in the same run.

    With --decisions: the time, memory and energy of one decision of each network, on one thread.

    Args:
        peer: sb3 also measures Stable-Baselines3's DQN (pip install stable-baselines3 and opencv)
        json_file: also write the figures to this file
        seconds: measuring time of each figure, in slices alternating with the others
        device: device of the networks and the replay memory
        decisions: measure decisions instead of loops, and write a row for each network, with torch
            and with onnxruntime, to this CSV file
    """
    if decisions is not None:
        refuse_unused(
            "with --decisions", json=json_file, peer=None if peer == "none" else peer,
            device=None if device in ("auto", "cpu") else device,
        )  # fmt: skip
        _decisions(decisions, seconds)
        return
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


def _decisions(path: Path, seconds: float) -> None:
    """Measure a decision of each network, write the rows to `path` and print them."""
    from pdlearn.bench.decisions import measure_decisions, slice_count
    from pdlearn.rows import write_rows

    check_writable(path)
    bar = Bar("decisions", slice_count(), "slices")
    rows = measure_decisions(seconds, bar.update)
    bar.close()
    write_rows(path, rows)
    for row in rows:
        print(
            f"{row['network']:8s} {row['runtime']:6s} {row['milliseconds']:8.4f} ms, "
            f"{row['times_the_teacher']:.3f} of the teacher's; weights {row['weights_kb']} kB, "
            f"activations {row['activations_kb']} kB; energy in mJ: {row['millijoules']}"
        )
