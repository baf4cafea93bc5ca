"""Inputs for hidden tests: drawn anew from a seed, other than those of the exercises' checkers.

Nothing here says what is right or which mistakes are common: that is in `pdlearn.exercises`. An
entry of `HIDDEN` is found by the name of its checker.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from pdlearn import dqn, exercises, games, losses, statistics
from pdlearn.exercises import (
    comparing,
    distilling,
    evaluating,
    exploring,
    looking_ahead,
    reading,
    remembering,
    seeing,
    sizes,
)
from pdlearn.exercises import losses as losses_exercises
from pdlearn.exercises.losses import check_gradients, values
from pdlearn.exercises.resampling import compare_intervals, on_arrays
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.lessons import emulator
from pdlearn.networks import SIZES

LEAK = "The number is right, but a gradient flows where none may: see the exercise's text."


class Hidden(NamedTuple):
    """How an exercise is tested with hidden inputs.

    `draw` returns cases, tuples of arguments; `extreme` more of them, with large values. `slope`
    turns the learner's function into a loss of (prediction, target), whose gradients are checked.
    """

    check: Callable[[Callable], Verdict]
    right: Callable
    mistakes: Sequence[Mistake]
    draw: Callable[[Generator], list[tuple]]
    extreme: Callable[[Generator], list[tuple]] | None = None
    slope: Callable[[Callable, Generator], Callable] | None = None
    adapt: Callable[[Callable], Callable] | None = None
    is_interval: bool = False
    provided: tuple[str, ...] = ()  # functions of the package that an answer is meant to call

    def compare(self, function: Callable, cases: Sequence[tuple]) -> Verdict:
        """Return the verdict on `function` for `cases`."""
        praise = "It is right on inputs that it had not seen."
        if self.is_interval:
            return compare_intervals(function, self.right, cases, self.mistakes, praise=praise)
        return compare(function, self.right, cases, self.mistakes, praise=praise, adapt=self.adapt)

    def gradients(self, function: Callable, rng: Generator) -> Verdict:
        """Return the verdict on the gradients of a function whose values are right."""
        verdict = Verdict("right", "Its gradients are right too.")
        if self.slope is None:
            return verdict
        loss = self.slope(function, rng)
        return check_gradients(verdict, loss, _values(rng), _values(rng), leak=LEAK)


def _values(rng: Generator, scale: float = 1.0, batch: int = 5, actions: int = 4) -> Tensor:
    return values(int(rng.integers(2**31)), scale, batch, actions)


def _scores(rng: Generator, games_played: int, mean: float) -> Tensor:
    return (mean + _values(rng, 2.0, 1, games_played).flatten()).sort().values


def _pairs(rng: Generator) -> list[tuple]:
    return [
        (_values(rng, batch=batch, actions=actions), _values(rng, scale, batch, actions))
        for batch, actions, scale in ((6, 3, 1.0), (4, 6, 0.3))
    ]


def _large_pair(rng: Generator) -> list[tuple]:
    return [(_values(rng, 1e3), _values(rng, 1e3))]


def _with_temperature(draw: Callable) -> Callable:
    def drawn(rng: Generator) -> list[tuple]:
        return [(*pair, float(rng.uniform(0.05, 0.6))) for pair in draw(rng)]

    return drawn


def _one_with_temperature(draw: Callable) -> Callable:
    def drawn(rng: Generator) -> list[tuple]:
        return [(q, float(rng.uniform(0.05, 3))) for _, q in draw(rng)]

    return drawn


def _near_pairs(rng: Generator) -> list[tuple]:
    pairs = []
    for scale in (0.5, 1.0):
        teacher = _values(rng, batch=11)
        pairs.append((teacher + scale * _values(rng, batch=11), teacher))
    return [*pairs, (pairs[0][1] + 1, pairs[0][1])]


def _policies(rng: Generator) -> list[tuple]:
    varied = torch.softmax(_values(rng, 3.0, 8, 5), 1)
    return [(varied,), (torch.softmax(_values(rng, 1.0, 9), 1),), (varied[:1].repeat(8, 1),)]


def _transitions(rng: Generator, count: int) -> tuple[Tensor, Tensor]:
    reward = torch.from_numpy(rng.choice([-1.0, 0.0, 0.5, 1.0], count)).float()
    discount = torch.full((count,), float(rng.uniform(0.8, 0.99)))
    discount[rng.permutation(count)[: count // 2]] = 0
    return reward, discount


def _targets(rng: Generator) -> list[tuple]:
    return [(*_transitions(rng, 6), _values(rng, 1.0, 6, actions)) for actions in (3, 6)]


def _double_targets(rng: Generator) -> list[tuple]:
    return [
        (*_transitions(rng, 7), _values(rng, 1.0, 7, actions), _values(rng, 1.0, 7, actions))
        for actions in (4, 5)
    ]


def _sums(rng: Generator) -> list[tuple]:
    cases = []
    for count in (3, 4, 6):
        discount = torch.from_numpy(rng.uniform(0.5, 0.99, count)).float()
        if count > 3:
            discount[int(rng.integers(1, count - 1))] = 0
        cases.append((_values(rng, 1.0, 1, count)[0], discount))
    return cases


def _taken(rng: Generator) -> list[tuple]:
    return [
        (
            _values(rng, 3.0, 6, actions),
            torch.from_numpy(rng.integers(actions, size=6)),
            _values(rng, 2.0, 1, 6)[0],
        )
        for actions in (4, 6)
    ]


def _td_slope(function: Callable, rng: Generator) -> Callable:
    action = torch.from_numpy(rng.integers(4, size=5))
    return lambda q, target: function(q, action, target[:, 0])


def _slope(function: Callable, rng: Generator) -> Callable:
    return function


def _kl_slope(function: Callable, rng: Generator) -> Callable:
    return lambda student, teacher: function(student, teacher, 0.2)


def _frames(rng: Generator) -> list[tuple]:
    ended = np.zeros(16, bool)
    ended[3 + int(rng.integers(4))] = ended[11 + int(rng.integers(3))] = True
    age, ages = 4, []
    for end in ended:
        ages.append(age)
        age = 0 if end else min(age + 1, 4)
    frames = _values(rng, 50.0, 16, 6).view(16, 2, 3).abs()
    return [(frames, torch.tensor(ages), t) for t in range(4, 16)]


def _ends(rng: Generator) -> list[tuple]:
    columns = torch.tensor([[0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1]]).bool()
    mixed = columns[:, torch.from_numpy(rng.permutation(6))]
    return [(*mixed, float(rng.uniform(0.5, 0.99))), (*mixed.flip(1), 0.97)]


def _pictures(rng: Generator) -> list[tuple]:
    return [(rng.integers(256, size=(210, 160), dtype=np.uint8),) for _ in range(2)]


def _tapes(rng: Generator) -> list[tuple]:
    return [
        (
            rng.integers(256, size=(6, 4, 3), dtype=np.uint8),
            rng.permutation([1, 2, 4, 8, 16, 32]),
            int(rng.integers(1, 6)),
        )
        for _ in range(2)
    ]


def _stacks(rng: Generator) -> list[tuple]:
    return [
        (
            rng.integers(256, size=(4, 84, 84), dtype=np.uint8),
            rng.integers(256, size=(84, 84), dtype=np.uint8),
        )
    ]


def _episodes(rng: Generator) -> list[tuple]:
    cases: list[tuple] = []
    for length in (18, 25):
        ends = np.cumsum(rng.integers(3, 6, size=3))
        cases.append((np.isin(np.arange(length), ends),))
    return cases


def _games_scores(rng: Generator) -> list[tuple]:
    return [(_values(rng, 2.0, 1, 30).flatten().exp(),), (_values(rng, 3.0, 1, 50).flatten(),)]


def _played(rng: Generator) -> list[tuple]:
    cases: list[tuple] = []
    while len(cases) < 3:
        lengths = torch.from_numpy(rng.integers(5, 90, size=(5, 7)))
        if len(lengths.cumsum(1).unique()) == lengths.numel():  # no two games end at once
            cases.append((lengths + 4 * _values(rng, 1.0, 5, 7), lengths, 10))
    return cases


def _ratios(rng: Generator) -> list[tuple]:
    return [(_values(rng, 0.5, 1, count).flatten().exp(),) for count in (4, 9)]


def _two_agents(rng: Generator) -> list[tuple]:
    return [
        (_scores(rng, 25, float(rng.uniform(12, 16))), _scores(rng, 25, 14.0)),
        (_scores(rng, 40, 9.0), _scores(rng, 40, float(rng.uniform(8, 12)))),
    ]


def _game_scores(rng: Generator) -> list[tuple]:
    chosen = rng.permutation(sorted(games.GAMES))[:4]
    return [(str(game), float(rng.uniform(10, 3_000))) for game in chosen]


def _schedules(rng: Generator) -> list[tuple]:
    decay = int(rng.integers(500, 2_000))
    config = replace(
        dqn.DQNConfig(), agent_steps=6_000, epsilon_decay_steps=decay,
        epsilon_start=float(rng.uniform(0.8, 1)), epsilon_final=float(rng.uniform(0.05, 0.2)),
    )  # fmt: skip
    return [(config, steps) for steps in (0, decay // 3, decay - 20, decay, 2 * decay)]


def _widths(rng: Generator) -> list[tuple]:
    return [(SIZES[name], int(rng.integers(3, 19))) for name in ("net1", "net2", "net5")]


def _three_scores(rng: Generator) -> list[tuple]:
    return [
        (float(rng.uniform(-30, 500)), random, random + float(rng.uniform(20, 900)))
        for random in (-20.7, float(rng.uniform(1, 200)), 0.5)
    ]


def _evaluated(rng: Generator) -> list[tuple]:
    cases = []
    for _ in range(3):
        means, down, up = rng.uniform(-5, 20, 2), rng.uniform(0.3, 4, 2), rng.uniform(0.3, 4, 2)
        a, b = zip(means.tolist(), (means - down).tolist(), (means + up).tolist(), strict=True)
        cases.append((a, b))
    return cases


def _agreement(student: Tensor, teacher_q: Tensor) -> Tensor:
    return (student.argmax(1) == teacher_q.argmax(1)).float().mean()


def _variety(policies: Tensor) -> Tensor:
    return policies.std(0).mean()


_ENTRIES = [
    # lesson 01
    Hidden(exercises.check_shrink, emulator.shrink, seeing.SHRINK_MISTAKES, _pictures),
    Hidden(
        exercises.check_agent_step,
        emulator.agent_step,
        seeing.AGENT_STEP_MISTAKES,
        _tapes,
        adapt=seeing.on_tape,
        provided=("Tape.act", "Tape.grey"),
    ),
    Hidden(exercises.check_push, emulator.push, seeing.PUSH_MISTAKES, _stacks),
    Hidden(
        exercises.check_episode_lengths,
        seeing.episode_lengths,
        seeing.EPISODE_LENGTHS_MISTAKES,
        _episodes,
    ),
    # lesson 02
    Hidden(exercises.check_rebuild, remembering.rebuild, remembering.REBUILD_MISTAKES, _frames),
    Hidden(exercises.check_discounts, remembering.discounts, remembering.DISCOUNTS_MISTAKES, _ends),
    Hidden(exercises.check_td_target, losses.td_target, looking_ahead.TARGET_MISTAKES, _targets),
    Hidden(exercises.check_n_step, looking_ahead.n_step, looking_ahead.N_STEP_MISTAKES, _sums),
    Hidden(
        exercises.check_double_target,
        losses.td_target,
        looking_ahead.DOUBLE_MISTAKES,
        _double_targets,
    ),
    Hidden(
        exercises.check_td_loss,
        losses.td_loss,
        looking_ahead.TD_LOSS_MISTAKES,
        _taken,
        slope=_td_slope,
    ),
    # lesson 03
    Hidden(exercises.check_epsilon, dqn.epsilon_at, exploring.EPSILON_MISTAKES, _schedules),
    # lessons 04 and 10
    Hidden(
        exercises.check_interval,
        statistics.interval,
        evaluating.INTERVAL_MISTAKES,
        _games_scores,
        is_interval=True,
    ),
    Hidden(
        exercises.check_first_to_end,
        statistics.first_to_end,
        evaluating.FIRST_MISTAKES,
        _played,
        adapt=on_arrays,
    ),
    Hidden(
        exercises.check_geometric_mean,
        statistics.geometric_mean,
        evaluating.GEOMETRIC_MISTAKES,
        _ratios,
        adapt=on_arrays,
    ),
    Hidden(
        exercises.check_normalised,
        games.normalise,
        reading.NORMALISE_MISTAKES,
        _game_scores,
        provided=("__getattr__",),  # of `pdlearn.GAMES`
    ),
    Hidden(
        exercises.check_percent_interval,
        statistics.percent_interval,
        reading.PERCENT_MISTAKES,
        _two_agents,
        is_interval=True,
    ),
    # lessons 05 and 06
    Hidden(
        exercises.check_teacher_policy,
        losses.teacher_policy,
        losses_exercises.POLICY_MISTAKES,
        _one_with_temperature(_pairs),
        _one_with_temperature(_large_pair),
    ),
    Hidden(
        exercises.check_nll_loss,
        losses.nll_loss,
        losses_exercises.NLL_MISTAKES,
        _pairs,
        _large_pair,
        _slope,
    ),
    Hidden(
        exercises.check_mse_loss,
        losses.mse_loss,
        losses_exercises.MSE_MISTAKES,
        _pairs,
        slope=_slope,
    ),
    Hidden(
        exercises.check_kl_loss,
        losses.kl_loss,
        losses_exercises.KL_MISTAKES,
        _with_temperature(_pairs),
        _with_temperature(_large_pair),
        _kl_slope,
    ),
    Hidden(exercises.check_agreement, _agreement, distilling.AGREEMENT_MISTAKES, _near_pairs),
    Hidden(exercises.check_variety, _variety, distilling.VARIETY_MISTAKES, _policies),
    # lesson 07
    Hidden(
        exercises.check_parameter_count, sizes.count_parameters, sizes.PARAMETER_MISTAKES, _widths
    ),
    Hidden(
        exercises.check_multiplications,
        sizes.multiplications,
        sizes.MULTIPLICATION_MISTAKES,
        _widths,
    ),
    Hidden(
        exercises.check_given_away,
        comparing.given_away,
        comparing.GIVEN_AWAY_MISTAKES,
        _near_pairs,
    ),
    Hidden(
        exercises.check_share, statistics.share_of_the_way, comparing.SHARE_MISTAKES, _three_scores
    ),
    Hidden(
        exercises.check_difference,
        statistics.difference_interval,
        comparing.DIFFERENCE_MISTAKES,
        _evaluated,
    ),
]
HIDDEN = {entry.check.__name__: entry for entry in _ENTRIES}
