"""The emulator by hand shows what `pdlearn.envs` shows, in every game of the paper."""

import numpy as np
import pytest

from pdlearn.exercises.stepping import episode_lengths
from pdlearn.games import GAMES
from pdlearn.lessons import emulator


@pytest.fixture(scope="module")
def no_ops():
    return emulator.no_ops_of(seed=0)


@pytest.mark.parametrize("game", GAMES)
def test_observations_by_hand_are_the_environments(game, no_ops):
    actions = np.random.default_rng(1).integers(GAMES[game].num_actions, size=12)
    theirs, rewards = emulator.play_environment(game, actions, seed=0)
    by_hand, counted = emulator.play(emulator.Emulator(game, no_ops), actions)
    assert theirs.shape == by_hand.shape == (13, 4, 84, 84)
    assert emulator.difference(by_hand, theirs) <= 1
    assert (by_hand == theirs).mean() > 0.99
    assert rewards.tolist() == counted.tolist()


def test_the_step_after_an_end_belongs_to_no_episode():
    assert episode_lengths([False, False, True, False, False, True, False]) == [3, 2]
