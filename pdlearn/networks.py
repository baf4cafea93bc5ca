"""The networks of the paper: for one game (table A1) or for several games (table A2).

The output is float32 `[B, A]`: Q-values of a teacher or of a student of `mse_loss`, logits of any
other student. `torso` says what observations are.
"""

import hashlib
from typing import Annotated

import torch
from torch import Tensor, nn

from pdlearn.games import nearest
from pdlearn.schema import Name, Range, checked, shown
from pdlearn.torso import Size, Torso, activation, in_float32

MOST_ACTIONS = 256  # files keep an action as one byte
Actions = Annotated[int, Range(1, MOST_ACTIONS)]

SIZES = {
    "teacher": Size(32, 64, 64, 512),
    "net1": Size(16, 32, 32, 256),
    "net2": Size(16, 16, 16, 128),
    "net3": Size(16, 16, 16, 64),
    # Smaller than the paper's networks: net4 halves every width of net3, net5 halves it twice.
    "net4": Size(8, 8, 8, 32),
    "net5": Size(4, 4, 4, 16),
}
MULTI_SIZES = {
    "multi3": Size(32, 64, 64, 512),
    "multi10": Size(64, 64, 64, 1500),
}
CONTROLLER_UNITS = 128  # hidden units of each game's controller, in both multi-game sizes


def size_by_name(name: str, several_games: bool = False) -> Size:
    """Return the widths of the network called `name`.

    Args:
        name: a key of `SIZES`, or of `MULTI_SIZES` for several games
        several_games: whether the network is for several games

    Raises:
        ValueError: for an unknown name, with the most similar one, and for a size of a network for
            one game if there are several, or the reverse
    """
    checked(name, str, "size")
    one, several = ("one game", SIZES), ("several games", MULTI_SIZES)
    (wanted, sizes), (other, others) = (several, one) if several_games else (one, several)
    if name in sizes:
        return sizes[name]
    if name in others:
        raise ValueError(f"size {name!r} is for {other}; sizes for {wanted}: {', '.join(sizes)}")
    raise ValueError(
        f"unknown size {shown(name)}; did you mean {nearest(name, sizes)!r}? "
        f"sizes: {', '.join(sizes)}"
    )


class QNetwork(Torso):
    """Map observations to one value per action (Mnih et al. 2015; widths from table A1).

    Args:
        num_actions: A, in 1..256
        size: a key of `SIZES`
        observation_shape: `(4, 84, 84)` builds the convolutional network, `(D,)` a multilayer
            perceptron with two hidden layers of `fc1` units
        generator: draws the first weights; None: torch's own first weights
        normalization: "none", or "layer" as in `torso.Torso`

    Raises:
        ValueError: for a size, a shape, a normalisation or a number of actions out of these
    """

    def __init__(
        self,
        num_actions: int,
        size: str = "teacher",
        observation_shape: tuple[int, ...] = (4, 84, 84),
        generator: torch.Generator | None = None,
        *,
        normalization: str = "none",
    ):
        widths = size_by_name(size)
        super().__init__(widths, observation_shape, normalization)
        self.num_actions = checked(num_actions, Actions, "num_actions")
        self.size = size
        self.out = nn.Linear(widths.fc1, num_actions)
        if generator is not None:
            self.reset_parameters(generator)

    def forward(self, observation: Tensor) -> Tensor:
        """Return the values of all actions.

        Args:
            observation: uint8 `[B, 4, 84, 84]`, or floating point `[B, D]`

        Returns:
            float32 `[B, A]`

        Raises:
            ValueError: for observations of another shape or type
        """
        return in_float32(self.out, self.features(observation))


class MultiGameNetwork(Torso):
    """Map observations of one of several games to one value per action (widths from table A2).

    All games share the torso. Each game has its own controller, selected by the game's name.

    Args:
        num_actions: the number of actions by game, as in `{"freeway": 3, "pong": 6}`
        size: a key of `MULTI_SIZES`
        observation_shape: one shape for all games, as in `QNetwork`
        generator: draws the first weights; None: torch's own first weights
        normalization: "none", or "layer" as in `torso.Torso`

    Raises:
        ValueError: as `QNetwork` does, for no game, and for a game whose name has a dot
    """

    def __init__(
        self,
        num_actions: dict[str, int],
        size: str = "multi3",
        observation_shape: tuple[int, ...] = (4, 84, 84),
        generator: torch.Generator | None = None,
        *,
        normalization: str = "none",
    ):
        widths = size_by_name(size, several_games=True)
        super().__init__(widths, observation_shape, normalization)
        checked(num_actions, Annotated[dict[Name, Actions], Range(1)], "num_actions")
        for game in num_actions:
            if "." in game:
                raise ValueError(f"expected names of games without a dot; got {shown(game)}")
        self.size = size
        self.controllers = nn.ModuleDict(
            {
                game: Controller(widths.fc1, count, normalization)
                for game, count in num_actions.items()
            }
        )
        if generator is not None:
            self.reset_parameters(generator)

    def forward(self, observation: Tensor, game: str) -> Tensor:
        """Return the values of all actions of one game.

        Args:
            observation: uint8 `[B, 4, 84, 84]`, or floating point `[B, D]`
            game: the game that they show, with A actions

        Returns:
            float32 `[B, A]`

        Raises:
            ValueError: for a game without a controller, and for observations of another shape or
                type
        """
        return self._controller(game)(self.features(observation))

    def for_game(self, game: str) -> "OneGame":
        """Return the part for one game, which is called like a `QNetwork` and shares the weights.

        Args:
            game: its name

        Returns:
            a module from observations to float32 `[B, A]`

        Raises:
            ValueError: for a game without a controller
        """
        self._controller(game)
        return OneGame(self, game)

    def _controller(self, game: str) -> nn.Module:
        if game not in self.controllers:
            raise ValueError(f"no controller for {game!r}; games: {', '.join(self.controllers)}")
        return self.controllers[game]


class Controller(nn.Module):
    """One game's own layers: a hidden layer of 128 units, one value per action (table A2)."""

    def __init__(self, inputs: int, num_actions: int, normalization: str = "none"):
        super().__init__()
        self.normalization = normalization
        self.fc2 = nn.Linear(inputs, CONTROLLER_UNITS)
        self.out = nn.Linear(CONTROLLER_UNITS, num_actions)

    def forward(self, features: Tensor) -> Tensor:
        """Return float32 values `[B, A]` for the torso's features `[B, fc1]`."""
        return in_float32(self.out, activation(self.fc2(features), self.normalization))


class OneGame(nn.Module):
    """One game of a `MultiGameNetwork`, called like a `QNetwork`; it shares the weights."""

    def __init__(self, network: MultiGameNetwork, game: str):
        super().__init__()
        self.network = network
        self.game = game
        self.observation_shape = network.observation_shape
        self.pixels = network.pixels

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`."""
        return self.network(observation, self.game)


def part_for(network: nn.Module, game: str | None) -> nn.Module:
    """Return the part of `network` that plays `game`: all of a network for one game."""
    if isinstance(network, MultiGameNetwork) and game is not None:
        return network.for_game(game)
    return network


def same_part(network: nn.Module, part: nn.Module) -> nn.Module:
    """Return the part of `network` for the game that `part`, of another network, plays."""
    return part_for(network, part.game if isinstance(part, OneGame) else None)


def network_for(
    num_actions: dict[str, int],
    size: str,
    observation_shape: tuple[int, ...],
    generator: torch.Generator | None = None,
    *,
    normalization: str = "none",
) -> QNetwork | MultiGameNetwork:
    """Return a `QNetwork` if `num_actions` has one game, else a `MultiGameNetwork`."""
    if len(num_actions) == 1:
        (count,) = num_actions.values()
        return QNetwork(count, size, observation_shape, generator, normalization=normalization)
    return MultiGameNetwork(
        num_actions, size, observation_shape, generator, normalization=normalization
    )


def parameter_count(network: nn.Module) -> int:
    """Return the number of trainable parameters, the paper's measure of a network's size.

    Args:
        network: any module

    Returns:
        the number of weights and biases
    """
    return sum(parameter.numel() for parameter in network.parameters())


def fingerprint(network: nn.Module) -> str:
    """Return 16 hexadecimal digits that identify the weights of `network`."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().float().cpu().contiguous().numpy())
    return digest.hexdigest()[:16]
