"""What lessons measure and read: rows of small tensors and of made-up results, worked by hand."""

import math

import numpy as np
import pytest
import torch

from pdlearn.lessons import measures, readings, results

TEACHER_Q = torch.tensor([[0.0, 0.5, 0.1], [0.3, 0.25, 0.0], [1.0, 0.0, 0.8]])


def made(game, network, mean, low, high, **more):
    """Return a row of results as a CSV file has it."""
    row = {"game": game, "network": network, "mean": mean, "low": low, "high": high}
    return {key: str(value) for key, value in (row | {"episodes": 30} | more).items()}


def test_the_action_gap_is_the_best_value_minus_the_second_best():
    torch.testing.assert_close(measures.action_gap(TEACHER_Q), torch.tensor([0.4, 0.05, 0.2]))
    assert measures.is_decisive(TEACHER_Q).tolist() == [True, False, True]


def test_agreement_is_counted_in_all_and_in_decisive_states():
    output = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    row = measures.agreement(output, TEACHER_Q)
    assert row == {"agreement": "33%", "in decisive states": "50%"}


def test_a_constant_choice_is_seen_in_its_row():
    row = measures.choice_row(torch.tensor([1, 1, 0]), TEACHER_Q)
    assert row["takes one action in"] == "67%" and row["agreement"] == "67%"


def test_the_constant_policys_loss_is_the_information_that_states_carry():
    sharp = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert measures.marginal_loss(sharp, 0.01) == pytest.approx(math.log(2), abs=1e-4)
    assert measures.marginal_loss(sharp[:1].repeat(4, 1), 0.01) == pytest.approx(0, abs=1e-6)


def test_a_score_of_random_play_is_none_of_the_way():
    score = {"mean": -20.7, "low": -21.0, "high": -20.5, "episodes": 30}
    row = measures.share_row(score, random=-20.7, teacher=18.0)
    assert row["share of the way"] == "0%" and row["95 % interval"] == "-21.0 to -20.5"
    assert measures.score_row(score) == {"mean": -20.7, "low": -21.0, "high": -20.5, "episodes": 30}


def test_the_last_evaluations_of_each_seed_are_averaged_without_rows_that_have_none():
    nan = math.nan
    first = [{"evaluation": x, "loss": 9.0} for x in (nan, 9.0, 1.0, 2.0, nan, 3.0)]
    second = [{"evaluation": x, "loss": 1.0} for x in (0.0, 4.0, 4.0, 7.0, nan)]
    row = measures.last_of_seeds([first, second])
    assert row == {"seed 1": 2.0, "seed 2": 5.0, "mean": 3.5, "last loss": 5.0}


def test_the_race_of_both_methods_is_told_at_equal_minutes():
    ends = measures.race_ends(results("race_curves"))
    assert [row["method"] for row in ends] == ["PQN", "DQN"] * 3
    for pqn, dqn in zip(ends[::2], ends[1::2], strict=True):
        assert pqn["game"] == dqn["game"]
        assert pqn["minutes"] == pytest.approx(dqn["minutes"], abs=1)
        assert pqn["agent steps"] > dqn["agent steps"]


def test_neighbouring_sizes_are_compared_by_their_first_row():
    rows = [
        made("pong", "net3", 10, 9, 11), made("pong", "teacher", 18, 17, 19),
        made("pong", "net1", 17, 13, 21), made("pong", "net3", 0, 0, 0),
    ]  # fmt: skip
    first, second = measures.neighbours(rows)
    assert first["pair"] == "pong: teacher and net1" and first["certain over games"] == "no"
    assert second == {
        "pair": "pong: net1 and net3", "difference": "2.9 to 11.1", "certain over games": "yes"
    }  # fmt: skip


def test_two_seeds_are_of_one_recipe():
    recipe = dict.fromkeys(measures.RECIPE[2:], "1")  # all but game and network
    rows = [made("pong", "net3", mean, mean - 1, mean + 1, **recipe) for mean in (5, 9)]
    other = made("pong", "net3", 7, 6, 8, **(recipe | {"temperature": "2"}))
    assert list(measures.seeds_of([*rows, other]).values()) == [rows]
    (pair,) = measures.two_seeds([*rows, other])
    assert pair["difference"] == "-5.4 to -2.6"


@pytest.mark.parametrize("column", ["game", "network", "loss"])
def test_students_that_differ_in_more_than_the_seed_are_not_two_seeds(column):
    one, *_ = results("recipes", game="pong", temperature="0.03")
    assert measures.seeds_of([one, one | {column: "another"}]) == {}


def test_a_score_that_is_missing_is_a_dash_and_one_below_0_has_no_percentage():
    below = {"game": "pong", "label": "dqn", "games": "pong freeway", "seed": "0", "percent": "-9"}
    row = below | {"mean": "-2", "low": "-3", "high": "-1"}
    first, second = measures.beside_the_paper([row], {"pong": {"dqn": 90.0, "kl": 99.0}})
    assert first["% of the teacher"] == "below 0" and first["network for"] == "Pong, Freeway"
    assert second["score"] == "–" and second["% in the paper"] == "99.0"


def test_the_deviation_of_a_mean_follows_from_a_rows_interval():
    row = made("pong", "net3", 10, 10 - 1.96, 10 + 1.96)
    assert readings.deviation(row, 30) == pytest.approx(1)
    assert readings.deviation(row, 120) == pytest.approx(0.5)


def test_both_scores_of_a_percentage_are_uncertain():
    student, teacher = made("pong", "net3", 9, 8, 10), made("pong", "teacher", 10, 8, 12)
    low, high = readings.percent_ends(student, teacher)
    known_low, known_high = readings.percent_ends(student, teacher | {"low": "10", "high": "10"})
    assert low < known_low < 90 < known_high < high


def test_an_order_is_reversed_or_the_same_or_not_told_apart():
    def rows(kl, nll):
        return [
            made("pong", "", mean, mean - 1, mean + 1, label=label)
            for label, mean in (("mse", 0), ("nll", nll), ("kl", kl))
        ]

    found = readings.orders({"table1": rows(18, 18)}, np.random.default_rng(0))
    assert [row["here"] for row in found] == ["the same", "the same", "not told apart"]
    found = readings.orders({"table1": rows(5, 18)}, np.random.default_rng(0))
    assert found[-1]["in the paper"] == "kl > nll" and found[-1]["here"] == "reversed"


def test_means_over_every_choice_of_games_are_as_many_as_there_are_choices():
    found = readings.means_of_choices({"a": 1.0, "b": 4.0, "c": 16.0}, 2)
    assert found == pytest.approx([2, 4, 8])


def test_each_of_the_ten_games_has_a_row_of_normalised_scores():
    rows = readings.human_normalised({r["game"]: r for r in results("teachers")})
    assert len(rows) == 10 and "% of human" in rows["Pong"]["our teacher, no-op starts"]


def test_the_price_of_a_network_has_both_runtimes_in_one_row():
    sizes = {"network": "net3", "parameters": "61174", "weights_kb": "244.7"}
    rows = [
        sizes | {"activations_kb": "138.5", "runtime": runtime, "milliseconds": ms,
                 "times_the_teacher": ratio}
        for runtime, ms, ratio in (("eager", "0.3115", "0.327"), ("onnx", "0.126", "0.353"))
    ]  # fmt: skip
    assert measures.prices(rows) == {
        "net3": {
            "parameters": "61,174", "kB of weights": "245", "kB of activations": "138",
            "ms, torch": "0.31", "of the teacher's, torch": "0.33",
            "ms, exported": "0.13", "of the teacher's, exported": "0.35",
        }
    }  # fmt: skip
