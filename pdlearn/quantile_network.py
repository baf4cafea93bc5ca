"""The network that learns quantiles of each action's return, and the network of their means."""

from typing import Annotated

import torch
from torch import Tensor, nn

from pdlearn.networks import QNetwork
from pdlearn.schema import Range, checked
from pdlearn.torso import in_float32


class QuantileNetwork(QNetwork):
    """A `QNetwork` that learns N quantiles of each action's return (QR-DQN, Dabney et al. 2018).

    An action's value is the mean of its quantiles. This mean is linear in the hidden layer, so that
    `collapsed` returns a `QNetwork` with the same values.

    Args:
        num_actions: as in `QNetwork`
        size: as in `QNetwork`
        observation_shape: as in `QNetwork`
        generator: as in `QNetwork`
        normalization: as in `QNetwork`
        quantiles: N, at least 1

    Raises:
        ValueError: as `QNetwork` does, and for a number of quantiles out of range
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


def mean_over_quantiles(outputs: Tensor, num_actions: int) -> Tensor:
    """Return `[A, ...]`, the means over N quantiles of the rows `[N * A, ...]` of a last layer.

    The rows are those of the first quantile of every action, then of the second, and so on. The
    mean of the layer's outputs equals the output of this layer.
    """
    return outputs.view(-1, num_actions, *outputs.shape[1:]).mean(0)
