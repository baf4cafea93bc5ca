"""Compare training methods after equal processor time; a run is a row of teacher_recipes.csv.

python -m pdlearn.publish.race qbert "DQN, double targets" --minutes 30

Time is the processor time of this process, all its threads together, so that other work on the
machine takes nothing from a run. Set OMP_NUM_THREADS=1 to compare with the other rows. The run is
kept in its folder, where `pdlearn train GAME --resume FOLDER` continues it.
"""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from pdlearn.commands.options import known_game
from pdlearn.dqn import DQN
from pdlearn.pqn import PQN
from pdlearn.presets import BUDGETS, DQNConfig
from pdlearn.publish import agents
from pdlearn.rows import GrowingRows, read_rows, write_rows

# The method of each recipe, and its settings where they are not those of the budget `fast`.
RECIPES: dict[str, tuple[str, dict[str, Any]]] = {
    "DQN": ("dqn", {}),
    "DQN, double targets": ("dqn", {"double": True}),
    "DQN, 51 quantiles": ("dqn", {"quantiles": 51}),
    "DQN, minibatch 128": (
        "dqn", {"minibatch": 128, "learning_rate": 3e-4, "target_period_updates": 62}
    ),
    "DQN, 3 steps ahead, uniform": ("dqn", {"n_step": 3, "priority_exponent": 0.0}),
    "PQN": ("pqn", {}),
    "PQN, lambda 0.95": ("pqn", {"lambda_": 0.95}),
}  # fmt: skip


def run_of(game: str, recipe: str, folder: Path, seed: int = 0) -> DQN | PQN:
    """Return the run of a recipe, kept in `folder`; raise ValueError for an unknown recipe."""
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; recipes: {'; '.join(RECIPES)}")
    method, settings = RECIPES[recipe]
    config = replace(BUDGETS[method]["fast"], **settings)
    loop: type[DQN | PQN] = DQN if method == "dqn" else PQN
    return loop(game, config, seed=seed, folder=folder)


def race(run: Iterable[dict], minutes: float, metrics: Path) -> tuple[dict, float]:
    """Train for so many processor minutes; return the last row and the minutes that it took.

    All rows are written to the CSV file `metrics`.
    """
    started, spent, row = time.process_time(), 0.0, {}
    with GrowingRows(metrics) as kept:
        for row in run:
            kept.add(row)
            spent = (time.process_time() - started) / 60
            if spent >= minutes:
                break
    return row, spent


def entry(game: str, recipe: str, run: DQN | PQN, *, last: dict, minutes: float) -> dict:
    """Return the row of teacher_recipes.csv for a run that ended with the row `last`."""
    config = run.config
    row = {
        "game": game, "method": run.kind, "agent_steps": last["agent_steps"],
        "score": round(last["score"], 2), "episodes": max(20, config.num_envs),
        "seconds": round(last["seconds"]), "processor_minutes": round(minutes, 1),
        "race": recipe, "seed": run.seed, "minibatch": config.minibatch,
        "longest_hold_steps": config.longest_hold_steps, "epsilon_final": config.epsilon_final,
        "epsilon_decay_steps": config.epsilon_decay_steps, "learning_rate": config.learning_rate,
        "normalization": config.normalization, "num_envs": config.num_envs,
        "hardware": f"{run.made()['hardware']}, {run.learner.precision}",
    }  # fmt: skip
    if isinstance(config, DQNConfig):
        names = (
            "samples_per_step", "priority_exponent", "n_step", "double", "target_period_updates",
            "quantiles",
        )  # fmt: skip
        return row | {name: getattr(config, name) for name in names}
    return row | {"samples_per_step": float(config.epochs), "lambda": config.lambda_}


def add_row(path: Path, row: dict) -> None:
    """Append `row` to the CSV file; it has no value where a run of its method has no setting."""
    rows = read_rows(path)
    names = list(rows[0])
    if extra := row.keys() - set(names):
        raise ValueError(f"{path}: expected the columns {', '.join(names)}; got {sorted(extra)}")
    write_rows(path, [*rows, {name: row.get(name, "") for name in names}])


def main(
    game: Annotated[str, tyro.conf.Positional],
    recipe: Annotated[str, tyro.conf.Positional],
    *,
    minutes: float = 30.0,
    seed: int = 0,
    folder: Path | None = None,
    root: Path = Path("."),
) -> None:
    """Train a game by a recipe and add the row to docs/results/teacher_recipes.csv.

    Args:
        game: one of the ten games
        recipe: its name in the column `race`
        minutes: processor minutes
        seed: the run's seed
        folder: where the run is kept (default: runs/race-GAME-RECIPE-SEED)
        root: the folder of docs
    """
    game = known_game(game)
    name = recipe.replace(",", "").replace(" ", "-")
    folder = folder or Path("runs", f"race-{game}-{name}-{seed}")
    run = run_of(game, recipe, folder, seed)
    last, spent = race(run, minutes, folder / "metrics.csv")
    add_row(
        root / "docs" / "results" / "teacher_recipes.csv",
        entry(game, recipe, run, last=last, minutes=spent),
    )
    agents.build(root)
    print(f"{game}, {recipe}: {last['score']:.1f} after {spent:.1f} processor minutes")


if __name__ == "__main__":
    tyro.cli(main)
