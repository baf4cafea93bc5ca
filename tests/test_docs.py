"""The pages agree with the CSV files and the cards, and their links exist."""

import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from pdlearn import zoo
from pdlearn.commands.options import with_settings
from pdlearn.evaluation import PROTOCOL, start_list
from pdlearn.experiments.judging import episodes_of
from pdlearn.experiments.scores import episode_columns
from pdlearn.networks import fingerprint
from pdlearn.presets import BUDGETS
from pdlearn.publish import paired
from pdlearn.publish.agents import built_pages, name_of_row, recipe_list
from pdlearn.publish.ship import row_of
from pdlearn.rows import read_rows

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
    *(ROOT / "notebooks" / name for name in ("README.md", "glossary.md")),
]
PAGES = [page for page in PAGES if page.parent.name != "learn"]  # the site's copies


def rows(name):
    return read_rows(ROOT / "docs" / "results" / name)


def agent_rows():
    return rows("teachers.csv") + rows("students.csv")


def parts(name):
    """Return the agent of each game that a shipped network plays."""
    agent = zoo.load_all_games(name)
    return [agent.for_game(game) for game in agent.games]


@pytest.mark.parametrize("name", zoo.names())
def test_a_shipped_agents_rows_equal_its_card(name):
    written = [r for r in agent_rows() if name_of_row(r) == name]
    on_card = [
        {key: str(value) for key, value in row_of(part, name).items()} for part in parts(name)
    ]
    assert sorted(written, key=str) == sorted(on_card, key=str)


@pytest.mark.parametrize("name", zoo.names())
def test_a_shipped_agents_episodes_agree_with_its_card(name):
    for part in parts(name):
        score, game = part.score, part.game
        episodes = [r for r in rows("episodes.csv") if (r["agent"], r["game"]) == (name, game)]
        if not score["protocol"].startswith(PROTOCOL):
            assert not episodes
            continue
        assert {(r["protocol"], r["epsilon"], r["seed"]) for r in episodes} == {
            (PROTOCOL, str(score["epsilon"]), str(score["seed"]))
        }
        assert len(episodes) == score["episodes"]
        assert np.mean([float(r["score"]) for r in episodes]) == pytest.approx(score["mean"])
        starts, seeds = start_list(game, len(episodes), score["seed"])
        assert [int(r["start"]) for r in episodes] == starts.tolist()
        assert [int(r["emulator_seed"]) for r in episodes] == seeds.tolist()


def test_every_results_row_has_a_shipped_agent():
    assert sorted({name_of_row(r) for r in agent_rows()}) == zoo.names()
    assert {r["agent"] for r in rows("episodes.csv")} <= set(zoo.names())


@pytest.mark.parametrize("name", zoo.names())
def test_a_shipped_agents_score_is_of_at_least_30_episodes_not_used_to_select_it(name):
    for part in parts(name):
        score = part.score
        assert score["episodes"] >= 30 and score["epsilon"] == 0.05
        assert score["seed"] != part.card.get("chosen_by", {}).get(part.game, {}).get("seed")


def test_the_tables_of_the_pages_are_built_from_the_results():
    for page, built in built_pages(ROOT).items():
        assert page.read_text("utf-8") == built, page.name


def test_a_shipped_student_of_todays_teacher_has_its_own_episodes_in_its_experiment():
    played = paired.evaluations(ROOT / "docs" / "results")
    for size in ("net1", "net2", "net3"):
        for name in (n for n in zoo.names() if n.endswith(f"/{size}")):
            game = name.split("/")[0]
            student, teacher = played[name, game], played[f"{game}/teacher", game]
            (taught,) = zoo.load(name).card["made"]["teachers"]
            assert taught == fingerprint(zoo.load(f"{game}/teacher").network)
            (row,) = (r for r in rows("compression.csv") if (r["game"], r["label"]) == (game, size))
            columns = episode_columns(episodes_of(student), paired.beside(teacher, student))
            assert {key: row[key] for key in columns} == columns
            assert float(row["mean"]) == pytest.approx(student.mean, abs=1e-3)


def test_a_students_percent_is_of_its_teachers_games_from_the_same_starts():
    played = paired.evaluations(ROOT / "docs" / "results")
    student = played["pong/net3", "pong"]
    teacher = played["pong/teacher", "pong"]
    assert teacher.episodes > student.episodes
    same = np.mean(teacher.scores[: student.episodes])
    percent = paired.percent_of(student, teacher)
    assert percent.mean == pytest.approx(100 * student.mean / same)
    assert percent.low < percent.mean < percent.high


@pytest.mark.parametrize("name", [n for n in zoo.names() if n.endswith("/teacher")])
def test_the_command_shown_for_a_teacher_gives_the_settings_on_its_card(name):
    game = name.split("/")[0]
    (command,) = re.findall(rf"^pdlearn train {game} .+", recipe_list(), re.M)
    words = command.split()
    settings = words[words.index("--set") + 1 :] if "--set" in words else []
    method = words[words.index("--method") + 1]
    shown = asdict(with_settings(BUDGETS[method]["fast"], tuple(settings)))
    shown["agent_steps"] = int(words[words.index("--agent-steps") + 1])
    unsaid = {"priority_exponent": 0.0} if method == "dqn" else {}  # on older cards
    config = unsaid | zoo.load(name).card["made"]["config"]
    trained = {key for key in config if not key.startswith("evaluation_")}
    assert {key: shown[key] for key in trained} == {key: config[key] for key in trained}


def test_every_shipped_teacher_has_its_learning_curve():
    games = {row["game"] for row in rows("teachers.csv")}
    assert {path.stem for path in (ROOT / "docs" / "results" / "curves").glob("*.csv")} == games


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_figures_of_a_page_exist(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if not target.startswith("http"):
            # The site's first page and its reference lead to its copies of the lessons.
            on_github = re.sub(r"^((?:\.\./)*)learn/", r"\1../notebooks/", target)
            assert (page.parent / on_github).exists(), target


def test_pictures_have_alt_text():
    for page in PAGES:
        assert not re.search(r"!\[\]\(", page.read_text("utf-8")), page.name


def test_the_readmes_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    little = 'loss="kl", hours=1, steps_per_hour=800, updates_per_hour=20)'
    shorter = code.replace('loss="kl")', little).replace("episodes=30", "episodes=1")
    assert shorter.count("episodes=1") == shorter.count(little) == 1
    exec(compile(shorter, "README.md", "exec"), {})
    assert capsys.readouterr().out.count("\n20 ") == 1  # the row of the last update
    assert (tmp_path / "student.safetensors").exists()


def test_shares_of_the_bench_are_between_0_and_100_percent():
    shares = [row for row in rows("bench.csv") if row["figure"].endswith(" share")]
    assert {row["figure"].removesuffix(" share") for row in shares} >= {
        "dqn loop", "pqn loop", "distillation", "evaluation",
    }  # fmt: skip
    assert all(0 < float(row["value"]) <= 100 for row in shares)


def test_the_curves_of_the_race_pass_through_its_rows():
    def place(row):
        return row["game"], row["method"], row["agent_steps"]

    points = {place(row): row for row in rows("race_curves.csv")}
    raced = [row for row in rows("teacher_recipes.csv") if row["race"] in ("DQN", "PQN")]
    passed = [(points[place(row)], row) for row in raced if place(row) in points]
    assert len(passed) == 4  # two rows are later than the end of the other method's curve
    for point, row in passed:
        assert float(point["score"]) == pytest.approx(float(row["score"]), abs=0.01)
        minutes = float(row["processor_minutes"])
        assert float(point["minutes"]) == pytest.approx(minutes, abs=0.1)
        assert point["hardware"] == row["hardware"]
