"""Students of one's own learn, are saved with their class, and come back."""

import sys

import pytest
import torch
from fakes import make_agent
from torch import nn

import pdlearn
from pdlearn import CheckpointError, Distillation, DistillConfig, load_agent
from pdlearn.checkpoints import Agent
from pdlearn.cli import main
from pdlearn.interop.profiles import PROFILES
from pdlearn.networks import parameter_count
from pdlearn.registry import CLASSES, build_network, register_network

TINY = DistillConfig(hours=1, steps_per_hour=160, updates_per_hour=3, num_envs=4, minibatch=8)


@pytest.fixture(autouse=True, scope="module")
def few_held_out_states():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pdlearn.distill.HELD_OUT_STEPS", 120)
        yield


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr("pdlearn.registry.CLASSES", dict(CLASSES))


class Flat(nn.Module):
    """One hidden layer on every eighth pixel of the newest frame."""

    def __init__(self, num_actions=6, units=8):
        super().__init__()
        self.arguments = {"num_actions": num_actions, "units": units}
        self.layers = nn.Sequential(nn.Linear(121, units), nn.ReLU(), nn.Linear(units, num_actions))

    def forward(self, observation):
        return self.layers(observation[:, -1, ::8, ::8].float().flatten(1) / 255)


def foreign(profile, game="pong", **card) -> Agent:
    agent = make_agent(0, game)
    seen = {"preprocessing": profile.card(), "observation_shape": [4, 84, 84]}
    return Agent(agent.network, agent.card | seen | card)


@pytest.fixture(scope="module")
def trained():
    """Return a student of one's own that has learnt a little, as an agent."""
    run = Distillation(foreign(PROFILES["pdlearn"]), TINY, student=Flat())
    before = run.agent().network.layers[0].weight.clone()
    rows = list(run)
    assert rows[-1]["updates"] == 3
    assert not torch.equal(run.agent().network.layers[0].weight, before)
    return run.agent()


def test_the_card_names_the_class_and_the_number_of_parameters(trained):
    assert trained.card["size"] == "Flat"
    assert trained.card["network"] == {
        "class": "Flat", "arguments": {"num_actions": 6, "units": 8},
        "parameters": parameter_count(Flat()),
    }  # fmt: skip


def test_a_registered_student_comes_back_from_its_file(trained, tmp_path):
    path = tmp_path / "agent.safetensors"
    pdlearn.save_agent(path, trained)
    register_network(Flat)
    again = load_agent(path)
    assert type(again.network) is Flat and again.card["network"] == trained.card["network"]
    state = torch.randint(256, (3, 4, 84, 84), dtype=torch.uint8)
    assert torch.equal(again.network(state), trained.network(state))


def test_a_student_that_is_not_registered_is_given_at_load(trained, tmp_path):
    path = tmp_path / "agent.safetensors"
    pdlearn.save_agent(path, trained)
    with pytest.raises(CheckpointError, match="a 'Flat', which is not registered here"):
        load_agent(path)
    assert type(load_agent(path, network=Flat()).network) is Flat
    with pytest.raises(CheckpointError, match="card and weights differ"):
        load_agent(path, network=Flat(units=9))


class Wrapping(nn.Module):
    """A network with a part whose name DataParallel gives to its own."""

    def __init__(self):
        super().__init__()
        self.module = Flat()


@pytest.mark.parametrize("make", [Wrapping, lambda: torch.compile(Flat())])
def test_weights_come_back_into_a_network_whose_names_are_those_of_a_wrapper(
    trained, make, tmp_path
):
    network, path = make(), tmp_path / "agent.safetensors"
    pdlearn.save_agent(path, Agent(network, trained.card))
    again = load_agent(path, network=make()).network.state_dict()
    assert again.keys() == network.state_dict().keys()
    assert all(torch.equal(again[name], weight) for name, weight in network.state_dict().items())


def test_two_classes_of_one_name_are_refused():
    register_network(Flat)
    register_network(Flat)
    other = type("Flat", (nn.Module,), {"__module__": "elsewhere"})
    with pytest.raises(ValueError, match="is registered; expected another name"):
        register_network(other)


@pytest.mark.parametrize(
    ("student", "said"),
    [
        (Flat(5), r"Flat gives \[2, 5\] for two observations; expected \[2, 6\]"),
        (nn.Linear(3, 6), r"Linear does not take uint8 observations \[4, 84, 84\]"),
    ],
)
def test_a_student_of_other_outputs_or_inputs_is_refused(student, said):
    with pytest.raises(ValueError, match=said):
        Distillation(foreign(PROFILES["pdlearn"]), TINY, student=student)


def test_a_student_of_ones_own_plays_one_game():
    teachers = [foreign(PROFILES["pdlearn"]), foreign(PROFILES["pdlearn"], "breakout")]
    with pytest.raises(ValueError, match="plays one game; got 2"):
        Distillation(teachers, TINY, student=Flat())


def test_arguments_that_are_not_json_are_refused():
    student = Flat()
    student.arguments = {"act": nn.ReLU}
    with pytest.raises(ValueError, match="Flat.arguments are not JSON"):
        Distillation(foreign(PROFILES["pdlearn"]), TINY, student=student).agent()


# --- what a student of a foreign teacher sees ---


@pytest.mark.parametrize("view", ["pdlearn", "teacher"])
def test_the_card_says_what_the_student_of_a_foreign_teacher_sees(view):
    config = pdlearn.DistillConfig(**{**vars(TINY), "student_preprocessing": view, "size": "net5"})
    teacher = foreign(PROFILES["cleanrl"], "breakout")
    run = Distillation(teacher, config)
    assert list(run)[-1]["updates"] == 3
    seen = run.agent().card["preprocessing"]
    assert seen["fire_after_life"] is True and seen["fire_on_reset"] is True
    assert seen["padding"] == ("zeros" if view == "pdlearn" else "first")
    assert seen.get("grey", "emulator") == ("emulator" if view == "pdlearn" else "resized_rgb")


def test_an_unknown_view_is_refused():
    with pytest.raises(ValueError, match="expected student_preprocessing as .*; got 'mine'"):
        DistillConfig(student_preprocessing="mine")


@pytest.mark.parametrize(
    ("loss", "temperature", "refused"),
    [("kl", 0.03, True), ("kl", 1.0, False), ("nll", 0.03, False), ("mse", 1.0, True)],
)
def test_a_policy_is_distilled_at_temperature_one(loss, temperature, refused):
    teacher = foreign(PROFILES["sb3"], outputs="logits")
    config = DistillConfig(loss=loss, temperature=temperature)
    if not refused:
        assert Distillation(teacher, config).config.temperature == temperature
        return
    with pytest.raises(ValueError, match="has a policy's logits; expected loss kl"):
        Distillation(teacher, config)


# --- commands ---


def test_a_class_is_named_on_the_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "mynetworks.py").write_text(
        "from torch import nn\n"
        "class Plain(nn.Module):\n"
        "    def __init__(self, num_actions):\n"
        "        super().__init__()\n"
        "        self.out = nn.Linear(16, num_actions)\n"
        "    def forward(self, x):\n"
        "        return self.out(x[:, -1, ::21, ::21].float().flatten(1))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mynetworks", raising=False)
    student = ["--student", "mynetworks:Plain"]
    smoke = ["--budget", "smoke", "--device", "cpu", "--folder", "run"]
    assert main(["distill", "pong", *smoke, *student]) == 0
    command = capsys.readouterr().out
    assert "pdlearn evaluate run/agent.safetensors --student mynetworks:Plain" in command
    assert main(["evaluate", "run/agent.safetensors", *student, "--episodes", "1"]) == 0
    for wrong, said in {
        "mynetworks:None": "no 'None' in mynetworks",
        "nowhere:Net": "No module named 'nowhere'",
        "json:dumps": "expected a class of torch.nn.Module",
        "mynetworks": "expected package.module:Class",
        "torch.nn:ReLU": "expected a class that is called with num_actions=",
    }.items():
        assert main(["distill", "pong", *smoke[:-1], "other", "--student", wrong]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, "a 'None', which is not registered here"),
        ({"class": "NatureNetwork", "arguments": {"depth": 3}}, "does not take its card's arg"),
        ({"class": "NatureNetwork", "arguments": [3]}, "does not take its card's arguments"),
    ],
)
def test_a_card_that_describes_no_network_is_refused(facts, said):
    with pytest.raises(ValueError, match=said):
        build_network(facts)
