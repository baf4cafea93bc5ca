"""The optimisers of the presets, and their state as named tensors."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class CentredRMSprop(torch.optim.Optimizer):
    """The RMSProp of Nature DQN, with `epsilon` inside the root (Mnih et al. 2015).

    The step is g / sqrt(E[g^2] - E[g]^2 + epsilon). torch's RMSprop adds epsilon outside the root.
    """

    def __init__(self, parameters: Iterable, lr: float, epsilon: float, decay: float = 0.95):
        super().__init__(parameters, dict(lr=lr, epsilon=epsilon, decay=decay))

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update the parameters; return the loss of `closure`, or None without one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            decay = group["decay"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["mean"] = torch.zeros_like(parameter)
                    state["square"] = torch.zeros_like(parameter)
                gradient, mean, square = parameter.grad, state["mean"], state["square"]
                mean.lerp_(gradient, 1 - decay)
                square.mul_(decay).addcmul_(gradient, gradient, value=1 - decay)
                # Rounding can make the variance of a constant gradient negative.
                variance = (square - mean * mean).clamp_(min=0)
                root = variance.add_(group["epsilon"]).sqrt_()
                parameter.addcdiv_(gradient, root, value=-group["lr"])
        return loss


def make_optimizer(
    name: str, network: nn.Module, learning_rate: float, epsilon: float
) -> torch.optim.Optimizer:
    """Return the optimiser called `name`, adam (fused) or rmsprop; ValueError for another."""
    if name == "adam":
        return torch.optim.Adam(network.parameters(), lr=learning_rate, eps=epsilon, fused=True)
    if name == "rmsprop":
        return CentredRMSprop(network.parameters(), lr=learning_rate, epsilon=epsilon)
    raise ValueError(f"unknown optimizer {name!r}; expected adam or rmsprop")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's moments as named tensors, to be saved in a file."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": tensor
        for index, moments in state.items()
        for name, tensor in moments.items()
    }


def moment_template(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return zeros of the names, types and shapes of `optimizer_tensors` after the first steps."""
    adam = isinstance(optimizer, torch.optim.Adam)
    names = ("exp_avg", "exp_avg_sq") if adam else ("mean", "square")
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    moments = {
        f"optimizer.{index}.{name}": torch.zeros_like(weight)
        for index, weight in enumerate(weights)
        for name in names
    }
    steps = {f"optimizer.{index}.step": torch.zeros(()) for index in range(len(weights))}
    return moments | steps if adam else moments


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the moments that `optimizer_tensors` returned; ignore all other tensors."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
