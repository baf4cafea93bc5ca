"""`pdlearn train`: train teachers."""

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.bars import follow
from pdlearn.commands.options import (
    Budget,
    Device,
    Games,
    Settings,
    config_of_run,
    device_by_name,
    known_game,
    refuse_beside_resume,
    refuse_overwriting,
    slug,
    state_of_run,
    with_settings,
)
from pdlearn.games import GAMES
from pdlearn.presets import BUDGETS, method_for
from pdlearn.progress import Bar
from pdlearn.schema import Minutes, Range, Seed

Method = Literal["dqn", "pqn"]


def train(
    games: Games = (),
    *,
    all_games: Annotated[bool, tyro.conf.arg(name="all")] = False,
    joint: bool = False,
    method: Method | None = None,
    budget: Budget = "fast",
    agent_steps: Annotated[int | None, Range(1, 10**12)] = None,
    minutes: Minutes = math.inf,
    seed: Seed | None = None,
    device: Device = "auto",
    folder: Path | None = None,
    resume: Path | None = None,
    jobs: Annotated[int, Range(1, 1_000)] = 1,
    slice_minutes: Annotated[float, Range(0.01)] = 30.0,
    settings: Settings = (),
) -> None:
    """Train a teacher; runs/train-GAME-SEED keeps it, with a CSV of its progress.

    Several games get a teacher each, trained in slices of time, the one furthest below its goal
    first; the same command goes on with what there is. With --joint they get one network together,
    which plays them in turn.

    Args:
        games: among the ten games, or a Gymnasium id with discrete actions
        all_games: all ten games
        joint: one network of size multi3 for several games (multi10 with --set size=multi10)
        method: dqn (replay memory) or pqn (128 copies, no memory); default: what learns the game
            fastest, dqn with the budget paper
        budget: smoke (seconds), fast (about an hour on two cores), full (a GPU), paper (Nature DQN)
        agent_steps: agent steps in all (default: the budget's)
        minutes: stop after so many minutes; --resume goes on
        seed: of the network, the exploration and the games (default: 0, or the resumed run's)
        device: where the network and its memory live
        folder: where the run is kept (default: runs/train-GAMES-SEED); the runs, of several games
        resume: a run's folder to go on from
        jobs: how many of several games run side by side
        slice_minutes: how long each of several games runs before it is another's turn
        settings: other settings of the budget, as in --set double=True quantiles=51
    """
    if games and all_games:
        raise ValueError("expected --all, or games by name; got both")
    if (all_games or len(games) > 1) and not joint:
        if resume is not None:
            raise ValueError("expected no --resume with several games: it is implied")
        arguments = ["--budget", budget, "--seed", str(seed or 0)]
        arguments += ["--device", device_by_name(device)]
        if method is not None:
            arguments += ["--method", method]
        if agent_steps is not None:
            arguments += ["--agent-steps", str(agent_steps)]
        names = [known_game(game) for game in games] or list(GAMES)
        if settings:
            for name in names:
                with_settings(BUDGETS[method or method_for([name], budget)][budget], settings)
            arguments += ["--set", *settings]
        folders = {name: (folder or Path("runs")) / f"train-{name}-{seed or 0}" for name in names}
        _train_many(folders, arguments, jobs, minutes, slice_minutes)
        return
    games = games or (tuple(GAMES) if all_games else ())
    if not games:
        raise ValueError(f"expected a game, or --all; games: {', '.join(GAMES)}")
    if joint and len(games) == 1:
        raise ValueError(f"expected several games with --joint; got {games[0]}")

    from pdlearn.dqn import DQN
    from pdlearn.networks import size_by_name
    from pdlearn.pqn import PQN

    if resume is not None:
        refuse_beside_resume(folder, resume)
        kind = state_of_run(resume).kind
        if kind not in BUDGETS or method not in (None, kind):
            raise ValueError(f"{resume}: holds a run of {kind}; expected {method or 'dqn or pqn'}")
        method = "pqn" if kind == PQN.kind else "dqn"
    chosen = method or method_for(games, budget)
    loop: type[DQN | PQN] = PQN if chosen == "pqn" else DQN
    config = BUDGETS[chosen][budget]
    if joint:
        config = dataclasses.replace(config, size="multi3")
    config = with_settings(config, settings)
    if agent_steps is not None:
        config = dataclasses.replace(config, agent_steps=agent_steps)
    if resume is not None:
        config, seed = config_of_run(resume, config, settings, agent_steps=agent_steps, seed=seed)
    seed = seed or 0
    size_by_name(config.size, several_games=joint)
    folder = resume or folder or Path("runs", f"train-{'-'.join(map(slug, games))}-{seed}")
    refuse_overwriting(folder, resume)
    run = loop(
        games, config, seed=seed, device=device_by_name(device), folder=folder,
        resume=resume is not None, minutes=minutes,
    )  # fmt: skip
    bar = Bar(f"train {' '.join(games)}", config.agent_steps, "steps")
    again = ["pdlearn train", *games, *(["--joint"] if joint else []), f"--resume {folder}"]
    follow(
        run,
        bar,
        "agent_steps",
        ("score", "best_evaluation", "loss", "epsilon"),
        again=" ".join(again),
    )
    best = folder / "best.safetensors"
    made = best if best.exists() else folder / "agent.safetensors"
    print(f"{made}: score it afresh with")
    for game in games:
        print(f"  pdlearn evaluate {made}{f' --game {game}' if joint else ''}")


def _train_many(
    folders: dict[str, Path], arguments: list[str], jobs: int, minutes: float, slice_minutes: float
) -> None:
    """Drive `train_in_slices`, a line for every slice that ends."""
    from pdlearn.commands.schedule import train_in_slices

    slices = train_in_slices(
        folders, arguments, jobs=jobs, minutes=minutes, slice_minutes=slice_minutes
    )
    try:
        for now in slices:
            print(
                f"{now.game:15s} {now.agent_steps:11,d} steps, best evaluation "
                f"{now.best_evaluation:9.1f}, {now.way:5.1f} % of the way to Nature DQN",
                flush=True,
            )
    finally:
        slices.close()
