"""Figure 5: the scores of a DQN and of students that follow its best network during training.

Each row of `<results>/online.csv` is one evaluation of the DQN and of one student. All students of
a game follow the same DQN, which has the first student's seed.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from pdlearn.evaluation import protocol_of
from pdlearn.experiments import driver
from pdlearn.networks import parameter_count
from pdlearn.online import OnlineDistillation
from pdlearn.presets import DQN_BUDGETS, ONLINE_BUDGETS, DistillConfig, DQNConfig
from pdlearn.rows import read_rows


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


def _tasks(
    budget: str, games: Sequence[str], seeds: Sequence[int], folder: Path,
    follow: Callable = driver.no_training,
) -> list[driver.Task]:  # fmt: skip
    """Return a task for each game with a part for each seed; only tasks that run need `follow`."""
    taught, config = DQN_BUDGETS[budget], ONLINE_BUDGETS[budget]
    return [
        driver.Task(
            [partial(_is_of, marks=_marks(game, seed, taught, config)) for seed in seeds],
            partial(_run, game, taught, config, seeds, folder, follow),
        )
        for game in games
    ]


def _marks(game: str, seed: int, taught: DQNConfig, config: DistillConfig) -> dict:
    """Return the columns that identify a student's curve."""
    return {
        "game": game,
        "seed": seed,
        "dqn_steps": taught.agent_steps,
        "round_steps": config.steps_per_hour,
        "round_updates": config.updates_per_hour,
        "minibatch": config.minibatch,
        "network": config.size,
        "loss": config.loss,
        "temperature": config.temperature,
    }


def _is_of(row: dict, marks: dict) -> bool:
    return all(row[key] == str(value) for key, value in marks.items())


def _run(
    game: str, taught: DQNConfig, config: DistillConfig, seeds: Sequence[int], folder: Path,
    follow: Callable,
) -> list[dict]:  # fmt: skip
    name = "-".join(["online", game.replace("/", "-"), str(taught.agent_steps), *map(str, seeds)])
    run_folder = folder / name
    run = OnlineDistillation(
        game, taught, config, seeds, seed=seeds[0], folder=run_folder,
        resume=(run_folder / "state.safetensors").exists(),
    )  # fmt: skip
    follow(run, game)
    made = run.agent().card["made"]
    common = {
        "parameters": parameter_count(run.learner.network),
        "dqn_network": taught.size,
        "dqn_seed": seeds[0],
        "protocol": protocol_of(taught.evaluation_epsilon),
        "episodes": taught.evaluation_episodes,
        "hours": round(run.seconds / 3600, 3),
        "hardware": made["hardware"],
        "precision": made["precision"],
        "version": version("pdlearn"),
    }
    # A resumed run repeats what it did after it was last saved; the later row is the valid one.
    evaluated = {
        int(row["agent_steps"]): row
        for row in read_rows(run_folder / "metrics.csv")
        if row["phase"] in ("evaluate", "judge")  # "judge" in rows of older versions
    }
    return [
        {
            **_marks(game, seed, taught, config),
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
