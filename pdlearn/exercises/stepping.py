"""Checkers of an agent step of four frames and of the lengths of episodes (lesson 01)."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pdlearn.envs import FRAMES_PER_STEP
from pdlearn.exercises.seeing import frame_of
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.lessons import emulator


class Tape:
    """An emulator with given frames and rewards; it records the actions."""

    def __init__(self, frames: np.ndarray, rewards: np.ndarray):
        self.frames, self.rewards = frames, rewards
        self.actions: list[int] = []

    def act(self, action: int) -> float:
        self.actions.append(action)
        return float(self.rewards[len(self.actions) - 1])

    @property
    def grey(self) -> np.ndarray:
        return self.frames[max(len(self.actions) - 1, 0)]


def _agent_step(
    picture: Callable = lambda frames: np.maximum(frames[-2], frames[-1]),
    reward: Callable = sum,
    *,
    held: int = FRAMES_PER_STEP,
    count: int = FRAMES_PER_STEP,
    early: bool = False,
) -> Callable:
    """Return a function that takes an agent step, right or with a common mistake."""

    def agent_step(tape, action):
        frames, rewards = [tape.grey] if early else [], []
        for number in range(count):
            rewards.append(tape.act(action if number < held else 0))
            frames.append(tape.grey)
        return picture(frames[:count]), reward(rewards)

    return agent_step


def _adds_bytes(frames):
    return ((frames[-2].astype(int) + frames[-1]) // 2).astype(np.uint8)


AGENT_STEP_MISTAKES = [
    Mistake(
        _agent_step(lambda frames: frames[-1]),
        "This returns the last frame alone. Objects that the game draws in every second frame "
        "would be missing at times: take the brighter of the last two.",
    ),
    Mistake(
        _agent_step(lambda frames: np.max(frames, axis=0)),
        "This is the brightest of all four frames, in which moving objects leave a trail. Two are "
        "enough against flicker.",
    ),
    Mistake(
        _agent_step(lambda frames: np.maximum(frames[0], frames[1])),
        "These are the first two frames of the four; the agent must see the newest.",
    ),
    Mistake(
        _agent_step(_adds_bytes),
        "The mean of two frames makes flickering objects half as bright. Take the brighter one.",
    ),
    Mistake(
        _agent_step(reward=lambda rewards: rewards[-1]),
        "Only the last frame's points are counted. Points can come in any of the four: add them "
        "up.",
    ),
    Mistake(
        _agent_step(held=1),
        "The action is held for one frame only; hold it for all four.",
    ),
    Mistake(
        _agent_step(lambda frames: np.minimum(frames[-2], frames[-1])),
        "This takes the darker of the last two frames, in which a flickering object is missing. "
        "Take the brighter: `np.maximum`.",
    ),
    Mistake(
        _agent_step(lambda frames: frames[-2] + frames[-1]),
        "The frames are added: the sum of two uint8 wraps around at 256. Take the brighter of the "
        "two, `np.maximum`.",
    ),
    Mistake(
        _agent_step(reward=lambda rewards: sum(rewards[-2:])),
        "Only the points of the last two frames are counted. The picture is of two frames, but the "
        "points are of all four.",
    ),
    Mistake(
        _agent_step(reward=max),
        "This is the largest reward of the four frames. Add all of them up.",
    ),
    Mistake(
        _agent_step(reward=lambda rewards: sum(rewards) / len(rewards)),
        "This is the mean of the rewards. A score is a sum: add them up.",
    ),
    Mistake(
        _agent_step(reward=lambda rewards: np.sign(sum(rewards))),
        "The reward is clipped to its sign. That is done when a transition is learnt; the "
        "environment returns all points.",
    ),
    Mistake(
        _agent_step(count=FRAMES_PER_STEP - 1),
        "The action is held for three frames only. An agent step has four.",
    ),
    Mistake(
        _agent_step(count=FRAMES_PER_STEP + 1, held=FRAMES_PER_STEP + 1),
        "The action is held for five frames. An agent step has four.",
    ),
    Mistake(
        _agent_step(early=True),
        "The pictures are taken before each action, so the newest is missing. Act first, then take "
        "`emulator.grey`.",
    ),
]


def check_agent_step(function: Callable) -> Verdict:
    """Check a function that takes an agent step of four frames.

    It is called with a `Tape` instead of an emulator.

    Args:
        function: takes an emulator and an action; returns the pixelwise maximum of the last two
            frames, uint8 `[H, W]`, and the sum of the rewards, as `lessons.emulator.agent_step`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (frame_of(seed, 6, 3, 2), np.array(rewards), action)
        for seed, rewards, action in [(0, [1, 0, 2, 5, 9, 9], 2), (1, [0, 10, 0, 0, 9, 9], 3)]
    ]
    return compare(
        function,
        emulator.agent_step,
        cases,
        AGENT_STEP_MISTAKES,
        praise="Four frames, one action and all points, as in `emulator.agent_step`.",
        adapt=on_tape,
        shape_hint="It does not act four times; it is one action for four frames.",
    )


def on_tape(agent_step: Callable) -> Callable:
    """Return a function of `(frames, rewards, action)` that runs `agent_step` on a `Tape`."""

    def taped(frames: np.ndarray, rewards: np.ndarray, action: int) -> Tensor | None:
        """Return the frame, the reward and the actions taken as one row; None for no answer."""
        tape = Tape(frames, rewards)
        answer = agent_step(tape, action)
        if answer is None or answer is ...:
            return None
        frame, reward = answer
        numbers = [*np.asarray(frame, float).ravel(), float(reward), *tape.actions]
        return torch.tensor(numbers, dtype=torch.float64)

    return taped


def episode_lengths(ended: np.ndarray) -> list[int]:
    """Return the agent steps of each finished episode; the step after an end does not count."""
    lengths, steps, void = [], 0, False
    for end in ended:
        if not void:
            steps += 1
        void = bool(end)
        if end:
            lengths.append(steps)
            steps = 0
    return lengths


def _every_step(ended):
    return np.diff(np.flatnonzero(ended), prepend=-1)


EPISODE_LENGTHS_MISTAKES = [
    Mistake(
        _every_step,
        "The step after an end is counted too. Its action was ignored: it only brought the first "
        "observation of the next episode.",
    ),
    Mistake(
        lambda ended: [*episode_lengths(ended), len(ended) - np.flatnonzero(ended)[-1] - 2],
        "The last episode has not ended yet, so its length is not known; leave it out.",
    ),
    Mistake(
        lambda ended: np.diff(np.flatnonzero(ended), prepend=0),
        "The lengths are off by one: the very first step is a step of the first episode.",
    ),
    Mistake(
        lambda ended: [length - 1 for length in episode_lengths(ended)],
        "The step that ended the episode belongs to it.",
    ),
    Mistake(
        lambda ended: len(episode_lengths(ended)),
        "This is the number of episodes that ended; return a list of their lengths.",
    ),
    Mistake(
        lambda ended: np.flatnonzero(ended),
        "These are the numbers of the steps that ended an episode. A length is the number of "
        "steps since the episode began.",
    ),
    Mistake(
        lambda ended: np.diff(np.flatnonzero(ended)),
        "The first episode is missing: `np.diff` gives the differences between ends, and the first "
        "episode began before its end. Besides, the void steps are counted.",
    ),
    Mistake(
        lambda ended: np.diff(np.flatnonzero(ended), prepend=-1) - 1,
        "One step is taken from every episode. No void step precedes the first one.",
    ),
    Mistake(
        lambda ended: np.cumsum(episode_lengths(ended)),
        "The counter is not set back to 0 at an end, so lengths add up.",
    ),
    Mistake(
        lambda ended: np.mean(episode_lengths(ended)),
        "This is the mean length; return a list of the lengths.",
    ),
    Mistake(
        lambda ended: FRAMES_PER_STEP * np.array(episode_lengths(ended)),
        "These are frames. Count agent steps: one for each element of `ended`.",
    ),
    Mistake(
        lambda ended: episode_lengths(ended)[::-1],
        "The lengths are in reverse order; the first episode comes first.",
    ),
]


def check_episode_lengths(function: Callable) -> Verdict:
    """Check a function that counts the agent steps of episodes.

    Args:
        function: takes `ended`, bool `[T]`: the steps of one game in order; returns a list of the
            length of each finished episode, without the step after an end

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [
        (np.isin(np.arange(length), ends),) for length, ends in [(12, [3, 9]), (20, [0, 5, 15])]
    ]
    praise = "The void step belongs to no episode, as in `rollout.EpisodeTracker`."
    return compare(function, episode_lengths, cases, EPISODE_LENGTHS_MISTAKES, praise=praise)
