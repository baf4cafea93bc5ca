"""Train many teachers in time slices.

Each slice is a process of its own, `pdlearn train GAME --resume ...`: slices can run in parallel,
and stopping, saving and resuming work as for a single run. A game's goal is Nature DQN's score.
All games get equally many slices, so that a game that does not learn cannot take all the time.
Among games with equally many, the one furthest below its goal comes first.
"""

import math
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pdlearn.games import game_by_name, percent_of_range
from pdlearn.rows import read_rows
from pdlearn.run_files import read_state

LEAST_SECONDS = 30.0  # a shorter slice would only fill the replay memory


@dataclass(frozen=True)
class Standing:
    """The progress of one game's run."""

    game: str
    agent_steps: int = 0
    best_evaluation: float = -math.inf
    finished: bool = False

    @property
    def way(self) -> float:
        """The best evaluation in percent: random play is 0, the goal 100; 0 before the first."""
        facts = game_by_name(self.game)
        if math.isinf(self.best_evaluation):
            return 0.0
        return percent_of_range(self.best_evaluation, facts.random, facts.dqn)


def standing(game: str, folder: Path) -> Standing:
    """Return the progress of the run in `folder`, read from its `metrics.csv` and its state."""
    rows = read_rows(folder / "metrics.csv", growing=True)
    if not rows or not (folder / "state.safetensors").exists():
        return Standing(game)
    agent_steps = int(rows[-1]["agent_steps"])
    wanted = read_state(folder)[1].config["agent_steps"]
    best = float(rows[-1]["best_evaluation"])
    return Standing(game, agent_steps, best, finished=agent_steps >= wanted)


def next_game(standings: Sequence[Standing], slices: dict[str, int]) -> str | None:
    """Return the unfinished game to train next; None if all are finished.

    It is the game with the fewest `slices` so far; among equals, the one furthest below its goal.
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
    device: str = "auto",
) -> Generator[Standing, None, None]:
    """Train the games that `folders` names, `jobs` at a time; yield a standing after each slice.

    A game without a saved state starts with `arguments` of `pdlearn train`; the others resume. All
    train on `device`.
    A slice's output goes to `log.txt` in its folder. Closing the iterator stops the running slices
    and waits until they have saved. Raises ValueError if a slice fails.
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
                always = ["--minutes", str(last), "--device", device]
                running[game] = _start(game, folders[game], arguments, always)
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


def _start(
    game: str, folder: Path, arguments: Sequence[str], always: Sequence[str]
) -> subprocess.Popen:
    begun = (folder / "state.safetensors").exists()
    where = ["--resume", str(folder)] if begun else ["--folder", str(folder), *arguments]
    command = [sys.executable, "-m", "pdlearn.cli", "train", game, *always]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "log.txt", "a") as log:
        # In a session of its own, a slice gets Ctrl-C only once: from the parent.
        return subprocess.Popen(
            [*command, *where], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_for_one(running: dict[str, subprocess.Popen]) -> str:
    while True:
        for game, process in running.items():
            if process.poll() is not None:
                return game
        time.sleep(0.2)
