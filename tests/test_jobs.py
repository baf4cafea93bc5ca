"""Jobs: retried, stopped and shown; the executor of local processes; `train` of several games."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from tasks import SOON, Counting, Standstill, numbers, wait_until

from pdlearn import cli
from pdlearn.files import locked
from pdlearn.jobs import Entry, Progress, run
from pdlearn.jobs.board import Board
from pdlearn.jobs.executors import executor_by_name
from pdlearn.jobs.local import LocalExecutor
from pdlearn.jobs.training import Standing, TrainJob, standing
from pdlearn.presets import DQN_BUDGETS
from pdlearn.rows import GrowingRows, newest_row, read_rows
from pdlearn.tensor_files import read_file, write_file


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("PDLEARN_QUIET", "1")


def test_results_come_as_jobs_end_each_from_a_process_of_its_own(tmp_path):
    jobs = [Counting(name, tmp_path, (result,)) for name, result in (("a", 1), ("b", [2, 3]))]
    with LocalExecutor(2) as executor:
        found = {job.name: result for job, result in run(jobs, executor, tmp_path)}
    assert found == {"a": 1, "b": [2, 3]}
    assert len({os.getpid(), *numbers(jobs[0]), *numbers(jobs[1])}) == 3
    assert all(job.calls.read_text().split()[1] == "1" for job in jobs)  # thread


def test_a_job_whose_worker_is_killed_is_called_again_and_the_others_are_not(tmp_path):
    jobs = [Counting("a", tmp_path, ("SIGKILL", 5)), Counting("b", tmp_path, (6,))]
    with LocalExecutor(2) as executor:
        found = {job.name: result for job, result in run(jobs, executor, tmp_path)}
    assert found == {"a": 5, "b": 6}
    assert [len(numbers(job)) for job in jobs] == [2, 1]


def test_a_job_that_is_stopped_from_outside_is_called_again(tmp_path):
    job = Counting("a", tmp_path, ("SIGTERM", 5))
    with LocalExecutor(1) as executor:
        assert list(run([job], executor, tmp_path)) == [(job, 5)]


def test_a_job_that_loses_three_workers_without_progress_has_failed(tmp_path):
    jobs = [Standstill("a", tmp_path), Counting("b", tmp_path, (6,))]
    found = []
    with LocalExecutor(2) as executor:
        with pytest.raises(ValueError, match="1 of 2 jobs failed. a: lost 3 workers, .*SIGKILL"):
            found.extend(run(jobs, executor, tmp_path))
    assert found == [(jobs[1], 6)] and len(numbers(jobs[0])) == 3


def test_a_job_that_raises_is_not_called_again_and_its_error_comes_after_the_others(tmp_path):
    jobs = [Counting("a", tmp_path, ("no such thing",)), Counting("b", tmp_path, (6,))]
    found = []
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(ValueError, match="1 of 2 jobs failed. a: no such thing"):
            found.extend(run(jobs, executor, tmp_path))
    assert found == [(jobs[1], 6)] and len(numbers(jobs[0])) == 1


def test_closing_the_results_stops_what_runs_and_begins_nothing_else(tmp_path):
    jobs = [
        Counting(name, tmp_path, (end,)) for name, end in zip("abc", (1, "wait", 3), strict=True)
    ]
    with LocalExecutor(1) as executor, closing(run(jobs, executor, tmp_path)) as results:
        assert next(results) == (jobs[0], 1)
        wait_until(jobs[1].calls.exists)
    assert (tmp_path / "b.saved").exists() and not jobs[2].calls.exists()
    assert not list(tmp_path.glob(".stop*"))


def test_two_jobs_of_one_name_are_refused(tmp_path):
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="names; got a, a"):
        next(run([Counting("a", tmp_path), Counting("a", tmp_path)], executor, tmp_path))


class Inline:
    """An executor that runs a function when it is submitted, and keeps what was submitted."""

    def __init__(self):
        self.jobs = []

    def submit(self, function, *arguments):
        self.jobs.append(arguments[0])
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_jobs_are_submitted_in_their_order(tmp_path):
    jobs = [Counting(name, tmp_path) for name in "cab"]
    executor = Inline()
    assert len(list(run(jobs, executor, tmp_path))) == 3
    assert executor.jobs == jobs


# --- the table ---


class Held:
    """A job with a given progress."""

    def __init__(self, name, done=None):
        self.name, self.done = name, done

    def progress(self):
        return None if self.done is None else Progress(self.done, 1000, "steps", "score 1.5")


def test_the_table_has_the_jobs_at_work_and_the_time_that_is_left():
    jobs = [Held("pong"), Held("freeway", 200), Held("qbert")]
    entries = [Entry(job) for job in jobs] + [Entry(Held("x"), "done"), Entry(Held("y"), "failed")]
    board = Board(io.StringIO())
    assert board.lines(entries, 0.0) == ["1 done, 0 at work, 3 waiting, 1 failed"]
    jobs[0].done, jobs[1].done = 100, 300
    board.lines(entries, 10.0)
    jobs[0].done = 200  # in a minute, so that 800 steps take eight
    entries[1].told = "SIGKILL"
    assert board.lines(entries, 70.0) == [
        "1 done, 2 at work, 1 waiting, 1 failed",
        "pong     200 of 1,000 steps (20 %)  score 1.5  8 min left",
        "freeway  300 of 1,000 steps (30 %)  score 1.5  – left      a worker was lost: SIGKILL",
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_table_is_redrawn_in_a_terminal_and_printed_elsewhere(monkeypatch):
    monkeypatch.delenv("PDLEARN_QUIET")
    ended = [Entry(Held("pong"), "done")]
    for stream, drawn in (
        (Terminal(), "1 done, 0 at work, 0 waiting\n\033[1A\033[J1 done"),
        (io.StringIO(), "1 done, 0 at work, 0 waiting\n1 done"),
    ):
        board = Board(stream)
        board(ended)
        board(ended)
        assert stream.getvalue().startswith(drawn)
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    stream = io.StringIO()
    Board(stream)(ended)
    assert stream.getvalue() == ""


def test_the_newest_row_is_the_last_whole_one(tmp_path):
    path = tmp_path / "metrics.csv"
    assert newest_row(path) is None
    path.write_text("a,b")
    assert newest_row(path) is None
    with GrowingRows(path.with_name("rows.csv")) as file:
        for number in range(2_000):
            file.add({"a": number, "b": "x" * 9})
    with open(file.path, "a") as torn:
        torn.write("7")
    assert newest_row(file.path) == {"a": "1999", "b": "x" * 9}


# --- a teacher of each game ---

TINY = replace(
    DQN_BUDGETS["smoke"], size="net5", agent_steps=400, learn_start_steps=100,
    evaluation_period_steps=10**9,
)  # fmt: skip


def test_the_standing_is_0_for_random_play_and_100_for_nature_dqn():
    # Pong: -20.7 at random, 18.9 by Nature DQN.
    assert Standing("pong", best_evaluation=-20.7).way == pytest.approx(0.0)
    assert Standing("pong", best_evaluation=-0.9).way == pytest.approx(50.0)
    assert Standing("pong", best_evaluation=18.9).way == pytest.approx(100.0)
    assert Standing("pong").way == 0.0  # before the first evaluation


def leave_run(folder, game, agent_steps, best):
    counts = {"agent_steps": agent_steps, "updates": 0, "seconds": 1.0}
    card = {
        "kind": "dqn", "games": [game], "seed": 0, "counts": counts, "precision": "float32",
        "config": asdict(DQN_BUDGETS["smoke"]),
    }  # fmt: skip
    write_file(folder / "state.safetensors", {"network.w": torch.zeros(1)}, card)
    (folder / "metrics.csv").write_text(
        f"agent_steps,best_evaluation\n10,-5.0\n{agent_steps},{best}\n"
    )


def test_the_standing_is_read_from_the_last_row(tmp_path):
    leave_run(tmp_path, "pong", 1992, -3.5)
    assert standing("pong", tmp_path) == Standing("pong", 1992, -3.5, False)
    leave_run(tmp_path, "pong", 2000, -3.5)
    assert standing("pong", tmp_path).finished
    (tmp_path / "state.safetensors").unlink()
    assert standing("pong", tmp_path) == Standing("pong")


def test_a_training_that_has_finished_is_not_trained_again(tmp_path):
    job = TrainJob("pong", TINY, 0, tmp_path, device="cpu", precision="float32")
    first = job()
    assert first.finished and first.agent_steps == 400
    before = (tmp_path / "metrics.csv").stat().st_mtime_ns
    assert job() == first and (tmp_path / "metrics.csv").stat().st_mtime_ns == before
    assert job.progress()[:3] == (400, 400, "steps")


TRAIN = [
    "train", "pong", "freeway", "--budget", "smoke", "--device", "cpu", "--executor", "local:2",
    "--set", "size=net5", "learn_start_steps=100",
]  # fmt: skip


def test_several_games_are_trained_to_the_end_and_not_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [*TRAIN, "agent_steps=400", "evaluation_period_steps=400"]
    assert cli.main(command) == 0
    out = capsys.readouterr().out
    assert sorted(re.findall(r"^(\w+) +400 steps", out, re.M)) == ["freeway", "pong"]
    rows = [read_rows(path) for path in Path("runs").glob("train-*-0/metrics.csv")]
    assert len(rows) == 2 and rows[0][-1]["agent_steps"] == "400"
    assert cli.main(command) == 0
    assert [read_rows(path) for path in Path("runs").glob("train-*-0/metrics.csv")] == rows


def test_the_game_furthest_below_its_goal_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    executor = Inline()
    monkeypatch.setattr(
        "pdlearn.jobs.executors.executor_by_name", lambda *_, **__: closing(executor)
    )
    executor.close = lambda: None
    for game, best in (("pong", 15.0), ("freeway", 15.0), ("breakout", 300.0)):
        leave_run(Path("runs", f"train-{game}-0"), game, 2000, best)  # 90 %, 50 % and 75 %
    line = "train pong freeway breakout --method dqn --budget smoke --device cpu".split()
    assert cli.main(line) == 0
    assert [job.game for job in executor.jobs] == ["freeway", "breakout", "pong"]


def test_a_failed_training_gets_one_sentence_and_the_others_are_trained(tmp_path, capsys):
    more = ["agent_steps=200", "evaluation_period_steps=100000", "--folder", str(tmp_path)]
    with locked(tmp_path / "train-pong-0"):
        assert cli.main([*TRAIN, *more]) == 2
    said = capsys.readouterr().err
    assert re.search("1 of 2 jobs failed. train pong, seed 0: .* is in use by process", said)
    assert said.count("\n") == 1
    assert standing("freeway", tmp_path / "train-freeway-0").agent_steps == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_stopped_or_killed_leaves_saved_runs_and_no_process(tmp_path, how):
    command = [
        sys.executable,
        "-m",
        "pdlearn.cli",
        *TRAIN,
        "agent_steps=200000",
        "evaluation_period_steps=1000000",
    ]
    process = subprocess.Popen(
        [*command, "--folder", str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    folders = [tmp_path / f"train-{game}-0" for game in ("pong", "freeway")]
    wait_until(lambda: all(newest_row(f / "metrics.csv") for f in folders), process)
    workers = [int((f / ".lock").read_text().split()[1]) for f in folders]
    process.send_signal(how)
    said = process.communicate(timeout=SOON)[1]
    if how == signal.SIGTERM:
        assert process.returncode == 130
        assert said.endswith("stopped and saved; the same command goes on\n")
    wait_until(lambda: not any(os.path.exists(f"/proc/{worker}") for worker in workers))
    saved = [read_file(f / "state.safetensors")[1]["counts"]["agent_steps"] for f in folders]
    for folder, agent_steps in zip(folders, saved, strict=True):
        rows = read_rows(folder / "metrics.csv")
        assert 0 < int(rows[-1]["agent_steps"]) <= agent_steps < 200_000
    assert (
        cli.main(
            [
                *TRAIN,
                "agent_steps=200000",
                "evaluation_period_steps=1000000",
                "--folder",
                str(tmp_path),
                "--minutes",
                "0.02",
            ]
        )
        == 0
    )
    for folder, before in zip(folders, saved, strict=True):
        assert standing(folder.name.split("-")[1], folder).agent_steps > before


# --- executors by name ---


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "unknown executor ''; expected local"),
        ("locl:2", "unknown executor 'locl:2'"),
        ("local:", "unknown executor"),
        ("local:0", "expected the N of local:N in 1..4096; got 0"),
        ("local:-1", "expected local:N with a number of processes; got 'local:-1'"),
        ("ray:", "unknown executor"),
        ("slurm:", "unknown executor"),
    ],
)
def test_an_executor_of_another_name_is_refused(name, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        executor_by_name(name)


@pytest.mark.parametrize(
    ("name", "extra"), [("ray", "ray"), ("ray:auto", "ray"), ("slurm:f.json", "slurm")]
)
def test_a_missing_extra_is_named(name, extra, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, {"ray": "ray", "slurm": "submitit"}[extra], None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f.json").write_text(json.dumps({"cluster": "local"}))
    assert cli.main(["reproduce", "table1", "--budget", "smoke", "--executor", name]) == 2
    said = capsys.readouterr().err
    assert f"pip install 'pdlearn[{extra}]'" in said and said.count("\n") == 1
