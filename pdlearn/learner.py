"""The base of all learners: a network, its optimiser, and one `update` per minibatch."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pdlearn import ranks
from pdlearn.hardware import learning_dtype
from pdlearn.optimizers import (
    load_optimizer_tensors,
    make_optimizer,
    moment_template,
    optimizer_tensors,
)
from pdlearn.presets import TrainingConfig


class NotFiniteError(ValueError):
    """Learning has diverged: a loss or a weight is infinite or NaN."""


class Learner:
    """A network with its optimiser; subclasses define the loss.

    `precision` is float32, bfloat16 (autocast), or auto, which times both on the first minibatch.
    Raises ValueError for another precision and for a learning rate of None.
    """

    config: TrainingConfig

    def __init__(self, config: TrainingConfig, network: nn.Module, precision: str = "float32"):
        if precision not in ("auto", "float32", "bfloat16"):
            raise ValueError(f"unknown precision {precision!r}; expected auto, float32 or bfloat16")
        if config.learning_rate is None:
            raise ValueError("expected a learning rate; got None, which `settled` replaces")
        self.config = config
        self.network = network
        self.precision = precision
        self.first_learning_rate = config.learning_rate
        self.optimizer = make_optimizer(
            config.optimizer, network, self.first_learning_rate, config.optimizer_epsilon
        )
        self.updates = 0
        self.losses: list[Tensor] = []  # scalars on the device, since `mean_loss` was last called

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def loss(self, *batch: Any) -> Tensor:
        """Return the loss of a minibatch, a scalar."""
        raise NotImplementedError

    def learning_rate(self) -> float:
        """Return the learning rate of the next update."""
        return self.first_learning_rate

    def update(self, *batch: Any) -> Tensor:
        """Take one optimiser step on `loss(*batch)`, keep and return the loss, still on the device.

        Parameters that the loss does not depend on have no gradient; the optimiser skips them and
        their momentum.
        """
        if self.precision == "auto":
            dtype = learning_dtype(self.device, lambda: self.loss(*batch).backward())
            self.precision = ranks.of_first(str(dtype).removeprefix("torch."))
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        low = self.precision == "bfloat16"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low):
            loss = self.loss(*batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        ranks.average_gradients(self.network)
        self.limit_gradient()
        self.optimizer.step()
        self.updates += 1
        self.losses.append(loss.detach())
        return self.losses[-1]

    def mean_loss(self) -> float:
        """Return the mean loss of the updates since the last call; NaN without any.

        Raises NotFiniteError with the number and learning rate of the first update whose loss was
        infinite or NaN. Losses are not looked at earlier, because that would wait for a GPU.
        """
        if not self.losses:
            return math.nan
        losses = torch.stack(self.losses)
        self.losses.clear()
        finite = losses.isfinite().tolist()
        if not all(finite):
            newest = self.updates
            update = newest - len(finite) + finite.index(False) + 1
            self.updates = update - 1  # `learning_rate` is that of the next update
            rate = self.learning_rate()
            self.updates = newest
            raise NotFiniteError(
                f"the loss of update {update} is {losses[finite.index(False)].item()}, at a "
                f"learning rate of {rate:g}; expected finite losses, for which a lower learning "
                "rate often suffices"
            )
        return losses.mean().item()

    def limit_gradient(self) -> None:
        """Change the gradient before the optimiser's step; the base class does not change it."""

    def acting(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Return `network`, this learner's or a part of it, computed in the learner's precision.

        The precision `auto` means float32 here.
        """

        def values(observation: Tensor) -> Tensor:
            low = self.precision == "bfloat16"
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=low):
                return network(observation)

        return values

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights and the optimiser's moments, which a resumed run needs."""
        weights = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        return weights | optimizer_tensors(self.optimizer)

    def moments(self) -> dict[str, Tensor]:
        """Return what `state_dict` has of the optimiser after every weight was moved, as zeros."""
        return moment_template(self.optimizer)

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Load what `state_dict` returned."""
        load_part(self.network, "network.", tensors)
        load_optimizer_tensors(self.optimizer, tensors)


def load_part(network: nn.Module, prefix: str, tensors: dict[str, Tensor]) -> None:
    """Load into `network` the tensors whose names begin with `prefix`."""
    part = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    network.load_state_dict(part)
