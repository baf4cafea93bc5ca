"""Runs that diverge or share a folder, and commands in unusual consoles: docs/reliability.md."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import torch

from pdlearn import cli
from pdlearn.checkpoints import load_whole
from pdlearn.distill import Distillation
from pdlearn.dqn import DQN
from pdlearn.learner import Learner, NotFiniteError
from pdlearn.networks import QNetwork
from pdlearn.pqn import PQN
from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS, PQN_BUDGETS
from pdlearn.tensor_files import read_file

CATCH = "pdlearn/Catch-v0"
SMALL = {"size": "net5", "evaluation_period_steps": 10**9}
DQN_TINY = replace(DQN_BUDGETS["smoke"], **SMALL)
PQN_TINY = replace(PQN_BUDGETS["smoke"], **SMALL)
STUDENT = replace(DISTILL_BUDGETS["smoke"], size="net5", steps_per_hour=400)


def command(*words, **options):
    """Start `pdlearn` with `words` in a process of its own."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "pdlearn.cli", *words], **streams | options)


def distillation(folder):
    teacher = DQN(CATCH, DQN_TINY, precision="float32").agent()
    return Distillation(teacher, STUDENT, precision="float32", folder=folder)


@pytest.mark.parametrize(
    "start",
    [
        lambda folder: DQN(CATCH, DQN_TINY, precision="float32", folder=folder),
        lambda folder: PQN(CATCH, PQN_TINY, precision="float32", folder=folder),
        distillation,
    ],
    ids=["dqn", "pqn", "distill"],
)
def test_a_run_that_diverges_stops_and_keeps_its_last_finite_state(tmp_path, monkeypatch, start):
    run = start(tmp_path)
    loss = type(run.learner).loss

    def diverging(learner, *batch):
        found = loss(learner, *batch)
        return found * float("nan") if learner.updates >= 7 else found

    monkeypatch.setattr(type(run.learner), "loss", diverging)
    with pytest.raises(NotFiniteError, match="loss of update 8 is nan, at a learning rate of 0.00"):
        list(run)
    tensors, card = read_file(tmp_path / "state.safetensors")
    assert card["counts"]["updates"] <= 7
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    agents = [load_whole(path).network for path in tmp_path.glob("agent.safetensors")]
    assert len(agents) == 1 and isinstance(agents[0], QNetwork)


def test_weights_that_became_infinite_are_not_saved(tmp_path, monkeypatch):
    run = DQN(CATCH, DQN_TINY, precision="float32", folder=tmp_path)
    update = Learner.update

    def overflowing(learner, *batch):
        found = update(learner, *batch)
        if learner.updates == 5:
            with torch.no_grad():
                next(learner.network.parameters()).fill_(float("inf"))
        return found

    monkeypatch.setattr(Learner, "update", overflowing)
    with pytest.raises(NotFiniteError):
        list(run)
    tensors, _ = read_file(tmp_path / "state.safetensors")
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_the_card_names_the_number_of_threads(tmp_path):
    run = DQN(CATCH, DQN_TINY, precision="float32", folder=tmp_path)
    list(run)
    assert read_file(tmp_path / "state.safetensors")[1]["threads"] == torch.get_num_threads()
    made = load_whole(tmp_path / "agent.safetensors").card["made"]
    assert made["threads"] == torch.get_num_threads()


def test_a_second_process_in_a_runs_folder_is_refused_and_changes_nothing(tmp_path):
    folder = tmp_path / "run"
    train = ["train", CATCH, "--budget", "smoke", "--agent-steps", "1000000", "--set", "size=net5"]
    first = command(*train, "--folder", str(folder), cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (folder / "metrics.csv").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        # Without a bar, whatever it prints is a sentence.
        quiet = {**os.environ, "PDLEARN_QUIET": "1"}
        second = command("train", CATCH, "--resume", str(folder), cwd=tmp_path, env=quiet)
        _, complaint = second.communicate(timeout=60)
        assert second.returncode == 2
        assert f"is in use by process {first.pid} on" in complaint
        assert complaint.count("\n") == 1
    finally:
        first.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell starts with &
        first.communicate(timeout=60)
    assert first.returncode == 130
    steps = [line.split(",")[0] for line in (folder / "metrics.csv").read_text().splitlines()[1:]]
    assert steps == sorted(set(steps), key=int) and steps


def test_a_reader_that_goes_away_ends_a_command_quietly(tmp_path):
    lister = command("zoo", cwd=tmp_path, bufsize=1, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert lister.stdout is not None and lister.stderr is not None
    assert "name" in lister.stdout.readline()
    lister.stdout.close()
    complaint = lister.stderr.read()
    assert (lister.wait(timeout=60), complaint) == (141, "")


def shell(line, cwd):
    """Run a line of `sh` in which $P is the command; return its status and what it complained."""
    line = line.replace("$P", f"{sys.executable} -m pdlearn.cli")
    ended = subprocess.run(["sh", "-c", line], cwd=cwd, capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stderr


def test_a_command_whose_output_is_closed_or_full_ends_without_a_traceback(tmp_path):
    assert shell("$P zoo >&-", tmp_path) == (0, "")
    assert shell("$P evaluate nowhere.safetensors 2>&-", tmp_path) == (2, "")
    assert shell("$P evaluate nowhere.safetensors 2>/dev/full", tmp_path) == (2, "")
    full = "pdlearn: [Errno 28] No space left on device: 'standard output'\n"
    assert shell("$P zoo >/dev/full", tmp_path) == (2, full)


def test_a_fifo_given_as_an_agent_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for line in ("evaluate fifo --game pong", "export fifo new", "record pong f --teacher fifo"):
        status, complaint = shell(f"timeout 60 $P {line}", tmp_path)
        assert (status, complaint.count("\n")) == (2, 1) and "fifo" in complaint


def test_what_is_printed_never_goes_into_a_file_of_the_run(tmp_path):
    # With standard output and error closed, the first files of the run would take their numbers.
    train = f"$P train {CATCH} --budget smoke --device cpu --agent-steps 40 --folder r"
    train += " --set size=net5 num_envs=2 learn_start_steps=8 evaluation_period_steps=1000"
    assert shell(f"{train} >&- 2>&-", tmp_path) == (0, "")
    assert shell("$P train --resume r --agent-steps 60 >&- 2>&-", tmp_path) == (0, "")
    lines = (tmp_path / "r" / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["agent_steps", "40", "60"]


def test_a_console_of_ascii_shows_the_help(tmp_path):
    helping = command(
        "distill", "--help", cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    out, complaint = helping.communicate(timeout=60)
    assert (helping.returncode, complaint) == (0, "") and "--temperature" in out


def test_the_command_line_runs_in_any_thread_and_leaves_the_handlers(capsys):
    before = signal.getsignal(signal.SIGTERM)
    found = []
    thread = threading.Thread(target=lambda: found.append(cli.main(["zoo"])))
    thread.start()
    thread.join()
    assert cli.main(["zoo"]) == 0
    assert found == [0] and signal.getsignal(signal.SIGTERM) is before
    assert "Traceback" not in capsys.readouterr().err
