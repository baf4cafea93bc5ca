"""Recorded play: what comes back from a file is what went in, and no damage goes unseen."""

import pytest
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent, CheckpointError
from pdlearn.networks import QNetwork
from pdlearn.replay.recordings import (
    begin_recording,
    collect,
    load_recording,
    record,
    save_recording,
)

CATCH = "pdlearn/Catch-v0"


def recorded(steps=600, capacity=600, num_envs=4):
    network = QNetwork(3, "net3", generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    agent = Agent(network, {"games": {CATCH: []}})
    generator = torch.Generator().manual_seed(0)
    memory, play = begin_recording(
        agent, num_envs, capacity, epsilon=0.3, generator=generator, seed=0, purpose="collect"
    )
    counts = list(record(play, memory, steps))
    play.close()
    assert counts[-1] == steps
    return memory


@pytest.mark.parametrize("capacity", [600, 400])  # whole, and after the ring has wrapped
def test_a_recording_comes_back_as_it_was(tmp_path, capacity):
    memory = recorded(600, capacity)
    save_recording(tmp_path / "r", memory, {"game": CATCH})
    again, card = load_recording(tmp_path / "r", CATCH)
    assert len(again) == len(memory) and card["game"] == CATCH
    held = len(memory) // 4
    for age in range(1, held - 4):  # the oldest stacks may lack frames that were overwritten
        env = torch.arange(4)
        slots = [torch.full((4,), (m.added_slots - age) % m.slots) for m in (memory, again)]
        assert torch.equal(memory.observation(slots[0], env), again.observation(slots[1], env))
        rows = [s * 4 + env for s in slots]
        assert torch.equal(memory.teacher_q[rows[0]], again.teacher_q[rows[1]])
        assert torch.equal(memory.last[rows[0]], again.last[rows[1]])


def test_a_recording_can_be_sampled(tmp_path):
    save_recording(tmp_path / "r", recorded(), {"game": CATCH})
    memory, _ = load_recording(tmp_path / "r")
    batch = memory.sample_states(64, torch.Generator().manual_seed(0))
    assert batch.observation.shape == (64, 4, 84, 84) and batch.teacher_q.shape == (64, 3)
    assert batch.observation.any() and batch.teacher_q.any()


def test_the_teachers_values_belong_to_the_stored_states(tmp_path):
    memory = recorded()
    batch = memory.sample_states(32, torch.Generator().manual_seed(0))
    network = QNetwork(3, "net3", generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network(batch.observation), batch.teacher_q, atol=1e-4)


def test_damage_is_seen(tmp_path):
    path = tmp_path / "r"
    save_recording(path, recorded(200, 200), {"game": CATCH})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        load_recording(path)


def test_a_recording_of_another_game_is_refused(tmp_path):
    save_recording(tmp_path / "r", recorded(200, 200), {"game": CATCH})
    with pytest.raises(CheckpointError, match="recorded from 'pdlearn/Catch-v0'; expected 'pong'"):
        load_recording(tmp_path / "r", "pong")


def test_frames_are_compressed(tmp_path):
    save_recording(tmp_path / "r", recorded(2_000, 2_000), {"game": CATCH})
    assert (tmp_path / "r").stat().st_size < 2_000 * 7_056 / 15


def test_a_student_plays_and_its_teacher_labels():
    teacher, student = (
        QNetwork(3, "net3", generator=torch.Generator().manual_seed(seed)).requires_grad_(False)
        for seed in (0, 1)
    )
    agent = Agent(teacher, {"games": {CATCH: []}})
    memory = collect(agent, 400, num_envs=4, epsilon=0.0, student=student, student_share=1.0)
    slot, env = torch.arange(400) // 4, torch.arange(400) % 4
    observation = memory.observation(slot, env)
    choice = teacher(observation).argmax(1)
    own = student(observation).argmax(1)
    assert (own != choice).float().mean() > 0.1  # or the test would say nothing
    assert torch.equal(memory.action, own)
    assert torch.allclose(memory.teacher_q, teacher(observation), atol=1e-4)


def test_collecting_is_recording_in_one_call(monkeypatch):
    make, made = envs.make, []

    def spy(*arguments):
        made.append(make(*arguments))
        monkeypatch.setattr(made[-1], "close", lambda: closed.append(True))
        return made[-1]

    closed = []
    monkeypatch.setattr("pdlearn.replay.recordings.envs.make", spy)
    network = QNetwork(3, "net3", generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    agent = Agent(network, {"games": {CATCH: []}})
    memory = collect(agent, 600, num_envs=4, epsilon=0.3)
    assert closed == [True]
    again, by_hand = collect(agent, 600, num_envs=4, epsilon=0.3), recorded()
    for name in ("frames", "teacher_q", "action", "last", "age"):
        assert torch.equal(getattr(memory, name), getattr(by_hand, name)), name
        assert torch.equal(getattr(memory, name), getattr(again, name)), name


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"purpose": "show"}, {"generator": torch.Generator().manual_seed(5)}]
)
def test_seed_purpose_and_generator_change_what_is_collected(changed):
    network = QNetwork(3, "net3", generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    agent = Agent(network, {"games": {CATCH: []}})
    usual, other = (collect(agent, 200, **options) for options in ({}, changed))
    assert not torch.equal(usual.action, other.action)
