"""Two processes that average their gradients learn what one learns from doubled minibatches."""

import os
import pickle
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import CATCH, catch_experts
from ranked import PQN_TINY, STUDENT, TapedMemory, common_environment, free_port, started

from pdlearn import cli
from pdlearn.distill import Distillation
from pdlearn.pqn import PQN
from pdlearn.replay.collecting import collect
from pdlearn.rows import read_rows
from pdlearn.tensor_files import read_file


def weights(network):
    return torch.cat([weight.detach().flatten() for weight in network.state_dict().values()])


def saved_weights(folder, network):
    tensors, _ = read_file(folder / "state.safetensors")
    return torch.cat([tensors[f"network.{name}"].flatten() for name in network.state_dict()])


def both_minibatches(folder):
    """Return what the ranks learnt from: of each update one minibatch, of both ranks' states."""
    first, second = (pickle.loads((folder / f"tape-{rank}").read_bytes()) for rank in range(2))
    assert not torch.equal(first[0].observation, second[0].observation)
    return [
        type(one)(*(torch.cat(pair) for pair in zip(one, other, strict=True)))
        for one, other in zip(first, second, strict=True)
    ]


def test_two_ranks_distil_the_student_of_one_with_the_minibatches_of_both(tmp_path):
    started("-m", "ranked", "distil", folder=tmp_path)
    teacher = catch_experts()[0]
    recording = collect(teacher, 400, num_envs=4, kind=TapedMemory)
    recording.replayed = iter(both_minibatches(tmp_path))
    twice = replace(STUDENT, minibatch=2 * STUDENT.minibatch)
    run = Distillation(teacher, twice, recording, precision="float32")
    before = weights(run.learner.network)
    list(run)
    learnt = weights(run.learner.network)
    assert (learnt - before).abs().max() > 1e-2
    saved = saved_weights(tmp_path, run.learner.network)
    torch.testing.assert_close(saved, learnt, rtol=1e-3, atol=1e-5)


def test_two_ranks_train_the_pqn_of_one_with_the_minibatches_of_both(tmp_path):
    started("-m", "ranked", "pqn", folder=tmp_path)
    learner = PQN(CATCH, replace(PQN_TINY, minibatch=32), precision="float32").learner
    before = weights(learner.network)
    for minibatch in both_minibatches(tmp_path):
        learner.update(minibatch)
    learnt = weights(learner.network)
    assert (learnt - before).abs().max() > 1e-3
    saved = saved_weights(tmp_path, learner.network)
    torch.testing.assert_close(saved, learnt, rtol=1e-3, atol=1e-5)
    # Two epochs of all steps, whoever played them.
    counts = read_file(tmp_path / "state.safetensors")[1]["counts"]
    assert (counts["agent_steps"], counts["samples"]) == (512, 2 * 512)
    assert [row["agent_steps"] for row in read_rows(tmp_path / "metrics.csv")] == [
        "128", "256", "384", "512",
    ]  # fmt: skip


DISTIL = [
    "distill", "pong", "--budget", "smoke", "--device", "cpu", "--folder", "r", "--set",
    "steps_per_hour=400", "updates_per_hour=20",
]  # fmt: skip


def test_a_run_of_two_ranks_is_written_by_one_and_resumed_by_any_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    (first, _), (second, _) = started("-m", "pdlearn", *DISTIL, folder=tmp_path)
    assert "pdlearn evaluate r/agent.safetensors" in first and second == ""
    names = {path.name for path in Path("r").iterdir()} - {".lock"}
    assert names == {"config.json", "metrics.csv", "state.safetensors", "agent.safetensors"}
    again = ["distill", "--resume", "r", "--device", "cpu", "--set"]
    assert cli.main([*again, "hours=2"]) == 0
    started("-m", "pdlearn", *again, "hours=3", folder=tmp_path)
    counts = read_file(Path("r", "state.safetensors"))[1]["counts"]
    assert counts["updates"] == 60
    # 400 steps in an hour, of both ranks together; a resumed run plays an hour first.
    assert counts["agent_steps"] == 3 * 400
    updates = [int(row["updates"]) for row in read_rows(Path("r", "metrics.csv"))]
    assert updates == sorted(updates) and updates[-1] == 60


def test_the_torchrun_line_of_the_page_runs(tmp_path):
    page = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "cluster.md"
    (line,) = re.findall("^torchrun --.*", page.read_text("utf-8"), re.M)
    short = "--budget smoke --device cpu --size net5 --set steps_per_hour=400 updates_per_hour=2"
    command = ["torch.distributed.run", "--master-port", str(free_port())]
    done = subprocess.run(
        [sys.executable, "-m", *command, *shlex.split(line)[1:], *short.split()],
        cwd=tmp_path, env=os.environ | common_environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pdlearn evaluate runs/two-processes/agent.safetensors") == 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("train pong --method dqn", "expected one process with --method dqn, whose memory is one"),
        ("distill pong --online", "expected one process with --online; got WORLD_SIZE 2"),
    ],
)
def test_what_needs_one_process_is_refused_in_several(
    line, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert cli.main([*line.split(), "--budget", "smoke", "--device", "cpu"]) == 2
    assert sentence in capsys.readouterr().err
