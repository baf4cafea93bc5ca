"""QR-DQN: the quantile loss by hand, the head and its collapse, and the run that uses them."""

from dataclasses import replace

import pytest
import torch

from pdlearn.checkpoints import read_agent
from pdlearn.dqn import DQN, QuantileLearner
from pdlearn.losses import td_loss, td_target
from pdlearn.networks import QNetwork, parameter_count
from pdlearn.presets import DQN_BUDGETS, DQNConfig
from pdlearn.quantiles import QuantileNetwork, quantile_loss, quantile_target
from pdlearn.replay.memory import Transitions

CATCH = "pdlearn/Catch-v0"
TINY = replace(
    DQN_BUDGETS["smoke"], size="net3", minibatch=16, learn_start_steps=200, agent_steps=800,
    memory_steps=1_000, evaluation_period_steps=400, quantiles=5, double=True,
)  # fmt: skip


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def network(quantiles=51, size="net3", shape=(5,), num_actions=3) -> QuantileNetwork:
    generator = torch.Generator().manual_seed(0)
    return QuantileNetwork(
        num_actions, size, shape, generator, normalization="layer", quantiles=quantiles
    )


# --- the loss ---

# Two quantiles of two actions; tau is 1/4 and 3/4. Action 1 has the quantiles 0 and 2.
Z = torch.tensor([[[9.0, 0.0], [9.0, 2.0]]])


def test_the_loss_of_two_quantiles_and_two_targets():
    # Errors of the first quantile 1 and 4: Huber 0.5 and 3.5, times 1/4, mean 0.5.
    # Errors of the second -1 and 2: Huber 0.5 and 1.5, times |3/4 - 1| and 3/4, mean 0.625.
    loss = quantile_loss(Z, torch.tensor([1]), torch.tensor([[1.0, 4.0]]))
    assert loss.item() == 1.125


def test_the_gradient_is_the_clipped_error_times_the_slope_and_only_for_the_action_taken():
    # Errors 1.5 and 1, clipped 1 and 1, times 1/4: mean 1/4. Errors -1/2 and -1, times 1/4: -3/16.
    z = Z.repeat(2, 1, 1).requires_grad_()
    quantile_loss(z, torch.tensor([1, 1]), torch.tensor([[1.5, 1.0], [1.5, 1.0]])).backward()
    expected = torch.tensor([[0.0, -0.25], [0.0, 0.1875]]) / 2  # a batch of two
    torch.testing.assert_close(z.grad, expected.expand(2, 2, 2))


def test_a_weight_multiplies_the_loss_of_its_transition():
    # The loss of the first is 1.125, as above, and of the second 0.
    z = torch.cat([Z, torch.zeros(1, 2, 2)])
    action, target = torch.tensor([1, 0]), torch.tensor([[1.0, 4.0], [0.0, 0.0]])
    loss = quantile_loss(z, action, target, torch.tensor([0.5, 1.0]))
    assert loss.item() == 0.5 * 1.125 / 2


def test_one_quantile_has_half_the_loss_of_the_mean():
    q, action, target, weight = draw(6, 3) * 3, torch.tensor([0, 1, 2, 0, 1, 2]), draw(6), draw(6)
    loss = quantile_loss(q.unsqueeze(1), action, target.unsqueeze(1), weight)
    torch.testing.assert_close(loss, td_loss(q, action, target, weight) / 2)


def test_the_gradient_is_zero_at_the_quantiles_of_the_targets():
    # Of 0.5 to 999.5, an eighth of the numbers is below 125; Huber's curved part is negligible.
    z = torch.tensor([125.0, 375.0, 625.0, 875.0]).view(1, 4, 1).requires_grad_()
    target = torch.arange(1_000).view(1, 1_000) + 0.5
    quantile_loss(z, torch.tensor([0]), target).backward()
    assert z.grad.abs().max() < 1e-3
    z.grad = None
    quantile_loss(z + 100.0, torch.tensor([0]), target).backward()
    torch.testing.assert_close(z.grad, torch.full_like(z, 0.1), atol=1e-3, rtol=0)


def test_the_loss_changes_no_input_and_gives_the_target_no_gradient():
    z, target = draw(4, 5, 3).requires_grad_(), draw(4, 7, seed=1).requires_grad_()
    before = z.detach().clone(), target.detach().clone()
    quantile_loss(z, torch.tensor([0, 1, 2, 0]), target).backward()
    assert target.grad is None and z.grad is not None
    assert torch.equal(z, before[0]) and torch.equal(target, before[1])


@pytest.mark.parametrize(
    ("z", "action", "target", "weight"),
    [
        ((2, 3), (2,), (2, 3), None),
        ((2, 3, 4), (2, 1), (2, 3), None),
        ((2, 3, 4), (1,), (2, 3), None),
        ((2, 3, 4), (2,), (2,), None),
        ((2, 3, 4), (2,), (1, 3), None),
        ((0, 3, 4), (0,), (0, 3), None),
        ((2, 3, 4), (2,), (2, 3), (2, 1)),
        ((2, 3, 4), (2,), (2, 3), (1,)),
    ],
)
def test_the_loss_refuses_other_shapes(z, action, target, weight):
    action = torch.zeros(action, dtype=torch.int64)
    weight = None if weight is None else torch.ones(weight)
    with pytest.raises(ValueError, match=r"expected (quantiles \[B, N, A\]|weights \[2\])"):
        quantile_loss(torch.zeros(z), action, torch.zeros(target), weight)


# --- the target ---

# Action 0 has the quantiles 0 and 4 (mean 2), action 1 has 1 and 2 (mean 1.5).
Z_T = torch.tensor([[[0.0, 1.0], [4.0, 2.0]]])


def test_the_target_has_the_quantiles_of_the_action_with_the_highest_mean():
    target = quantile_target(torch.tensor([1.0]), torch.tensor([0.5]), Z_T)
    assert target.tolist() == [[1.0, 3.0]]


def test_the_double_target_has_those_of_the_online_networks_action():
    online = torch.tensor([[0.0, 1.0]])
    target = quantile_target(torch.tensor([1.0]), torch.tensor([0.5]), Z_T, online)
    assert target.tolist() == [[1.5, 2.0]]


def test_each_transition_has_its_own_discount_and_after_an_end_the_reward_alone():
    reward, discount = torch.tensor([1.0, 2.0]), torch.tensor([0.25, 0.0])
    target = quantile_target(reward, discount, Z_T.repeat(2, 1, 1))
    assert target.tolist() == [[1.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize("double", [False, True])
def test_the_mean_of_the_target_is_the_target_of_the_mean(double):
    reward, discount, z, online = draw(6), draw(6, seed=1), draw(6, 5, 3, seed=2), draw(6, 3)
    last = (online,) if double else ()
    target = quantile_target(reward, discount, z.requires_grad_(), *last)
    torch.testing.assert_close(target.mean(1), td_target(reward, discount, z.mean(1), *last))
    assert not target.requires_grad


@pytest.mark.parametrize(
    ("reward", "discount", "z", "online"),
    [
        ((2,), (2,), (2, 3), None),
        ((1,), (2,), (2, 3, 4), None),
        ((2,), (2, 1), (2, 3, 4), None),
        ((2,), (2,), (2, 3, 4), (2, 3)),
    ],
)
def test_the_target_refuses_other_shapes(reward, discount, z, online):
    last = () if online is None else (torch.zeros(online),)
    with pytest.raises(ValueError, match=r"expected rewards \[B\]"):
        quantile_target(torch.zeros(reward), torch.zeros(discount), torch.zeros(z), *last)


# --- the network ---


@pytest.mark.parametrize("shape", [(5,), (4, 84, 84)])
def test_the_collapsed_network_has_the_means_of_the_quantiles(shape):
    trained = network(shape=shape)
    pixels = torch.randint(256, (8, *shape), dtype=torch.uint8)
    observation = draw(8, 5) if shape == (5,) else pixels
    with torch.no_grad():
        quantiles, values = trained.quantiles(observation), trained(observation)
        collapsed = trained.collapsed()(observation)
    assert quantiles.shape == (8, 51, 3) and quantiles.std(1).min() > 0.1
    torch.testing.assert_close(values, quantiles.mean(1))
    torch.testing.assert_close(collapsed, values, atol=1e-6, rtol=0)


def test_the_collapsed_network_is_a_q_network_of_the_papers_size():
    collapsed = network(size="teacher", shape=(4, 84, 84), num_actions=18).collapsed()
    assert type(collapsed) is QNetwork and collapsed.normalization == "layer"
    assert parameter_count(collapsed) == 1_693_362


def test_the_collapsed_network_is_a_copy():
    trained = network()
    collapsed = trained.collapsed()
    before = {name: tensor.clone() for name, tensor in collapsed.state_dict().items()}
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[name], t) for name, t in collapsed.state_dict().items())


# --- the learner ---


@pytest.mark.parametrize("double", [False, True])
def test_it_learns_the_quantiles_of_a_random_reward_and_of_the_step_before(double):
    """In state 1, action 0 gives 10 in a quarter of the cases and else 0; action 1 gives 2.

    The loss of four quantiles is smallest where the upward and downward parts are equal, as
    0.25 tau = 0.75 (1 - tau) z for z below 1: at 1/21, 1/5, 5/9 and 10 - 3/7. They are on average
    2.59, which is more than 2. Both actions of state 0 lead to state 1, without a reward, so that
    its targets are 0.9 of these: 0.043, 0.18, 0.5 and 8.61. Its lowest quantile is between 0.18 and
    0.5: 0.125 (0.5 - z + 1) = 0.875 (z - 0.043 + z - 0.18) at 0.204, and the others follow so too.
    """
    config = DQNConfig(
        double=double, target_period_updates=20, learning_rate=5e-3, learning_rate_final=5e-3
    )
    learner = QuantileLearner(config, network(quantiles=4, shape=(2,), num_actions=2))
    states = torch.eye(2)
    state = torch.tensor([0] * 2 + [1] * 5)
    batch = Transitions(
        states[state], torch.tensor([0, 1, 0, 0, 0, 0, 1]),
        torch.tensor([0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 2.0]),
        torch.tensor([0.9] * 2 + [0.0] * 5), states[[1] * 7],
    )  # fmt: skip
    for _ in range(400):
        learner.update(batch)
    with torch.no_grad():
        quantiles = learner.network.quantiles(states).transpose(1, 2)  # [2, 2, 4]
    before = torch.tensor([0.2040, 0.4319, 0.7965, 8.1857])
    random = torch.tensor([1 / 21, 1 / 5, 5 / 9, 10 - 3 / 7])
    expected = torch.stack([before, before, random, torch.full((4,), 2.0)]).view(2, 2, 4)
    torch.testing.assert_close(quantiles, expected, atol=0.01, rtol=0)


def test_priorities_are_the_errors_of_the_means():
    learner = QuantileLearner(DQNConfig(quantiles=51), network())
    batch = Transitions(
        draw(4, 5), torch.tensor([0, 1, 2, 0]), draw(4, seed=1), torch.full((4,), 0.9),
        draw(4, 5, seed=2),
    )  # fmt: skip
    values, values_t = learner.network(batch.observation_tm1), learner.target(batch.observation_t)
    target = batch.reward_t + 0.9 * values_t.max(1).values
    learner.update(batch)
    expected = values.gather(1, batch.action_tm1.unsqueeze(1)).squeeze(1) - target
    torch.testing.assert_close(learner.error, expected.detach())


# --- the run ---


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run = DQN(CATCH, TINY, seed=5, precision="float32", folder=folder)
    rows = list(run)
    return folder, run, rows


def test_agents_are_saved_collapsed(trained):
    folder, run, rows = trained
    assert rows[-1]["updates"] > 20
    agent = read_agent(folder / "agent.safetensors", CATCH)
    assert type(agent.network) is QNetwork
    assert agent.card["made"]["config"]["quantiles"] == 5
    frames = torch.randint(256, (8, 4, 84, 84), dtype=torch.uint8)
    with torch.no_grad():
        learnt = run.learner.network.quantiles(frames).mean(1)
        torch.testing.assert_close(agent.network(frames), learnt, atol=1e-6, rtol=0)
    best = read_agent(folder / "best.safetensors", CATCH)
    assert type(best.network) is type(run.best.network) is QNetwork
    assert best.card["chosen_by"][CATCH]["mean"] == rows[-1]["best_evaluation"]


def test_a_resumed_run_has_the_quantiles_back(trained):
    folder, run, _ = trained
    longer = replace(TINY, agent_steps=1_200)
    again = DQN(CATCH, longer, seed=5, folder=folder, precision="float32", resume=True)
    rows = iter(again)
    weights = {}
    learn = again.learner.update

    def first_update(*batch):
        weights.setdefault("before", {k: v.clone() for k, v in again.learner.state_dict().items()})
        return learn(*batch)

    again.learner.update = first_update
    next(rows)
    rows.close()
    assert again.learner.updates > run.learner.updates
    for name, tensor in run.learner.state_dict().items():
        assert torch.equal(tensor, weights["before"][name]), name


@pytest.mark.parametrize("quantiles", [0, 7])
def test_a_run_is_not_resumed_with_another_number_of_quantiles(trained, quantiles):
    other = DQN(CATCH, replace(TINY, quantiles=quantiles), seed=5, folder=trained[0], resume=True)
    with pytest.raises(ValueError, match=f"begun with quantiles 5.*got {quantiles}"):
        list(other)


def test_without_quantiles_the_mean_is_learnt():
    for count in (0, 1):
        run = DQN(CATCH, replace(TINY, quantiles=count), precision="float32")
        assert type(run.learner.network) is QNetwork
        assert run.agent().network is run.learner.network


def test_several_games_have_no_quantiles():
    config = replace(TINY, size="multi3")
    with pytest.raises(ValueError, match="expected one game with quantiles; got pong, breakout"):
        DQN(["pong", "breakout"], config)
