"""Speed, as shares of ceilings: what each loop reaches of what its parts allow, in one run.

Machines differ and drift, so a lone time says little. Each loop is set against the bare parts that
this same run measured: the emulators alone, the network alone, the learning step alone.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.distill import Distillation, StudentLearner
from pdlearn.dqn import QLearner, Teaching
from pdlearn.evaluation import play_episodes
from pdlearn.memory import States, Transitions
from pdlearn.networks import QNetwork
from pdlearn.optimizers import keep_freed_memory
from pdlearn.presets import DISTILL_BUDGETS, TEACHER_BUDGETS, EvalConfig

GAME = "pong"
Figure = tuple[str, float, str, str]


def measure(device: str, seconds: float, peer: str = "none") -> Iterator[Figure]:
    """Yield (name, value, unit, note) for every figure, as it is measured.

    The teacher loop learns 8 samples an agent step, as Nature DQN and its successors do. Ceilings
    imply: 1 / (1/environment + 8/learning) for the teacher, the bare student step for
    distillation, 1 / (1/environment + 1/deciding) for evaluation.
    """
    keep_freed_memory()
    teacher_config = replace(TEACHER_BUDGETS["fast"], samples_per_step=8.0)
    env_rate = _environment(teacher_config.num_envs, seconds)
    yield "environment", env_rate, "steps/s", f"{teacher_config.num_envs} copies, random actions"
    learn_rate, precision = _learning(device, teacher_config, seconds)
    note = f"minibatch {teacher_config.minibatch}, {precision}"
    yield "learning", learn_rate, "samples/s", note

    ceiling = 1 / (1 / env_rate + teacher_config.samples_per_step / learn_rate)
    rate = _teaching(device, teacher_config, precision, seconds)
    yield "teacher loop", rate, "steps/s", "acting, storing, sampling, 8 samples learnt a step"
    yield "teacher loop share", 100 * rate / ceiling, "%", f"of {ceiling:.0f} steps/s"
    if peer == "sb3":
        from pdlearn.bench_sb3 import sb3_rate

        peer_rate = sb3_rate(GAME, device, seconds)
        yield "sb3 teacher loop", peer_rate, "steps/s", "Stable-Baselines3 DQN, 8 samples a step"
        yield "teacher loop over sb3", rate / peer_rate, "times", ""

    student_config = DISTILL_BUDGETS["fast"]
    bare, precision = _student_step(device, student_config, seconds)
    yield "student step", bare, "samples/s", f"net3, minibatch {student_config.minibatch}"
    rate = _distilling(device, student_config, precision, seconds)
    yield "distillation", rate, "samples/s", "sampling from the memory and learning"
    yield "distillation share", 100 * rate / bare, "%", "of the bare student step"

    config = EvalConfig()
    env_rate = _environment(config.num_envs, seconds)
    decide_rate = _deciding(device, config.num_envs, seconds)
    ceiling = 1 / (1 / env_rate + 1 / decide_rate)
    rate = _evaluating(device, config, seconds)
    yield "evaluation", rate, "steps/s", f"{config.num_envs} copies"
    yield "evaluation share", 100 * rate / ceiling, "%", f"of {ceiling:.0f} steps/s"


def _rate(work: Callable[[], int], seconds: float, device: str = "cpu") -> float:
    """Return the median over slices of a second of what `work` does a second."""
    work()
    rates = []
    for _ in range(max(3, round(seconds))):
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < 1.0:
            done += work()
        if device == "cuda":
            torch.cuda.synchronize()
        rates.append(done / (time.perf_counter() - start))
    return float(np.median(rates))


def _environment(num_envs: int, seconds: float) -> float:
    env = envs.make(GAME, num_envs)
    env.reset(0, "show")
    actions = np.random.default_rng(0).integers(0, env.num_actions, (1000, num_envs))
    turns = itertools.cycle(actions)

    def work() -> int:
        env.send(next(turns))
        env.recv()
        return num_envs

    rate = _rate(work, seconds)
    env.close()
    return rate


def _frames(minibatch: int, device: str) -> torch.Tensor:
    return torch.randint(0, 256, (minibatch, 4, 84, 84), dtype=torch.uint8, device=device)


def _learning(device: str, config, seconds: float) -> tuple[float, str]:
    learner = QLearner(config, QNetwork(6).to(device), "auto")
    n = config.minibatch
    batch = Transitions(
        _frames(n, device), torch.zeros(n, dtype=torch.int64, device=device),
        torch.zeros(n, device=device), torch.ones(n, device=device), _frames(n, device),
    )  # fmt: skip

    def work() -> int:
        learner.update(batch)
        return n

    return _rate(work, seconds, device), learner.precision


def _teaching(device: str, config, precision: str, seconds: float) -> float:
    config = replace(
        config, memory_steps=50_000, learn_start_steps=2_000, evaluation_period_steps=10**9
    )
    run = Teaching(GAME, config, device=device, precision=precision)
    rows = (row["steps_per_second"] for row in run if row["updates"] > 200)
    started = time.monotonic()
    rates = list(itertools.takewhile(lambda _: time.monotonic() - started < 3 * seconds, rows))
    return float(np.median(rates))


def _student_step(device: str, config, seconds: float) -> tuple[float, str]:
    learner = StudentLearner(config, QNetwork(6, config.size).to(device), "auto")
    batch = States(_frames(config.minibatch, device), torch.randn(config.minibatch, 6).to(device))

    def work() -> int:
        learner.update(batch)
        return config.minibatch

    return _rate(work, seconds, device), learner.precision


def _untrained(size: str, device: str) -> Agent:
    network = QNetwork(6, size, generator=torch.Generator().manual_seed(0)).to(device)
    facts = {"game": GAME, "actions": ["NOOP"] * 6, "observation_shape": [4, 84, 84]}
    return Agent(network, {**facts, "size": size, "preprocessing": envs.PREPROCESSING})


def _distilling(device: str, config, precision: str, seconds: float) -> float:
    config = replace(config, hours=1, steps_per_hour=20_000, updates_per_hour=10**9)
    run = Distillation(_untrained("teacher", device), config, device=device, precision=precision)
    rates = (row["samples_per_second"] for row in run if row["phase"] == "learn")
    next(rates)
    started = time.monotonic()
    rates = itertools.takewhile(lambda _: time.monotonic() - started < seconds, rates)
    return float(np.median(list(rates)))


@torch.no_grad()
def _deciding(device: str, num_envs: int, seconds: float) -> float:
    network, frames = QNetwork(6).to(device), _frames(num_envs, "cpu")

    def work() -> int:
        network(frames.to(device)).argmax(1).cpu()
        return num_envs

    return _rate(work, seconds)


def _evaluating(device: str, config: EvalConfig, seconds: float) -> float:
    """Return steps of unfinished episodes a second: a copy that is done counts for nothing."""
    counted, marks = 0, []

    def on_step(agent_steps: int) -> None:
        nonlocal counted
        counted += agent_steps
        marks.append((time.perf_counter(), counted))

    for _ in play_episodes(_untrained("teacher", device), config, on_step=on_step):
        if marks[-1][0] - marks[0][0] > seconds:
            break
    (start, first), (end, last) = marks[0], marks[-1]
    return (last - first) / (end - start)
