"""Online distillation: the teacher is the best so far, whoever that is, and no run is lost."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from fakes import CATCH, without_clocks

from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.experiments import driver
from pdlearn.experiments import online as experiment
from pdlearn.networks import fingerprint
from pdlearn.online import OnlineDistillation
from pdlearn.plots import online_curves
from pdlearn.presets import DQN_BUDGETS, ONLINE_BUDGETS, EvalConfig
from pdlearn.rows import read_rows
from pdlearn.run_files import read_state

TAUGHT = replace(
    DQN_BUDGETS["smoke"], size="net5", minibatch=16, learn_start_steps=100, memory_steps=800,
    agent_steps=800, evaluation_period_steps=400, evaluation_episodes=2,
)  # fmt: skip
TINY = replace(
    ONLINE_BUDGETS["smoke"], size="net5", steps_per_hour=100, updates_per_hour=3, minibatch=8
)


@pytest.fixture(autouse=True)
def few_unseen_states(monkeypatch):
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 80)


def make(taught=TAUGHT, config=TINY, student_seeds=(), **keywords):
    return OnlineDistillation(CATCH, taught, config, student_seeds, precision="float32", **keywords)


def evaluated(rows):
    return [row for row in rows if row["phase"] == "evaluate"]


# --- a scripted DQN: whose network, and whose alone, labels what the students learn ---


def follow_script(monkeypatch, run, evaluations):
    """Let the DQN's k-th row, at 100 k steps, have the k-th evaluation, and values of k alone."""

    def rows():
        best = -math.inf
        for number, score in enumerate(evaluations, start=1):
            with torch.no_grad():
                run.teacher_run.learner.network.out.weight.zero_()
                run.teacher_run.learner.network.out.bias.fill_(number)
            if score >= best:
                best = score
                run.teacher_run.best = copy.deepcopy(run.teacher_run.agent())
            run.teacher_run.agent_steps, run.teacher_run.best_evaluation = 100 * number, best
            yield {"evaluation": score, "best_evaluation": best}

    def bias(agent, config, seed):
        return SimpleNamespace(mean=agent.network.out.bias[0].item())

    monkeypatch.setattr(run.teacher_run, "rows", rows)
    monkeypatch.setattr("pdlearn.online.evaluate", bias)


def test_students_learn_from_the_best_so_far_and_from_no_other(monkeypatch):
    run = make()
    follow_script(monkeypatch, run, [math.nan, 1.0, 3.0, 2.0, 3.0, 5.0])
    seen = []
    for row in run:
        if row["phase"] == "evaluate":
            labels = run.memory.teacher_q[: len(run.memory)].unique().tolist()
            figures = [row[k] for k in ("agent_steps", "dqn", "best_so_far", "teacher", "updates")]
            seen.append((*figures, labels, len(run.memory)))
    assert seen == [
        # steps, DQN, best so far, who is teacher, updates, labels in memory, states in memory
        (200, 1.0, 1.0, 2, 3, [2.0], 100),
        (300, 3.0, 3.0, 3, 6, [3.0], 100),
        (400, 2.0, 3.0, 3, 9, [3.0], 200),
        (500, 3.0, 3.0, 5, 12, [5.0], 100),  # as good as the best: the newer one
        (600, 5.0, 5.0, 6, 15, [6.0], 100),
    ]


def test_a_teacher_stands_still_while_its_dqn_learns_on(monkeypatch):
    run = make()
    follow_script(monkeypatch, run, [1.0, 0.0])
    list(run)
    assert run.teacher_run.learner.network.out.bias[0] == 2
    assert run.teacher.network.out.bias[0] == 1


def test_nothing_is_recorded_or_learnt_before_there_is_a_teacher(monkeypatch):
    run = make()
    follow_script(monkeypatch, run, [math.nan] * 3)
    assert {row["phase"] for row in run} == {"train"}
    assert run.learner.updates == run.recorded_steps == 0


def test_several_rounds_that_are_due_are_learnt_one_after_another(monkeypatch):
    run = make(config=replace(TINY, steps_per_hour=40, updates_per_hour=2))
    follow_script(monkeypatch, run, [1.0, math.nan, 0.0])
    rows = list(run)
    # 100, 200 and 300 steps are 2, 5 and 7 rounds of 40; the first was over before the teacher.
    assert [row["updates"] for row in evaluated(rows)] == [2, 12]
    assert rows[-1]["recorded_steps"] == 6 * 40


def test_several_students_follow_one_dqn_and_differ(monkeypatch):
    run = make(student_seeds=(4, 7))
    follow_script(monkeypatch, run, [1.0])
    first, second = (agent.clone() for agent in weights_of(run))
    assert not torch.equal(first, second)
    *_, row = run
    after = weights_of(run)
    assert not torch.equal(after[0], first) and not torch.equal(after[1], second)
    assert row["student"] == pytest.approx((row["student_4"] + row["student_7"]) / 2)
    assert row["student_4"] != row["student_7"]


def weights_of(run):
    return [student.network.fc1.weight.detach() for student in run.students.values()]


# --- a DQN that learns ---


def test_a_student_learns_to_play_from_a_dqn_that_learns():
    taught = replace(
        DQN_BUDGETS["smoke"], size="net3", num_envs=8, agent_steps=8_000, minibatch=32,
        memory_steps=8_000, samples_per_step=8.0, learning_rate=1e-3, learning_rate_final=1e-3,
        target_period_updates=100, epsilon_decay_steps=3_000, evaluation_period_steps=2_000,
        evaluation_episodes=10,
    )  # fmt: skip
    config = replace(TINY, size="net3", steps_per_hour=1_000, updates_per_hour=150, minibatch=32)
    run = OnlineDistillation("CartPole-v1", taught, config, precision="float32")
    *_, last = evaluated(run)
    score = evaluate(run.agent(), EvalConfig(episodes=20, num_envs=10, epsilon=0.0)).mean
    assert score > 60  # random play scores about 22
    assert last["best_so_far"] > 60


def test_the_same_seed_gives_the_same_numbers():
    runs = [list(make(seed=3)) for _ in range(2)]
    assert without_clocks(runs[0]) == without_clocks(runs[1])


def test_rows_tell_who_is_at_work():
    rows = list(make())
    assert [row["agent_steps"] for row in evaluated(rows)] == [400, 800]
    assert {row["phase"] for row in rows} == {"train", "learn", "evaluate"}  # no record row
    assert all(math.isnan(row["dqn"]) for row in rows if row["phase"] != "evaluate")
    assert rows[-1]["updates"] == 5 * 3  # the rounds that end at 400, 500, … 800 steps


# --- stopping and going on ---


def test_everything_saved_comes_back_bit_for_bit(tmp_path):
    run = make(student_seeds=(0, 1), folder=tmp_path)
    list(run)
    again = make(student_seeds=(0, 1))
    tensors, card = read_state(tmp_path)
    again.load_state_dict(tensors)
    again.load_counters(asdict(card.counts))
    assert len(run.state_dict()) > 60
    for name, tensor in run.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert without_seconds(again.counters()) == without_seconds(run.counters())
    assert {s.updates for s in again.students.values()} == {run.learner.updates}


def without_seconds(counts):
    teaching = counts["teacher_run"] | {"seconds": 0}
    return counts | {"seconds": 0, "teacher_run": teaching}


def test_a_run_leaves_its_students_and_its_best_dqn(tmp_path):
    run = make(student_seeds=(0, 1), folder=tmp_path)
    *_, row = run
    best = read_agent(tmp_path / "best.safetensors", CATCH)
    assert best.card["chosen_by"][CATCH]["mean"] == row["best_so_far"]
    assert fingerprint(best.network) == fingerprint(run.teacher.network)
    for name in ("student_0", "student_1"):
        student = read_agent(tmp_path / f"{name}.safetensors", CATCH)
        assert fingerprint(student.network) == fingerprint(run.students[name].network)
    made = read_agent(tmp_path / "agent.safetensors", CATCH).card["made"]
    assert made["by"] == "online" and made["config"]["teacher"]["agent_steps"] == 800


def test_a_run_stopped_while_its_students_learn_resumes_with_that_teacher(tmp_path):
    config = replace(TINY, updates_per_hour=400)  # rows at 250 and 400
    rows = iter(make(config=config, folder=tmp_path))
    next(row for row in rows if row["updates"] == 250)
    rows.close()
    best = read_agent(tmp_path / "best.safetensors", CATCH)
    run = make(config=config, folder=tmp_path, resume=True)
    rows = []
    for row in run:
        rows.append(row)
        if row["phase"] == "evaluate":
            break
    assert [(r["phase"], r["updates"]) for r in rows] == [("learn", 400), ("evaluate", 400)]
    chosen_by = best.card["chosen_by"][CATCH]
    assert rows[-1]["agent_steps"] == 400 and rows[-1]["dqn"] == chosen_by["mean"]
    assert fingerprint(run.teacher.network) == fingerprint(best.network)
    assert run.teacher_run.best_evaluation == chosen_by["mean"]


def test_a_best_dqn_that_is_newer_than_the_state_keeps_its_high_score(tmp_path):
    list(make(replace(TAUGHT, agent_steps=400), folder=tmp_path))
    path = tmp_path / "best.safetensors"
    best = read_agent(path, CATCH)
    newer = best.card | {
        "chosen_by": {CATCH: best.card["chosen_by"][CATCH] | {"mean": 99.0, "high": 99.0}}
    }
    save_agent(path, Agent(best.network, newer))  # as a run killed before it was saved leaves it
    *_, row = make(folder=tmp_path, resume=True)
    assert row["phase"] == "evaluate" and row["best_so_far"] == 99
    assert read_agent(path, CATCH).card["chosen_by"][CATCH]["mean"] == 99


def test_a_resumed_run_goes_on_with_dqn_and_students(tmp_path):
    list(make(folder=tmp_path))
    run = make(replace(TAUGHT, agent_steps=1_200), folder=tmp_path, resume=True)
    rows = list(run)
    assert [row["agent_steps"] for row in evaluated(rows)] == [1_200]
    assert rows[-1]["updates"] == 9 * 3
    assert run.teacher_run.learner.updates > 0


def test_a_finished_run_has_no_more_rows(tmp_path):
    list(make(folder=tmp_path))
    assert list(make(folder=tmp_path, resume=True)) == []


# --- refusals ---


def test_students_of_other_seeds_do_not_take_over_a_run(tmp_path):
    list(make(folder=tmp_path))
    with pytest.raises(ValueError, match=r"its student_seeds is \[0\]; expected \[5\]"):
        list(make(folder=tmp_path, student_seeds=(5,), resume=True))


@pytest.mark.parametrize(
    ("changed", "student_seeds", "sentence"),
    [
        ({"steps_per_hour": 900}, (), "at least a round of 900 agent steps; got 800"),
        ({"student_share": 0.5}, (), "expected student_share 0 in online distillation; got 0.5"),
        ({}, (1, 1), r"students of different seeds; got \[1, 1\]"),
    ],
)
def test_what_cannot_be_distilled_online_is_refused(changed, student_seeds, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(config=replace(TINY, **changed), student_seeds=student_seeds)


# --- figure 5 ---


@pytest.fixture
def figure_5(tmp_path, monkeypatch):
    """Return a function that runs what is missing of tiny curves."""
    monkeypatch.setattr("pdlearn.dqn.DQN.row_steps", 100)  # rounds between evaluations too
    monkeypatch.setitem(experiment.DQN_BUDGETS, "smoke", TAUGHT)
    monkeypatch.setitem(experiment.ONLINE_BUDGETS, "smoke", TINY)

    def run_missing(seeds):
        folder = tmp_path / "runs"
        wanted = experiment.tasks("online", "smoke", [CATCH], seeds, folder=folder)
        with ThreadPoolExecutor(1) as executor:
            return list(driver.run_missing(tmp_path / "online.csv", wanted, executor, folder))

    return run_missing


def test_each_students_curve_is_a_row_for_every_evaluation_of_the_dqn(figure_5, tmp_path):
    yielded = figure_5([2, 3])
    rows = read_rows(tmp_path / "online.csv")
    assert [(r["seed"], r["agent_steps"]) for r in rows] == [
        ("2", "400"), ("2", "800"), ("3", "400"), ("3", "800"),
    ]  # fmt: skip
    assert [float(r["student"]) for r in rows] == [r["student"] for r in yielded]
    assert [r["dqn"] for r in rows[:2]] == [r["dqn"] for r in rows[2:]]
    assert {r["parameters"] for r in rows} == {"4639"}  # net5 less 15 of 18 actions of 17 numbers
    assert figure_5([2, 3]) == []
    of_one = experiment.tasks("online", "smoke", [CATCH], [2], folder=tmp_path)
    assert driver.finished_rows(tmp_path / "online.csv", of_one) == rows[:2]
    (axes,) = online_curves(rows).axes
    labels = ["DQN", "its best so far", "student, seed 2", "student, seed 3"]
    assert [line.get_label() for line in axes.lines] == labels
    assert list(axes.lines[3].get_xdata()) == [0.0004, 0.0008]


def test_a_stopped_figure_goes_on_and_counts_a_repeated_evaluation_once(figure_5, tmp_path):
    figure_5([2])
    first = read_rows(tmp_path / "online.csv")
    (tmp_path / "online.csv").unlink()
    metrics = next((tmp_path / "runs").glob("*/metrics.csv"))
    lines = metrics.read_text().splitlines()
    stale = next(line for line in lines if line.startswith("evaluate,400")).replace(
        "evaluate,400", "evaluate,800"
    )
    metrics.write_text("\n".join([lines[0], stale, *lines[1:]]) + "\n")
    figure_5([2])
    without = [{k: v for k, v in row.items() if k != "hours"} for row in first]
    again = read_rows(tmp_path / "online.csv")
    assert [{k: v for k, v in row.items() if k != "hours"} for row in again] == without
