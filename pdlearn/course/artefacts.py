"""Assess an agent that was handed in: the file itself, by a fixed protocol, without pickle.

`python -m pdlearn.course.artefacts FILE ASSIGNMENT` prints the verdict on a file as JSON; grading
runs it as a process of its own with a time limit. `python -m pdlearn.course.artefacts` prints the
anchors of the scale.
"""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from pdlearn import envs, zoo
from pdlearn.checkpoints import Agent, read_agent
from pdlearn.course import confinement
from pdlearn.course.assignments import BY_NAME
from pdlearn.course.parts import Artefact
from pdlearn.course.scales import (
    EPSILON,
    LONGEST_STEPS,
    SECONDS,
    SEED,
    report_points,
    score_points,
    way_of,
)
from pdlearn.evaluation import start_list
from pdlearn.games import GAMES
from pdlearn.networks import QNetwork, parameter_count
from pdlearn.rollout import EpisodeTracker, EpsilonGreedy, steps_from
from pdlearn.statistics import interval

LARGEST_BYTES = 64_000_000
MEMORY_BYTES = 4_000_000_000
BUSY = 10  # a machine that does much else gives a process a tenth of its time
COPY_DISTANCE = 0.1  # a sine of an angle; 0.6 or more between any two shipped trainings
COLUMNS = ("game", "parameters", "mean", "episodes", "seed")


@dataclass(frozen=True)
class Assessment:
    """What was found of a file: `points` of the score alone; `note` is a sentence."""

    note: str
    points: float = 0.0
    game: str = ""
    parameters: int = 0
    mean: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    spread: float = float("nan")
    way: float = float("nan")
    fingerprint: str = ""


def fingerprint(agent: Agent) -> str:
    """Return a text that is the same for the same weights, whatever the card says.

    Weights are compared in half precision, since shipped files are stored so.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(agent.network.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.half().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def shipped_original(agent: Agent) -> str | None:
    """Return the name of the shipped agent whose weights these are, nearly; None if there is none.

    A copy that was changed a little, by noise, by scaling or by some updates, is recognised too.
    """
    weights = agent.network.state_dict()
    for name in zoo.names():
        whole = zoo.load_all_games(name)
        for game in whole.games:
            other = whole.for_game(game).network.state_dict()
            if _distance(weights, other) < COPY_DISTANCE:
                return name
    return None


def _distance(weights: dict, other: dict) -> float:
    """Return the mean sine of the angles between the matrices of two networks, from 0 to 1."""
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    if shapes != {name: tensor.shape for name, tensor in other.items()}:
        return float("inf")
    cosines = torch.stack(
        [
            torch.cosine_similarity(weights[name].flatten(), tensor.flatten(), dim=0, eps=1e-12)
            for name, tensor in other.items()
            if tensor.ndim > 1
        ]
    )
    return float((1 - cosines.square()).clamp(min=0).sqrt().mean())


def play(agent: Agent, episodes: int, epsilon: float = EPSILON) -> list[float]:
    """Return the scores of `episodes` by the protocol of `scales`, all played side by side."""
    policy = EpsilonGreedy(agent.network, epsilon, torch.Generator().manual_seed(SEED))
    env = envs.make(agent.game, episodes)
    game = steps_from(env, policy, start_list(agent.game, episodes, SEED)[1])
    tracker, scores = EpisodeTracker(episodes), np.full(episodes, np.nan)
    total = np.zeros(episodes)
    for step in islice(game, LONGEST_STEPS):
        playing = np.isnan(scores)
        total += np.where(step.last | ~playing, 0.0, step.reward)
        for episode in tracker.add(step):
            if np.isnan(scores[episode.env]):
                scores[episode.env] = episode.score
        if not np.isnan(scores).any():
            break
    game.close()
    return np.where(np.isnan(scores), total, scores).tolist()


def read(path: Path, artefact: Artefact) -> Agent | Assessment:
    """Return the agent in a file, or the assessment of a file that is not to be played."""
    if not path.is_file() or path.is_symlink():
        return Assessment(f"no file {path.name} was handed in")
    if path.stat().st_size > LARGEST_BYTES:
        return Assessment(f"{path.name} has {path.stat().st_size:,} bytes; expected an agent")
    try:
        agent = read_agent(path)
    except (ValueError, TypeError, KeyError, MemoryError) as error:
        return Assessment(str(error).replace(str(path), path.name))
    if agent.game not in artefact.games:
        return Assessment(f"plays {agent.game}; expected {' or '.join(artefact.games)}")
    parameters, most = parameter_count(agent.network), artefact.bands[-1][0]
    if parameters > most:
        return Assessment(f"has {parameters:,} parameters; expected at most {most:,}")
    if not all(bool(tensor.isfinite().all()) for tensor in agent.network.state_dict().values()):
        return Assessment("has weights that are not finite")
    return agent


def assess(path: Path, artefact: Artefact) -> Assessment:
    """Return the assessment of a file: read, compared with the shipped agents, played."""
    agent = read(path, artefact)
    if isinstance(agent, Assessment):
        return agent
    found = Assessment(
        "",
        game=agent.game,
        parameters=parameter_count(agent.network),
        fingerprint=fingerprint(agent),
    )
    if original := shipped_original(agent):
        return replace(found, note=f"has the weights of the shipped {original}")
    scores = play(agent, artefact.episodes)
    mean = float(np.mean(scores))
    low, high = interval(scores, np.random.default_rng(0))
    way = way_of(agent.game, mean)
    return replace(
        found,
        note=(
            f"makes {mean:.2f} [{low:.2f}, {high:.2f}] over {len(scores)} episodes, {way:.0%} of "
            f"the way, with {found.parameters:,} parameters"
        ),
        points=score_points(artefact, way, found.parameters),
        mean=mean,
        low=low,
        high=high,
        spread=float(np.std(scores)),
        way=way,
    )


def assess_apart(path: Path, assignment: str) -> Assessment:
    """Return what `assess` does, from a process of its own that is stopped after a while."""
    if not path.is_file():
        return Assessment(f"no file {path.name} was handed in")
    command = [sys.executable, "-P", "-m", "pdlearn.course.artefacts", str(path), assignment]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PDLEARN_QUIET": "1"}
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=BUSY * SECONDS)
    except subprocess.TimeoutExpired:
        return Assessment(f"was not assessed within {BUSY * SECONDS} seconds")
    time_over = getattr(signal, "SIGXCPU", None)  # Windows has none
    if time_over is not None and done.returncode == -time_over:
        return Assessment(f"was not assessed within {SECONDS} seconds of a processor")
    try:
        return Assessment(**json.loads(done.stdout.splitlines()[-1]))
    except (ValueError, IndexError):
        return Assessment("could not be assessed: the process that read it ended early")


def report_note(path: Path, artefact: Artefact, assessed: Assessment) -> tuple[float, str]:
    """Return the points of the CSV file that was handed in, and a sentence on it."""
    if not assessed.points:
        return 0.0, ""
    if not path.is_file() or path.is_symlink():
        return 0.0, f"no file {path.name} was handed in"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(islice(file, 3)))
        parameters, mean = int(row["parameters"]), float(row["mean"])
        missing = [column for column in COLUMNS if not row.get(column)]
    except (KeyError, ValueError, TypeError, StopIteration, OSError, csv.Error):
        return 0.0, f"{path.name} has no row with {', '.join(COLUMNS)}"
    if missing:
        return 0.0, f"{path.name} does not give {', '.join(missing)}"
    if parameters != assessed.parameters:
        return 0.0, f"{path.name} says {parameters:,} parameters; the agent has another number"
    near = max(assessed.spread, 0.02 * abs(assessed.mean))
    if not abs(mean - assessed.mean) <= near:
        return (
            0.0,
            f"{path.name} says a mean of {mean:g}, outside the spread of the assessed episodes",
        )
    return report_points(artefact), f"{path.name} agrees with the agent"


def anchor(game: str) -> tuple[float, float]:
    """Return the mean scores of random play and of the shipped teacher by the protocol."""
    idle = QNetwork(GAMES[game].num_actions, "net5", generator=torch.Generator().manual_seed(0))
    teacher = zoo.load(f"{game}/teacher")
    at_random = Agent(idle, {"games": {game: list(GAMES[game].actions)}})
    return float(np.mean(play(at_random, 12, 1.0))), float(np.mean(play(teacher, 12)))


def main(arguments: list[str]) -> None:
    """Print the assessment of a file as JSON, or the anchors of all games."""
    if arguments:
        confinement.limits(SECONDS, MEMORY_BYTES, LARGEST_BYTES)
        artefact = BY_NAME[arguments[1]].artefact
        assert artefact is not None
        print(json.dumps(asdict(assess(Path(arguments[0]), artefact))))
        return
    for game in GAMES:
        random, teacher = anchor(game)
        print(f'    "{game}": ({random:.4g}, {teacher:.4g}),', flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
