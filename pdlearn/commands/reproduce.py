"""`pdlearn reproduce`: the paper's experiments."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from pdlearn.commands.bars import Bar, follow, judge
from pdlearn.commands.options import known_game

Experiment = Literal["table1", "compression", "temperature", "multi3", "multi10"]


def reproduce(
    experiment: Annotated[Experiment, tyro.conf.Positional],
    budget: Literal["smoke", "fast", "full"] = "fast",
    games: tuple[str, ...] = (),
    seeds: tuple[int, ...] = (0, 1),
    folder: Path = Path("runs/reproduce"),
    results: Path = Path("docs/results"),
) -> None:
    """Run a table of the paper on the shipped teachers; a cell that was run is not run again.

    Args:
        experiment: table1 (three losses), compression (net1 to net3), temperature, or one network
            for several games: multi3 (Multi-DQN, NLL and KL) or multi10 (KL)
        budget: how long each student learns and how many episodes judge it
        games: only these (default: all of the table's that have a shipped teacher)
        seeds: a student each
        folder: where students and recorded play are kept
        results: where the table's CSV and its picture are written
    """
    from pdlearn.experiments.cells import finished_rows
    from pdlearn.experiments.cells import reproduce as run_missing
    from pdlearn.experiments.tables import picture, table

    def drive(run, title: str) -> None:
        again = f"pdlearn reproduce {experiment}"
        if run.kind == "teach":
            bar = Bar(f"teach {title}", run.config.agent_steps, "steps")
            follow(run, bar, "agent_steps", ("score", "loss"), again)
            return
        bar = Bar(f"distill {title}", run.config.hours * run.config.updates_per_hour, "updates")
        follow(run, bar, "updates", ("loss", "agreement"), again)

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
