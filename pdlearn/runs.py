"""The base of all trainings: rows of metrics, a folder, saving and resuming.

The folder contains what a resumed run needs in `state.safetensors`, the current agent in
`agent.safetensors`, and a copy of the settings in `config.json`. A run is saved at its beginning,
every two minutes and at its end, also after an error or Ctrl-C. A killed process loses at most two
minutes. One process at a time trains in a folder. docs/reliability.md says what survives what.
"""

import dataclasses
import math
import time
import warnings
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor

from pdlearn import ranks
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.files import as_path, locked, read_bytes, write_bytes
from pdlearn.hardware import device_name, device_of, keep_freed_memory
from pdlearn.learner import Learner, NotFiniteError
from pdlearn.presets import Settings, settings_class
from pdlearn.run_files import (
    CONFIG,
    STATE,
    read_state,
    refuse_other_run,
    refuse_other_state,
    settings_text,
)
from pdlearn.schema import Minutes, Seed, checked, shown
from pdlearn.tensor_files import naming, write_file

SAVE_SECONDS = 120.0


class Run:
    """Iterate over it to train: each item is a row of metrics, a dictionary.

    `DQN`, `PQN`, `Distillation` and `OnlineDistillation` are runs and take these options. On a CPU,
    with a fixed `precision` and the same number of threads, the same seed gives the same numbers. A
    run whose loss or weights are no longer finite stops, and the last finite state is kept.

    Args:
        config: the settings
        seed: of the initial weights, the generator and the games
        device: where the network learns
        precision: float32, bfloat16 (autocast), or auto, which is the faster one
        folder: where the run is saved; None saves nothing
        resume: whether to continue from the state in the folder
        minutes: after which the run stops

    Raises:
        ValueError: for `resume` without a folder and for settings of another kind of run; `iter`
            raises it for a folder that another process uses or that holds another run
    """

    kind: str
    config: Settings
    learner: Learner

    def __init__(
        self,
        config: Settings,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: str | Path | None = None,
        resume: bool = False,
        minutes: float = math.inf,
    ):
        if resume and folder is None:
            raise ValueError("expected a folder to resume from; got none")
        if not isinstance(config, settings_class(self.kind)):
            wanted = settings_class(self.kind).__name__
            raise ValueError(f"expected settings as {wanted}; got {shown(config)}")
        keep_freed_memory()
        self.config = config
        self.seed = checked(seed, Seed, "seed")
        self.device = device_of(device)
        self.precision = precision
        self.folder = None if folder is None else as_path(folder)
        self.resume = resume
        self.minutes = checked(minutes, Minutes, "minutes")
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.agent_steps = 0
        self.seconds_before = 0.0
        self.started = self.saved = time.monotonic()
        self.begun: dict = {}  # the counters at the first row
        self._is_saved = False

    # What a subclass defines.

    def identity(self) -> dict:
        """Tell what must be the same when the run is resumed.

        Returns:
            entries of `cards.Identity`
        """
        raise NotImplementedError

    def counters(self) -> dict:
        """Count what a resumed run continues to count.

        Returns:
            entries of `cards.Counts`
        """
        return {
            "agent_steps": self.agent_steps,
            "updates": self.learner.updates,
            "seconds": round(self.seconds, 1),
        }

    def load_counters(self, counters: dict) -> None:
        """Continue with other counters.

        Args:
            counters: as `counters` returned them
        """
        self.agent_steps = counters["agent_steps"]
        self.learner.updates = counters["updates"]
        self.seconds_before = counters["seconds"]

    def state_dict(self) -> dict[str, Tensor]:
        """Collect what a resumed run needs, beside the counters.

        Returns:
            tensors by name (weights, the optimiser's moments, the generator's state)
        """
        return self.learner.state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Continue from another state.

        Args:
            tensors: as `state_dict` returned them
        """
        self.generator.set_state(tensors["generator"])
        self.learner.load_state_dict(tensors)

    def settings(self) -> dict:
        """Collect all settings, for `config.json` and the card.

        Returns:
            settings by name
        """
        return dataclasses.asdict(self.config)

    def agent(self) -> Agent:
        """Return the current network with its card.

        Returns:
            an agent that shares the weights with the run
        """
        raise NotImplementedError

    def rows(self) -> Generator[dict, None, None]:
        """Train; `iter` also saves the run.

        Yields:
            rows of metrics
        """
        raise NotImplementedError

    # What every run does.

    @property
    def seconds(self) -> float:
        """The seconds of training, including those before the run was resumed."""
        return self.seconds_before + time.monotonic() - self.started

    @property
    def env_seed(self) -> int:
        """The seed of the games; another one after each resume, so that no game is repeated."""
        return self.seed + 1_000 * self.agent_steps

    def made(self) -> dict:
        """Tell how the agent was made.

        Returns:
            entries of `cards.Made`
        """
        return {
            "by": self.kind,
            **self.identity(),
            **self.counters(),
            "precision": self.learner.precision,
            "hardware": device_name(self.device),
            "threads": torch.get_num_threads(),
            "config": self.settings(),
        }

    def __iter__(self) -> Generator[dict, None, None]:
        rows = self._begun_rows()
        next(rows)  # whatever refuses the run is raised here, before it trains
        return rows

    def _begun_rows(self) -> Generator[dict, None, None]:
        """Hold the folder, yield an empty row when the run has begun, then the rows."""
        with nullcontext() if self.folder is None or ranks.rank() else locked(self.folder):
            if self.resume:
                self._load_state()
            ranks.of_first(None)  # all ranks have loaded it; from here on rank 0 alone writes
            self.folder = None if ranks.rank() else self.folder
            self.started = time.monotonic()
            self.begun = self.counters()
            self._save_first()
            yield {}
            yield from self._saved_rows()

    def _saved_rows(self) -> Generator[dict, None, None]:
        try:
            for row in self.rows():
                yield row
                if time.monotonic() - self.saved > SAVE_SECONDS:
                    self._try_to_save()
                if ranks.of_first(time.monotonic() - self.started > 60 * self.minutes):
                    break
            self.save()
        except NotFiniteError:
            raise
        except BaseException:  # also Ctrl-C during the save above
            for learner in self.learners():
                learner.mean_loss()  # if it diverged, that is the error to report
            self.save()
            raise

    def learners(self) -> list[Learner]:
        """List all that learn in this run.

        Returns:
            at least one learner
        """
        return [self.learner]

    def moments(self) -> dict[str, Tensor]:
        """Tell what `state_dict` may also have once weights were moved.

        Returns:
            zeros by name
        """
        return self.learner.moments()

    def save(self) -> None:
        """Write the state and the agent to the run's folder, if it has one.

        Raises:
            NotFiniteError: for weights that are not finite; the files stay as they are
        """
        if self.folder is None:
            return
        tensors = self.state_dict()
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise NotFiniteError(
                    f"{self.folder}: {name} is not finite after update {self.learner.updates}; the "
                    "state that was saved before is kept"
                )
        write_file(self.folder / STATE, tensors, self._card())
        save_agent(self.folder / "agent.safetensors", self.agent())
        self.saved = time.monotonic()

    def _card(self) -> dict:
        return {
            "kind": self.kind,
            **self.identity(),
            "counts": self.counters(),
            "precision": self.learner.precision,
            "threads": torch.get_num_threads(),
            "config": self.settings(),
        }

    def _save_first(self) -> None:
        """Save the state that the run begins with; refuse a folder that holds another run.

        `config.json` must never differ from the state, whenever the process is killed. So it is
        removed before a state with other settings is written.
        """
        if self.folder is None:
            return
        if (self.folder / STATE).exists() and not self.resume and not self._is_saved:
            raise ValueError(
                f"{self.folder}: holds a run already; resume it, or use another folder"
            )
        path = self.folder / CONFIG
        text = settings_text(self._card())
        if not path.exists() or read_bytes(path) != text:
            path.unlink(missing_ok=True)
            self.save()
            write_bytes(path, text)
        elif not self.resume:
            self.save()
        self._is_saved = True
        self.saved = time.monotonic()

    def _try_to_save(self) -> None:
        """Save, or warn and continue: a full disk may have space again later."""
        try:
            self.save()
        except OSError as error:
            self.saved = time.monotonic()
            warnings.warn(
                f"could not save to {self.folder} ({error}); training continues", stacklevel=2
            )

    def _load_state(self) -> None:
        assert self.folder is not None  # checked in __init__
        tensors, card = read_state(self.folder)
        with naming(self.folder / STATE):
            refuse_other_run(card, self._card())
            refuse_other_state(tensors, self.state_dict(), self.moments())
            self.load_state_dict(tensors)
        self.learner.precision = card.precision
        self.load_counters(dataclasses.asdict(card.counts))
