"""Figure 1 of the paper: states, the teacher's values, and the targets of the student's losses.

Pairs of states are selected by rule from a stretch of the teacher's play:

    alike: of the 0.1 % of pairs with the most similar frames, the pair whose values differ most;
    apart: of the 0.1 % of pairs with the most similar values, the pair whose frames differ most.

The target of MSE is the values, that of NLL is the best action alone, and that of KL is
softmax(values / temperature).
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.games import GAMES
from pdlearn.losses import teacher_policy
from pdlearn.networks import fingerprint
from pdlearn.plots import REFERENCE, STUDENT, TEACHER, write_picture
from pdlearn.presets import DistillConfig
from pdlearn.rows import markdown_table, write_rows
from pdlearn.web.clips import Clip, record_clip

PAPER_GAMES = ("pong", "space_invaders")
CLIP_STEPS = 900  # a minute of play
STACK_STEPS = 4  # frames of a state; the first states of an episode have fewer
EVERY_STEPS = 2  # a state is taken every so many steps
NEAR = 0.001  # the share of pairs that counts as similar

RULES = {
    "alike": "similar frames, different values",
    "apart": "different frames, similar values",
}


def reproduce_figure1(
    games: Sequence[str], seed: int, results: Path, temperature: float = DistillConfig.temperature
) -> list[dict]:
    """Write figure1.csv and figure1.png to `results` from the shipped teachers; return the rows.

    Empty `games` selects the paper's two. Games without a shipped teacher are left out; raises
    ValueError if none is left.
    """
    games = zoo.with_teacher(games or PAPER_GAMES)
    if not games:
        raise ValueError("none of these games has a shipped teacher; expected one that has")
    rows, shown = [], []
    for game in games:
        teacher = zoo.load(f"{game}/teacher")
        clip = record_clip(game, teacher, seed=seed, agent_steps=CLIP_STEPS)
        source = {"teacher": fingerprint(teacher.network), "seed": seed}
        for rule, moments in choose_pairs(clip.observations, clip.values).items():
            shown.append((rule, clip, moments))
            for moment in moments:
                of_state = state_rows(clip, moment, temperature)
                rows += [{"game": game, "pair": rule, **row, **source} for row in of_state]
    write_rows(results / "figure1.csv", rows)
    write_picture(results / "figure1.png", picture(shown, temperature))
    return rows


def choose_pairs(observations: np.ndarray, values: np.ndarray) -> dict[str, tuple[int, int]]:
    """Return by rule the two selected moments of play, the earlier first.

    `observations` uint8 `[T, 4, 84, 84]` and `values` float32 `[T, A]` are in the order of play.
    Differences are Euclidean distances. Of moments with identical observations only the earliest
    is used.
    """
    moments = np.arange(STACK_STEPS, len(values), EVERY_STEPS)
    flat = observations[moments].reshape(len(moments), -1)
    moments = moments[np.sort(np.unique(flat, axis=0, return_index=True)[1])]
    first, second = np.triu_indices(len(moments), k=1)
    pictures = distances(observations[moments])[first, second]
    q = distances(values[moments])[first, second]
    chosen = {}
    for rule, near, far in (("alike", pictures, q), ("apart", q, pictures)):
        count = max(1, int(NEAR * len(near)))
        nearest = np.argsort(near, kind="stable")[:count]
        best = nearest[np.argmax(far[nearest])]
        chosen[rule] = (int(moments[first[best]]), int(moments[second[best]]))
    return chosen


def distances(points: np.ndarray) -> np.ndarray:
    """Return the squared distances `[N, N]` of points `[N, ...]`, exact for integers."""
    flat = points.reshape(len(points), -1).astype(np.float64)
    products = flat @ flat.T
    squares = np.diag(products)
    return np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0.0)


def table(rows: Sequence[dict]) -> str:
    """Return a Markdown table with a line for each state, from the rows of the CSV file."""
    names = (
        "game", "pair", "agent step", "best action", "its value", "lead over the second-best",
        "its probability in KL's target",
    )  # fmt: skip
    lines = []
    for (game, pair, moment), actions in _states(rows).items():
        best, second = sorted(actions, key=lambda row: -float(row["mse"]))[:2]
        value, lead = float(best["mse"]), float(best["mse"]) - float(second["mse"])
        probability = f"{100 * float(best['kl']):.0f} %"
        lines.append((
            GAMES[game].title, pair, moment, best["action"], f"{value:.3f}", f"{lead:.3f}",
            probability,
        ))  # fmt: skip
    return markdown_table(names, lines)


def measured(rows: Sequence[dict]) -> str:
    """Return the teacher's best values in both states of each pair."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for (game, pair, _), actions in _states(rows).items():
        best = max(float(row["mse"]) for row in actions)
        pairs.setdefault((game, pair), []).append(f"{best:.2f}")
    told = "; ".join(
        f"{GAMES[game].title}, {RULES[pair]}: {' and '.join(best)}"
        for (game, pair), best in pairs.items()
    )
    return f"Best values of both states. {told}."


def _states(rows: Sequence[dict]) -> dict[tuple[str, str, str], list[dict]]:
    """Return the rows of each state's actions, by game, pair and moment."""
    states: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        states.setdefault((row["game"], row["pair"], row["moment"]), []).append(row)
    return states


def targets(values: np.ndarray, temperature: float) -> dict[str, np.ndarray]:
    """Return by loss the target `[A]` for a teacher's `values` `[A]`."""
    q = torch.from_numpy(values)[None]
    return {
        "mse": values,
        "nll": np.eye(len(values))[int(values.argmax())],
        "kl": teacher_policy(q, temperature)[0].numpy(),
    }


def state_rows(clip: Clip, moment: int, temperature: float) -> list[dict]:
    """Return a row for each action at a moment of `clip`, with its targets by loss."""
    goals = targets(clip.values[moment], temperature)
    return [
        {
            "moment": moment, "action": name,
            **{loss: round(float(target[action]), 4) for loss, target in goals.items()},
            "temperature": temperature,
        }
        for action, name in enumerate(clip.action_names)
    ]  # fmt: skip


def picture(shown: Sequence[tuple[str, Clip, tuple[int, int]]], temperature: float) -> Figure:
    """Draw one pair per line: frame, values and targets of both moments."""
    figure, grid = plt.subplots(
        len(shown), 6, figsize=(13, 2.9 * len(shown)), layout="constrained", squeeze=False,
        width_ratios=[1, 1.1, 1.1] * 2,
    )  # fmt: skip
    for line, (rule, clip, moments) in zip(grid, shown, strict=True):
        line[4].sharey(line[1])
        for axes, moment in zip((line[:3], line[3:]), moments, strict=True):
            _draw_moment(axes, clip, moment, temperature)
        title = f"{GAMES[clip.name].title}: {RULES[rule]}"
        line[0].set_title(title, loc="left", fontsize=10, fontweight="bold")
    grid[0, 2].legend(frameon=False, fontsize=8)
    return figure


def _draw_moment(axes: Sequence, clip: Clip, moment: int, temperature: float) -> None:
    screen, values, policies = axes
    screen.imshow(clip.palette[clip.frames[moment]], aspect="auto", interpolation="nearest")
    screen.set(xticks=[], yticks=[], xlabel=f"step {moment}")
    goals = targets(clip.values[moment], temperature)
    actions = np.arange(len(clip.action_names))
    values.plot(actions, goals["mse"], "o", color=TEACHER)
    values.set_xlabel("values: MSE's target", fontsize=8)
    policies.bar(actions, goals["kl"], 0.7, color=STUDENT, label=f"KL, temperature {temperature:g}")
    policies.bar(actions, goals["nll"], 0.9, fill=False, edgecolor=REFERENCE, ls="--", label="NLL")
    policies.set(ylim=(0, 1.35), yticks=[0, 0.5, 1])
    policies.set_xlabel("targets of KL and NLL", fontsize=8)
    for panel in (values, policies):
        panel.set_xticks(actions, clip.action_names, rotation=90, fontsize=7)
        panel.tick_params(axis="y", labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
