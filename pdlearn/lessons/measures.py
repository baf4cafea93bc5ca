"""What several lessons measure of agents: rows for `pdlearn.lessons.table`, and baselines.

Convention: tensors are `[B, A]`, the outputs for B states and A actions.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.nn.functional import one_hot

from pdlearn.losses import kl_loss, teacher_policy
from pdlearn.statistics import share_of_the_way

DECISIVE_GAP = 0.1  # points between the best two actions


def action_gap(teacher_q: Tensor) -> Tensor:
    """Return the difference between the values of the best and the second-best action, `[B]`."""
    best, second = teacher_q.topk(2).values.T
    return best - second


def is_decisive(teacher_q: Tensor) -> Tensor:
    """Return which states have an action gap above `DECISIVE_GAP`, bool `[B]`."""
    return action_gap(teacher_q) > DECISIVE_GAP


def agreement(output: Tensor, teacher_q: Tensor) -> dict[str, str]:
    """Return a row: how often both have the same best action, in all and in decisive states."""
    alike = (output.argmax(1) == teacher_q.argmax(1)).float()
    shares = {"agreement": alike, "in decisive states": alike[is_decisive(teacher_q)]}
    return {name: f"{each.mean():.0%}" for name, each in shares.items()}


def marginal_loss(teacher_q: Tensor, temperature: float) -> float:
    """Return the KL loss of the best constant policy, the mean of the targets over states."""
    target = teacher_policy(teacher_q, temperature)
    return kl_loss(target.mean(0).log().expand_as(target), teacher_q, temperature).item()


def score_row(score: Mapping, digits: int = 1) -> dict[str, float]:
    """Return a row of a score as cards have it: its mean, its 95 % interval, its episodes."""
    return {key: round(score[key], digits) for key in ("mean", "low", "high", "episodes")}


def share_row(score: Mapping, random: float, teacher: float) -> dict[str, object]:
    """Return a row of a score: mean, 95 % interval, share of the way from random to the teacher."""
    share = share_of_the_way(score["mean"], random, teacher)
    return {
        "mean": f"{score['mean']:.1f}",
        "95 % interval": f"{score['low']:.1f} to {score['high']:.1f}",
        "share of the way": f"{share:.0%}",
        "games": score["episodes"],
    }


def best_and_last(rows: Sequence[Mapping]) -> dict[str, float]:
    """Return the best and the last evaluation in the rows of a run."""
    seen = [row["evaluation"] for row in rows if row["evaluation"] == row["evaluation"]]
    return {"best evaluation": max(seen), "last evaluation": seen[-1]}


def choice_row(action: Tensor, teacher_q: Tensor) -> dict[str, str]:
    """Return a row for chosen actions `[B]`: their agreement, and the share of the commonest."""
    chosen = one_hot(action, teacher_q.shape[1])
    commonest = chosen.sum(0).max() / len(chosen)
    return agreement(chosen, teacher_q) | {"takes one action in": f"{commonest:.0%}"}
