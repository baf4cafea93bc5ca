"""Training in time slices: the order of the games, and the command stopped and resumed."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace

import pytest
import torch

from pdlearn.commands.schedule import Standing, next_game, standing, train_in_slices
from pdlearn.presets import DQN_BUDGETS
from pdlearn.tensor_files import write_file

SMOKE = ["--budget", "smoke", "--seed", "0"]


def test_the_standing_is_0_for_random_play_and_100_for_nature_dqn():
    # Pong: -20.7 at random, 18.9 by Nature DQN.
    assert Standing("pong", best_evaluation=-20.7).way == pytest.approx(0.0)
    assert Standing("pong", best_evaluation=-0.9).way == pytest.approx(50.0)
    assert Standing("pong", best_evaluation=18.9).way == pytest.approx(100.0)


def test_a_game_without_an_evaluation_has_standing_0():
    assert Standing("pong").way == 0.0


def test_the_game_furthest_below_its_goal_comes_first():
    standings = [
        Standing("pong", best_evaluation=15.0),  # 90 %
        Standing("freeway", best_evaluation=15.0),  # 50 %
        Standing("breakout", best_evaluation=300.0),  # 75 %
    ]
    assert next_game(standings, Counter()) == "freeway"


def test_every_game_gets_a_slice_before_any_gets_the_next():
    standings = [Standing("pong", best_evaluation=15.0), Standing("freeway", best_evaluation=0.0)]
    assert next_game(standings, Counter(freeway=1)) == "pong"
    assert next_game(standings, Counter(freeway=1, pong=1)) == "freeway"


def test_a_finished_game_is_not_trained_again():
    done = Standing("freeway", best_evaluation=0.0, finished=True)
    assert next_game([done, Standing("pong")], Counter()) == "pong"
    assert next_game([done], Counter()) is None


def run_folder(tmp_path, agent_steps, best):
    counts = {"agent_steps": agent_steps, "updates": 0, "seconds": 1.0}
    card = {
        "kind": "dqn", "games": ["pong"], "seed": 0, "counts": counts, "precision": "float32",
        "config": asdict(replace(DQN_BUDGETS["fast"], agent_steps=1000)),
    }  # fmt: skip
    write_file(tmp_path / "state.safetensors", {"network.w": torch.zeros(1)}, card)
    with open(tmp_path / "metrics.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["agent_steps", "best_evaluation"])
        writer.writerows([[10, -5.0], [agent_steps, best]])
    return tmp_path


def test_the_standing_is_read_from_the_last_row(tmp_path):
    assert standing("pong", run_folder(tmp_path, 992, -3.5)) == Standing("pong", 992, -3.5, False)


def test_a_run_with_all_its_steps_is_finished(tmp_path):
    assert standing("pong", run_folder(tmp_path, 1000, -3.5)).finished


def test_a_run_without_a_state_has_not_begun(tmp_path):
    (run_folder(tmp_path, 1000, -3.5) / "state.safetensors").unlink()
    assert standing("pong", tmp_path) == Standing("pong")


def test_two_games_are_trained_in_parallel_to_the_end(tmp_path):
    folders = {game: tmp_path / game for game in ("pong", "freeway")}
    seen = list(train_in_slices(folders, SMOKE, jobs=2, device="cpu"))
    assert {now.game for now in seen} == {"pong", "freeway"}
    assert all(now.finished and now.agent_steps == 2_000 for now in seen)
    assert list(train_in_slices(folders, SMOKE)) == []  # nothing is left to do


def test_a_failed_slice_raises_an_error_with_the_path_of_its_log(tmp_path):
    with pytest.raises(ValueError, match="training pong ended with status 2; .*log.txt says why"):
        list(train_in_slices({"pong": tmp_path}, [*SMOKE, "--set", "size=huge"]))
    assert "unknown size 'huge'" in (tmp_path / "log.txt").read_text()


def test_a_command_stopped_during_a_slice_resumes_the_run(tmp_path):
    command = [
        sys.executable, "-m", "pdlearn.cli", "train", "pong", "freeway", "--budget", "smoke",
        "--agent-steps", "200000", "--folder", str(tmp_path),
    ]  # fmt: skip
    state = tmp_path / "train-pong-0" / "state.safetensors"
    metrics = tmp_path / "train-pong-0" / "metrics.csv"
    process = subprocess.Popen(command, env={**os.environ, "PDLEARN_QUIET": "1"})
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    # The slice saved itself and ended before the command did.
    assert state.exists()
    assert subprocess.run(["pgrep", "-f", str(state.parent)], check=False).returncode == 1
    before = standing("pong", state.parent).agent_steps
    assert 0 < before < 200_000
    done = subprocess.run(
        [*command, "--minutes", "0.6", "--slice-minutes", "0.1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pong ")
    assert standing("pong", state.parent).agent_steps > before
