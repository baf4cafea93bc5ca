"""The page of results: its sentences follow from made-up rows, and docs/results.md is current."""

import re
from pathlib import Path

import pytest

from pdlearn import zoo
from pdlearn.distill import fingerprint
from pdlearn.experiments import TITLES, claims
from pdlearn.experiments.tables import EXPERIMENTS
from pdlearn.publish import results as page
from pdlearn.publish.readings import READINGS
from pdlearn.publish.results import ENTRIES, Entry, build_page, section
from pdlearn.rows import write_rows

ROOT = Path(__file__).resolve().parent.parent
TEACHERS = {"pong": "aaaa", "qbert": "bbbb"}


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """Let the shipped teachers be two, of marks that hand-made rows can name."""
    monkeypatch.setattr(claims, "_mark", lambda games: "+".join(TEACHERS[g] for g in games))


def row(game, label, mean, seed=0, low=None, high=None, **more) -> dict:
    """Return a row of a student, its teacher's mean being 100."""
    facts = {
        "game": game, "label": label, "loss": "kl", "seed": seed, "agent_steps": 1_000,
        "samples": 64_000,
        "episodes": 30, "mean": mean, "low": mean - 5 if low is None else low,
        "high": mean + 5 if high is None else high, "teacher": TEACHERS[game],
        "teacher_mean": 100.0, "percent": mean,
    }  # fmt: skip
    return {key: str(value) for key, value in (facts | more).items()}


ROWS = [
    row("pong", "mse", 60), row("pong", "nll", 92), row("pong", "kl", 99),
    row("qbert", "mse", 120), row("qbert", "nll", 130), row("qbert", "kl", 80),
]  # fmt: skip


def said(rows, name="table1"):
    return claims.of_table(name, rows)


# --- what is counted ---


def test_each_column_has_its_mean_and_the_papers_over_the_same_games():
    text = said([row("pong", "kl", 90), row("qbert", "kl", 40)])
    # The square root of 90 x 40, and of the paper's 100.9 x 155.0.
    assert "`kl`: 60.0 % over 2 games (in the paper, same games: 125.1 %)" in text
    assert "`mse`" not in text.replace("| mse", "")


def test_intervals_that_reach_the_teachers_score_are_counted():
    rows = [row("pong", "kl", 90, low=80, high=100), row("pong", "kl", 90, 1, low=80, high=99.9)]
    assert "1 of 2 intervals (95 %) reach the teacher's score" in said(rows)


def test_intervals_that_contain_the_papers_percentage_are_counted():
    rows = [row("pong", "kl", 95, low=90, high=100.9), row("pong", "kl", 95, 1, low=90, high=100.8)]
    assert "1 of 2 contain the paper's percentage" in said(rows)
    assert "contain the paper's" not in said([row("pong", "0.1", 95)], "temperature")


def test_a_swing_is_the_mean_change_in_the_second_half_of_an_online_run():
    dqn, student = (0, 9, 1, 5, 2), (0, 0, 3, 4, 4)
    points = [
        {"game": "pong", "dqn_steps": "500", "seed": "1", "dqn": str(d), "teacher": "9",
         "student": str(s), "episodes": "10"}
        for d, s in zip(dqn, student, strict=True)
    ]  # fmt: skip
    text = claims.of_online("online", points)
    # From the third point on: |5 - 1| and |2 - 5|, then |4 - 3| and |4 - 4|.
    assert "| Pong | 500 | 1 | 2.0 | 9.0 | 4.0 | 3.5 | 0.5 |" in text


def test_intervals_are_in_percent_of_the_teachers_score():
    rows = [row("pong", "kl", 19, low=18, high=20, teacher_mean=20.0, percent=95)]
    assert "1 of 1 interval (95 %) reach" in said(rows)


def test_the_best_column_is_counted_over_games_with_results_in_all_columns():
    assert "Best column in 2 games: `nll` 1, `kl` 1; in the paper, same games: `kl` 2." in said(
        ROWS
    )
    assert "No game has results in all columns yet." in said(ROWS[:2])


def test_a_score_below_zero_has_no_geometric_mean():
    assert "`kl`: no geometric mean, because a score is not above zero" in said(
        [row("pong", "kl", -3)]
    )


def test_rows_of_other_teachers_and_amounts_are_left_out_and_counted():
    shown, left_out = claims.comparable(
        [*ROWS, row("pong", "kl", 5, teacher="gone"), row("pong", "kl", 5, samples=1)]
    )
    assert shown == ROWS and left_out == 2
    assert said([row("pong", "kl", 5, teacher="gone")]).startswith("No row is of a teacher that")
    assert "The table leaves out 1 row of" in said([*ROWS, row("pong", "kl", 5, samples=1)])


def test_the_most_frequent_amount_is_shown_and_the_larger_of_two_equally_frequent_ones():
    much, little = row("pong", "kl", 5, samples=900), row("pong", "kl", 5, samples=1_000)
    assert claims.comparable([much, little])[0] == [little]
    assert claims.comparable([much, little, much])[0] == [much, much]
    assert "1 score. Each student was trained on 1,000 samples drawn from 1,000 agent" in said(
        [little]
    )


def test_a_network_for_several_games_has_several_teachers_and_dqn_its_own_number_of_samples():
    both = {"games": "pong qbert", "teacher": "aaaa+bbbb"}
    kl = [row("pong", "kl", 5, **both), row("qbert", "kl", 5, **both)]
    dqn = row("pong", "dqn", 5, loss="td", samples=63_000, **both)
    others = [
        row("pong", "dqn", 5, loss="td", agent_steps=2_000, **both),
        row("pong", "kl", 5, games="pong qbert"),
    ]
    assert claims.comparable([*kl, dqn, *others]) == ([*kl, dqn], 2)
    assert "3 scores. Each student was trained on 63,000 to 64,000 samples" in claims._amounts(
        [*kl, dqn]
    )


def test_only_shipped_teachers_have_a_mark(monkeypatch):
    monkeypatch.undo()
    mark = fingerprint(zoo.load("pong/teacher").network)
    assert claims._mark(("pong",)) == mark
    assert claims._mark(("pong", "no_such_game")) is None


def test_figure_1_has_a_line_for_each_state():
    facts = {"game": "pong", "pair": "alike", "temperature": "0.03"}
    rows = [
        {**facts, "moment": moment, "action": action, "mse": mse, "kl": kl}
        for moment, action, mse, kl in [
            ("7", "NOOP", "1.5", "0.2"), ("7", "FIRE", "1.75", "0.8"), ("9", "NOOP", "-1", "0.9"),
            ("9", "FIRE", "-2", "0.1"),
        ]
    ]  # fmt: skip
    text = claims.of_figure1("figure1", rows)
    lines = text.splitlines()
    assert lines[2] == "| Pong | alike | 7 | FIRE | 1.750 | 0.250 | 80 % |"
    assert lines[3] == "| Pong | alike | 9 | NOOP | -1.000 | 1.000 | 90 % |"
    assert "temperature 0.03" in text and "No rows yet of Space Invaders." in text


def test_the_embedding_is_summarised_by_nearest_neighbours():
    points = [
        ("first", "pong", 0),
        ("first", "pong", 1),
        ("shared", "pong", 0),
        ("shared", "qbert", 1),
    ]
    rows = [{"layer": layer, "game": game, "x": x, "y": "0"} for layer, game, x in points]
    text = claims.of_tsne("tsne", rows)
    assert text.startswith("2 states of 2 games")
    assert "100.0 % in the first layer and 0.0 % in the shared hidden layer" in text


# --- the page ---


def entry(body=lambda name, rows: f"{name} has {len(rows)}"):
    return Entry("table1", "KL is best.", "Three columns", body)


def test_an_experiment_without_results_shows_its_command(tmp_path):
    text = section(entry(), tmp_path)
    assert f"## {TITLES['table1']}" in text and "KL is best." in text
    assert "None yet; run `pdlearn reproduce table1`." in text
    assert "![" not in text and "csv" not in text


def test_an_experiment_with_results_has_rows_figure_and_reading(tmp_path, monkeypatch):
    results = tmp_path / "results"
    write_rows(results / "table1.csv", ROWS)
    monkeypatch.setitem(READINGS, "table1", "Read so.")
    assert "![" not in section(entry(), results)
    (results / "table1.png").touch()
    text = section(entry(), results)
    assert "table1 has 6" in text and "Read so." in text
    assert "![Three columns](results/table1.png)" in text
    assert "[table1.csv](results/table1.csv)" in text


def test_the_page_has_every_experiment(tmp_path):
    write_rows(tmp_path / "results" / "table1.csv", ROWS)
    text = build_page(tmp_path / "results")
    titles = re.findall(r"^## (.*)", text, re.M)
    assert titles == list(TITLES.values())
    assert text.count("None yet") == len(ENTRIES) - 1


def test_each_experiment_is_named_once_and_is_on_the_page():
    assert [entry.name for entry in ENTRIES] == list(TITLES)
    assert set(EXPERIMENTS) == set(TITLES) - {"figure1", "online", "tsne"}
    assert all(experiment.title == TITLES[name] for name, experiment in EXPERIMENTS.items())


def test_a_reading_holds_no_number_and_belongs_to_an_experiment():
    assert set(READINGS) <= {entry.name for entry in ENTRIES}
    for text in READINGS.values():
        assert not re.search(r"\d", re.sub(r"\b(table|figure|net|multi) ?\w*\d+", "", text))


def test_the_page_in_docs_is_current(monkeypatch):
    monkeypatch.undo()  # the teachers that really ship
    written = (ROOT / page.PAGE).read_text("utf-8")
    built = build_page(ROOT / "docs" / "results")
    assert written == built, "build it again: python -m pdlearn.publish.results"
