"""Means and intervals compared with results by hand, the paper's means, and simulations."""

import numpy as np
import pytest

from pdlearn.statistics import (
    best_so_far,
    by_start,
    difference_interval,
    first_to_end,
    geometric_mean,
    hierarchical_means,
    interquartile_mean,
    interval,
    middle,
    percent_interval,
    probability_of_improvement,
    resampled_percents,
    share_of_the_way,
    swing,
)

# Table B1 (Rusu et al. 2015): DQN, net1, net2, net3.
TABLE_B1 = np.array(
    [
        [8672.4, 7552.8, 7393.3, 6521.2],  # Beam Rider
        [303.9, 321.0, 298.2, 238.8],  # Breakout
        [475.6, 677.9, 672.2, 556.7],  # Enduro
        [25.8, 26.7, 26.7, 26.7],  # Freeway
        [763.5, 782.5, 659.9, 734.3],  # Ms. Pacman
        [16.2, 16.3, 16.8, 15.7],  # Pong
        [4589.8, 5947.3, 5994.0, 4952.3],  # Q*bert
        [4065.3, 4442.7, 4175.3, 3417.9],  # River Raid
        [2793.3, 3986.6, 4567.1, 3838.3],  # Seaquest
        [1449.7, 1140.0, 716.1, 302.3],  # Space Invaders
    ]
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# --- geometric mean ---


def test_geometric_mean_of_two_and_eight_is_four():
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_geometric_mean_of_half_and_double_is_one():
    assert geometric_mean([0.5, 1.0, 2.0]) == pytest.approx(1.0)


@pytest.mark.parametrize(("column", "printed"), [(1, 108.3), (2, 101.7), (3, 83.9)])
def test_geometric_means_of_table_b1_equal_the_papers(column, printed):
    ratios = TABLE_B1[:, column] / TABLE_B1[:, 0]
    assert 100 * geometric_mean(ratios) == pytest.approx(printed, abs=0.1)


@pytest.mark.parametrize("ratios", [[], [1.0, 0.0], [1.0, -2.0]])
def test_geometric_mean_refuses_ratios_that_are_not_positive(ratios):
    with pytest.raises(ValueError, match="expected ratios above 0"):
        geometric_mean(ratios)


# --- interval ---


def test_interval_of_two_scores_at_95_percent_is_both():
    # The mean of two draws is 0, 1/2 or 1 with probability 1/4, 1/2, 1/4.
    assert interval([0.0, 1.0], rng()) == (0.0, 1.0)


def test_interval_of_two_scores_at_40_percent_is_their_mean():
    # 30 % and 70 % both lie among the half of the resamples whose mean is 1/2.
    assert interval([0.0, 1.0], rng(), confidence=0.4) == (0.5, 0.5)


def test_interval_is_two_standard_errors_to_each_side_for_many_normal_scores():
    # 400 scores of deviation 10: 1.96 * 10 / 20 = 0.98, to a tenth of it.
    scores = rng(1).normal(0.0, 1.0, 400)
    scores = 50 + 10 * (scores - scores.mean()) / scores.std()
    assert interval(scores, rng()) == pytest.approx((49.02, 50.98), abs=0.1)


@pytest.mark.parametrize("seed", range(10))
def test_interval_contains_the_mean(seed):
    scores = rng(seed).exponential(100.0, 10)
    low, high = interval(scores, rng())
    assert low <= scores.mean() <= high


def test_interval_covers_the_true_mean_about_95_times_in_100():
    draws = rng(0)
    covered = 0
    for _ in range(200):
        low, high = interval(draws.normal(7.0, 3.0, 40), draws, resamples=1000)
        covered += low <= 7.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_interval_of_higher_confidence_is_wider():
    scores = rng(1).normal(size=30)
    low_90, high_90 = interval(scores, rng(), confidence=0.90)
    low_99, high_99 = interval(scores, rng(), confidence=0.99)
    assert low_99 < low_90 < high_90 < high_99


def test_interval_of_constant_scores_is_a_point():
    assert interval([21.0] * 30, rng()) == (21.0, 21.0)


def test_interval_of_one_score_is_a_point():
    assert interval([5.0], rng()) == (5.0, 5.0)


def test_interval_of_the_same_generator_is_the_same():
    scores = rng(1).normal(size=30)
    assert interval(scores, rng(3)) == interval(scores, rng(3))


def test_interval_draws_from_the_generator_it_is_given():
    scores = rng(1).normal(size=30)
    assert interval(scores, rng(3)) != interval(scores, rng(4))


def test_interval_is_two_plain_floats():
    assert [type(end) for end in interval([1, 2, 3], rng())] == [float, float]


@pytest.mark.parametrize("scores", [[], [[1.0, 2.0]], 3.0])
def test_interval_refuses_anything_but_a_list_of_scores(scores):
    with pytest.raises(ValueError, match=r"expected scores \[N\] with N > 0"):
        interval(scores, rng())


# --- two agents ---


def test_percent_interval_counts_the_doubt_about_both_means():
    student, teacher = rng(1).normal(15, 2, 100), rng(2).normal(20, 2, 100)
    low, high = percent_interval(student, teacher, rng())
    # The relative errors of both means add as squares.
    error = np.hypot(student.std() / student.mean(), teacher.std() / teacher.mean()) / 10
    percent = 100 * student.mean() / teacher.mean()
    assert (low, high) == pytest.approx(percent * (1 + 1.96 * np.array([-1, 1]) * error), abs=0.3)


def test_errors_of_a_difference_add_as_squares():
    # Half widths of 3 and 4 give 5.
    assert difference_interval((10.0, 7.0, 13.0), (2.0, -2.0, 6.0)) == (3.0, 13.0)


def test_the_share_of_the_way_is_0_for_random_play_and_1_for_the_teacher():
    assert [share_of_the_way(score, -20.0, 20.0) for score in (-20, 0, 20)] == [0.0, 0.5, 1.0]


# --- curves of evaluations ---


def test_the_first_to_end_are_the_short_episodes():
    scores = np.array([[1.0, 2.0, 3.0], [7.0, 8.0, 9.0]])
    lengths = np.array([[2, 2, 2], [5, 5, 5]])  # ends: 2, 4, 6 and 5, 10, 15
    assert first_to_end(scores, lengths, 3) == pytest.approx((1 + 2 + 7) / 3)


def test_the_best_so_far_is_the_newer_of_two_equals():
    evaluations = np.array([1.0, 3.0, 2.0, 3.0, 5.0, 4.5])  # as tests/test_online.py scripts them
    assert best_so_far(evaluations).tolist() == [0, 1, 1, 3, 4, 4]


def test_a_swing_is_the_mean_change_without_its_sign():
    assert swing(np.array([1.0, 3.0, 2.0, 3.0, 5.0, 4.5])) == pytest.approx(6.5 / 5)
    assert np.isnan(swing(np.array([3.0])))


# --- paired scores, training seed, start, episode ---


def test_scores_are_sorted_by_start():
    scores = by_start([2, 0, 1, 0, 2, 1], [20, 1, 10, 2, 21, 11])
    np.testing.assert_array_equal(scores, [[1, 2], [10, 11], [20, 21]])


def test_starts_with_different_numbers_of_episodes_are_refused():
    with pytest.raises(ValueError, match="equally many scores of each start"):
        by_start([0, 0, 1], [1, 2, 3])


def test_what_all_episodes_of_a_seed_have_in_common_is_not_averaged_away():
    """With three seeds of 30 equal scores, the interval is that of three values."""
    scores = np.array([0.0, 10.0, 20.0])[:, None, None] * np.ones((3, 30, 1))
    means = hierarchical_means(scores[None], rng())[:, 0]
    assert means.std() == pytest.approx(np.std([0, 10, 20]) / np.sqrt(3), rel=0.03)
    # As 90 independent episodes they would have a sixth of this standard error or less.
    assert means.std() > 5 * np.std([0, 10, 20]) / np.sqrt(90)


def test_what_all_episodes_of_a_start_have_in_common_is_not_averaged_away():
    scores = np.arange(30.0)[None, :, None] * np.ones((1, 30, 4))
    means = hierarchical_means(scores[None], rng())[:, 0]
    assert means.std() == pytest.approx(np.arange(30).std() / np.sqrt(30), rel=0.03)


def test_episodes_of_a_start_are_resampled_too():
    scores = rng(1).normal(size=(1, 1, 400))
    means = hierarchical_means(scores[None], rng())[:, 0]
    assert means.std() == pytest.approx(scores.std() / np.sqrt(400), rel=0.03)


def test_a_percentage_is_paired_by_start():
    """A student that always gets 90 % of its teacher's score has no interval."""
    teacher = rng(2).integers(100, 5000, size=(1, 30, 1)).astype(float)
    np.testing.assert_allclose(resampled_percents(0.9 * teacher, teacher, rng()), 90)
    shuffled = rng(3).permutation(teacher, axis=1)
    low, high = middle(resampled_percents(0.9 * shuffled, teacher, rng()))
    assert high - low > 20


def test_resamples_in_which_the_teacher_scores_nothing_have_no_percentage():
    teacher = np.array([[[2.0], [-1.0]]])
    found = resampled_percents(2 * teacher, teacher, rng())
    # Of two starts, both draws are of the second in a quarter of the resamples.
    assert 0.2 < np.isnan(found).mean() < 0.3
    assert set(found[~np.isnan(found)]) == {200.0}


def test_the_teacher_is_resampled_too():
    teacher = rng(4).normal(100, 50, size=(1, 30, 1))
    student = np.full_like(teacher, 100.0)
    low, high = middle(resampled_percents(student, teacher, rng()))
    assert high - low > 20


def test_a_95_percent_interval_of_paired_percent_contains_the_truth_as_often():
    generator, inside = rng(6), 0
    for _ in range(200):
        start = generator.normal(0, 20, size=(1, 30, 1))  # what both players share
        teacher = 100 + start + generator.normal(0, 10, size=(1, 30, 2))
        student = 80 + start + generator.normal(0, 10, size=(1, 30, 2))
        low, high = middle(resampled_percents(student, teacher, generator))
        inside += low <= 80 <= high
    assert 180 <= inside <= 198  # 190 with a standard deviation of 3


# --- means over games and runs, frozen numbers of rliable 1.2.0 (aggregate_iqm and
# probability_of_improvement of these matrices of runs by games) ---

RUNS_X = np.array([[0.9, 1.1, 0.3], [0.5, 0.5, 2.0], [1.2, 0.7, 0.1], [0.4, 1.3, 0.8]])
RUNS_Y = np.array([[0.8, 1.1, 0.6], [0.7, 0.2, 1.0], [1.0, 0.9, 0.0]])


def test_interquartile_means_equal_those_of_rliable():
    assert interquartile_mean(RUNS_X) == pytest.approx(0.75)
    assert interquartile_mean(RUNS_Y) == pytest.approx(0.8)


def test_probabilities_of_improvement_equal_those_of_rliable():
    assert probability_of_improvement(RUNS_X.T, RUNS_Y.T) == pytest.approx(0.5416666666666666)
    assert probability_of_improvement(RUNS_Y.T, RUNS_X.T) == pytest.approx(0.4583333333333333)


def test_runs_of_different_games_are_not_compared():
    with pytest.raises(ValueError, match="the same games; got 1 and 2"):
        probability_of_improvement([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="at least one value"):
        interquartile_mean([])
