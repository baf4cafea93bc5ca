"""How each exercise is tested with hidden inputs, which `drawing` draws.

Nothing here says what is right or which mistakes are common: that is in `pdlearn.exercises`. An
entry of `HIDDEN` is found by the name of its checker.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from numpy.random import Generator
from torch import Tensor

from pdlearn import dqn, exercises, games, losses, statistics
from pdlearn.course import drawing
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
    stepping,
)
from pdlearn.exercises import losses as losses_exercises
from pdlearn.exercises.losses import check_gradients
from pdlearn.exercises.resampling import compare_intervals, on_arrays
from pdlearn.exercises.verdicts import Mistake, Verdict, compare
from pdlearn.lessons import emulator

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
        return check_gradients(verdict, loss, drawing.values(rng), drawing.values(rng), leak=LEAK)


def _td_slope(function: Callable, rng: Generator) -> Callable:
    action = torch.from_numpy(rng.integers(4, size=5))
    return lambda q, target: function(q, action, target[:, 0])


def _slope(function: Callable, rng: Generator) -> Callable:
    return function


def _kl_slope(function: Callable, rng: Generator) -> Callable:
    return lambda student, teacher: function(student, teacher, 0.2)


def _agreement(student: Tensor, teacher_q: Tensor) -> Tensor:
    return (student.argmax(1) == teacher_q.argmax(1)).float().mean()


def _variety(policies: Tensor) -> Tensor:
    return policies.std(0).mean()


_ENTRIES = [
    # lesson 01
    Hidden(exercises.check_shrink, emulator.shrink, seeing.SHRINK_MISTAKES, drawing.pictures),
    Hidden(
        exercises.check_agent_step,
        emulator.agent_step,
        stepping.AGENT_STEP_MISTAKES,
        drawing.tapes,
        adapt=stepping.on_tape,
        provided=("Tape.act", "Tape.grey"),
    ),
    Hidden(exercises.check_push, emulator.push, seeing.PUSH_MISTAKES, drawing.stacks),
    Hidden(
        exercises.check_episode_lengths,
        stepping.episode_lengths,
        stepping.EPISODE_LENGTHS_MISTAKES,
        drawing.episodes,
    ),
    # lesson 02
    Hidden(
        exercises.check_rebuild, remembering.rebuild, remembering.REBUILD_MISTAKES, drawing.frames
    ),
    Hidden(
        exercises.check_discounts,
        remembering.discounts,
        remembering.DISCOUNTS_MISTAKES,
        drawing.ends,
    ),
    Hidden(
        exercises.check_td_target, losses.td_target, looking_ahead.TARGET_MISTAKES, drawing.targets
    ),
    Hidden(
        exercises.check_n_step, looking_ahead.n_step, looking_ahead.N_STEP_MISTAKES, drawing.sums
    ),
    Hidden(
        exercises.check_double_target,
        losses.td_target,
        looking_ahead.DOUBLE_MISTAKES,
        drawing.double_targets,
    ),
    Hidden(
        exercises.check_td_loss,
        losses.td_loss,
        looking_ahead.TD_LOSS_MISTAKES,
        drawing.taken,
        slope=_td_slope,
    ),
    # lesson 03
    Hidden(exercises.check_epsilon, dqn.epsilon_at, exploring.EPSILON_MISTAKES, drawing.schedules),
    # lessons 04 and 10
    Hidden(
        exercises.check_interval,
        statistics.interval,
        evaluating.INTERVAL_MISTAKES,
        drawing.games_scores,
        is_interval=True,
    ),
    Hidden(
        exercises.check_first_to_end,
        statistics.first_to_end,
        evaluating.FIRST_MISTAKES,
        drawing.played,
        adapt=on_arrays,
    ),
    Hidden(
        exercises.check_geometric_mean,
        statistics.geometric_mean,
        evaluating.GEOMETRIC_MISTAKES,
        drawing.ratios,
        adapt=on_arrays,
    ),
    Hidden(
        exercises.check_normalised,
        games.normalise,
        reading.NORMALISE_MISTAKES,
        drawing.game_scores,
        provided=("__getattr__",),  # of `pdlearn.GAMES`
    ),
    Hidden(
        exercises.check_percent_interval,
        statistics.percent_interval,
        reading.PERCENT_MISTAKES,
        drawing.two_agents,
        is_interval=True,
    ),
    # lessons 05 and 06
    Hidden(
        exercises.check_teacher_policy,
        losses.teacher_policy,
        losses_exercises.POLICY_MISTAKES,
        drawing.one_with_temperature(drawing.pairs),
        drawing.one_with_temperature(drawing.large_pair),
    ),
    Hidden(
        exercises.check_nll_loss,
        losses.nll_loss,
        losses_exercises.NLL_MISTAKES,
        drawing.pairs,
        drawing.large_pair,
        _slope,
    ),
    Hidden(
        exercises.check_mse_loss,
        losses.mse_loss,
        losses_exercises.MSE_MISTAKES,
        drawing.pairs,
        slope=_slope,
    ),
    Hidden(
        exercises.check_kl_loss,
        losses.kl_loss,
        losses_exercises.KL_MISTAKES,
        drawing.with_temperature(drawing.pairs),
        drawing.with_temperature(drawing.large_pair),
        _kl_slope,
    ),
    Hidden(
        exercises.check_agreement, _agreement, distilling.AGREEMENT_MISTAKES, drawing.near_pairs
    ),
    Hidden(exercises.check_variety, _variety, distilling.VARIETY_MISTAKES, drawing.policies),
    # lesson 07
    Hidden(
        exercises.check_parameter_count,
        sizes.count_parameters,
        sizes.PARAMETER_MISTAKES,
        drawing.widths,
    ),
    Hidden(
        exercises.check_multiplications,
        sizes.multiplications,
        sizes.MULTIPLICATION_MISTAKES,
        drawing.widths,
    ),
    Hidden(
        exercises.check_given_away,
        comparing.regret,
        comparing.GIVEN_AWAY_MISTAKES,
        drawing.near_pairs,
    ),
    Hidden(
        exercises.check_share,
        statistics.share_of_the_way,
        comparing.SHARE_MISTAKES,
        drawing.three_scores,
    ),
    Hidden(
        exercises.check_difference,
        statistics.difference_interval,
        comparing.DIFFERENCE_MISTAKES,
        drawing.evaluated,
    ),
]
HIDDEN = {entry.check.__name__: entry for entry in _ENTRIES}
