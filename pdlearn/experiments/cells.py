"""The paper's experiments on the shipped teachers: who was trained how, and what it then scored.

An experiment is a table: games down, students across. A cell is one training and an evaluation on
each of its games, several where one network plays them all. Each game's becomes a row of
`<results>/<name>.csv`, and a cell whose rows stand there is not run again. All students of a game
learn from the same recorded play, but for those that take part in it. A student that was stopped
goes on where it was. Rows of other teachers, or of more or less play and learning, are other
cells'.
"""

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.evaluation import Evaluation
from pdlearn.experiments.tables import EXPERIMENTS, Experiment, Student
from pdlearn.experiments.training import amounts, config_of, mark, run_of
from pdlearn.networks import parameter_count
from pdlearn.presets import EvalConfig
from pdlearn.rows import read_rows, write_rows
from pdlearn.runs import Run

EVALUATIONS = {
    "smoke": EvalConfig(episodes=2), "fast": EvalConfig(), "full": EvalConfig(episodes=120),
}  # fmt: skip


class Cell(NamedTuple):
    """One training of an experiment, on one game or on several together."""

    games: tuple[str, ...]
    student: Student
    seed: int

    @property
    def title(self) -> str:
        return f"{' '.join(self.games)} {self.student.label}, seed {self.seed}"


def reproduce(
    name: str,
    budget: str,
    games: Sequence[str],
    seeds: Sequence[int],
    *,
    folder: Path,
    results: Path,
    follow: Callable[[Run, str], None],
    judge: Callable[[Agent, EvalConfig, int, str], Evaluation],
) -> Iterator[dict]:
    """Run what is missing of the experiment `name`; yield each row once it is in the CSV.

    `games` empty means the experiment's, as far as they have a shipped teacher. `follow(run,
    title)` drives a training to its end; `judge(agent, config, seed, title)` evaluates. Raises
    ValueError if a network for several games has fewer than two.
    """
    path = results / f"{name}.csv"
    experiment = EXPERIMENTS[name]
    for cell in cells(experiment, playable(experiment, games), seeds):
        rows = read_rows(path)
        teachers = _teachers(cell)
        if set(cell.games) <= {row["game"] for row in rows if _is_of(row, cell, budget, teachers)}:
            continue
        new = _run(cell, budget, teachers, folder, follow, judge)
        for row in new:
            theirs = experiment.paper.get(row["game"], {})
            row["paper_percent"] = theirs.get(cell.student.label, "")
        write_rows(path, [*rows, *new])
        yield from new


def finished_rows(
    name: str, budget: str, games: Sequence[str], seeds: Sequence[int], *, results: Path
) -> list[dict]:
    """Return the rows of the cells that `reproduce` would run, as far as they have run."""
    rows = read_rows(results / f"{name}.csv")
    experiment = EXPERIMENTS[name]
    wanted = [
        (cell, budget, _teachers(cell))
        for cell in cells(experiment, playable(experiment, games), seeds)
    ]
    return [row for row in rows if any(_is_of(row, *cell) for cell in wanted)]


def playable(experiment: Experiment, games: Sequence[str] = ()) -> list[str]:
    """Return the experiment's games, or those of `games`, that have a shipped teacher."""
    return [game for game in games or experiment.games if f"{game}/teacher" in zoo.names()]


def cells(experiment: Experiment, games: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return the cells of the table, seed by seed: a whole table of one seed comes first."""
    groups = [(game,) for game in games]
    if experiment.joint:
        if len(games) < 2:
            raise ValueError(
                "expected at least two games with a shipped teacher, for one network to play; "
                f"got {', '.join(games) or 'none'}"
            )
        groups = [tuple(games)]
    return [Cell(g, student, s) for s in seeds for g in groups for student in experiment.students]


def _teachers(cell: Cell) -> list[Agent]:
    return [zoo.load(f"{game}/teacher") for game in cell.games]


def _is_of(row: dict, cell: Cell, budget: str, teachers: Sequence[Agent]) -> bool:
    """Return whether `row` is this cell's, of these teachers and of as much play and learning."""
    config = config_of(cell.student, budget, len(cell.games))
    agent_steps, samples = amounts(config, len(cell.games))
    wanted = (cell.student.label, cell.seed, mark(teachers), agent_steps)
    found = (row["label"], int(row["seed"]), row["teacher"], int(row["agent_steps"]))
    # DQN learns a little less whenever it is resumed, since it fills its memories first.
    as_much = cell.student.loss == "td" or int(row["samples"]) == samples
    return row["game"] in cell.games and found == wanted and as_much


def _run(
    cell: Cell, budget: str, teachers: Sequence[Agent], folder: Path,
    follow: Callable, judge: Callable,
) -> list[dict]:  # fmt: skip
    config = config_of(cell.student, budget, len(cell.games))
    run = run_of(cell.student, config, teachers, seed=cell.seed, folder=folder)
    follow(run, cell.title)
    agent = run.agent()
    results = [
        judge(agent.for_game(game), EVALUATIONS[budget], cell.seed, f"{game} {cell.title}")
        for game in cell.games
    ]
    return [_row(cell, run, agent, teachers, *both) for both in zip(teachers, results, strict=True)]


def _row(
    cell: Cell, run: Run, agent: Agent, teachers: Sequence[Agent], teacher: Agent,
    result: Evaluation,
) -> dict:  # fmt: skip
    made = agent.card["made"]
    low, high = result.interval
    teacher_mean = teacher.card["score"]["mean"]
    student = cell.student
    together = {"games": " ".join(cell.games)} if len(cell.games) > 1 else {}
    return {
        "game": teacher.game,
        **together,
        "label": student.label,
        "network": student.size,
        "parameters": parameter_count(agent.network),
        "loss": student.loss,
        "temperature": run.config.temperature if student.loss in ("kl", "reverse_kl") else "",
        "seed": cell.seed,
        "agent_steps": amounts(run.config, len(cell.games))[0],
        "samples": made["updates"] * run.config.minibatch,
        "protocol": result.protocol,
        "episodes": result.episodes,
        "mean": round(result.mean, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "teacher": mark(teachers),
        "teacher_mean": round(teacher_mean, 3),
        "percent": round(100 * result.mean / teacher_mean, 2),
        "hours": round(run.seconds / 3600, 3),
        "hardware": made["hardware"],
        "precision": made["precision"],
        "version": version("pdlearn"),
    }
