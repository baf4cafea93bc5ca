"""The networks of the paper: one Q-network a game, in four sizes (tables A1 and A2).

Convention: an observation is what an environment shows, uint8 `[B, 4, 84, 84]` for pixels or
float32 `[B, D]` for vectors; scaling happens inside the network. The output is float32 `[B, A]`:
Q-values for a teacher or a student of `mse_loss`, logits for a student of `kl_loss` or `nll_loss`.
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
}


def size_by_name(name: str) -> Size:
    """Return the widths called `name`; raise ValueError with the nearest right name otherwise."""
    if name in SIZES:
        return SIZES[name]
    raise ValueError(
        f"unknown size {name!r}; did you mean {nearest(name, SIZES)!r}? sizes: {', '.join(SIZES)}"
    )


class QNetwork(nn.Module):
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
    ):
        super().__init__()
        widths = size_by_name(size)
        self.num_actions = num_actions
        self.size = size
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
        self.out = nn.Linear(widths.fc1, num_actions)
        if generator is not None:
            self.reset_parameters(generator)

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Draw weights from U(-sqrt(6/fan_in), sqrt(6/fan_in)) with `generator`; biases are 0.

        This keeps the signal of a small ball alive through all layers (He et al. 2015); with the
        narrower U(-1/sqrt(fan_in), 1/sqrt(fan_in)) a net3 hardly begins to learn Pong.
        """
        for layer in self.children():
            bound = (6 / layer.weight[0].numel()) ** 0.5
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.zero_()

    def features(self, observation: Tensor) -> Tensor:
        """Return the last hidden layer's activations `[B, fc1]`."""
        if self.pixels:
            # Frames stay 0..255, which bfloat16 holds exactly; the 1/255 goes into the weights,
            # a tensor some hundred times smaller than a minibatch of frames.
            x = channels_last(observation)
            x = F.relu(F.conv2d(x, self.conv1.weight / 255, self.conv1.bias, stride=4))
            x = F.relu(self.conv2(x))  # [B, C2, 9, 9]
            x = F.relu(self.conv3(x)).flatten(1)  # [B, C3 * 7 * 7]
        else:
            x = F.relu(self.fc0(observation.float()))
        return F.relu(self.fc1(x))

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`; the last layer is always computed in float32."""
        features = self.features(observation).float()
        with torch.autocast(observation.device.type, enabled=False):
            return self.out(features)


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
