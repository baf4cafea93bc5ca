"""The replay memory with a scripted tape: each sampled row is identified by its frames."""

from itertools import islice

import numpy as np
import pytest
import torch
from fakes import GAMMA, SCRIPT, AlternatingPolicy, TapeEnvironment, expected, where

from pdlearn.replay.memory import Memory
from pdlearn.replay.recordings import load_recording, save_recording
from pdlearn.rollout import steps


def filled(capacity_steps, vector_steps):
    env = TapeEnvironment(SCRIPT)
    memory = Memory(capacity_steps, 3, env.observation_shape, num_actions=2)
    for step in islice(steps(env, AlternatingPolicy(), 0, "train"), vector_steps):
        ended = step.terminated | step.life_lost
        memory.add(step, step.reward, np.where(ended, 0.0, GAMMA))
    return memory


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("capacity_steps", [3 * 200, 3 * 40])  # before and after the ring wraps
def test_no_transition_crosses_the_end_of_an_episode(n_step, capacity_steps):
    memory = filled(capacity_steps, 150)
    batch = memory.sample_transitions(3_000, n_step, torch.Generator().manual_seed(0))
    for k in range(3_000):
        env, episode, t = where(batch.observation_tm1[k, -1])
        reward, discount, arrival = expected(env, episode, t, n_step)
        assert t < SCRIPT[env][episode][0], "an episode's last observation was sampled"
        assert batch.reward_t[k].item() == pytest.approx(reward)
        assert batch.discount_t[k].item() == pytest.approx(discount)
        assert where(batch.observation_t[k, -1]) == (env, episode, arrival)


def test_stacks_contain_earlier_frames_and_zeros_before_the_first():
    memory = filled(3 * 40, 150)
    batch = memory.sample_transitions(2_000, 3, torch.Generator().manual_seed(0))
    for observation in (batch.observation_tm1, batch.observation_t):
        for older, newest in observation:
            env, episode, t = where(newest)
            if t == 0:
                assert not older.any()
            else:
                assert where(older) == (env, episode, t - 1)


def test_stored_stacks_equal_the_environments_observations():
    env = TapeEnvironment(SCRIPT)
    memory = Memory(3 * 40, 3, env.observation_shape)
    for step in islice(steps(env, AlternatingPolicy(), 0, "train"), 100):
        memory.add(step, step.reward, step.reward)
        slot = torch.full((3,), (memory.added_slots - 1) % memory.slots)
        assert torch.equal(memory.observation(slot, torch.arange(3)), step.observation)


def test_sampled_states_have_the_teachers_values():
    memory = filled(3 * 40, 150)
    batch = memory.sample_states(500, torch.Generator().manual_seed(0))
    assert torch.equal(batch.teacher_q, batch.observation[:, -1, 0].float())


def test_steps_are_sampled_about_equally_often():
    memory = filled(3 * 200, 30)
    batch = memory.sample_states(60_000, torch.Generator().manual_seed(0))
    counts = {}
    for frame in batch.observation[:, -1].flatten(1).tolist():
        counts[tuple(frame)] = counts.get(tuple(frame), 0) + 1
    mean = 60_000 / len(counts)
    # Two draws may both hit a last observation; the step before then gets a little more.
    assert min(counts.values()) > 0.85 * mean
    assert max(counts.values()) < 1.5 * mean


def test_540_000_pong_states_take_at_most_4_gigabytes():
    memory = Memory(540_000, 20, (4, 84, 84), "meta", num_actions=6)
    held = [t for t in vars(memory).values() if isinstance(t, torch.Tensor)]
    assert sum(tensor.numel() * tensor.element_size() for tensor in held) <= 4.0e9


def test_vector_observations_are_stored_unchanged():
    memory = Memory(60, 1, (3,))
    for k in range(10):
        step = type("S", (), {})()
        step.observation = torch.full((1, 3), k + 0.5)
        step.action = torch.zeros(1, dtype=torch.int64)
        step.first, step.last = np.array([k == 0]), np.array([False])
        memory.add(step, np.array([1.0]), np.array([0.5]))
    batch = memory.sample_transitions(50, 2, torch.Generator().manual_seed(0))
    assert torch.equal(batch.observation_t, batch.observation_tm1 + 2)
    assert torch.allclose(batch.reward_t, torch.tensor(1.5))


def test_sampling_from_an_empty_memory_raises_an_error():
    memory = Memory(60, 1, (4, 84, 84))
    with pytest.raises(ValueError, match="cannot sample from 0 slots"):
        memory.sample_states(1, torch.Generator())


def test_too_small_a_memory_is_refused():
    with pytest.raises(ValueError, match="expected more than 4"):
        Memory(40, 10, (4, 84, 84))


def masked(q: torch.Tensor) -> torch.Tensor:
    """Return values of which every second state has one action alone."""
    return torch.where((q[:, :1] % 2 == 0) & (torch.arange(2) == 1), -torch.inf, q)


def test_values_of_actions_that_are_not_available_come_back(tmp_path):
    env = TapeEnvironment(SCRIPT)
    memory = Memory(3 * 40, 3, env.observation_shape, num_actions=2)
    for step in islice(steps(env, AlternatingPolicy(), 0, "train"), 60):
        memory.add(step._replace(q=masked(step.q)), step.reward, step.reward)
    save_recording(tmp_path / "r", memory, {"game": "tests/Tape-v0", "actions": ["LEFT", "RIGHT"]})
    for held in (memory, load_recording(tmp_path / "r")[0]):
        batch = held.sample_states(500, torch.Generator().manual_seed(0))
        assert torch.equal(batch.teacher_q, masked(batch.observation[:, -1, 0].float()))
        assert 0.2 < (batch.teacher_q == -torch.inf).any(1).float().mean() < 0.8


@pytest.mark.parametrize(
    "values", [[-np.inf, -np.inf], [np.inf, 0.0], [np.nan, 0.0], [-np.inf, np.nan]]
)
def test_a_state_without_a_best_action_is_not_stored(values):
    env = TapeEnvironment(SCRIPT)
    memory = Memory(3 * 40, 3, env.observation_shape, num_actions=2)
    step = next(steps(env, AlternatingPolicy(), 0, "train"))
    step.q[1] = torch.tensor(values)
    with pytest.raises(ValueError, match="or -inf for some actions; copy 1 of the game"):
        memory.add(step, step.reward, step.reward)
