"""Quantiles of each action's return (QR-DQN, Dabney et al. 2018): the network and its loss.

The functions check and reduce as those of `losses` do: a loss is a mean over the batch, and no
gradient flows to the target.
"""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdlearn.losses import are_floats, expect
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


def quantile_target(
    reward_t: Tensor, discount_t: Tensor, target_z_t: Tensor, online_q_t: Tensor | None = None
) -> Tensor:
    """Return `reward + discount * quantile` for each quantile of the best next action.

    The best action has the highest mean of the target network's quantiles. With `online_q_t` it has
    the online network's highest value (double DQN).

    Args:
        reward_t: `[B]`, as in `td_target`
        discount_t: `[B]`, as in `td_target`
        target_z_t: `[B, N, A]`, the target network's N quantiles of the return of each action
        online_q_t: `[B, A]`, the online network's values; None: not double

    Returns:
        targets `[B, N]`, without gradient

    Raises:
        ValueError: for other shapes, and for integer or empty tensors
    """
    values = () if online_q_t is None else (online_q_t,)
    fits = are_floats(reward_t, discount_t, target_z_t, *values) and target_z_t.ndim == 3
    fits = fits and all(each.shape == target_z_t.shape[::2] for each in values)
    fits = fits and reward_t.shape == discount_t.shape == target_z_t.shape[:1]
    wanted = "rewards [B], discounts [B], quantiles [B, N, A] and online values [B, A], floating"
    expect(f"{wanted} point and not empty", fits, reward_t, discount_t, target_z_t, *values)
    value = target_z_t.mean(1) if online_q_t is None else online_q_t
    best = value.argmax(1)  # [B]
    quantiles = target_z_t[torch.arange(len(best), device=best.device), :, best]  # [B, N]
    return (reward_t.unsqueeze(1) + discount_t.unsqueeze(1) * quantiles).detach()


def quantile_loss(
    z_tm1: Tensor, action_tm1: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Return the quantile Huber loss of the chosen actions' quantiles (QR-DQN).

        u_ij = target_j - z_i,   loss = sum over i, mean over j of |tau_i - 1(u_ij < 0)| H(u_ij)

    H is the Huber loss, linear beyond 1, and tau_i = (i + 1/2) / N the middle of the i-th of N
    equal parts of 0..1.

    Source: Dabney et al. 2018, "Distributional reinforcement learning with quantile regression",
    section 4 and algorithm 1.

    Args:
        z_tm1: `[B, N, A]`, the quantiles of each action
        action_tm1: int64 `[B]`
        target: `[B, M]`; no gradient reaches it
        weight: `[B]`, multiplies each transition's loss; None: all are 1

    Returns:
        a scalar, the mean over the batch

    Raises:
        ValueError: for other shapes and types
    """
    fits = are_floats(z_tm1, target) and z_tm1.ndim == 3 and target.ndim == 2
    fits = fits and len(z_tm1) == len(target) and isinstance(action_tm1, Tensor)
    fits = fits and action_tm1.dtype == torch.int64 and action_tm1.shape == z_tm1.shape[:1]
    wanted = "quantiles [B, N, A] and targets [B, M], floating point and not empty, and int64 "
    expect(f"{wanted}actions [B]", fits, z_tm1, action_tm1, target)
    if weight is not None:
        fits = are_floats(weight) and weight.shape == action_tm1.shape
        expect(f"weights {list(action_tm1.shape)}, floating point", fits, weight)
    chosen = z_tm1[torch.arange(len(z_tm1), device=z_tm1.device), :, action_tm1]  # [B, N]
    error = target.detach().unsqueeze(1) - chosen.unsqueeze(2)  # [B, N, M]
    count = chosen.shape[1]
    tau = (torch.arange(count, device=error.device, dtype=error.dtype) + 0.5) / count
    slope = (tau.view(1, -1, 1) - (error < 0).to(error.dtype)).abs()
    huber = F.huber_loss(error, torch.zeros_like(error), reduction="none")
    loss = (slope * huber).mean(2).sum(1)  # [B]
    return (loss if weight is None else weight * loss).mean()
