"""Recorded play: an episode's picture, score, actions and values, small enough for a web page.

A clip holds the game's own 210 x 160 pictures as palette indices, one an agent step. The pictures
come from a second copy of the game, started with the same seed and given the same actions.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.rollout import EpsilonGreedy


@dataclass(frozen=True)
class Clip:
    """What an agent did in one episode, or its beginning."""

    name: str
    action_names: tuple[str, ...]
    frames: np.ndarray  # uint8 [T, 210, 160], indices into `palette`
    palette: np.ndarray  # uint8 [K, 3], RGB
    actions: np.ndarray  # int64 [T], taken after frame t
    values: np.ndarray  # float32 [T, A], the network's output at frame t
    scores: np.ndarray  # float32 [T], raw score when frame t was shown
    observations: np.ndarray  # uint8 [T, 4, 84, 84], what the network saw at frame t


def record_clip(
    name: str, agent: Agent, *, epsilon: float = 0.05, seed: int = 0, agent_steps: int = 900
) -> Clip:
    """Play one of the ten games until the episode ends, or for `agent_steps`."""
    device = next(agent.network.parameters()).device
    policy = EpsilonGreedy(agent.network, epsilon, torch.Generator(device).manual_seed(seed))
    agent_env = envs.make(agent.game, 1)
    screen_env = envs.make(agent.game, 1, screen=True)
    rows = []
    score = 0.0
    try:
        observation = agent_env.reset(seed, "show")
        screen = screen_env.reset(seed, "show")
        for _ in range(agent_steps):
            action, q = policy(torch.from_numpy(observation).to(device))
            rows.append((screen[0, 0], int(action), q[0].cpu().numpy(), score, observation[0]))
            outcomes = []
            for env in (agent_env, screen_env):
                env.send(action.cpu().numpy())
                outcomes.append(env.recv())
            outcome, shown = outcomes
            score += float(outcome.reward[0])
            observation, screen = outcome.observation, shown.observation
            if outcome.terminated[0] or outcome.truncated[0]:
                break
    finally:
        agent_env.close()
        screen_env.close()
    pictures, actions, values, scores, observations = map(np.stack, zip(*rows, strict=True))
    frames, palette = _to_palette(pictures)
    return Clip(
        name, agent_env.action_names, frames, palette, actions, values,
        scores.astype(np.float32), observations,
    )  # fmt: skip


def pack(clip: Clip) -> dict:
    """Return what a browser needs of a clip: names, and arrays as `pack_array` gives them."""
    dtypes = {"frames": "u1", "palette": "u1", "actions": "u1", "values": "<f4", "scores": "<f4"}
    arrays = {name: pack_array(getattr(clip, name), dtype) for name, dtype in dtypes.items()}
    return {"name": clip.name, "action_names": list(clip.action_names), **arrays}


def pack_array(array: np.ndarray, dtype: str) -> dict:
    """Return an array as its dtype ("u1" or "<f4"), its shape and its zlib-compressed bytes."""
    raw = np.ascontiguousarray(array, dtype).tobytes()
    return {"dtype": dtype, "shape": list(array.shape), "zlib": zlib.compress(raw, 9)}


def _to_palette(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn RGB `[T, H, W, 3]` into indices `[T, H, W]` and colours `[K, 3]`; at most 256."""
    seen = np.zeros(1 << 24, bool)
    for picture in pictures:  # one at a time: a whole clip as 32-bit numbers is large
        seen[_pack_rgb(picture)] = True
    colours = np.flatnonzero(seen)
    if len(colours) > 256:
        raise ValueError(f"expected at most 256 colours; got {len(colours)}")
    index_of = np.zeros(1 << 24, np.uint8)
    index_of[colours] = np.arange(len(colours))
    indices = np.stack([index_of[_pack_rgb(picture)] for picture in pictures])
    palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    return indices, palette.astype(np.uint8)


def _pack_rgb(picture: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(picture.astype(np.uint32), -1, 0)
    return red << 16 | green << 8 | blue
