"""Speed, as shares of ceilings: what each loop reaches of what its parts allow, in one run.

Machines differ and drift, so a lone time says little. Each loop is set against the bare parts that
this same run measured: the emulators alone, the network alone, the learning step alone. All are
measured in turn, a slice of time each, round after round, so that a slow minute slows all of them;
a share is the median of the rounds' shares.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import torch

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.distill import Distillation, StudentLearner
from pdlearn.dqn import QLearner, Teaching
from pdlearn.evaluation import TEAMS, play_episodes
from pdlearn.memory import States, Transitions
from pdlearn.networks import QNetwork
from pdlearn.optimizers import keep_freed_memory
from pdlearn.presets import DISTILL_BUDGETS, TEACHER_BUDGETS, EvalConfig

GAME = "pong"
ROUNDS = 5
TEACHER = replace(
    TEACHER_BUDGETS["fast"], minibatch=128, samples_per_step=8.0, priority_exponent=0.0, n_step=3,
    memory_steps=50_000, learn_start_steps=2_000, agent_steps=10**9, evaluation_period_steps=10**9,
)  # fmt: skip
STUDENT = replace(DISTILL_BUDGETS["fast"], steps_per_hour=20_000, updates_per_hour=10**6)
EVALUATION = EvalConfig(episodes=10**5)
TEAM = EVALUATION.num_envs // TEAMS

# A probe sets up what it measures, then yields what was done since it was last asked.
Probe = Iterator[int]
Figure = tuple[str, float, str, str]


def measure(
    device: str,
    seconds: float,
    peer: str = "none",
    on_slice: Callable[[int], None] = lambda slices: None,
) -> list[Figure]:
    """Return (name, value, unit, note) for every figure, each measured for `seconds` in all.

    The teacher loop learns 8 samples an agent step, as Nature DQN and its successors do. Ceilings
    imply: 1 / (1/environment + 8/learning) for the teacher, the bare student step for
    distillation, 1 / (1/environment + 1/deciding) for evaluation, both with one team's copies on
    all processors. `on_slice` is told how many of the `slice_count(peer)` slices are done.
    """
    keep_freed_memory()
    learner = QLearner(TEACHER, QNetwork(6).to(device), "auto")
    student = StudentLearner(STUDENT, QNetwork(6, STUDENT.size).to(device), "auto")
    learning, student_step = _learning(learner), _student_step(student)
    next(learning), next(student_step)  # decides the precision that the loops use too
    probes = {
        "environment": _environment(TEACHER.num_envs),
        "learning": learning,
        "teacher loop": _teaching(device, learner.precision),
        "student step": student_step,
        "distillation": _distilling(device, student.precision),
        "evaluation environment": _environment(TEAM),
        "deciding": _deciding(device, TEAM),
        "evaluation": _evaluating(device),
    }
    if peer == "sb3":
        from pdlearn.bench_sb3 import sb3_steps

        probes["sb3 teacher loop"] = sb3_steps(GAME, device)
    rates = {name: np.zeros(ROUNDS) for name in probes}
    slices = itertools.count(1)
    for probe in probes.values():
        next(probe)
    for round_, (name, probe) in itertools.product(range(ROUNDS), probes.items()):
        rates[name][round_] = _rate(probe, seconds / ROUNDS, device)
        on_slice(next(slices))
    for probe in probes.values():
        probe.close()
    return _figures(rates, learner.precision, student.precision)


def slice_count(peer: str = "none") -> int:
    """Return how many slices of time `measure` takes."""
    return ROUNDS * (9 if peer == "sb3" else 8)


def _figures(rates: dict[str, np.ndarray], precision: str, student_precision: str) -> list[Figure]:
    """Return the figures of the rounds' rates `[ROUNDS]` by probe."""
    loop, spent = rates["teacher loop"], TEACHER.samples_per_step / rates["learning"]
    loop_ceiling = 1 / (1 / rates["environment"] + spent)
    play_ceiling = 1 / (1 / rates["evaluation environment"] + 1 / rates["deciding"])
    minibatch = f"minibatch {TEACHER.minibatch}, {precision}"
    student = f"{STUDENT.size}, minibatch {STUDENT.minibatch}, {student_precision}"
    per_second = [
        ("environment", rates["environment"], "steps/s", f"{TEACHER.num_envs} copies"),
        ("learning", rates["learning"], "samples/s", minibatch),
        ("teacher loop", loop, "steps/s", "acting, storing, sampling, 8 samples learnt a step"),
        ("student step", rates["student step"], "samples/s", student),
        ("distillation", rates["distillation"], "samples/s", "sampling and learning"),
        ("evaluation", rates["evaluation"], "steps/s", f"{TEAMS} teams of {TEAM} copies"),
    ]
    shares = [
        ("teacher loop share", loop / loop_ceiling, f"of {median(loop_ceiling):.0f} steps/s"),
        (
            "distillation share", rates["distillation"] / rates["student step"],
            "of the bare student step",
        ),
        (
            "evaluation share", rates["evaluation"] / play_ceiling,
            f"of {median(play_ceiling):.0f} steps/s",
        ),
    ]  # fmt: skip
    figures = [(name, median(rate), unit, note) for name, rate, unit, note in per_second]
    figures += [(name, 100 * median(share), "%", note) for name, share, note in shares]
    if "sb3 teacher loop" in rates:
        peer = rates["sb3 teacher loop"]
        note = "Stable-Baselines3 DQN, 8 samples a step"
        figures.append(("sb3 teacher loop", median(peer), "steps/s", note))
        figures.append(("teacher loop over sb3", median(loop / peer), "times", ""))
    return figures


def _rate(probe: Probe, seconds: float, device: str) -> float:
    """Return what `probe` does a second, over at least `seconds`."""
    next(probe)  # what lies idle gets warm again
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        done += next(probe)
    if device == "cuda":
        torch.cuda.synchronize()
    return done / (time.perf_counter() - start)


def _environment(num_envs: int) -> Probe:
    env = envs.make(GAME, num_envs)
    env.reset(0, "show")
    actions = np.random.default_rng(0).integers(0, env.num_actions, (1000, num_envs))
    try:
        for action in itertools.cycle(actions):
            env.send(action)
            env.recv()
            yield num_envs
    finally:
        env.close()


def _frames(minibatch: int, device: torch.device | str) -> torch.Tensor:
    return torch.randint(0, 256, (minibatch, 4, 84, 84), dtype=torch.uint8, device=device)


def _learning(learner: QLearner) -> Probe:
    n, device = learner.config.minibatch, learner.device
    batch = Transitions(
        _frames(n, device), torch.zeros(n, dtype=torch.int64, device=device),
        torch.zeros(n, device=device), torch.ones(n, device=device), _frames(n, device),
    )  # fmt: skip
    while True:
        learner.update(batch)
        yield n


def _student_step(learner: StudentLearner) -> Probe:
    n, device = learner.config.minibatch, learner.device
    batch = States(_frames(n, device), torch.randn(n, 6, device=device))
    while True:
        learner.update(batch)
        yield n


def _teaching(device: str, precision: str) -> Probe:
    run = Teaching(GAME, TEACHER, device=device, precision=precision)
    run.row_steps = 10 * TEACHER.num_envs
    rows = (row["agent_steps"] for row in run if row["updates"] > 0)
    for before, now in itertools.pairwise(rows):
        yield now - before


def _untrained(size: str, device: str) -> Agent:
    network = QNetwork(6, size, generator=torch.Generator().manual_seed(0)).to(device)
    facts = {"game": GAME, "actions": ["NOOP"] * 6, "observation_shape": [4, 84, 84]}
    return Agent(network, {**facts, "size": size, "preprocessing": envs.PREPROCESSING})


def _distilling(device: str, precision: str) -> Probe:
    run = Distillation(_untrained("teacher", device), STUDENT, device=device, precision=precision)
    rows = (row["updates"] for row in run if row["phase"] == "learn")
    for before, now in itertools.pairwise(rows):
        yield (now - before) * STUDENT.minibatch


def _deciding(device: str, num_envs: int) -> Probe:
    network = _untrained("teacher", device).network
    observation = _frames(num_envs, "cpu")
    while True:
        with torch.no_grad():
            network(observation.to(device)).argmax(1).cpu()
        yield num_envs


def _evaluating(device: str) -> Probe:
    for _ in play_episodes(_untrained("teacher", device), EVALUATION):
        yield TEAM
