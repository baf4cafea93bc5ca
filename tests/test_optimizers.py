"""The optimisers compared with steps by hand, and the choice of precision with a fake clock."""

from types import SimpleNamespace

import pytest
import torch

from pdlearn import hardware
from pdlearn.hardware import learning_dtype
from pdlearn.optimizers import (
    CentredRMSprop,
    load_optimizer_tensors,
    make_optimizer,
    optimizer_tensors,
)

CPU = torch.device("cpu")


def follow(gradients, lr=0.1, epsilon=0.01, start=1.0) -> float:
    """Return where one parameter is after CentredRMSprop has seen `gradients`."""
    parameter = torch.nn.Parameter(torch.tensor([start]))
    optimizer = CentredRMSprop([parameter], lr=lr, epsilon=epsilon)
    for gradient in gradients:
        parameter.grad = torch.tensor([gradient])
        optimizer.step()
    return parameter.item()


# --- centred RMSProp ---


def test_one_step_of_rmsprop():
    # mean 0.05 * 2 = 0.1, square 0.05 * 4 = 0.2
    # 1 - 0.1 * 2 / sqrt(0.2 - 0.01 + 0.01) = 1 - 0.2 / 0.447214
    assert follow([2.0]) == pytest.approx(0.552786, abs=1e-6)


def test_two_steps_of_rmsprop():
    # mean 0.95 * 0.1 - 0.05 = 0.045, square 0.95 * 0.2 + 0.05 = 0.24
    # 0.552786 + 0.1 / sqrt(0.24 - 0.002025 + 0.01) = 0.552786 + 0.1 / 0.497971
    assert follow([2.0, -1.0]) == pytest.approx(0.753601, abs=1e-6)


def test_epsilon_is_inside_the_root():
    # A gradient of 1e-6 is lost beside 0.01: 0.1 * 1e-6 / sqrt(0.01) = 1e-6.
    # Outside the root it would be 0.1 * 1e-6 / (2.2e-7 + 0.01) = 1e-5.
    assert follow([1e-6], start=0.0) == pytest.approx(-1e-6, rel=1e-4)


def test_the_squared_mean_is_subtracted_from_the_mean_square():
    # Alternating 1 and 3 settles near mean 2, square 5, root sqrt(5 - 4): steps of 0.01 and 0.03.
    # From 1 they lead to -3. Without the mean the root is sqrt(5): 1.8 down, to -0.8.
    assert follow([1.0, 3.0] * 100, lr=0.01, epsilon=1e-8) < -2.5


def test_rmsprop_updates_only_parameters_with_a_gradient():
    still, moved = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    moved.grad = torch.ones(2)
    CentredRMSprop([still, moved], lr=0.1, epsilon=0.01).step()
    assert still.tolist() == [1.0, 1.0] and (moved < 1.0).all()


def test_rmsprop_does_not_modify_gradients():
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.tensor([2.0, -1.0])
    CentredRMSprop([parameter], lr=0.1, epsilon=0.01).step()
    assert parameter.grad.tolist() == [2.0, -1.0]


def test_rmsprop_calls_the_closure_for_gradients_and_returns_its_loss():
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = CentredRMSprop([parameter], lr=0.1, epsilon=0.01)

    def closure():
        loss = (2 * parameter).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert parameter.item() == pytest.approx(0.552786, abs=1e-6)  # as in one step


def regress(reduction, epsilon) -> torch.Tensor:
    """Fit a line to 32 points for ten steps; return its weights."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 5, generator=generator)
    y = torch.randn(32, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(5))
    optimizer = CentredRMSprop([weight], lr=0.00025, epsilon=epsilon)
    for _ in range(10):
        optimizer.zero_grad()
        reduction((x @ weight - y).square()).backward()
        optimizer.step()
    return weight.detach()


def test_a_mean_loss_with_epsilon_0_01_over_32_squared_is_natures_sum_with_0_01():
    nature = regress(torch.sum, 0.01)
    torch.testing.assert_close(regress(torch.mean, 0.01 / 32**2), nature, rtol=1e-4, atol=0)


@pytest.mark.parametrize("gradient", [1.0, 10.0, 100.0])
def test_rmsprop_stays_finite_when_a_large_gradient_stays_the_same(gradient):
    # E[g^2] - E[g]^2 goes to 0, and rounding may take it below.
    gradients = gradient * torch.linspace(0.5, 1.0, 100)
    parameter = torch.nn.Parameter(torch.zeros(100))
    optimizer = CentredRMSprop([parameter], lr=0.00025, epsilon=0.01 / 32**2)
    for _ in range(400):
        parameter.grad = gradients
        optimizer.step()
    assert parameter.isfinite().all()


# --- by name ---


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("rmsprop", CentredRMSprop)]
)
def test_an_optimizer_is_made_by_its_name(name, kind):
    assert type(make_optimizer(name, torch.nn.Linear(2, 2), 1e-3, 1e-5)) is kind


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("adam", "lr", 1e-3),
        ("adam", "eps", 1e-5),
        ("rmsprop", "lr", 1e-3),
        ("rmsprop", "epsilon", 1e-5),
    ],
)
def test_an_optimizer_has_the_given_settings(name, setting, value):
    assert make_optimizer(name, torch.nn.Linear(2, 2), 1e-3, 1e-5).param_groups[0][setting] == value


def test_an_unknown_optimizer_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match="unknown optimizer 'sgd'; expected adam or rmsprop"):
        make_optimizer("sgd", torch.nn.Linear(2, 2), 1e-3, 1e-5)


# --- through a file ---


def learner(name):
    network = torch.nn.Linear(3, 2)
    with torch.no_grad():
        network.weight.copy_(torch.arange(6.0).reshape(2, 3))
        network.bias.zero_()
    return network, make_optimizer(name, network, 0.01, 1e-5)


def learn(network, optimizer, steps):
    for step in range(steps):
        optimizer.zero_grad()
        network(torch.arange(3.0) + step).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_a_restored_optimizer_continues_exactly_like_one_that_was_not_stopped(name):
    network, optimizer = learner(name)
    learn(network, optimizer, 3)
    other, restored = learner(name)
    other.load_state_dict(network.state_dict())
    tensors = {key: tensor.clone() for key, tensor in optimizer_tensors(optimizer).items()}
    load_optimizer_tensors(restored, tensors | {"network.weight": torch.zeros(1)})
    learn(network, optimizer, 3)
    learn(other, restored, 3)
    assert torch.equal(network.weight, other.weight)


# --- arithmetic ---


@pytest.mark.parametrize("fastest", [torch.float32, torch.bfloat16])
def test_the_faster_dtype_is_chosen_by_timing(monkeypatch, fastest):
    clock = {"now": 0.0}
    monkeypatch.setattr(
        hardware, "time", SimpleNamespace(perf_counter=lambda: clock["now"]), raising=True
    )

    def learn():
        low = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        clock["now"] += 1.0 if (fastest == torch.bfloat16) == low else 2.0

    assert learning_dtype(CPU, learn) is fastest


def test_one_slow_measurement_does_not_change_the_chosen_dtype(monkeypatch):
    # Every other float32 step is held up; its best time still counts.
    clock = {"now": 0.0, "calls": 0}
    monkeypatch.setattr(hardware, "time", SimpleNamespace(perf_counter=lambda: clock["now"]))

    def learn():
        low = torch.is_autocast_enabled("cpu")
        clock["calls"] += 1
        clock["now"] += 2.0 if low else (1.0 if clock["calls"] > 20 else 5.0)

    assert learning_dtype(CPU, learn) is torch.float32
