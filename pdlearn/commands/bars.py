"""A run and an evaluation with a progress bar."""

import sys
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from pdlearn.presets import EvalConfig
from pdlearn.progress import Bar
from pdlearn.rows import GrowingRows

if TYPE_CHECKING:  # torch is imported when a command runs
    from pdlearn.checkpoints import Agent
    from pdlearn.evaluation import Evaluation
    from pdlearn.runs import Run


def follow(run: "Run", bar: Bar, counter: str, shown: tuple[str, ...], *, again: str) -> None:
    """Drive a run to its end; write its rows to metrics.csv and show them in the bar."""
    if run.folder is None:
        raise ValueError("expected a run with a folder, to keep its rows in; got none")
    # What refuses the run or its file comes before the bar. From here on no other process trains
    # in the folder.
    with closing(iter(run)) as rows, closing(bar):
        with GrowingRows(run.folder / "metrics.csv", partial(was_saved, begun=run.begun)) as file:
            bar.update(run.begun[counter])
            try:
                for row in rows:
                    file.add(row)
                    bar.update(row[counter], **{key: row[key] for key in shown})
            except KeyboardInterrupt:
                rows.close()
                print(f"\nstopped and saved; continue with\n  {again}", file=sys.stderr)
                raise


def was_saved(row: dict, begun: dict) -> bool:
    """Return whether `row` is from before the state with the counters `begun` was saved.

    Rows after it are learnt again by the resumed run, which writes them again.
    """
    if not begun["agent_steps"] and not begun["updates"]:
        return False  # a new run
    counted = [key for key in ("agent_steps", "recorded_steps", "updates") if key in row]
    return all(int(row[key]) <= begun[key] for key in counted)


def evaluate(agent: "Agent", config: EvalConfig, seed: int, title: str) -> "Evaluation":
    """Evaluate `agent` with a progress bar of this title."""
    from pdlearn import evaluation

    return evaluation.evaluate(agent, config, seed, progress=title)
