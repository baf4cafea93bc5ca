"""The page docs/bring-your-own.md runs, with fewer steps."""

import re
from pathlib import Path

import foreign
import pytest
import torch
from foreign import SB3QNetwork, pickled, write, zipped

import pdlearn
from pdlearn import load_agent
from pdlearn.cli import main
from pdlearn.registry import CLASSES

PAGE = (Path(__file__).parent.parent / "docs" / "bring-your-own.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
README_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
FEWER = {
    "agent_steps=20_000": "agent_steps=600",
    "learn_start_steps=1_000": "learn_start_steps=200",
    "evaluation_period_steps=5_000": "evaluation_period_steps=600, evaluation_episodes=1",
    "steps_per_hour=8_000, updates_per_hour=1_000": "steps_per_hour=400, updates_per_hour=9",
    "steps_per_hour=2_000, updates_per_hour=20": "steps_per_hour=400, updates_per_hour=3",
    "EvalConfig(episodes=10,": "EvalConfig(episodes=1,",
}


def write_sb3(path: Path, actions: int = 4) -> Path:
    torch.manual_seed(0)
    state = SB3QNetwork(actions).state_dict()
    weights = {f"q_net.{name}": tensor for name, tensor in state.items()}
    return write(path, zipped({"data": b"{}", "policy.pth": pickled(weights)}))


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Work in an empty folder with a file of SB3's names, and hold out few states."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pdlearn.distill.HELD_OUT_STEPS", 120)
    monkeypatch.setattr("pdlearn.registry.CLASSES", dict(CLASSES))
    monkeypatch.setattr("pdlearn.export.hub.REPLAY_STEPS", 20)
    write_sb3(tmp_path / "dqn_breakout.zip")


def test_the_pages_python_runs(quick, capsys):
    code = "\n".join(BLOCKS)
    for much, little in FEWER.items():
        assert code.count(much) == 1, much
        code = code.replace(much, little)
    exec(compile(code, "bring-your-own.md", "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out
    told = " ".join(re.search(r"```\n(dqn_breakout.*?)```", PAGE, re.S)[1].split())
    assert printed.splitlines()[0] == told
    assert "'class': 'Depthwise'" in printed and "'class': 'PlainMLP'" in printed
    assert Path("pong-net3", "README.md").exists()


def test_the_readmes_python_distils_and_exports_a_teacher_of_another_library(quick):
    block = next(block for block in README_BLOCKS if "load_teacher" in block)
    assert len(block.splitlines()) <= 10
    Path("dqn_breakout.zip").rename("dqn.zip")
    little = 'size="net3", hours=1, steps_per_hour=400, updates_per_hour=3'
    exec(block.replace('size="net3"', little), {"pdlearn": pdlearn})
    assert pdlearn.load_teacher("breakout-net3").card["made"]["by"] == "distill"


def test_the_page_names_each_kind_of_file_that_is_written_here():
    for maker in ("Stable-Baselines3", "SB3-contrib", "CleanRL", "PFRL", "atari-agents"):
        assert maker in PAGE


def test_one_command_distils_a_teacher_of_another_library(quick, capsys):
    smoke = ["--budget", "smoke", "--device", "cpu", "--folder", "run"]
    assert main(["distill", "breakout", "--teacher", "dqn_breakout.zip", *smoke]) == 0
    assert "Stable-Baselines3 DQN in an SB3 zip" in capsys.readouterr().err
    student = load_agent("run/agent.safetensors")
    assert student.card["preprocessing"]["fire_after_life"] is True
    assert main(["evaluate", "run/agent.safetensors", "--episodes", "1"]) == 0
    assert "FIRE after a lost life" in capsys.readouterr().out


def test_commands_take_a_file_of_another_library_with_a_profile(quick, capsys):
    record = ["record", "breakout", "play.rec", "--agent-steps", "320"]
    assert main([*record, "--teacher", "dqn_breakout.zip", "--preprocessing", "pfrl"]) == 0
    assert "copies" not in capsys.readouterr().err
    evaluate = ["evaluate", "dqn_breakout.zip", "--game", "breakout", "--episodes", "1"]
    assert main([*evaluate, "--sticky", "0.25"]) == 0
    assert "sticky actions 0.25" in capsys.readouterr().out
    assert main([*evaluate, "--preprocessing", "sb4"]) == 2
    assert "did you mean 'sb3'" in capsys.readouterr().err
    assert main(["evaluate", "dqn_breakout.zip", "--game", "pong"]) == 2
    assert "has 4 actions; expected 6" in capsys.readouterr().err


def test_a_policy_is_distilled_at_temperature_one_by_the_command(quick):
    torch.manual_seed(0)
    state = SB3QNetwork(4).state_dict()
    weights = {name.replace("q_net.0", "action_net"): t for name, t in state.items()}
    path = write(Path("ppo.zip"), zipped({"data": b"{}", "policy.pth": pickled(weights)}))
    smoke = ["--budget", "smoke", "--device", "cpu", "--folder", "run"]
    assert main(["distill", "breakout", "--teacher", str(path), *smoke]) == 0
    assert load_agent("run/agent.safetensors").card["made"]["config"]["temperature"] == 1.0


def test_the_export_command_writes_a_folder(quick, capsys):
    assert main(["export", "pong/net3", "out"]) == 0
    assert capsys.readouterr().out == "out\n" and Path("out", "model.safetensors").exists()
    assert main(["export", "pong/net3"]) == 2
    assert "expected a folder, --onnx FILE, --html FILE or --push REPO" in capsys.readouterr().err


def test_a_compiled_network_in_a_file_is_evaluated(quick):
    network = SB3QNetwork(4)
    path = foreign.write_bare(Path("."), network, "_orig_mod.")
    assert main(["evaluate", str(path), "--game", "breakout", "--episodes", "1"]) == 0
