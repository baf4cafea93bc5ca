"""`pdlearn doctor` finds simulated faults and says what to do about each."""

import os
import sys
from importlib import metadata
from types import SimpleNamespace

import pytest

from pdlearn import cli, zoo
from pdlearn.commands import doctor


@pytest.fixture
def check(monkeypatch, capsys):
    """Return a function that runs one check; it returns the exit status and what was printed."""

    def check(name):
        monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name]})
        status = cli.main(["doctor"])
        return status, capsys.readouterr().out

    return check


@pytest.mark.parametrize("name", [name for name in doctor.CHECKS if name != "speed"])
def test_a_good_environment_has_no_fault(name, check, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    status, printed = check(name)
    assert status == 0 and printed.startswith(f"ok     {name} ")
    assert printed.count("\n") == 1


def test_the_speed_is_measured(check, monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_SAMPLES_PER_SECOND", 0)
    status, printed = check("speed")
    assert status == 0 and "agent steps" in printed and "samples of net3 a second" in printed


def raise_missing(name):
    raise metadata.PackageNotFoundError(name)


def cut_teacher(monkeypatch, folder):
    (folder / "pong").mkdir()
    whole = zoo.path("pong/teacher").read_bytes()
    (folder / "pong" / "teacher.safetensors").write_bytes(whole[:1000])
    monkeypatch.setattr(zoo, "FOLDER", folder)


def without_jupyters_folder(monkeypatch, folder):
    (folder / "file").write_text("")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "file" / "runtime"))


FAULTS = {
    "packages": (
        lambda patch, _: patch.setattr(metadata, "version", raise_missing),
        "pip install '",
    ),
    "imports": (
        lambda patch, _: patch.setitem(sys.modules, "gymnasium", None),
        "--no-deps gymnasium",
    ),
    "ROMs": (
        lambda patch, _: patch.setattr("ale_py.roms.get_rom_path", lambda name: None),
        "--no-deps ale-py",
    ),
    "agents": (cut_teacher, "clone the repository again"),
    "widgets": (
        lambda patch, folder: patch.setattr(
            "jupyter_core.paths.jupyter_path", lambda name: [str(folder)]
        ),
        "--no-deps anywidget",
    ),
    "processor": (
        lambda patch, _: patch.setattr("torch.get_num_threads", lambda: 10_000),
        "OMP_NUM_THREADS=",
    ),
    "memory": (
        lambda patch, _: patch.setattr("pdlearn.files.ram_bytes", lambda: 10**9),
        "set memory_steps lower",
    ),
    "device": (
        lambda patch, _: (
            patch.setattr("torch.cuda.is_available", lambda: False),
            patch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi"),
        ),
        "install torch with CUDA",
    ),
    "speed": (
        lambda patch, _: patch.setattr(doctor, "LEAST_SAMPLES_PER_SECOND", float("inf")),
        "end other programs",
    ),
    "disk": (
        lambda patch, _: patch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1e8)),
        "another disk",
    ),
    "folders": (without_jupyters_folder, "JUPYTER_RUNTIME_DIR"),
}


def test_each_check_has_a_simulated_fault():
    assert FAULTS.keys() == doctor.CHECKS.keys()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_what_to_do(name, check, monkeypatch, tmp_path):
    simulate, remedy = FAULTS[name]
    simulate(monkeypatch, tmp_path)
    status, printed = check(name)
    assert status == 2 and printed.startswith(f"fault  {name} ")
    assert remedy in printed.split("what to do: ")[1]


def test_an_old_package_is_a_fault(check, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "0.0.1")
    status, printed = check("packages")
    assert status == 2 and "is 0.0.1; expected >=" in printed


def test_an_error_of_a_check_is_a_fault_and_the_other_checks_go_on(monkeypatch, capsys):
    def broken():
        raise RuntimeError("no such\nthing")

    monkeypatch.setattr(doctor, "CHECKS", {"broken": broken, "fine": lambda: "all well"})
    assert cli.main(["doctor"]) == 2
    told = capsys.readouterr()
    assert "fault  broken     no such thing\n" in told.out
    assert "ok     fine       all well\n" in told.out
    assert told.err == "pdlearn: faults: broken\n"


def test_the_processor_is_counted_where_the_system_knows_no_affinity(check, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    status, printed = check("processor")
    assert status == 0 and "64 cores" in printed
