"""The parts of the campaign: each yields wrong inputs and the calls that are given them."""

from pathlib import Path
from typing import Any

import torch
from campaign import Began, Case
from sealed import seal
from values import at

from pdlearn import DQN, zoo
from pdlearn.checkpoints import load_whole, read_agent, read_file
from pdlearn.presets import DQN_BUDGETS
from pdlearn.replay.recordings import load_recording
from pdlearn.starts import FOLDER, load_starts

GAME = "pdlearn/Catch-v0"
CONFIG = dict(agent_steps=24, num_envs=2, memory_steps=400, learn_start_steps=8, minibatch=4,
              n_step=1, size="net5", evaluation_period_steps=10**6)  # fmt: skip


class Guarded(DQN):
    """A run that tells that it began instead of training."""

    def rows(self) -> Any:
        raise Began("training")


def config(**changed: Any) -> Any:
    return type(DQN_BUDGETS["smoke"])(**{**CONFIG, **changed})


def trained(folder: Path) -> Path:
    """Leave a small run in `folder`."""
    list(DQN(GAME, config(), folder=folder, precision="float32"))
    return folder


def resume(folder: Path) -> Any:
    """Resume the run in `folder` up to its first step."""
    return list(Guarded(GAME, config(), folder=folder, resume=True))


class Files:
    """A sound file of each kind, and what reads it."""

    def __init__(self, folder: Path):
        self.folder = folder
        run = trained(folder / "run")
        several = next(name for name in zoo.names() if name.startswith("multi"))
        small = FOLDER / "freeway.safetensors"
        recording = zoo.FOLDER / "pong" / "play.rec"
        tensors, card = read_file(recording)
        self.read: dict[str, Any] = {
            "agent": lambda path: read_agent(path),
            "joint agent": load_whole,
            "recording": load_recording,
            "starts": load_starts,
            "state": self._resume,
        }
        self.contents = {
            "agent": read_file(run / "agent.safetensors"),
            "joint agent": read_file(zoo.path(several)),
            "recording": _shortened(tensors, card),
            "starts": read_file(small),
            "state": read_file(run / "state.safetensors"),
        }
        self.run = run

    def _resume(self, path: Path) -> Any:
        folder = self.folder / "resumed"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").unlink(missing_ok=True)
        (folder / "state.safetensors").write_bytes(path.read_bytes())
        return resume(folder)

    def case(self, kind: str, name: str, tensors: dict, card: Any) -> Case:
        def call() -> Any:
            return self.read[kind](seal(self.folder / "sealed.safetensors", tensors, card))

        return Case(f"{kind}: {name}", call)


def _shortened(tensors: dict, card: dict) -> tuple[dict, dict]:
    """Return the first block of each copy of a recording."""
    count, envs, slots = 64, card["num_envs"], card["slots"]
    blocks = -(-slots // count)
    sizes = tensors["block_bytes"]
    ends = sizes.cumsum(0)
    firsts = range(0, blocks * envs, blocks)
    frames = [tensors["frames"][ends[k] - sizes[k] : ends[k]] for k in firsts]
    rows = {k: tensors[k][: count * envs] for k in ("teacher_q", "action", "last", "age")}
    more = {"frames": torch.cat(frames), "block_bytes": sizes[list(firsts)]}
    return {**rows, **more}, card | {"slots": count}


# --- what a card may say without being wrong ---


def is_harmless(kind: str, card: dict, path: tuple, new: Any) -> bool:
    """Return whether a card with `new` at `path` is still a right one.

    A number within its range is only another fact, and free text says what it likes.
    """
    old, name = at(card, path), path[-1]
    if isinstance(new, str):
        free = {"hardware", "commit", "legs", "protocol", "teacher", "by", "from", "ale_py"}
        return isinstance(old, str) and name in free and not (kind != "starts" and name == "by")
    if isinstance(new, bool) or isinstance(old, bool):
        return isinstance(new, bool) and isinstance(old, bool) and "preprocessing" not in path
    if new is None:
        return name in OPTIONAL
    if isinstance(new, int | float) and isinstance(old, int | float):
        return "preprocessing" not in path and name not in ("slots", "num_envs") or "config" in path
    if kind == "starts" and path[0] == "made":
        return new == new and new not in (float("inf"), float("-inf"))
    return False


OPTIONAL = {
    "epsilon", "seed", "teacher", "actions", "preprocessing", "score", "chosen_by", "threads",
    "commit", "legs", "teachers", "student_seeds", "dqn", "best_evaluation", "samples", "episodes",
    "recorded_steps", "skipped_rounds", "precision", "learning_rate",
}  # fmt: skip
