"""The zoo: what ships is found and checked; the pages are built from what is in the files."""

import csv
import shutil
from pathlib import Path

import pytest
import torch

import pdlearn
from pdlearn import cli, zoo
from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.evaluation import Evaluation
from pdlearn.publish import ship
from pdlearn.rows import read_rows, write_rows
from pdlearn.tensor_files import CheckpointError

ROOT = Path(__file__).resolve().parent.parent


def evaluated(scores) -> Evaluation:
    return Evaluation("pong", scores, [10] * len(scores), 0, 0.05, 0)


@pytest.mark.parametrize(
    ("scores", "fits"),
    [([17.0, 18.0, 19.0], True), ([12.0, 13.0, 14.0], False), ([20.0, 21.0, 21.0], False)],
)
def test_a_result_fits_its_card_if_the_intervals_meet(scores, fits):
    agent = Agent(None, {"games": {"pong": []}, "score": {"pong": {"low": 17.5, "high": 18.5}}})
    assert zoo.within_card(agent, evaluated(scores)) is fits


def test_a_name_that_is_no_agent_gets_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'pong/net3'"):
        zoo.load("pong/net33")


def test_shipped_play_is_that_of_the_shipped_teacher():
    states = zoo.recording("pong").sample_states(64, torch.Generator().manual_seed(0))
    values = zoo.load("pong/teacher").network(states.observation)
    torch.testing.assert_close(values, states.teacher_q, atol=1e-3, rtol=1e-3)


def test_a_game_without_shipped_play_is_told_how_to_record_some():
    with pytest.raises(ValueError, match="no play of 'tetris'.*pong.*pdlearn record tetris"):
        zoo.recording("tetris")


@pytest.fixture
def one_agent(tmp_path, monkeypatch):
    """A zoo that holds Pong's net3 alone, under a card that says what `score` is."""

    def with_score(score):
        agent = zoo.load("pong/net3")
        monkeypatch.setattr(zoo, "FOLDER", tmp_path)
        save_agent(tmp_path / "pong" / "net3.safetensors", Agent(agent.network, agent.card | score))

    return with_score


def test_check_passes_an_agent_that_scores_as_its_card_says(one_agent, capsys):
    one_agent({})
    assert cli.main(["zoo", "check", "--episodes", "4"]) == 0
    assert capsys.readouterr().out.startswith("pong/net3 ")


def test_check_names_an_agent_that_falls_outside_its_card(one_agent, capsys):
    one_agent({"score": {"pong": {"mean": -20.0, "low": -20.5, "high": -19.5}}})
    assert cli.main(["zoo", "check", "--episodes", "2"]) == 2
    assert "outside their card: pong/net3" in capsys.readouterr().err


# --- what shipping writes ---


def metrics(*points):
    return [
        {"agent_steps": str(steps), "updates": "1", "score": "2.0", "evaluation": evaluation,
         "seconds": "3.0", "loss": "0.1"}
        for steps, evaluation in points
    ]  # fmt: skip


def test_a_curve_keeps_every_evaluation_and_a_row_every_period():
    rows = metrics((2, "nan"), (4, "nan"), (6, "1.5"), (9, "nan"), (11, "nan"), (12, "nan"))
    kept = ship.thinned(rows, period_steps=10)
    assert [row["agent_steps"] for row in kept] == ["2", "6", "11"]
    assert list(kept[0]) == ["agent_steps", "updates", "score", "evaluation", "seconds"]


def test_shipping_rounds_scores_and_enters_an_agent(tmp_path, monkeypatch):
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "docs" / "images").mkdir()
    for page in ("README.md", "docs/zoo.md"):
        shutil.copy(ROOT / page, tmp_path / page)
    file = tmp_path / "run" / "agent.safetensors"
    agent = zoo.load("pong/teacher")
    save_agent(file, Agent(agent.network, {k: v for k, v in agent.card.items() if k != "score"}))
    write_rows(file.with_name("metrics.csv"), metrics((2_000, "1.5"), (4_000, "nan")))
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    ship.ship(file, "abc1234", episodes=1, root=tmp_path)
    shipped = read_agent(tmp_path / "zoo" / "pong" / "teacher.safetensors")
    assert shipped.score["episodes"] == 1
    assert shipped.card["made"]["commit"] == "abc1234"
    with open(tmp_path / "docs" / "results" / "teachers.csv", newline="") as rows:
        (row,) = csv.DictReader(rows)
    assert float(row["mean"]) == pytest.approx(shipped.score["mean"], abs=1e-3)
    assert (tmp_path / "docs" / "results" / "curves" / "pong.csv").exists()
    assert (tmp_path / "docs" / "images" / "curves.png").stat().st_size > 5_000
    assert "| `teacher`, score | " in (tmp_path / "README.md").read_text()
    assert "| `pong/teacher` | " in (tmp_path / "docs" / "zoo.md").read_text()
    assert "Pong | -20.7 | 9.3 | 18.9 | **" in (tmp_path / "docs" / "zoo.md").read_text()


def test_an_agent_ships_beside_the_teacher_under_a_name_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "docs" / "results").mkdir(parents=True)
    monkeypatch.setattr(ship.agents, "build", lambda root: None)
    result = Evaluation("pong", [3.0], [5], 0, 0.05, 1, [4], [438])
    monkeypatch.setattr(ship, "evaluate", lambda *_: result)
    source = zoo.path("pong/teacher")
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    for name in (None, "pong/dqn"):
        ship.ship(source, "abc1234", name=name, episodes=1, root=tmp_path)
    assert zoo.names() == ["pong/dqn", "pong/teacher"]
    assert zoo.load("pong/dqn").score["episodes"] == 1
    for table, network in (("teachers", "teacher"), ("students", "dqn")):
        (row,) = read_rows(tmp_path / "docs" / "results" / f"{table}.csv")
        assert (row["game"], row["network"], row["loss"]) == ("pong", network, "td")
    episodes = read_rows(tmp_path / "docs" / "results" / "episodes.csv")
    assert {row["agent"] for row in episodes} == set(zoo.names())


def test_one_function_loads_a_shipped_agent_and_a_file(tmp_path):
    shipped = pdlearn.load_agent("pong/net3")
    save_agent(tmp_path / "mine", shipped)
    mine = pdlearn.load_agent(tmp_path / "mine", "pong", "cpu")
    assert zoo.load is pdlearn.load_agent
    assert mine.card == shipped.card
    for name, tensor in shipped.network.state_dict().items():
        assert torch.equal(mine.network.state_dict()[name], tensor), name
    with pytest.raises(CheckpointError, match="plays 'pong'; expected 'freeway'"):
        pdlearn.load_agent("pong/net3", "freeway")
