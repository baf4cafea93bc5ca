"""Checkers of a network's size: its parameters and the multiplications of a decision."""

from collections.abc import Callable
from typing import NamedTuple

from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.networks import SIZES, QNetwork, parameter_count
from pdlearn.torso import Size


class Layer(NamedTuple):
    """A layer: each of its `outputs` is a weighted sum of `inputs`, taken at each of `places`."""

    name: str
    inputs: int
    outputs: int
    places: int

    @property
    def parameters(self) -> int:
        """A weight for each input and output, a bias for each output."""
        return (self.inputs + 1) * self.outputs

    @property
    def multiplications(self) -> int:
        """Every weight is multiplied once at every place."""
        return self.inputs * self.outputs * self.places


def layers(widths: Size, num_actions: int) -> list[Layer]:
    """Return the five layers of a network for one Atari game."""
    return [
        Layer("conv1", 4 * 8 * 8, widths.conv1, 20 * 20),
        Layer("conv2", widths.conv1 * 4 * 4, widths.conv2, 9 * 9),
        Layer("conv3", widths.conv2 * 3 * 3, widths.conv3, 7 * 7),
        Layer("fc1", widths.conv3 * 7 * 7, widths.fc1, 1),
        Layer("out", widths.fc1, num_actions, 1),
    ]


def multiplications(widths: Size, num_actions: int) -> int:
    """Return the number of multiplications of one decision."""
    return sum(layer.multiplications for layer in layers(widths, num_actions))


def count_parameters(widths: Size, num_actions: int) -> int:
    name = next(name for name, size in SIZES.items() if size == widths)
    return parameter_count(QNetwork(num_actions, name))


def _summed(count: Callable[[Layer], int], skip: str = "") -> Callable:
    """Return a function of `(widths, num_actions)`: the sum of `count` over layers but `skip`."""

    def summed(widths, num_actions):
        return sum(count(layer) for layer in layers(widths, num_actions) if layer.name != skip)

    return summed


def _own_inputs(layer: Layer, divisor: dict[str, int]) -> int:
    return layer.inputs // divisor.get(layer.name, 1)


def _at(places: dict[str, int]) -> Callable[[Layer], int]:
    """Return a function that counts a layer's multiplications at other numbers of places."""
    return lambda layer: layer.inputs * layer.outputs * places.get(layer.name, layer.places)


PARAMETER_MISTAKES = [
    Mistake(
        _summed(lambda layer: layer.inputs * layer.outputs),
        "The biases are missing: each output of a layer has one.",
    ),
    Mistake(
        _summed(lambda layer: (_own_inputs(layer, {"fc1": 49}) + 1) * layer.outputs),
        "`fc1` reads all 7 × 7 places of every channel, not one: its inputs are `conv3 * 7 * 7`.",
    ),
    Mistake(
        _summed(lambda layer: (_own_inputs(layer, {"conv1": 4}) + 1) * layer.outputs),
        "An observation has four frames: `conv1` has 4 input channels.",
    ),
    Mistake(
        _summed(
            lambda layer: (
                (_own_inputs(layer, {"conv1": 8, "conv2": 4, "conv3": 3}) + 1) * layer.outputs
            )
        ),
        "A kernel is a square: 8 × 8 numbers for each channel, not 8.",
    ),
    Mistake(
        _summed(lambda layer: layer.parameters, skip="out"),
        "The last layer is missing, from `fc1` to one output per action.",
    ),
    Mistake(
        _summed(lambda layer: layer.parameters * layer.places),
        "A convolution has one set of weights for all its places: count them once.",
    ),
    Mistake(
        lambda widths, num_actions: 4 * count_parameters(widths, num_actions),
        "These are bytes, four per number; count the numbers.",
    ),
    Mistake(
        _summed(lambda layer: layer.inputs * layer.outputs + 1),
        "Each layer has one bias here. Each *output* of a layer has one of its own.",
    ),
    Mistake(
        _summed(lambda layer: layer.inputs * (layer.outputs + 1)),
        "There is a bias for each input here. A bias is added to an output: one for each output.",
    ),
    Mistake(
        _summed(lambda layer: layer.parameters, skip="fc1"),
        "`fc1` is missing, the layer with the most parameters.",
    ),
    Mistake(
        _summed(
            lambda layer: (
                (_own_inputs(layer, {"fc1": 49}) * (84 * 84 if layer.name == "fc1" else 1) + 1)
                * layer.outputs
            )
        ),
        "`fc1` does not read the whole picture: the strides leave 7 × 7 places of 84 × 84.",
    ),
    Mistake(
        _summed(
            lambda layer: (
                (layer.inputs * (3 if layer.name == "conv1" else 4) // 4 + 1) * layer.outputs
                if layer.name == "conv1"
                else layer.parameters
            )
        ),
        "`conv1` has 3 input channels here, as for colours. An observation is four grey frames.",
    ),
    Mistake(
        lambda widths, num_actions: count_parameters(widths, 18),
        "The last layer has 18 outputs here. It has one for each action of the game, "
        "`num_actions`.",
    ),
    Mistake(
        lambda widths, num_actions: count_parameters(widths, num_actions) / 1e6,
        "These are millions; return the number itself.",
    ),
]


def check_parameter_count(function: Callable) -> Verdict:
    """Check a function that counts the parameters of a network.

    Args:
        function: takes the layers' widths, a `networks.Size`, and the number of actions; returns
            the number of weights and biases, as `parameter_count`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(SIZES["net3"], 6), (SIZES["teacher"], 18), (SIZES["net4"], 3)]
    return compare(
        function,
        count_parameters,
        cases,
        PARAMETER_MISTAKES,
        praise="It agrees with `pdlearn.parameter_count`.",
    )


MULTIPLICATION_MISTAKES = [
    Mistake(
        _summed(lambda layer: layer.inputs * layer.outputs),
        "These are the weights. A convolution multiplies with each of its weights at every place: "
        "400, 81 and 49 times.",
    ),
    Mistake(
        _summed(lambda layer: layer.parameters * layer.places),
        "A bias is added, not multiplied: leave the biases out.",
    ),
    Mistake(
        _summed(lambda layer: layer.inputs * layer.outputs * round(layer.places**0.5)),
        "The places are a square too: 20 × 20 of them, not 20.",
    ),
    Mistake(
        _summed(
            lambda layer: (
                layer.inputs
                * layer.outputs
                * {"conv1": 84 * 84, "conv2": 400, "conv3": 81}.get(layer.name, 1)
            )
        ),
        "These are the places of a layer's input. Count those of its output: a stride leaves "
        "fewer.",
    ),
    Mistake(
        _summed(
            lambda layer: (
                layer.inputs * layer.outputs * (49 if layer.name == "fc1" else layer.places)
            )
        ),
        "`fc1` runs once per decision: its inputs include the 49 places already.",
    ),
    Mistake(
        lambda widths, num_actions: 2 * multiplications(widths, num_actions),
        "This counts the additions too; count the multiplications alone.",
    ),
    Mistake(
        _summed(lambda layer: layer.multiplications, skip="out"),
        "The last layer is missing, from `fc1` to one output per action.",
    ),
    Mistake(
        _summed(lambda layer: _own_inputs(layer, {"conv1": 4}) * layer.outputs * layer.places),
        "An observation has four frames: `conv1` multiplies the pixels of all four.",
    ),
    Mistake(
        _summed(
            lambda layer: (
                _own_inputs(layer, {"conv1": 8, "conv2": 4, "conv3": 3})
                * layer.outputs
                * layer.places
            )
        ),
        "A kernel is a square: 8 × 8 numbers for each channel, not 8.",
    ),
    Mistake(
        _summed(lambda layer: _own_inputs(layer, {"fc1": 49}) * layer.outputs * layer.places),
        "`fc1` reads all 7 × 7 places of every channel, not one: its inputs are `conv3 * 7 * 7`.",
    ),
    Mistake(
        _summed(_at({"conv1": 77 * 77, "conv2": 17 * 17})),
        "The strides are left out: with a stride of 4, a kernel of 8 has 20 × 20 places on "
        "84 × 84, and with a stride of 2, one of 4 has 9 × 9 on those.",
    ),
    Mistake(
        _summed(_at({"conv1": 21 * 21, "conv2": 11 * 11, "conv3": 11 * 11})),
        "This divides the picture's side by the stride, as if there were padding. A kernel of 8 at "
        "a stride of 4 fits 20 times into 84.",
    ),
    Mistake(
        lambda widths, num_actions: multiplications(widths, num_actions) / 1e6,
        "These are millions; return the number itself.",
    ),
]


def check_multiplications(function: Callable) -> Verdict:
    """Check a function that counts the multiplications of a decision.

    Args:
        function: takes the layers' widths, a `networks.Size`, and the number of actions; returns
            the number of multiplications with a weight in one forward pass of one state

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(SIZES["net3"], 6), (SIZES["teacher"], 18), (SIZES["net4"], 3)]
    return compare(
        function,
        multiplications,
        cases,
        MULTIPLICATION_MISTAKES,
        praise="It is the number of multiplications of a decision.",
    )
