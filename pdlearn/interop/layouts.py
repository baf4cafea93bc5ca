"""Recognise a network by the names and shapes of its tensors.

Each library names the five layers of Nature DQN's network in its own way. A file is recognised if
it has all the names of a layout, and none that the layout does not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from pdlearn.games import FULL_ACTIONS, GAMES
from pdlearn.networks import SIZES, QNetwork
from pdlearn.quantiles import mean_over_quantiles
from pdlearn.registry import NatureNetwork
from pdlearn.tensor_files import CheckpointError, unwrapped
from pdlearn.torso import Size

OURS = ("conv1", "conv2", "conv3", "fc1", "out")
EXPECTED = (
    "Nature DQN's network with the names of SB3 (DQN, QR-DQN, PPO, A2C), CleanRL (DQN, C51), "
    "PFRL, atari-agents or pdlearn"
)
SB3_QUANTILES = 200  # sb3-contrib's default
MAX_NUMBERS = 2**24  # of a tensor; the largest layer of Nature DQN's network has 1.6 million


@dataclass(frozen=True)
class Layout:
    """How a library names the five layers, and what its last layer puts out."""

    maker: str
    layers: tuple[str, ...]  # the three convolutions, the hidden layer, the last layer
    profile: str
    head: str = "values"  # or "quantiles", "distribution", "policy"
    support: str | None = None  # the name of a distribution's support
    ignored: tuple[str, ...] = ()  # beginnings of the names of tensors that are not needed


def _sb3(prefix: str, last: str) -> tuple[str, ...]:
    torso = ("features_extractor.cnn.0", "features_extractor.cnn.2", "features_extractor.cnn.4")
    hidden = "features_extractor.linear.0"
    return (*(prefix + name for name in (*torso, hidden)), last)


CLEANRL = ("network.0", "network.2", "network.4", "network.7", "network.9")
ATARI_AGENTS = (
    *(f"_AtariNet__features.{number}" for number in (0, 2, 4)),
    "_AtariNet__head.0", "_AtariNet__head.2",
)  # fmt: skip
UNUSED_BY_PI = ("features_extractor.", "vf_features_extractor.", "value_net.")

LAYOUTS = (
    Layout("Stable-Baselines3 DQN", _sb3("q_net.", "q_net.q_net.0"), "sb3",
           ignored=("q_net_target.",)),
    Layout("SB3-contrib QR-DQN", _sb3("quantile_net.", "quantile_net.quantile_net.0"), "sb3",
           head="quantiles", ignored=("quantile_net_target.",)),
    Layout("Stable-Baselines3 PPO or A2C", _sb3("pi_", "action_net"), "sb3",
           head="policy", ignored=UNUSED_BY_PI),
    Layout("Stable-Baselines3 PPO or A2C", _sb3("", "action_net"), "sb3",
           head="policy", ignored=("value_net.",)),
    Layout("CleanRL C51", CLEANRL, "cleanrl", head="distribution", support="atoms"),
    Layout("CleanRL DQN", CLEANRL, "cleanrl"),
    Layout("atari-agents C51", ATARI_AGENTS, "atari-agents-classic", head="distribution",
           support="_AtariNet__support"),
    Layout("atari-agents DQN", ATARI_AGENTS, "atari-agents"),
    Layout("PFRL DQN", ("0.layers.0", "0.layers.1", "0.layers.2", "0.output", "1"), "pfrl"),
    Layout("Stable-Baselines3's network alone", _sb3("", "q_net.0"), "sb3"),
    Layout("pdlearn's network alone", OURS, "pdlearn"),
)  # fmt: skip


def _has(part: str) -> Callable[[dict[str, Tensor]], bool]:
    return lambda tensors: any(part in name for name in tensors)


# Known networks that are not Nature DQN's, as a test and what they are; the first that fits.
OTHERS: tuple[tuple[Callable[[dict[str, Tensor]], bool], str], ...] = (
    (_has("Online/Conv"), "Dopamine's network for TensorFlow: HWC, with padding SAME"),
    (_has("Conv_0"), "a JAX (Flax) network: HWC (height, width, channels)"),
    (
        lambda tensors: any(t.ndim == 4 and t.shape[:2] == (8, 8) for t in tensors.values()),
        "a network with HWC kernels (height, width, channels), as JAX and TensorFlow have",
    ),
    (
        lambda tensors: any(
            t.ndim == 2 and 64 * 11 * 11 in t.shape for t in tensors.values()
        ),
        "a network with padding SAME (7,744 inputs of the hidden layer), as Dopamine has",
    ),
    (_has("weight_sigma"), "a network with noisy layers, such as Kaixhin's Rainbow"),
    (_has("lstm"), "a recurrent network"),
    (_has("advantage"), "a dueling network"),
    (_has("net.0.0."), "a Tianshou network, which may have been trained on pixels of 0 to 255"),
    (_has("network.13."), "CleanRL's PQN, which has layer normalisation with parameters"),
    (_has("critic.qf0"), "an agent for continuous actions"),
    (_has("actor.mu"), "an agent for continuous actions"),
    (_has("log_std"), "an agent for continuous actions"),
    (
        lambda tensors: any(name.startswith("actor.") for name in tensors),
        "an actor and critic whose layers have other names than SB3's",
    ),
    (_has("mlp_extractor."), "an SB3 policy with hidden layers after the convolutions"),
    (
        lambda tensors: all(t.ndim < 3 for t in tensors.values()),
        "a network without convolutions, for vectors",
    ),
    (_has("q_net.q_net.2"), "an SB3 DQN with hidden layers after the convolutions"),
)  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """A network that was recognised in a file."""

    layout: Layout
    network: nn.Module
    num_actions: int


def recognise(tensors: dict[str, Tensor], actions: int | None, game: str | None) -> Recognised:
    """Return the network that `tensors` are, with its weights.

    `actions` is the number of actions that the file states, None if it states none; `game` helps
    to tell quantiles from actions. Raises CheckpointError without the file's path.
    """
    tensors = unwrapped(tensors)
    layout = _layout_of(tensors)
    layers = []
    for stem in layout.layers:
        weight, bias = (_plain(f"{stem}.{part}", tensors) for part in ("weight", "bias"))
        layers.append((weight, bias))
    widths = _widths_of(layout, layers)
    weight, bias = layers[-1]
    support = None
    if layout.support is not None:
        support = _plain(layout.support, tensors).flatten()
        num_actions, rest = divmod(len(weight), len(support))
        if rest:
            raise CheckpointError(
                f"{layout.maker} with {len(weight)} outputs and {len(support)} atoms; expected a "
                "multiple of the atoms"
            )
    elif layout.head == "quantiles":
        num_actions = _actions_of_quantiles(len(weight), actions, game)
        weight, bias = (mean_over_quantiles(each, num_actions) for each in (weight, bias))
    else:
        num_actions = len(weight)
    network = _network(widths, num_actions, support)
    parts = dict(zip(OURS, [*layers[:-1], (weight, bias)], strict=True))
    state = {f"{name}.weight": pair[0] for name, pair in parts.items()}
    state |= {f"{name}.bias": pair[1] for name, pair in parts.items()}
    network.load_state_dict(state if support is None else state | {"support": support})
    return Recognised(layout, network.requires_grad_(False), num_actions)


def _layout_of(tensors: dict[str, Tensor]) -> Layout:
    names = set(tensors)
    for layout in LAYOUTS:
        wanted = {f"{stem}.{part}" for stem in layout.layers for part in ("weight", "bias")}
        if layout.support is not None:
            wanted.add(layout.support)
        strange = {name for name in names - wanted if not name.startswith(layout.ignored)}
        if wanted <= names and not strange:
            return layout
    what = next((what for test, what in OTHERS if test(tensors)), None)
    some = ", ".join(sorted(names)[:3])
    found = what or f"tensors named {some}, … ({len(names)} in all)"
    raise CheckpointError(f"{found}; expected {EXPECTED}")


def _plain(name: str, tensors: dict[str, Tensor]) -> Tensor:
    """Return a tensor as float32; raise CheckpointError unless it is dense, real and finite."""
    tensor = tensors[name]
    if tensor.layout != torch.strided or not tensor.is_floating_point():
        raise CheckpointError(f"{name} is {tensor.dtype}, {tensor.layout}; expected dense floats")
    if prod(tensor.shape) > MAX_NUMBERS:
        raise CheckpointError(f"{name} has shape {tuple(tensor.shape)}; expected a layer's")
    tensor = tensor.float().contiguous()
    if not tensor.isfinite().all():
        raise CheckpointError(f"{name} holds numbers that are not finite; expected weights")
    return tensor


def _widths_of(layout: Layout, layers: list[tuple[Tensor, Tensor]]) -> Size:
    """Return the widths of the layers; raise CheckpointError if they are not Nature DQN's."""
    c1, c2, c3, hidden, last = (len(bias) if bias.ndim == 1 else 0 for _, bias in layers)
    shapes = [(c1, 4, 8, 8), (c2, c1, 4, 4), (c3, c2, 3, 3), (hidden, c3 * 49), (last, hidden)]
    for stem, (weight, _), shape in zip(layout.layers, layers, shapes, strict=True):
        if tuple(weight.shape) != shape:
            raise CheckpointError(
                f"{layout.maker} whose {stem} has shape {tuple(weight.shape)}; expected {shape}, "
                "for observations of (4, 84, 84) without padding"
            )
    return Size(c1, c2, c3, hidden)


def _actions_of_quantiles(outputs: int, actions: int | None, game: str | None) -> int:
    if actions is None:
        counts = [GAMES[game].num_actions, len(FULL_ACTIONS)] if game in GAMES else []
        fitting = [count for count in counts if outputs == SB3_QUANTILES * count]
        actions = fitting[0] if fitting else -(-outputs // SB3_QUANTILES)
    if actions <= 0 or outputs % actions:
        raise CheckpointError(
            f"a QR-DQN with {outputs} outputs and {actions} actions; expected a multiple of them"
        )
    return actions


def _network(widths: Size, num_actions: int, support: Tensor | None) -> nn.Module:
    named = next((name for name, size in SIZES.items() if size == widths), None)
    if support is None and named is not None:
        return QNetwork(num_actions, named)
    w = widths
    atoms = 0 if support is None else len(support)
    return NatureNetwork(num_actions, [w.conv1, w.conv2, w.conv3, w.fc1], atoms)
