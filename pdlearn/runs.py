"""The base of all trainings: rows of metrics, a folder, saving and resuming.

The folder contains what a resumed run needs in `state.safetensors`, the current agent in
`agent.safetensors`, and a copy of the settings in `config.json`. A run is saved at its beginning,
every two minutes and at its end, also after an error or Ctrl-C. A killed process loses at most two
minutes. One process at a time trains in a folder. docs/reliability.md says what survives what.
"""

import dataclasses
import json
import math
import platform
import time
import warnings
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pdlearn import ranks
from pdlearn.cards import StateCard, current_card, typed_card
from pdlearn.checkpoints import (
    Agent,
    CheckpointError,
    naming,
    read_file,
    refuse_other_tensors,
    save_agent,
    write_file,
)
from pdlearn.files import as_path, locked, read_bytes, write_bytes
from pdlearn.learner import Learner, NotFiniteError
from pdlearn.networks import device_of
from pdlearn.optimizers import keep_freed_memory
from pdlearn.presets import Settings, settings_class
from pdlearn.schema import Minutes, Seed, checked, load_json, shown

SAVE_SECONDS = 120.0
STATE, CONFIG = "state.safetensors", "config.json"
MAY_BE_NONE = {"samples", "best_evaluation", "dqn"}  # counters that a resumed run can do without


def hardware(device: torch.device) -> str:
    """Return the name of the device that a run trains on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} processor, {torch.get_num_threads()} threads"


class Run:
    """Iterate over it to train: each item is a row of metrics, a dictionary.

    `DQN`, `PQN`, `Distillation` and `OnlineDistillation` are runs and take these options. `seed`
    determines the initial weights, the generator and the games. On a CPU, with a fixed `precision`
    (float32, bfloat16, or auto: the faster one) and the same number of threads, the same seed gives
    the same numbers. The run is saved in `folder`; None saves nothing. `resume` continues from the
    state in the folder. The run stops after `minutes`. A run whose loss or weights are no
    longer finite stops, and the last finite state is kept.

    Raises ValueError for `resume` without a folder and for settings of another kind of run; `iter`
    raises it for a folder that another process uses or that holds another run.
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
        """Return all that learn in this run."""
        return [self.learner]

    def moments(self) -> dict[str, Tensor]:
        """Return what `state_dict` may also have once weights were moved, as zeros."""
        return self.learner.moments()

    def save(self) -> None:
        """Write the state and the agent to the run's folder, if it has one.

        Raises NotFiniteError for weights that are not finite, and leaves the files as they are.
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
        text = json.dumps(_described(self._card()), indent=1).encode() + b"\n"
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
        path = self.folder / STATE
        tensors, card = read_state(self.folder)
        with naming(path):
            if card.kind != self.kind:
                raise ValueError(f"holds {card.kind!r}; expected {self.kind!r}")
            for name, wanted in self.identity().items():
                found = getattr(card, name)
                found = list(found) if isinstance(found, tuple) else found
                if found != wanted:
                    raise ValueError(f"its {name} is {found!r}; expected {wanted!r}")
            self._refuse_other_networks(card.config, self.settings())
            counts = dataclasses.asdict(card.counts)
            for name in self.counters():
                if counts[name] is None and name not in MAY_BE_NONE:
                    raise ValueError(f"expected an entry counts.{name}; it is missing")
            self._refuse_other_state(tensors)
            self.load_state_dict(tensors)
        self.learner.precision = card.precision
        self.load_counters(counts)

    def _refuse_other_networks(self, begun: dict, now: dict, where: str = "") -> None:
        for name in ("size", "normalization", "quantiles", "optimizer"):
            if name in begun and begun[name] != now[name]:
                raise ValueError(
                    f"was begun with {where}{name} {begun[name]}, which a resumed run keeps; got "
                    f"{now[name]}"
                )
        if isinstance(begun.get("teacher"), dict):
            self._refuse_other_networks(begun["teacher"], now["teacher"], "the teacher's ")

    def _refuse_other_state(self, tensors: dict[str, Tensor]) -> None:
        # `state_dict` has no moments of weights that were never moved, and all of the others.
        moved = {name.rpartition(".")[0] for name in tensors.keys() & self.moments().keys()}
        moments = {n: t for n, t in self.moments().items() if n.rpartition(".")[0] in moved}
        whole = {**self.state_dict(), **moments}
        refuse_other_tensors(tensors, {k: (t.dtype, tuple(t.shape)) for k, t in whole.items()})
        for name, tensor in tensors.items():
            if name.endswith(("_sq", ".square", ".step")) and tensor.min() < 0:
                raise ValueError(f"expected {name} of at least 0; got {tensor.min().item():g}")


def _described(card: dict) -> dict:
    """Return what `config.json` says of the run with this state's card."""
    names = ("kind", "games", "seed", "teachers", "student_seeds")
    return {k: card[k] for k in names if card.get(k) is not None} | card["config"]


def read_state(folder: Path) -> tuple[dict[str, Tensor], StateCard]:
    """Return the tensors and the card of the state of the run in `folder`.

    Raises ValueError if there is none, if the file is damaged or its card is not a run's, and if
    `config.json` differs from the card, which holds the settings.
    """
    path = folder / STATE
    if not path.exists():
        raise CheckpointError(f"{folder}: no run to resume here (it has no {STATE})")
    tensors, entries = read_file(path)
    entries = current_card(entries)
    with naming(path):
        card = typed_card(entries, StateCard)
    copy = folder / CONFIG
    if copy.exists():
        try:
            found = load_json(read_bytes(copy))
            found = current_card(checked(found, dict[str, Any], "the settings"))
        except ValueError as error:
            raise ValueError(
                f"{copy}: is damaged ({error}); remove it, {STATE} holds the settings too"
            ) from error
        wanted = _described(entries)
        for name in sorted(found.keys() | wanted.keys()):
            if name not in found or name not in wanted or found[name] != wanted[name]:
                raise ValueError(
                    f"{copy}: {shown(name)} is {shown(found.get(name))}, and "
                    f"{shown(wanted.get(name))} in {STATE}; remove {CONFIG} to use the latter"
                )
    return tensors, card
