"""Benchmarks: the speed of each loop as a share of the ceiling that its parts allow.

Machines differ, and the speed of one machine changes by half within minutes. Therefore each loop is
compared with its parts measured in the same run: emulators alone, network alone, learning step
alone. All are measured in rounds, one time slice each per round, and a share is the median over
rounds.
"""

import itertools
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from pdlearn import envs
from pdlearn.checkpoints import Agent
from pdlearn.distill import Distillation, StudentLearner
from pdlearn.dqn import DQN, DQNLearner
from pdlearn.evaluation import play_episodes
from pdlearn.games import GAMES
from pdlearn.half_batches import HALF_BATCHES
from pdlearn.hardware import keep_freed_memory
from pdlearn.learner import Learner
from pdlearn.networks import QNetwork
from pdlearn.pqn import PQN, PQNLearner, Targets
from pdlearn.presets import (
    DISTILL_BUDGETS,
    DQN_BUDGETS,
    PQN_BUDGETS,
    DistillConfig,
    DQNConfig,
    EvalConfig,
    PQNConfig,
    TrainingConfig,
)
from pdlearn.replay.memory import States, Transitions

GAME = "pong"
NUM_ACTIONS = 6
ROUNDS = 5
ENDLESS: dict[str, Any] = dict(agent_steps=10**9, evaluation_period_steps=10**9)
DQN_CONFIG = replace(DQN_BUDGETS["fast"], memory_steps=50_000, learn_start_steps=2_000, **ENDLESS)
PQN_CONFIG = replace(PQN_BUDGETS["fast"], **ENDLESS)
PEER_CONFIG = replace(
    DQN_CONFIG, minibatch=128, samples_per_step=8.0, priority_exponent=0.0, n_step=3
)
STUDENT = replace(DISTILL_BUDGETS["fast"], steps_per_hour=20_000, updates_per_hour=10**6)
EVALUATION = EvalConfig(episodes=10**5)
HALF_BATCH = EVALUATION.num_envs // HALF_BATCHES

# A probe prepares its measurement; then each item is the amount of work since the last item.
Probe = Generator[int, None, None]
Figure = tuple[str, float, str, str]


def measure(
    device: str,
    seconds: float,
    peer: str = "none",
    on_slice: Callable[[int], None] = lambda slices: None,
) -> list[Figure]:
    """Return (name, value, unit, note) for every figure; each is measured for `seconds` in total.

    Both teacher loops learn two samples per agent step. Their ceiling is
    1 / (1/environment + 1/acting + 2/learning); each part is measured alone, with the loop's
    copies, minibatch and precision, on all processors. The ceiling of distillation is the student's
    learning step; that of evaluation is 1 / (1/environment + 1/acting) with the copies of one
    half-batch. With the peer sb3 the DQN is measured again at the peer's 8 samples per step.
    `on_slice` receives the number of finished slices, of `slice_count(peer)`.
    """
    keep_freed_memory()
    dqn = DQNLearner(DQN_CONFIG, _network(DQN_CONFIG).to(device), "auto")
    pqn = PQNLearner(PQN_CONFIG, _network(PQN_CONFIG).to(device), "auto")
    student = StudentLearner(STUDENT, QNetwork(NUM_ACTIONS, STUDENT.size).to(device), "auto")
    dqn_step, pqn_step, student_step = _dqn_step(dqn), _pqn_step(pqn), _student_step(student)
    for step in (dqn_step, pqn_step, student_step):
        next(step)  # selects the precision, which the loops use too
    evaluated = _untrained("teacher", device).network
    probes = {
        "dqn environment": _environment(DQN_CONFIG.num_envs),
        "dqn acting": _acting(dqn.acting(dqn.network), device, DQN_CONFIG.num_envs),
        "dqn learning": dqn_step,
        "dqn loop": looping(DQN, DQN_CONFIG, device, dqn.precision),
        "pqn environment": _environment(PQN_CONFIG.num_envs),
        "pqn acting": _acting(pqn.acting(pqn.network), device, PQN_CONFIG.num_envs),
        "pqn learning": pqn_step,
        "pqn loop": looping(PQN, PQN_CONFIG, device, pqn.precision),
        "student step": student_step,
        "distillation": distilling(device, student.precision),
        "evaluation environment": _environment(HALF_BATCH),
        "evaluation acting": _acting(evaluated, device, HALF_BATCH),
        "evaluation": _evaluating(device),
    }
    if peer == "sb3":
        from pdlearn.bench.sb3 import sb3_steps

        probes["dqn loop, 8 samples"] = looping(DQN, PEER_CONFIG, device, dqn.precision)
        probes["sb3 dqn loop"] = sb3_steps(GAME, device)
    rates = {name: np.zeros(ROUNDS) for name in probes}
    slices = itertools.count(1)
    for probe in probes.values():
        next(probe)
    for round_, (name, probe) in itertools.product(range(ROUNDS), probes.items()):
        rates[name][round_] = rate_of(probe, seconds / ROUNDS, device)
        on_slice(next(slices))
    for probe in probes.values():
        probe.close()
    precisions = (learner.precision for learner in (dqn, pqn, student))
    return figures_of(rates, *precisions)


def slice_count(peer: str = "none") -> int:
    """Return the number of time slices of `measure`."""
    return ROUNDS * (15 if peer == "sb3" else 13)


def figures_of(rates: dict[str, np.ndarray], *precisions: str) -> list[Figure]:
    """Return the figures from the rates `[ROUNDS]` of each probe.

    `precisions` are those of DQN, PQN and the student, in this order.
    """
    configs: tuple[DQNConfig | PQNConfig | DistillConfig, ...] = DQN_CONFIG, PQN_CONFIG, STUDENT
    dqn, pqn, student = (
        f"minibatch {config.minibatch}, {precision}"
        for config, precision in zip(configs, precisions, strict=True)
    )
    notes = {
        "dqn environment": ("steps/s", f"{DQN_CONFIG.num_envs} copies"),
        "dqn acting": ("steps/s", f"{DQN_CONFIG.num_envs} copies"),
        "dqn learning": ("samples/s", dqn),
        "dqn loop": ("steps/s", "acting, storing, sampling, 2 samples per step"),
        "pqn environment": ("steps/s", f"{PQN_CONFIG.num_envs} copies"),
        "pqn acting": ("steps/s", f"{PQN_CONFIG.num_envs} copies"),
        "pqn learning": ("samples/s", pqn),
        "pqn loop": ("steps/s", "acting, 2 samples per step"),
        "student step": ("samples/s", f"{STUDENT.size}, {student}"),
        "distillation": ("samples/s", "sampling and learning"),
        "evaluation": ("steps/s", f"{HALF_BATCHES} half-batches of {HALF_BATCH} copies"),
        "dqn loop, 8 samples": ("steps/s", f"minibatch {PEER_CONFIG.minibatch}"),
        "sb3 dqn loop": ("steps/s", "Stable-Baselines3 DQN, 8 samples per step"),
    }
    figures = [(name, median(rates[name]), *note) for name, note in notes.items() if name in rates]
    ceilings = {
        "dqn loop": _ceiling(rates, "dqn", DQN_CONFIG.samples_per_step),
        "pqn loop": _ceiling(rates, "pqn", PQN_CONFIG.epochs),
        "distillation": rates["student step"],
        "evaluation": _ceiling(rates, "evaluation", 0),
    }
    figures += [
        (f"{name} share", 100 * median(rates[name] / ceiling), "%", f"of {median(ceiling):.0f}")
        for name, ceiling in ceilings.items()
    ]
    if "sb3 dqn loop" in rates:
        times = median(rates["dqn loop, 8 samples"] / rates["sb3 dqn loop"])
        figures.append(("dqn loop over sb3", times, "times", "both at 8 samples per step"))
    return figures


def _ceiling(rates: dict[str, np.ndarray], loop: str, samples: float) -> np.ndarray:
    """Return the steps/s `[ROUNDS]` of the parts of `loop` if they ran one after another."""
    seconds = 1 / rates[f"{loop} environment"] + 1 / rates[f"{loop} acting"]
    return 1 / (seconds + (samples / rates[f"{loop} learning"] if samples else 0))


def rate_of(probe: Probe, seconds: float, device: str) -> float:
    """Return the work of `probe` per second, measured over at least `seconds`."""
    next(probe)  # warm-up after the other probes
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


def _network(config: TrainingConfig) -> QNetwork:
    generator = torch.Generator().manual_seed(0)
    return QNetwork(
        NUM_ACTIONS, config.size, (4, 84, 84), generator, normalization=config.normalization
    )


def _dqn_step(learner: DQNLearner) -> Probe:
    n, device = learner.config.minibatch, learner.device
    batch = Transitions(
        _frames(n, device), torch.zeros(n, dtype=torch.int64, device=device),
        torch.zeros(n, device=device), torch.ones(n, device=device), _frames(n, device),
    )  # fmt: skip
    yield from _learn(learner, batch)


def _pqn_step(learner: PQNLearner) -> Probe:
    n, device = learner.config.minibatch, learner.device
    action = torch.zeros(n, dtype=torch.int64, device=device)
    target, valid = torch.zeros(n, device=device), torch.ones(n, device=device)
    yield from _learn(learner, Targets(_frames(n, device), action, target, valid))


def _student_step(learner: StudentLearner) -> Probe:
    n, device = learner.config.minibatch, learner.device
    batch = States(_frames(n, device), torch.randn(n, NUM_ACTIONS, device=device))
    yield from _learn(learner, batch)


def _learn(learner: Learner, *batch: Any) -> Probe:
    while True:
        learner.update(*batch)
        yield learner.config.minibatch


def looping(method: type[DQN | PQN], config: Any, device: str, precision: str) -> Probe:
    run = method(GAME, config, device=device, precision=precision)
    if isinstance(run, DQN):
        run.row_steps = 10 * config.num_envs
    rows = (row["agent_steps"] for row in run if row["updates"] > 0)
    for before, now in itertools.pairwise(rows):
        yield now - before


def _untrained(size: str, device: str) -> Agent:
    network = QNetwork(NUM_ACTIONS, size, generator=torch.Generator().manual_seed(0)).to(device)
    card = {"games": {GAME: list(GAMES[GAME].actions)}, "observation_shape": [4, 84, 84]}
    return Agent(network, {**card, "size": size, "preprocessing": envs.PREPROCESSING})


def distilling(device: str, precision: str) -> Probe:
    run = Distillation(_untrained("teacher", device), STUDENT, device=device, precision=precision)
    rows = (row["updates"] for row in run if row["phase"] == "learn")
    for before, now in itertools.pairwise(rows):
        yield (now - before) * STUDENT.minibatch


def _acting(
    network: nn.Module | Callable[[torch.Tensor], torch.Tensor], device: str, num_envs: int
) -> Probe:
    observation = _frames(num_envs, "cpu")
    while True:
        with torch.no_grad():
            network(observation.to(device)).argmax(1).cpu()
        yield num_envs


def _evaluating(device: str) -> Probe:
    for _ in play_episodes(_untrained("teacher", device), EVALUATION):
        yield HALF_BATCH
