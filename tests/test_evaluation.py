"""Evaluation: exactly N full episodes, each start once, raw scores, seeds not used in training."""

from collections import Counter

import numpy as np
import pytest
import torch
from fakes import CATCH, deal, untrained

from pdlearn import envs, evaluation
from pdlearn.evaluation import (
    PROTOCOL,
    evaluate,
    play_episodes,
    policy_of,
    start_list,
    streams,
)
from pdlearn.games import GAMES
from pdlearn.lessons.emulator import Emulator, difference, shrink
from pdlearn.presets import EvalConfig


@pytest.mark.parametrize("episodes", [1, 5, 12])
def test_exactly_the_asked_number_of_episodes_is_played(episodes):
    result = evaluate(untrained(), EvalConfig(episodes=episodes, num_envs=4))
    assert result.episodes == len(result.lengths) == episodes
    assert set(result.lengths) == {11}


def tape_of(monkeypatch, length):
    """Let a game of n no-ops last `length(n)` steps; return its agent and the copies made."""
    script = {
        int(seed): [(length(no_ops), "terminated", ())] * 50
        for no_ops, seed in enumerate(envs.NO_OP_SEEDS)
    }
    make, dealt = deal(script)
    monkeypatch.setattr(envs, "make", make)
    agent = untrained("tape", 2, (8,))
    agent.network.forward = lambda observation: torch.zeros(len(observation), 2)
    return agent, dealt


@pytest.mark.parametrize("num_envs", [1, 2, 7, 30, 64])
def test_every_start_is_played_once_in_the_lists_order_whatever_the_episodes_length(
    monkeypatch, num_envs
):
    # Of the first to end there would be more of the short ones.
    agent, dealt = tape_of(monkeypatch, lambda no_ops: 1 + no_ops)
    result = evaluate(agent, EvalConfig(episodes=60, num_envs=num_envs))
    assert result.lengths == [1 + no_ops for no_ops in result.starts]
    assert result.starts == start_list("tape", 60, 0)[0].tolist()
    assert result.emulator_seeds == envs.NO_OP_SEEDS[result.starts].tolist()
    assert Counter(result.starts) == dict.fromkeys(range(30), 2)
    assert all(env.closed for env in dealt)


def test_scores_are_sums_of_raw_rewards(monkeypatch):
    script = [[(3, "terminated", (1,)), (9, "terminated", ())], [(2, "truncated", ())] * 2]
    monkeypatch.setattr(envs, "make", deal(script)[0])
    agent = untrained("tape", 2, (8,))
    agent.network.forward = lambda observation: torch.zeros(len(observation), 2)
    result = evaluate(agent, EvalConfig(episodes=2, num_envs=1))
    assert result.scores == [1 + 2 + 3, 1 + 2]  # a lost life at step 1 ends nothing
    assert result.lengths == [3, 2]
    assert result.truncated == 1


def test_scores_depend_only_on_the_seed():
    config = EvalConfig(episodes=8, num_envs=4, epsilon=0.5)
    first, again, other = (evaluate(untrained(), config, seed).scores for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_evaluation_seeds_are_never_training_seeds(monkeypatch):
    purposes = []
    seeds = envs.env_seeds

    def spy(seed, purpose, num_envs):
        purposes.append(purpose)
        return seeds(seed, purpose, num_envs)

    for module in (envs, envs.environment):
        monkeypatch.setattr(module, "env_seeds", spy)
    evaluate(untrained(), EvalConfig(episodes=1))
    assert set(purposes) == {"evaluate"}


def test_an_evaluation_has_a_mean_and_an_interval():
    result = evaluation.Evaluation("pong", [18.0, 20.0, 21.0, 19.0] * 5, [100] * 20, 0, 0.05, 0)
    low, high = result.interval
    assert low < result.mean == 19.5 < high
    card = result.card()
    assert (card["mean"], card["low"], card["high"]) == (19.5, low, high)


def test_each_item_has_the_episodes_that_its_step_finished():
    # Two copies in two teams, then one of the first team. Catch lasts 11 steps.
    items = list(play_episodes(untrained(), EvalConfig(episodes=3, num_envs=2)))
    assert [len(item) for item in items] == [0] * 20 + [1, 1] + [0] * 10 + [1]


def test_inference_of_one_half_batch_overlaps_emulation_of_the_other(monkeypatch):
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


def test_inference_uses_half_of_the_threads_and_restores_their_number(monkeypatch):
    numbers = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    next(play_episodes(untrained(), EvalConfig(episodes=2)))
    assert numbers == [3, 6]
    next(play_episodes(untrained(), EvalConfig(episodes=1)))
    assert numbers[2:] == [6, 6]


# --- where episodes begin ---


def test_the_seed_of_each_no_op_count_gives_that_many_no_ops():
    # In River Raid no two of the first frames look alike.
    seeds = envs.NO_OP_SEEDS
    env = envs.make("riverraid", len(seeds))
    shown = env.reset_to(seeds)[:, -1]  # [30, 84, 84]
    env.close()
    waiting = Emulator("riverraid")
    for no_ops in range(len(seeds)):
        alike = [n for n, frame in enumerate(shown) if difference(shrink(waiting.grey), frame) <= 1]
        assert alike == [no_ops]
        waiting.act(0)


def test_the_seeds_of_no_ops_are_the_first_of_evaluation_on_which_two_libraries_agree():
    found = {}
    purpose, purposes = envs.PURPOSES.index("evaluate"), len(envs.PURPOSES)
    for seed in range(purpose, envs.NO_OP_SEEDS.max() + 1, purposes):
        word = int(np.random.RandomState(seed).randint(2**32, dtype=np.uint32))  # std::mt19937's
        if word * 30 >> 32 == word & 31:
            found.setdefault(word & 31, seed)
    assert [found[no_ops] for no_ops in range(30)] == envs.NO_OP_SEEDS.tolist()


@pytest.mark.parametrize("game", ["pong", "qbert"])
def test_no_op_counts_are_equally_frequent_and_unique_in_thirty_episodes(game):
    starts, seeds = start_list(game, 100, 3)
    for begin in (0, 30, 60):
        assert sorted(starts[begin : begin + 30]) == list(range(30))
        assert starts[begin : begin + 30].tolist() != list(range(30))
    assert len(set(starts[90:])) == 10
    assert starts[:30].tolist() != starts[30:60].tolist()
    assert seeds.tolist() == envs.NO_OP_SEEDS[starts].tolist()


def test_the_order_of_starts_depends_only_on_the_seed():
    assert start_list("pong", 60, 1)[0].tolist() == start_list("qbert", 60, 1)[0].tolist()
    assert start_list("pong", 60, 1)[0].tolist() != start_list("pong", 60, 2)[0].tolist()
    assert start_list("pong", 20, 1)[0].tolist() == start_list("pong", 60, 1)[0][:20].tolist()


def test_other_environments_have_a_seed_for_each_episode():
    starts, seeds = start_list(CATCH, 40, 5)
    assert starts.tolist() == list(range(40))
    assert seeds.tolist() == envs.env_seeds(5, "evaluate", 40).tolist()


def test_exploration_and_the_order_of_starts_have_separate_random_streams():
    order, exploration = (stream.generate_state(4).tolist() for stream in streams(0))
    others = [
        np.random.SeedSequence([0, index]).generate_state(4).tolist()
        for index in range(len(envs.PURPOSES))
    ]
    assert len({tuple(words) for words in [order, exploration, *others]}) == 2 + len(others)
    generator = policy_of(untrained(), EvalConfig(), 0).generator
    assert generator.initial_seed() == exploration[0]
    assert not set(envs.env_seeds(0, "evaluate", 4)) & {generator.initial_seed()}


def test_agents_evaluated_with_one_seed_have_paired_episodes(monkeypatch):
    first, _ = tape_of(monkeypatch, lambda no_ops: 5)
    one = evaluate(first, EvalConfig(episodes=45, num_envs=12), 7)
    second, _ = tape_of(monkeypatch, lambda no_ops: 31 - no_ops)
    other = evaluate(second, EvalConfig(episodes=45, num_envs=30, epsilon=0.5), 7)
    assert one.starts == other.starts and one.emulator_seeds == other.emulator_seeds
    assert other.lengths == [31 - no_ops for no_ops in other.starts]


def test_atari_episodes_begin_at_the_starts_of_the_list():
    config = EvalConfig(episodes=2, epsilon=1.0, num_envs=1)
    agent = untrained("breakout", GAMES["breakout"].num_actions)
    result, again = evaluate(agent, config), evaluate(agent, config)
    assert result == again
    assert len(set(result.starts)) == 2
    assert result.emulator_seeds == envs.NO_OP_SEEDS[result.starts].tolist()


def test_the_protocol_without_recorded_starts_has_a_version():
    result = evaluate(untrained(), EvalConfig(episodes=1))
    assert result.protocol == result.card()["protocol"] == evaluation.protocol_of(0.05)
    assert result.protocol.startswith(PROTOCOL) and "epsilon 0.05" in result.protocol
