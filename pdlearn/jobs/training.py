"""The job that trains a teacher, and what all jobs with a run do with its rows."""

import math
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from pdlearn import ranks
from pdlearn.dqn import DQN
from pdlearn.games import game_by_name, percent_of_range
from pdlearn.jobs import Progress
from pdlearn.pqn import PQN
from pdlearn.presets import DQNConfig, PQNConfig
from pdlearn.rows import GrowingRows, newest_row, read_rows
from pdlearn.run_files import STATE, read_state
from pdlearn.runs import Run

METRICS = "metrics.csv"


@contextmanager
def kept(run: Run) -> Iterator[Iterator[dict]]:
    """Give the rows of `run` inside a `with` block; each is also written to its metrics.csv.

    From the block's beginning on, no other process trains in the folder. Its end saves the run.
    Raises ValueError for a run without a folder.
    """
    if run.folder is None:
        raise ValueError("expected a run with a folder, to keep its rows in; got none")
    ranks.of_first(None)  # all have seen what was in the folder, before the first writes to it
    if ranks.rank() > 0:
        with closing(iter(run)) as rows:
            yield rows
        return
    with (
        closing(iter(run)) as rows,
        GrowingRows(run.folder / METRICS, partial(was_saved, begun=run.begun)) as file,
    ):

        def add(row: dict) -> dict:
            file.add(row)
            return row

        yield map(add, rows)


def was_saved(row: dict, begun: dict) -> bool:
    """Return whether `row` is from before the state with the counters `begun` was saved.

    Rows after it are learnt again by the resumed run, which writes them again.
    """
    if not begun["agent_steps"] and not begun["updates"]:
        return False  # a new run
    counted = [key for key in ("agent_steps", "recorded_steps", "updates") if key in row]
    return all(int(row[key]) <= begun[key] for key in counted)


def drive(run: Run) -> None:
    """Train to the end, and keep the rows."""
    with kept(run) as rows:
        for _ in rows:
            pass


def progress_of_run(
    folder: Path, counter: str, total: int, *, unit: str, figures: Sequence[str]
) -> Progress | None:
    """Return the progress of the run in `folder`, by the newest row of its metrics.csv.

    `counter` is the column that counts up to `total`. The first of the columns `figures` that the
    row has as a number tells how good it is.
    """
    row = newest_row(folder / METRICS)
    if row is None:
        return None
    known = [name for name in figures if math.isfinite(float(row.get(name) or "nan"))]
    figure = f"{known[0].replace('_', ' ')} {float(row[known[0]]):.3g}" if known else ""
    return Progress(int(row[counter]), total, unit, figure)


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
    rows = read_rows(folder / METRICS, growing=True)
    if not rows or not (folder / STATE).exists():
        return Standing(game)
    agent_steps = int(rows[-1]["agent_steps"])
    wanted = read_state(folder)[1].config["agent_steps"]
    best = float(rows[-1]["best_evaluation"])
    return Standing(game, agent_steps, best, finished=agent_steps >= wanted)


@dataclass(frozen=True)
class TrainJob:
    """Train a teacher of one of the ten games; its result is a `Standing`."""

    game: str
    config: DQNConfig | PQNConfig
    seed: int
    folder: Path
    minutes: float = math.inf  # of each call
    device: str = "auto"  # auto: a GPU where the worker has one
    precision: str = "auto"

    @property
    def name(self) -> str:
        return f"train {self.game}, seed {self.seed}"

    def progress(self) -> Progress | None:
        """Return the agent steps so far, and the score of training."""
        total = self.config.agent_steps
        figures = ("score", "best_evaluation")
        return progress_of_run(self.folder, "agent_steps", total, unit="steps", figures=figures)

    def __call__(self) -> Standing:
        """Train, from what there is to the end of the budget or of the minutes."""
        now = standing(self.game, self.folder)
        if now.finished:
            return now
        automatic = "cuda" if torch.cuda.is_available() else "cpu"
        loop: type[DQN | PQN] = PQN if isinstance(self.config, PQNConfig) else DQN
        run = loop(
            self.game, self.config, seed=self.seed, folder=self.folder, minutes=self.minutes,
            device=automatic if self.device == "auto" else self.device, precision=self.precision,
            resume=(self.folder / STATE).exists(),
        )  # fmt: skip
        drive(run)
        return standing(self.game, self.folder)
