"""The race of training methods: recipes, processor time and rows."""

import itertools
from dataclasses import replace

import pytest

from pdlearn.dqn import DQN
from pdlearn.presets import DQN_BUDGETS
from pdlearn.publish import race
from pdlearn.rows import read_rows, write_rows

CATCH = "pdlearn/Catch-v0"


def test_every_recipe_has_settings_that_its_method_knows(tmp_path):
    for recipe, (method, settings) in race.RECIPES.items():
        run = race.run_of(CATCH, recipe, tmp_path / recipe)
        assert run.kind == method
        assert {name: getattr(run.config, name) for name in settings} == settings


def test_an_unknown_recipe_gets_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="unknown recipe 'DQN, 52 .*DQN, 51 quantiles"):
        race.run_of(CATCH, "DQN, 52 quantiles", tmp_path)


def test_a_run_ends_after_its_processor_time_whatever_the_wall_time(tmp_path, monkeypatch):
    seconds = itertools.count(0, 20)  # one call at the start, one after each row
    monkeypatch.setattr(race.time, "process_time", lambda: next(seconds))
    rows = [{"agent_steps": n} for n in range(1, 10)]
    last, minutes = race.race(rows, 1.0, tmp_path / "metrics.csv")
    assert last == {"agent_steps": 3} and minutes == 1.0
    kept = read_rows(tmp_path / "metrics.csv")
    assert [row["agent_steps"] for row in kept] == ["1", "2", "3"]


def test_the_row_of_a_run_has_its_score_and_settings(tmp_path):
    config = replace(
        DQN_BUDGETS["smoke"], size="net3", agent_steps=800, quantiles=5, double=True, minibatch=16
    )
    run = DQN(CATCH, config, seed=3, precision="float32")
    *_, last = run
    path = tmp_path / "recipes.csv"
    columns = list(read_rows(race.Path("docs/results/teacher_recipes.csv"))[0])
    write_rows(path, [dict.fromkeys(columns, "")])
    race.add_row(path, race.entry(CATCH, "DQN, double targets", run, last=last, minutes=12.34))
    _, row = read_rows(path)
    assert list(row) == columns
    assert row["race"] == "DQN, double targets" and row["processor_minutes"] == "12.3"
    wanted = {"quantiles": "5", "double": "True", "minibatch": "16", "seed": "3", "lambda": ""}
    assert {name: row[name] for name in wanted} == wanted
    assert float(row["score"]) == pytest.approx(last["score"], abs=0.01)
    with pytest.raises(ValueError, match=r"got \['colour'\]"):
        race.add_row(path, {"colour": "blue"})
