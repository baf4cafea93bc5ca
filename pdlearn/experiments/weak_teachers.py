"""Teachers that a student can surpass, and the Q-learning that begins with their policy.

A weak teacher is a DQN of the teacher's size after `SHARE` of the budget's agent steps. There is
one for each game. It is trained before the students, in a folder beside theirs.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from pdlearn.games import GAMES
from pdlearn.jobs import Entry, Executor, no_watch, run
from pdlearn.jobs.training import TrainJob
from pdlearn.presets import DQN_BUDGETS, DQNConfig

SHARE = 0.3
SEED = 0  # of all weak teachers


def train_missing(
    games: Sequence[str],
    budget: str,
    folder: Path,
    *,
    executor: Executor,
    watch: Callable[[Sequence[Entry]], None] = no_watch,
    precision: str = "auto",
) -> None:
    """Train the weak teachers of `games` that `folder` lacks; go on with those that were stopped.

    `executor` and `watch` are those of `jobs.run`.
    """
    config = _config(budget)
    jobs = [
        TrainJob(
            game, config, SEED, _run_folder(game, budget, folder),
            device="cpu", precision=precision,
        )
        for game in games
    ]  # fmt: skip
    with closing(run(jobs, executor, folder, watch=watch)) as trained:
        for _ in trained:
            pass


def file_of(game: str, budget: str, folder: Path) -> Path:
    """Return the file of a game's weak teacher: the last network of its training."""
    return _run_folder(game, budget, folder) / "agent.safetensors"


def kickstarted(config: DQNConfig) -> DQNConfig:
    """Return `config` with a teacher's term in the loss during the first half of the learning.

    At first the term is several times as stiff as the TD loss in states in which the teacher's
    values of the actions are almost equal.
    """
    half = (config.learn_start_steps + config.agent_steps) // 2
    return replace(
        config,
        distillation_weight=0.3, distillation_temperature=0.1, distillation_decay_steps=half,
    )  # fmt: skip


def told(rows: Sequence[dict]) -> str:
    """Return a sentence with the weak teachers' scores, of the rows of their students."""
    by_game: dict[str, list[float]] = {}
    for row in rows:
        by_game.setdefault(row["game"], []).append(float(row["teacher_mean"]))
    scores = [f"{GAMES[game].title} {np.mean(means):.1f}" for game, means in by_game.items()]
    return (
        "The teachers are DQNs that learnt for as many agent steps as `td` and `td + kl`. Their "
        f"mean scores are: {', '.join(scores)}."
    )


def _config(budget: str) -> DQNConfig:
    config = DQN_BUDGETS[budget]
    return replace(config, agent_steps=round(SHARE * config.agent_steps))


def _run_folder(game: str, budget: str, folder: Path) -> Path:
    return folder / f"weak-{game}-{_config(budget).agent_steps}"
