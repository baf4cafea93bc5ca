"""Clips: the pictures, scores, actions and values of an episode, small enough for a web page.

A clip holds the game's own 210 x 160 pictures as palette indices, one per agent step. They come
from a second copy of the game, which is started with the same seed and given the same actions.
"""

import zlib
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from pdlearn.checkpoints import Agent
from pdlearn.envs.console import Colours
from pdlearn.rollout import EpsilonGreedy, Scripted, steps


@dataclass(frozen=True)
class Clip:
    """One episode of an agent, or the beginning of one."""

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
    """Play one of the ten games until the episode ends, or for a number of steps.

    Args:
        name: the clip's, for its reader
        agent: for one Atari game
        epsilon: probability of a random action
        seed: of the game and the exploration
        agent_steps: after which the clip ends, if the episode does not end before

    Returns:
        pictures, actions, values, scores and observations of each step
    """
    policy = EpsilonGreedy(agent.network, epsilon, torch.Generator(agent.device).manual_seed(seed))
    env = agent.environment(1)
    rows = []
    score = 0.0
    with closing(steps(env, policy, seed, "show")) as play:
        for step in islice(play, agent_steps):
            observation, q = step.observation[0].cpu().numpy(), step.q[0].cpu().numpy()
            rows.append((int(step.action), q, score, observation))
            score += float(step.reward[0])
            if step.terminated[0] or step.truncated[0]:
                break
    actions, values, scores, observations = map(np.stack, zip(*rows, strict=True))
    colours = Colours()
    screen = agent.environment(1, screen=True)
    with closing(steps(screen, Scripted(actions, env.num_actions), seed, "show")) as play:
        frames = [colours.index(step.observation[0, 0].numpy()) for step in islice(play, len(rows))]
    return Clip(
        name, env.action_names, np.stack(frames), colours.palette, actions, values,
        scores.astype(np.float32), observations,
    )  # fmt: skip


def pack(clip: Clip) -> dict:
    """Return a clip as `player.js` reads it: names, and arrays as `pack_array` returns them."""
    return {
        "name": clip.name,
        "action_names": list(clip.action_names),
        "frames": pack_array(clip.frames, "u1"),
        "palette": pack_array(clip.palette, "u1"),
        "actions": pack_array(clip.actions, "u1"),
        "values": pack_array(clip.values, "<f4"),
        "scores": pack_array(clip.scores, "<f4"),
    }


def pack_array(array: np.ndarray, dtype: str) -> dict:
    """Return an array as its dtype ("u1" or "<f4"), its shape and its zlib-compressed bytes."""
    raw = np.ascontiguousarray(array, dtype).tobytes()
    return {"dtype": dtype, "shape": list(array.shape), "zlib": zlib.compress(raw, 9)}
