"""Progress bars, in a terminal and in a notebook."""

import os


class Bar:
    """A progress bar on standard error; quiet where PDLEARN_QUIET is set."""

    def __init__(self, title: str, total: int, unit: str):
        from tqdm.auto import tqdm

        quiet = bool(os.environ.get("PDLEARN_QUIET"))
        # miniters=0 draws figures that change while the bar itself stands.
        self._bar = tqdm(
            total=total, desc=title, unit=f" {unit}", disable=quiet, mininterval=0.5, miniters=0
        )

    def update(self, done: int, **shown: object) -> None:
        """Move to `done`, or stay there, showing other figures beside the bar."""
        self._bar.set_postfix(
            {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in shown.items()}, refresh=False
        )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Leave the bar as it stands; remove one that never moved, as before a refusal."""
        self._bar.leave = self._bar.n > 0
        self._bar.close()
