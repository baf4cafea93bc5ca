"""`pdlearn doctor`: check the environment.

A check returns what it found, or raises `Fault` with what to do about it. Any other error of a
check is a fault, too.
"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

LEAST_DISK_GB = 2  # a run with its recording
LEAST_RAM_GB = 3  # the lessons and the tour
LEAST_SAMPLES_PER_SECOND = 1_000  # below, the tour takes more than a quarter of an hour
REINSTALL = "pip install --force-reinstall --no-deps"
WIDGETS = ("anywidget", "@jupyter-widgets/jupyterlab-manager")


class Fault(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, found: str, remedy: str):
        super().__init__(found)
        self.remedy = remedy


def doctor() -> None:
    """Check packages, ROMs, widgets, processor, speed and disk; say what to do about a fault.

    It takes less than ten seconds on two free cores and changes nothing. The exit status is 2 if
    there is a fault.
    """
    faults = []
    for name, check in CHECKS.items():
        try:
            print(f"ok     {name:10s} {check()}", flush=True)
        except Exception as error:
            remedy = getattr(error, "remedy", "install pdlearn again in a new environment")
            print(f"fault  {name:10s} {' '.join(str(error).split())}", flush=True)
            print(f"       {'':10s} what to do: {remedy}", flush=True)
            faults.append(name)
    if faults:
        raise ValueError(f"faults: {', '.join(faults)}")


def _packages() -> str:
    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in metadata.requires("pdlearn") or ()]
    wanted = [each for each in wanted if each.marker is None or each.marker.evaluate()]
    versions = {}
    for each in wanted:
        try:
            versions[each.name] = metadata.version(each.name)
        except metadata.PackageNotFoundError as error:
            raise Fault(f"{each.name} is missing", f"pip install '{each}'") from error
        if not each.specifier.contains(versions[each.name], prereleases=True):
            found = f"{each.name} is {versions[each.name]}; expected {each.specifier}"
            raise Fault(found, f"pip install '{each}'")
    shown = ("torch", "ale-py", "gymnasium", "numpy", "jupyterlab")
    listed = ", ".join(f"{name} {versions[name]}" for name in shown if name in versions)
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return f"pdlearn {metadata.version('pdlearn')}, {listed}; {system}"


def _imports() -> str:
    import importlib

    for name in ("torch", "numpy", "gymnasium", "ale_py", "safetensors", "matplotlib", "anywidget"):
        try:
            importlib.import_module(name)
        except Exception as error:
            package = name.replace("_", "-")
            raise Fault(f"import {name}: {error}", f"{REINSTALL} {package}") from error
    return "torch, numpy, gymnasium, ale_py, safetensors, matplotlib and anywidget"


def _roms() -> str:
    from ale_py import roms

    from pdlearn.games import GAMES

    paths = {name: roms.get_rom_path(name) for name in GAMES}
    missing = [name for name, path in paths.items() if path is None or not Path(path).exists()]
    if missing:
        raise Fault(f"missing: {', '.join(missing)}", f"{REINSTALL} ale-py")
    return f"those of the {len(paths)} games"


def _agents() -> str:
    from pdlearn import zoo

    try:
        zoo.load("pong/teacher")
    except ValueError as error:
        raise Fault(str(error), f"{REINSTALL} pdlearn, or clone the repository again") from error
    return f"{len(zoo.names())} shipped; pong/teacher is whole"


def _widgets() -> str:
    from jupyter_core.paths import jupyter_path

    from pdlearn.web import pages

    try:
        pages.source("web/player.js", "widgets/face.js", "widgets/comparison.js")
    except OSError as error:
        raise Fault(str(error), f"{REINSTALL} pdlearn") from error
    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    for extension in WIDGETS:
        if not any((folder / extension / "package.json").exists() for folder in folders):
            package = "anywidget" if extension == "anywidget" else "jupyterlab_widgets"
            found = f"JupyterLab has no extension {extension} in {folders[0]}"
            raise Fault(found, f"{REINSTALL} {package}, and reload JupyterLab's page")
    return "JupyterLab's extensions are installed"


def _processor() -> str:
    import torch

    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    threads = torch.get_num_threads()
    found = f"{cores} cores, {threads} threads of torch"
    if threads > cores:
        raise Fault(found, f"set the environment variable OMP_NUM_THREADS={cores}")
    return found


def _memory() -> str:
    from pdlearn.files import ram_bytes

    gigabytes = ram_bytes() / 1e9
    found = f"{gigabytes:.0f} GB"
    if gigabytes < LEAST_RAM_GB:
        raise Fault(found, f"use a machine with {LEAST_RAM_GB} GB; set memory_steps lower to train")
    return found


def _device() -> str:
    import shutil

    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    if shutil.which("nvidia-smi"):
        raise Fault(
            f"torch {torch.__version__} sees no GPU, but nvidia-smi is there",
            "install torch with CUDA for your driver: https://pytorch.org/get-started/locally",
        )
    return "cpu (no GPU is needed)"


def _speed() -> str:
    import torch

    from pdlearn import zoo
    from pdlearn.distill import StudentLearner
    from pdlearn.networks import QNetwork
    from pdlearn.presets import DISTILL_BUDGETS
    from pdlearn.replay.memory import States
    from pdlearn.rollout import EpsilonGreedy, steps

    agent, copies = zoo.load("pong/teacher"), 16
    policy = EpsilonGreedy(agent.network, 0.05, torch.Generator().manual_seed(0))
    with closing(steps(agent.environment(copies), policy, 0, "show")) as play:
        played = _per_second(copies, play)
    config = DISTILL_BUDGETS["fast"]
    learner = StudentLearner(config, QNetwork(len(agent.actions), config.size))
    frames = torch.randint(256, (config.minibatch, 4, 84, 84), dtype=torch.uint8)
    batch = States(frames, torch.randn(config.minibatch, len(agent.actions)))
    learned = _per_second(config.minibatch, iter(lambda: learner.update(batch), None))
    found = f"{played:,.0f} agent steps and {learned:,.0f} samples of net3 a second"
    if learned < LEAST_SAMPLES_PER_SECOND:
        raise Fault(
            found, "end other programs, or set OMP_NUM_THREADS=1; `pdlearn bench` measures all"
        )
    return found


def _per_second(amount: int, work: Iterator, seconds: float = 0.7) -> float:
    """Return `amount` times the items of `work` a second, after an item of warm-up."""
    next(work)
    done, start = 0, time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        next(work)
        done += amount
    return done / (now - start)


def _disk() -> str:
    import shutil

    gigabytes = shutil.disk_usage(".").free / 1e9
    found = f"{gigabytes:.0f} GB are free in {Path.cwd()}"
    if gigabytes < LEAST_DISK_GB:
        raise Fault(found, f"free {LEAST_DISK_GB} GB, or work in a folder of another disk")
    return found


def _folders() -> str:
    import matplotlib
    from jupyter_core.paths import jupyter_runtime_dir

    from pdlearn.files import check_writable

    variables = {
        Path("."): "work in a folder of your own",
        Path(matplotlib.get_cachedir()): "set the environment variable MPLCONFIGDIR to a folder",
        Path(jupyter_runtime_dir()): "set the environment variable JUPYTER_RUNTIME_DIR to a folder",
    }
    for folder, remedy in variables.items():
        try:
            check_writable(folder / "pdlearn-doctor")
        except (OSError, ValueError) as error:
            raise Fault(str(error), remedy) from error
    return "this one and those of matplotlib and Jupyter are writable"


CHECKS: dict[str, Callable[[], str]] = {
    "packages": _packages,
    "imports": _imports,
    "ROMs": _roms,
    "agents": _agents,
    "widgets": _widgets,
    "processor": _processor,
    "memory": _memory,
    "device": _device,
    "speed": _speed,
    "disk": _disk,
    "folders": _folders,
}
