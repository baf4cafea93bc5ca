"""Networks that are not one of pdlearn's sizes, by the name of their class.

A file names the class of its network, and loading it runs no code of the file. So the program that
loads it must know the class: it registers it, or passes a network of it.
"""

import json
from typing import TypeVar

import torch
from torch import Tensor, nn

from pdlearn.games import nearest
from pdlearn.networks import parameter_count
from pdlearn.schema import told
from pdlearn.torso import Size, Torso, in_float32

Class = TypeVar("Class", bound=type[nn.Module])
CLASSES: dict[str, type[nn.Module]] = {}


def register_network(kind: Class) -> Class:
    """Let files name this class of networks; a decorator.

    A network is built again as `kind(**network.arguments)`; without the attribute `arguments`, a
    dictionary of JSON values, as `kind()`.

    Args:
        kind: a class of modules from observations to float32 `[B, A]`

    Returns:
        the same class

    Raises:
        ValueError: if another class has that name
    """
    known = CLASSES.setdefault(kind.__name__, kind)
    if known.__qualname__ != kind.__qualname__ or known.__module__ != kind.__module__:
        raise ValueError(
            f"a network {kind.__name__!r} of {known.__module__} is registered; expected another "
            "name"
        )
    CLASSES[kind.__name__] = kind  # a notebook's cell that runs again defines its class again
    return kind


def describe_network(network: nn.Module) -> dict:
    """Return a card's description of a network: its class, arguments and number of parameters.

    Raises ValueError for arguments that are not JSON.
    """
    arguments = getattr(network, "arguments", {})
    try:
        json.dumps(arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{type(network).__name__}.arguments are not JSON ({error}); expected numbers, texts, "
            "lists and dictionaries"
        ) from error
    return {
        "class": type(network).__name__,
        "arguments": arguments,
        "parameters": parameter_count(network),
    }


def build_network(described: dict) -> nn.Module:
    """Return a new network of the class that a card names; see `describe_network`.

    Raises ValueError if none of that name is registered, or if it does not take the arguments.
    """
    name, arguments = str(described.get("class")), described.get("arguments", {})
    if name not in CLASSES:
        raise ValueError(
            f"its network is a {name!r}, which is not registered here; did you mean "
            f"{nearest(name, CLASSES)!r}? Decorate the class with pdlearn.register_network, or "
            "pass a network"
        )
    try:
        return CLASSES[name](**arguments)
    except TypeError as error:
        raise ValueError(f"{name} does not take its card's arguments ({error})") from error


@torch.no_grad()
def refuse_other_outputs(
    network: nn.Module, observation_shape: tuple[int, ...], num_actions: int
) -> None:
    """Raise ValueError unless `network` maps observations `[B, ...]` to `[B, num_actions]`."""
    dtype = torch.uint8 if len(observation_shape) == 3 else torch.float32
    name = type(network).__name__
    device = next((weight.device for weight in network.parameters()), None)
    if device is None:
        raise ValueError(f"{name} has no weights; expected a network that can learn")
    try:
        output = network(torch.zeros(2, *observation_shape, dtype=dtype, device=device))
    except Exception as error:  # the user's code may raise anything
        raise ValueError(
            f"{name} does not take {str(dtype).removeprefix('torch.')} observations "
            f"{list(observation_shape)} ({type(error).__name__}: {told(error)})"
        ) from error
    got = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if got != [2, num_actions]:
        raise ValueError(f"{name} gives {got} for two observations; expected [2, {num_actions}]")


@register_network
class NatureNetwork(Torso):
    """Nature DQN's network with any widths, and with one value or a distribution per action.

    `widths` are the channels of the three convolutions and the hidden units. With `atoms` Z, the
    output layer has A x Z logits; the value of an action is the mean of the `support` `[Z]` under
    their softmax (Bellemare et al. 2017).
    """

    def __init__(self, num_actions: int, widths: list[int], atoms: int = 0):
        size = Size(*widths)
        super().__init__(size, (4, 84, 84))
        self.arguments = {"num_actions": num_actions, "widths": list(widths), "atoms": atoms}
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
