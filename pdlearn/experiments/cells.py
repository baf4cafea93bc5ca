"""The paper's experiments on the shipped teachers: who was distilled how, and what it then scored.

An experiment is a table: games down, students across. A cell is one distillation and one
evaluation; it becomes a row of `<results>/<name>.csv`, and a cell whose row stands there is not run
again. All students of a game learn from the same recorded play, but for those that take part in it.
A student that was stopped goes on where it was. Rows of another teacher, or of more or less play
and learning, are other cells'.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.distill import Distillation, fingerprint
from pdlearn.evaluation import Evaluation
from pdlearn.experiments.tables import EXPERIMENTS, Experiment, Student
from pdlearn.memory import Memory
from pdlearn.networks import parameter_count
from pdlearn.presets import DISTILL_BUDGETS, DistillConfig, EvalConfig
from pdlearn.recordings import load_recording, record, save_recording, watch
from pdlearn.zoo.tables import read_rows, write_rows

EVALUATIONS = {
    "smoke": EvalConfig(episodes=2), "fast": EvalConfig(), "full": EvalConfig(episodes=100),
}  # fmt: skip


class Cell(NamedTuple):
    """One distillation of an experiment."""

    game: str
    student: Student
    seed: int


def reproduce(
    name: str,
    budget: str,
    games: Sequence[str],
    seeds: Sequence[int],
    folder: Path,
    results: Path,
    follow: Callable[[Distillation, str], None],
    judge: Callable[[Agent, EvalConfig, int, str], Evaluation],
) -> Iterator[dict]:
    """Run what is missing of the experiment `name`; yield each row once it is in the CSV.

    `games` empty means the experiment's, as far as they have a shipped teacher. `follow(run,
    title)` drives a distillation to its end; `judge(agent, config, seed, title)` evaluates.
    """
    path = results / f"{name}.csv"
    experiment = EXPERIMENTS[name]
    for cell in cells(experiment, playable(experiment, games), seeds):
        rows = read_rows(path)
        teacher = zoo.load(f"{cell.game}/teacher")
        config = config_of(cell.student, budget)
        if any(_is_of(row, cell, config, teacher) for row in rows):
            continue
        row = _run(cell, config, teacher, EVALUATIONS[budget], folder, follow, judge)
        row["paper_percent"] = experiment.paper.get(cell.game, {}).get(cell.student.label, "")
        write_rows(path, [*rows, row])
        yield row


def finished_rows(
    name: str, budget: str, games: Sequence[str], seeds: Sequence[int], results: Path
) -> list[dict]:
    """Return the rows of the cells that `reproduce` would run, as far as they have run."""
    rows = read_rows(results / f"{name}.csv")
    experiment = EXPERIMENTS[name]
    wanted = [
        (cell, config_of(cell.student, budget), zoo.load(f"{cell.game}/teacher"))
        for cell in cells(experiment, playable(experiment, games), seeds)
    ]
    return [row for row in rows if any(_is_of(row, *cell) for cell in wanted)]


def playable(experiment: Experiment, games: Sequence[str] = ()) -> list[str]:
    """Return the experiment's games, or those of `games`, that have a shipped teacher."""
    return [game for game in games or experiment.games if f"{game}/teacher" in zoo.names()]


def cells(experiment: Experiment, games: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return the cells of the table, seed by seed: a whole table of one seed comes first."""
    return [Cell(g, student, s) for s in seeds for g in games for student in experiment.students]


def config_of(student: Student, budget: str) -> DistillConfig:
    """Return how `student` is distilled under `budget`."""
    config = dataclasses.replace(
        DISTILL_BUDGETS[budget], size=student.size, loss=student.loss,
        temperature=student.temperature, **student.settings,
    )  # fmt: skip
    rounds = student.rounds_per_hour or 1
    return dataclasses.replace(
        config, hours=config.hours * rounds, memory_hours=config.memory_hours * rounds,
        steps_per_hour=config.steps_per_hour // rounds,
        updates_per_hour=config.updates_per_hour // rounds,
    )  # fmt: skip


def _agent_steps(config: DistillConfig) -> int:
    return config.hours * config.steps_per_hour


def _samples(config: DistillConfig) -> int:
    return config.hours * config.updates_per_hour * config.minibatch


def _is_of(row: dict, cell: Cell, config: DistillConfig, teacher: Agent) -> bool:
    """Return whether `row` is this cell's, of this teacher and of as much play and learning."""
    wanted = (cell.game, cell.student.label, cell.seed, fingerprint(teacher.network))
    found = (row["game"], row["label"], int(row["seed"]), row["teacher"])
    amounts = (int(row["agent_steps"]), int(row["samples"]))
    return found == wanted and amounts == (_agent_steps(config), _samples(config))


def _run(
    cell: Cell, config: DistillConfig, teacher: Agent, judged: EvalConfig, folder: Path,
    follow: Callable, judge: Callable,
) -> dict:  # fmt: skip
    title = f"{cell.game} {cell.student.label}, seed {cell.seed}"
    stem = _stem(teacher, config, cell.seed)
    run_folder = folder / f"{stem}-{cell.student.size}-{cell.student.label}-{_samples(config)}"
    alone = cell.student.rounds_per_hour > 0
    run = Distillation(
        teacher, config, None if alone else _recording(teacher, config, folder, cell.seed),
        seed=cell.seed, folder=run_folder, resume=(run_folder / "state.safetensors").exists(),
    )  # fmt: skip
    follow(run, title)
    agent = run.agent()
    result = judge(agent, judged, cell.seed, title)
    low, high = result.interval
    teacher_mean = teacher.card["score"]["mean"]
    return {
        "game": cell.game,
        "label": cell.student.label,
        "network": config.size,
        "parameters": parameter_count(agent.network),
        "loss": config.loss,
        "temperature": config.temperature if config.loss in ("kl", "reverse_kl") else "",
        "seed": cell.seed,
        "agent_steps": _agent_steps(config),
        "samples": _samples(config),
        "protocol": f"no-op starts, epsilon {result.epsilon}, 108000-frame cap, raw score",
        "episodes": result.episodes,
        "mean": round(result.mean, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "teacher": fingerprint(teacher.network),
        "teacher_mean": round(teacher_mean, 3),
        "percent": round(100 * result.mean / teacher_mean, 2),
        "hours": round(run.seconds / 3600, 3),
        "hardware": agent.card["made"]["hardware"],
        "precision": agent.card["made"]["precision"],
        "version": version("pdlearn"),
    }


def _stem(teacher: Agent, config: DistillConfig, seed: int) -> str:
    """Return a name for this teacher's play of this length and seed."""
    return f"{teacher.game}-{fingerprint(teacher.network)}-{_agent_steps(config)}-{seed}"


def _recording(teacher: Agent, config: DistillConfig, folder: Path, seed: int) -> Memory | None:
    """Return the play that all students of this teacher and seed learn from.

    None where there is more than a memory holds: such a run forgets and records as it goes.
    """
    if config.hours > config.memory_hours:
        return None
    agent_steps = _agent_steps(config)
    path = folder / f"{_stem(teacher, config, seed)}.rec"
    if not path.exists():
        generator = torch.Generator().manual_seed(seed)
        memory, play = watch(
            teacher, config.num_envs, agent_steps, config.collection_epsilon, generator, seed,
            "collect",
        )  # fmt: skip
        for _ in record(play, memory, agent_steps):
            pass
        play.close()
        mark = fingerprint(teacher.network)
        save_recording(path, memory, {"game": teacher.game, "teacher": mark, "seed": seed})
    return load_recording(path, teacher.game)[0]
