"""`saliency`: where blurring the picture changes the outputs of an agent and of its student."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pdlearn.checkpoints import Agent
from pdlearn.plots import LIGHT_COLOURS
from pdlearn.saliency import SPACING, perturbation_saliency
from pdlearn.web.clips import pack_array
from pdlearn.widgets.face import Face, find_agent, refuse_other_states


class Attending(Face, script="attending"):
    """States, each with the saliency maps of one or two agents."""


def saliency(
    agent: Agent | str | Path, state: ArrayLike, student: Agent | str | Path | None = None
) -> Attending:
    """Show which parts of a picture change the outputs of an agent and its student when blurred.

    Brightness is the change of the outputs, scaled to each agent's own maximum. A state takes 290
    forward passes per agent. Source: Greydanus et al. 2018; see `pdlearn.saliency`.

    Args:
        agent: an `Agent`, a shipped agent's name or a path
        state: one observation, uint8 `[4, 84, 84]`, as in `clip.observations[t]`, or several,
            `[T, 4, 84, 84]`, which get a slider
        student: a second agent for the same game, given as `agent` is

    Returns:
        the widget; `save(path)` writes it as a page

    Raises:
        ValueError: for states of another shape, for agents whose observations are not pixels, and
            for a student of another game
    """
    agents = {"teacher": find_agent(agent)}
    game = agents["teacher"].game
    if student is not None:
        agents["student"] = find_agent(student)
        if agents["student"].game != game:
            raise ValueError(f"the student plays {agents['student'].game!r}; expected {game!r}")
    states = np.asarray(state)
    states = states[None] if states.ndim == 3 else states
    for each in agents.values():
        if len(each.network.observation_shape) != 3:  # type: ignore[arg-type]
            raise ValueError(
                f"the agent's observations are {each.network.observation_shape}; expected pixels"
            )
        refuse_other_states(each, states[0] if states.ndim == 4 and len(states) else states)
    names = agents["teacher"].actions
    shown = [_look(kind, each, states) for kind, each in agents.items()]
    label = f"Saliency in {len(states)} of {game}’s pictures: " if len(states) > 1 else "Saliency: "
    middle = len(states) // 2
    label += "; ".join(_tell(look, names, middle) for look in shown) + "."
    data = {
        "label": label,
        "actions": names,
        "spacing": SPACING,
        "pictures": pack_array(states[:, -1], "u1"),
        "agents": [
            look | {key: pack_array(look[key], "<f4" if key == "strength" else "u1")
                    for key in ("strength", "choice", "blurred")}
            for look in shown
        ],
    }  # fmt: skip
    call = f"saliency({game}{', with a student' if student is not None else ''})"
    return Attending(call, data, _draw(states[middle, -1], shown, names, middle), label)


@torch.no_grad()
def _look(kind: str, agent: Agent, states: np.ndarray) -> dict:
    """Return `strength` `[T, R, C]` in 0..1 and the actions `choice` and `blurred`, `[T]`.

    `blurred` is the choice when the spot of the greatest strength is blurred.
    """
    observations = [torch.from_numpy(state).to(agent.device) for state in states]
    maps = [perturbation_saliency(agent.network, observation) for observation in observations]
    strength = torch.stack([each.strength for each in maps]).cpu().numpy()
    blurred = [int(each.choice.flatten()[each.strength.argmax()]) for each in maps]
    choice = [int(agent.network(observation[None]).argmax()) for observation in observations]
    return {
        "kind": kind,
        "tint": LIGHT_COLOURS[kind],
        "strength": strength / max(strength.max(), 1e-12),
        "choice": np.array(choice),
        "blurred": np.array(blurred),
    }


def _tell(look: dict, names: list[str], t: int) -> str:
    row, column = np.unravel_index(look["strength"][t].argmax(), look["strength"][t].shape)
    y, x = (SPACING // 2 + SPACING * int(spot) for spot in (row, column))
    now, then = names[look["choice"][t]], names[look["blurred"][t]]
    return (
        f"the {look['kind']} chooses {now}, most by what is at row {y}, column {x} of 84; "
        f"blurred there, it chooses {then}"
    )


def _draw(picture: np.ndarray, shown: list[dict], names: list[str], t: int) -> Figure:
    figure = Figure(figsize=(3.2 * len(shown) + 0.4, 3.5), dpi=80, layout="constrained")
    for axes, look in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        low, high = -0.5, SPACING * look["strength"].shape[1] - 0.5
        tint = np.zeros((*look["strength"][t].shape, 4))
        tint[..., :3] = [int(look["tint"][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        tint[..., 3] = 0.8 * np.sqrt(look["strength"][t])
        axes.imshow(tint, extent=(low, high, high, low), interpolation="bilinear")
        axes.set(xlim=(-0.5, 83.5), ylim=(83.5, -0.5))
        axes.set_title(f"{look['kind']}: {names[look['choice'][t]]}")
        axes.set_axis_off()
    return figure
