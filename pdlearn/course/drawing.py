"""Draw inputs for hidden tests from a seed: other than those of the exercises' checkers.

Each function returns cases, tuples of an exercise's arguments.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from pdlearn import dqn, games
from pdlearn.exercises.losses import values as seeded_values
from pdlearn.networks import SIZES


def values(rng: Generator, scale: float = 1.0, batch: int = 5, actions: int = 4) -> Tensor:
    return seeded_values(int(rng.integers(2**31)), scale, batch, actions)


def scores(rng: Generator, games_played: int, mean: float) -> Tensor:
    return (mean + values(rng, 2.0, 1, games_played).flatten()).sort().values


def pairs(rng: Generator) -> list[tuple]:
    return [
        (values(rng, batch=batch, actions=actions), values(rng, scale, batch, actions))
        for batch, actions, scale in ((6, 3, 1.0), (4, 6, 0.3))
    ]


def large_pair(rng: Generator) -> list[tuple]:
    return [(values(rng, 1e3), values(rng, 1e3))]


def with_temperature(draw: Callable) -> Callable:
    def drawn(rng: Generator) -> list[tuple]:
        return [(*pair, float(rng.uniform(0.05, 0.6))) for pair in draw(rng)]

    return drawn


def one_with_temperature(draw: Callable) -> Callable:
    def drawn(rng: Generator) -> list[tuple]:
        return [(q, float(rng.uniform(0.05, 3))) for _, q in draw(rng)]

    return drawn


def near_pairs(rng: Generator) -> list[tuple]:
    pairs = []
    for scale in (0.5, 1.0):
        teacher = values(rng, batch=11)
        pairs.append((teacher + scale * values(rng, batch=11), teacher))
    return [*pairs, (pairs[0][1] + 1, pairs[0][1])]


def policies(rng: Generator) -> list[tuple]:
    varied = torch.softmax(values(rng, 3.0, 8, 5), 1)
    return [(varied,), (torch.softmax(values(rng, 1.0, 9), 1),), (varied[:1].repeat(8, 1),)]


def transitions(rng: Generator, count: int) -> tuple[Tensor, Tensor]:
    reward = torch.from_numpy(rng.choice([-1.0, 0.0, 0.5, 1.0], count)).float()
    discount = torch.full((count,), float(rng.uniform(0.8, 0.99)))
    discount[rng.permutation(count)[: count // 2]] = 0
    return reward, discount


def targets(rng: Generator) -> list[tuple]:
    return [(*transitions(rng, 6), values(rng, 1.0, 6, actions)) for actions in (3, 6)]


def double_targets(rng: Generator) -> list[tuple]:
    return [
        (*transitions(rng, 7), values(rng, 1.0, 7, actions), values(rng, 1.0, 7, actions))
        for actions in (4, 5)
    ]


def sums(rng: Generator) -> list[tuple]:
    cases = []
    for count in (3, 4, 6):
        discount = torch.from_numpy(rng.uniform(0.5, 0.99, count)).float()
        if count > 3:
            discount[int(rng.integers(1, count - 1))] = 0
        cases.append((values(rng, 1.0, 1, count)[0], discount))
    return cases


def taken(rng: Generator) -> list[tuple]:
    return [
        (
            values(rng, 3.0, 6, actions),
            torch.from_numpy(rng.integers(actions, size=6)),
            values(rng, 2.0, 1, 6)[0],
        )
        for actions in (4, 6)
    ]


def frames(rng: Generator) -> list[tuple]:
    ended = np.zeros(16, bool)
    ended[3 + int(rng.integers(4))] = ended[11 + int(rng.integers(3))] = True
    age, ages = 4, []
    for end in ended:
        ages.append(age)
        age = 0 if end else min(age + 1, 4)
    frames = values(rng, 50.0, 16, 6).view(16, 2, 3).abs()
    return [(frames, torch.tensor(ages), t) for t in range(4, 16)]


def ends(rng: Generator) -> list[tuple]:
    columns = torch.tensor([[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1]]).bool()
    mixed = columns[:, torch.from_numpy(rng.permutation(6))]
    return [(*mixed, float(rng.uniform(0.5, 0.99))), (*mixed.flip(1), 0.97)]


def pictures(rng: Generator) -> list[tuple]:
    return [(rng.integers(256, size=(210, 160), dtype=np.uint8),) for _ in range(2)]


def tapes(rng: Generator) -> list[tuple]:
    return [
        (
            rng.integers(256, size=(6, 4, 3), dtype=np.uint8),
            rng.permutation([1, 2, 4, 8, 16, 32]),
            int(rng.integers(1, 6)),
        )
        for _ in range(2)
    ]


def stacks(rng: Generator) -> list[tuple]:
    return [
        (
            rng.integers(256, size=(4, 84, 84), dtype=np.uint8),
            rng.integers(256, size=(84, 84), dtype=np.uint8),
        )
    ]


def episodes(rng: Generator) -> list[tuple]:
    cases: list[tuple] = []
    for length in (18, 25):
        ends = np.cumsum(rng.integers(3, 6, size=3))
        cases.append((np.isin(np.arange(length), ends),))
    return cases


def games_scores(rng: Generator) -> list[tuple]:
    return [(values(rng, 2.0, 1, 30).flatten().exp(),), (values(rng, 3.0, 1, 50).flatten(),)]


def played(rng: Generator) -> list[tuple]:
    cases: list[tuple] = []
    while len(cases) < 3:
        lengths = torch.from_numpy(rng.integers(5, 90, size=(5, 7)))
        if len(lengths.cumsum(1).unique()) == lengths.numel():  # no two games end at once
            cases.append((lengths + 4 * values(rng, 1.0, 5, 7), lengths, 10))
    return cases


def ratios(rng: Generator) -> list[tuple]:
    return [(values(rng, 0.5, 1, count).flatten().exp(),) for count in (4, 9)]


def two_agents(rng: Generator) -> list[tuple]:
    return [
        (scores(rng, 25, float(rng.uniform(12, 16))), scores(rng, 25, 14.0)),
        (scores(rng, 40, 9.0), scores(rng, 40, float(rng.uniform(8, 12)))),
    ]


def game_scores(rng: Generator) -> list[tuple]:
    chosen = rng.permutation(sorted(games.GAMES))[:4]
    return [(str(game), float(rng.uniform(10, 3_000))) for game in chosen]


def schedules(rng: Generator) -> list[tuple]:
    decay = int(rng.integers(500, 2_000))
    config = replace(
        dqn.DQNConfig(), agent_steps=6_000, epsilon_decay_steps=decay,
        epsilon_start=float(rng.uniform(0.8, 1)), epsilon_final=float(rng.uniform(0.05, 0.2)),
    )  # fmt: skip
    return [(config, steps) for steps in (0, decay // 3, decay - 20, decay, 2 * decay)]


def widths(rng: Generator) -> list[tuple]:
    return [(SIZES[name], int(rng.integers(3, 19))) for name in ("net1", "net2", "net5")]


def three_scores(rng: Generator) -> list[tuple]:
    return [
        (float(rng.uniform(-30, 500)), random, random + float(rng.uniform(20, 900)))
        for random in (-20.7, float(rng.uniform(1, 200)), 0.5)
    ]


def evaluated(rng: Generator) -> list[tuple]:
    cases = []
    for _ in range(3):
        means, down, up = rng.uniform(-5, 20, 2), rng.uniform(0.3, 4, 2), rng.uniform(0.3, 4, 2)
        a, b = zip(means.tolist(), (means - down).tolist(), (means + up).tolist(), strict=True)
        cases.append((a, b))
    return cases
