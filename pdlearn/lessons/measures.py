"""What several lessons measure of agents: rows for `pdlearn.lessons.table`, and baselines.

Convention: tensors are `[B, A]`, the outputs for B states and A actions.
"""

import itertools
from collections.abc import Mapping, Sequence
from statistics import fmean

from torch import Tensor
from torch.nn.functional import one_hot

from pdlearn.games import GAMES
from pdlearn.losses import kl_loss, teacher_policy
from pdlearn.networks import SIZES
from pdlearn.statistics import difference_interval, share_of_the_way

DECISIVE_GAP = 0.1  # points between the best two actions
RECIPE = (
    "game", "network", "loss", "temperature", "teacher_steps", "minibatch", "updates",
    "learning_rate",
)  # fmt: skip


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
        "share of the way": f"{share:z.0%}",
        "games": score["episodes"],
    }


def last_of_seeds(seeds: Sequence[Sequence[Mapping]], evaluations: int = 3) -> dict[str, float]:
    """Return a row for a setting: the mean of each seed's last evaluations, and means over seeds.

    `seeds` are the rows of a run for each seed, numbered from 1.
    """
    row = {}
    for number, rows in enumerate(seeds, start=1):
        seen = [r["evaluation"] for r in rows if r["evaluation"] == r["evaluation"]]
        row[f"seed {number}"] = fmean(seen[-evaluations:])
    losses = [rows[-1]["loss"] for rows in seeds]
    return row | {"mean": fmean(row.values()), "last loss": fmean(losses)}


def race_ends(rows: Sequence[Mapping]) -> list[dict[str, object]]:
    """Return a row for each curve of race_curves.csv: its last minute, agent steps and score."""
    ends = {(row["game"], row["method"]): row for row in rows}
    return [
        {
            "game": GAMES[game].title,
            "method": method.upper(),
            "minutes": round(float(row["minutes"])),
            "agent steps": int(row["agent_steps"]),
            "score": row["score"],
        }
        for (game, method), row in ends.items()
    ]


def choice_row(action: Tensor, teacher_q: Tensor) -> dict[str, str]:
    """Return a row for chosen actions `[B]`: their agreement, and the share of the commonest."""
    chosen = one_hot(action, teacher_q.shape[1])
    commonest = chosen.sum(0).max() / len(chosen)
    return agreement(chosen, teacher_q) | {"takes one action in": f"{commonest:.0%}"}


def prices(rows: Sequence[Mapping]) -> dict[str, dict[str, str]]:
    """Return a row for each network: what it holds in memory, and the time of one decision.

    `rows` are those of `decisions.csv`, one for each network and runtime.
    """
    shown: dict[str, dict[str, str]] = {}
    for row in rows:
        line = shown.setdefault(row["network"], {"parameters": f"{int(row['parameters']):,}"})
        line["kB of weights"] = f"{float(row['weights_kb']):,.0f}"
        line["kB of activations"] = f"{float(row['activations_kb']):,.0f}"
        runtime = {"eager": "torch", "onnx": "exported"}[row["runtime"]]
        line[f"ms, {runtime}"] = f"{float(row['milliseconds']):.2f}"
        line[f"of the teacher's, {runtime}"] = f"{float(row['times_the_teacher']):.2f}"
    return shown


def neighbours(rows: Sequence[Mapping]) -> list[dict[str, str]]:
    """Return a row for each game and two sizes in order: the difference of their scores.

    `rows` are results; of a game and a size the first counts.
    """
    first: dict[str, dict[str, Mapping]] = {}
    for row in rows:
        first.setdefault(row["game"], {}).setdefault(row["network"], row)
    pairs = []
    for game, sized in first.items():
        sizes = [size for size in SIZES if size in sized]
        for larger, smaller in itertools.pairwise(sizes):
            name = f"{game}: {larger} and {smaller}"
            pairs.append(_difference(name, sized[larger], sized[smaller]))
    return pairs


def two_seeds(recipes: Sequence[Mapping]) -> list[dict[str, str]]:
    """Return a row for each two students that differ in their seed alone."""
    pairs = []
    for alike in seeds_of(recipes).values():
        first = alike[0]
        of = f"{first['game']}: {first['network']} at temperature {first['temperature']}"
        name = f"{of}, two seeds"
        pairs.append(_difference(name, *alike[:2]))
    return pairs


def seeds_of(recipes: Sequence[Mapping]) -> dict[tuple, list[Mapping]]:
    """Return the rows of each recipe that was run with several seeds, by its settings."""
    tried: dict[tuple, list[Mapping]] = {}
    for row in recipes:
        tried.setdefault(tuple(row[key] for key in RECIPE), []).append(row)
    return {recipe: rows for recipe, rows in tried.items() if len(rows) > 1}


def _difference(name: str, one: Mapping, other: Mapping) -> dict[str, str]:
    low, high = difference_interval(_with_ends(one), _with_ends(other))
    sure = "yes" if low > 0 or high < 0 else "no"
    return {"pair": name, "difference": f"{low:.1f} to {high:.1f}", "certain over games": sure}


def _with_ends(row: Mapping) -> tuple[float, float, float]:
    return float(row["mean"]), float(row["low"]), float(row["high"])


def beside_the_paper(
    rows: Sequence[Mapping], paper: Mapping[str, Mapping[str, float]]
) -> list[dict[str, str]]:
    """Return a row for each score of a network for several games, or dashes for a missing one.

    `paper[game][label]` is the paper's percent of the teacher's score.
    """
    shown = []
    for game, theirs in paper.items():
        for label, printed in theirs.items():
            ours: list[Mapping | None] = [
                row for row in rows if (row["game"], row["label"]) == (game, label)
            ]
            for row in ours or [None]:
                named = {"game": GAMES[game].title, "taught by": label} | _ours(row)
                shown.append(named | {"% in the paper": f"{printed:.1f}"})
    return shown


def _ours(row: Mapping | None) -> dict[str, str]:
    if row is None:
        return dict.fromkeys(("network for", "seed", "score", "% of the teacher"), "–")
    mean, low, high, percent = (float(row[key]) for key in ("mean", "low", "high", "percent"))
    return {
        "network for": ", ".join(GAMES[game].title for game in row["games"].split()),
        "seed": row["seed"],
        "score": f"{mean:.1f} ({low:.1f} to {high:.1f})",
        "% of the teacher": f"{percent:.1f}" if percent >= 0 else "below 0",
    }
