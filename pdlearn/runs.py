"""A run: a folder with settings, a state to resume from, and the agent as it stands.

`config.json` holds the settings, `state.safetensors` everything to go on, `agent.safetensors` the
network. A run is saved every two minutes and at its end, however it ends; Ctrl-C loses nothing,
a killed process at most two minutes.
"""

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
from pdlearn.presets import Settings, describe

SAVE_SECONDS = 120.0


def hardware(device: torch.device) -> str:
    """Return what a run ran on, in words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} processor, {torch.get_num_threads()} threads"


class Run:
    """Iterate over it to train: each item is a row of metrics, a dictionary.

    `DQN`, `PQN`, `Distillation` and `OnlineDistillation` are runs and take the options of a run.
    `seed` gives the first weights, the generator and the games: on a CPU and with a fixed
    `precision` (float32, bfloat16, or auto: the faster one), the same seed gives the same numbers.
    `folder` keeps the run; None keeps everything in memory. `resume` goes on from the folder's
    state. `minutes` stops the run early. Raises ValueError for `resume` without a folder.
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

    # What a subclass says of itself.

    def identity(self) -> dict:
        """Return what a resumed run must share with the one it goes on from."""
        raise NotImplementedError

    def counters(self) -> dict:
        """Return the counters that a resumed run carries on."""
        return {
            "agent_steps": self.agent_steps,
            "updates": self.learner.updates,
            "seconds": round(self.seconds, 1),
        }

    def load_counters(self, counters: dict) -> None:
        """Take over what `counters` returned."""
        self.agent_steps = counters["agent_steps"]
        self.learner.updates = counters["updates"]
        self.seconds_before = counters["seconds"]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors that a resumed run goes on from."""
        return self.learner.state_dict() | {"generator": self.generator.get_state()}

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        self.generator.set_state(tensors["generator"])
        self.learner.load_state_dict(tensors)

    def settings(self) -> dict:
        """Return every setting, for the folder's `config.json` and the card."""
        return describe(self.config)

    def agent(self) -> Agent:
        """Return the network as it stands, with its card."""
        raise NotImplementedError

    def rows(self) -> Generator[dict, None, None]:
        """Train, and yield a row of metrics now and then."""
        raise NotImplementedError

    # What every run does.

    @property
    def seconds(self) -> float:
        """Seconds of training, those of earlier legs included."""
        return self.seconds_before + time.monotonic() - self.started

    @property
    def env_seed(self) -> int:
        """The games' seed: a resumed run must not play the games of its first leg again."""
        return self.seed + 1_000 * (self.agent_steps if self.resume else 0)

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
        """Save, or say why it failed and train on: a full disk may have room again later."""
        try:
            self.save()
        except OSError as error:
            self.saved = time.monotonic()
            warnings.warn(f"could not save to {self.folder} ({error}); going on", stacklevel=2)

    def _restore(self) -> None:
        assert self.folder is not None  # or the options were refused
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
