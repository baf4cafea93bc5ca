"""`watch`: the curves of a training while it runs, in this kernel or in another process.

The browser asks for new rows of a folder; the kernel answers and has no thread of its own.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.display import display

from pdlearn.cards import current_card
from pdlearn.files import read_bytes
from pdlearn.rows import read_rows
from pdlearn.runs import Run
from pdlearn.schema import CountOrZero, checked, load_json
from pdlearn.tensor_files import naming
from pdlearn.widgets.curves import draw_panels, panels_of
from pdlearn.widgets.face import Face

REDRAW_SECONDS = 0.5
POLL_SECONDS = 2.0
TURN_SECONDS = 0.02  # between two rows, for the kernel to handle the browser's messages


class Watching(Face, script="watching"):
    """Curves that grow with `rows`; `total` is the last value of the counter on the x axis."""

    def __init__(self, source: str, kind: str, total: int | None, rows: list[dict], **more: Any):
        self.rows = rows
        self._fixed: dict[str, Any] = {"source": source, "kind": kind, "total": total} | more
        data = self._data("waiting" if not rows else "")
        super().__init__(f"watch({source})", data, draw_panels(data["panels"]), data["label"])

    def show(self, standing: str) -> None:
        """Send the curves to the browser; `standing` is the training's state in words."""
        self.data = self._data(standing)

    def freeze(self) -> None:
        """Make the curves, as they are now, the static fallback."""
        self.set_fallback(draw_panels(self.data["panels"]), self.data["label"])

    def _data(self, standing: str) -> dict:
        panels = panels_of(self.rows, self._fixed["kind"])
        source = self._fixed["source"]
        told = [
            f"{line['name'].replace('_', ' ')} {line['y'][-1]:.3g}"
            for panel in panels
            for line in panel["lines"]
            if line["y"]
        ]
        label = f"Training, {source}: " + (", ".join(told) or "no rows yet") + "."
        seconds = self.rows[-1].get("seconds") if self.rows else None
        return self._fixed | {
            "panels": panels, "standing": standing, "seconds": seconds, "label": label,
        }  # fmt: skip


class Driven(Watching):
    """A training in this kernel: iterate over it to train.

    A kernel handles no message of the browser while a cell runs, unless the cell awaits something.
    So `async for` has a Stop button, and `for` is stopped by interrupting the kernel.
    """

    def __init__(self, training: Iterable[dict]):
        run = training if isinstance(training, Run) else None
        self._training = training
        self._wants_stop = False
        self._folder = None if run is None else run.folder
        source = type(training).__name__ if run is None else _describe(run.identity(), run.kind)
        kind = "student" if run is not None and run.kind == "distill" else "teacher"
        total = None if run is None else _total(vars(run.config))
        super().__init__(source, kind, total, [], stops=False)
        self.on_msg(lambda _, message, buffers: self.stop() if message["t"] == "stop" else None)

    def stop(self) -> None:
        """Let the training end after the row in progress, as the Stop button does."""
        self._wants_stop = True

    def __iter__(self) -> Iterator[dict]:
        """Train, show the curves and yield each row.

        A run with a folder saves itself at its end, and when the kernel is interrupted.
        """
        return self._train(stops=False)

    def __aiter__(self) -> AsyncIterator[dict]:
        """Train as `for` does until Stop is pressed; the row in progress is then the last."""
        return _Turns(self._train(stops=True))

    def _train(self, stops: bool) -> Iterator[dict]:
        self._fixed["stops"] = stops
        handle = display(self, display_id=True) if get_ipython() is not None else None
        self._wants_stop = False
        self.show("running")
        ending = "interrupted"
        training = iter(self._training)
        shown_at = time.monotonic()
        try:
            for row in training:
                self.rows.append(row)
                if time.monotonic() - shown_at >= REDRAW_SECONDS:
                    self.show("running")
                    shown_at = time.monotonic()
                yield row
                if self._wants_stop:
                    ending = "stopped"
                    break
            else:
                ending = "finished"
        finally:
            if hasattr(training, "close"):
                training.close()  # a run saves itself here
            where = "" if self._folder is None else f", saved in {self._folder}"
            self.show(ending + where)
            self.freeze()
            if handle is not None:
                handle.update(self)  # so that the notebook stores the last fallback


class _Turns:
    """Rows as an async iterator; between two rows the kernel handles other messages."""

    def __init__(self, rows: Iterator[dict]):
        self._rows = rows

    def __aiter__(self) -> AsyncIterator[dict]:
        return self

    async def __anext__(self) -> dict:
        await asyncio.sleep(TURN_SECONDS)
        try:
            return next(self._rows)
        except StopIteration:
            raise StopAsyncIteration from None


class Followed(Watching):
    """A run that another process trains: reads its `metrics.csv` again every 2 seconds."""

    def __init__(self, folder: Path):
        self.folder = folder
        settings = folder / "config.json"
        if not settings.exists():
            raise ValueError(f"{folder}: expected a run's folder, with a config.json")
        data = read_bytes(settings)
        with naming(settings):
            config = current_card(checked(load_json(data), dict[str, Any], "the settings"))
            total = _total(config)
        kind = "student" if "hours" in config else "teacher"
        super().__init__(
            str(folder), kind, total, self._read(), stops=False, poll_seconds=POLL_SECONDS
        )
        self.on_msg(lambda _, message, buffers: self.refresh())

    def refresh(self) -> None:
        """Read the rows again; send the curves to the browser if there are more."""
        rows = self._read()
        if len(rows) != len(self.rows):
            self.rows = rows
            self.show("")

    def _read(self) -> list[dict]:
        return read_rows(self.folder / "metrics.csv", growing=True)


def watch(training: Iterable[dict] | str | Path) -> Watching:
    """Show the curves of a training as they grow.

    A run trains and displays itself while you iterate: `for row in watch(run): pass`, or
    `async for`, which has a Stop button. A run that has a folder is saved. A folder is read while
    the widget is displayed.

    Args:
        training: a run, any iterable of rows, or the folder of a run that another process trains

    Returns:
        the widget; its `rows` hold the rows so far

    Raises:
        ValueError: for a folder that is not a run's
    """
    return Followed(Path(training)) if isinstance(training, str | Path) else Driven(training)


def _describe(identity: dict, kind: str) -> str:
    return f"{kind} {', '.join(identity['games'])}, seed {identity['seed']}"


def _total(config: Mapping) -> int:
    """Return the last value of the counter on the x axis: updates, or agent steps."""
    names = ("hours", "updates_per_hour") if "hours" in config else ("agent_steps",)
    return math.prod(checked(config.get(name), CountOrZero, name) for name in names)
