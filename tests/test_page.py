"""The page of results: tables from made-up rows, and docs/results.md is current."""

import re
from pathlib import Path

import pytest
from fakes import make_agent

from pdlearn import zoo
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.envs import PREPROCESSING
from pdlearn.experiments import TITLES, figure1, online, tsne
from pdlearn.experiments.comparable import comparable, of_earlier_teachers
from pdlearn.experiments.definitions import EXPERIMENTS, UNTRAINED
from pdlearn.experiments.tables import table
from pdlearn.experiments.training import fingerprint_of
from pdlearn.publish import results as page
from pdlearn.publish.readings import READINGS
from pdlearn.publish.results import ENTRIES, Entry, build_page, claims_table, section
from pdlearn.rows import write_rows

ROOT = Path(__file__).resolve().parent.parent
BY_NAME = {entry.name: entry for entry in ENTRIES}


@pytest.fixture
def fingerprints(tmp_path, monkeypatch):
    """A zoo of two untrained teachers; their fingerprints by game, and of both together."""
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    seen = {"observation_shape": [4, 84, 84], "preprocessing": PREPROCESSING}
    teachers = [make_agent(seed, game, by="dqn") for seed, game in enumerate(("pong", "qbert"))]
    for teacher in teachers:
        agent = Agent(teacher.network, teacher.card | seen)
        save_agent(zoo.path(f"{teacher.game}/teacher"), agent)
    found = {teacher.game: fingerprint_of([teacher]) for teacher in teachers}
    return found | {"both": fingerprint_of(teachers)}


@pytest.fixture
def row(fingerprints):
    """Return a function that makes a row of a student whose teacher's mean is 100."""

    def made(game, label, mean, seed=0, low=None, high=None, **more) -> dict:
        facts = {
            "game": game, "label": label, "loss": "kl", "seed": seed, "agent_steps": 1_000,
            "samples": 64_000,
            "episodes": 30, "mean": mean, "low": mean - 5 if low is None else low,
            "high": mean + 5 if high is None else high, "teacher": fingerprints[game],
            "teacher_mean": 100.0, "percent": mean,
        }  # fmt: skip
        return {key: str(value) for key, value in (facts | more).items()}

    return made


@pytest.fixture
def rows(row):
    return [
        row("pong", "mse", 60), row("pong", "nll", 92), row("pong", "kl", 99),
        row("qbert", "mse", 120), row("qbert", "nll", 130), row("qbert", "kl", 80),
    ]  # fmt: skip


# --- tables ---


def test_students_that_are_not_inferior_to_their_teacher_are_counted(row):
    equal = row("pong", "kl", 97, low=90, high=104)
    short = row("qbert", "kl", 97, low=89.9, high=104)
    shown = table("table1", [equal, short])
    assert "| not below 90 % of the teacher | – | – | 1 of 2 |" in shown


def test_intervals_that_contain_the_papers_percentage_are_counted(row):
    inside = row("pong", "kl", 95, low=90, high=100.9)
    outside = row("qbert", "kl", 95, low=90, high=154.8)
    shown = table("table1", [inside, outside])
    assert "| intervals that contain the paper's value | – | – | 1 of 2 |" in shown
    assert "contain" not in table("temperature", [row("pong", "0.1", 95)])


def test_intervals_are_in_percent_of_the_teachers_score(row):
    scored = row("pong", "kl", 19, low=18, high=20, teacher_mean=20.0, percent=95)
    assert "| not below 90 % of the teacher | – | – | 1 of 1 |" in table("table1", [scored])


def test_a_single_game_has_no_mean_over_games(tmp_path, row):
    (one,) = rows = [row("pong", "kl", 99)]
    assert "geometric" not in table("table1", [one])
    write_rows(tmp_path / "table1.csv", rows)
    assert "| Pong: `mse` –, `nll` –, `kl` 99.0 %. |" in claims_table([BY_NAME["table1"]], tmp_path)


def test_a_swing_is_the_mean_change_in_the_second_half_of_an_online_run():
    dqn, student = (0, 9, 1, 5, 2), (0, 0, 3, 4, 4)
    points = [
        {"game": "pong", "dqn_steps": "500", "seed": "1", "dqn": str(d), "teacher": "9",
         "student": str(s), "episodes": "10"}
        for d, s in zip(dqn, student, strict=True)
    ]  # fmt: skip
    # From the third point on: |5 - 1| and |2 - 5|, then |4 - 3| and |4 - 4|.
    assert "| Pong | 500 | 1 | 2.0 | 9.0 | 4.0 | 3.5 | 0.5 |" in online.table(points)
    assert online.measured(points) == (
        "Pong, seed 1: final scores 2.0 (DQN) and 4.0 (student), swings 3.5 and 0.5."
    )


def test_figure_1_has_a_line_for_each_state():
    facts = {"game": "pong", "pair": "alike", "temperature": "0.03"}
    rows = [
        {**facts, "moment": moment, "action": action, "mse": mse, "kl": kl}
        for moment, action, mse, kl in [
            ("7", "NOOP", "1.5", "0.2"), ("7", "FIRE", "1.75", "0.8"), ("9", "NOOP", "-1", "0.9"),
            ("9", "FIRE", "-2", "0.1"),
        ]
    ]  # fmt: skip
    lines = figure1.table(rows).splitlines()
    assert lines[2] == "| Pong | alike | 7 | FIRE | 1.750 | 0.250 | 80 % |"
    assert lines[3] == "| Pong | alike | 9 | NOOP | -1.000 | 1.000 | 90 % |"
    assert "similar frames, different values: 1.75 and -1.00" in figure1.measured(rows)
    assert "temperature 0.03" in BY_NAME["figure1"].body(rows)


def test_the_embedding_is_summarised_by_nearest_neighbours():
    points = [
        ("first", "pong", "pong"),
        ("first", "qbert", "qbert"),
        ("shared", "pong", "qbert"),
        ("shared", "qbert", "pong"),
    ]
    rows = [{"layer": layer, "game": game, "nearest": nearest} for layer, game, nearest in points]
    assert "100.0 % in the first layer, 0.0 % in the shared hidden layer" in tsne.measured(rows)
    assert BY_NAME["tsne"].body(rows).startswith("2 states of 2 games")


# --- which rows are compared ---


def test_rows_of_other_teachers_and_amounts_are_left_out_and_counted(row, rows):
    gone, less = row("pong", "kl", 5, teacher="gone"), row("pong", "kl", 5, samples=1)
    assert comparable([gone, *rows, gone, less]) == (rows, 3)
    assert "amounts of training: 1." in BY_NAME["table1"].body([*rows, less])


def test_the_newest_earlier_teacher_stands_in_where_the_shipped_one_has_no_rows(row, rows):
    earliest, earlier = (row("pong", "kl", 5, teacher=name) for name in ("earliest", "earlier"))
    qbert = [each for each in rows if each["game"] == "qbert"]
    assert comparable([earliest, earlier, *qbert]) == ([earlier, *qbert], 1)
    body = BY_NAME["table1"].body
    assert "Pong: these students learnt before a teacher was replaced" in body([earlier, *qbert])
    assert "was replaced" not in body(rows)


def test_a_game_without_a_shipped_teacher_has_earlier_ones(row):
    freeway = row("pong", "kl", 5) | {"game": "freeway"}
    assert comparable([freeway]) == ([freeway], 0)
    assert of_earlier_teachers([freeway, row("pong", "kl", 5)]) == ["freeway"]


def test_a_page_without_students_says_so(row):
    assert BY_NAME["table1"].body([row("pong", "dqn", 5, loss="td")]) == "No row is of a student."


def test_the_most_frequent_amount_is_shown_and_the_larger_of_two_equally_frequent_ones(row):
    much, little = row("pong", "kl", 5, samples=900), row("pong", "kl", 5, samples=1_000)
    assert comparable([much, little])[0] == [little]
    assert comparable([much, little, much])[0] == [much, much]
    assert "samples 1,000; agent steps 1,000; episodes 30; seed 0." in (
        BY_NAME["table1"].body([little])
    )


def test_a_network_for_several_games_has_several_teachers_and_dqn_its_own_number_of_samples(
    row, fingerprints
):
    both = {"games": "pong qbert", "teacher": fingerprints["both"]}
    kl = [row("pong", "kl", 5, **both), row("qbert", "kl", 5, **both)]
    dqn = row("pong", "dqn", 5, loss="td", samples=63_000, **both)
    others = [
        row("pong", "kl", 5, games="pong qbert"),
    ]
    longer = row("pong", "pqn, teachers' steps", 5, loss="pqn", agent_steps=2_000, **both)
    assert comparable([*kl, dqn, longer, *others]) == ([*kl, dqn, longer], 1)
    assert "samples 63,000 or 64,000" in BY_NAME["multi3"].body([*kl, dqn])


def test_a_teacher_with_noise_is_shown_beside_students_of_any_amount(row):
    noisy = row("pong", "3% noise", 40, loss=UNTRAINED, samples=0, agent_steps=0)
    student = row("pong", "3%, student", 50)
    less = row("pong", "3%, teacher", 30, samples=1)
    assert comparable([noisy, noisy, student, less, student])[0] == [noisy, noisy, student, student]
    body = BY_NAME["noisy-teacher"].body([noisy, student])
    assert "Amounts: samples 64,000; agent steps 1,000; episodes 30; seed 0." in body


# --- the page ---


ENTRY = Entry(
    "table1", "KL is best.", "In part.", "Three columns",
    measured=lambda rows: f"{len(rows)} scores", body=lambda rows: f"a table of {len(rows)}",
)  # fmt: skip


def test_the_first_table_has_the_papers_claim_beside_what_was_measured(tmp_path, rows):
    assert "| KL is best. | not run | – |" in claims_table([ENTRY], tmp_path)
    write_rows(tmp_path / "table1.csv", rows)
    shown = claims_table([ENTRY, BY_NAME["table1"]], tmp_path)
    assert "| KL is best. | In part. | 6 scores |" in shown
    # The square root of 60 x 120.
    assert "| Geometric mean, 2 games: `mse` 84.9 %, `nll` 109.4 %, `kl` 89.0 %. |" in shown
    assert "(#three-losses-students-of-the-teachers-size-table-1)" in shown


def test_no_cell_of_the_first_table_is_split():
    for line in claims_table(ENTRIES, ROOT / "docs" / "results").splitlines():
        assert line.count("|") == 5, line


def test_an_experiment_without_results_shows_its_command(tmp_path):
    text = section(ENTRY, tmp_path)
    assert f"## {TITLES['table1']}" in text
    assert "No results yet; run `pdlearn reproduce table1`." in text
    assert "![" not in text and "csv" not in text


def test_an_experiment_with_results_has_rows_figure_and_reading(tmp_path, monkeypatch, rows):
    results = tmp_path / "results"
    write_rows(results / "table1.csv", rows)
    monkeypatch.setitem(READINGS, "table1", "Read so.")
    assert "![" not in section(ENTRY, results)
    (results / "table1.png").touch()
    text = section(ENTRY, results)
    assert "a table of 6" in text and "Read so." in text
    assert "![Three columns](results/table1.png)" in text
    assert "Rows: [table1.csv](results/table1.csv); command: `pdlearn reproduce table1`." in text


def test_the_page_has_every_experiment(tmp_path, rows):
    write_rows(tmp_path / "results" / "table1.csv", rows)
    text = build_page(tmp_path / "results")
    titles = re.findall(r"^## (.*)", text, re.M)
    assert titles == list(TITLES.values())
    assert text.count("No results yet") == len(ENTRIES) - 1


def test_each_experiment_is_named_once_and_is_on_the_page():
    assert [entry.name for entry in ENTRIES] == list(TITLES)
    assert set(EXPERIMENTS) == set(TITLES) - {"figure1", "learning-curves", "online", "tsne"}
    assert all(experiment.title == TITLES[name] for name, experiment in EXPERIMENTS.items())


def test_a_reading_holds_no_number_and_belongs_to_an_experiment():
    assert set(READINGS) <= {entry.name for entry in ENTRIES}
    for text in READINGS.values():
        assert not re.search(r"\d", re.sub(r"\b(table|figure|net|multi) ?\w*\d+", "", text))


def test_the_page_in_docs_is_current():
    written = (ROOT / page.PAGE).read_text("utf-8")
    built = build_page(ROOT / "docs" / "results")
    assert written == built, "build it again: python -m pdlearn.publish.results"
