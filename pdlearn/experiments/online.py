"""Figure 5: a DQN, its best so far and students that follow it, over the DQN's agent steps.

A row of `<results>/online.csv` is a point: one evaluation of the DQN, and of one student then. All
students of a game follow one DQN, of the first student's seed. A game whose curves stand in the
CSV for all seeds is not run again; a run that was stopped goes on.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from pdlearn.evaluation import protocol_of
from pdlearn.networks import parameter_count
from pdlearn.online import OnlineDistillation
from pdlearn.presets import DQN_BUDGETS, ONLINE_BUDGETS, DistillConfig, DQNConfig
from pdlearn.rows import read_rows, write_rows


def run_missing(
    budget: str,
    games: Sequence[str],
    seeds: Sequence[int],
    *,
    folder: Path,
    results: Path,
    follow: Callable[[OnlineDistillation, str], None],
) -> Iterator[dict]:
    """Run the games whose curves are not all there; yield a game's rows once they are in the CSV.

    `follow(run, game)` drives a run to its end and keeps its rows in the run's `metrics.csv`.
    """
    path = results / "online.csv"
    taught, config = DQN_BUDGETS[budget], ONLINE_BUDGETS[budget]
    for game in games:
        wanted = [_marks(game, seed, taught, config) for seed in seeds]
        rows = read_rows(path)
        if all(any(_is_of(row, marks) for row in rows) for marks in wanted):
            continue
        new = _run(game, taught, config, seeds, folder, follow)
        rows = [row for row in rows if not any(_is_of(row, marks) for marks in wanted)]
        write_rows(path, [*rows, *new])
        yield from new


def finished_rows(
    budget: str, games: Sequence[str], seeds: Sequence[int], results: Path
) -> list[dict]:
    """Return the rows of these curves, as far as they have run."""
    taught, config = DQN_BUDGETS[budget], ONLINE_BUDGETS[budget]
    wanted = [_marks(game, seed, taught, config) for game in games for seed in seeds]
    rows = read_rows(results / "online.csv")
    return [row for row in rows if any(_is_of(row, marks) for marks in wanted)]


def _marks(game: str, seed: int, taught: DQNConfig, config: DistillConfig) -> dict:
    """Return what tells a student's curve from all others."""
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
    # What a killed run did after it was last saved was done again: the later row counts.
    judged = {
        int(row["agent_steps"]): row
        for row in read_rows(run_folder / "metrics.csv")
        if row["phase"] == "judge"
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
        for agent_steps, row in sorted(judged.items())
    ]
