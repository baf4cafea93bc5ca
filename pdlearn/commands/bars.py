"""A run and an evaluation with a progress bar."""

import csv
import sys
from typing import TYPE_CHECKING

from pdlearn.presets import EvalConfig
from pdlearn.progress import Bar

if TYPE_CHECKING:  # torch is imported when a command runs
    from pdlearn.checkpoints import Agent
    from pdlearn.evaluation import Evaluation
    from pdlearn.runs import Run


def follow(run: "Run", bar: Bar, counter: str, shown: tuple[str, ...], *, again: str) -> None:
    """Drive a run to its end; write its rows to metrics.csv and show them in the bar."""
    if run.folder is None:
        raise ValueError("expected a run with a folder, to keep its rows in; got none")
    path = run.folder / "metrics.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = iter(run)
    try:
        with open(path, "a", newline="") as file:
            writer = None
            for row in rows:
                if writer is None:
                    writer = csv.DictWriter(file, row)
                    if file.tell() == 0:
                        writer.writeheader()
                    bar.update(row[counter])
                writer.writerow(row)
                file.flush()
                bar.update(row[counter], **{key: row[key] for key in shown})
    except KeyboardInterrupt:
        rows.close()
        print(f"\nstopped and saved; continue with\n  {again}", file=sys.stderr)
        raise
    finally:
        bar.close()


def evaluate(agent: "Agent", config: EvalConfig, seed: int, title: str) -> "Evaluation":
    """Evaluate `agent` with a progress bar of this title."""
    from pdlearn import evaluation

    return evaluation.evaluate(agent, config, seed, progress=title)
