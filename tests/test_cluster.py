"""Jobs by Ray and by submitit, on this machine: as by local processes, with a killed worker."""

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch
from ranked import started
from tasks import Counting, wait_until

from pdlearn import cli
from pdlearn.experiments import driver
from pdlearn.experiments.cells import tasks
from pdlearn.jobs import run
from pdlearn.jobs.executors import executor_by_name
from pdlearn.jobs.local import LocalExecutor
from pdlearn.jobs.training import standing
from pdlearn.rows import read_rows
from pdlearn.tensor_files import read_file

pytestmark = pytest.mark.cluster
EXTRAS = {"ray": "ray", "slurm": "submitit"}


@pytest.fixture(params=sorted(EXTRAS))
def executor(request, tmp_path, monkeypatch):
    """The name of an executor of two workers on this machine."""
    pytest.importorskip(EXTRAS[request.param])
    monkeypatch.setenv("PDLEARN_QUIET", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr("pdlearn.jobs.cluster.usable_cores", lambda: 2)
    file = tmp_path / "slurm.json"
    settings = {"cluster": "local", "logs": str(tmp_path / "logs"), "timeout_min": 20}
    file.write_text(json.dumps(settings))
    return {"ray": "ray", "slurm": f"slurm:{file}"}[request.param]


def table_1(folder, executor, watch=lambda entries: None):
    """Return the rows of Q*bert's students in the CSV file, without the time that they took."""
    wanted = tasks("table1", "smoke", ["qbert"], [0], folder=folder / "runs", precision="float32")
    made = driver.run_missing(
        folder / "table1.csv", wanted, executor, folder / "runs", watch=watch
    )  # fmt: skip
    assert len(list(made)) == 3
    return [{k: v for k, v in r.items() if k != "hours"} for r in read_rows(folder / "table1.csv")]


@pytest.fixture(scope="module")
def by_local_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    with LocalExecutor(2) as executor:
        return table_1(folder, executor)


def test_rows_are_the_same_whatever_the_executor_and_though_a_worker_is_killed(
    executor, by_local_processes, tmp_path
):
    killed, told = [], []

    def watch(entries):
        told.extend(entry.told for entry in entries if entry.told)
        for lock in tmp_path.glob("runs/*/.lock"):
            words = lock.read_text().split()  # process NUMBER on HOST
            if len(words) == 4 and not killed:
                os.kill(int(words[1]), signal.SIGKILL)
                killed.append(lock)

    with executor_by_name(executor) as workers:
        rows = table_1(tmp_path, workers, watch)
    assert len(killed) == 1 and told  # the board shows what became of the worker
    assert rows == by_local_processes


def test_closing_the_results_stops_and_saves_what_runs(executor, tmp_path):
    first, second = Counting("a", tmp_path, (1,)), Counting("b", tmp_path, ("wait",))
    with executor_by_name(executor) as workers:
        with closing(run([first, second], workers, tmp_path)) as results:
            assert next(results) == (first, 1)
            wait_until(second.calls.exists)
    assert (tmp_path / "b.saved").exists()


@pytest.mark.long
def test_two_workers_of_rays_trainer_learn_as_two_ranks_of_torchrun(tmp_path, monkeypatch):
    pytest.importorskip("ray.train")
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    monkeypatch.setenv("PDLEARN_QUIET", "1")
    by_ray, by_torchrun = tmp_path / "ray", tmp_path / "torchrun"
    for folder in (by_ray, by_torchrun):
        folder.mkdir()
    started("-m", "ranked", "distil", folder=by_torchrun)
    paths = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
    ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": paths})

    def work(config):
        os.chdir(config["folder"])
        import ranked  # on the worker

        ranked.distil()

    try:
        TorchTrainer(
            work, train_loop_config={"folder": str(by_ray)},
            scaling_config=ScalingConfig(num_workers=2, use_gpu=False),
            run_config=RunConfig(storage_path=str(tmp_path / "results")),
        ).fit()  # fmt: skip
    finally:
        ray.shutdown()
    one, other = (read_file(folder / "state.safetensors") for folder in (by_ray, by_torchrun))
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(tensor, other[0][name]) for name, tensor in one[0].items())
    assert one[1]["counts"]["updates"] == 30


def test_a_teacher_of_each_game_is_trained_by_the_command(executor, tmp_path, capsys):
    line = "train pong freeway --budget smoke --device cpu --set size=net5 agent_steps=400"
    more = ["evaluation_period_steps=100000", "--folder", str(tmp_path), "--executor", executor]
    assert cli.main([*line.split(), *more]) == 0
    for game in ("pong", "freeway"):
        assert standing(game, tmp_path / f"train-{game}-0").agent_steps == 400
