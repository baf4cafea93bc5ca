"""Figure 5: the scores of a DQN and of students that follow its best network during training.

Each row of `<results>/online.csv` is one evaluation of the DQN and of one student. All students of
a game follow the same DQN, which has the first student's seed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pdlearn.evaluation import protocol_of
from pdlearn.experiments import driver
from pdlearn.networks import parameter_count
from pdlearn.online import OnlineDistillation
from pdlearn.plots import title_of
from pdlearn.presets import DQN_BUDGETS, ONLINE_BUDGETS, DistillConfig, DQNConfig
from pdlearn.rows import markdown_table, read_rows
from pdlearn.statistics import swing


def run_missing(
    budget: str,
    games: Sequence[str],
    seeds: Sequence[int],
    *,
    folder: Path,
    results: Path,
    follow: Callable[[OnlineDistillation, str], None],
) -> Iterator[dict]:
    """Run the games with missing curves; yield a game's rows once they are in the CSV file.

    `follow(run, game)` drives a run to its end and writes its rows to the run's `metrics.csv`.
    """
    tasks = _tasks(budget, games, seeds, folder, follow)
    yield from driver.run_missing(results / "online.csv", tasks)


def finished_rows(
    budget: str, games: Sequence[str], seeds: Sequence[int], results: Path
) -> list[dict]:
    """Return the rows of the curves that `run_missing` with the same arguments has finished."""
    tasks = _tasks(budget, games, seeds, results)
    return driver.finished_rows(results / "online.csv", tasks)


def table(rows: Sequence[dict]) -> str:
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


def _tasks(
    budget: str, games: Sequence[str], seeds: Sequence[int], folder: Path,
    follow: Callable = driver.no_training,
) -> list[driver.Task]:  # fmt: skip
    """Return a task for each game with a part for each seed; only tasks that run need `follow`."""
    dqn, config = DQN_BUDGETS[budget], ONLINE_BUDGETS[budget]
    return [
        driver.Task(
            [partial(_is_of, settings=_settings(game, seed, dqn, config)) for seed in seeds],
            partial(_run, game, dqn, config, seeds, folder, follow),
        )
        for game in games
    ]


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


def _run(
    game: str, dqn: DQNConfig, config: DistillConfig, seeds: Sequence[int], folder: Path,
    follow: Callable,
) -> list[dict]:  # fmt: skip
    name = "-".join(["online", game.replace("/", "-"), str(dqn.agent_steps), *map(str, seeds)])
    run_folder = folder / name
    run = OnlineDistillation(
        game, dqn, config, seeds, seed=seeds[0], folder=run_folder,
        resume=(run_folder / "state.safetensors").exists(),
    )  # fmt: skip
    follow(run, game)
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
        for row in read_rows(run_folder / "metrics.csv")
        if not math.isnan(float(row["dqn"]))  # the row of an evaluation
    }
    return [
        {
            **_settings(game, seed, dqn, config),
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
