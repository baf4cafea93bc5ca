"""Progress bars, and what is driven under one: a run, an evaluation."""

import csv
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pdlearn.presets import EvalConfig

if TYPE_CHECKING:  # torch is imported when a command runs
    from pdlearn.checkpoints import Agent
    from pdlearn.evaluation import Evaluation
    from pdlearn.runs import Run
    from pdlearn.starts import Starts


class Bar:
    """A progress bar on standard error; quiet where PDLEARN_QUIET is set."""

    def __init__(self, title: str, total: int, unit: str):
        from tqdm.auto import tqdm

        quiet = bool(os.environ.get("PDLEARN_QUIET"))
        # miniters=0 draws figures that change while the bar itself stands.
        self._bar = tqdm(
            total=total, desc=title, unit=f" {unit}", disable=quiet, mininterval=0.5, miniters=0
        )

    def update(self, done: int, **shown) -> None:
        """Move to `done`, or stay there, showing other figures beside the bar."""
        self._bar.set_postfix(
            {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in shown.items()}, refresh=False
        )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def follow(run: "Run", bar: Bar, counter: str, shown: tuple[str, ...], *, again: str) -> None:
    """Drive a run to its end, writing its rows to metrics.csv and drawing them."""
    path = run.folder / "metrics.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: Iterable[dict] = iter(run)
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
        print(f"\nstopped and saved; go on with\n  {again}", file=sys.stderr)
        raise
    finally:
        bar.close()


def judge(
    agent: "Agent", config: EvalConfig, seed: int, title: str, *, starts: "Starts | None" = None
) -> "Evaluation":
    """Evaluate with a progress bar, from no-op starts or from recorded ones.

    The games run side by side, so the bar stands for long before the first ends: the turns played
    count on beside it.
    """
    from pdlearn.evaluation import play_episodes, play_starts, summarise

    if starts is None:
        total, play = config.episodes, play_episodes(agent, config, seed)
    else:
        total, play = len(starts), play_starts(agent, starts, config, seed)
    bar = Bar(f"evaluate {title}", total, "episodes")
    episodes = []
    for turns, ended in enumerate(play, 1):
        episodes += ended
        score = {"score": episodes[-1].score} if episodes else {}
        bar.update(len(episodes), turns=turns, **score)
    bar.close()
    return summarise(agent, episodes, config, seed, starts=starts)
