"""Prioritised replay of a scripted tape: valid steps, sampling frequencies and weights."""

from itertools import islice

import numpy as np
import pytest
import torch
from fakes import GAMMA, SCRIPT, AlternatingPolicy, TapeEnvironment, expected, where

from pdlearn.replay.memory import Memory
from pdlearn.replay.prioritized import PrioritizedMemory
from pdlearn.rollout import steps


def filled(capacity_steps, vector_steps, n_step=3, exponent=0.5, play=None):
    memory = PrioritizedMemory(capacity_steps, 3, (2, 2, 2), n_step=n_step, exponent=exponent)
    add(memory, play or played(), vector_steps)
    return memory


def played():
    return steps(TapeEnvironment(SCRIPT), AlternatingPolicy(), 0, "train")


def add(memory, play, vector_steps):
    for step in islice(play, vector_steps):
        ended = step.terminated | step.life_lost
        memory.add(step, step.reward, np.where(ended, 0.0, GAMMA))


@pytest.mark.parametrize("capacity_steps", [3 * 200, 3 * 40])  # before and after the ring wraps
def test_no_transition_crosses_the_end_of_an_episode(capacity_steps):
    memory = filled(capacity_steps, 150)
    batch = memory.sample_transitions(3_000, 3, torch.Generator().manual_seed(0))
    for k in range(3_000):
        env, episode, t = where(batch.observation_tm1[k, -1])
        reward, discount, arrival = expected(env, episode, t, 3)
        assert t < SCRIPT[env][episode][0], "an episode's last observation was sampled"
        assert batch.reward_t[k].item() == pytest.approx(reward)
        assert batch.discount_t[k].item() == pytest.approx(discount)
        assert where(batch.observation_t[k, -1]) == (env, episode, arrival)
        if t > 0:
            assert where(batch.observation_tm1[k, -2]) == (env, episode, t - 1)


@pytest.mark.parametrize("capacity_steps", [3 * 200, 3 * 40])
def test_exactly_the_valid_steps_are_sampled(capacity_steps):
    memory = filled(capacity_steps, 150)
    held = min(150, memory.slots)
    whole = held - 3 - (memory.stack if held == memory.slots else 0)  # slots with n rewards ahead
    newest = memory.added_slots - 1
    slots = [(newest - 3 - k) % memory.slots for k in range(whole)]
    steps_held = sum(int((~memory.last[s * 3 : s * 3 + 3]).sum()) for s in slots)
    row = memory.sample_transitions(20_000, 3, torch.Generator().manual_seed(0)).row
    assert len(row.unique()) == steps_held


def test_rows_are_sampled_in_proportion_to_their_priorities():
    memory = filled(3 * 200, 30)
    row = memory.sample_transitions(5_000, 3, torch.Generator().manual_seed(0)).row.unique()
    memory.set_errors(row, torch.zeros(len(row)))
    memory.set_errors(row[:3], torch.tensor([1.0, -4.0, 9.0]))
    drawn = memory.sample_transitions(60_000, 3, torch.Generator().manual_seed(1)).row
    shares = [(drawn == r).float().mean().item() for r in row[:3]]
    assert shares == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=0.01)  # square roots of the errors


def test_weights_correct_half_of_the_sampling_bias():
    memory = filled(3 * 200, 30)
    row = memory.sample_transitions(5_000, 3, torch.Generator().manual_seed(0)).row.unique()
    memory.set_errors(row, torch.ones(len(row)))
    memory.set_errors(row[:1], torch.tensor([16.0]))
    batch = memory.sample_transitions(500, 3, torch.Generator().manual_seed(1))
    expected_weight = torch.where(batch.row == row[0], (1 / 4) ** 0.5, 1.0)  # priorities 4 and 1
    assert (batch.row == row[0]).any()
    assert torch.allclose(batch.weight, expected_weight)


def test_a_new_step_has_the_highest_priority_so_far():
    play = played()
    memory = filled(3 * 200, 30, play=play)
    row = memory.sample_transitions(5_000, 3, torch.Generator().manual_seed(0)).row.unique()
    memory.set_errors(row[:1], torch.tensor([25.0]))
    memory.set_errors(row, torch.full((len(row),), 0.01))
    add(memory, play, 4)
    rows = torch.arange(27 * 3, 31 * 3)  # the steps whose third reward has come now
    new = rows[~memory.last[rows]]
    assert memory.priority[new].numpy() == pytest.approx(5.0)
    assert memory.priority[rows[memory.last[rows]]].tolist() == [0.0] * int(memory.last[rows].sum())


def test_sampling_too_far_ahead_or_from_too_few_slots_raises_an_error():
    memory = filled(3 * 40, 20)
    with pytest.raises(ValueError, match="cannot look 4 steps ahead; expected at most 3"):
        memory.sample_transitions(2, 4, torch.Generator())
    with pytest.raises(ValueError, match="cannot sample from 3 slots, 3 ahead"):
        filled(3 * 40, 3).sample_transitions(2, 3, torch.Generator())


def test_only_a_prioritised_minibatch_has_rows_and_weights():
    plain = Memory(3 * 200, 3, (2, 2, 2))
    add(plain, played(), 30)
    batch = plain.sample_transitions(4, 3, torch.Generator().manual_seed(0))
    assert batch.row is None and batch.weight is None
    batch = filled(3 * 200, 30).sample_transitions(4, 3, torch.Generator().manual_seed(0))
    assert batch.row.shape == batch.weight.shape == (4,) and batch.weight.dtype == torch.float32
