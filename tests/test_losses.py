"""The losses compared with numbers by hand, and tests for mistakes of other implementations."""

import math

import pytest
import torch
from torch.nn import functional as F

from pdlearn.losses import (
    advantage_mse_loss,
    kl_loss,
    lambda_returns,
    mse_loss,
    nll_loss,
    regret,
    reverse_kl_loss,
    td_loss,
    td_target,
    teacher_policy,
)

LN3 = math.log(3)
STUDENT_LOSSES = [kl_loss, reverse_kl_loss, nll_loss, mse_loss, advantage_mse_loss]


def draw(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def entropy(p: torch.Tensor) -> torch.Tensor:
    return -(p * p.log()).sum(1).mean()


# --- KL, by hand ---


def test_softmax_of_ln_3_and_0_is_three_quarters_and_one():
    policy = teacher_policy(torch.tensor([[LN3, 0.0]]), 1.0)
    torch.testing.assert_close(policy, torch.tensor([[0.75, 0.25]]))


def test_a_low_temperature_sharpens_the_teacher():
    # 0.01 ln 3 apart looks like 3 : 1 at temperature 0.01.
    policy = teacher_policy(torch.tensor([[0.01 * LN3, 0.0]]), 0.01)
    torch.testing.assert_close(policy, torch.tensor([[0.75, 0.25]]))


def test_kl_of_three_to_one_and_a_uniform_student():
    # 3/4 ln(3/4 : 1/2) + 1/4 ln(1/4 : 1/2) = 0.304099 - 0.173287 = 0.130812
    # The divergence the other way round would be 1/2 ln(4/3) = 0.143841.
    loss = kl_loss(torch.zeros(1, 2), torch.tensor([[LN3, 0.0]]), temperature=1.0)
    assert loss.item() == pytest.approx(0.130812, abs=1e-6)


def test_kl_of_three_to_one_against_one_to_three():
    # 3/4 ln 3 + 1/4 ln(1/3) = 1/2 ln 3 = 0.549306
    loss = kl_loss(torch.tensor([[0.0, LN3]]), torch.tensor([[LN3, 0.0]]), temperature=1.0)
    assert loss.item() == pytest.approx(0.549306, abs=1e-6)


def test_the_temperature_divides_the_teacher_only():
    # Still 1/2 ln 3: the student's ln 3 is not divided. Were it divided too, it would be 82.
    loss = kl_loss(torch.tensor([[0.0, LN3]]), torch.tensor([[0.01 * LN3, 0.0]]), temperature=0.01)
    assert loss.item() == pytest.approx(0.549306, abs=1e-5)


def test_the_default_temperature_is_the_papers_0_01():
    student, teacher = draw(8, 4, seed=1), draw(8, 4, seed=2, scale=0.01)
    assert kl_loss(student, teacher).item() == kl_loss(student, teacher, temperature=0.01).item()


def test_kl_is_the_mean_over_the_batch():
    # The first state costs 0.130812 as above, the second nothing: half of it.
    teacher = torch.tensor([[LN3, 0.0], [0.0, 0.0]])
    loss = kl_loss(torch.zeros(2, 2), teacher, temperature=1.0)
    assert loss.item() == pytest.approx(0.065406, abs=1e-6)


def test_kl_is_the_sum_over_actions():
    # Two actions that neither would ever take change nothing; a mean over four would halve it.
    student = torch.tensor([[0.0, 0.0, -1e3, -1e3]])
    teacher = torch.tensor([[LN3, 0.0, -1e3, -1e3]])
    assert kl_loss(student, teacher, temperature=1.0).item() == pytest.approx(0.130812, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01, 0.001])
def test_gradient_of_kl_is_student_minus_teacher_at_every_temperature(temperature):
    # Student 1/2, 1/2; teacher 3/4, 1/4. A temperature on the student would divide this by it.
    student = torch.zeros(1, 2, requires_grad=True)
    kl_loss(student, torch.tensor([[LN3 * temperature, 0.0]]), temperature).backward()
    torch.testing.assert_close(student.grad, torch.tensor([[-0.25, 0.25]]), atol=1e-5, rtol=0)


# --- KL, against what must hold ---


@pytest.mark.parametrize("temperature", [1.0, 0.01])
def test_kl_of_a_student_that_equals_its_teacher_is_zero(temperature):
    teacher = draw(16, 6)
    loss = kl_loss(teacher / temperature, teacher, temperature)
    assert loss.item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 0.01])
def test_gradient_of_kl_is_zero_for_a_student_that_equals_its_teacher(temperature):
    teacher = draw(16, 6)
    student = (teacher / temperature).requires_grad_()
    kl_loss(student, teacher, temperature).backward()
    torch.testing.assert_close(student.grad, torch.zeros(16, 6), atol=1e-6, rtol=0)


@pytest.mark.parametrize("seed", range(20))
def test_kl_is_never_negative(seed):
    student, teacher = draw(8, 5, seed=seed, scale=3), draw(8, 5, seed=100 + seed, scale=0.02)
    assert kl_loss(student, teacher).item() >= 0.0


def test_kl_agrees_with_torchs_own_given_log_probabilities():
    student, teacher = draw(32, 18, seed=1), draw(32, 18, seed=2, scale=0.01)
    expected = F.kl_div(
        torch.log_softmax(student, 1), torch.softmax(teacher / 0.01, 1), reduction="batchmean"
    )
    torch.testing.assert_close(kl_loss(student, teacher, 0.01), expected)


def test_kl_is_cross_entropy_less_the_teachers_entropy():
    student, teacher = draw(32, 4, seed=1), draw(32, 4, seed=2)
    target = torch.softmax(teacher, 1)
    expected = F.cross_entropy(student, target) - entropy(target)
    torch.testing.assert_close(kl_loss(student, teacher, 1.0), expected)


def test_kl_equals_nll_for_a_deterministic_teacher():
    # Gaps of 1 at temperature 0.001 leave exp(-1000) = 0 for every action but the best.
    student = draw(32, 6, seed=1)
    teacher = torch.stack([torch.arange(6.0).roll(shift) for shift in range(32)])
    torch.testing.assert_close(kl_loss(student, teacher, 0.001), nll_loss(student, teacher))


@pytest.mark.parametrize("seed", range(20))
def test_kl_is_finite_for_values_of_a_thousand_at_temperature_0_001(seed):
    student = 1e3 * draw(8, 18, seed=seed).sign()
    teacher = 1e3 * draw(8, 18, seed=100 + seed).sign()
    assert kl_loss(student, teacher, 0.001).isfinite()


def test_gradient_of_kl_is_finite_for_values_of_a_thousand_at_temperature_0_001():
    student = (1e3 * draw(64, 18, seed=1).sign()).requires_grad_()
    kl_loss(student, 1e3 * draw(64, 18, seed=2).sign(), 0.001).backward()
    assert student.grad.isfinite().all()


def test_kl_of_a_confident_wrong_student_is_the_difference_of_its_logits():
    # The teacher is certain of action 0; the student gives it exp(-1000 - 1000) of action 1's.
    student, teacher = torch.tensor([[-1e3, 1e3]]), torch.tensor([[1e3, -1e3]])
    assert kl_loss(student, teacher, 0.001).item() == pytest.approx(2000.0)


# --- a student that learns from KL keeps its states apart ---


def variation_after_training(loss) -> float:
    """Train a linear student for 200 steps; return how much its policy varies over states.

    The states share most of what they are, as a game's frames do, and one action is best in about
    two thirds of them.
    """
    generator = torch.Generator().manual_seed(0)
    difference = torch.randn(256, 8, generator=generator)
    states = 5.0 + difference
    values = difference @ torch.randn(8, 4, generator=generator)
    teacher_q = 0.02 * (values + torch.tensor([0.0, 0.0, 0.0, 3.0]))
    weight = (0.1 * torch.randn(4, 8, generator=generator)).requires_grad_()
    bias = torch.zeros(4, requires_grad=True)
    for _ in range(200):
        rows = torch.randint(256, (32,), generator=generator)
        student_logits = F.linear(states[rows], weight, bias)
        gradients = torch.autograd.grad(loss(student_logits, teacher_q[rows]), [weight, bias])
        with torch.no_grad():
            for parameter, gradient in zip([weight, bias], gradients, strict=True):
                parameter -= 0.1 * gradient
    return torch.softmax(F.linear(states, weight, bias), 1).std(0).mean().item()


def kl_given_probabilities(student_logits, teacher_q):
    probabilities = torch.softmax(student_logits, 1)
    return F.kl_div(probabilities, teacher_policy(teacher_q, 0.01), reduction="batchmean")


def test_a_student_of_kl_learns_different_policies_for_different_states():
    assert variation_after_training(kl_loss) > 0.1


def test_a_student_of_kl_with_probabilities_as_logits_gives_one_policy_for_all_states():
    assert variation_after_training(kl_given_probabilities) < 0.01


# --- NLL and MSE, by hand ---


def test_nll_is_minus_the_log_of_the_best_actions_probability():
    # The student's softmax is 1/8, 3/8, 4/8; the teacher's best action is 1: -ln(3/8) = 0.980829
    student = torch.tensor([[0.0, LN3, math.log(4)]])
    loss = nll_loss(student, torch.tensor([[1.0, 2.0, 0.0]]))
    assert loss.item() == pytest.approx(0.980829, abs=1e-6)


def test_nll_is_the_mean_over_the_batch():
    # -ln(1/2) = 0.693147 and -ln(1/4) = 1.386294: their mean is 1.039721
    student = torch.tensor([[0.0, 0.0], [LN3, 0.0]])
    loss = nll_loss(student, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert loss.item() == pytest.approx(1.039721, abs=1e-6)


def test_nll_depends_only_on_the_best_action():
    student = draw(4, 3)
    teacher = torch.tensor([[1.0, 2.0, 0.0]]).expand(4, 3)
    assert nll_loss(student, teacher).item() == nll_loss(student, 1000 * teacher).item()


def test_mse_is_the_squared_distance_summed_over_actions():
    # (1-1)^2 + (2-0)^2 + (3-6)^2 = 13
    loss = mse_loss(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 0.0, 6.0]]))
    assert loss.item() == 13.0


def test_mse_is_the_mean_over_the_batch():
    # 13 as above and (0-1)^2 = 1: their mean is 7
    student = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    teacher = torch.tensor([[1.0, 0.0, 6.0], [1.0, 0.0, 0.0]])
    assert mse_loss(student, teacher).item() == 7.0


def test_mse_compares_with_the_teachers_values_and_not_with_its_policy():
    # (300-1)^2 + (100-0)^2 = 89401 + 10000
    loss = mse_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[300.0, 100.0]]))
    assert loss.item() == 99401.0


def test_advantages_are_the_values_minus_their_mean_over_the_actions():
    # Advantages -1, 0, 1 of values 4, 5, 6: (1 + 1)^2 + (2 - 0)^2 + (3 - 1)^2 = 12
    student = torch.tensor([[1.0, 2.0, 3.0]])
    assert advantage_mse_loss(student, torch.tensor([[4.0, 5.0, 6.0]])).item() == 12.0


def test_a_value_that_all_actions_share_changes_the_loss_of_values_and_not_of_advantages():
    student, teacher = draw(8, 4, seed=1), draw(8, 4, seed=2)
    shifted = teacher + 100 * draw(8, 1, seed=3)
    loss = advantage_mse_loss(student, teacher)
    torch.testing.assert_close(advantage_mse_loss(student, shifted), loss, rtol=1e-4, atol=0)
    assert mse_loss(student, shifted) > 100 * mse_loss(student, teacher)


# --- regret, by hand ---


def test_regret_is_the_teachers_value_of_its_action_minus_that_of_the_students():
    student = torch.tensor([[0.0, 9.0, 1.0], [0.0, 1.0, 9.0]])
    teacher = torch.tensor([[1.0, 0.25, 0.5], [-3.0, -2.0, -1.0]])
    assert regret(student, teacher).tolist() == [0.75, 0.0]


def test_regret_of_other_shapes_is_refused():
    with pytest.raises(ValueError, match=r"of one shape and not empty; got float32 \[2, 3\]"):
        regret(draw(2, 3), draw(2, 4))


# --- reverse KL, by hand ---


def test_reverse_kl_of_three_to_one_and_a_uniform_student():
    # 1/2 ln(1/2 : 3/4) + 1/2 ln(1/2 : 1/4) = 1/2 ln(4/3) = 0.143841
    # The divergence the other way round would be 0.130812.
    loss = reverse_kl_loss(torch.zeros(1, 2), torch.tensor([[LN3, 0.0]]), temperature=1.0)
    assert loss.item() == pytest.approx(0.143841, abs=1e-6)


def test_reverse_kl_divides_the_teacher_only_by_the_temperature():
    # One to three against three to one, 1/2 ln 3; the student's ln 3 is not divided.
    student, teacher = torch.tensor([[0.0, LN3]]), torch.tensor([[0.01 * LN3, 0.0]])
    loss = reverse_kl_loss(student, teacher, temperature=0.01)
    assert loss.item() == pytest.approx(0.549306, abs=1e-5)


def test_reverse_kl_is_summed_over_actions_and_averaged_over_the_batch():
    # The first state costs 0.143841 as above, the second nothing; nor do the actions never taken.
    never = torch.full((2, 2), -1e3)
    student = torch.cat([torch.zeros(2, 2), never], 1)
    teacher = torch.cat([torch.tensor([[LN3, 0.0], [0.0, 0.0]]), never], 1)
    assert reverse_kl_loss(student, teacher, 1.0).item() == pytest.approx(0.071921, abs=1e-6)


def test_gradient_of_reverse_kl_is_probability_times_an_actions_cost_minus_the_mean_cost():
    # p (ln(p : teacher) - loss): 1/2 (ln(2/3) - 0.143841) and 1/2 (ln 2 - 0.143841), -+ 1/4 ln 3.
    student = torch.zeros(1, 2, requires_grad=True)
    reverse_kl_loss(student, torch.tensor([[LN3, 0.0]]), 1.0).backward()
    torch.testing.assert_close(student.grad, torch.tensor([[-LN3 / 4, LN3 / 4]]))


def test_a_student_with_one_of_two_good_actions_has_reverse_kl_ln_2_and_a_larger_kl():
    student, teacher = torch.tensor([[0.0, -20.0, -20.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    assert reverse_kl_loss(student, teacher, 0.01).item() == pytest.approx(math.log(2), abs=1e-5)
    # 1/2 ln(1/2 : 1) + 1/2 ln(1/2 : exp(-20)) = 10 - ln 2
    assert kl_loss(student, teacher, 0.01).item() == pytest.approx(10 - math.log(2), abs=1e-5)


def test_reverse_kl_of_a_student_that_equals_its_teacher_is_zero():
    teacher = draw(16, 6)
    assert reverse_kl_loss(teacher / 0.01, teacher, 0.01).item() == pytest.approx(0.0, abs=1e-6)


def test_reverse_kl_and_its_gradient_are_finite_for_values_of_a_thousand_at_temperature_0_001():
    student = (1e3 * draw(64, 18, seed=1).sign()).requires_grad_()
    loss = reverse_kl_loss(student, 1e3 * draw(64, 18, seed=2).sign(), 0.001)
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


# --- all losses of a student ---


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
def test_repeating_the_batch_leaves_the_loss_unchanged(loss):
    student, teacher = draw(8, 6, seed=1), draw(8, 6, seed=2, scale=0.02)
    twice = loss(student.repeat(2, 1), teacher.repeat(2, 1))
    torch.testing.assert_close(twice, loss(student, teacher))


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
def test_a_loss_is_a_scalar(loss):
    assert loss(draw(8, 6, seed=1), draw(8, 6, seed=2)).shape == ()


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
def test_no_gradient_reaches_the_teacher(loss):
    student = draw(8, 6, seed=1).requires_grad_()
    teacher = draw(8, 6, seed=2, scale=0.02).requires_grad_()
    loss(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
def test_a_gradient_reaches_the_student(loss):
    student = draw(8, 6, seed=1).requires_grad_()
    loss(student, draw(8, 6, seed=2, scale=0.02)).backward()
    assert (student.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
@pytest.mark.parametrize("changed", ["student", "teacher"])
def test_a_loss_does_not_modify_its_inputs(loss, changed):
    given = {"student": draw(8, 6, seed=1), "teacher": draw(8, 6, seed=2)}
    before = given[changed].clone()
    loss(given["student"], given["teacher"])
    assert torch.equal(given[changed], before)


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
@pytest.mark.parametrize(
    ("student_shape", "teacher_shape"),
    [((2, 3), (2, 4)), ((2, 3), (1, 3)), ((2, 3), (3,)), ((3,), (3,)), ((2, 3, 1), (2, 3, 1))],
)
def test_a_loss_refuses_wrong_shapes_and_names_both(loss, student_shape, teacher_shape):
    with pytest.raises(ValueError) as raised:
        loss(torch.zeros(student_shape), torch.zeros(teacher_shape))
    assert f"float32 {list(student_shape)}, float32 {list(teacher_shape)}" in str(raised.value)


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
@pytest.mark.parametrize(
    ("student_dtype", "teacher_dtype"),
    [(torch.float32, torch.int64), (torch.int64, torch.float32), (torch.uint8, torch.uint8)],
)
def test_a_loss_refuses_integers_and_names_both_dtypes(loss, student_dtype, teacher_dtype):
    named = [str(dtype).removeprefix("torch.") for dtype in (student_dtype, teacher_dtype)]
    with pytest.raises(ValueError, match=r"got {} \[2, 3\], {} \[2, 3\]".format(*named)):
        loss(torch.zeros(2, 3, dtype=student_dtype), torch.zeros(2, 3, dtype=teacher_dtype))


@pytest.mark.parametrize("temperature", [0.0, -0.01, 1e-320, 1e7, math.nan, math.inf, "1", None])
@pytest.mark.parametrize("loss", [kl_loss, reverse_kl_loss])
def test_a_temperature_that_float32_cannot_divide_by_is_refused(loss, temperature):
    with pytest.raises(ValueError, match=f"expected a temperature .*; got {temperature!r}"):
        loss(torch.zeros(2, 3), torch.zeros(2, 3), temperature)


@pytest.mark.parametrize("temperature", [1e-6, 1e6])
def test_the_ends_of_the_temperatures_give_finite_losses(temperature):
    for loss in (kl_loss, reverse_kl_loss):
        assert loss(draw(8, 6), draw(8, 6, seed=1, scale=1e4), temperature).isfinite()


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_an_empty_minibatch_has_no_loss(loss, shape):
    with pytest.raises(ValueError, match=f"not empty; got float32 .{shape[0]}, {shape[1]}"):
        loss(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_teacher_whose_values_are_not_finite_gives_no_plausible_loss(loss, value):
    teacher = draw(4, 3)
    teacher[2, 1] = value
    assert not loss(draw(4, 3, seed=1), teacher).isfinite()


# --- actions that are not available ---

NONE = -math.inf


def kl_at_1(student, teacher):
    return kl_loss(student, teacher, 1.0)


def reverse_kl_at_1(student, teacher):
    return reverse_kl_loss(student, teacher, 1.0)


# By hand, for the teacher's values ln 3, 0 and none, which are 3/4, 1/4 and 0 at temperature 1:
# KL to thirds is 3/4 ln(9/4) + 1/4 ln(3/4); its gradient is the student minus the target.
# Reverse KL is that of 1/2, 1/2: 1/2 ln(2/3) + 1/2 ln 2; its gradient is 1/2 (ln(2/3) - KL).
@pytest.mark.parametrize(
    ("loss", "student", "expected", "gradient"),
    [
        (kl_at_1, [0.0, 0.0, 0.0], 0.536277, [-0.416667, 0.083333, 1 / 3]),
        (kl_at_1, [0.0, 0.0, NONE], 0.130812, [-0.25, 0.25, 0.0]),
        (reverse_kl_at_1, [0.0, 0.0, 5.0], 0.143841, [-0.274653, 0.274653, 0]),
        (reverse_kl_at_1, [0.0, 0.0, NONE], 0.143841, [-0.274653, 0.274653, 0]),
        (nll_loss, [0.0, 0.0, 0.0], LN3, [-2 / 3, 1 / 3, 1 / 3]),
        (nll_loss, [0.0, 0.0, NONE], math.log(2), [-0.5, 0.5, 0.0]),
        (mse_loss, [LN3 - 2, 1.0, 7.0], 5.0, [-4.0, 2.0, 0.0]),
        (mse_loss, [LN3 - 2, 1.0, NONE], 5.0, [-4.0, 2.0, 0.0]),
        # The advantages are half of ln 3 and minus half of it.
        (advantage_mse_loss, [LN3 / 2 - 2, 1 - LN3 / 2, NONE], 5.0, [-4.0, 2.0, 0.0]),
    ],
)  # fmt: skip
def test_an_action_that_is_not_available_is_exact_in_every_loss(loss, student, expected, gradient):
    student = torch.tensor([student], requires_grad=True)
    value = loss(student, torch.tensor([[LN3, 0.0, NONE]]))
    value.backward()
    assert value.item() == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(student.grad, torch.tensor([gradient]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
def test_masked_actions_cost_what_a_game_without_them_costs(loss):
    student, teacher = draw(16, 6, seed=1), draw(16, 6, seed=2, scale=0.02)
    masked = [values.index_fill(1, torch.tensor([1, 4]), NONE) for values in (student, teacher)]
    rest = [values[:, [0, 2, 3, 5]] for values in (student, teacher)]
    torch.testing.assert_close(loss(*masked), loss(*rest))


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
def test_a_state_without_an_available_action_gives_no_plausible_loss(loss):
    teacher = draw(4, 3)
    teacher[2] = NONE
    assert not loss(draw(4, 3, seed=1), teacher).isfinite()


def test_no_target_bootstraps_from_an_action_that_is_not_available():
    # 1 + 0.9 * max(2, 5) = 5.5; the online network prefers action 0: 1 + 0.9 * 2 = 2.8
    reward, discount, target = (
        torch.tensor([1.0]),
        torch.tensor([0.9]),
        torch.tensor([[2, 5, NONE]]),
    )
    torch.testing.assert_close(td_target(reward, discount, target), torch.tensor([5.5]))
    online = torch.tensor([[7.0, 1.0, NONE]])
    torch.testing.assert_close(td_target(reward, discount, target, online), torch.tensor([2.8]))


def test_td_of_masked_values_has_a_gradient_for_the_chosen_action_alone():
    q = torch.tensor([[0.5, NONE, 1.0]], requires_grad=True)
    td_loss(q, torch.tensor([0]), torch.tensor([0.0])).backward()
    assert q.grad.tolist() == [[0.5, 0.0, 0.0]]


@pytest.mark.parametrize("loss", STUDENT_LOSSES)
@pytest.mark.parametrize("wrong", [None, [[0.0, 1.0]], "q"])
def test_what_is_no_tensor_is_named(loss, wrong):
    with pytest.raises(ValueError, match="expected student and teacher values .*; got float32"):
        loss(torch.zeros(1, 2), wrong)


# --- the teacher's own loss ---


def test_the_target_is_the_reward_plus_the_discounted_maximum():
    # 1 + 0.9 * max(2, 5) = 5.5
    target = td_target(torch.tensor([1.0]), torch.tensor([0.9]), torch.tensor([[2.0, 5.0]]))
    torch.testing.assert_close(target, torch.tensor([5.5]))


def test_the_double_target_takes_the_target_networks_value_of_the_online_networks_action():
    # Online prefers action 0, which the target network values at 2: 1 + 0.9 * 2 = 2.8
    target = td_target(
        torch.tensor([1.0]),
        torch.tensor([0.9]),
        torch.tensor([[2.0, 5.0]]),
        torch.tensor([[7.0, 1.0]]),
    )
    torch.testing.assert_close(target, torch.tensor([2.8]))


def test_the_three_step_target_discounts_by_gamma_cubed():
    # Rewards 1, 2, 3 at gamma 0.9: 1 + 1.8 + 2.43 = 5.23; then 0.729 * 10 = 7.29
    target = td_target(torch.tensor([5.23]), torch.tensor([0.9**3]), torch.tensor([[10.0, 0.0]]))
    torch.testing.assert_close(target, torch.tensor([12.52]))


def test_after_an_end_the_target_is_the_reward_alone():
    target = td_target(torch.tensor([-1.0]), torch.tensor([0.0]), torch.tensor([[1e6, 5.0]]))
    assert target.tolist() == [-1.0]


def test_every_transition_has_its_own_discount():
    # 1 + 0.9 * 5 = 5.5 goes on; 2 + 0 * 8 = 2 ended.
    target = td_target(
        torch.tensor([1.0, 2.0]), torch.tensor([0.9, 0.0]), torch.tensor([[2.0, 5.0], [8.0, 3.0]])
    )
    torch.testing.assert_close(target, torch.tensor([5.5, 2.0]))


@pytest.mark.parametrize("online", [False, True])
def test_the_target_has_no_gradient(online):
    target_q, online_q = draw(4, 3, seed=1).requires_grad_(), draw(4, 3, seed=2).requires_grad_()
    target = td_target(torch.ones(4), torch.ones(4), target_q, online_q if online else None)
    assert not target.requires_grad


def test_the_target_does_not_modify_its_inputs():
    given = [draw(4, seed=1), draw(4, seed=2), draw(4, 3, seed=3), draw(4, 3, seed=4)]
    before = [tensor.clone() for tensor in given]
    td_target(*given)
    assert all(torch.equal(now, then) for now, then in zip(given, before, strict=True))


def test_td_within_one_is_half_the_squared_error():
    # Q(s, 1) = 2.5 against 2: 1/2 * 0.5^2 = 0.125
    loss = td_loss(torch.tensor([[9.0, 2.5]]), torch.tensor([1]), torch.tensor([2.0]))
    assert loss.item() == 0.125


def test_td_beyond_one_grows_linearly():
    # Q(s, 0) = 5 against 2: |3| - 1/2 = 2.5
    loss = td_loss(torch.tensor([[5.0, 9.0]]), torch.tensor([0]), torch.tensor([2.0]))
    assert loss.item() == 2.5


def test_td_is_the_mean_over_the_batch():
    # 0.125 and 2.5 as above: their mean is 1.3125
    q = torch.tensor([[9.0, 2.5], [5.0, 9.0]])
    loss = td_loss(q, torch.tensor([1, 0]), torch.tensor([2.0, 2.0]))
    assert loss.item() == 1.3125


def test_gradient_of_td_is_the_error_clipped_at_one_and_only_for_the_action_taken():
    # Errors 0.5, 3 and -3, shared out over a batch of three: 0.5/3, 1/3 and -1/3
    q = torch.tensor([[9.0, 2.5], [5.0, 9.0], [9.0, -1.0]], requires_grad=True)
    td_loss(q, torch.tensor([1, 0, 1]), torch.tensor([2.0, 2.0, 2.0])).backward()
    expected = torch.tensor([[0.0, 0.5], [1.0, 0.0], [0.0, -1.0]]) / 3
    torch.testing.assert_close(q.grad, expected)


def test_no_gradient_of_td_reaches_the_target():
    q, target = draw(4, 3).requires_grad_(), draw(4, seed=1).requires_grad_()
    td_loss(q, torch.tensor([0, 1, 2, 0]), target).backward()
    assert target.grad is None


def test_td_does_not_modify_its_inputs():
    given = [draw(4, 3), torch.tensor([0, 1, 2, 0]), draw(4, seed=1)]
    before = [tensor.clone() for tensor in given]
    td_loss(*given)
    assert all(torch.equal(now, then) for now, then in zip(given, before, strict=True))


@pytest.mark.parametrize(
    ("q_shape", "action_shape", "target_shape"),
    [((2, 3), (2,), (2, 1)), ((2, 3), (2, 1), (2,)), ((2, 3), (2,), (1,)), ((3,), (3,), (3,))],
)
def test_td_refuses_wrong_shapes_and_names_all_three(q_shape, action_shape, target_shape):
    with pytest.raises(ValueError) as raised:
        td_loss(
            torch.zeros(q_shape),
            torch.zeros(action_shape, dtype=torch.int64),
            torch.zeros(target_shape),
        )
    named = f"float32 {list(q_shape)}, int64 {list(action_shape)}, float32 {list(target_shape)}"
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("q_dtype", "action_dtype"), [(torch.int64, torch.int64), (torch.float32, torch.float32)]
)
def test_td_refuses_other_dtypes_and_names_both(q_dtype, action_dtype):
    named = [str(dtype).removeprefix("torch.") for dtype in (q_dtype, action_dtype)]
    with pytest.raises(ValueError, match=r"got {} \[2, 3\], {} \[2\]".format(*named)):
        td_loss(torch.zeros(2, 3, dtype=q_dtype), torch.zeros(2, dtype=action_dtype), torch.ones(2))


@pytest.mark.parametrize("action", [-1, 3, 200])
def test_td_refuses_an_action_that_has_no_value(action):
    with pytest.raises(ValueError, match=rf"actions in 0..2; got .*{action}"):
        td_loss(torch.zeros(2, 3), torch.tensor([0, action]), torch.zeros(2))


@pytest.mark.parametrize(
    "weight", [torch.ones(2, 1), torch.ones(1), torch.ones(2, dtype=torch.int64), 1.0]
)
def test_td_refuses_weights_that_would_broadcast(weight):
    with pytest.raises(ValueError, match=r"expected weights \[2\], floating point; got"):
        td_loss(torch.zeros(2, 3), torch.tensor([0, 1]), torch.zeros(2), weight)


@pytest.mark.parametrize(
    ("reward_shape", "discount_shape", "q_shape", "online_shape"),
    [
        ((2, 1), (2,), (2, 3), None),  # would broadcast to [2, 2]
        ((2,), (1,), (2, 3), None),
        ((3,), (3,), (3,), None),
        ((2,), (2,), (2, 3), (2, 4)),
    ],
)
def test_the_target_refuses_wrong_shapes_and_names_them(
    reward_shape, discount_shape, q_shape, online_shape
):
    online = None if online_shape is None else torch.zeros(online_shape)
    with pytest.raises(ValueError) as raised:
        td_target(
            torch.zeros(reward_shape), torch.zeros(discount_shape), torch.zeros(q_shape), online
        )
    shapes = [s for s in (reward_shape, discount_shape, q_shape, online_shape) if s is not None]
    assert all(str(list(shape)) in str(raised.value) for shape in shapes)


# λ-returns, worked by hand: one copy, λ = 1/2, γ = 1/2, V = 8 10 12 14 at times 0 to 3.
V = torch.tensor([[8.0], [10.0], [12.0], [14.0]])
R = torch.tensor([[1.0], [2.0], [3.0]])
GAMMA = torch.full((3, 1), 0.5)
NEVER = torch.zeros(3, 1, dtype=torch.bool)
G2 = 3 + 0.5 * 14.0  # 10, bootstrapped where the roll-out stops


def column(*numbers):
    return torch.tensor(numbers).unsqueeze(1)


@pytest.mark.parametrize(
    "discount, last, expected",
    [
        pytest.param(
            GAMMA, NEVER,
            (1 + 0.25 * (10 + 2 + 0.25 * (12 + G2)), 2 + 0.25 * (12 + G2), G2), id="no end",
        ),
        pytest.param(column(0.5, 0.0, 0.5), NEVER, (1 + 0.25 * (10 + 2), 2, G2), id="life lost"),
        pytest.param(
            column(0.5, 0.0, 0.5), column(False, False, True), (1 + 0.25 * (10 + 2), 2, 12),
            id="game over, then a void step",
        ),
        pytest.param(
            GAMMA, column(False, False, True), (1 + 0.25 * (10 + 2 + 0.5 * 12), 2 + 0.5 * 12, 12),
            id="time limit, then a void step",
        ),
        pytest.param(
            GAMMA, column(True, False, False), (8, 2 + 0.25 * (12 + G2), G2),
            id="the roll-out begins with a void step",
        ),
        pytest.param(
            column(0.5, 0.5, 0.0), NEVER, (1 + 0.25 * (10 + 2 + 0.25 * (12 + 3)),
            2 + 0.25 * (12 + 3), 3), id="game over at the roll-out's last step",
        ),
    ],
)  # fmt: skip
def test_lambda_returns_equal_those_computed_by_hand(discount, last, expected):
    returns = lambda_returns(R, discount, V, last, lambda_=0.5)
    assert returns.squeeze(1).tolist() == pytest.approx(list(expected))


def test_lambda_0_gives_one_step_targets_and_lambda_1_sums_all_rewards():
    one = lambda_returns(R, GAMMA, V, NEVER, lambda_=0.0).squeeze(1)
    assert one.tolist() == [1 + 5, 2 + 6, 3 + 7]
    whole = lambda_returns(R, GAMMA, V, NEVER, lambda_=1.0).squeeze(1)
    assert whole.tolist() == [1 + 0.5 * (2 + 0.5 * 10), 2 + 0.5 * 10, 10]


def test_lambda_returns_of_one_copy_do_not_depend_on_other_copies():
    other = lambda_returns(10 * R, GAMMA, 3 * V, ~NEVER, lambda_=0.5)
    both = lambda_returns(
        torch.cat([R, 10 * R], 1), torch.cat([GAMMA, GAMMA], 1), torch.cat([V, 3 * V], 1),
        torch.cat([NEVER, ~NEVER], 1), lambda_=0.5,
    )  # fmt: skip
    assert torch.equal(both, torch.cat([lambda_returns(R, GAMMA, V, NEVER, lambda_=0.5), other], 1))


def test_lambda_returns_refuse_other_shapes_and_lambdas():
    with pytest.raises(ValueError, match=r"values \[T \+ 1, E\].*; got float32 \[3, 1\], fl"):
        lambda_returns(R, GAMMA, V[1:], NEVER, lambda_=0.5)
    with pytest.raises(ValueError, match="expected lambda_ in 0..1; got 1.5"):
        lambda_returns(R, GAMMA, V, NEVER, lambda_=1.5)
    with pytest.raises(ValueError, match="last .* a bool; got .*, float32"):
        lambda_returns(R, GAMMA, V, NEVER.float(), lambda_=0.5)
