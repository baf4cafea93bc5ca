"""Parallel Q-learning: what a roll-out holds, what it is learnt towards, and that it learns."""

import itertools
from dataclasses import replace

import pytest
import torch
from fakes import CATCH, MIRRORED, deal, without_clocks

from pdlearn.checkpoints import read_agent
from pdlearn.evaluation import evaluate
from pdlearn.networks import QNetwork
from pdlearn.pqn import PQN, PQNLearner, Rollout, Targets
from pdlearn.presets import PQN_BUDGETS, EvalConfig, PQNConfig
from pdlearn.tensor_files import read_file

TINY = replace(
    PQN_BUDGETS["smoke"], size="net3", num_envs=4, rollout_steps=16, minibatch=32,
    agent_steps=512, evaluation_period_steps=10**9, evaluation_episodes=1,
)  # fmt: skip


def test_it_learns_catch_from_pixels():
    config = replace(
        TINY, num_envs=16, agent_steps=20_480, minibatch=64, epochs=4, epsilon_decay_steps=10_000,
        learning_rate=1e-3, learning_rate_final=1e-5,
    )  # fmt: skip
    run = PQN(CATCH, config, seed=1, precision="float32")
    assert list(run)[-1]["agent_steps"] == 20_480
    assert evaluate(run.agent(), EvalConfig(episodes=60, epsilon=0.0)).mean > 0.8


# Two copies: the first loses a life and is cut by a time limit, the second ends twice, once at the
# last step of the first roll-out. A void step follows each end.
SCRIPT = [
    [(3, "truncated", (2,)), (9, "terminated", ())],
    [(1, "terminated", ()), (2, "terminated", ()), (9, "terminated", ())],
]


def tape_rollout(monkeypatch, **settings):
    """Return a roll-out of five steps of the script, and the environments it plays."""
    make, made = deal(SCRIPT)
    monkeypatch.setattr("pdlearn.pqn.envs.make", make)
    config = PQNConfig(num_envs=2, rollout_steps=5, minibatch=5, epochs=1, **settings)

    def values(observation):  # V is 100 times the episode plus the time it was seen at
        newest = observation[:, -1].float()
        value = 100 * newest[:, 0, 1] + newest[:, 1, 0] - 1
        return torch.stack([value, value - 1], 1)

    return Rollout("tape", values, config, generator=torch.Generator().manual_seed(0), seed=0), made


def test_a_rollout_holds_each_copys_steps_in_order(monkeypatch):
    rollout, made = tape_rollout(monkeypatch, clip_reward=False, discount=0.5)
    assert rollout.play(0.0) == 3
    value = rollout.q.max(2).values
    assert value[:, 0].tolist() == [0, 1, 2, 3, 100, 101]
    assert value[:, 1].tolist() == [0, 1, 100, 101, 102, 200]
    reward, discount, last = rollout.outcome
    # Where `last`, the step is void: what it holds is never learnt from.
    assert last[:, 0].tolist() == [0, 0, 0, 1, 0] and last[:, 1].tolist() == [0, 1, 0, 0, 1]
    assert [reward[t, 0].item() for t in (0, 1, 2, 4)] == [1, 2, 3, 11]
    assert [discount[t, 0].item() for t in (0, 1, 2, 4)] == [0.5, 0, 0.5, 0.5]
    assert [discount[t, 1].item() for t in (0, 2, 3)] == [0, 0.5, 0]
    assert rollout.observation[:, 1, -1, 0, 0].tolist() == [1] * 5  # the second copy, every step
    rollout.close()
    assert all(env.closed for env in made)


def test_the_next_rollout_goes_on_where_the_last_one_stopped(monkeypatch):
    rollout, _ = tape_rollout(monkeypatch)
    rollout.play(0.0)
    bootstrap = rollout.q[-1].clone()
    rollout.play(0.0)
    assert torch.equal(rollout.q[0], bootstrap)


def test_minibatches_show_every_step_once_an_epoch_with_its_target(monkeypatch):
    rollout, _ = tape_rollout(monkeypatch, clip_reward=False, discount=0.5, lambda_=0.0)
    rollout.play(0.0)
    batches = list(rollout.minibatches(torch.Generator().manual_seed(0)))
    assert len(batches) == 2
    observation, _, target, valid = map(torch.cat, zip(*batches, strict=True))
    seen = [tuple(x[-1].flatten()[:3].tolist()) for x in observation]
    assert len(set(seen)) == 10
    targets = dict(zip(seen, target.tolist(), strict=True))
    assert targets[0, 0, 1] == 1 + 0.5 * 1  # copy 0, time 0: r + γV
    assert targets[0, 0, 2] == 2  # the step that loses a life
    assert targets[0, 0, 3] == 3 + 0.5 * 3  # the time limit bootstraps from what it cut at
    assert targets[1, 1, 2] == 12  # the game ends at the roll-out's last but one step
    voids = {what for what, good in zip(seen, valid.tolist(), strict=True) if not good}
    assert voids == {(0, 0, 4), (1, 0, 2), (1, 1, 3)}


def test_void_steps_move_no_weight():
    learner = PQNLearner(TINY, QNetwork(2, "net3", (5,), torch.Generator().manual_seed(0)))
    before = learner.network.out.weight.clone()
    observation, action = torch.randn(8, 5), torch.zeros(8, dtype=torch.int64)
    target = torch.full((8,), 9.0)
    loss = learner.update(Targets(observation, action, target, torch.zeros(8)))
    assert loss == 0 and torch.equal(learner.network.out.weight, before)
    loss = learner.update(Targets(observation, action, target, torch.ones(8)))
    assert loss > 1 and not torch.equal(learner.network.out.weight, before)


def test_the_loss_is_half_the_mean_square():
    learner = PQNLearner(TINY, QNetwork(2, "net3", (5,), torch.Generator().manual_seed(0)))
    observation, action = torch.randn(2, 5), torch.tensor([0, 1])
    chosen = learner.network(observation)[[0, 1], [0, 1]].detach()
    target = chosen + torch.tensor([1.0, 3.0])
    loss = learner.loss(Targets(observation, action, target, torch.ones(2)))
    assert loss.item() == pytest.approx(0.5 * (1 + 9) / 2, rel=1e-5)


def test_a_long_gradient_is_cut_to_its_largest_norm():
    config = replace(TINY, max_gradient_norm=0.5)
    learner = PQNLearner(config, QNetwork(2, "net3", (5,), torch.Generator().manual_seed(0)))
    observation, action = torch.randn(8, 5), torch.zeros(8, dtype=torch.int64)
    learner.update(Targets(observation, action, torch.full((8,), 1e3), torch.ones(8)))
    squares = [p.grad.square().sum() for p in learner.network.parameters()]
    assert sum(squares).sqrt().item() == pytest.approx(0.5, rel=1e-3)


def test_the_learning_rate_falls_in_a_line_to_its_last():
    config = replace(
        TINY, agent_steps=1_000, epochs=2, minibatch=20, learning_rate=1.0, learning_rate_final=0.5
    )
    learner = PQNLearner(config, QNetwork(2, "net3", (5,)))
    rates = []
    for learner.updates in (0, 50, 100, 150):
        rates.append(learner.learning_rate())
    assert rates == [1.0, 0.75, 0.5, 0.5]


def test_each_transition_is_learnt_once_an_epoch():
    *_, row = PQN(CATCH, replace(TINY, epochs=3), precision="float32")
    assert row["agent_steps"] == 512 and row["updates"] * TINY.minibatch == 3 * 512


def test_the_same_seed_gives_the_same_numbers_and_another_others():
    runs = [list(PQN(CATCH, TINY, seed=s, precision="float32")) for s in (3, 3, 4)]
    assert without_clocks(runs[0]) == without_clocks(runs[1]) != without_clocks(runs[2])


def test_held_random_actions_work_here_too():
    *_, row = PQN(CATCH, replace(TINY, longest_hold_steps=8), precision="float32")
    assert row["updates"] > 0


def test_several_games_learn_in_turn():
    run = PQN([CATCH, MIRRORED], replace(TINY, size="multi3"), precision="float32")
    rows = list(run)
    assert rows[0]["agent_steps"] == 2 * 64 and rows[-1]["agent_steps"] == 512
    assert {f"score_{CATCH}", f"score_{MIRRORED}"} <= set(rows[0])
    assert run.agent().games == (CATCH, MIRRORED)


def test_a_resumed_run_carries_on_counters_and_optimiser(tmp_path):
    first = PQN(CATCH, TINY, seed=5, precision="float32", folder=tmp_path)
    rows = list(first)
    second = PQN(CATCH, replace(TINY, agent_steps=1_024), seed=5, folder=tmp_path, resume=True)
    more = list(second)
    assert more[0]["agent_steps"] == rows[-1]["agent_steps"] + 64
    assert more[-1]["updates"] == 2 * rows[-1]["updates"]
    assert {int(s["step"]) for s in second.learner.optimizer.state.values()} == {
        more[-1]["updates"]
    }


def test_everything_saved_comes_back_bit_for_bit(tmp_path):
    run = PQN(CATCH, TINY, seed=5, precision="float32", folder=tmp_path)
    list(run)
    again = PQN(CATCH, TINY, seed=5, folder=tmp_path, resume=True)
    list(again)  # nothing is left to learn
    for name, tensor in run.learner.state_dict().items():
        assert torch.equal(tensor, again.learner.state_dict()[name]), name
    assert torch.equal(again.generator.get_state(), run.generator.get_state())


def test_a_run_that_is_interrupted_is_saved_first(tmp_path, monkeypatch):
    run = PQN(CATCH, TINY, precision="float32", folder=tmp_path)
    update = PQNLearner.update

    def interrupted(self, *batch):
        if self.updates == 20:
            raise KeyboardInterrupt
        return update(self, *batch)

    monkeypatch.setattr(PQNLearner, "update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(run)
    assert read_file(tmp_path / "state.safetensors")[1]["counts"]["updates"] == 20


def test_its_card_says_how_it_was_made_and_loads(tmp_path):
    run = PQN(CATCH, TINY, precision="float32", folder=tmp_path)
    list(run)
    for name in ("agent", "best"):
        agent = read_agent(tmp_path / f"{name}.safetensors", CATCH)
        assert agent.card["normalization"] == agent.network.normalization == "layer"
        assert agent.card["made"]["by"] == "pqn"
        assert agent.card["made"]["config"]["lambda_"] == TINY.lambda_
    observation = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8)
    loaded = read_agent(tmp_path / "agent.safetensors")
    torch.testing.assert_close(loaded.network(observation), run.learner.network(observation))


def test_a_minibatch_larger_than_a_rollout_is_refused():
    with pytest.raises(ValueError, match="at most num_envs x rollout_steps = 64; got 65"):
        PQN(CATCH, replace(TINY, minibatch=65))


def test_vector_observations_are_learnt_from_too():
    *_, row = itertools.islice(PQN("CartPole-v1", TINY, precision="float32"), 3)
    assert row["updates"] == 12
