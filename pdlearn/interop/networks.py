"""The network that a foreign file holds, where none of pdlearn's own sizes is the same."""

import torch
from torch import Tensor, nn

from pdlearn.networks import Size, Torso, in_float32


class NatureNetwork(Torso):
    """Nature DQN's network with any widths, and with one value or a distribution per action.

    `widths` are the channels of the three convolutions and the hidden units. With `atoms` Z, the
    output layer has A x Z logits; the value of an action is the mean of the `support` `[Z]` under
    their softmax (Bellemare et al. 2017).
    """

    def __init__(self, num_actions: int, widths: list[int], atoms: int = 0):
        size = Size(*widths)
        super().__init__(size, (4, 84, 84))
        self.num_actions = num_actions
        self.out = nn.Linear(size.fc1, num_actions * max(atoms, 1))
        self.support: Tensor | None
        self.register_buffer("support", torch.zeros(atoms) if atoms else None)

    def forward(self, observation: Tensor) -> Tensor:
        """Return float32 values `[B, A]`."""
        outputs = in_float32(self.out, self.features(observation))
        if self.support is None:
            return outputs
        logits = outputs.view(len(outputs), self.num_actions, -1)  # [B, A, Z]
        return logits.softmax(2) @ self.support
