"""Settings know their ranges."""

from dataclasses import replace

import pytest

from pdlearn.presets import DistillConfig, DQNConfig, EvalConfig


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DQNConfig(num_envs=0), "expected num_envs of at least 1; got 0"),
        (lambda: DQNConfig(learn_start_steps=-1), "expected learn_start_steps of at least 0"),
        (lambda: DQNConfig(learning_rate=-1e-3), "expected learning_rate of at least 0"),
        (lambda: DQNConfig(learning_rate=float("inf")), "learning_rate of at least 0; got inf"),
        (lambda: DQNConfig(priority_exponent=-1.0), "priority_exponent of at least 0; got -1"),
        (lambda: DQNConfig(discount=float("nan")), r"expected discount in 0\.\.1; got nan"),
        (lambda: DistillConfig(warmup_share=1.5), r"expected warmup_share in 0\.\.1; got 1.5"),
        (lambda: EvalConfig(epsilon=2.0), r"expected epsilon in 0\.\.1; got 2.0"),
        (lambda: replace(EvalConfig(), episodes=0), "expected episodes of at least 1; got 0"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_an_integer_will_do_where_a_number_is_asked_for():
    config = DQNConfig(priority_exponent=1, discount=1, epsilon_final=0)
    assert (config.priority_exponent, config.discount, config.epsilon_final) == (1, 1, 0)
    assert DQNConfig(learn_start_steps=0).learn_start_steps == 0
