"""Checkers for the lessons' exercises: each takes what a learner wrote and returns a `Verdict`.

A checker never raises for a wrong answer. It recognises common mistakes and answers each with a
hint. `verdicts` compares an answer with the package's; each of the other files holds a topic.
"""

from pdlearn.exercises.choices import check_choice
from pdlearn.exercises.comparing import check_difference, check_given_away, check_share
from pdlearn.exercises.distilling import check_agreement, check_update, check_variety
from pdlearn.exercises.evaluating import (
    check_first_to_end,
    check_geometric_mean,
    check_interval,
)
from pdlearn.exercises.exploring import check_epsilon
from pdlearn.exercises.following import check_swing, check_teacher_at
from pdlearn.exercises.language import check_next_token_loss, check_own_text_loss
from pdlearn.exercises.looking_ahead import (
    check_double_target,
    check_n_step,
    check_td_loss,
    check_td_target,
)
from pdlearn.exercises.losses import (
    check_kl_loss,
    check_mse_loss,
    check_nll_loss,
    check_teacher_policy,
)
from pdlearn.exercises.predictions import check_prediction
from pdlearn.exercises.reading import (
    check_normalised,
    check_percent_interval,
    check_recipe_interval,
)
from pdlearn.exercises.remembering import check_discounts, check_rebuild
from pdlearn.exercises.reporting import check_sentence
from pdlearn.exercises.returns import check_lambda_returns
from pdlearn.exercises.seeing import check_push, check_shrink
from pdlearn.exercises.sharing import check_outputs, check_turns
from pdlearn.exercises.sizes import check_multiplications, check_parameter_count
from pdlearn.exercises.stepping import check_agent_step, check_episode_lengths
from pdlearn.exercises.truncating import check_top_k_kl
from pdlearn.exercises.verdicts import Mistake, Verdict, compare

__all__ = [
    "Mistake",
    "Verdict",
    "check_agent_step",
    "check_agreement",
    "check_choice",
    "check_difference",
    "check_discounts",
    "check_double_target",
    "check_episode_lengths",
    "check_epsilon",
    "check_first_to_end",
    "check_geometric_mean",
    "check_given_away",
    "check_interval",
    "check_kl_loss",
    "check_lambda_returns",
    "check_mse_loss",
    "check_multiplications",
    "check_n_step",
    "check_next_token_loss",
    "check_nll_loss",
    "check_normalised",
    "check_outputs",
    "check_own_text_loss",
    "check_parameter_count",
    "check_percent_interval",
    "check_prediction",
    "check_push",
    "check_rebuild",
    "check_recipe_interval",
    "check_sentence",
    "check_share",
    "check_shrink",
    "check_swing",
    "check_td_loss",
    "check_td_target",
    "check_teacher_at",
    "check_teacher_policy",
    "check_top_k_kl",
    "check_turns",
    "check_update",
    "check_variety",
    "compare",
]
