"""Figure 5: the scores of a DQN and of students that follow its best network during training.

Each row of `<results>/online.csv` is one evaluation of the DQN and of one student. All students of
a game follow the same DQN, which has the first student's seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pdlearn.evaluation import protocol_of
from pdlearn.experiments import driver
from pdlearn.jobs import Progress
from pdlearn.jobs.training import METRICS, drive, progress_of_run
from pdlearn.networks import parameter_count
from pdlearn.online import OnlineDistillation
from pdlearn.plots import online_curves, title_of
from pdlearn.presets import DQN_BUDGETS, ONLINE_BUDGETS, DistillConfig, DQNConfig
from pdlearn.rows import markdown_table, read_rows
from pdlearn.run_files import STATE
from pdlearn.statistics import swing


def tasks(
    name: str, budget: str, games: Sequence[str], seeds: Sequence[int], *, folder: Path
) -> list[driver.Task]:
    """Return a task for each game, with a part for each seed.

    `name` is online. Empty `games` selects Q*bert.
    """
    dqn, config = DQN_BUDGETS[budget], ONLINE_BUDGETS[budget]
    return [
        driver.Task(
            [partial(_is_of, settings=_settings(game, seed, dqn, config)) for seed in seeds],
            OnlineJob(game, dqn, config, tuple(seeds), folder),
        )
        for game in games or ("qbert",)
    ]


def told(row: dict) -> str:
    """Return a line on a new row."""
    return (
        f"{row['game']:15s} seed {row['seed']}, {row['agent_steps']} steps: DQN {row['dqn']}, its "
        f"best so far {row['best_so_far']}, student {row['student']}"
    )


def picture(rows: Sequence[dict], name: str) -> Figure:
    """Return the figure of all rows."""
    return online_curves(rows)


def table(rows: Sequence[dict], name: str = "online") -> str:
    """Return a Markdown table of the final scores and the swings, with a line for each student."""
    names = (
        "game", "DQN's agent steps", "student's seed", "final DQN",
        "its best network, evaluated again", "final student", "DQN's swing", "student's swing",
    )  # fmt: skip
    lines = []
    for (game, dqn_steps, seed), curves in _curves(rows).items():
        ends = [f"{curves[key][-1]:.1f}" for key in ("dqn", "teacher", "student")]
        swings = [f"{_late_swing(curves[key]):.1f}" for key in ("dqn", "student")]
        lines.append((title_of(game), f"{dqn_steps:,}", seed, *ends, *swings))
    return markdown_table(names, lines)


def measured(rows: Sequence[dict]) -> str:
    """Return the final score and the swing of each DQN and its students."""
    return " ".join(
        f"{title_of(game)}, seed {seed}: final scores {curves['dqn'][-1]:.1f} (DQN) and "
        f"{curves['student'][-1]:.1f} (student), swings {_late_swing(curves['dqn']):.1f} and "
        f"{_late_swing(curves['student']):.1f}."
        for (game, _, seed), curves in _curves(rows).items()
    )


def _curves(rows: Sequence[dict]) -> dict[tuple[str, int, int], dict[str, np.ndarray]]:
    """Return the scores of a DQN, its best network and a student by game, DQN's steps and seed."""
    runs: dict[tuple[str, int, int], list[dict]] = {}
    for row in rows:
        key = (row["game"], int(row["dqn_steps"]), int(row["seed"]))
        runs.setdefault(key, []).append(row)
    return {
        key: {
            name: np.array([float(point[name]) for point in points])
            for name in ("dqn", "teacher", "student")
        }
        for key, points in runs.items()
    }


def _late_swing(scores: np.ndarray) -> float:
    """Return the swing in the second half, when scores no longer rise quickly."""
    return swing(scores[len(scores) // 2 :])


def _settings(game: str, seed: int, dqn: DQNConfig, config: DistillConfig) -> dict:
    """Return the columns that identify a student's curve."""
    return {
        "game": game,
        "seed": seed,
        "dqn_steps": dqn.agent_steps,
        "round_steps": config.steps_per_hour,
        "round_updates": config.updates_per_hour,
        "minibatch": config.minibatch,
        "network": config.size,
        "loss": config.loss,
        "temperature": config.temperature,
    }


def _is_of(row: dict, settings: dict) -> bool:
    return all(row[key] == str(value) for key, value in settings.items())


@dataclass(frozen=True)
class OnlineJob:
    """Train a DQN and students that follow it; the result is a row for each evaluation and seed."""

    game: str
    dqn: DQNConfig
    config: DistillConfig
    seeds: tuple[int, ...]
    folder: Path  # of all games

    @property
    def name(self) -> str:
        return f"online {self.game}"

    @property
    def run_folder(self) -> Path:
        words = ("online", self.game.replace("/", "-"), self.dqn.agent_steps, *self.seeds)
        return self.folder / "-".join(map(str, words))

    def progress(self) -> Progress | None:
        """Return the agent steps of the DQN so far."""
        figures = ("best_so_far", "agreement")
        total = self.dqn.agent_steps
        return progress_of_run(self.run_folder, "agent_steps", total, unit="steps", figures=figures)

    def __call__(self) -> list[dict]:
        """Train, from what there is, and return the rows."""
        dqn, seeds = self.dqn, self.seeds
        run = OnlineDistillation(
            self.game, dqn, self.config, seeds, seed=seeds[0], folder=self.run_folder,
            resume=(self.run_folder / STATE).exists(),
        )  # fmt: skip
        drive(run)
        made = run.agent().card["made"]
        common = {
            "parameters": parameter_count(run.learner.network),
            "dqn_network": dqn.size,
            "dqn_seed": seeds[0],
            "protocol": protocol_of(dqn.evaluation_epsilon),
            "episodes": dqn.evaluation_episodes,
            "hours": round(run.seconds / 3600, 3),
            "hardware": made["hardware"],
            "precision": made["precision"],
            "version": version("pdlearn"),
        }
        # A resumed run repeats what it did after it was last saved; the later row is the valid one.
        evaluated = {
            int(row["agent_steps"]): row
            for row in read_rows(self.run_folder / METRICS)
            if not math.isnan(float(row["dqn"]))  # the row of an evaluation
        }
        return [
            {
                **_settings(self.game, seed, dqn, self.config),
                "agent_steps": agent_steps,
                "recorded_steps": int(row["recorded_steps"]),
                "updates": int(row["updates"]),
                **{key: round(float(row[key]), 3) for key in ("dqn", "best_so_far", "teacher")},
                "student": round(float(row[f"student_{seed}" if len(seeds) > 1 else "student"]), 3),
                **common,
            }
            for seed in seeds
            for agent_steps, row in sorted(evaluated.items())
        ]
