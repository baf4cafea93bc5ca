"""The price of one decision: milliseconds, memory and energy of each network on one thread.

A decision leads from the pixels of one state, four frames, to the best action. All networks are
measured in rounds, one time slice each per round, because the speed of a machine changes within
minutes. A ratio to the teacher is the median over rounds. Times are the thread's processor time,
which other processes do not lengthen. The weights are untrained; they do not change the time.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pdlearn import envs, paper
from pdlearn.checkpoints import Agent
from pdlearn.export.onnx import export_onnx
from pdlearn.games import GAMES
from pdlearn.hardware import device_name, torch_threads
from pdlearn.networks import MULTI_SIZES, SIZES, network_for, parameter_count

GAME = "pong"  # whose actions a decision chooses from
GAMES_OF = {"multi3": tuple(paper.TABLE_B2), "multi10": tuple(GAMES)}
NETWORKS = (*SIZES, *MULTI_SIZES)
RUNTIMES = ("eager", "onnx")
ROUNDS = 21
UNKNOWN = "not available"
RAPL = Path("/sys/class/powercap")  # Linux: the energy of each processor package so far

Decide = Callable[[], object]


class Slice(NamedTuple):
    """A time slice of one network: the median decision, and the energy of each decision."""

    milliseconds: float
    millijoules: float | None  # of the whole processor package


def measure_decisions(
    seconds: float, on_slice: Callable[[int], None] = lambda slices: None
) -> list[dict]:
    """Return a row for each network and runtime, each measured for `seconds` in total.

    `on_slice` receives the number of finished slices, of `slice_count()`. Raises ValueError without
    the extra `onnx`.
    """
    agents = {name: untrained(name) for name in NETWORKS}
    observation = torch.randint(
        0, 256, (1, 4, 84, 84), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    decisions: dict[tuple[str, str], Decide] = {}
    with torch_threads(1):
        for name, agent in agents.items():
            decisions[name, "eager"] = eager(agent, observation)
            decisions[name, "onnx"] = exported(agent, observation)
        slices: dict[tuple[str, str], list[Slice]] = {key: [] for key in decisions}
        done = itertools.count(1)
        for _, (key, decide) in itertools.product(range(ROUNDS), decisions.items()):
            slices[key].append(slice_of(decide, seconds / ROUNDS))
            on_slice(next(done))
        hardware = device_name(torch.device("cpu")).replace("1 threads", "1 thread")
    sizes = {name: size_row(agent, observation) for name, agent in agents.items()}
    versions = {"torch": torch.__version__, "onnxruntime": version("onnxruntime")}
    return [{**row, "hardware": hardware, **versions} for row in rows_of(sizes, slices)]


def slice_count() -> int:
    """Return the number of time slices of `measure_decisions`."""
    return ROUNDS * len(NETWORKS) * len(RUNTIMES)


def rows_of(
    sizes: Mapping[str, dict], slices: Mapping[tuple[str, str], Sequence[Slice]]
) -> list[dict]:
    """Return a row for each network and runtime from its slices, one for each round.

    `sizes` are the columns of each network that do not depend on the runtime. Times are medians
    over rounds, with quartiles.
    """
    rows = []
    for (name, runtime), taken in slices.items():
        times = np.array([each.milliseconds for each in taken])  # [ROUNDS]
        teachers = np.array([each.milliseconds for each in slices["teacher", runtime]])
        low, middle, high = np.percentile(times, (25, 50, 75))
        energy = [each.millijoules for each in taken if each.millijoules is not None]
        rows.append(
            {
                "network": name,
                **sizes[name],
                "runtime": runtime,
                "milliseconds": round(float(middle), 4),
                "lower_quartile": round(float(low), 4),
                "upper_quartile": round(float(high), 4),
                "times_the_teacher": round(float(np.median(times / teachers)), 3),
                "millijoules": round(float(np.median(energy)), 3) if energy else UNKNOWN,
                "rounds": len(taken),
            }
        )
    return rows


def size_row(agent: Agent, observation: Tensor) -> dict:
    """Return parameters, kilobytes of the weights and of the activations, all in float32.

    No two neighbouring layers need more memory than the frames and the first layer's outputs.
    """
    network = agent.network
    parameters = parameter_count(network)
    first = network.first_features(observation)  # type: ignore[operator]
    return {
        "parameters": parameters,
        "weights_kb": round(4 * parameters / 1e3, 1),
        "activations_kb": round(4 * (observation.numel() + first.numel()) / 1e3, 1),
    }


def untrained(name: str) -> Agent:
    """Return an agent with a new network of the size `name`; teachers have layer normalisation."""
    games = {game: list(GAMES[game].actions) for game in GAMES_OF.get(name, (GAME,))}
    network = network_for(
        {game: len(actions) for game, actions in games.items()}, name, (4, 84, 84),
        torch.Generator().manual_seed(0), normalization="layer" if name == "teacher" else "none",
    )  # fmt: skip
    card = {"games": games, "size": name, "observation_shape": [4, 84, 84]}
    return Agent(network.eval(), {**card, "preprocessing": envs.PREPROCESSING})


def eager(agent: Agent, observation: Tensor) -> Decide:
    """Return a function that decides with torch, operation by operation."""
    network = agent.for_game(GAME).network

    @torch.inference_mode()
    def decide() -> object:
        return network(observation).argmax(1).item()

    return decide


def exported(agent: Agent, observation: Tensor) -> Decide:
    """Return a function that decides with the exported graph; ValueError without onnxruntime."""
    pixels = observation.numpy()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        export_onnx(agent.for_game(GAME), path, observation)
        import onnxruntime  # an extra, which `export_onnx` has asked for

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def decide() -> object:
        (values,) = session.run(["values"], {"observation": pixels.astype(np.float32)})
        return values.argmax(1).item()

    return decide


def slice_of(decide: Decide, seconds: float) -> Slice:
    """Return the median time of a decision and its energy, over at least `seconds`."""
    decide()  # warm-up after the other networks
    before = energy_counters()
    times = [time.thread_time()]
    while len(times) < 2 or times[-1] - times[0] < seconds:
        decide()
        times.append(time.thread_time())
    after = energy_counters()
    used = energy_between(before, after)
    each = None if used is None else used / 1e3 / (len(times) - 1)
    return Slice(1e3 * float(np.median(np.diff(times))), each)


def energy_counters(folder: Path = RAPL) -> list[tuple[int, int]]:
    """Return each processor package's counter of microjoules and where it restarts from 0.

    Nothing if the machine has none, or lets only its administrator read them.
    """
    packages = sorted(folder.glob("intel-rapl:[0-9]"))
    try:
        return [(_counter(p / "energy_uj"), _counter(p / "max_energy_range_uj")) for p in packages]
    except OSError:
        return []


def _counter(path: Path) -> int:
    return int(path.read_text())


def energy_between(
    before: Sequence[tuple[int, int]], after: Sequence[tuple[int, int]]
) -> float | None:
    """Return the microjoules between two readings of all counters; None without counters."""
    if not before or len(before) != len(after):
        return None
    # A counter restarts from 0 at its range, at most once in a slice.
    pairs = zip(before, after, strict=True)
    return float(sum((now - then) % most for (then, most), (now, _) in pairs))
