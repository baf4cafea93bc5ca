"""Progress bars, in a terminal and in a notebook."""

import os
import sys
from typing import Any


class Bar:
    """A progress bar on standard error, drawn at its first update.

    So none precedes the sentence that refuses a command. Quiet where PDLEARN_QUIET is set, and
    where standard error is closed.
    """

    def __init__(self, title: str, total: int, unit: str):
        self._title, self._total, self._unit = title, total, unit
        self._bar: Any = None

    def update(self, done: int, **shown: object) -> None:
        """Move to `done`, or stay there, showing other figures beside the bar."""
        if self._bar is None:
            from tqdm.auto import tqdm

            quiet = bool(os.environ.get("PDLEARN_QUIET")) or sys.stderr is None
            # miniters=0 draws figures that change while the bar itself stands.
            self._bar = tqdm(
                total=self._total, desc=self._title, unit=f" {self._unit}", disable=quiet,
                mininterval=0.5, miniters=0,
            )  # fmt: skip
        self._bar.set_postfix(
            {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in shown.items()}, refresh=False
        )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()
