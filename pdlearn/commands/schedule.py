"""Training many teachers in slices of time, the one furthest below its goal first.

Each slice is a process of its own, `pdlearn train GAME --resume ...`, so that slices can run side
by side and stopping them is stopping a single run: each saves itself. A game's goal is Nature DQN's
score. Every game gets its slice before any gets the next one, lest a game that will not learn take
all the time there is.
"""

import csv
import json
import math
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdlearn.games import game_by_name

LEAST_SECONDS = 30.0  # a shorter slice would only fill its memory


@dataclass(frozen=True)
class Standing:
    """How far a game's run has come."""

    game: str
    agent_steps: int = 0
    best_evaluation: float = -math.inf
    finished: bool = False

    @property
    def way(self) -> float:
        """Percent of the way from random play (0) to the goal (100); 0 before any evaluation."""
        facts = game_by_name(self.game)
        if math.isinf(self.best_evaluation):
            return 0.0
        return 100 * (self.best_evaluation - facts.random) / (facts.dqn - facts.random)


def standing(game: str, folder: Path) -> Standing:
    """Return how far the run in `folder` has come, by its `metrics.csv` and `config.json`."""
    metrics = folder / "metrics.csv"
    if not metrics.exists() or not (folder / "state.safetensors").exists():
        return Standing(game)
    with open(metrics, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return Standing(game)
    agent_steps = int(rows[-1]["agent_steps"])
    wanted = json.loads((folder / "config.json").read_text())["agent_steps"]
    best = float(rows[-1]["best_evaluation"])
    return Standing(game, agent_steps, best, finished=agent_steps >= wanted)


def next_game(standings: Sequence[Standing], slices: dict[str, int]) -> str | None:
    """Return the game to train next; None if all are finished.

    Fewest `slices` so far first, and among those the one furthest below its goal.
    """
    waiting = [s for s in standings if not s.finished]
    return min(waiting, key=lambda s: (slices[s.game], s.way)).game if waiting else None


def train_in_slices(
    folders: dict[str, Path],
    arguments: Sequence[str],
    *,
    jobs: int = 1,
    minutes: float = math.inf,
    slice_minutes: float = 30.0,
) -> Generator[Standing, None, None]:
    """Train the games that `folders` names, `jobs` at a time; yield a standing after each slice.

    `arguments` are those of `pdlearn train` for a game that has not begun; the others are resumed.
    A slice's output is kept in its folder's `log.txt`. Closing the iterator stops what runs, and
    waits until it has saved itself. Raises ValueError if a slice fails.
    """
    ends = time.monotonic() + 60 * minutes
    slices = dict.fromkeys(folders, 0)
    running: dict[str, subprocess.Popen] = {}
    try:
        while True:
            while len(running) < jobs and ends - time.monotonic() > LEAST_SECONDS:
                standings = [standing(g, f) for g, f in folders.items() if g not in running]
                game = next_game(standings, slices)
                if game is None:
                    break
                slices[game] += 1
                last = min(slice_minutes, (ends - time.monotonic()) / 60)
                running[game] = _start(game, folders[game], arguments, last)
            if not running:
                return
            ended = _wait_for_one(running)
            status = running.pop(ended).returncode
            if status != 0:
                log = folders[ended] / "log.txt"
                raise ValueError(f"training {ended} ended with status {status}; {log} says why")
            yield standing(ended, folders[ended])
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def _start(game: str, folder: Path, arguments: Sequence[str], minutes: float) -> subprocess.Popen:
    begun = (folder / "state.safetensors").exists()
    where = ["--resume", str(folder)] if begun else ["--folder", str(folder), *arguments]
    command = [sys.executable, "-m", "pdlearn.cli", "train", game, "--minutes", str(minutes)]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "a") as log:
        # A session of its own: Ctrl-C stops the parent, which stops each slice once.
        return subprocess.Popen(
            [*command, *where], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_for_one(running: dict[str, subprocess.Popen]) -> str:
    while True:
        for game, process in running.items():
            if process.poll() is not None:
                return game
        time.sleep(0.2)
