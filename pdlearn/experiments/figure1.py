"""Figure 1 of the paper: states of real play, a teacher's values there, and what a student is told.

The pairs of states are chosen by rule, not by hand. Of a stretch of the teacher's play,

    alike: of the 0.1 % of pairs whose pictures differ least, the pair whose values differ most;
    apart: of the 0.1 % of pairs whose values differ least, the pair whose pictures differ most.

Each state has the targets of the three losses: the values themselves (MSE), all on the best action
(NLL), and softmax(values / temperature) (KL).
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.distill import fingerprint
from pdlearn.games import GAMES
from pdlearn.losses import teacher_policy
from pdlearn.plots import REFERENCE, STUDENT, TEACHER
from pdlearn.presets import DistillConfig
from pdlearn.rows import write_rows
from pdlearn.web.clips import Clip, record_clip

PAPER_GAMES = ("pong", "space_invaders")
CLIP_STEPS = 900  # a minute of play
STACK_STEPS = 4  # a state's pictures; an episode's first states lack some
EVERY_STEPS = 2  # of the play, a state taken
NEAR = 0.001  # the share of pairs that counts as alike

RULES = {
    "alike": "pictures alike, values apart",
    "apart": "pictures apart, values alike",
}


def reproduce_figure1(
    games: Sequence[str], seed: int, results: Path, temperature: float = DistillConfig.temperature
) -> list[dict]:
    """Write figure1.csv and figure1.png to `results` from the shipped teachers; return the rows.

    `games` empty means the paper's two, as far as they have a shipped teacher. Raises ValueError if
    none has.
    """
    games = [game for game in games or PAPER_GAMES if f"{game}/teacher" in zoo.names()]
    if not games:
        raise ValueError("none of these games has a shipped teacher; expected one that has")
    rows, shown = [], []
    for game in games:
        teacher = zoo.load(f"{game}/teacher")
        clip = record_clip(game, teacher, seed=seed, agent_steps=CLIP_STEPS)
        facts = {"teacher": fingerprint(teacher.network), "seed": seed}
        for rule, moments in choose_pairs(clip.observations, clip.values).items():
            shown.append((rule, clip, moments))
            rows += pair_rows(rule, clip, moments, temperature=temperature, facts=facts)
    write_rows(results / "figure1.csv", rows)
    picture(shown, temperature).savefig(results / "figure1.png", dpi=120)
    return rows


def choose_pairs(observations: np.ndarray, values: np.ndarray) -> dict[str, tuple[int, int]]:
    """Return, by rule, the two moments of play chosen by it, earlier first.

    `observations` uint8 `[T, 4, 84, 84]` and `values` float32 `[T, A]`, in the order of play. How
    far two of either are apart is their Euclidean distance. Of moments that look the same (a game
    may stand still at first) only the earliest is taken.
    """
    moments = np.arange(STACK_STEPS, len(values), EVERY_STEPS)
    flat = observations[moments].reshape(len(moments), -1)
    moments = moments[np.sort(np.unique(flat, axis=0, return_index=True)[1])]
    first, second = np.triu_indices(len(moments), k=1)
    pictures = _distances(observations[moments])[first, second]
    q = _distances(values[moments])[first, second]
    chosen = {}
    for rule, near, far in (("alike", pictures, q), ("apart", q, pictures)):
        count = max(1, int(NEAR * len(near)))
        nearest = np.argsort(near, kind="stable")[:count]
        best = nearest[np.argmax(far[nearest])]
        chosen[rule] = (int(moments[first[best]]), int(moments[second[best]]))
    return chosen


def _distances(points: np.ndarray) -> np.ndarray:
    """Return the squared distances `[N, N]` between points `[N, ...]`, of whole numbers exactly."""
    flat = points.reshape(len(points), -1).astype(np.float64)
    products = flat @ flat.T
    squares = np.diag(products)
    return np.maximum(squares[:, None] + squares[None, :] - 2 * products, 0.0)


def targets(values: np.ndarray, temperature: float) -> dict[str, np.ndarray]:
    """Return the target of each loss `[A]` for a teacher's `values` `[A]`."""
    q = torch.from_numpy(values)[None]
    return {
        "mse": values,
        "nll": np.eye(len(values))[int(values.argmax())],
        "kl": teacher_policy(q, temperature)[0].numpy(),
    }


def pair_rows(
    rule: str, clip: Clip, moments: tuple[int, int], *, temperature: float, facts: dict
) -> list[dict]:
    """Return a row for each action at each of two moments of `clip`."""
    return [
        {
            "game": clip.name, "pair": rule, "moment": moment, "action": clip.action_names[action],
            **{loss: round(float(target[action]), 4) for loss, target in told.items()},
            "temperature": temperature, **facts,
        }
        for moment in moments
        for told in [targets(clip.values[moment], temperature)]
        for action in range(len(clip.action_names))
    ]  # fmt: skip


def picture(shown: Sequence[tuple[str, Clip, tuple[int, int]]], temperature: float) -> Figure:
    """Draw each pair in a line: picture, values and targets of one moment, then of the other."""
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
    screen, values, told = axes
    screen.imshow(clip.palette[clip.frames[moment]], aspect="auto", interpolation="nearest")
    screen.set(xticks=[], yticks=[], xlabel=f"step {moment}")
    goals = targets(clip.values[moment], temperature)
    actions = np.arange(len(clip.action_names))
    values.plot(actions, goals["mse"], "o", color=TEACHER)
    values.set_xlabel("values: MSE's target", fontsize=8)
    told.bar(actions, goals["kl"], 0.7, color=STUDENT, label=f"KL, temperature {temperature:g}")
    told.bar(actions, goals["nll"], 0.9, fill=False, edgecolor=REFERENCE, ls="--", label="NLL")
    told.set(ylim=(0, 1.35), yticks=[0, 0.5, 1])
    told.set_xlabel("targets of KL and NLL", fontsize=8)
    for panel in (values, told):
        panel.set_xticks(actions, clip.action_names, rotation=90, fontsize=7)
        panel.tick_params(axis="y", labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
