"""A run and an evaluation with a progress bar, and jobs."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pdlearn.presets import EvalConfig
from pdlearn.progress import Bar

if TYPE_CHECKING:  # torch is imported when a command runs
    from pdlearn.checkpoints import Agent
    from pdlearn.evaluation import Evaluation
    from pdlearn.jobs import Executor
    from pdlearn.runs import Run

GPUS_PER_JOB = 0.25  # these networks leave most of a GPU idle


def follow(run: "Run", bar: Bar, counter: str, shown: tuple[str, ...], *, again: str) -> None:
    """Drive a run to its end; write its rows to metrics.csv and show them in the bar."""
    from pdlearn import ranks
    from pdlearn.jobs.training import kept

    begun = False
    try:
        # What refuses the run or its file comes before the bar.
        with kept(run) as rows, closing(bar):
            begun = True
            bar.update(run.begun[counter])
            for row in rows:
                bar.update(row[counter], **{key: row[key] for key in shown})
    except KeyboardInterrupt:
        if begun and not ranks.rank():
            print(f"\nstopped and saved; continue with\n  {again}", file=sys.stderr)
        raise


@contextmanager
def workers(name: str, device: str = "cpu") -> "Iterator[Executor]":
    """Give the executor of this name inside a `with` block, whose work Ctrl-C stops and saves."""
    from pdlearn.jobs.executors import executor_by_name

    with executor_by_name(name, gpus_per_job=GPUS_PER_JOB * (device == "cuda")) as executor:
        try:
            yield executor
        except KeyboardInterrupt:
            print("\nstopped and saved; the same command goes on", file=sys.stderr)
            raise


def evaluate(agent: "Agent", config: EvalConfig, seed: int, title: str) -> "Evaluation":
    """Evaluate `agent` with a progress bar of this title."""
    from pdlearn import evaluation

    return evaluation.evaluate(agent, config, seed, progress=title)
