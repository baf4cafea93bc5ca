"""Judging: exactly N full episodes, none favoured, raw scores, other seeds than training."""

from collections import Counter

import pytest
import torch
from fakes import deal

from pdlearn import envs, evaluation
from pdlearn.checkpoints import Agent
from pdlearn.evaluation import evaluate, play_episodes
from pdlearn.networks import QNetwork
from pdlearn.presets import EvalConfig

CATCH = "pdlearn/Catch-v0"


def untrained(game=CATCH, actions=3, shape=(4, 84, 84)):
    network = QNetwork(actions, "net3", shape, torch.Generator().manual_seed(0))
    card = {"game": game, "actions": ["?"] * actions, "size": "net3", "observation_shape": shape}
    return Agent(network.requires_grad_(False), card)


@pytest.mark.parametrize("episodes", [1, 5, 12])
def test_exactly_the_asked_number_of_episodes_is_played(episodes):
    result = evaluate(untrained(), EvalConfig(episodes=episodes, num_envs=4))
    assert result.episodes == len(result.lengths) == episodes
    assert set(result.lengths) == {11}


def test_short_episodes_are_not_favoured(monkeypatch):
    # One copy's episodes are ten times as long; taking the first six to end would skip it.
    script = [[(3, "terminated", ())] * 50, [(30, "terminated", ())] * 50]
    monkeypatch.setattr(envs, "make", deal(script)[0])
    agent = untrained("tape", 2, (8,))
    agent.network.forward = lambda observation: torch.zeros(len(observation), 2)
    lengths = Counter(evaluate(agent, EvalConfig(episodes=6, num_envs=2)).lengths)
    assert lengths == {3: 3, 30: 3}


def test_scores_are_sums_of_raw_rewards(monkeypatch):
    script = [[(3, "terminated", (1,)), (2, "truncated", ())] + [(9, "terminated", ())] * 9]
    monkeypatch.setattr(envs, "make", deal(script)[0])
    agent = untrained("tape", 2, (8,))
    agent.network.forward = lambda observation: torch.zeros(len(observation), 2)
    result = evaluate(agent, EvalConfig(episodes=2, num_envs=1))
    assert result.scores == [1 + 2 + 3, 11 + 12]  # a lost life at step 1 ends nothing
    assert result.lengths == [3, 2]
    assert result.truncated == 1


def test_the_same_seed_gives_the_same_scores_and_another_seed_other_games():
    config = EvalConfig(episodes=8, num_envs=4, epsilon=0.5)
    first, again, other = (evaluate(untrained(), config, seed).scores for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_evaluation_plays_games_that_training_never_does(monkeypatch):
    purposes = []
    seeds = envs.env_seeds

    def spy(seed, purpose, num_envs):
        purposes.append(purpose)
        return seeds(seed, purpose, num_envs)

    monkeypatch.setattr(envs, "env_seeds", spy)
    evaluate(untrained(), EvalConfig(episodes=1))
    assert set(purposes) == {"evaluate"}


def test_the_interval_stands_beside_the_mean():
    result = evaluation.Evaluation("pong", [18.0, 20.0, 21.0, 19.0] * 5, [100] * 20, 0, 0.05, 0)
    low, high = result.interval
    assert low < result.mean == 19.5 < high
    card = result.card()
    assert (card["mean"], card["low"], card["high"]) == (19.5, low, high)


def test_an_item_comes_every_turn_with_the_episodes_that_it_ended():
    # Two copies in two teams. Catch lasts 11 steps; a second game begins a step after the first.
    items = list(play_episodes(untrained(), EvalConfig(episodes=3, num_envs=2)))
    assert [len(item) for item in items] == [0] * 20 + [1, 1] + [0] * 11 + [1]


def test_one_team_decides_while_the_other_ones_emulators_work(monkeypatch):
    make, dealt = deal([[(3, "terminated", ())] * 9] * 4)
    monkeypatch.setattr(envs, "make", make)
    agent = untrained("tape", 2, (8,))
    seen, at_work = [], []

    def forward(observation):
        seen.append(observation[:, 1, 0, 0].tolist())
        at_work.append(sum(env.sent is not None for env in dealt))
        return torch.zeros(len(observation), 2)

    agent.network.forward = forward
    evaluate(agent, EvalConfig(episodes=4, num_envs=4))
    assert seen[2:6] == [[2, 3], [2, 3], [0, 1], [2, 3]]  # a team's first turn is two steps
    assert at_work[2:6] == [1] * 4
    assert all(env.closed for env in dealt)


def test_a_team_at_work_leaves_half_of_the_threads_and_gives_them_back(monkeypatch):
    numbers = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    next(play_episodes(untrained(), EvalConfig(episodes=2)))
    assert numbers == [3, 6]
    next(play_episodes(untrained(), EvalConfig(episodes=1)))
    assert numbers[2:] == [6, 6]
