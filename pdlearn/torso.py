"""The layers that all networks here share: from an observation to the hidden layer `fc1`.

Observations are uint8 `[B, 4, 84, 84]` for pixels or float32 `[B, D]` for vectors. The layers
scale them: the factor 1/255 is folded into the first convolution's weights.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdlearn.schema import Range, checked, shown

PIXELS = (4, 84, 84)  # the shape of an observation of a game's pictures, oldest frame first
LONGEST_VECTOR = 65_536
NORMALIZATIONS = ("none", "layer")


@dataclass(frozen=True)
class Size:
    """The widths of a network: channels of three convolutions and units of one hidden layer."""

    conv1: int
    conv2: int
    conv3: int
    fc1: int


class Torso(nn.Module):
    """The layers from an observation to the hidden layer `fc1`, shared by all networks here.

    Args:
        widths: channels of the convolutions and units of the hidden layer
        observation_shape: `(4, 84, 84)` builds three convolutions; `(D,)` builds a first hidden
            layer with as many units as `fc1`
        normalization: "layer" normalises every hidden layer before its ReLU to zero mean and unit
            variance over all channels and pixels of an example (Ba et al. 2016); it has no
            parameters, so the parameter count equals the paper's

    Raises:
        ValueError: for another shape or normalisation
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


def activation(x: Tensor, normalization: str) -> Tensor:
    """Return the ReLU of `x` `[B, ...]`; `normalization` "layer" applies layer norm first."""
    return F.relu(F.group_norm(x, 1) if normalization == "layer" else x)


def in_float32(layer: nn.Linear, features: Tensor) -> Tensor:
    """Return `layer(features)` in float32, also under autocast; used for output layers."""
    with torch.autocast(features.device.type, enabled=False):
        return layer(features.float())


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
