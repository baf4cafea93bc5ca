"""The teacher's loop: it learns, repeats itself, and survives being stopped."""

import copy
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import CATCH, LEARNING, TINY, without_clocks

from pdlearn.checkpoints import read_agent
from pdlearn.dqn import DQN, DQNLearner, epsilon_at
from pdlearn.evaluation import evaluate
from pdlearn.networks import QNetwork
from pdlearn.presets import DQNConfig, EvalConfig
from pdlearn.replay.memory import Transitions
from pdlearn.replay.prioritized import PrioritizedMemory
from pdlearn.tensor_files import read_file, write_file


def test_it_learns_catch_from_pixels():
    run = DQN(CATCH, LEARNING, seed=1, precision="float32")
    rows = list(run)
    assert rows[-1]["agent_steps"] == 12_000
    score = evaluate(run.agent(), EvalConfig(episodes=60, epsilon=0.0)).mean
    assert score > 0.8  # random play scores about -0.5, perfect play 1


def test_it_learns_catch_from_prioritised_transitions():
    run = DQN(CATCH, replace(LEARNING, priority_exponent=0.5), seed=1, precision="float32")
    assert list(run)[-1]["agent_steps"] == 12_000
    assert evaluate(run.agent(), EvalConfig(episodes=60, epsilon=0.0)).mean > 0.8


def test_what_was_learnt_has_the_priority_of_its_error(monkeypatch):
    told = []
    monkeypatch.setattr(PrioritizedMemory, "set_errors", lambda self, *pair: told.append(pair))
    run = DQN(CATCH, replace(TINY, priority_exponent=0.5), precision="float32")
    *_, row = run
    assert len(told) == row["updates"]
    assert all(row.shape == error.shape == (TINY.minibatch,) for row, error in told)
    assert torch.equal(told[-1][1], run.learner.error)


def test_the_same_seed_gives_the_same_numbers():
    runs = [list(DQN(CATCH, TINY, seed=3, precision="float32")) for _ in range(2)]
    assert without_clocks(runs[0]) == without_clocks(runs[1])


def test_another_seed_gives_other_numbers():
    runs = [list(DQN(CATCH, TINY, seed=seed, precision="float32")) for seed in (3, 4)]
    assert without_clocks(runs[0]) != without_clocks(runs[1])


def test_the_configured_number_of_samples_is_learnt_for_each_step():
    run = DQN(CATCH, replace(TINY, samples_per_step=2.0), precision="float32")
    *_, row = run
    owed = (TINY.agent_steps - TINY.learn_start_steps) * 2.0
    assert abs(row["updates"] * TINY.minibatch - owed) <= TINY.minibatch


def test_epsilon_falls_linearly_and_then_stays():
    config = DQNConfig(epsilon_start=1.0, epsilon_final=0.1, epsilon_decay_steps=100)
    values = [epsilon_at(config, steps) for steps in (0, 50, 100, 10_000)]
    assert values == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_the_learning_rate_is_smaller_in_the_last_quarter():
    config = replace(
        TINY, agent_steps=1_000, samples_per_step=4.0, minibatch=10, learning_rate=0.1,
        learning_rate_final=0.01,
    )  # fmt: skip
    learner = DQNLearner(config, QNetwork(2, "net3", (5,)))
    rates = []
    for learner.updates in (0, 299, 300, 400):
        rates.append(learner.learning_rate())
    assert rates == [0.1, 0.1, 0.01, 0.01]


def test_the_target_network_changes_only_every_so_many_updates():
    config = replace(TINY, target_period_updates=3)
    learner = DQNLearner(config, QNetwork(2, "net3", (5,), torch.Generator().manual_seed(0)))
    batch = Transitions(
        torch.randn(8, 5), torch.zeros(8, dtype=torch.int64), torch.ones(8), torch.ones(8),
        torch.randn(8, 5),
    )  # fmt: skip
    before = learner.target.out.weight.clone()
    for update in (1, 2, 3):
        learner.update(batch)
        same = torch.equal(learner.target.out.weight, before)
        assert same == (update < 3)
    assert torch.equal(learner.target.out.weight, learner.network.out.weight)


def test_a_resumed_run_carries_on_counters_exploration_and_optimiser(tmp_path):
    first = DQN(CATCH, TINY, seed=5, precision="float32", folder=tmp_path)
    rows = iter(first)
    next(row for row in rows if row["agent_steps"] == 2_000)
    rows.close()
    longer = replace(TINY, agent_steps=4_000, epsilon_decay_steps=8_000)
    second = DQN(CATCH, longer, seed=5, folder=tmp_path, resume=True)
    rows = list(second)
    assert rows[0]["agent_steps"] == 4_000
    assert rows[0]["updates"] > first.learner.updates > 0
    assert rows[0]["epsilon"] == pytest.approx(epsilon_at(longer, 4_000), abs=1e-3)
    steps_taken = {int(s["step"]) for s in second.learner.optimizer.state.values()}
    assert steps_taken == {second.learner.updates}


def test_everything_saved_comes_back_bit_for_bit(tmp_path):
    run = DQN(CATCH, TINY, seed=5, precision="float32", folder=tmp_path)
    list(run)
    again = DQN(CATCH, TINY, seed=5, folder=tmp_path, resume=True)
    list(again)  # nothing is left to learn
    for name, tensor in run.learner.state_dict().items():
        assert torch.equal(tensor, again.learner.state_dict()[name]), name
    assert again.counters() | {"seconds": 0} == run.counters() | {"seconds": 0}
    assert torch.equal(again.generator.get_state(), run.generator.get_state())


def test_a_run_that_is_interrupted_is_saved_first(tmp_path):
    run = DQN(CATCH, TINY, precision="float32", folder=tmp_path)
    add = DQNLearner.update

    def interrupted(self, *batch):
        if self.updates == 20:
            raise KeyboardInterrupt
        return add(self, *batch)

    DQNLearner.update = interrupted
    try:
        with pytest.raises(KeyboardInterrupt):
            list(run)
    finally:
        DQNLearner.update = add
    _, card = read_file(tmp_path / "state.safetensors")
    assert card["counts"]["updates"] == 20


def test_a_full_disk_does_not_end_a_run(tmp_path, monkeypatch):
    run = DQN(CATCH, replace(TINY, agent_steps=4_000), precision="float32", folder=tmp_path)
    monkeypatch.setattr("pdlearn.runs.SAVE_SECONDS", 0.0)
    save = run.save

    def full_disk():
        if 0 < run.agent_steps < 4_000:
            raise OSError(28, "No space left on device")
        save()

    run.save = full_disk
    with pytest.warns(UserWarning, match="could not save .*No space left on device"):
        rows = list(run)
    assert rows[-1]["agent_steps"] == 4_000
    assert read_file(tmp_path / "state.safetensors")[1]["counts"]["agent_steps"] == 4_000


def test_resuming_a_run_of_another_game_is_refused(tmp_path):
    list(itertools.islice(DQN(CATCH, TINY, precision="float32", folder=tmp_path), 1))
    sentence = r"its games is \['pdlearn/Catch-v0'\]; expected \['CartPole-v1'\]"
    with pytest.raises(ValueError, match=sentence):
        list(DQN("CartPole-v1", TINY, folder=tmp_path, resume=True))


def test_resuming_where_there_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no run to resume here"):
        list(DQN(CATCH, TINY, folder=tmp_path, resume=True))


def test_a_state_with_an_older_card_is_resumed(tmp_path):
    run = DQN(CATCH, TINY, precision="float32", folder=tmp_path)
    list(run)
    tensors, card = read_file(tmp_path / "state.safetensors")
    older = {key: value for key, value in card.items() if key != "games"} | {"game": CATCH}
    write_file(tmp_path / "state.safetensors", tensors, older)
    resumed = DQN(CATCH, TINY, precision="float32", folder=tmp_path, resume=True)
    assert list(resumed) == []
    assert resumed.agent_steps == run.agent_steps


def test_the_best_agent_is_kept_with_the_evaluation_that_chose_it(tmp_path):
    config = replace(TINY, evaluation_period_steps=1_000, evaluation_episodes=3)
    rows = list(DQN(CATCH, config, precision="float32", folder=tmp_path))
    evaluations = [row["evaluation"] for row in rows if not math.isnan(row["evaluation"])]
    assert len(evaluations) == 2
    best = read_agent(tmp_path / "best.safetensors", CATCH)
    assert best.card["chosen_by"][CATCH]["mean"] == max(evaluations) == rows[-1]["best_evaluation"]
    assert best.card["made"]["by"] == "dqn"


def test_a_run_in_memory_keeps_a_copy_of_its_best_agent():
    run = DQN(CATCH, replace(TINY, evaluation_period_steps=1_000), precision="float32")
    rows = iter(run)
    next(rows)
    first = run.best.network
    before = copy.deepcopy(first.state_dict())
    assert sum(1 for _ in rows) > 0
    assert all(torch.equal(before[key], value) for key, value in first.state_dict().items())
    assert not torch.equal(first.out.weight, run.learner.network.out.weight)


def test_minutes_stop_a_run():
    rows = list(DQN(CATCH, replace(TINY, agent_steps=10**9), minutes=0.0, precision="float32"))
    assert len(rows) == 1


def test_vector_observations_are_learnt_from_too():
    *_, row = DQN("CartPole-v1", TINY, precision="float32")
    assert row["updates"] > 50 and np.isfinite(row["loss"])


@pytest.mark.gpu
def test_on_a_gpu_the_inner_loop_neither_copies_nor_waits():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    config = replace(TINY, size="teacher")
    run = DQN("pong", config, device="cuda")
    next(iter(run))
    from pdlearn.replay.memory import Memory

    memory = Memory(10_000, 4, (4, 84, 84), "cuda")
    memory.added_slots = memory.slots
    memory.frames.zero_()
    generator = torch.Generator("cuda").manual_seed(0)
    run.learner.update(memory.sample_transitions(16, 3, generator))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(10):
            run.learner.update(memory.sample_transitions(16, 3, generator))
    finally:
        torch.cuda.set_sync_debug_mode("default")
