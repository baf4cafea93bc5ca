"""A DQN with a teacher: the loss is the formula's, the weight ends at zero, others are refused."""

import copy
import json
import math
from dataclasses import replace

import pytest
import torch
from fakes import (
    CATCH,
    LEARNING,
    MIRRORED,
    TINY,
    catch_experts,
    make_agent,
    untrained,
    without_clocks,
)

from pdlearn import cli
from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.dqn import DQN, DQNLearner, QuantileLearner
from pdlearn.envs import PREPROCESSING
from pdlearn.evaluation import evaluate
from pdlearn.kickstarting import TeacherTerm, weight_at
from pdlearn.networks import QNetwork, fingerprint
from pdlearn.presets import DQNConfig, EvalConfig
from pdlearn.quantiles import QuantileNetwork
from pdlearn.replay.memory import Transitions
from pdlearn.rows import read_rows

TAUGHT = replace(
    TINY, distillation_weight=0.5, distillation_decay_steps=1_000, distillation_temperature=0.2
)
CPU = torch.device("cpu")
EXPERT, MIRRORED_EXPERT = catch_experts()


def drawn(seed):
    return torch.Generator().manual_seed(seed)


def batch():
    """Return transitions of vectors whose TD errors are on both sides of 1."""
    return Transitions(
        torch.randn(8, 5, generator=drawn(2)), torch.arange(8) % 3, torch.linspace(-3, 3, 8),
        torch.zeros(8), torch.randn(8, 5, generator=drawn(3)),
    )  # fmt: skip


def teacher_of_vectors():
    return Agent(QNetwork(3, "teacher", (5,), drawn(1)), {"games": {"vectors": ["0", "1", "2"]}})


def gradients(loss, network):
    return torch.autograd.grad(loss, list(network.parameters()))


# --- the loss ---


def test_the_loss_and_its_gradient_are_those_of_the_formula():
    student, teacher, tau = QNetwork(3, "net3", (5,), drawn(0)), teacher_of_vectors(), 0.2
    learner = DQNLearner(TAUGHT, student)
    learner.term = TeacherTerm(TAUGHT, teacher, CPU)
    states, action, reward = batch()[:3]
    q, teacher_q = student(states), teacher.network(states).detach()
    error = q.gather(1, action.unsqueeze(1)).squeeze(1) - reward  # nothing follows: discount 0
    huber = torch.where(error.abs() < 1, 0.5 * error**2, error.abs() - 0.5)
    p, s = ((v / tau).exp() / (v / tau).exp().sum(1, keepdim=True) for v in (teacher_q, q))
    by_hand = huber.mean() + 0.5 * (p * (p / s).log()).sum(1).mean()
    loss = learner.loss(batch())
    torch.testing.assert_close(loss, by_hand)
    pairs = zip(gradients(loss, student), gradients(by_hand, student), strict=True)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)


def test_quantiles_have_the_term_of_their_means():
    student, teacher = QuantileNetwork(3, "net3", (5,), drawn(0), quantiles=4), teacher_of_vectors()
    learner = QuantileLearner(TAUGHT, student)
    alone = learner.loss(batch())
    learner.term = TeacherTerm(TAUGHT, teacher, CPU)
    target, policy = (
        torch.log_softmax(network(batch().observation_tm1) / 0.2, 1)
        for network in (teacher.network, student)
    )
    kl = (target.exp() * (target - policy)).sum(1).mean()
    torch.testing.assert_close(learner.loss(batch()) - alone, 0.5 * kl)


def test_the_weight_falls_linearly_to_zero_and_stays():
    config = DQNConfig(distillation_weight=0.8, distillation_decay_steps=100)
    weights = [weight_at(config, steps) for steps in (0, 25, 100, 10_000)]
    assert weights == pytest.approx([0.8, 0.6, 0, 0])


def test_no_gradient_reaches_the_teacher_which_is_not_changed():
    teacher = teacher_of_vectors()
    before = copy.deepcopy(teacher.network.state_dict())
    learner = DQNLearner(TAUGHT, QNetwork(3, "net3", (5,), drawn(0)))
    learner.term = TeacherTerm(TAUGHT, teacher, CPU)
    learner.update(batch())
    assert all(parameter.grad is None for parameter in learner.term.network.parameters())
    assert all(parameter.requires_grad for parameter in teacher.network.parameters())
    for name, tensor in teacher.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


# --- the run ---


def test_with_a_weight_of_zero_it_is_a_dqn_without_a_teacher():
    config = replace(TAUGHT, distillation_decay_steps=1)  # over before learning begins
    taught, alone = (
        DQN(CATCH, config, teacher=EXPERT, seed=3, precision="float32"),
        DQN(CATCH, TINY, seed=3, precision="float32"),
    )
    rows = list(taught)
    assert math.isnan(rows[-1].pop("distillation_loss"))
    assert rows[-1].pop("distillation_weight") == 0
    assert without_clocks(rows) == without_clocks(list(alone))
    for name, tensor in alone.learner.state_dict().items():
        assert torch.equal(tensor, taught.learner.state_dict()[name]), name


def test_a_student_soon_plays_as_its_teacher():
    config = replace(LEARNING, agent_steps=3_000, distillation_weight=10.0)
    taught = DQN(CATCH, config, teacher=EXPERT, seed=1, precision="float32")
    *_, row = taught
    assert row["updates"] > 200
    assert evaluate(taught.agent(), EvalConfig(episodes=30, epsilon=0.0)).mean > 0.8
    alone = DQN(CATCH, replace(config, distillation_weight=0.0), seed=1, precision="float32")
    list(alone)
    assert evaluate(alone.agent(), EvalConfig(episodes=30, epsilon=0.0)).mean < 0.5


def test_rows_tell_the_weight_and_the_kl_until_the_weight_is_zero():
    config = replace(TAUGHT, agent_steps=4_000, distillation_decay_steps=2_800)
    rows = list(DQN(CATCH, config, teacher=EXPERT, precision="float32"))
    assert [row["distillation_weight"] for row in rows] == pytest.approx([0.5 * 800 / 2_800, 0])
    assert all(row["distillation_loss"] > 0 for row in rows)  # both have updates with a weight
    later = list(DQN(CATCH, replace(config, distillation_decay_steps=2_000), teacher=EXPERT))
    assert math.isnan(later[-1]["distillation_loss"]) and later[-1]["loss"] > 0
    assert "distillation_loss" not in next(iter(DQN(CATCH, TINY)))


def test_the_card_and_the_settings_name_the_teacher(tmp_path):
    list(DQN(CATCH, TAUGHT, teacher=EXPERT, precision="float32", folder=tmp_path))
    mark = fingerprint(EXPERT.network)
    made = read_agent(tmp_path / "agent.safetensors", CATCH).card["made"]
    assert made["teachers"] == [mark] and made["config"]["distillation_weight"] == 0.5
    assert json.loads((tmp_path / "config.json").read_text())["teachers"] == [mark]
    assert "teachers" not in DQN(CATCH, TINY).agent().card["made"]


@pytest.fixture
def stopped(tmp_path):
    """The folder of a run that was stopped at half of its agent steps."""
    rows = iter(DQN(CATCH, replace(TAUGHT, agent_steps=4_000), teacher=EXPERT, folder=tmp_path))
    next(rows)
    rows.close()
    return tmp_path


def test_a_resumed_run_goes_on_with_the_weight(stopped):
    config = replace(TAUGHT, agent_steps=4_000, distillation_decay_steps=5_000)
    (row,) = DQN(CATCH, config, teacher=EXPERT, folder=stopped, resume=True)
    assert row["agent_steps"] == 4_000
    assert row["distillation_weight"] == pytest.approx(0.1) and row["distillation_loss"] > 0


def test_a_run_is_not_resumed_with_another_teacher_or_none(stopped):
    again = {"folder": stopped, "resume": True}
    mark = fingerprint(EXPERT.network)
    with pytest.raises(ValueError, match=rf"its teachers is \['{mark}'\]; expected \['"):
        list(DQN(CATCH, TAUGHT, teacher=untrained(), **again))
    with pytest.raises(ValueError, match=rf"its teachers is \['{mark}'\]; expected None"):
        list(DQN(CATCH, TINY, **again))


def test_a_run_without_a_teacher_is_not_resumed_with_one(tmp_path):
    list(DQN(CATCH, TINY, folder=tmp_path))
    with pytest.raises(ValueError, match=r"its teachers is None; expected \['"):
        list(DQN(CATCH, TAUGHT, teacher=EXPERT, folder=tmp_path, resume=True))


# --- what is refused ---


def other(agent, **card):
    return Agent(agent.network, agent.card | card)


PONG = other(make_agent(), observation_shape=[4, 84, 84], preprocessing=PREPROCESSING)


@pytest.mark.parametrize(
    ("game", "teacher", "sentence"),
    [
        (CATCH, MIRRORED_EXPERT, "a teacher of 'pdlearn/Catch-v0'; got one of pdlearn/Mirrored"),
        (CATCH, other(EXPERT, games={CATCH: ["0", "1"]}), r"actions .*'2'\]; got \['0', '1'\]"),
        (
            CATCH, other(EXPERT, observation_shape=[5]),
            r"observations \(4, 84, 84\); got \(5,\)",
        ),
        (CATCH, other(EXPERT, outputs="logits"), "a teacher that gives values; got .* logits"),
        (
            "pong", other(PONG, preprocessing=PREPROCESSING | {"sticky_action_probability": 0.25}),
            "preprocessing pdlearn's; got another",
        ),
        ([CATCH, MIRRORED], EXPERT, "one game with a teacher; got pdlearn/Catch-v0, pd"),
    ],
    ids=["game", "actions", "observations", "outputs", "preprocessing", "games"],
)  # fmt: skip
def test_a_teacher_that_does_not_suit_is_refused_in_one_sentence(game, teacher, sentence):
    size = "multi3" if isinstance(game, list) else "net3"
    with pytest.raises(ValueError, match=f"^expected .*{sentence}"):
        DQN(game, replace(TAUGHT, size=size), teacher=teacher)


def test_a_weight_needs_a_teacher_and_a_teacher_a_weight():
    with pytest.raises(ValueError, match="a teacher with distillation_weight 0.5; got none"):
        DQN(CATCH, TAUGHT)
    with pytest.raises(ValueError, match="a distillation_weight above 0 with a teacher; got 0"):
        DQN(CATCH, TINY, teacher=EXPERT)
    with pytest.raises(ValueError, match="expected a teacher as an Agent; got 'pong/teacher'"):
        DQN("pong", TAUGHT, teacher="pong/teacher")


# --- the command ---


def test_the_command_trains_and_resumes_with_a_teacher(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    file, folder = tmp_path / "teacher.safetensors", tmp_path / "run"
    save_agent(file, untrained())
    taught = ["--teacher", str(file), "--device", "cpu"]
    begun = ["train", CATCH, "--budget", "smoke", "--folder", str(folder), *taught]
    begun += ["--set", "size=net3", "distillation_weight=2", "distillation_decay_steps=9000"]
    assert cli.main(begun) == 0
    resumed = ["train", "--resume", str(folder), "--set", "agent_steps=4000"]
    assert cli.main([*resumed, *taught]) == 0
    weights = [float(row["distillation_weight"]) for row in read_rows(folder / "metrics.csv")]
    assert weights == pytest.approx([2 * 7 / 9, 2 * 5 / 9])
    assert cli.main([*resumed, "--device", "cpu"]) == 2
    assert "expected a teacher with distillation_weight 2; got none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pong", "--method", "pqn"], "expected no --teacher with --method pqn; got pong/teacher"),
        (["pong", "qbert"], "expected no --teacher where several networks are trained"),
        (["pong", "qbert", "--joint"], "expected one --teacher for each of pong, qbert"),
    ],
)
def test_the_command_refuses_a_teacher_that_it_would_not_use(words, sentence, tmp_path, capsys):
    more = ["--teacher", "pong/teacher", "--folder", str(tmp_path / "run"), "--budget", "smoke"]
    assert cli.main(["train", *words, *more]) == 2
    assert sentence in capsys.readouterr().err
