"""Learning curves of students: a row for each point, no point twice, and what is drawn of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pdlearn.evaluation import Evaluation
from pdlearn.experiments import curve_tables, driver
from pdlearn.experiments.curve_tables import measured, picture, table
from pdlearn.experiments.learning_curves import CurveJob, tasks
from pdlearn.plots import SIZE_COLOURS
from pdlearn.rows import read_rows, write_rows
from pdlearn.run_files import STATE

POINTS = [2, 5, 10, 20, 40]


def few(patch, stops=()):
    """Stand in for `evaluate`; return the updates at which students were evaluated."""
    seen = []

    def score(agent, config, seed):
        seen.append(agent.card["made"]["updates"])
        if seen[-1] in stops:
            raise KeyboardInterrupt
        return Evaluation("pong", [seen[-1] - 1.0, seen[-1] + 1.0], [5, 5], 0, 0.05, seed)

    patch.setattr("pdlearn.experiments.learning_curves.evaluate", score)
    patch.setattr("pdlearn.distill.HELD_OUT_STEPS", 80)
    patch.setattr("pdlearn.distill.agreement", lambda *_: 0.5)  # of the run's own rows
    return seen


def missing(folder):
    """Run what is missing of net5's curve on Pong with seed 3; return the new rows."""
    with ThreadPoolExecutor(1) as executor:
        wanted = tasks(
            "learning-curves", "smoke", ["pong"], [3], folder=folder / "runs", labels=["net5"]
        )
        path = folder / "learning-curves.csv"
        return list(driver.run_missing(path, wanted, executor, folder / "runs"))


def finished_rows(folder):
    """Return the rows of the curves of all sizes on Pong with seed 3."""
    wanted = tasks("learning-curves", "smoke", ["pong"], [3], folder=folder)
    return driver.finished_rows(folder / "learning-curves.csv", wanted)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished curve; its rows, and the updates at which it was evaluated."""
    folder = tmp_path_factory.mktemp("curves")
    with pytest.MonkeyPatch.context() as patch:
        seen = few(patch)
        return folder, missing(folder), seen


def test_a_student_has_a_row_at_each_point_of_one_training(finished):
    folder, yielded, seen = finished
    assert seen == POINTS
    rows = read_rows(folder / "learning-curves.csv")
    assert [int(row["updates"]) for row in rows] == POINTS == [int(r["updates"]) for r in yielded]
    assert [float(row["mean"]) for row in rows] == POINTS
    assert {row["label"] for row in rows} == {"net5"} and {row["seed"] for row in rows} == {"3"}
    assert all(float(row["regret"]) > 0 and 0 < float(row["agreement"]) < 1 for row in rows)
    assert len({row["regret"] for row in rows}) > 1, "the student did not learn between points"
    assert len(list((folder / "runs").glob("curve-*"))) == 1


def test_a_finished_curve_is_not_run_again(finished):
    folder, _, seen = finished
    assert missing(folder) == [] and seen == POINTS
    rows = read_rows(folder / "learning-curves.csv")
    assert finished_rows(folder) == rows


@pytest.mark.parametrize(("column", "value"), [("teacher", "another"), ("run_updates", "80")])
def test_rows_of_another_teacher_or_a_longer_run_are_of_another_curve(
    finished, tmp_path, column, value
):
    rows = read_rows(finished[0] / "learning-curves.csv")
    write_rows(tmp_path / "learning-curves.csv", [{**row, column: value} for row in rows])
    assert finished_rows(tmp_path) == []


# A killed process may leave an older state than its last point: here none at all.
@pytest.mark.parametrize(("stopped_at", "killed"), [(5, False), (40, False), (20, True)])
def test_a_stopped_curve_goes_on_and_repeats_no_finished_point(
    finished, tmp_path, monkeypatch, stopped_at, killed
):
    (recorded,) = (finished[0] / "runs").glob("*.rec")
    (tmp_path / recorded.name).write_bytes(recorded.read_bytes())
    job = CurveJob("pong", "net5", "smoke", 3, "a teacher", tmp_path)
    seen = few(monkeypatch, stops=[stopped_at])
    with pytest.raises(KeyboardInterrupt):
        job()
    assert seen == POINTS[: POINTS.index(stopped_at) + 1]
    if killed:
        (job.run_folder / STATE).unlink()
    seen = few(monkeypatch)
    rows = job()
    assert seen == POINTS[POINTS.index(stopped_at) :]
    assert [int(row["updates"]) for row in rows] == POINTS


# --- table, sentence and figure ---


def point(label, updates, mean=10.0, regret=0.5, **others) -> dict[str, str]:
    facts = {
        "game": "pong", "label": label, "updates": updates, "seed": 0, "run_updates": 40,
        "teacher": "new", "mean": mean, "regret": regret, "agreement": 0.25 + updates / 80,
        "episodes": 30, "teacher_mean": 18.0,
    }  # fmt: skip
    return {key: str(value) for key, value in (facts | others).items()}


ROWS = [
    point("net1", 2, 3, 0.4), point("net1", 40, 17, 0.01), point("net5", 40, 9, 0.125),
    point("net5", 2, -4, 0.5),
]  # fmt: skip


def test_a_table_has_score_and_regret_of_each_student_at_each_point():
    lines = table(ROWS).splitlines()
    assert lines[0] == "| game | student | seed | 2 updates | 40 updates |"
    assert lines[2] == "| Pong | net1 | 0 | 3.0; 0.400 | 17.0; 0.010 |"
    assert lines[3] == "| Pong | net5 | 0 | -4.0; 0.500 | 9.0; 0.125 |"
    assert "over 30 episodes" in curve_tables.body(ROWS)


def test_only_the_newest_teacher_and_the_longest_runs_are_shown():
    old = [point("net2", 2, teacher="old"), point("net3", 2, run_updates=4)]
    assert table([*old, *ROWS]) == table(ROWS)


def test_agreement_is_told_at_the_first_and_the_last_point():
    rows = [*ROWS, point("net1", 2, game="qbert"), point("net1", 40, game="qbert", agreement=1)]
    assert measured(rows) == (
        "Agreement after 2 and 40 updates, mean over games (Pong, Q*bert): `net1` 28 % and 88 %, "
        "`net5` 28 % and 75 %."
    )


def test_the_figure_has_two_panels_per_game_with_a_line_for_each_student():
    rows = [*ROWS, *(row | {"game": "qbert"} for row in ROWS[:2])]
    figure = picture(rows)
    drawn = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in drawn] == ["Pong", "Q*bert", "", ""]
    scores, _, regrets, _ = drawn
    net1, net5, teacher = scores.lines
    assert [list(line.get_ydata()) for line in (net1, net5)] == [[3, 17], [-4, 9]]
    assert [list(line.get_ydata()) for line in regrets.lines] == [[0.4, 0.01], [0.5, 0.125]]
    assert (net1.get_color(), net5.get_color()) == (SIZE_COLOURS["net1"], SIZE_COLOURS["net5"])
    assert list(teacher.get_ydata()) == [18, 18]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["net1", "net5", "teacher"]


def test_ten_games_are_drawn_in_rows_of_four():
    games = ("pong", "qbert", "enduro", "freeway", "seaquest")
    figure = picture([row | {"game": game} for game in games for row in ROWS])
    assert sum(axes.get_visible() for axes in figure.axes) == 2 * len(games)
