"""Play numbered episodes once each, in two half-batches of copies.

The half-batches alternate, so that inference on one overlaps emulation of the other.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable

import numpy as np
import torch

from pdlearn.hardware import torch_threads
from pdlearn.rollout import Episode, EpisodeTracker, Step

HALF_BATCHES = 2

# Plays the episodes of these numbers, one per copy.
Play = Callable[[np.ndarray], Generator[Step, None, None]]


def play_each(play: Play, episodes: int, num_envs: int) -> Generator[list[Episode], None, None]:
    """Play episodes 0 to `episodes` - 1 once each, `num_envs` in parallel.

    Each half-batch plays its half of the first `num_envs` to the end, then of the next, and so on.
    """
    numbers = np.arange(episodes)
    rounds = [numbers[begin : begin + num_envs] for begin in range(0, episodes, num_envs)]
    halves = zip(*(np.array_split(each, HALF_BATCHES) for each in rounds), strict=True)
    return _alternate([_play_rounds(play, half) for half in halves if len(half[0])])


def _play_rounds(play: Play, rounds: Iterable[np.ndarray]) -> Generator[list[Episode], None, None]:
    for numbers in rounds:
        if len(numbers):
            yield from _play_once(play(numbers), numbers)


def _alternate(
    halves: Iterable[Generator[list[Episode], None, None]],
) -> Generator[list[Episode], None, None]:
    """Advance each half-batch one step in turn, until all are finished.

        half 0   inference ── emulation ── inference ── emulation
        half 1   emulation ── inference ── emulation ── inference

    Inference uses only its share of the threads; the emulators that run at the same time need the
    others.
    """
    waiting = deque(halves)
    try:
        while waiting:
            with torch_threads(max(1, torch.get_num_threads() // len(waiting))):
                ended = next(waiting[0], None)
            if ended is None:
                waiting.popleft()
            else:
                yield ended
                waiting.rotate(-1)
    finally:
        for half in waiting:
            half.close()


def _play_once(
    play: Generator[Step, None, None], numbers: np.ndarray
) -> Generator[list[Episode], None, None]:
    """Play until every copy has finished an episode; yield after every step those that ended.

    An episode's `env` is its copy's entry of `numbers`. Only the first episode of each copy counts.
    """
    tracker = EpisodeTracker(len(numbers))
    playing = np.ones(len(numbers), bool)
    try:
        for step in play:
            ended = [episode for episode in tracker.add(step) if playing[episode.env]]
            playing[[episode.env for episode in ended]] = False
            yield [episode._replace(env=int(numbers[episode.env])) for episode in ended]
            if not playing.any():
                return
    finally:
        play.close()
