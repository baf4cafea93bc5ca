"""The library called with wrong values: each argument of each function in turn."""

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from campaign import Began, Case, Kept
from values import NUMBERS, TYPES, wrong_tensors

import pdlearn
from pdlearn import envs, files, losses, rows, zoo
from pdlearn.checkpoints import Agent, read_agent, save_agent
from pdlearn.evaluation import evaluate
from pdlearn.networks import MultiGameNetwork, QNetwork
from pdlearn.presets import DISTILL_BUDGETS, DQN_BUDGETS, PQN_BUDGETS, EvalConfig
from pdlearn.replay.collecting import collect
from pdlearn.replay.memory import Memory
from pdlearn.replay.prioritized import PrioritizedMemory
from pdlearn.replay.recordings import load_recording
from pdlearn.rollout import EpsilonGreedy
from pdlearn.starts import load_starts

GAME = "pdlearn/Catch-v0"
ANYTHING = [*NUMBERS, *TYPES]
NO_INTEGERS = [v for v in ANYTHING if not (isinstance(v, int) and not isinstance(v, bool))]
NO_COUNTS = [*NO_INTEGERS, 0, -1, 10**400, -(10**30)]
NO_SEEDS = [*NO_INTEGERS, -1, -(10**30), 10**400]
NO_FLOATS = [v for v in ANYTHING if not isinstance(v, int | float) or isinstance(v, bool)]
NO_SHARES = [*NO_FLOATS, math.nan, math.inf, -math.inf, -1, 2, 1e308, 10**400]
NO_NAMES = [v for v in ANYTHING if not isinstance(v, str)] + ["pnog", "", "Pong-v99", "\0"]
NO_PATHS = [v for v in ANYTHING if not isinstance(v, str)] + ["nowhere", "", "\0", "x" * 300, "/"]
NO_DEVICES = ["nowhere", "cuda:99", "", 3.5, [], {}]
NO_SHAPES = [v for v in ANYTHING if v not in ((), [1])] + [
    (0,),
    (-1,),
    (10**9,),
    (2, 2),
    (3, 84, 84),
]

# A function, its right arguments, and what is wrong for each.
Call = tuple[str, Callable[..., Any], dict[str, Any], dict[str, list[Any]]]


def guarded(kind: Any) -> Any:
    """Return a kind of run that tells that it began."""

    class Guarded(kind):  # type: ignore[misc]
        def rows(self) -> Any:
            raise Began("training")

    return lambda **options: list(Guarded(**options))


def calls(folder: Path) -> list[Call]:
    teacher = zoo.load("pong/net3")
    generator = torch.Generator()
    memory = collect(_catcher(), 40, num_envs=2)
    runs = {"seed": NO_SEEDS, "device": NO_DEVICES, "precision": ["half", "", 3, None],
            "minutes": [v for v in NO_FLOATS if v is not None] + [math.nan, -1, -math.inf],
            "config": ANYTHING}  # fmt: skip
    return [
        ("make", envs.make, dict(name=GAME, num_envs=1), {
            "name": NO_NAMES, "num_envs": [*NO_COUNTS, 10**13], "num_threads": [*NO_INTEGERS, -1],
            "frames_per_step": [*NO_COUNTS, 10**13],
        }),
        ("env_seeds", envs.env_seeds, dict(seed=0, purpose="train", num_envs=2),
         {"seed": NO_SEEDS, "purpose": [v for v in ANYTHING if not isinstance(v, str)] + ["x"]}),
        ("QNetwork", QNetwork, dict(num_actions=3, size="net5"), {
            "num_actions": [*NO_COUNTS, 257, 10**9], "size": NO_NAMES,
            "observation_shape": NO_SHAPES, "normalization": [v for v in ANYTHING if v != "layer"],
        }),
        ("MultiGameNetwork", MultiGameNetwork, dict(num_actions={"a": 2, "b": 3}), {
            "num_actions": [v for v in ANYTHING if v != {"a": 1}] + [{"a": 0}, {"a.b": 2}, {}],
            "size": NO_NAMES, "observation_shape": NO_SHAPES,
        }),
        ("Memory", Memory, dict(capacity_steps=60, num_envs=1, observation_shape=(3,)), {
            "capacity_steps": [*NO_COUNTS, 10**13, 1], "num_envs": NO_COUNTS,
            "observation_shape": [v for v in NO_SHAPES if v not in ((3, 84, 84), (10**9,), [1])],
            "device": NO_DEVICES, "num_actions": [*NO_INTEGERS, -1, 257],
        }),
        ("PrioritizedMemory", PrioritizedMemory,
         dict(capacity_steps=60, num_envs=1, observation_shape=(3,), n_step=1, exponent=0.5),
         {"n_step": NO_COUNTS, "exponent": [*NO_FLOATS, math.nan, -1, 1e308]}),
        ("sample_states", memory.sample_states, dict(minibatch=4, generator=generator),
         {"minibatch": [*NO_COUNTS, 10**13]}),
        ("sample_transitions", memory.sample_transitions,
         dict(minibatch=4, n_step=1, generator=generator),
         {"minibatch": [*NO_COUNTS, 10**13], "n_step": [*NO_COUNTS, 10**13]}),
        ("EpsilonGreedy", EpsilonGreedy,
         dict(network=teacher.network, epsilon=0.1, generator=generator),
         {"epsilon": NO_SHARES, "longest_hold_steps": [*NO_COUNTS, 10**13]}),
        ("collect", collect, dict(teacher=_catcher(), agent_steps=40, num_envs=2), {
            "agent_steps": [*NO_COUNTS, 10**13], "num_envs": [*NO_COUNTS, 10**13],
            "epsilon": NO_SHARES, "seed": NO_SEEDS,
            "purpose": [v for v in ANYTHING if not isinstance(v, str)] + ["x"],
        }),
        ("EvalConfig", EvalConfig, {}, {
            "episodes": [*NO_COUNTS, 10**13], "epsilon": NO_SHARES, "num_envs": NO_COUNTS,
        }),
        ("evaluate", evaluate, dict(agent=_catcher(), config=EvalConfig(episodes=1)),
         {"seed": NO_SEEDS}),
        ("read_agent", read_agent, dict(path="nowhere"), {"path": NO_PATHS}),
        ("load_recording", load_recording, dict(path="nowhere"), {"path": NO_PATHS}),
        ("load_starts", load_starts, dict(name="pong"), {"name": NO_PATHS}),
        ("zoo.load", zoo.load, dict(name="pong/net3"),
         {"name": NO_PATHS, "game": [v for v in NO_NAMES if v is not None],
          "device": NO_DEVICES}),
        ("first", load_starts("pong").first, dict(count=3), {"count": [*NO_COUNTS, 101]}),
        ("save_agent", save_agent, dict(path=folder / "a", agent=teacher),
         {"path": [v for v in NO_PATHS if v not in ("nowhere",)]}),
        ("read_rows", rows.read_rows, dict(path=folder / "none"),
         {"path": [v for v in NO_PATHS if v not in ("nowhere", "x" * 300)]}),
        ("read_bytes", files.read_bytes, dict(path=folder / "a"), {"path": NO_PATHS}),
        ("kl_loss", losses.kl_loss,
         dict(student_logits=torch.zeros(2, 3), teacher_q=torch.zeros(2, 3)),
         {"temperature": [*NO_FLOATS, math.nan, math.inf, 0, -1, 1e-320, 1e308]}),
        ("DQN", guarded(pdlearn.DQN), dict(game=GAME, config=DQN_BUDGETS["smoke"]),
         {**runs, "game": [*NO_NAMES, [GAME, GAME], [GAME, 3]]}),
        ("PQN", guarded(pdlearn.PQN), dict(game=GAME, config=PQN_BUDGETS["smoke"]),
         {**runs, "game": [*NO_NAMES, [GAME, GAME]]}),
        ("Distillation", guarded(pdlearn.Distillation),
         dict(teacher=teacher, config=DISTILL_BUDGETS["smoke"]),
         {**runs, "teacher": [*ANYTHING, [teacher, teacher], [3]],
          "recording": [v for v in ANYTHING if v is not None]}),
        *_settings(),
    ]  # fmt: skip


def _settings() -> Iterator[Call]:
    for preset in (DQN_BUDGETS["smoke"], PQN_BUDGETS["smoke"], DISTILL_BUDGETS["smoke"]):
        right = {each.name: getattr(preset, each.name) for each in fields(preset)}
        wrong: dict[str, list[Any]] = {}
        for name, value in right.items():
            if isinstance(value, bool):
                wrong[name] = [v for v in ANYTHING if not isinstance(v, bool)]
            elif isinstance(value, int):
                wrong[name] = [*NO_INTEGERS, -1, 10**400, -(10**30), 2**63]
            elif isinstance(value, float) or name == "learning_rate":
                none = [v for v in NO_FLOATS if v is not None or name != "learning_rate"]
                wrong[name] = [*none, math.nan, math.inf, -math.inf, -1, 1e308, 10**400]
            else:
                wrong[name] = [v for v in ANYTHING if not (name == "size" and isinstance(v, str))]
        yield type(preset).__name__, type(preset), right, wrong


def _catcher() -> Agent:
    network = QNetwork(3, "net5", generator=torch.Generator().manual_seed(0))
    card = {"games": {GAME: ["0", "1", "2"]}, "size": "net5", "observation_shape": [4, 84, 84],
            "preprocessing": {}, "made": {"by": "dqn"}}  # fmt: skip
    return Agent(network.requires_grad_(False), card)


def tensor_calls(rng: np.random.Generator) -> Iterator[Case]:
    """Yield losses and networks that are given tensors of wrong types, shapes and numbers."""
    right = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    action, row = torch.tensor([0, 2, 1, 0]), torch.ones(4)
    last = torch.zeros(4, 3, dtype=torch.bool)
    value = torch.zeros(5, 3)
    table: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
        *((loss.__name__, loss, dict(student_logits=right, teacher_q=right))
          for loss in (losses.kl_loss, losses.reverse_kl_loss, losses.nll_loss)),
        ("mse_loss", losses.mse_loss, dict(student_q=right, teacher_q=right)),
        ("td_loss", losses.td_loss, dict(q_tm1=right, action_tm1=action, target=row, weight=row)),
        ("td_target", losses.td_target, dict(reward_t=row, discount_t=row, target_q_t=right,
                                             online_q_t=right)),
        ("lambda_returns", losses.lambda_returns,
         dict(reward_t=right, discount_t=right, value=value, last=last, lambda_=0.5)),
        ("teacher_policy", losses.teacher_policy, dict(teacher_q=right, temperature=1.0)),
        ("QNetwork()", QNetwork(3, "net5"),
         dict(observation=torch.zeros(2, 4, 84, 84, dtype=torch.uint8))),
        ("a vector's QNetwork()", QNetwork(3, "net5", (3,)), dict(observation=right)),
        ("for_game()", MultiGameNetwork({"a": 2, "b": 3}).for_game("a"),
         dict(observation=torch.zeros(2, 4, 84, 84, dtype=torch.uint8))),
    ]  # fmt: skip
    for name, function, arguments in table:
        for key, tensor in arguments.items():
            if not isinstance(tensor, torch.Tensor):
                continue
            given = [(f"{new!r:.30}", new) for new in ANYTHING if (key, new) != ("weight", None)]
            given = [each for each in given if (key, each[1]) != ("online_q_t", None)]
            for what, new in [*given, *wrong_tensors(tensor, rng, file=False)]:
                if _is_right(name, key, tensor, new):
                    continue

                def call(function: Any = function, arguments: dict = arguments, key: str = key,
                         new: Any = new) -> Any:  # fmt: skip
                    result = function(**{**arguments, key: new})
                    if result.isfinite().all():
                        return f"{result}"
                    raise Kept("not finite, as what was given")

                yield Case(f"{name}({key} {what})", call)


def _is_right(name: str, key: str, tensor: torch.Tensor, new: Any) -> bool:
    """Return whether `new` is right too: another precision, or a smaller batch of a network."""
    if not isinstance(new, torch.Tensor):
        return False
    if tensor.is_floating_point() and new.is_floating_point() and new.shape == tensor.shape:
        return bool(new.isfinite().all())
    alike = new.dtype == tensor.dtype and new.shape[1:] == tensor.shape[1:]
    alone = key in ("observation", "teacher_q") and name in (
        "QNetwork()", "a vector's QNetwork()", "for_game()", "teacher_policy")  # fmt: skip
    return alone and alike


def arguments(folder: Path) -> Iterator[Case]:
    """Yield the calls with each argument wrong in turn."""
    for name, function, right, wrong in calls(folder):
        for key, values in wrong.items():
            for value in values:

                def call(function: Any = function, right: dict = right, key: str = key,
                         value: Any = value) -> Any:  # fmt: skip
                    return function(**{**right, key: value})

                yield Case(f"{name}({key}={value!r:.40})", call)
