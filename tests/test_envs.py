"""Environments: preprocessing pinned, games raw, seeds kept apart."""

import hashlib

import numpy as np
import pytest
import torch
from ale_py.vector_env import AtariVectorEnv

from pdlearn import envs
from pdlearn.games import GAMES
from pdlearn.rollout import Scripted, steps


def rolled(game, actions, num_envs=1):
    play = steps(envs.make(game, num_envs), Scripted(actions, len(GAMES[game].actions)), 0, "show")
    tape = [next(play) for _ in range(len(actions) - 1)]
    play.close()
    return tape


@pytest.mark.parametrize("game", sorted(GAMES))
def test_every_game_opens_by_its_plain_name(game):
    env = envs.make(game, 2)
    observation = env.reset(0, "show")
    assert observation.shape == (2, 4, 84, 84) and observation.dtype == np.uint8
    assert env.num_actions == GAMES[game].num_actions
    assert AtariVectorEnv(game, num_envs=1).single_action_space.n == env.num_actions
    env.close()


def test_the_preprocessed_image_is_pinned_by_its_hash():
    tape = rolled("pong", [0, 2, 2, 3, 1] * 12)
    digest = hashlib.sha256(tape[-1].observation.numpy().tobytes()).hexdigest()
    assert digest[:16] == "b9694a189c0e1293"


def test_the_first_observation_is_padded_with_zeros():
    step = rolled("breakout", [0, 0])[0]
    assert not step.observation[0, :3].any() and step.observation[0, 3].any()


def test_no_fire_is_pressed_for_the_agent():
    # Breakout serves no ball until FIRE: without it nothing moves and nothing scores.
    tape = rolled("breakout", [0] * 200)
    newest = torch.stack([step.observation[0, -1] for step in tape[1:]])
    assert (newest == newest[0]).all()


def test_rewards_are_the_games_own():
    rewards = {float(r) for s in rolled("space_invaders", [1, 4, 5] * 200) for r in s.reward}
    assert max(rewards) >= 5  # an invader is worth 5 points or more, never clipped to 1


def test_losing_a_life_does_not_reset_the_game():
    tape = rolled("breakout", [1] * 160, num_envs=2)
    lost = [k for k, step in enumerate(tape) if step.life_lost[0]]
    assert len(lost) >= 2
    assert not any(step.terminated[0] for step in tape[: lost[1]])
    assert not tape[lost[0] + 1].first[0]


def test_an_episode_ends_when_the_last_life_is_gone_and_the_next_one_begins():
    tape = rolled("breakout", [1] * 900)
    ends = [k for k, step in enumerate(tape) if step.terminated[0]]
    assert len(ends) >= 2
    assert tape[ends[0] + 1].last[0] and tape[ends[0] + 2].first[0]
    assert sum(step.life_lost[0] for step in tape[: ends[0] + 1]) == 5


def test_one_seed_gives_different_games_to_the_copies_and_the_same_games_twice():
    first, second = rolled("pong", [0] * 60, 3), rolled("pong", [0] * 60, 3)
    assert torch.equal(first[-1].observation, second[-1].observation)
    seeds = envs.env_seeds(0, "train", 3)
    assert len(set(seeds.tolist())) == 3


def test_seeds_of_one_purpose_are_never_those_of_another():
    drawn = {
        p: {int(s) for n in range(50) for s in envs.env_seeds(n, p, 64)} for p in envs.PURPOSES
    }
    for purpose, seeds in drawn.items():
        assert {seed % 4 for seed in seeds} == {envs.PURPOSES.index(purpose)}
        assert max(seeds) < 2**31


def test_the_screen_shows_the_same_game():
    actions = [0, 2, 2, 3, 1] * 30
    agent_env, screen_env = envs.make("pong", 1), envs.make("pong", 1, screen=True)
    agent_env.reset(3, "show"), screen_env.reset(3, "show")
    for action in actions:
        outcomes = []
        for env in (agent_env, screen_env):
            env.send(np.array([action]))
            outcomes.append(env.recv())
        assert outcomes[0].reward == outcomes[1].reward
    assert outcomes[1].observation.shape == (1, 1, 210, 160, 3)
    picture = outcomes[1].observation[0, 0].mean(2).reshape(42, 5, 32, 5).mean((1, 3))
    seen = outcomes[0].observation[0, -1].astype(float).reshape(42, 2, 42, 2).mean((1, 3))
    assert np.corrcoef(picture.mean(1), seen.mean(1))[0, 1] > 0.9
    agent_env.close(), screen_env.close()


def test_an_observation_is_not_overwritten_by_later_steps():
    env = envs.make("pong", 1)
    env.reset(0, "show")
    seen = []
    for _ in range(30):
        env.send(np.array([2]))
        observation = env.recv().observation
        seen.append((observation, observation.copy()))
    assert all((kept == copy).all() for kept, copy in seen)
    env.close()


def test_any_gymnasium_id_with_discrete_actions_opens():
    env = envs.make("CartPole-v1", 2)
    assert env.reset(0, "show").shape == (2, 4) and env.num_actions == 2
    env.send(np.array([0, 1]))
    assert env.recv().observation.dtype == np.float32
    env.close()


def test_a_continuous_game_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="expected a Discrete action space"):
        envs.make("Pendulum-v1", 1)


@pytest.mark.parametrize("name", ["pongg", "Pong-v99", "pdlearn/Katch-v0"])
def test_an_unknown_name_is_answered_with_the_nearest_one(name):
    with pytest.raises(ValueError, match="did you mean"):
        envs.make(name, 1)


def test_catch_pays_for_a_caught_ball_only():
    env = envs.make("pdlearn/Catch-v0", 1)
    for seed in range(5):
        observation = env.reset(seed, "show")
        column = int(observation[0, -1].argmax() // 7 % 12)
        for _ in range(11):
            paddle = np.flatnonzero(observation[0, -1, -1] == 150)
            centre = int(paddle.mean() // 7) if len(paddle) else 6
            env.send(np.array([0 if centre == column else 1 if centre > column else 2]))
            outcome = env.recv()
            observation = outcome.observation
        assert outcome.terminated[0] and outcome.reward[0] == 1.0
    env.close()
