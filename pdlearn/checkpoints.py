"""One safetensors file = tensors + a card that says what they are. Nothing is ever unpickled.

A file is checksummed: the card holds a checksum of the tensors and of itself, and a file must equal
byte for byte what saving its contents gives. So all damage is found. Writing is atomic: a file of
that name is always whole, either the old one or the new one.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pdlearn.networks import MultiGameNetwork, OneGame, QNetwork, part_for
from pdlearn.schema import checked, shown

FORMAT = "pdlearn/1"


class CheckpointError(ValueError):
    """A file is damaged, foreign, or not what was asked for; the message is one sentence."""


def _checksum(tensors: dict[str, Tensor], card: dict) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def _pack(tensors: dict[str, Tensor], card: dict) -> bytes:
    # A single metadata entry: safetensors keeps no order among several.
    entry = {"format": FORMAT, "sha256": _checksum(tensors, card), "card": card}
    return safetensors.torch.save(tensors, {"pdlearn": json.dumps(entry)})


def write_file(path: str | Path, tensors: dict[str, Tensor], card: dict) -> None:
    """Write `tensors` and `card` to `path`, atomically: a crash leaves the old file whole."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, _pack(tensors, card))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, atomically; make its folder where there is none."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_file(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """Return the tensors and the card of a file written by `write_file`.

    Raises CheckpointError if the file is missing, truncated, altered or of another program.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path}: cannot be read ({reason})") from error
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = header.get("__metadata__") or {}
    except Exception as error:  # safetensors, json and torch each have their own
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({_one_line(error)})"
        ) from error
    if "pdlearn" not in metadata:
        raise CheckpointError(f"{path}: a safetensors file, but without a pdlearn card")
    try:
        entry = json.loads(metadata["pdlearn"])
        kind, checksum, card = (
            entry["format"],
            entry["sha256"],
            dict(entry["card"]),
        )
    except Exception as error:
        raise CheckpointError(f"{path}: its card is damaged ({_one_line(error)})") from error
    if kind != FORMAT:
        raise CheckpointError(f"{path}: written in format {kind!r}; expected {FORMAT!r}")
    if checksum != _checksum(tensors, card) or data != _pack(tensors, card):
        raise CheckpointError(f"{path}: damaged, its checksum does not match its contents")
    return tensors, card


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


@dataclass(frozen=True)
class Agent:
    """A network with its card: what it plays, how it was made, how it scored.

    The card's keys: game, actions (names, in order), size, observation_shape, preprocessing, made
    (how it was trained) and score (how it was judged; absent if it was not). The card of a network
    for several games has, instead of game and actions, games: each game's name and actions; its
    score holds one for each game.
    """

    network: nn.Module
    card: dict

    @property
    def game(self) -> str:
        """The game it plays; raises ValueError if there are several."""
        if "games" in self.card:
            raise ValueError(
                f"plays several games; choose one with for_game: {', '.join(self.card['games'])}"
            )
        return self.card["game"]

    @property
    def games(self) -> tuple[str, ...]:
        """The games it plays, one or several."""
        return tuple(self.card["games"]) if "games" in self.card else (self.game,)

    @property
    def device(self) -> torch.device:
        """The device of the network's weights."""
        return next(self.network.parameters()).device

    def for_game(self, game: str) -> "Agent":
        """Return the agent of `game` alone; raise CheckpointError if it does not play that game."""
        if game not in self.games:
            plays = ", ".join(map(repr, self.games))
            raise CheckpointError(f"plays {plays}; expected {game!r}")
        if "games" not in self.card:
            return self
        each = ("score", "chosen_by")  # of every game, as far as it was judged
        judged = {key: self.card[key][game] for key in each if game in self.card.get(key, {})}
        shared = {k: value for k, value in self.card.items() if k not in ("games", *each)}
        card = {"game": game, "actions": self.card["games"][game], **shared, **judged}
        return Agent(part_for(self.network, game), card)


def save_agent(path: str | Path, agent: Agent, dtype: torch.dtype = torch.float32) -> None:
    """Write an agent to `path`; its weights as `dtype` (float16 halves the file).

    Raises ValueError if a weight is too large for `dtype`, and for one game's part of an agent for
    several: a file holds whole networks.
    """
    if isinstance(agent.network, OneGame):
        raise ValueError(
            f"{path}: expected a whole network to save; got the part of one that plays "
            f"{agent.game!r}"
        )
    weights = {}
    for name, tensor in agent.network.state_dict().items():
        weights[name] = tensor.to(dtype)
        if not torch.equal(weights[name].isfinite(), tensor.isfinite()):
            largest = tensor.abs().max().item()
            raise ValueError(
                f"{path}: {name} holds {largest:g}; expected weights that fit {dtype}, "
                f"at most {torch.finfo(dtype).max:g}"
            )
    write_file(path, weights, {**agent.card, "kind": "agent"})


def read_agent(
    path: str | Path, game: str | None = None, device: torch.device | str = "cpu"
) -> Agent:
    """Read an agent, as float32, on `device`; of a file for several games, the one of `game`.

    Raises CheckpointError if the file is damaged, holds no agent, does not play `game`, plays
    several games where none is named, or its weights do not fit the network its card names.
    """
    agent = load_whole(path, device)
    if game is None:
        if "games" in agent.card:
            raise CheckpointError(
                f"{path}: plays several games and none was named; expected one of "
                f"{', '.join(agent.games)}"
            )
        return agent
    try:
        return agent.for_game(game)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def load_whole(path: str | Path, device: torch.device | str = "cpu") -> Agent:
    """Read an agent as `read_agent` does, but with all the games that it plays, one or several."""
    weights, card = read_file(path)
    if card.get("kind") != "agent":
        raise CheckpointError(f"{path}: holds {card.get('kind')!r}; expected an agent")
    several = isinstance(card.get("games"), dict)
    if not several and not isinstance(card.get("game"), str):
        raise CheckpointError(f"{path}: its card names no game")
    try:
        shape = tuple(card["observation_shape"])
        normalized = {"normalization": card.get("normalization", "none")}
        network: QNetwork | MultiGameNetwork
        if several:
            counts = {name: len(actions) for name, actions in card["games"].items()}
            network = MultiGameNetwork(counts, card["size"], shape, **normalized)
        else:
            network = QNetwork(len(card["actions"]), card["size"], shape, **normalized)
        network.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: card and weights differ ({_one_line(error)})") from error
    network.requires_grad_(False)
    return Agent(network.to(device), {k: v for k, v in card.items() if k != "kind"})


Card = TypeVar("Card")


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Turn a ValueError inside a `with` block into a CheckpointError that names the file."""
    try:
        yield
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def typed_card(card: dict, schema: type[Card]) -> Card:
    """Return `card` as the dataclass `schema`; raise ValueError for an entry that it refuses."""
    kind = card.get("kind")
    wanted = schema.__dataclass_fields__["kind"].default  # type: ignore[attr-defined]
    if kind != wanted:
        raise ValueError(f"holds {shown(kind)}; expected {wanted}")
    return checked(card, schema, "")


def refuse_other_tensors(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
) -> None:
    """Raise ValueError unless the tensors have the `wanted` names, types and shapes.

    Floating point numbers must be finite, and the bytes of a bool 0 or 1.
    """
    if tensors.keys() != wanted.keys():
        got, names = sorted(tensors), sorted(wanted)
        raise ValueError(f"expected tensors {', '.join(names)}; got {shown(', '.join(got))}")
    for name, (dtype, shape) in wanted.items():
        tensor = tensors[name]
        if tensor.dtype != dtype or tensor.shape != shape:
            raise ValueError(
                f"expected {name} as {dtype} {list(shape)}; got {tensor.dtype} {list(tensor.shape)}"
            )
        if dtype.is_floating_point and not tensor.isfinite().all():
            raise ValueError(f"expected finite numbers in {name}; got others")
        if dtype == torch.bool and tensor.numel() and tensor.view(torch.uint8).max() > 1:
            raise ValueError(f"expected 0 and 1 in {name}; got other bytes")
