"""The networks of the paper: for one game (table A1) or for several games (table A2).

Observations are uint8 `[B, 4, 84, 84]` for pixels or float32 `[B, D]` for vectors. The network
scales them: the factor 1/255 is folded into the first convolution's weights. The output is float32
`[B, A]`: Q-values of a teacher or of a student of `mse_loss`, logits of any other student.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdlearn.games import nearest
from pdlearn.schema import Name, Range, checked, shown

PIXELS = (4, 84, 84)  # the shape of an observation of a game's pictures, oldest frame first
MOST_ACTIONS = 256  # files keep an action as one byte
LONGEST_VECTOR = 65_536
Actions = Annotated[int, Range(1, MOST_ACTIONS)]


@dataclass(frozen=True)
class Size:
    """The widths of a network: channels of three convolutions and units of one hidden layer."""

    conv1: int
    conv2: int
    conv3: int
    fc1: int


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
NORMALIZATIONS = ("none", "layer")


def size_by_name(name: str, several_games: bool = False) -> Size:
    """Return the widths called `name` of a network for one game or for several.

    Raises ValueError for an unknown name, with the most similar one, and for a size of a network
    for one game if there are several, or the reverse.
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


class Torso(nn.Module):
    """The layers from an observation to the hidden layer `fc1`, shared by all networks here.

    `observation_shape` `(4, 84, 84)` builds three convolutions; `(D,)` builds a first hidden layer
    with as many units as `fc1`. `normalization` "layer" normalises every hidden layer before its
    ReLU to zero mean and unit variance over all channels and pixels of an example (Ba et al. 2016).
    It has no parameters, so the parameter count equals the paper's. Raises ValueError for another
    shape or normalisation.
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
        self.observation_shape = checked(
            observation_shape, tuple[Annotated[int, Range(1, LONGEST_VECTOR)], ...], "the shape"
        )
        self.pixels = self.observation_shape == PIXELS
        self.takes_blends = False  # see `blends`
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

        This keeps the scale of the activations from layer to layer (He et al. 2015).
        """
        layers = (m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear))
        for layer in layers:
            bound = (6 / layer.weight[0].numel()) ** 0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()

    def refuse_other(self, observation: Tensor) -> None:
        """Raise ValueError unless these are observations `[B, ...]` that the network can take."""
        if isinstance(observation, Tensor):
            dtype = observation.dtype
            fits = dtype == torch.uint8 if self.pixels else dtype.is_floating_point
            fits = fits or (self.takes_blends and dtype.is_floating_point)
            if fits and observation.shape[1:] == self.observation_shape:
                return
            got = f"{dtype} {list(observation.shape)}".removeprefix("torch.")
        else:
            got = shown(observation)
        kind = "uint8" if self.pixels else "floating point"
        raise ValueError(
            f"expected observations as {kind} [B, {', '.join(map(str, self.observation_shape))}]; "
            f"got {got}"
        )

    def first_features(self, observation: Tensor) -> Tensor:
        """Return the first layer's activations: `[B, C1, 20, 20]` of pixels, else `[B, fc1]`."""
        self.refuse_other(observation)
        if not self.pixels:
            return activation(self.fc0(observation.float()), self.normalization)
        # bfloat16 represents 0..255 exactly. Scaling the weights instead of the frames is cheaper:
        # they are about a hundred times smaller than a minibatch of frames.
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
    """Map observations to one value per action (Mnih et al. 2015; widths from table A1).

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
        self.num_actions = checked(num_actions, Actions, "num_actions")
        self.size = size
        self.out = nn.Linear(widths.fc1, num_actions)
        if generator is not None:
            self.reset_parameters(generator)

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`."""
        return in_float32(self.out, self.features(observation))


class QuantileNetwork(QNetwork):
    """A `QNetwork` that learns N quantiles of each action's return (QR-DQN, Dabney et al. 2018).

    An action's value is the mean of its quantiles. This mean is linear in the hidden layer, so that
    `collapsed` returns a `QNetwork` with the same values.
    """

    def __init__(
        self,
        num_actions: int,
        size: str = "teacher",
        observation_shape: tuple[int, ...] = (4, 84, 84),
        generator: torch.Generator | None = None,
        *,
        normalization: str = "none",
        quantiles: int,
    ):
        super().__init__(num_actions, size, observation_shape, normalization=normalization)
        outputs = num_actions * checked(quantiles, Annotated[int, Range(1)], "quantiles")
        self.out = nn.Linear(self.out.in_features, outputs)
        if generator is not None:
            self.reset_parameters(generator)

    def quantiles(self, observation: Tensor) -> Tensor:
        """Return the float32 quantiles `[B, N, A]`, not sorted."""
        outputs = in_float32(self.out, self.features(observation))
        return outputs.view(len(outputs), -1, self.num_actions)

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`, the means of the quantiles."""
        return self.quantiles(observation).mean(1)

    def collapsed(self) -> QNetwork:
        """Return a network with a copy of the weights, whose last layer has the means."""
        with torch.device("meta"):  # no memory and no random numbers for weights to be replaced
            network = QNetwork(
                self.num_actions, self.size, self.observation_shape,
                normalization=self.normalization,
            )  # fmt: skip
        weights = {name: tensor.clone() for name, tensor in self.state_dict().items()}
        for name in ("out.weight", "out.bias"):
            weights[name] = mean_over_quantiles(weights[name], self.num_actions)
        network.load_state_dict(weights, assign=True)
        return network


class MultiGameNetwork(Torso):
    """Map observations of one of several games to one value per action (widths from table A2).

    All games share the torso. Each game has its own controller, selected by the game's name.
    `num_actions` is the number of actions by game, as in `{"freeway": 3, "pong": 6}`. The games
    must have observations of one shape. `for_game` returns one game's part, which is called like a
    `QNetwork`.
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
        """Return float32 values `[B, A]` for observations of `game`, which has A actions."""
        return self._controller(game)(self.features(observation))

    def for_game(self, game: str) -> "OneGame":
        """Return the network for `game` alone; raise ValueError if it has no controller."""
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


def device_of(name: torch.device | str) -> torch.device:
    """Return the device of that name; raise ValueError if this machine has none."""
    try:
        if isinstance(name, str | torch.device):
            return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):  # what torch raises depends on how it was built
        pass
    raise ValueError(f"expected a device of this machine, as cpu; got {shown(name)}")


@contextmanager
def blends(network: nn.Module) -> Iterator[None]:
    """Let `network` take pictures as floats from 0 to 255 inside a `with` block.

    Blends of two pictures are such floats. Elsewhere floats are refused, because they are usually
    pictures that were scaled already.
    """
    torsos = [module for module in network.modules() if isinstance(module, Torso)]
    for torso in torsos:
        torso.takes_blends = True
    try:
        yield
    finally:
        for torso in torsos:
            torso.takes_blends = False


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


def activation(x: Tensor, normalization: str) -> Tensor:
    """Return the ReLU of `x` `[B, ...]`; `normalization` "layer" applies layer norm first."""
    return F.relu(F.group_norm(x, 1) if normalization == "layer" else x)


def in_float32(layer: nn.Linear, features: Tensor) -> Tensor:
    """Return `layer(features)` in float32, also under autocast; used for output layers."""
    with torch.autocast(features.device.type, enabled=False):
        return layer(features.float())


def mean_over_quantiles(outputs: Tensor, num_actions: int) -> Tensor:
    """Return `[A, ...]`, the means over N quantiles of the rows `[N * A, ...]` of a last layer.

    The rows are those of the first quantile of every action, then of the second, and so on. The
    mean of the layer's outputs equals the output of this layer.
    """
    return outputs.view(-1, num_actions, *outputs.shape[1:]).mean(0)


def channels_last(frames: Tensor) -> Tensor:
    """Return uint8 `[B, C, H, W]` as floats in channels-last memory layout, values 0..255.

    On a CPU the weight gradient of the first convolution is four times faster in this layout. One
    strided copy per channel is twice as fast as one permutation.
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
    """Return the number of trainable parameters, the paper's measure of a network's size."""
    return sum(parameter.numel() for parameter in network.parameters())
