"""Recorded play: what comes back from a file is what went in, and no damage goes unseen."""

import zlib

import numpy as np
import pytest
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.networks import QNetwork
from pdlearn.replay.collecting import begin_recording, collect, record
from pdlearn.replay.recordings import load_recording, save_recording
from pdlearn.tensor_files import CheckpointError, read_file, write_file

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

    def spy(*arguments, **settings):
        made.append(make(*arguments, **settings))
        monkeypatch.setattr(made[-1], "close", lambda: closed.append(True))
        return made[-1]

    closed = []
    monkeypatch.setattr("pdlearn.replay.collecting.envs.make", spy)
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the tensors and the card of a sound recording."""
    path = tmp_path_factory.mktemp("whole") / "r"
    save_recording(path, recorded(400, 400), {"game": CATCH, "actions": ["0", "1", "2"]})
    return read_file(path)


def changed(tensor, value, at=7):
    tensor = tensor.clone()
    tensor.view(-1)[at] = value
    return tensor


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("teacher_q", lambda t: changed(t, float("nan")), "expected finite numbers in teacher_q"),
        ("teacher_q", lambda t: changed(t, float("inf")), "expected finite numbers in teacher_q"),
        ("teacher_q", lambda t: t - float("inf"), "expected a value of an action in each state"),
        ("teacher_q", lambda t: t[:, :2], r"as .* \[400, 3\]; got .* \[400, 2\]"),
        ("teacher_q", lambda t: t.double(), "expected teacher_q as torch.float32"),
        ("teacher_q", lambda t: t[0, 0], "expected teacher_q as"),
        ("action", lambda t: changed(t, 200), "expected actions in 0..2; got others"),
        ("action", lambda t: t.to(torch.int8) - 1, "expected action as torch.uint8"),
        ("action", lambda t: t[:-1], r"expected action as torch.uint8 \[400\]; got .* \[399\]"),
        ("age", lambda t: changed(t, 200), "expected ages that count the steps of each episode"),
        ("age", lambda t: t.float() * float("nan"), "expected age as torch.uint8"),
        ("last", lambda t: ~t, "expected ages that count"),
        ("last", lambda t: changed(t.view(torch.uint8), 2).view(torch.bool), "expected 0 and 1 in"),
        ("block_bytes", lambda t: changed(t, -5, 0), "expected blocks whose sizes add up"),
        ("block_bytes", lambda t: t + 1, "expected blocks whose sizes add up"),
        ("block_bytes", lambda t: changed(changed(t, t[0] - 9, 0), t[1] + 9, 1), "a block"),
        ("frames", lambda t: changed(t, 0, 0), "a block of frames is damaged"),
        ("frames", lambda t: t[:40], "bytes hold less"),
        ("more", lambda t: torch.zeros(1), "expected other tensors; got"),
    ],
)  # fmt: skip
def test_checksummed_tensors_that_no_recording_holds_are_refused(
    tmp_path, whole, name, make, message
):
    tensors, card = whole
    write_file(tmp_path / "r", tensors | {name: make(tensors.get(name))}, card)
    with pytest.raises(CheckpointError, match=message) as raised:
        load_recording(tmp_path / "r")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"slots": 10**9}, "expected frames for 4,000,000,000 steps"),
        ({"slots": 10**30}, "expected slots in 1..1000000000"),
        ({"slots": 99}, "expected .* as .*; got"),
        ({"num_envs": 0}, "expected num_envs in 1..4096; got 0"),
        ({"num_envs": 5, "slots": 80}, "expected block_bytes as"),
        ({"num_envs": 2, "slots": 200}, "expected ages|a block"),
        ({"observation_shape": [4, 84, 85]}, "bytes of frames in a block; got more or fewer"),
        ({"observation_shape": [4, 84, 10**6]}, "bytes hold less"),
        ({"observation_shape": [4, 84]}, r"expected observations \(S, H, W\) or \(D,\)"),
        ({"observation_shape": None}, "expected observation_shape as a list; got None"),
        ({"game": "pong"}, "made for the actions 0, 1, 2; pong has NOOP"),
        ({"game": "pnog"}, "did you mean 'pong'"),
        ({"game": ["pong"]}, "expected game as a line of text"),
        ({"actions": ["0", "1"]}, "expected teacher_q as"),
        ({"epsilon": float("nan")}, "expected epsilon as a finite number"),
        ({"epsilon": 3}, "expected epsilon in 0..1; got 3"),
        ({"seed": "0"}, "expected seed as an integer; got '0'"),
        ({"kind": "agent"}, "holds 'agent'; expected a recording"),
        ({"unheard_of": 1}, "unknown entry 'unheard_of'"),
    ],
)  # fmt: skip
def test_checksummed_cards_that_no_recording_has_are_refused(tmp_path, whole, entries, message):
    tensors, card = whole
    write_file(tmp_path / "r", tensors, card | entries)
    with pytest.raises(CheckpointError, match=message):
        load_recording(tmp_path / "r")


@pytest.mark.parametrize("missing", ["game", "num_envs", "slots", "observation_shape"])
def test_a_card_without_an_entry_is_refused(tmp_path, whole, missing):
    tensors, card = whole
    write_file(tmp_path / "r", tensors, {k: v for k, v in card.items() if k != missing})
    with pytest.raises(CheckpointError, match=f"expected an entry {missing}; it is missing"):
        load_recording(tmp_path / "r")


def test_a_bomb_of_zeros_is_not_expanded(tmp_path, whole):
    tensors, card = whole
    bomb = torch.frombuffer(bytearray(zlib.compress(bytes(64 * 2**20), 9)), dtype=torch.uint8)
    sizes = tensors["block_bytes"].clone()
    rest = tensors["frames"][sizes[0] :]
    sizes[0] = len(bomb)
    frames = torch.cat([bomb, rest])
    write_file(tmp_path / "r", tensors | {"frames": frames, "block_bytes": sizes}, card)
    with pytest.raises(CheckpointError, match="expected 451,584 bytes of frames in a block"):
        load_recording(tmp_path / "r")


def test_a_recording_too_large_for_the_machine_is_refused(tmp_path, whole, monkeypatch):
    tensors, card = whole
    write_file(tmp_path / "r", tensors, card)
    monkeypatch.setattr("pdlearn.replay.recordings.ram_bytes", lambda: 400 * 7056 - 1)
    with pytest.raises(CheckpointError, match="this machine has no room for them"):
        load_recording(tmp_path / "r")


@pytest.mark.parametrize("card", [{"game": CATCH, "by": "me"}, {}, {"game": "pong"}])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, card):
    with pytest.raises(
        CheckpointError, match="unknown entry 'by'|game; it is missing|teacher_q as"
    ):
        save_recording(tmp_path / "r", recorded(200, 200), card)
    assert list(tmp_path.iterdir()) == []


def test_the_stacks_sampled_from_the_recording_of_a_wrapped_ring_are_those_that_were_seen(tmp_path):
    memory = recorded(600, 400)
    save_recording(tmp_path / "r", memory, {"game": CATCH})
    again, _ = load_recording(tmp_path / "r")
    held, network = len(again) // 4, QNetwork(3, "net3", generator=torch.Generator().manual_seed(0))
    batch = again.sample_states(4_000, torch.Generator().manual_seed(0))
    assert held == 100 and len(np.unique(batch.teacher_q[:, 0].numpy())) > 100
    # The recorded values are the network's own: a stack with a wrong frame has other values.
    with torch.no_grad():
        assert torch.allclose(network(batch.observation), batch.teacher_q, atol=1e-4)
