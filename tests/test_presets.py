"""Settings: ranges, types and the learning rate by size."""

from dataclasses import asdict, replace

import pytest

from pdlearn.commands.options import with_settings
from pdlearn.presets import (
    DISTILL_BUDGETS,
    ONLINE_BUDGETS,
    DistillConfig,
    DQNConfig,
    EvalConfig,
    kinds,
)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DQNConfig(num_envs=0), r"expected num_envs in 1\.\.4096; got 0"),
        (lambda: DQNConfig(learn_start_steps=-1), "expected learn_start_steps in 0"),
        (lambda: DQNConfig(learning_rate=-1e-3), r"expected learning_rate in 0\.\.10; got -0.001"),
        (
            lambda: DQNConfig(learning_rate=float("inf")),
            "learning_rate as a finite number; got inf",
        ),
        (lambda: DQNConfig(priority_exponent=-1.0), r"priority_exponent in 0\.\.10; got -1"),
        (lambda: DQNConfig(discount=float("nan")), "expected discount as a finite number; got nan"),
        (lambda: DistillConfig(warmup_share=1.5), r"expected warmup_share in 0\.\.1; got 1.5"),
        (lambda: EvalConfig(epsilon=2.0), r"expected epsilon in 0\.\.1; got 2.0"),
        (lambda: replace(EvalConfig(), episodes=0), r"expected episodes in 1\.\.100000; got 0"),
        (lambda: EvalConfig(episodes="3"), "expected episodes as an integer; got '3'"),
        (lambda: EvalConfig(episodes=2.5), r"expected episodes as an integer; got 2\.5"),
        (lambda: EvalConfig(episodes=None), "expected episodes as an integer; got None"),
        (lambda: EvalConfig(episodes=True), "expected episodes as an integer; got True"),
        (lambda: DistillConfig(loss="x"), "expected loss as 'kl' or 'reverse_kl' or .*; got 'x'"),
        (lambda: DistillConfig(optimizer="sgd"), "expected optimizer as 'adam' or 'rmsprop'"),
        (lambda: DistillConfig(temperature=1e-320), "expected temperature in 1e-06"),
        (lambda: DQNConfig(learning_rate=1e308), r"learning_rate in 0\.\.10; got 1e\+308"),
        (lambda: DQNConfig(num_envs=10**13), "num_envs in 1..4096; got 10000000000000"),
        (lambda: DQNConfig(minibatch=10**13), "minibatch in 1..65536; got 10000000000000"),
        (lambda: DQNConfig(memory_steps=10**13), "memory_steps in 1..1000000000; got"),
        (lambda: DQNConfig(clip_reward=1), "expected clip_reward as true or false; got 1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_integers_are_accepted_for_float_settings():
    config = DQNConfig(priority_exponent=1, discount=1, epsilon_final=0)
    assert (config.priority_exponent, config.discount, config.epsilon_final) == (1, 1, 0)
    assert DQNConfig(learn_start_steps=0).learn_start_steps == 0


def test_each_budget_has_a_learning_rate_once_it_is_settled():
    for config in [*DISTILL_BUDGETS.values(), *ONLINE_BUDGETS.values()]:
        assert config.settled().learning_rate > 0


@pytest.mark.parametrize("unset", [None, 0.0])  # files written before None was allowed hold 0.0
def test_an_unset_learning_rate_depends_on_the_size(unset):
    wanted = {"net3": 3e-3, "teacher": 1e-3, "multi3": 1e-3}
    configs = {size: DistillConfig(size=size, learning_rate=unset) for size in wanted}
    assert {size: each.settled().learning_rate for size, each in configs.items()} == wanted


def test_a_negative_learning_rate_of_a_student_is_refused():
    with pytest.raises(ValueError, match=r"expected learning_rate in 0\.\.10; got -1"):
        DistillConfig(learning_rate=-1.0)


def test_the_command_line_sets_a_learning_rate_that_is_unset_by_default():
    assert with_settings(DistillConfig(), ("learning_rate=1e-3",)).learning_rate == 1e-3


def test_kinds_are_the_types_of_the_settings():
    found = kinds(DistillConfig())
    assert (found["size"], found["hours"], found["learning_rate"]) == (str, int, float)
    assert kinds(DQNConfig()) == {name: type(v) for name, v in asdict(DQNConfig()).items()}
