"""`temperature`: the Q-values of one state and the targets that each loss makes of them."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pdlearn import paper
from pdlearn.checkpoints import Agent
from pdlearn.losses import teacher_policy
from pdlearn.plots import COLOURS
from pdlearn.web.clips import pack_array
from pdlearn.widgets.face import Face, find_agent, refuse_other_states

TEMPERATURES = (0.001, 10.0)  # the slider's ends


class Tempering(Face, script="tempering"):
    """One state, with a slider for the temperature."""


def temperature(
    agent: Agent | str | Path, state: ArrayLike, student: Agent | str | Path | None = None
) -> Tempering:
    """Show the softmax of an agent's Q-values at any temperature, and the target of each loss.

    A student's outputs are shown beside the targets, with its losses (paper, section 3).

    Args:
        agent: an `Agent`, a shipped agent's name or a path; its outputs are Q-values
        state: one observation, uint8 `[4, 84, 84]` in an Atari game, as in `clip.observations[t]`
        student: a second agent for the same game, given as `agent` is

    Returns:
        the widget; `save(path)` writes it as a page

    Raises:
        ValueError: for a state of another shape, an agent whose outputs are not Q-values, and a
            student of another game
    """
    teacher = find_agent(agent)
    if teacher.outputs != "q":
        raise ValueError("the agent puts out logits; expected one whose outputs are Q-values")
    state = np.asarray(state)
    q = _values(teacher, state)
    names = teacher.actions
    data = {
        "actions": names,
        "q": q.tolist(),
        "picture": pack_array(state[-1], "u1") if state.ndim == 3 else None,
        "temperatures": list(TEMPERATURES),
        "paper": paper.TEMPERATURE,
    }
    call = f"temperature({teacher.game}"
    if student is not None:
        student = find_agent(student)
        if student.game != teacher.game:
            raise ValueError(f"the student plays {student.game!r}; expected {teacher.game!r}")
        data["student"] = _values(student, state).tolist()
        data["student_outputs"] = student.outputs
        call += ", with a student"
    best = int(q.argmax())
    shares = ", ".join(
        f"{_policy(q, t)[best]:.0%} at temperature {t:g}" for t in (1, paper.TEMPERATURE)
    )
    data["label"] = (
        f"The softmax of Q / temperature gives the best action, {names[best]}, {shares}."
    )
    return Tempering(call + ")", data, _draw(names, q), data["label"])


@torch.no_grad()
def _values(agent: Agent, state: np.ndarray) -> np.ndarray:
    refuse_other_states(agent, state)
    return agent.network(torch.from_numpy(state[None]).to(agent.device))[0].cpu().double().numpy()


def _policy(q: np.ndarray, temperature: float) -> np.ndarray:
    return teacher_policy(torch.from_numpy(q)[None], temperature)[0].numpy()


def _draw(names: list[str], q: np.ndarray) -> Figure:
    """Draw the target's probabilities over the temperature, and the values as bars."""
    figure = Figure(figsize=(7.5, 3), dpi=110, layout="constrained")
    bars, curves = figure.subplots(1, 2, width_ratios=(1, 1.6))
    best = int(q.argmax())
    colours = [COLOURS["teacher"] if a == best else "#9db8c9" for a in range(len(q))]
    bars.barh(names, q, color=colours)
    bars.invert_yaxis()
    bars.set_title("Q-values")
    grid = np.geomspace(*TEMPERATURES, 200)
    shares = np.array([_policy(q, value) for value in grid])
    for a, name in enumerate(names):
        width = 2.5 if a == best else 1
        curves.semilogx(grid, shares[:, a], color=colours[a], linewidth=width, label=name)
    curves.axvline(paper.TEMPERATURE, color="grey", linestyle=":")
    curves.set(
        xlabel="temperature (dotted: the paper's)", ylim=(0, 1), title="softmax(Q / temperature)"
    )
    curves.invert_xaxis()
    for axes in (bars, curves):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
