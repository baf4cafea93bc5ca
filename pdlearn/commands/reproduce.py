"""`pdlearn reproduce`: the paper's experiments."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.bars import Bar, follow, judge
from pdlearn.commands.options import known_game


def reproduce(
    experiment: Annotated[
        Literal["table1", "compression", "temperature", "figure1", "tsne"], tyro.conf.Positional
    ],
    budget: Literal["smoke", "fast", "full"] = "fast",
    games: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (0, 1),
    agent: Path | None = None,
    folder: Path = Path("runs/reproduce"),
    results: Path = Path("docs/results"),
) -> None:
    """Run a table of the paper on the shipped teachers; a cell that was run is not run again.

    Args:
        experiment: table1 (three losses), compression (net1 to net3), temperature; or a picture:
            figure1 (states and targets), tsne (figure D2, a network for several games)
        budget: how long each student learns and how many episodes judge it
        games: only these (default: all of the table's that have a shipped teacher)
        seeds: a student each (of a picture, the first one's play)
        agent: a file of a network for several games (tsne only; default: the shipped one)
        folder: where students and recorded play are kept
        results: where the table's CSV and its picture are written
    """
    if experiment in ("figure1", "tsne"):
        _draw(experiment, budget, games, seeds[0], agent, results)
        return

    from pdlearn.experiments.cells import finished_rows
    from pdlearn.experiments.cells import reproduce as run_missing
    from pdlearn.experiments.tables import picture, table

    def drive(run, title: str) -> None:
        updates = run.config.hours * run.config.updates_per_hour
        bar = Bar(f"distill {title}", updates, "updates")
        follow(run, bar, "updates", ("loss", "agreement"), f"pdlearn reproduce {experiment}")

    games = tuple(known_game(game) for game in games)
    for row in run_missing(experiment, budget, games, seeds, folder, results, drive, judge):
        print(
            f"{row['game']:15s} {row['label']:6s} seed {row['seed']}: {row['mean']:.1f} "
            f"[{row['low']:.1f}, {row['high']:.1f}], {row['percent']:.1f} % of the teacher",
            flush=True,
        )
    rows = finished_rows(experiment, budget, games, seeds, results)
    if not rows:
        raise ValueError("none of these games has a shipped teacher; expected one that has")
    picture(experiment, rows).savefig(results / f"{experiment}.png", dpi=120)
    print(table(experiment, rows))


def _draw(
    experiment: str, budget: str, games: tuple[str, ...], seed: int, agent: Path | None,
    results: Path,
) -> None:  # fmt: skip
    """Make a picture for which nothing is distilled."""
    if experiment == "figure1":
        from pdlearn.experiments.figure1 import reproduce_figure1

        rows = reproduce_figure1(tuple(known_game(game) for game in games), seed, results)
    else:
        from pdlearn.experiments.tsne import STATES_PER_GAME, reproduce_tsne

        rows = reproduce_tsne(agent, seed, results, STATES_PER_GAME[budget])
    print(f"{results / experiment}.csv: {len(rows)} rows; {results / experiment}.png")
