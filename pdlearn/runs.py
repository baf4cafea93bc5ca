"""The base of all trainings: rows of metrics, a folder, saving and resuming.

The folder contains the settings in `config.json`, what a resumed run needs in `state.safetensors`,
and the current agent in `agent.safetensors`. A run is saved every two minutes and at its end, also
after an error or Ctrl-C. A killed process loses at most two minutes.
"""

import dataclasses
import json
import math
import platform
import time
import warnings
from collections.abc import Generator
from pathlib import Path

import torch
from torch import Tensor

from pdlearn.checkpoints import (
    Agent,
    CheckpointError,
    current_card,
    read_file,
    save_agent,
    write_file,
)
from pdlearn.learner import Learner
from pdlearn.optimizers import keep_freed_memory
from pdlearn.presets import Settings

SAVE_SECONDS = 120.0


def hardware(device: torch.device) -> str:
    """Return the name of the device that a run trains on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} processor, {torch.get_num_threads()} threads"


class Run:
    """Iterate over it to train: each item is a row of metrics, a dictionary.

    `DQN`, `PQN`, `Distillation` and `OnlineDistillation` are runs and take these options. `seed`
    determines the initial weights, the generator and the games. On a CPU and with a fixed
    `precision` (float32, bfloat16, or auto: the faster one), the same seed gives the same numbers.
    The run is saved in `folder`; None saves nothing. `resume` continues from the state in the
    folder. The run stops after so many `minutes`. Raises ValueError for `resume` without a folder.
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
        keep_freed_memory()
        self.config = config
        self.seed = seed
        self.device = torch.device(device)
        self.precision = precision
        self.folder = None if folder is None else Path(folder)
        self.resume = resume
        self.minutes = minutes
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.agent_steps = 0
        self.seconds_before = 0.0
        self.started = self.saved = time.monotonic()

    # What a subclass defines.

    def identity(self) -> dict:
        """Return what must be the same when the run is resumed."""
        raise NotImplementedError

    def counters(self) -> dict:
        """Return the counters that a resumed run continues."""
        return {
            "agent_steps": self.agent_steps,
            "updates": self.learner.updates,
            "seconds": round(self.seconds, 1),
        }

    def load_counters(self, counters: dict) -> None:
        """Load what `counters` returned."""
        self.agent_steps = counters["agent_steps"]
        self.learner.updates = counters["updates"]
        self.seconds_before = counters["seconds"]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors that a resumed run needs."""
        return self.learner.state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Load what `state_dict` returned."""
        self.generator.set_state(tensors["generator"])
        self.learner.load_state_dict(tensors)

    def settings(self) -> dict:
        """Return all settings, for `config.json` and the card."""
        return dataclasses.asdict(self.config)

    def agent(self) -> Agent:
        """Return the current network with its card."""
        raise NotImplementedError

    def rows(self) -> Generator[dict, None, None]:
        """Train, and yield rows of metrics."""
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
        """Return how the agent was made, for its card."""
        return {
            "by": self.kind,
            **self.identity(),
            **self.counters(),
            "precision": self.learner.precision,
            "hardware": hardware(self.device),
            "config": self.settings(),
        }

    def __iter__(self) -> Generator[dict, None, None]:
        if self.resume:
            self._restore()
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            settings = {"kind": self.kind, **self.identity(), **self.settings()}
            (self.folder / "config.json").write_text(json.dumps(settings, indent=1) + "\n")
        self.started = self.saved = time.monotonic()
        try:
            for row in self.rows():
                yield row
                if time.monotonic() - self.saved > SAVE_SECONDS:
                    self._try_to_save()
                if time.monotonic() - self.started > 60 * self.minutes:
                    break
        finally:
            self.save()

    def save(self) -> None:
        """Write the state and the agent to the run's folder, if it has one."""
        if self.folder is None:
            return
        card = {
            "kind": self.kind,
            **self.identity(),
            "counts": self.counters(),
            "precision": self.learner.precision,
            "config": self.settings(),
        }
        write_file(self.folder / "state.safetensors", self.state_dict(), card)
        save_agent(self.folder / "agent.safetensors", self.agent())
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

    def _restore(self) -> None:
        assert self.folder is not None  # checked in __init__
        path = self.folder / "state.safetensors"
        tensors, card = read_file(path)
        card = current_card(card)
        if card.get("kind") != self.kind:
            raise CheckpointError(f"{path}: holds {card.get('kind')!r}; expected {self.kind!r}")
        for name, wanted in self.identity().items():
            if card.get(name) != wanted:
                raise ValueError(f"{path}: its {name} is {card.get(name)!r}; expected {wanted!r}")
        self.load_state_dict(tensors)
        self.learner.precision = card["precision"]
        self.load_counters(card["counts"])
