"""Tables of experiments: the paper's means, tables and figures of rows, and a small table run."""

import itertools
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import make_agent

from pdlearn import paper, zoo
from pdlearn.evaluation import Evaluation
from pdlearn.experiments import driver
from pdlearn.experiments.cells import Cell, Training, cells, row_of, tasks, told
from pdlearn.experiments.definitions import EXPERIMENTS, UNTRAINED, Student
from pdlearn.experiments.judging import has_collapsed, teacher_episodes
from pdlearn.experiments.scores import Episodes, episode_columns, paired_scores
from pdlearn.experiments.tables import (
    comparisons,
    means_over_games,
    middle_share,
    percent_of,
    percents,
    picture,
    table,
)
from pdlearn.experiments.training import amounts, config_of, permute_values, with_noise
from pdlearn.games import GAMES
from pdlearn.jobs.training import drive
from pdlearn.presets import EvalConfig
from pdlearn.replay.memory import Memory
from pdlearn.rows import read_rows, write_rows
from pdlearn.statistics import geometric_mean


def row(game, label, seed, percent) -> dict:
    """Return a row of an earlier protocol, without episodes, of a teacher whose mean is 50."""
    return {
        "game": game, "label": label, "seed": str(seed), "percent": str(percent),
        "mean": str(percent / 2), "teacher_mean": "50", "low": str(percent / 2 - 3),
        "high": str(percent / 2 + 1),
    }  # fmt: skip


def paired_row(game, label, seed, student, teacher) -> dict:
    """Return a row with an episode of both from each of the starts 0, 1, 2 and so on."""
    starts = list(range(len(student)))
    played = [
        Episodes(starts, scores, [5] * len(starts), "a protocol") for scores in (student, teacher)
    ]
    mean, teacher_mean = np.mean(student), np.mean(teacher)
    return {
        "game": game, "label": label, "seed": str(seed), "mean": str(mean),
        "teacher_mean": str(teacher_mean), "percent": str(100 * mean / (teacher_mean or np.nan)),
        **episode_columns(*played),
    }  # fmt: skip


ONE = [make_agent(0, "pong", by="dqn")]  # a student's teachers
ROWS = [
    row("pong", "kl", 0, 90), row("pong", "kl", 1, 110), row("pong", "nll", 0, 80),
    row("qbert", "kl", 0, 225), row("qbert", "nll", 0, -5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cells_of_paper", "means"),
    [
        (getattr(paper, t), getattr(paper, f"{t}_MEAN"))
        for t in ("TABLE_1", "TABLE_2", "TABLE_B1", "TABLE_B2")
    ],
)
def test_the_papers_means_follow_from_its_cells(cells_of_paper, means):
    for label, mean in means.items():
        percents_of_label = [students[label] for students in cells_of_paper.values()]
        assert geometric_mean(percents_of_label) == pytest.approx(mean, abs=0.1)


def test_a_percentage_of_unpaired_scores_is_the_mean_over_seeds():
    assert {game: each.mean for game, each in percents(ROWS, "kl").items()} == {
        "pong": 100.0, "qbert": 225.0,
    }  # fmt: skip


def test_the_mean_over_games_is_geometric_over_the_means_over_seeds():
    mean = means_over_games("table1", ROWS)["kl"]
    assert mean.mean == pytest.approx(math.sqrt(100 * 225))  # 150
    assert math.isnan(mean.low)  # scores that are not paired


# --- paired scores ---


def test_a_percentage_is_of_the_teachers_score_from_the_same_starts():
    """The student has 80 % of its teacher's score from every start, however these differ."""
    teacher = [10.0, 1000.0, 200.0, 30.0]
    rows = [paired_row("pong", "kl", 0, [0.8 * score for score in teacher], teacher)]
    assert percents(rows, "kl")["pong"][:3] == pytest.approx((80, 80, 80))
    assert "| Pong | – (94.4) | – (94.9) | 80.0 [80, 80] (100.9) |" in table("table1", rows)


def test_seeds_whose_scores_differ_widen_the_interval():
    seeds = [
        paired_row("pong", "kl", s, [score] * 4, [100.0] * 4) for s, score in ((0, 60), (1, 100))
    ]
    both = percents(seeds, "kl")["pong"]
    assert both[:3] == pytest.approx((80, 60, 100))
    assert percents(seeds[:1], "kl")["pong"][:3] == pytest.approx((60, 60, 60))


def test_the_interval_of_the_mean_over_games_follows_from_those_of_the_games():
    rows = [
        paired_row("pong", "kl", 0, [50.0, 50.0], [100.0, 100.0]),
        paired_row("qbert", "kl", 0, [200.0, 200.0], [100.0, 100.0]),
    ]
    assert means_over_games("table1", rows)["kl"][:3] == pytest.approx((100, 100, 100))
    rows[0] = paired_row("pong", "kl", 0, [25.0, 100.0], [100.0, 100.0])
    # Draws of the first game are 25, 62.5 and 100 %: with 200 %, the square roots of 2500 to 20000.
    wide = means_over_games("table1", rows)["kl"]
    assert wide[1:3] == pytest.approx((math.sqrt(25 * 200), math.sqrt(100 * 200)))


def test_games_are_resampled_independently():
    """The errors of two games average out, though the scores are the same."""
    scores = np.random.default_rng(0).normal(100, 30, 30).tolist()
    rows = [paired_row(game, "kl", 0, scores, [100.0] * 30) for game in ("pong", "qbert")]
    alone, both = means_over_games("table1", rows[:1])["kl"], means_over_games("table1", rows)["kl"]
    narrower = (both.high - both.low) / (alone.high - alone.low)
    assert narrower == pytest.approx(math.sqrt(0.5), abs=0.06)


def test_a_student_is_not_inferior_if_its_interval_is_above_the_margin():
    above = paired_row("pong", "kl", 0, [90.0] * 3, [100.0] * 3)
    below = paired_row("qbert", "kl", 0, [80.0, 120.0, 100.0], [100.0] * 3)
    assert "| not below 90 % of the teacher | – | – | 1 of 2 |" in table("table1", [above, below])


def test_the_share_of_the_way_begins_at_random_play():
    random = GAMES["pong"].random
    rows = [paired_row("pong", "kl", 0, [(random + 20) / 2], [20.0])]
    assert middle_share("table1", rows, "kl") == pytest.approx(50)
    assert middle_share("table1", rows, "nll") is None


def test_a_student_is_compared_with_the_column_before_it():
    rows = [
        paired_row("pong", "mse", 0, [1.0], [20.0]), paired_row("pong", "nll", 0, [5.0], [20.0]),
        paired_row("pong", "nll", 1, [9.0], [20.0]), paired_row("pong", "kl", 0, [7.0], [20.0]),
        paired_row("qbert", "kl", 0, [7.0], [20.0]),
    ]  # fmt: skip
    found = comparisons("table1", rows)
    chances = {labels: each.chance for labels, each in found.items()}
    assert chances == {("mse", "nll"): 1.0, ("nll", "kl"): 0.5}
    # Seed 0 is the one that both have: 5 and 1 of 20, then 7 and 5.
    gaps = {labels: each.difference.mean for labels, each in found.items()}
    assert gaps == pytest.approx({("mse", "nll"): 20, ("nll", "kl"): 10})


def test_a_difference_of_students_is_paired_by_seed_and_start():
    """A student that is 10 % of its teacher's mean above another has no interval."""
    rows = []
    for game, seed in itertools.product(("pong", "qbert"), (0, 1, 2)):
        lower = np.random.default_rng(seed).normal(100, 50, 30)
        teacher = [200.0] * 30
        rows.append(paired_row(game, "mse", seed, lower.tolist(), teacher))
        rows.append(paired_row(game, "nll", seed, (lower + 20).tolist(), teacher))
    difference = comparisons("table1", rows)["mse", "nll"].difference
    assert difference[:3] == pytest.approx((10, 10, 10))
    unpaired = [row("pong", "mse", 0, 50), row("pong", "nll", 0, 60)]
    assert comparisons("table1", unpaired)["mse", "nll"].difference is None


def test_other_starts_than_the_teachers_are_refused():
    one = Episodes([0, 1], [5.0, 6.0], [9, 9], "a protocol")
    for other in (one._replace(starts=[1, 0]), one._replace(protocol="another")):
        with pytest.raises(ValueError, match="expected the teacher's starts and protocol"):
            episode_columns(one, other)


def test_scores_are_read_back_as_they_were_written():
    scores = [123456.5, -21.0, 0.0]
    rows = [paired_row("pong", "kl", seed, scores, [1.0, 2.0, 3.0]) for seed in (0, 1)]
    student, teacher = paired_scores(rows)
    assert student.tolist() == [[[123456.5], [-21.0], [0.0]]] * 2
    assert teacher.tolist() == [[[1.0], [2.0], [3.0]]] * 2


def test_seeds_of_different_numbers_of_starts_are_refused():
    rows = [
        paired_row("pong", "kl", 0, [1.0], [1.0]),
        paired_row("pong", "kl", 1, [1.0, 2.0], [1.0, 2.0]),
    ]
    with pytest.raises(ValueError, match="as many starts of each seed; got \\[1, 2\\]"):
        paired_scores(rows)


def test_of_a_seed_with_more_episodes_only_the_first_of_each_start_count():
    """The shipped files are evaluated for longer than the runs of `pdlearn reproduce`."""
    longer = Episodes([1, 0, 0, 1], [40.0, 10.0, 99.0, 99.0], [5] * 4, "a protocol")
    teacher = longer._replace(scores=[80.0, 20.0, 77.0, 77.0])
    rows = [
        paired_row("pong", "kl", 0, [1.0, 2.0], [3.0, 4.0]),
        paired_row("pong", "kl", 1, [0.0, 0.0], [1.0, 1.0]) | episode_columns(longer, teacher),
    ]
    student, teachers = paired_scores(rows)
    assert student.tolist() == [[[1.0], [2.0]], [[10.0], [40.0]]]
    assert teachers.tolist() == [[[3.0], [4.0]], [[20.0], [80.0]]]
    assert percents(rows, "kl")["pong"].mean == pytest.approx(100 * 53 / 107)


def test_a_collapsed_training_has_no_percentage():
    rows = [paired_row("pong", "kl", 0, [7.0], [20.0]) | {"collapsed": "True"}]
    assert percents(rows, "kl") == {}
    shown = table("table1", rows)
    assert "| Pong | – (94.4) | – (94.9) | collapsed |" in shown
    assert "7.0" not in shown and "35.0" not in shown


def test_a_student_whose_outputs_do_not_vary_has_collapsed(monkeypatch):
    monkeypatch.setattr("pdlearn.experiments.judging.PROBE_STEPS", 64)
    teacher, student = zoo.load("pong/teacher"), zoo.load("pong/net3")
    assert not has_collapsed(student, teacher, seed=0)
    student.network.conv2.bias.fill_(-1e6)  # every channel is dead
    assert has_collapsed(student, teacher, seed=0)


def test_a_teachers_episodes_are_played_once_for_each_seed(tmp_path, monkeypatch):
    teacher, played = zoo.load("pong/teacher"), []

    def evaluate(agent, config, seed):
        played.append(seed)
        return Evaluation("pong", [8.0, 10.5], [5, 6], 0, 0.05, seed, [seed, 2], [4, 4])

    monkeypatch.setattr("pdlearn.experiments.judging.evaluate", evaluate)
    config = EvalConfig(episodes=2)
    first, again, other = (
        teacher_episodes(teacher, config, seed=seed, folder=tmp_path) for seed in (0, 0, 1)
    )
    assert played == [0, 1]
    assert again == first and first[:3] == ([0, 2], [8.0, 10.5], [5, 6])
    assert other.starts == [1, 2]


def test_there_is_no_geometric_mean_with_a_score_below_zero_or_missing():
    means = means_over_games("table1", ROWS)
    assert means["nll"] is None and means["mse"] is None


def test_a_table_has_our_values_and_the_papers_in_brackets():
    lines = table("table1", ROWS).splitlines()
    assert lines[0] == "| game | mse | nll | kl |"
    assert lines[2] == "| Pong | – (94.4) | 80.0 (94.9) | 100.0 (100.9) |"
    assert lines[3] == "| Q*bert | – (122.2) | below 0 (147.6) | 225.0 (155.0) |"
    # The paper's means are over the same two games: the square root of 94.4 x 122.2.
    assert lines[4] == "| **geometric mean, 2 games** | – (107.4) | – (118.4) | 150.0 (125.1) |"


def test_a_student_that_has_not_played_all_games_of_the_table_has_no_mean():
    lines = table("table1", [*ROWS, row("pong", "mse", 0, 50)]).splitlines()
    assert lines[2] == "| Pong | 50.0 (94.4) | 80.0 (94.9) | 100.0 (100.9) |"
    assert lines[4].startswith("| **geometric mean, 2 games** | – (107.4) | – (118.4) |")


@pytest.mark.parametrize("teacher", [[0.0, 0.0], [-20.0, -21.0]])
def test_there_is_no_percentage_of_a_teacher_that_scores_nothing(teacher):
    rows = [paired_row("pong", label, 0, [1.0, 0.0], teacher) for label in ("mse", "nll", "kl")]
    assert percent_of(rows[:1]) is None
    assert picture("table1", rows) is None
    assert "| Pong | – (94.4) | – (94.9) | – (100.9) |" in table("table1", rows)


def test_a_teacher_that_sometimes_scores_nothing_leaves_no_interval():
    found = percent_of([paired_row("pong", "kl", 0, [4.0, 0.0], [2.0, 0.0])])
    assert found.mean == 200 and found.draws is None
    assert np.isnan([found.low, found.high]).all()


def test_there_is_no_share_of_the_way_to_a_teacher_like_random_play():
    rows = [paired_row("breakout", "kl", 0, [9.0], [GAMES["breakout"].random])]
    assert middle_share("table1", rows, "kl") is None


def test_a_row_of_a_teacher_that_scores_nothing_has_no_percentage():
    cell = Cell(("pong",), EXPERIMENTS["table1"].students[2], 0)
    result = Evaluation(
        game="pong", scores=[3.0], lengths=[5], truncated=0, epsilon=0.05, seed=0, starts=[0],
        emulator_seeds=[0],
    )  # fmt: skip
    played = Episodes([0], [0.0], [5], result.protocol)
    row = row_of(cell, Training(), ONE[0], ONE, result=result, reference=played, paper={})
    assert np.isnan(row["percent"]) and row["teacher_mean"] == 0
    assert told(row).endswith("[3.0, 3.0]")


def test_a_table_shows_games_that_are_not_the_experiments():
    rows = [row("seaquest", "kl", 0, 90), *ROWS]
    lines = [line.split(" | ")[0] for line in table("table1", rows).splitlines()]
    assert lines[2:5] == ["| Pong", "| Q*bert", "| Seaquest"]
    assert [axes.get_title() for axes in picture("table1", rows).axes][:3] == [
        line.removeprefix("| ") for line in lines[2:5]
    ]


def test_the_papers_means_are_those_that_it_prints_once_all_games_have_rows():
    rows = [row(game, "kl", 0, 100) for game in paper.TABLE_1]
    assert "| – (79.0) | – (102.5) | 100.0 (111.3) |" in table("table1", rows)


def test_a_figure_has_one_panel_per_game():
    figure = picture("table1", ROWS)
    assert [axes.get_title() for axes in figure.axes] == ["Pong", "Q*bert"]


def test_a_figure_shows_each_seed_with_its_interval_and_the_papers_value():
    drawn = [list(line.get_ydata()) for line in picture("table1", ROWS).axes[0].lines]
    # nll: 80 % of a teacher's 50, from 37 to 41.
    assert [80.0, 80.0] in drawn and [80.0] in drawn and [94.9] in drawn
    assert any(ends == pytest.approx([74.0, 82.0]) for ends in drawn)


def test_long_labels_are_slanted_so_that_they_do_not_overlap():
    long = [row("qbert", s.label, 0, 50) for s in EXPERIMENTS["on-policy"].students]
    for name, rows, angle in (("on-policy", long, 45), ("table1", ROWS, 0)):
        labels = picture(name, rows).axes[0].get_xticklabels()
        assert {label.get_rotation() for label in labels} == {angle}


def test_only_games_with_a_shipped_teacher_are_run():
    assert zoo.with_teacher(["pong", "no_such_game"]) == ["pong"]


def test_all_cells_of_one_seed_precede_those_of_the_next():
    found = cells(EXPERIMENTS["table1"], ["pong", "qbert"], [3, 4])
    assert [cell.seed for cell in found] == [3] * 6 + [4] * 6
    assert [cell.student.label for cell in found[:3]] == ["mse", "nll", "kl"]


def test_a_columns_settings_are_used_for_its_student():
    config = config_of(Student("0.1", "net2", "kl", 0.1), "fast", ONE)
    assert (config.size, config.loss, config.temperature) == ("net2", "kl", 0.1)


def scored(agent, config, seed):
    """Stand in for `evaluate`."""
    assert config.episodes == 2
    scores = [8.0, 10.0] if agent.card["size"] == "net3" else [16.0, 20.0]
    return Evaluation("pong", scores, [5, 5], 0, 0.05, seed, [seed, 2], [4, 4])


def judge(patch):
    """Let `scored` evaluate students and teachers, and no student be probed."""
    patch.setattr("pdlearn.experiments.cells.evaluate", scored)
    patch.setattr("pdlearn.experiments.judging.evaluate", scored)
    patch.setattr("pdlearn.experiments.cells.has_collapsed", lambda *_: False)


def reproduced(name, folder):
    """Run the table `name` on Pong at smoke with seed 5, in a thread; return its new rows."""
    runs, path = folder / "runs", folder / "results" / f"{name}.csv"
    with ThreadPoolExecutor(1) as executor:
        wanted = tasks(name, "smoke", ["pong"], [5], folder=runs)
        return list(driver.run_missing(path, wanted, executor, runs))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The temperature table on Pong at smoke, and the runs that were driven."""
    folder = tmp_path_factory.mktemp("reproduce")
    driven = []

    def driving(run):
        driven.append(run.folder)
        drive(run)

    with pytest.MonkeyPatch.context() as patch:
        judge(patch)
        patch.setattr("pdlearn.experiments.cells.drive", driving)
        first = reproduced("temperature", folder)
        return folder, driven, first, reproduced("temperature", folder)


def test_every_cell_becomes_a_row(small):
    folder, _, yielded, _ = small
    rows = read_rows(folder / "results" / "temperature.csv")
    labels = ["1", "0.1", "0.01", "0.001"]
    assert [r["label"] for r in rows] == [r["label"] for r in yielded] == labels
    assert {r["game"] for r in rows} == {"pong"} and {r["seed"] for r in rows} == {"5"}
    assert {r["percent"] for r in rows} == {"50.0"}  # of the teacher's 18 from the same starts
    assert rows[0]["starts"] == "5 2" and rows[0]["teacher_scores"] == "16 20"
    assert rows[0]["collapsed"] == "False"
    assert rows[0]["samples"] == str(50 * 32) and rows[0]["mean"] == "9.0"


def test_a_cell_with_a_row_is_not_run_again(small):
    _, driven, _, second = small
    assert second == []
    assert len(driven) == len(set(driven)) == 4


def test_all_students_of_a_game_learn_from_one_recording(small):
    folder, *_ = small
    assert len(list((folder / "runs").glob("*.rec"))) == 1


def test_an_hour_in_rounds_has_the_same_play_and_updates():
    whole = config_of(Student("a", "net3"), "fast", ONE)
    rounds = config_of(Student("b", "net3", rounds_per_hour=10), "fast", ONE)
    for count in ("steps_per_hour", "updates_per_hour"):
        assert getattr(rounds, count) * 10 == getattr(whole, count)
    assert rounds.hours == 10 * whole.hours and rounds.memory_hours == 10 * whole.memory_hours


def test_on_policy_students_differ_in_who_acts_and_in_the_loss_alone():
    configs = [config_of(s, "fast", ONE) for s in EXPERIMENTS["on-policy"].students]
    assert [(config.student_share, config.loss) for config in configs] == [
        (0.0, "reverse_kl"), (0.0, "kl"), (1.0, "kl"), (1.0, "reverse_kl"),
    ]  # fmt: skip
    assert len({replace(config, student_share=0.0, loss="kl") for config in configs}) == 1


@pytest.mark.parametrize(
    ("name", "steps", "samples"),
    [("on-policy", 8_640, 256_000), ("noisy-teacher", 17_280, 256_000)],
)
def test_shares_of_the_budget_are_the_amounts_in_many_rounds(name, steps, samples):
    trained = [s for s in EXPERIMENTS[name].students if s.loss != UNTRAINED]
    for config in (config_of(student, "fast", ONE) for student in trained):
        assert amounts(config, 1) == (steps, samples)
        assert config.hours == 20 == config.memory_hours / 5
        assert config.steps_per_hour % config.num_envs == 0


def test_runs_of_different_students_have_different_folders():
    """Otherwise a cell would resume the training of another."""
    made = {}
    for experiment in EXPERIMENTS.values():
        for student in experiment.students:
            key = (student.size, student.label)
            assert made.setdefault(key, student) == student, key


def test_students_that_record_their_own_play_share_no_recording(tmp_path, monkeypatch):
    made = []
    judge(monkeypatch)
    monkeypatch.setattr("pdlearn.experiments.cells.drive", made.append)
    rows = reproduced("on-policy", tmp_path)
    labels = ["teacher, reverse_kl", "teacher, kl", "student, kl", "student, reverse_kl"]
    assert [row["label"] for row in rows] == labels
    assert [run.recordings for run in made] == [None] * 4
    assert [run.config.student_share for run in made] == [0.0, 0.0, 1.0, 1.0]
    assert not list((tmp_path / "runs").glob("*.rec"))


@pytest.mark.parametrize("name", ["on-policy", "noisy-teacher"])
def test_a_student_of_its_own_states_is_trained_at_smoke(name, tmp_path, monkeypatch):
    judge(monkeypatch)
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 40)
    last = replace(EXPERIMENTS[name], students=EXPERIMENTS[name].students[-1:])
    monkeypatch.setitem(EXPERIMENTS, name, last)
    (row,) = reproduced(name, tmp_path)
    assert row["label"] == last.students[0].label
    assert (row["agent_steps"], row["samples"]) == amounts(
        config_of(last.students[0], "smoke", ONE), 1
    )
    assert reproduced(name, tmp_path) == []


# --- a teacher with noise in its weights ---


def weights_of(agent) -> dict:
    return dict(agent.network.named_parameters())


def test_the_noise_of_each_tensor_is_a_share_of_its_own_deviation():
    teacher = zoo.load("pong/teacher")
    before = {name: each.clone() for name, each in weights_of(teacher).items()}
    after = weights_of(with_noise(teacher, 0.2, seed=0))
    for name, weights in before.items():
        assert torch.equal(weights_of(teacher)[name], weights)  # the teacher itself is as it was
        noise = after[name] - weights
        assert noise.abs().max() > 0
        if weights.numel() > 10_000:
            assert noise.std() / weights.std() == pytest.approx(0.2, rel=0.03)
            assert noise.mean().abs() < 0.02 * noise.std()


def test_the_noise_of_a_seed_grows_in_one_direction():
    teacher = zoo.load("pong/teacher")
    weak, strong, other = (
        weights_of(with_noise(teacher, share, seed))
        for share, seed in ((0.1, 3), (0.3, 3), (0.3, 4))
    )
    for name, weights in weights_of(teacher).items():
        expected = weights + 3 * (weak[name] - weights)
        torch.testing.assert_close(strong[name], expected, atol=1e-5, rtol=1e-4)
        assert not torch.equal(other[name], strong[name])
    assert with_noise(teacher, 0.0, seed=3) is teacher


def test_students_learn_from_the_noisy_teacher_of_their_column_and_seed(tmp_path, monkeypatch):
    made = []
    judge(monkeypatch)
    monkeypatch.setattr("pdlearn.experiments.cells.drive", made.append)
    rows = reproduced("noisy-teacher", tmp_path)
    students = EXPERIMENTS["noisy-teacher"].students
    assert [row["label"] for row in rows] == [student.label for student in students]
    trained = [student for student in students if student.loss != UNTRAINED]
    intact = zoo.load("pong/teacher")
    for run, student in zip(made, trained, strict=True):
        labels = weights_of(run.teachers["pong"])["out.weight"]
        wanted = weights_of(with_noise(intact, student.weight_noise, seed=5))["out.weight"]
        assert torch.equal(labels, wanted), student.label


def test_a_noisy_teacher_has_a_row_of_its_own_and_is_not_trained(tmp_path, monkeypatch):
    played, steps = [], []

    def evaluate(agent, config, seed):
        played.append(agent)
        return scored(agent, config, seed)

    judge(monkeypatch)
    monkeypatch.setattr("pdlearn.experiments.cells.evaluate", evaluate)
    monkeypatch.setattr("pdlearn.experiments.cells.drive", steps.append)
    students = EXPERIMENTS["noisy-teacher"].students
    columns = tuple(s for s in students if s.label in ("10% noise", "10%, teacher"))
    one = replace(EXPERIMENTS["noisy-teacher"], games=("pong",), students=columns)
    monkeypatch.setitem(EXPERIMENTS, "noisy-teacher", one)
    noisy, student = reproduced("noisy-teacher", tmp_path)
    assert len(steps) == 1  # the student
    wanted = weights_of(with_noise(zoo.load("pong/teacher"), 0.1, seed=5))
    assert all(torch.equal(each, wanted[name]) for name, each in weights_of(played[0]).items())
    assert (noisy["label"], noisy["loss"], noisy["samples"]) == ("10% noise", UNTRAINED, 0)
    assert noisy["teacher"] == student["teacher"] and noisy["percent"] == 100.0
    assert list(noisy) == list(student)  # one CSV file
    path = tmp_path / "results" / "noisy-teacher.csv"
    (done,) = driver.finished_rows(
        path, tasks("noisy-teacher", "smoke", ["pong"], [5], folder=tmp_path)
    )
    assert done["label"] == "10% noise"  # the student was not trained
    shown = table("noisy-teacher", read_rows(path))
    assert "| Pong | 100.0 [100, 100] | 50.0 [50, 50] |" in shown


# --- wrong values ---


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_permuted_values_are_the_same_values_for_other_actions(share):
    memory = Memory(4000, 1, (2,), num_actions=6)
    memory.teacher_q[:] = torch.arange(6.0) + torch.arange(4000.0).unsqueeze(1)
    right = memory.teacher_q.clone()
    permute_values(memory, share, seed=3)
    assert torch.equal(memory.teacher_q.sort(1).values, right)
    wrong = (memory.teacher_q != right).any(1)
    assert wrong.float().mean() == pytest.approx(share, abs=0.03)  # 1 in 720 deals changes nothing
    best = memory.teacher_q[wrong].argmax(1).bincount(minlength=6)
    assert (best >= 0.8 * len(right) * share / 6).all()


def test_a_resumed_run_has_the_same_permuted_values():
    first, again, other = (Memory(100, 1, (2,), num_actions=6) for _ in range(3))
    for memory, seed in ((first, 0), (again, 0), (other, 1)):
        memory.teacher_q[:] = torch.arange(6.0)
        permute_values(memory, 0.5, seed)
    assert torch.equal(first.teacher_q, again.teacher_q)
    assert not torch.equal(first.teacher_q, other.teacher_q)


def test_each_student_learns_from_its_share_of_permuted_values(tmp_path, monkeypatch):
    made = []

    def driving(run):
        made.append(run.recordings["pong"].teacher_q)

    judge(monkeypatch)
    monkeypatch.setattr("pdlearn.experiments.cells.drive", driving)
    rows = reproduced("mistakes", tmp_path)
    assert [row["label"] for row in rows] == ["0%", "25%", "50%", "75%"]
    wrong = [(q != made[0]).any(1).float().mean().item() for q in made]
    np.testing.assert_allclose(wrong, [0, 0.25, 0.5, 0.75], atol=0.08)


class Task:
    """A job whose rows are of these games; it waits for `after`, if that is a task."""

    def __init__(self, ran, *games, after=None):
        self.ran, self.games, self.after = ran, games, after
        self.name = " ".join(games)
        self.ended = threading.Event()

    def progress(self):
        return None

    def __call__(self):
        self.ran.append(self.games)
        if self.after is not None:
            self.after.ended.wait(60)
        self.ended.set()
        return [{"game": game, "score": 2} for game in self.games]


def task_of(job, recordings=()):
    parts = [lambda row, game=game: row["game"] == game for game in job.games]
    return driver.Task(parts, job, recordings)


def test_a_partly_finished_task_is_run_again_and_its_rows_are_replaced(tmp_path):
    path, ran = tmp_path / "table.csv", []
    write_rows(path, [{"game": game, "score": "1"} for game in ("pong", "qbert", "other")])
    tasks = [task_of(Task(ran, "pong", "freeway")), task_of(Task(ran, "qbert"))]
    with ThreadPoolExecutor(1) as executor:
        new = list(driver.run_missing(path, tasks, executor, tmp_path))
        assert [row["game"] for row in new] == ["pong", "freeway"]
        assert ran == [("pong", "freeway")]
        found = [(row["game"], row["score"]) for row in read_rows(path)]
        assert found == [("other", "1"), ("pong", "2"), ("freeway", "2"), ("qbert", "1")]
        wanted = [{"game": "freeway", "score": "2"}]
        assert driver.finished_rows(path, [task_of(Task(ran, "freeway"))]) == wanted
        assert list(driver.run_missing(path, tasks, executor, tmp_path)) == []


def test_the_rows_of_the_file_are_in_the_order_of_the_tasks(tmp_path):
    ran = []
    last = Task(ran, "qbert")
    tasks = [task_of(Task(ran, "pong", after=last)), task_of(last)]
    with ThreadPoolExecutor(2) as executor:
        new = list(driver.run_missing(tmp_path / "table.csv", tasks, executor, tmp_path))
    assert len(new) == 2
    assert [row["game"] for row in read_rows(tmp_path / "table.csv")] == ["pong", "qbert"]


def test_a_recording_that_several_tasks_need_is_made_once_and_first(tmp_path):
    ran = []
    tasks = [task_of(Task(ran, game), [Task(ran, "play")]) for game in ("pong", "qbert")]
    with ThreadPoolExecutor(1) as executor:
        list(driver.run_missing(tmp_path / "table.csv", tasks, executor, tmp_path))
    assert ran == [("play",), ("pong",), ("qbert",)]
