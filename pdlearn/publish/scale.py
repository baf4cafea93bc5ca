"""Build docs/scale.md: how long large experiments take on many machines, from measured rows.

python -m pdlearn.publish.scale [--measure]

The speeds of a core are in docs/results. What was not measured is an assumption, and the page says
so. `--measure` first compares the simulated queue with a real run of two workers, for
docs/results/scale.csv.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS
from pdlearn.publish.queue import MEASURED_JOBS, measure, simulate
from pdlearn.rows import markdown_table, read_rows, write_rows

PAGE = "docs/scale.md"
MACHINES = (1, 8, 64)
# Assumptions.
CORES = 16  # of a machine
NETWORK_BYTES = 1.25e9  # a second between two machines: 10 Gbit/s
DISK_BYTES = 200e6  # a second, written to the shared file system by all machines together
HOURS_TO_LOSS = 1_000.0  # mean time until a worker is lost
SAVE_SECONDS = (
    120.0  # between two saves of a run; what a lost worker loses is half of it on average
)
RESTART_SECONDS = 30.0  # until another worker goes on
PAPER_HOURS = 34_000  # of play for the ten-game student (Rusu et al. 2015, section 4)
HOUR_STEPS = 54_000  # agent steps of an hour of play


@dataclass(frozen=True)
class Project:
    """Many equal jobs; `hours` is the mean time of one on a core."""

    title: str
    jobs: int
    hours: float
    state_bytes: int  # written at each save


def project_hours(project: Project, workers: int, spread: Sequence[float], seed: int) -> float:
    """Return a simulated time of `project`; `spread` has times of jobs in parts of their mean."""
    rng = np.random.default_rng(seed)
    hours = project.hours * rng.choice(np.asarray(spread), project.jobs)
    workers = min(workers, project.jobs)
    losses = rng.uniform(0, hours.sum() / workers, rng.poisson(hours.sum() / HOURS_TO_LOSS))
    lost_hours = (SAVE_SECONDS / 2 + RESTART_SECONDS) / 3600
    return simulate(list(hours), workers, list(losses), lost_hours)


def speeds(results: Path) -> dict[str, float]:
    """Return what a core does in a second, by the figure's name in bench.csv."""
    return {
        row["figure"]: float(row["value"])
        for row in read_rows(results / "bench.csv")
        if "1 thread," in row["hardware"]
    }


def spread_of_jobs(results: Path) -> list[float]:
    """Return the times of the students of table 1 in parts of their mean."""
    hours = [float(row["hours"]) for row in read_rows(results / "table1.csv")]
    return list(np.array(hours) / np.mean(hours))


def projects(speed: dict[str, float]) -> list[Project]:
    """Return the experiments of many trainings."""
    paper = DQN_BUDGETS["paper"]
    steps = paper.agent_steps
    dqn = steps * (1 / speed["dqn acting"] + paper.samples_per_step / speed["dqn learning"]) / 3600
    pqn = steps / speed["pqn loop"] / 3600
    state = 4 * 1_693_362  # float32 weights of a teacher
    return [
        Project("10 games × 200 million frames, PQN", 10, pqn, 3 * state),
        Project("10 games × 200 million frames, DQN (paper)", 10, dqn, 4 * state),
        Project("57 games × 5 seeds × 200 million frames, PQN", 57 * 5, pqn, 3 * state),
    ]


@dataclass(frozen=True)
class Shared:
    """One distillation of `PAPER_HOURS` by ranks that average their gradients."""

    play_steps_per_second: float  # of a core
    samples_per_second: float  # of a core
    gradient_bytes: int
    minibatch: int  # of a rank

    def seconds_of_update(self) -> float:
        """Return the time of a rank's minibatch."""
        return self.minibatch / self.samples_per_second

    def seconds_of_exchange(self, machines: int) -> float:
        """Return the time of averaging: each machine sends and receives the gradient twice."""
        return 0.0 if machines == 1 else 2 * self.gradient_bytes / NETWORK_BYTES

    def hours(self, machines: int) -> float:
        """Return the time of all play and all samples of the paper's ten-game student."""
        cores = CORES * machines
        config = DISTILL_BUDGETS["paper"]
        samples = PAPER_HOURS * config.updates_per_hour * config.minibatch
        play = PAPER_HOURS * HOUR_STEPS / self.play_steps_per_second / cores
        updates = samples / (self.minibatch * cores)
        learning = updates * (self.seconds_of_update() + self.seconds_of_exchange(machines))
        return (play + learning) / 3600


def page(results: Path) -> str:
    """Return the page."""
    speed, spread = speeds(results), spread_of_jobs(results)
    found = projects(speed)
    lines: list[list[object]] = []
    for project in found:
        times = [project_hours(project, CORES * m, spread, seed=0) for m in MACHINES]
        lines.append([project.title, f"{project.jobs * project.hours:,.0f}", *map(_time, times)])
    ten_bytes = 4 * 6_757_108
    kinds = [
        Shared(speed["evaluation"], speed["multi10 distillation"], ten_bytes, minibatch)
        for minibatch in (32, 256)
    ]
    for shared in kinds:
        hours = [shared.hours(machines) for machines in MACHINES]
        title = f"the paper's ten-game student, minibatches of {shared.minibatch} a core"
        lines.append([title, f"{CORES * hours[0]:,.0f}", *map(_time, hours)])
    names = ["experiment", "core hours", *(f"{m} machine{'s' * (m > 1)}" for m in MACHINES)]
    state = max(project.state_bytes for project in found)
    writing = CORES * MACHINES[-1] * state / SAVE_SECONDS
    exchange = [
        (s.minibatch, 1_000 * s.seconds_of_update(), 1_000 * s.seconds_of_exchange(2))
        for s in kinds
    ]
    measured = [
        [row["losses"], f"{float(row['measured_seconds']):.1f}",
         f"{float(row['simulated_seconds']):.1f}"]
        for row in read_rows(results / "scale.csv")
    ]  # fmt: skip
    return TEXT.format(
        table=markdown_table(names, lines),
        speeds=markdown_table(
            ["what a core does", "in a second"],
            [
                ["agent steps of PQN, playing and learning", f"{speed['pqn loop']:,.0f}"],
                ["agent steps of a teacher's play", f"{speed['evaluation']:,.0f}"],
                ["network evaluations while a DQN acts", f"{speed['dqn acting']:,.0f}"],
                ["samples learnt by a DQN", f"{speed['dqn learning']:,.0f}"],
                ["samples learnt by `net3`", f"{speed['distillation']:,.0f}"],
                ["samples learnt by `multi10`", f"{speed['multi10 distillation']:,.0f}"],
            ],
        ),
        cores=CORES, network=f"{8 * NETWORK_BYTES / 1e9:.0f} Gbit/s", loss=f"{HOURS_TO_LOSS:,.0f}",
        disk=f"{DISK_BYTES / 1e6:.0f} MB/s", gradient=f"{ten_bytes / 1e6:.0f} MB",
        exchange=markdown_table(
            ["minibatch of a core", "to learn it", "to average"],
            [[m, f"{a:.0f} ms", f"{b:.0f} ms"] for m, a, b in exchange],
        ),
        longest=f"{found[1].hours:.0f} hours", workers=CORES * MACHINES[-1],
        state=f"{state / 1e6:.0f} MB", writing=f"{writing / 1e6:.0f} MB/s",
        most=f"{DISK_BYTES * SAVE_SECONDS / state:.0f}",
        memory=f"{7056 * 300_000 / 1e9:.1f} GB", memories=f"{CORES * 7056 * 300_000 / 1e9:.0f} GB",
        low=f"{min(spread):.2f}", high=f"{max(spread):.2f}",
        measured=markdown_table(["lost workers", "measured", "simulated"], measured),
        jobs=len(MEASURED_JOBS),
    )  # fmt: skip


def _time(hours: float) -> str:
    return f"{hours:,.1f} h" if hours < 48 else f"{hours / 24:,.1f} days"


TEXT = """# Scale

How long large experiments take on machines of {cores} cores. This page is built by `python -m
pdlearn.publish.scale`.

{table}

No row is of a GPU, because pdlearn was not measured on one yet.

## Measured

From [bench.csv](results/bench.csv), on one thread of an x86_64 processor whose other
core worked too:

{speeds}

## Assumed

A machine has {cores} cores, each as fast as the measured one. Two machines exchange {network}.
The shared file system writes {disk}. A worker is lost every {loss} hours on average; its job
loses the time since its last save and is taken over after half a minute. Jobs take between {low}
and {high} of their mean, as the students of [table1.csv](results/table1.csv) did.

The paper's ten-game student has {gradient} of gradients. It gets the paper's amount of play,
34,000 hours, and the samples of the budget `paper` for each hour. Each core draws minibatches of
its own, so that a minibatch of all cores grows with their number. Whether a student learns as
much from the same samples in so large minibatches was not tried.

## What limits

- **The longest job.** A training is one job on one core. Ten trainings use ten cores, however
  many there are, and take as long as the longest, about {longest} for the paper's DQN. More
  machines help only where there are more jobs than cores.
- **The network**, for one training on several machines. Averaging takes as long for a small
  minibatch as for a large one:

{exchange}

- **The disk.** A run saves {state} every two minutes. {workers} runs write {writing}; the assumed
  file system holds {most} runs.
- **Memory.** A replay memory of the budget `fast` takes {memory}, and a machine of {cores} of
  them {memories}. PQN has none.

## The queue

The times of many jobs come from a simulation of the queue: a free worker takes the next job, jobs
differ in length, and workers are lost. It was compared with real runs of {jobs} jobs by two local
processes, in which a process was killed or not. The seconds, of [scale.csv](results/scale.csv):

{measured}
"""


def main(
    *, measure_queue: Annotated[bool, tyro.conf.arg(name="measure")] = False,
    folder: Path = Path("runs/scale"),
) -> None:  # fmt: skip
    """Build the page; with --measure, first run the queue of two local processes in `folder`."""
    results = Path("docs/results")
    if measure_queue:
        moment = folder / str(int(time.time()))
        rows = [measure(moment / str(lost), lost) for lost in (False, True)]
        write_rows(results / "scale.csv", rows)
    Path(PAGE).write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
