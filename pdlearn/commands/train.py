"""`pdlearn train`: train teachers."""

import dataclasses
import math
import shlex
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import tyro

from pdlearn.commands.bars import follow, workers
from pdlearn.commands.options import (
    Budget,
    Device,
    Games,
    Settings,
    config_of_run,
    device_by_name,
    known_game,
    settings_given,
    slug,
    teachers_of,
    with_settings,
)
from pdlearn.commands.refusals import (
    refuse_other_run,
    refuse_overwriting,
    refuse_unused,
    state_to_resume,
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
    teacher: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    method: Method | None = None,
    budget: Budget | None = None,
    agent_steps: Annotated[int | None, Range(1, 10**12)] = None,
    minutes: Minutes = math.inf,
    seed: Seed | None = None,
    device: Device = "auto",
    folder: Path | None = None,
    resume: Path | None = None,
    executor: str | None = None,
    settings: Settings = (),
) -> None:
    """Train a teacher; runs/train-GAME-SEED keeps it, with a CSV of its progress.

    Several games get a teacher each, the one furthest below its goal first; the same command goes
    on with what there is. With --joint they get one network together, which plays them in turn.

    Args:
        games: among the ten games, or a Gymnasium id with discrete actions (default beside
            --resume: the run's)
        all_games: all ten games
        joint: one network of size multi3 for several games (multi10 with --set size=multi10)
        teacher: also learn the policy of this file or shipped agent, with a weight that falls to 0,
            as in --teacher pong/teacher --set distillation_weight=0.3 (dqn, one game)
        method: dqn (replay memory) or pqn (128 copies, no memory); default: what learns the game
            fastest, dqn with the budget paper
        budget: smoke (seconds), fast (about an hour on two cores), full (a GPU), paper (Nature DQN)
            (default: fast)
        agent_steps: agent steps in all (default: the budget's)
        minutes: stop after so many minutes, each run of several; --resume goes on
        seed: of the network, the exploration and the games (default: 0, or the resumed run's)
        device: where the network and its memory live
        folder: where the run is kept (default: runs/train-GAMES-SEED); the runs, of several games
        resume: a run's folder to go on from, with its settings
        executor: where several games are trained: local:N processes, ray:ADDRESS or slurm:FILE
            (default: local, a process for each core)
        settings: other settings of the budget, as in --set double=True quantiles=51
    """
    if games and all_games:
        raise ValueError("expected --all, or games by name; got both")
    games = tuple(GAMES) if all_games else games
    given = settings_given(settings, agent_steps=agent_steps)
    if len(games) > 1 and not joint and resume is None:
        refuse_unused("where several networks are trained", teacher=teacher)
        _train_many(
            games, given, method, budget or "fast", folder=folder or Path("runs"), seed=seed or 0,
            device=device, minutes=minutes, executor=executor or "local",
        )  # fmt: skip
        return
    refuse_unused("where one network is trained", executor=executor)
    if resume is not None:
        refuse_unused("beside --resume: a run keeps its settings, and --set changes them",
                      budget=budget)  # fmt: skip
        wanted = BUDGETS if method is None else (method,)
        state = state_to_resume(resume, tuple(wanted), games, folder=folder, seed=seed)
        games, seed, method = state.games, state.seed, cast(Method, state.kind)
        if joint and len(games) == 1:
            raise ValueError(f"{resume}: is a run of {games[0]} alone; got --joint")
        config = config_of_run(state, BUDGETS[method]["fast"], given)
    else:
        if not games:
            raise ValueError(f"expected a game, or --all; games: {', '.join(GAMES)}")
        if joint and len(games) == 1:
            raise ValueError(f"expected several games with --joint; got {games[0]}")
        budget, seed = budget or "fast", seed or 0
        method = method or ("dqn" if teacher else cast(Method, method_for(games, budget)))
        config = BUDGETS[method][budget]
        config = dataclasses.replace(config, size="multi3") if joint else config
        config = with_settings(config, given)

    from pdlearn import ranks
    from pdlearn.dqn import DQN
    from pdlearn.networks import size_by_name
    from pdlearn.pqn import PQN

    size_by_name(config.size, several_games=len(games) > 1)
    folder = resume or folder or Path("runs", f"train-{'-'.join(map(slug, games))}-{seed}")
    refuse_overwriting(folder, resume)
    if method == "dqn":
        ranks.refuse_several("with --method dqn, whose memory is one")
    else:
        refuse_unused("with --method pqn", teacher=teacher)
    taught: dict[str, Any] = {"teacher": teachers_of(games, teacher)[0]} if teacher else {}
    loop: type[DQN | PQN] = PQN if method == "pqn" else DQN
    with ranks.joined(device_by_name(device)) as place:
        run = loop(
            games, config, seed=seed, device=place, folder=folder, resume=resume is not None,
            minutes=minutes, **taught,
        )  # fmt: skip
        again = ["pdlearn", "train", "--resume", str(folder)]
        follow(
            run, Bar(f"train {' '.join(games)}", config.agent_steps, "steps"), "agent_steps",
            ("score", "best_evaluation", "loss", "epsilon"),
            again=shlex.join([*again, *(word for name in teacher for word in ("--teacher", name))]),
        )  # fmt: skip
        if ranks.rank() > 0:
            return
    best = folder / "best.safetensors"
    made = best if best.exists() else folder / "agent.safetensors"
    print(f"{made}: score it afresh with")
    for game in games:
        choice = f" --game {game}" if len(games) > 1 else ""
        print(f"  pdlearn evaluate {shlex.quote(str(made))}{choice}")


def _train_many(
    games: tuple[str, ...], settings: tuple[str, ...], method: Method | None, budget: str, *,
    folder: Path, seed: int, device: Device, minutes: float, executor: str,
) -> None:  # fmt: skip
    """Train a teacher of each game as jobs, and print a line for each that ends."""
    from pdlearn.jobs import run
    from pdlearn.jobs.board import Board
    from pdlearn.jobs.training import TrainJob, standing
    from pdlearn.networks import size_by_name

    if executor.partition(":")[0] == "local":  # on a cluster, the worker sees what it has
        device_by_name(device)
    names = tuple(known_game(game) for game in games)
    folders = {name: folder / f"train-{name}-{seed}" for name in names}
    if len(folders) < len(names):
        raise ValueError(f"expected different games; got {', '.join(names)}")
    configs = {}
    for name in names:
        kind = method or method_for([name], budget)
        configs[name] = with_settings(BUDGETS[kind][budget], settings)
        size_by_name(configs[name].size, several_games=False)
        refuse_other_run(folders[name], kind, configs[name])

    # The game that is furthest below its goal comes first.
    order = sorted(names, key=lambda name: standing(name, folders[name]).way)
    jobs = [TrainJob(name, configs[name], seed, folders[name], minutes, device) for name in order]
    board = Board()
    with (
        workers(executor, device) as chosen,
        closing(run(jobs, chosen, folder, watch=board)) as results,
    ):
        for _, now in results:
            board.clear()
            print(
                f"{now.game:15s} {now.agent_steps:11,d} steps, best evaluation "
                f"{now.best_evaluation:9.1f}, {now.way:5.1f} % of the way to Nature DQN",
                flush=True,
            )
