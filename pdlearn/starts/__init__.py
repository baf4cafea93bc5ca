"""Recorded starts: states from which an agent is evaluated, each a seed and a list of actions.

The games are deterministic, so a seed and actions lead to the same state on every machine and take
a few bytes. A digest of the observation there is stored and checked at every replay. Beside this
file lies a set for each of the ten games (paper, section 4); `starts.recorder` made them.
"""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from pdlearn import envs
from pdlearn.cards import typed_card
from pdlearn.envs.preprocessing import from_card
from pdlearn.files import as_path
from pdlearn.games import nearest
from pdlearn.rollout import Policy, Step, steps_from
from pdlearn.schema import Name, Range, checked
from pdlearn.tensor_files import (
    CheckpointError,
    naming,
    read_file,
    refuse_other_tensors,
    write_file,
)

FOLDER = Path(__file__).parent
DIGEST_BYTES = 8
LONGEST = envs.MAX_EPISODE_FRAMES // envs.FRAMES_PER_STEP  # agent steps


@dataclass(frozen=True)
class Start:
    """A state of a game: the seed and actions that lead to it, and a digest of what it shows."""

    seed: int  # the emulator's
    actions: np.ndarray  # uint8 [T], agent steps from the episode's first observation
    digest: bytes  # of the observation in that state


@dataclass(frozen=True)
class Starts:
    """A set of starts of one game; the card tells how they were made."""

    game: str
    entries: tuple[Start, ...]
    card: dict

    def __len__(self) -> int:
        return len(self.entries)

    def first(self, count: int) -> "Starts":
        """Return the first `count` starts; raise ValueError if there are fewer."""
        checked(count, Annotated[int, Range(1, len(self))], "episodes, one a start,")
        return Starts(self.game, self.entries[:count], self.card)


@dataclass(frozen=True)
class StartsCard:
    """The card of a file of starts; see `schema.checked`."""

    game: Name
    actions: Annotated[tuple[Name, ...], Range(1)]
    preprocessing: dict[str, Any]
    made: dict[str, Any]
    kind: Literal["starts"] = "starts"

    def refuse(self, tensors: dict[str, Tensor]) -> None:
        """Raise ValueError unless `tensors` are starts of this card's game."""
        envs.refuse_mismatch(self.game, actions=self.actions, preprocessing=self.preprocessing)
        if envs.is_atari(self.game) and not from_card(self.preprocessing).is_ours:
            raise ValueError("expected starts recorded under pdlearn's own preprocessing")
        seeds, actions = (tensors.get(key, torch.empty(0)) for key in ("seeds", "actions"))
        count = seeds.numel()
        refuse_other_tensors(tensors, {
            "seeds": (torch.int64, (count,)),
            "lengths": (torch.int64, (count,)),
            "actions": (torch.uint8, (actions.numel(),)),
            "digests": (torch.uint8, (count, DIGEST_BYTES)),
        })  # fmt: skip
        if count == 0:
            raise ValueError("expected at least one start; got none")
        lengths = tensors["lengths"]
        if lengths.min() < 0 or lengths.max() > LONGEST or lengths.sum() != actions.numel():
            raise ValueError(f"expected lengths in 0..{LONGEST} that add up to the actions'")
        if seeds.min() < 0 or seeds.max() >= envs.SEEDS:
            raise ValueError(f"expected seeds in 0..{envs.SEEDS - 1}; got others")
        if actions.numel() and actions.max() >= len(self.actions):
            raise ValueError(f"expected actions in 0..{len(self.actions) - 1}; got others")


def digest(observation: np.ndarray) -> bytes:
    """Return eight bytes that identify an observation."""
    return hashlib.sha256(np.ascontiguousarray(observation)).digest()[:DIGEST_BYTES]


def save_starts(path: str | Path, starts: Starts) -> None:
    """Write a set of starts to a file, with a checksum and atomically.

    Args:
        path: of the file
        starts: at least one

    Raises:
        ValueError: for no starts, and for actions, seeds or a card out of range
    """
    if not starts.entries:
        raise ValueError("expected at least one start; got none")
    tensors = {
        "seeds": torch.tensor([start.seed for start in starts.entries]),
        "lengths": torch.tensor([len(start.actions) for start in starts.entries]),
        "actions": torch.from_numpy(np.concatenate([start.actions for start in starts.entries])),
        "digests": torch.tensor([list(start.digest) for start in starts.entries]).to(torch.uint8),
    }
    card = {**starts.card, "kind": "starts", "game": starts.game}
    with naming(path):
        typed_card(card, StartsCard).refuse(tensors)
    write_file(path, tensors, card)


def load_starts(name: str | Path, game: str | None = None) -> Starts:
    """Return the shipped starts of a game by its name, or those in a file by its path.

    Args:
        name: a game, or a path
        game: that they must be of; None allows any

    Returns:
        the starts and their card

    Raises:
        CheckpointError: for an unknown name, for a file that is damaged or holds no starts, for
            starts of another game than `game`, and for actions that the game does not have
    """
    path = as_path(name)
    path = FOLDER / f"{name}.safetensors" if str(name) in shipped() else path
    if not path.exists() and path.suffix != ".safetensors":
        raise CheckpointError(
            f"no shipped starts or file {str(name)!r}; did you mean "
            f"{nearest(str(name), shipped())!r}? shipped: {', '.join(shipped())}"
        )
    tensors, entries = read_file(path)
    with naming(path):
        card = typed_card(entries, StartsCard)
        if game is not None and card.game != game:
            raise ValueError(f"starts of {card.game!r}; expected {game!r}")
        card.refuse(tensors)
    return Starts(card.game, tuple(_entries(tensors)), entries)


def _entries(tensors: dict[str, Tensor]) -> Iterator[Start]:
    actions = np.split(tensors["actions"].numpy(), tensors["lengths"].cumsum(0)[:-1].numpy())
    for seed, taken, seen in zip(tensors["seeds"], actions, tensors["digests"], strict=True):
        yield Start(int(seed), taken, bytes(seen.tolist()))


def shipped() -> list[str]:
    """Return the games whose starts ship."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


class Replay:
    """A policy that takes each copy's recorded actions first and then those of `policy`.

    Starts have different lengths, so some copies play while others still replay:

        copy 0   replay ─ replay ─ play ─ play ─ play ─ ...
        copy 1   replay ─ replay ─ replay ─ replay ─ play ─ ...

    Raises ValueError where a copy's first observation after its replay is not the recorded one.
    """

    def __init__(self, policy: Policy, starts: Sequence[Start]):
        self.policy = policy
        self.starts = starts
        self.lengths = np.array([len(start.actions) for start in starts])  # agent steps [E]
        self._actions = np.zeros((len(starts), self.lengths.max() + 1), np.int64)
        for row, start in zip(self._actions, starts, strict=True):
            row[: len(start.actions)] = start.actions
        self._time = 0

    @property
    def device(self) -> torch.device:
        return self.policy.device

    def __call__(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `[E]` and the policy's values `[E, A]` for observations `[E, ...]`."""
        action, q = self.policy(observation)
        for env in np.flatnonzero(self.lengths == self._time).tolist():
            if digest(observation[env].cpu().numpy()) != self.starts[env].digest:
                raise ValueError(
                    f"the start of seed {self.starts[env].seed} leads to another picture than it "
                    "did when it was recorded; expected the ale-py of constraints.txt"
                )
        replays = self.lengths > self._time
        if replays.any():
            recorded = torch.from_numpy(self._actions[:, self._time]).to(action.device)
            action = torch.where(torch.from_numpy(replays).to(action.device), recorded, action)
        self._time += 1
        return action, q


def play_from(
    starts: Starts, entries: Sequence[Start], policy: Policy
) -> Generator[Step, None, None]:
    """Play `policy` without end from `entries` of the set `starts`, one copy of the game for each.

    The yielded rewards of replayed steps are 0, so points count from the start on (paper, section
    4). Raises ValueError if the game's actions are not those on the set's card.
    """
    env = envs.make(starts.game, len(entries))
    try:
        envs.refuse_mismatch(
            starts.game, actions=starts.card["actions"], env=env,
            preprocessing=starts.card.get("preprocessing"),
        )  # fmt: skip
    except ValueError:
        env.close()
        raise
    replay = Replay(policy, entries)
    play = steps_from(env, replay, np.array([start.seed for start in entries]))
    try:
        for time, step in enumerate(play):
            yield step._replace(reward=np.where(time < replay.lengths, 0.0, step.reward))
    finally:
        play.close()
