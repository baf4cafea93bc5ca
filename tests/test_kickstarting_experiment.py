"""The experiment kickstarting: weak teachers are trained first and once, and are the reference."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes import make_agent

from pdlearn import zoo
from pdlearn.checkpoints import Agent, save_agent
from pdlearn.evaluation import Evaluation
from pdlearn.experiments import driver, weak_teachers
from pdlearn.experiments.cells import tasks
from pdlearn.experiments.comparable import comparable
from pdlearn.experiments.definitions import EXPERIMENTS
from pdlearn.experiments.training import config_of, fingerprint_of
from pdlearn.jobs.training import drive
from pdlearn.publish.results import ENTRIES
from pdlearn.rows import read_rows

(ENTRY,) = (entry for entry in ENTRIES if entry.name == "kickstarting")
TD, KL, BOTH = EXPERIMENTS["kickstarting"].students


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The experiment on Q*bert at smoke, seed 5: its folder, the runs driven and all new rows."""
    folder, driven = tmp_path_factory.mktemp("kickstarting"), []

    def evaluate(agent, config, seed):
        scores = {"teacher": [4.0, 6.0], "net1": [6.0, 9.0]}[agent.card["size"]]
        return Evaluation("qbert", scores, [5, 5], 0, 0.05, seed, [seed, 2], [4, 4])

    def driving(run):
        driven.append(run)
        drive(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pdlearn.distill.HELD_OUT_STEPS", 80)
        patch.setattr("pdlearn.experiments.cells.has_collapsed", lambda *_: False)
        for place in ("cells", "judging"):
            patch.setattr(f"pdlearn.experiments.{place}.evaluate", evaluate)
        for place in ("experiments.cells", "jobs.training"):
            patch.setattr(f"pdlearn.{place}.drive", driving)
        runs, new = folder / "runs", []
        with ThreadPoolExecutor(1) as executor:
            for _ in range(2):
                weak_teachers.train_missing(["qbert"], "smoke", runs, executor=executor)
                wanted = tasks("kickstarting", "smoke", ["qbert"], [5], folder=runs)
                path = folder / "kickstarting.csv"
                new.append(list(driver.run_missing(path, wanted, executor, runs)))
    return folder, driven, new


def finished(folder):
    wanted = tasks("kickstarting", "smoke", ["qbert"], [5], folder=folder / "runs")
    return driver.finished_rows(folder / "kickstarting.csv", wanted)


def test_the_weak_teacher_is_trained_first_and_its_students_have_rows(small):
    folder, driven, (first, second) = small
    assert [run.config.size for run in driven] == ["teacher", "net1", "net1", "net1"]
    assert [row["label"] for row in first] == ["td", "kl", "td + kl"] and second == []
    rows = finished(folder)
    assert rows == read_rows(folder / "kickstarting.csv") and len(rows) == 3
    assert [row["agent_steps"] for row in rows] == ["600", "1000", "600"]
    assert [row["loss"] for row in rows] == ["td", "kl", "td_kl"]
    assert [row["temperature"] for row in rows] == ["", "0.03", "0.1"]


def test_students_learn_from_the_weak_teacher_and_are_compared_with_it(small):
    folder, (_, td, kl, both), (rows, _) = small
    weak = zoo.load(weak_teachers.file_of("qbert", "smoke", folder / "runs"))
    mark = fingerprint_of([weak])
    assert mark != fingerprint_of([zoo.load("qbert/teacher")])
    assert {row["teacher"] for row in rows} == {mark}
    assert {(row["teacher_mean"], row["percent"]) for row in rows} == {(5.0, 150.0)}
    assert td.teacher is None
    assert fingerprint_of([both.teacher]) == fingerprint_of([kl.teachers["qbert"]]) == mark


def test_rows_of_another_weak_teacher_are_of_other_cells(small, tmp_path):
    folder, *_ = small
    file = weak_teachers.file_of("qbert", "smoke", folder / "runs")
    kept = file.read_bytes()
    agent = zoo.load(file)
    agent.network.out.bias += 1
    save_agent(file, agent)
    try:
        assert finished(folder) == []
    finally:
        file.write_bytes(kept)


def test_the_page_shows_all_students_and_the_weak_teachers_score(small):
    folder, *_ = small
    rows = read_rows(folder / "kickstarting.csv")
    assert comparable(rows) == (rows, 0)
    shown = "150.0 [150, 150]"
    assert f"| Q*bert | {shown} | {shown} | {shown} |" in ENTRY.body(rows)
    assert "mean scores are: Q*bert 5.0." in ENTRY.body(rows)
    assert "was replaced" not in ENTRY.body(rows)


def test_the_two_dqns_differ_only_in_the_teachers_term():
    agent = make_agent(game="qbert")
    teacher = Agent(agent.network, agent.card | {"made": {"by": "dqn", "agent_steps": 300_000}})
    alone, both = (config_of(student, "fast", [teacher]) for student in (TD, BOTH))
    assert alone.agent_steps == both.agent_steps == alone.memory_steps == 300_000
    assert (alone.distillation_weight, both.distillation_decay_steps) == (0, 155_000)
    assert weak_teachers.kickstarted(alone) == both != alone
    assert config_of(KL, "fast", [teacher]).loss == "kl"
