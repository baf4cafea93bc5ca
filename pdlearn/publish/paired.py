"""Shipped students against their teachers in the same games, from docs/results/episodes.csv.

python -m pdlearn.publish.paired

The students of the experiments `SHIPPED` are files of the package. The command writes their rows to
the experiments' CSV files: each file's own evaluation, and its teacher's episodes from the same
starts. A student has no row once its teacher is replaced.
"""

from collections.abc import Sequence
from pathlib import Path

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.evaluation import Evaluation
from pdlearn.experiments import cells, tables
from pdlearn.experiments.definitions import EXPERIMENTS
from pdlearn.experiments.judging import episodes_of
from pdlearn.experiments.scores import Episodes, episode_columns
from pdlearn.networks import fingerprint
from pdlearn.presets import DistillConfig
from pdlearn.rows import read_rows, write_rows

SHIPPED = ("compression", "multi10")  # experiments


def evaluations(results: Path) -> dict[tuple[str, str], Evaluation]:
    """Return the evaluation of each shipped agent in each game, by (agent, game)."""
    found: dict[tuple[str, str], list[dict]] = {}
    for row in read_rows(results / "episodes.csv"):
        found.setdefault((row["agent"], row["game"]), []).append(row)
    return {key: _evaluation(rows) for key, rows in found.items()}


def _evaluation(rows: Sequence[dict]) -> Evaluation:
    first = rows[0]
    return Evaluation(
        game=first["game"],
        scores=[float(row["score"]) for row in rows],
        lengths=[int(row["steps"]) for row in rows],
        truncated=0,  # not in the rows, and not used here
        epsilon=float(first["epsilon"]),
        seed=int(first["seed"]),
        starts=[int(row["start"]) for row in rows],
        emulator_seeds=[int(row["emulator_seed"]) for row in rows],
    )


def beside(teacher: Evaluation, student: Evaluation) -> Episodes:
    """Return the teacher's first episodes, as many as the student has."""
    played, count = episodes_of(teacher), student.episodes
    return Episodes(
        played.starts[:count], played.scores[:count], played.steps[:count], played.protocol
    )


def percent_of(student: Evaluation, teacher: Evaluation) -> tables.Percent:
    """Return a student's percent of its teacher's score in the games that both played."""
    columns = episode_columns(episodes_of(student), beside(teacher, student))
    percent = tables.percent_of([{"game": student.game, **columns}])
    assert percent is not None  # there is a row
    return percent


def rows_of(name: str, results: Path) -> list[dict]:
    """Return the rows of the experiment `name` that the shipped files give."""
    experiment, played = EXPERIMENTS[name], evaluations(results)
    rows = []
    for cell in cells.cells(experiment, cells.games_of(name, ()), (0,)):
        student = f"multi10/{cell.student.label}" if experiment.joint else cell.student.label
        file = student if experiment.joint else f"{cell.games[0]}/{student}"
        if file not in zoo.names():
            continue
        agent, teachers = zoo.load_all_games(file), _teachers(cell.games)
        made = agent.card["made"]
        if made["teachers"] != [fingerprint(teacher.network) for teacher in teachers]:
            continue
        training = cells.Training.of(DistillConfig(**made["config"]), agent)
        cell = cell._replace(seed=made["seed"])
        for teacher in teachers:
            result = played[file, teacher.game]
            reference = beside(played[f"{teacher.game}/teacher", teacher.game], result)
            row = cells.row_of(
                cell, training, agent, teachers,
                result=result, reference=reference, paper=experiment.paper,
            )  # fmt: skip
            rows.append(row)
    return rows


def _teachers(games: Sequence[str]) -> list[Agent]:
    return [zoo.load(f"{game}/teacher") for game in games]


def build(root: Path = Path(".")) -> None:
    """Write the rows and the figures of the project at `root`; `results` then builds the page."""
    from pdlearn.plots import write_picture

    results = root / "docs" / "results"
    for name in SHIPPED:
        path = results / f"{name}.csv"
        new = rows_of(name, results)
        replaced = {_place(row) for row in new}
        rows = [*(row for row in read_rows(path) if _place(row) not in replaced), *new]
        write_rows(path, rows)
        if (figure := cells.picture(read_rows(path), name)) is not None:
            write_picture(results / f"{name}.png", figure)


def _place(row: dict) -> tuple[str, ...]:
    return row["game"], row["label"], str(row["seed"])


if __name__ == "__main__":
    build()
