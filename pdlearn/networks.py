"""The networks of the paper: one network a game, or one for several games (tables A1 and A2).

Convention: an observation is what an environment shows, uint8 `[B, 4, 84, 84]` for pixels or
float32 `[B, D]` for vectors; scaling happens inside the network. The output is float32 `[B, A]`:
Q-values for a teacher or a student of `mse_loss`, logits for a student of any other loss.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdlearn.games import nearest


@dataclass(frozen=True)
class Size:
    """Widths of a network: three convolutions' channels and one hidden layer's units."""

    conv1: int
    conv2: int
    conv3: int
    fc1: int


SIZES = {
    "teacher": Size(32, 64, 64, 512),
    "net1": Size(16, 32, 32, 256),
    "net2": Size(16, 16, 16, 128),
    "net3": Size(16, 16, 16, 64),
    # Smaller than the paper's: every width of net3 halved, and halved again.
    "net4": Size(8, 8, 8, 32),
    "net5": Size(4, 4, 4, 16),
}
MULTI_SIZES = {
    "multi3": Size(32, 64, 64, 512),
    "multi10": Size(64, 64, 64, 1500),
}
CONTROLLER_UNITS = 128  # each game's own hidden layer, in both multi-game sizes
NORMALIZATIONS = ("none", "layer")


def size_by_name(name: str, several_games: bool = False) -> Size:
    """Return the widths called `name` of a network for one game, or for several.

    Raises ValueError for an unknown name, with the nearest right one, and for a size that is meant
    for one game where there are several, or the other way round.
    """
    one, several = ("one game", SIZES), ("several games", MULTI_SIZES)
    (wanted, sizes), (other, others) = (several, one) if several_games else (one, several)
    if name in sizes:
        return sizes[name]
    if name in others:
        raise ValueError(f"size {name!r} is for {other}; sizes for {wanted}: {', '.join(sizes)}")
    raise ValueError(
        f"unknown size {name!r}; did you mean {nearest(name, sizes)!r}? sizes: {', '.join(sizes)}"
    )


class Torso(nn.Module):
    """The layers from an observation to the hidden layer `fc1`: how every network here begins.

    `observation_shape` `(4, 84, 84)` builds the three convolutions, `(D,)` a first hidden layer of
    as many units as `fc1` has. `normalization` "layer" gives every hidden layer zero mean and unit
    variance before its ReLU, over all of an example's channels and pixels (Ba et al. 2016). It has
    no parameters, so the count stays the paper's. Raises ValueError for anything else.
    """

    def __init__(
        self, widths: Size, observation_shape: tuple[int, ...], normalization: str = "none"
    ):
        super().__init__()
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"unknown normalization {normalization!r}; expected {' or '.join(NORMALIZATIONS)}"
            )
        self.normalization = normalization
        self.observation_shape = tuple(observation_shape)
        self.pixels = self.observation_shape == (4, 84, 84)
        if self.pixels:
            self.conv1 = nn.Conv2d(4, widths.conv1, 8, stride=4)
            self.conv2 = nn.Conv2d(widths.conv1, widths.conv2, 4, stride=2)
            self.conv3 = nn.Conv2d(widths.conv2, widths.conv3, 3, stride=1)
            self.fc1 = nn.Linear(widths.conv3 * 7 * 7, widths.fc1)
        elif len(self.observation_shape) == 1:
            self.fc0 = nn.Linear(self.observation_shape[0], widths.fc1)
            self.fc1 = nn.Linear(widths.fc1, widths.fc1)
        else:
            raise ValueError(
                f"observations of shape {self.observation_shape} fit no network here; "
                "expected pixels (4, 84, 84) or a vector (D,)"
            )

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw weights from U(-sqrt(6/fan_in), sqrt(6/fan_in)) with `generator`; biases are 0.

        This keeps the size of the signal through the layers (He et al. 2015).
        """
        layers = (m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear))
        for layer in layers:
            bound = (6 / layer.weight[0].numel()) ** 0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()

    def first_features(self, observation: Tensor) -> Tensor:
        """Return the first layer's activations: `[B, C1, 20, 20]` of pixels, else `[B, fc1]`."""
        if not self.pixels:
            return activation(self.fc0(observation.float()), self.normalization)
        # Frames stay 0..255, which bfloat16 holds exactly; the 1/255 goes into the weights,
        # a tensor some hundred times smaller than a minibatch of frames.
        x = channels_last(observation)
        x = F.conv2d(x, self.conv1.weight / 255, self.conv1.bias, stride=4)
        return activation(x, self.normalization)

    def features(self, observation: Tensor) -> Tensor:
        """Return the activations of the hidden layer `fc1`, `[B, fc1]`."""
        x = self.first_features(observation)
        if self.pixels:
            x = activation(self.conv2(x), self.normalization)  # [B, C2, 9, 9]
            x = activation(self.conv3(x), self.normalization).flatten(1)  # [B, C3 * 7 * 7]
        return activation(self.fc1(x), self.normalization)


class QNetwork(Torso):
    """Map observations to one value an action (Mnih et al. 2015; widths from table A1).

    `observation_shape` `(4, 84, 84)` builds the convolutional network, `(D,)` a multilayer
    perceptron with two hidden layers of `fc1` units. Raises ValueError for anything else.
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
        self.num_actions = num_actions
        self.size = size
        self.out = nn.Linear(widths.fc1, num_actions)
        if generator is not None:
            self.reset_parameters(generator)

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`."""
        return in_float32(self.out, self.features(observation))


class MultiGameNetwork(Torso):
    """Map observations of one of several games to one value an action (widths from table A2).

    All games share the torso; each has a controller of its own, chosen by the game's name.
    `num_actions` gives each game's actions, as in `{"freeway": 3, "pong": 6}`; the games must show
    observations of one shape. `for_game` gives one game's part as a network of that game alone.
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
        """Return float32 values `[B, A]`, A being the actions of `game`."""
        return self.controllers[game](self.features(observation))

    def for_game(self, game: str) -> "OneGame":
        """Return the part that plays `game`; raise ValueError if there is none."""
        if game not in self.controllers:
            raise ValueError(f"no controller for {game!r}; games: {', '.join(self.controllers)}")
        return OneGame(self, game)


class Controller(nn.Module):
    """One game's own layers: a hidden layer of 128 units and one value an action (table A2)."""

    def __init__(self, inputs: int, num_actions: int, normalization: str = "none"):
        super().__init__()
        self.normalization = normalization
        self.fc2 = nn.Linear(inputs, CONTROLLER_UNITS)
        self.out = nn.Linear(CONTROLLER_UNITS, num_actions)

    def forward(self, features: Tensor) -> Tensor:
        """Return float32 values `[B, A]` for the torso's features `[B, fc1]`."""
        return in_float32(self.out, activation(self.fc2(features), self.normalization))


class OneGame(nn.Module):
    """One game of a `MultiGameNetwork`, called as a `QNetwork` is; the weights stay shared."""

    def __init__(self, network: MultiGameNetwork, game: str):
        super().__init__()
        self.network = network
        self.game = game

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`."""
        return self.network(observation, self.game)


def network_for(
    num_actions: dict[str, int],
    size: str,
    observation_shape: tuple[int, ...],
    generator: torch.Generator | None = None,
    *,
    normalization: str = "none",
) -> QNetwork | MultiGameNetwork:
    """Return a network for the games of `num_actions`: a `QNetwork` for one, else one for all."""
    if len(num_actions) == 1:
        (count,) = num_actions.values()
        return QNetwork(count, size, observation_shape, generator, normalization=normalization)
    return MultiGameNetwork(
        num_actions, size, observation_shape, generator, normalization=normalization
    )


def activation(x: Tensor, normalization: str) -> Tensor:
    """Return the ReLU of a hidden layer's sums `[B, ...]`, of their layer norm if so asked."""
    return F.relu(F.group_norm(x, 1) if normalization == "layer" else x)


def in_float32(layer: nn.Linear, features: Tensor) -> Tensor:
    """Return `layer(features)` computed in float32, under autocast too: for last layers."""
    with torch.autocast(features.device.type, enabled=False):
        return layer(features.float())


def channels_last(frames: Tensor) -> Tensor:
    """Return uint8 `[B, C, H, W]` as floats laid out `[B, H, W, C]` in memory.

    The weight gradient of the first convolution is four times faster in this layout on a CPU, and
    four strided copies are twice as fast as one permutation. Values stay 0..255.
    """
    device = frames.device
    low = torch.is_autocast_enabled(device.type)
    dtype = torch.get_autocast_dtype(device.type) if low else torch.float32
    layout = torch.channels_last
    x = torch.empty(frames.shape, dtype=dtype, device=device, memory_format=layout)
    for channel in range(frames.shape[1]):
        x[:, channel] = frames[:, channel]
    return x


def parameter_count(network: nn.Module) -> int:
    """Return the number of trainable numbers in `network` (the paper's measure of size)."""
    return sum(parameter.numel() for parameter in network.parameters())
