"""`pdlearn reproduce`: run the paper's experiments."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from pdlearn.commands.bars import workers
from pdlearn.commands.options import known_game
from pdlearn.commands.refusals import refuse_unused
from pdlearn.experiments import TITLES
from pdlearn.files import check_writable
from pdlearn.schema import Range, Seed

if TYPE_CHECKING:  # torch is imported when a command runs
    from pdlearn.jobs import Executor

Experiment = Literal[*TITLES]  # type: ignore[valid-type]


def reproduce(
    experiment: Annotated[Experiment, tyro.conf.Positional],
    *,
    budget: Literal["smoke", "fast", "full"] | None = None,
    games: tuple[str, ...] = (),
    seeds: Annotated[tuple[Seed, ...] | None, Range(1, 1_000)] = None,
    agent: Path | None = None,
    folder: Path | None = None,
    results: Path = Path("docs/results"),
    executor: str | None = None,
) -> None:
    """Run an experiment of the paper, in parallel. Finished parts are not run again.

    The experiments use the shipped teachers; kickstarting trains weaker ones first. mse,
    learning-curves, smaller, on-policy, mistakes, noisy-teacher and kickstarting are not in the
    paper.

    Args:
        experiment: table1 (three losses), compression (net1 to net3), temperature, mse (squared
            error of values or advantages, three learning rates), smaller (net3 to net5),
            on-policy (teacher or student acts, KL or reverse KL, little play), mistakes (a teacher
            with wrong values), noisy-teacher (a teacher with noise in its weights), kickstarting
            (rewards, a weak teacher, or both);
            learning-curves (score and regret of net1 to net5 at five points of their training); one
            network for several games: multi3 (Q-learning, NLL and KL), multi10 (KL); online
            (figure 5: students of a DQN during its training); or a figure without training: figure1
            (states and targets), tsne (figure D2, a network for several games)
        budget: amount of training of each student and number of evaluation episodes (default: fast)
        games: only these games (default: all with a shipped teacher; for online qbert)
        seeds: one student for each seed (default: 0 1); of a figure without training, the one seed
            of play (default: 0)
        agent: a file of a network for several games (tsne only; default: the shipped one)
        folder: where students and recorded play are kept (default: runs/reproduce)
        results: where the experiment's CSV file and figure are written
        executor: where students are trained: local:N processes, ray:ADDRESS or slurm:FILE (default:
            local, a process for each core)
    """
    if experiment in ("figure1", "tsne"):
        refuse_unused("with a figure without training", folder=folder, executor=executor)
        if len(seeds or (0,)) > 1:
            raise ValueError(f"expected one seed of play for {experiment}; got {len(seeds or ())}")
        if experiment == "figure1":
            refuse_unused("with figure1", budget=budget, agent=agent)
        else:
            refuse_unused("with tsne, which draws all games of an agent", games=games)
        _check_results(experiment, results)
        _draw(experiment, budget or "fast", games, (seeds or (0,))[0], agent, results)
        return
    refuse_unused(f"with {experiment}", agent=agent)
    budget, seeds, folder = budget or "fast", seeds or (0, 1), folder or Path("runs/reproduce")
    games = tuple(known_game(game) for game in games)
    with workers(executor or "local") as chosen:
        _check_results(experiment, results)
        _train(experiment, budget, games, seeds, folder, results, chosen)


def _train(
    experiment: str, budget: str, games: tuple[str, ...], seeds: tuple[int, ...], folder: Path,
    results: Path, executor: "Executor",
) -> None:  # fmt: skip
    """Run the missing parts of an experiment, draw its figure and print its table."""
    from pdlearn.experiments import cells, driver, learning_curves, online, weak_teachers
    from pdlearn.jobs.board import Board
    from pdlearn.plots import write_picture
    from pdlearn.rows import read_rows

    kinds: dict[str, driver.Kind] = {"learning-curves": learning_curves, "online": online}
    kind: driver.Kind = kinds.get(experiment, cells)
    path, board = results / f"{experiment}.csv", Board()
    if experiment == "kickstarting":
        weak_teachers.train_missing(
            cells.games_of(experiment, games), budget, folder, executor=executor, watch=board
        )
    tasks = kind.tasks(experiment, budget, games, seeds, folder=folder)
    with closing(driver.run_missing(path, tasks, executor, folder, watch=board)) as new_rows:
        for row in new_rows:
            board.clear()
            print(kind.told(row), flush=True)
    rows = driver.finished_rows(path, tasks)
    if not rows:
        raise ValueError("none of these games has a shipped teacher; expected one that has")
    # The figure shows all comparable rows of the CSV file, as docs/results.md does.
    figure = kind.picture(read_rows(path), experiment)
    if figure is not None:
        write_picture(results / f"{experiment}.png", figure)
    print(kind.table(rows, experiment))


def _check_results(experiment: str, results: Path) -> None:
    """Raise before the work if its results could not be written afterwards."""
    for end in ("csv", "png"):
        check_writable(results / f"{experiment}.{end}")


def _draw(
    experiment: str, budget: str, games: tuple[str, ...], seed: int, agent: Path | None,
    results: Path,
) -> None:  # fmt: skip
    """Make a figure that needs no training."""
    if experiment == "figure1":
        from pdlearn.experiments.figure1 import reproduce_figure1

        rows = reproduce_figure1(tuple(known_game(game) for game in games), seed, results)
    else:
        from pdlearn.experiments.tsne import STATES_PER_GAME, reproduce_tsne

        rows = reproduce_tsne(agent, seed, results, STATES_PER_GAME[budget])
    print(f"{results / experiment}.csv: {len(rows)} rows; {results / experiment}.png")
