"""A page on which an agent's network decides in the browser, beside a recorded game.

The page contains the weights, a clip and its observations, and JavaScript that computes the
network's outputs for every frame. It loads nothing, so it can be opened from a folder.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pdlearn import paper
from pdlearn.checkpoints import Agent
from pdlearn.envs import STEPS_PER_SECOND
from pdlearn.files import write_bytes
from pdlearn.games import game_by_name
from pdlearn.networks import parameter_count
from pdlearn.torso import Torso
from pdlearn.web import pages
from pdlearn.web.clips import Clip, pack, pack_array, record_clip

LAYERS = ("conv1", "conv2", "conv3", "fc1", "out")
CLIP_STEPS = 900  # a minute


def export_html(
    agent: Agent, path: str | Path, *, seed: int = 0, agent_steps: int = CLIP_STEPS
) -> Path:
    """Write a page that plays an agent's game and computes its network in the browser.

    The agent plays its Atari game greedily. The page shows the game, and computes from the same
    observations the outputs and the actions, which equal the recorded ones.

    Args:
        agent: for one of the ten games
        path: of the page
        seed: of the game
        agent_steps: after which the clip ends, if the episode does not end before

    Returns:
        the path

    Raises:
        ValueError: for an agent of several games, and for a network other than those of one game
            with three convolutions, without a distribution
    """
    network = _plain(agent.network)
    clip = record_clip(agent.card["size"], agent, epsilon=0.0, seed=seed, agent_steps=agent_steps)
    made = agent.card.get("made", {})
    is_student = made.get("by") in ("distill", "online")
    data = pack(clip) | {
        "title": game_by_name(agent.game).title,
        "kind": "student" if is_student else "teacher",
        "outputs": agent.outputs,
        "frames_seen": pack_array(_frames_seen(clip), "u1"),
        "maps": _active_maps(network, clip),
        "layers": [_layer(name, getattr(network, name)) for name in LAYERS],
        "normalization": network.normalization,
        "parameters": parameter_count(network),
        "mean_score": agent.score.get("mean"),
        "steps_per_second": STEPS_PER_SECOND,
        "temperature": paper.TEMPERATURE,
    }
    write_bytes(path, pages.with_player("export/page.html", data).encode())
    return Path(path)


def _plain(network: nn.Module) -> Torso:
    """Return the network; raise ValueError unless the page can compute it."""
    if isinstance(network, Torso) and network.pixels:
        has_values = isinstance(getattr(network, "out", None), nn.Linear)
        if has_values and getattr(network, "support", None) is None:
            return network
    raise ValueError(
        "expected a network of three convolutions and two linear layers for one game; got a "
        f"{type(network).__name__}"
    )


def _frames_seen(clip: Clip) -> np.ndarray:
    """Return single frames uint8 `[T + 3, 84, 84]`: observation t is the four from t on.

    Raises ValueError if the clip's observations are not such stacks.
    """
    frames = np.concatenate([clip.observations[0], clip.observations[1:, -1]])
    stacks = np.lib.stride_tricks.sliding_window_view(frames, 4, axis=0)  # [T, 84, 84, 4]
    if not np.array_equal(np.moveaxis(stacks, -1, 1), clip.observations):
        raise ValueError(
            "expected observations of consecutive frames; got others: the agent's preprocessing "
            "begins a new stack after a lost life"
        )
    return frames


@torch.no_grad()
def _active_maps(network: Torso, clip: Clip) -> list[int]:
    """Return the first layer's maps that are not zero in all of the clip."""
    batches = torch.from_numpy(clip.observations).to(network.conv1.weight.device).split(128)
    largest = [network.first_features(batch).amax((0, 2, 3)) for batch in batches]  # each [C1]
    return torch.stack(largest).amax(0).nonzero().flatten().tolist()


def _layer(name: str, layer: nn.Conv2d | nn.Linear) -> dict:
    """Return a layer's weights without loss: as float16 if that holds them, else as float32."""
    stride = layer.stride[0] if isinstance(layer, nn.Conv2d) else 0
    packed = {}
    for part in ("weight", "bias"):
        tensor = getattr(layer, part).detach().cpu()
        exact = torch.equal(tensor.half().float(), tensor)
        packed[part] = pack_array(tensor.numpy(), "<f2" if exact else "<f4")
    return {"name": name, "stride": stride, **packed}
