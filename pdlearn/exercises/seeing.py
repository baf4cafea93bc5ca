"""Checkers of what makes an observation: shrink, four frames, the stack; and of episodes' edges."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pdlearn.exercises.verdicts import Slip, Verdict, compare
from pdlearn.lessons import emulator

FRAMES_A_STEP = 4


def frame_of(seed: int, *shape: int) -> np.ndarray:
    """Return a made-up uint8 picture, the same for the same seed."""
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def _areas(frame):
    rows = frame.repeat(2, axis=0).reshape(84, 5, 160).mean(axis=1)
    return rows.repeat(21, axis=1).reshape(84, 84, 40).mean(axis=2)


def _overlapping(frame):
    picture = torch.from_numpy(frame).float()[None]
    return torch.nn.functional.adaptive_avg_pool2d(picture, 84)[0].round()


SHRINK_SLIPS = [
    Slip(
        lambda f: f[(np.arange(84) * 2.5).astype(int)][:, (np.arange(84) * 160 / 84).astype(int)],
        "This picks one pixel of an area and forgets the others: a ball of two pixels comes and "
        "goes. Take the mean of the area.",
    ),
    Slip(
        lambda f: _areas(f).astype(np.uint8),
        "`astype` cuts the fraction off, so that the picture is darker. `round()` first.",
    ),
    Slip(_areas, "The means still have fractions; `round()` them to whole grey levels."),
    Slip(
        lambda f: np.floor(_areas(f) + 0.5),
        "Right but for areas whose mean lies half way between two grey levels: `round()` takes "
        "those to the even one, as the emulator's code does.",
    ),
    Slip(
        lambda f: np.rot90(_areas(np.rot90(f).reshape(210, 160)), -1).round(),
        "Rows and columns are mixed up: the picture has 210 rows of 160.",
    ),
    Slip(
        lambda f: f.repeat(21, axis=1).reshape(84, 5, 84, 20).mean(axis=(1, 3)).round(),
        "Rows and columns are mixed up: write every row twice before five make one.",
    ),
    Slip(
        lambda f: _overlapping(f).numpy(),
        "These areas are stretched to whole pixels and overlap (`adaptive_avg_pool2d` and "
        "`interpolate` with `area` do so). A pixel that lies half in an area counts half.",
    ),
]


def check_shrink(function: Callable) -> Verdict:
    """Check a function of a grey picture uint8 `[210, 160]` that returns it as uint8 `[84, 84]`."""
    cases = [(frame_of(seed, 210, 160),) for seed in range(2)]
    praise = "Every pixel is the mean of its area, as in `emulator.shrink`."
    return compare(function, emulator.shrink, cases, SHRINK_SLIPS, praise=praise)


class Tape:
    """An emulator whose frames and rewards are written beforehand; it notes the actions."""

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
    held: int = FRAMES_A_STEP,
) -> Callable:
    """Return a function that takes an agent step: as it should, or with a slip."""

    def agent_step(tape, action):
        frames, rewards = [], []
        for count in range(FRAMES_A_STEP):
            rewards.append(tape.act(action if count < held else 0))
            frames.append(tape.grey)
        return picture(frames), reward(rewards)

    return agent_step


def _adds_bytes(frames):
    return ((frames[-2].astype(int) + frames[-1]) // 2).astype(np.uint8)


AGENT_STEP_SLIPS = [
    Slip(
        _agent_step(lambda frames: frames[-1]),
        "This shows the last frame alone. What the game draws in every second frame only would "
        "be there or not by chance: take the brighter of the last two.",
    ),
    Slip(
        _agent_step(lambda frames: np.max(frames, axis=0)),
        "This is the brightest of all four frames: whatever moves leaves a trail. Two are enough "
        "against flicker.",
    ),
    Slip(
        _agent_step(lambda frames: np.maximum(frames[0], frames[1])),
        "These are the first two frames of the four; the agent must see the newest.",
    ),
    Slip(
        _agent_step(_adds_bytes),
        "The mean of two frames makes what flickers half as bright. Take the brighter one.",
    ),
    Slip(
        _agent_step(reward=lambda rewards: rewards[-1]),
        "Only the last frame's points are counted. A point may fall in any of the four: add up.",
    ),
    Slip(
        _agent_step(held=1),
        "The action is held for one frame only; hold it for all four.",
    ),
]


def check_agent_step(function: Callable) -> Verdict:
    """Check a function of `(emulator, action)` that acts for four frames.

    It returns the brighter of the last two frames, pixel by pixel, and the sum of the points. Its
    emulator here is a tape: made-up frames, made-up points, and a note of every action.
    """
    if not callable(function):
        return compare(function, function, [])
    cases = [
        (frame_of(seed, 6, 3, 2), np.array(rewards), action)
        for seed, rewards, action in [(0, [1, 0, 0, 5, 9, 9], 2), (1, [0, 10, 0, 0, 9, 9], 3)]
    ]
    slips = [Slip(_on_tape(slip.function), slip.hint) for slip in AGENT_STEP_SLIPS]
    praise = "Four frames, one action, all points: as `emulator.agent_step` does."
    verdict = compare(
        _on_tape(function), _on_tape(emulator.agent_step), cases, slips, praise=praise
    )
    if "returns the shape" in verdict.text:
        text = f"`{function.__name__}` does not act four times; it is one action for four frames."
        return Verdict("not yet", text)
    return verdict


def _on_tape(agent_step: Callable) -> Callable:
    def on_tape(frames: np.ndarray, rewards: np.ndarray, action: int) -> Tensor | None:
        """Return the frame, the reward and the actions taken, in one row; None if it is blank."""
        tape = Tape(frames, rewards)
        answer = agent_step(tape, action)
        if answer is None or answer is ...:
            return None
        frame, reward = answer
        numbers = [*np.asarray(frame, float).ravel(), float(reward), *tape.actions]
        return torch.tensor(numbers, dtype=torch.float64)

    on_tape.__name__ = getattr(agent_step, "__name__", "your function")
    return on_tape


PUSH_SLIPS = [
    Slip(
        lambda s, f: np.concatenate([f[None], s[:-1]]),
        "The newest frame comes first here. A network that was taught with the newest last would "
        "see the game run backwards.",
    ),
    Slip(
        lambda s, f: np.concatenate([s[:-1], f[None]]),
        "This takes the place of the newest frame; the oldest is the one to go.",
    ),
    Slip(
        lambda s, f: np.repeat(f[None], len(s), axis=0),
        "All four frames are the newest: nothing is remembered.",
    ),
    Slip(
        lambda s, f: np.concatenate([s, f[None]]),
        "The stack grows: five frames. The oldest must go, `stack[1:]`.",
    ),
]


def check_push(function: Callable) -> Verdict:
    """Check a function of `(stack [4, 84, 84], frame [84, 84])` that returns the next stack."""
    cases = [(frame_of(seed, 4, 84, 84), frame_of(seed + 9, 84, 84)) for seed in range(2)]
    praise = "The oldest frame goes, the newest is last: as `emulator.push` does."
    return compare(function, emulator.push, cases, PUSH_SLIPS, praise=praise)


def episode_lengths(ended: np.ndarray) -> list[int]:
    """Return the agent steps of each finished episode; the step after an end is void."""
    lengths, steps, void = [], 0, False
    for end in ended:
        steps += not void
        void = bool(end)
        if end:
            lengths.append(steps)
            steps = 0
    return lengths


def _every_step(ended):
    return np.diff(np.flatnonzero(ended), prepend=-1)


EPISODE_LENGTHS_SLIPS = [
    Slip(
        _every_step,
        "The step after an end is counted too. Its action was ignored: it only brought the first "
        "observation of the next episode.",
    ),
    Slip(
        lambda ended: [*episode_lengths(ended), len(ended) - np.flatnonzero(ended)[-1] - 2],
        "The last episode has not ended yet; leave it out, or unlucky short ones are too many.",
    ),
    Slip(
        lambda ended: np.diff(np.flatnonzero(ended), prepend=0),
        "Every length is one out somewhere: the first step of all is a step of the first episode.",
    ),
    Slip(
        lambda ended: [length - 1 for length in episode_lengths(ended)],
        "The step that ended the episode belongs to it.",
    ),
    Slip(
        lambda ended: len(episode_lengths(ended)),
        "This is how many episodes ended; asked for is a list of their lengths.",
    ),
]


def check_episode_lengths(function: Callable) -> Verdict:
    """Check a function of `ended` bool `[T]`, one game's steps in a row: each episode's length."""
    cases = [
        (np.isin(np.arange(length), ends),) for length, ends in [(12, [3, 8]), (20, [0, 5, 15])]
    ]
    praise = "The void step is no one's: as `rollout.EpisodeTracker` counts."
    return compare(function, episode_lengths, cases, EPISODE_LENGTHS_SLIPS, praise=praise)
