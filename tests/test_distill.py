"""The student's loop: it copies a teacher, repeats itself, and survives being stopped."""

import math
from dataclasses import replace

import pytest
import torch
from fakes import CATCH, LEARNING, catch_experts, without_clocks

from pdlearn.checkpoints import Agent, read_agent
from pdlearn.distill import Distillation
from pdlearn.dqn import DQN
from pdlearn.evaluation import evaluate
from pdlearn.losses import mse_loss
from pdlearn.networks import QNetwork, fingerprint
from pdlearn.presets import DISTILL_BUDGETS, EvalConfig
from pdlearn.replay.collecting import begin_recording, collect
from pdlearn.replay.memory import Memory
from pdlearn.tensor_files import read_file

TINY = replace(
    DISTILL_BUDGETS["smoke"], hours=2, steps_per_hour=400, updates_per_hour=30, minibatch=16
)


def some_teacher():
    network = QNetwork(3, "net2", generator=torch.Generator().manual_seed(7)).requires_grad_(False)
    card = {
        "games": {CATCH: ["0", "1", "2"]}, "size": "net2",
        "observation_shape": [4, 84, 84], "preprocessing": {},
    }  # fmt: skip
    return Agent(network, card)


@pytest.fixture(scope="module")
def taught():
    run = DQN(CATCH, LEARNING, seed=1, precision="float32")
    list(run)
    agent = run.agent()
    return Agent(agent.network.requires_grad_(False), agent.card)


COPYING = replace(
    TINY, hours=1, steps_per_hour=4_000, updates_per_hour=400, minibatch=32, collection_epsilon=0.2,
    learning_rate=1e-3, temperature=0.1,
)  # fmt: skip


@pytest.mark.parametrize("loss", ["kl", "reverse_kl", "nll"])
def test_a_student_plays_as_well_as_its_teacher(taught, loss):
    run = Distillation(taught, replace(COPYING, loss=loss), seed=2, precision="float32")
    *_, row = run
    evaluated = EvalConfig(episodes=60, epsilon=0.0)
    assert evaluate(run.agent(), evaluated).mean > 0.75
    assert row["agreement"] > 0.8


def test_a_student_of_mse_learns_the_teachers_values(taught):
    # Values, not play: mse is the weakest of the losses at telling close actions apart.
    memory = collect(taught, 4_000, num_envs=4, epsilon=0.2)
    run = Distillation(taught, replace(COPYING, loss="mse"), memory, precision="float32")
    list(run)
    states = memory.sample_states(512, torch.Generator().manual_seed(0))
    student = mse_loss(run.learner.network(states.observation), states.teacher_q)
    constant = mse_loss(states.teacher_q.mean(0).expand(512, 3), states.teacher_q)
    assert student < 0.75 * constant


def test_the_teacher_is_never_changed():
    teacher = some_teacher()
    before = fingerprint(teacher.network)
    list(Distillation(teacher, TINY, precision="float32"))
    assert fingerprint(teacher.network) == before


def test_the_same_seed_gives_the_same_numbers():
    runs = [list(Distillation(some_teacher(), TINY, precision="float32")) for _ in range(2)]
    assert without_clocks(runs[0]) == without_clocks(runs[1])


def test_each_hour_of_play_is_followed_by_its_updates():
    rows = list(Distillation(some_teacher(), TINY, precision="float32"))
    learnt = [(row["hour"], row["agent_steps"], row["updates"]) for row in rows if row["loss"] > 0]
    assert learnt == [(0, 400, 30), (1, 800, 60)]


def test_the_learning_rate_rises_then_falls_to_its_final_value():
    run = Distillation(some_teacher(), TINY, precision="float32")  # 60 updates, 6 of them warm-up
    high, low = TINY.settled().learning_rate, TINY.learning_rate_final
    assert run.learner.learning_rate() == pytest.approx(high / 6)
    run.learner.updates = 6
    assert run.learner.learning_rate() == pytest.approx(high + 0.1 * (low - high))
    run.learner.updates = 0
    list(run)
    assert run.learner.learning_rate() == pytest.approx(low)


def test_without_warm_up_the_first_step_is_the_largest():
    run = Distillation(some_teacher(), replace(TINY, warmup_share=0.0), precision="float32")
    assert run.learner.learning_rate() == TINY.settled().learning_rate


def test_the_learning_rate_is_that_of_the_network_unless_it_is_given():
    rates = {
        size: replace(TINY, size=size).settled().learning_rate
        for size in ("net5", "net3", "net1", "teacher", "multi3", "multi10")
    }
    assert rates == {
        "net5": 3e-3, "net3": 3e-3, "net1": 3e-3, "teacher": 1e-3, "multi3": 1e-3, "multi10": 1e-3
    }  # fmt: skip
    assert replace(TINY, size="teacher", learning_rate=1e-2).settled().learning_rate == 1e-2
    run = Distillation(some_teacher(), replace(TINY, size="teacher"), precision="float32")
    assert run.settings()["learning_rate"] == 1e-3


def test_a_resumed_run_goes_on_with_the_next_hour(tmp_path):
    teacher = some_teacher()
    rows = iter(Distillation(teacher, TINY, precision="float32", folder=tmp_path))
    next(row for row in rows if row["updates"] == 30)
    rows.close()
    run = Distillation(teacher, TINY, folder=tmp_path, resume=True)
    rows = list(run)
    assert {row["hour"] for row in rows} == {1}
    assert rows[-1]["updates"] == 60 and rows[-1]["agent_steps"] == 800
    assert run.learner.precision == "float32"


def test_the_card_names_the_teacher_and_how_the_student_was_made(tmp_path):
    teacher = some_teacher()
    list(Distillation(teacher, TINY, precision="float32", folder=tmp_path))
    card = read_agent(tmp_path / "agent.safetensors", CATCH).card
    assert card["size"] == "net3"
    assert card["made"]["teachers"] == [fingerprint(teacher.network)]
    assert card["made"]["config"]["temperature"] == 0.03
    assert read_file(tmp_path / "state.safetensors")[1]["kind"] == "distill"


def test_resuming_with_another_teacher_is_refused(tmp_path):
    list(Distillation(some_teacher(), TINY, precision="float32", folder=tmp_path))
    other = some_teacher()
    other.network.out.bias += 1
    with pytest.raises(ValueError, match="its teachers is"):
        list(Distillation(other, TINY, folder=tmp_path, resume=True))


def test_a_recording_is_learnt_from_without_new_play(tmp_path):
    teacher = some_teacher()
    memory = collect(teacher, 400, num_envs=4)
    rows = list(Distillation(teacher, TINY, memory, precision="float32"))
    assert {row["phase"] for row in rows} == {"learn"}
    assert rows[-1]["updates"] == 60 and not math.isnan(rows[-1]["loss"])


@pytest.mark.parametrize("student_share", [0.0, 0.5])
def test_the_student_that_learns_is_the_one_that_takes_its_share(monkeypatch, student_share):
    watched, wanted = [], ("student", "student_share", "kind")

    def spy(*arguments, **keywords):
        watched.append([keywords[name] for name in ("purpose", *wanted)])
        return begin_recording(*arguments, **keywords)

    monkeypatch.setattr("pdlearn.distill.begin_recording", spy)
    monkeypatch.setattr("pdlearn.replay.collecting.begin_recording", spy)
    run = Distillation(
        some_teacher(), replace(TINY, student_share=student_share), precision="float32"
    )
    list(run)
    student = run.learner.network
    assert watched == [["show", None, 0.0, Memory], ["collect", student, student_share, Memory]]


def test_a_student_learns_from_its_own_play_what_its_teacher_would_do():
    teacher = catch_experts()[0]
    rounds = replace(COPYING, hours=8, steps_per_hour=800, updates_per_hour=60, student_share=1.0)
    run = Distillation(teacher, rounds, seed=2, precision="float32")
    list(run)
    assert evaluate(run.agent(), EvalConfig(episodes=60, epsilon=0.0)).mean > 0.75


def test_a_recording_has_no_play_of_the_student():
    memory = collect(some_teacher(), 400, num_envs=4)
    with pytest.raises(ValueError, match="expected student_share 0 with recordings; got 0.5"):
        Distillation(some_teacher(), replace(TINY, student_share=0.5), memory)


def test_an_unknown_loss_is_refused():
    known = "'kl' or 'reverse_kl' or 'nll' or 'mse' or 'advantage_mse'"
    sentence = f"expected loss as {known}; got 'huber'"
    with pytest.raises(ValueError, match=sentence):
        Distillation(some_teacher(), replace(TINY, loss="huber"))
