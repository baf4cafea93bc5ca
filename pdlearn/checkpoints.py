"""One safetensors file = tensors + a card that says what they are. Nothing is ever unpickled.

A file is checksummed: its metadata contains the SHA-256 of the card and of each tensor's name,
dtype, shape and bytes. The layout of the file, such as the order of the tensors, may differ.
Writing is atomic: a file of that name is always whole, either the old one or the new one.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pdlearn.networks import OneGame, network_for, part_for

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


def _metadata(tensors: dict[str, Tensor], card: dict) -> str:
    return json.dumps({"format": FORMAT, "sha256": _checksum(tensors, card), "card": card})


def write_file(path: str | Path, tensors: dict[str, Tensor], card: dict) -> None:
    """Write `tensors` and `card` to `path`, atomically: a crash leaves the old file whole."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # A single metadata entry: safetensors keeps no order among several.
    metadata = {"pdlearn": _metadata(tensors, card)}
    write_bytes(path, safetensors.torch.save(tensors, metadata))


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
        header = data[8 : 8 + int.from_bytes(data[:8], "little")]
        metadata = json.loads(header).get("__metadata__") or {}
    except Exception as error:  # safetensors, json and torch each have their own
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({_one_line(error)})"
        ) from error
    if "pdlearn" not in metadata:
        raise CheckpointError(f"{path}: a safetensors file, but without a pdlearn card")
    try:
        entry = json.loads(metadata["pdlearn"])
        kind, card = entry["format"], dict(entry["card"])
    except Exception as error:
        raise CheckpointError(f"{path}: its card is damaged ({_one_line(error)})") from error
    if kind != FORMAT:
        raise CheckpointError(f"{path}: written in format {kind!r}; expected {FORMAT!r}")
    # Comparing the text also finds a change that JSON reads as the same number, as 1e-5 and 1E-5.
    # A header is padded with spaces; other white space is damage that JSON would accept.
    if metadata["pdlearn"] != _metadata(tensors, card) or set(header) & set(b"\t\n\r"):
        raise CheckpointError(f"{path}: damaged, its checksum does not match its contents")
    return tensors, card


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def current_card(card: dict) -> dict:
    """Return the card of an agent or a run in the current form; no other code reads older forms.

    Older cards of one game have `game`, `actions` and `teacher` instead of games and teachers, and
    their `score` and `chosen_by` are not by game.
    """
    card = dict(card)
    if card.get("by") == "teach":
        card["by"] = "dqn"
    if "made" in card:
        card["made"] = current_card(card["made"])
    if isinstance(card.get("teacher"), str):
        card["teachers"] = [card.pop("teacher")]
    if "game" in card:
        game = card.pop("game")
        card["games"] = {game: card.pop("actions")} if "actions" in card else [game]
        card |= {key: {game: card[key]} for key in ("score", "chosen_by") if key in card}
    return card


@dataclass(frozen=True)
class Agent:
    """A network with its card: what it plays, how it was made, how it scored.

    The card's keys: games (the action names by game, in order), size, observation_shape,
    preprocessing, made (how it was trained) and, by game, score (its evaluation; absent without
    one) and chosen_by (the evaluation that chose it during training).
    """

    network: nn.Module
    card: dict

    @property
    def games(self) -> tuple[str, ...]:
        """The games that it plays."""
        return tuple(self.card["games"])

    @property
    def game(self) -> str:
        """The game that it plays; raises ValueError if there are several."""
        if len(self.games) > 1:
            raise ValueError(
                f"plays several games and none was named; expected one of {', '.join(self.games)}"
            )
        return self.games[0]

    @property
    def actions(self) -> list[str]:
        """The names of its game's actions, in order; raises ValueError as `game` does."""
        return self.card["games"][self.game]

    @property
    def score(self) -> dict:
        """The summary of its evaluation; empty without one. Raises ValueError as `game` does."""
        return self.card.get("score", {}).get(self.game, {})

    @property
    def device(self) -> torch.device:
        """The device of the network's weights."""
        return next(self.network.parameters()).device

    def for_game(self, game: str) -> "Agent":
        """Return the agent of `game` alone; raise CheckpointError if it does not play that game."""
        if game not in self.games:
            plays = ", ".join(map(repr, self.games))
            raise CheckpointError(f"plays {plays}; expected {game!r}")
        if len(self.games) == 1:
            return self
        by_game = {
            key: {name: value for name, value in self.card[key].items() if name == game}
            for key in ("games", "score", "chosen_by")
            if key in self.card
        }
        return Agent(part_for(self.network, game), self.card | by_game)


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
    try:
        return agent.for_game(agent.game if game is None else game)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def load_whole(path: str | Path, device: torch.device | str = "cpu") -> Agent:
    """Read an agent as `read_agent` does, but with all the games that it plays, one or several."""
    weights, card = read_file(path)
    kind = card.pop("kind", None)
    if kind != "agent":
        raise CheckpointError(f"{path}: holds {kind!r}; expected an agent")
    card = current_card(card)
    if not isinstance(card.get("games"), dict):
        raise CheckpointError(f"{path}: its card names no games with their actions")
    try:
        network = network_for(
            {game: len(actions) for game, actions in card["games"].items()},
            card["size"],
            tuple(card["observation_shape"]),
            normalization=card.get("normalization", "none"),
        )
        network.load_state_dict(weights)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: card and weights differ ({_one_line(error)})") from error
    network.requires_grad_(False)
    return Agent(network.to(device), card)
