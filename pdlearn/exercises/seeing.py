"""Checkers of observations (shrinking, four frames, the stack) and of episode lengths."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pdlearn.envs import FRAMES_PER_STEP
from pdlearn.envs.console import area_means
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.lessons import emulator


def frame_of(seed: int, *shape: int) -> np.ndarray:
    """Return a random uint8 picture, the same for the same seed."""
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def _overlapping(frame):
    picture = torch.from_numpy(frame).float()[None]
    return torch.nn.functional.adaptive_avg_pool2d(picture, 84)[0].round()


SHRINK_MISTAKES = [
    Mistake(
        lambda f: f[(np.arange(84) * 2.5).astype(int)][:, (np.arange(84) * 160 / 84).astype(int)],
        "This takes one pixel of each area, so a ball of two pixels appears and disappears. Take "
        "the mean of the area.",
    ),
    Mistake(
        lambda f: area_means(f).astype(np.uint8),
        "`astype` drops the fraction, so the picture gets darker. `round()` first.",
    ),
    Mistake(area_means, "The means still have fractions; `round()` them to whole grey levels."),
    Mistake(
        lambda f: np.floor(area_means(f) + 0.5),
        "Right except for means half way between two grey levels: `round()` takes those to the "
        "even level, as the emulator's code does.",
    ),
    Mistake(
        lambda f: np.rot90(area_means(np.rot90(f).reshape(210, 160)), -1).round(),
        "Rows and columns are mixed up: the picture has 210 rows of 160.",
    ),
    Mistake(
        lambda f: f.repeat(21, axis=1).reshape(84, 5, 84, 20).mean(axis=(1, 3)).round(),
        "Rows and columns are mixed up: write every row twice before five make one.",
    ),
    Mistake(
        lambda f: _overlapping(f).numpy(),
        "These areas are stretched to whole pixels and overlap (`adaptive_avg_pool2d` and "
        "`interpolate` with `area` do so). A pixel that lies half in an area counts half.",
    ),
]


def check_shrink(function: Callable) -> Verdict:
    """Check a function that shrinks the picture of a game.

    Args:
        function: takes a grey picture, uint8 `[210, 160]`; returns the rounded means of areas,
            uint8 `[84, 84]`, as `lessons.emulator.shrink`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(frame_of(seed, 210, 160),) for seed in range(2)]
    praise = "Every pixel is the mean of its area, as in `emulator.shrink`."
    return compare(function, emulator.shrink, cases, SHRINK_MISTAKES, praise=praise)


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
    held: int = FRAMES_PER_STEP,
) -> Callable:
    """Return a function that takes an agent step, right or with a common mistake."""

    def agent_step(tape, action):
        frames, rewards = [], []
        for count in range(FRAMES_PER_STEP):
            rewards.append(tape.act(action if count < held else 0))
            frames.append(tape.grey)
        return picture(frames), reward(rewards)

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
        for seed, rewards, action in [(0, [1, 0, 0, 5, 9, 9], 2), (1, [0, 10, 0, 0, 9, 9], 3)]
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


PUSH_MISTAKES = [
    Mistake(
        lambda s, f: np.concatenate([f[None], s[:-1]]),
        "The newest frame comes first here. A network trained with the newest last would see the "
        "game backwards.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s[:-1], f[None]]),
        "This replaces the newest frame; drop the oldest.",
    ),
    Mistake(
        lambda s, f: np.repeat(f[None], len(s), axis=0),
        "All four frames are the newest one; keep the three before it.",
    ),
    Mistake(
        lambda s, f: np.concatenate([s, f[None]]),
        "The stack grows to five frames. Drop the oldest, `stack[1:]`.",
    ),
]


def check_push(function: Callable) -> Verdict:
    """Check a function that adds a frame to an observation.

    Args:
        function: takes a stack, uint8 `[4, 84, 84]`, and a frame, uint8 `[84, 84]`; returns the
            next stack, with the newest frame last, as `lessons.emulator.push`

    Returns:
        the verdict, with a hint if the answer is wrong
    """
    cases = [(frame_of(seed, 4, 84, 84), frame_of(seed + 9, 84, 84)) for seed in range(2)]
    praise = "The oldest frame is dropped and the newest is last, as in `emulator.push`."
    return compare(function, emulator.push, cases, PUSH_MISTAKES, praise=praise)


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
        (np.isin(np.arange(length), ends),) for length, ends in [(12, [3, 8]), (20, [0, 5, 15])]
    ]
    praise = "The void step belongs to no episode, as in `rollout.EpisodeTracker`."
    return compare(function, episode_lengths, cases, EPISODE_LENGTHS_MISTAKES, praise=praise)
