"""Agents, and their files: the weights of a network and a card that says what it plays.

Nothing in a file is executed; `tensor_files` describes the format.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from pdlearn import envs
from pdlearn.cards import AgentCard, current_card, typed_card
from pdlearn.envs.preprocessing import Preprocessing
from pdlearn.hardware import device_of
from pdlearn.networks import OneGame, network_for, part_for
from pdlearn.registry import build_network
from pdlearn.schema import shown
from pdlearn.tensor_files import (
    CheckpointError,
    naming,
    read_file,
    refuse_other_tensors,
    unwrapped,
    write_file,
)

WEIGHTS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


@dataclass(frozen=True)
class Agent:
    """A network with its card: what it plays, how it was made, how it scored.

    The card's keys: games (the action names by game, in order), size, observation_shape,
    preprocessing, made (how it was trained) and, by game, score (its evaluation; absent without
    one) and chosen_by (the evaluation that chose it during training). A network of a registered
    class has network (see `registry`); a policy of another library has outputs, "logits".
    `cards.AgentCard` has their types.

    Args:
        network: from observations `[B, ...]` to float32 `[B, A]`; for several games, a
            `MultiGameNetwork`
        card: what the network is, as above

    Raises:
        ValueError: for the card of a network of another size
    """

    network: nn.Module
    card: dict

    def __post_init__(self) -> None:
        """Raise ValueError for a card of a network of another size."""
        size = getattr(self.network, "size", None)
        if isinstance(size, str) and self.card.get("size", size) != size:
            told = shown(self.card["size"])
            raise ValueError(
                f"got a network of size {shown(size)} and the card of size {told}; expected "
                "its own card, or agent.with_network(network, outputs)"
            )

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
    def outputs(self) -> str:
        """What its network puts out: "logits" after training with KL or NLL, otherwise "q".

        After training with advantage_mse, "q" stands for advantages.
        """
        loss = self.card.get("made", {}).get("config", {}).get("loss")
        trained = "logits" if loss in ("kl", "reverse_kl", "nll") else "q"
        return self.card.get("outputs", trained)

    @property
    def device(self) -> torch.device:
        """The device of the network's weights; the CPU for a network without any."""
        weights = self.network.parameters()
        return next((weight.device for weight in weights), torch.device("cpu"))

    def for_game(self, game: str) -> "Agent":
        """Return the agent of one game alone.

        Args:
            game: one of the games that it plays

        Returns:
            an agent that shares the weights; itself, if it plays only this game

        Raises:
            CheckpointError: for another game
        """
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

    def with_network(self, network: nn.Module, outputs: str) -> "Agent":
        """Return an agent of the same games and preprocessing with another network.

        The new card has no score and no entry `made`: those of this agent say nothing of `network`.
        So the new agent plays, but it is not saved.

        Args:
            network: from observations of the same shape to float32 `[B, A]`
            outputs: what `network` puts out, "q" or "logits"

        Returns:
            the new agent

        Raises:
            ValueError: for other `outputs`
        """
        if outputs not in ("q", "logits"):
            raise ValueError(f"expected outputs 'q' or 'logits'; got {shown(outputs)}")
        kept = ("games", "observation_shape", "preprocessing")
        card = {key: self.card[key] for key in kept if key in self.card}
        size = getattr(network, "size", type(network).__name__)
        return Agent(network, {**card, "size": size, "outputs": outputs})

    def environment(
        self,
        num_envs: int,
        *,
        preprocessing: Preprocessing | None = None,
        also_seen_as: Preprocessing | None = None,
        screen: bool = False,
    ) -> envs.Environment:
        """Make copies of its game; see `envs.make`.

        Args:
            num_envs: number of copies
            preprocessing: the profile under which the game is played; None is that of the card
            also_seen_as: a second profile that shows the same emulator states
            screen: whether observations are the game's own pictures

        Returns:
            an environment with the agent's actions

        Raises:
            ValueError: as `envs.make` does, and for a game with other actions than the agent's
        """
        profile = self.card.get("preprocessing") if preprocessing is None else preprocessing
        env = envs.make(
            self.game, num_envs, preprocessing=profile, also_seen_as=also_seen_as, screen=screen
        )
        return env.with_actions(self.actions) if self.actions else env


def save_agent(path: str | Path, agent: Agent, dtype: torch.dtype = torch.float32) -> None:
    """Write an agent to a file, atomically.

    Args:
        path: of the file; its folder is made if there is none
        agent: with a whole network
        dtype: of the weights in the file; float16 halves it

    Raises:
        ValueError: if a weight is not finite or too large for `dtype`, for a card that could not be
            read again, and for one game's part of an agent for several
    """
    if isinstance(agent.network, OneGame):
        raise ValueError(
            f"{path}: expected a whole network to save; got the part of one that plays "
            f"{agent.game!r}"
        )
    weights = {}
    for name, tensor in unwrapped(agent.network.state_dict()).items():
        weights[name] = tensor.to(dtype)
        if not weights[name].isfinite().all():
            largest = tensor.abs().max().item()
            raise ValueError(
                f"{path}: {name} holds {largest:g}; expected finite weights that fit {dtype}, "
                f"at most {torch.finfo(dtype).max:g}"
            )
    card = {**agent.card, "kind": "agent"}
    with naming(path):
        typed_card(card, AgentCard)
    write_file(path, weights, card)


def read_agent(
    path: str | Path, game: str | None = None, device: torch.device | str = "cpu", *,
    network: nn.Module | None = None,
) -> Agent:  # fmt: skip
    """Read an agent of one game from a file, as float32.

    Args:
        path: of the file
        game: the game to play; None: the only one of the file
        device: of the network
        network: gets the weights; None: a new network of the card's size, or of the registered
            class that it names

    Returns:
        the agent

    Raises:
        CheckpointError: if the file is damaged, holds no agent, does not play `game`, plays several
            games where none is named, or its weights do not fit the network its card names
    """
    agent = load_whole(path, device, network=network)
    with naming(path):
        return agent.for_game(agent.game if game is None else game)


def load_whole(
    path: str | Path, device: torch.device | str = "cpu", *, network: nn.Module | None = None
) -> Agent:
    """Read an agent with all the games that it plays, one or several.

    Args:
        path: of the file
        device: of the network
        network: as in `load_agent`

    Returns:
        the agent, as float32

    Raises:
        CheckpointError: if the file is damaged, holds no agent, or its weights do not fit the
            network its card names
    """
    device = device_of(device)
    weights, entries = read_file(path)
    entries = current_card(entries)
    with naming(path):
        card = typed_card(entries, AgentCard)
        try:
            weights = unwrapped(weights)
            if network is None:
                network = _empty_network(card)
            kind = next((each.dtype for each in weights.values()), torch.float32)
            if kind not in WEIGHTS:
                raise ValueError(f"expected floating point weights; got {kind}")
            wanted = unwrapped(network.state_dict())
            refuse_other_tensors(
                weights, {name: (kind, tuple(t.shape)) for name, t in wanted.items()}
            )
            weights = {name: tensor.to(torch.float32) for name, tensor in weights.items()}
            if not all(tensor.isfinite().all() for tensor in weights.values()):
                raise ValueError("expected weights that float32 holds; got others")
        except ValueError as error:
            raise ValueError(f"card and weights differ ({error})") from error
    names = zip(network.state_dict(), wanted, strict=True)  # as the network has them, and the file
    network.load_state_dict({own: weights[name] for own, name in names}, assign=True)
    network.requires_grad_(False)
    return Agent(network.to(device), {k: v for k, v in entries.items() if k != "kind"})


def _empty_network(card: AgentCard) -> nn.Module:
    """Return the network that a card names; one of pdlearn's has no memory for its weights yet."""
    if card.network is not None:
        return build_network(card.network)
    with torch.device("meta"):
        return network_for(
            {game: len(actions) for game, actions in card.games.items()},
            card.size, card.observation_shape, normalization=card.normalization,
        )  # fmt: skip
