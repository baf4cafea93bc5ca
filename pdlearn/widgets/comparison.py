"""`compare`: recorded games of several agents from the same start, played back in step."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from pdlearn import paper
from pdlearn.checkpoints import Agent
from pdlearn.envs import STEPS_PER_SECOND
from pdlearn.games import game_by_name
from pdlearn.plots import COLOURS
from pdlearn.web.clips import Clip, pack, pack_array, record_clip
from pdlearn.widgets.face import Face, find_agent, kind_of, name_of


class Comparison(Face, script="comparison"):
    """Recorded games of two to four agents; `clips` holds them."""

    def __init__(self, call: str, data: dict, fallback: Figure, alt: str, *, clips: list[Clip]):
        super().__init__(call, data, fallback, alt)
        self.clips = clips


def compare(
    agents: Mapping[str, Agent | str | Path] | Sequence[Agent | str | Path],
    game: str | None = None,
    seed: int = 0,
    *,
    epsilon: float = 0.05,
    agent_steps: int = 900,
) -> Comparison:
    """Record a game of each of two to four agents from the same start and show them in step.

    Args:
        agents: a mapping of names to agents, or a sequence of agents. An agent is an `Agent`, a
            shipped agent's name or a path
        game: the game's name; by default the first agent's
        seed: the seed of the start and of the random actions, which are the same for all agents
        epsilon: the share of random actions, 0 to 1
        agent_steps: the longest recording, in agent steps of four frames; 15 take a second

    Returns:
        the widget; its `clips` hold the recordings, and `save(path)` writes it as a page

    Raises:
        ValueError: for agents of another game, for fewer than two or more than four, and for two of
            the same name
    """
    named = _name(agents)
    game = next(iter(named.values())).game if game is None else game
    title = game_by_name(game).title
    for name, agent in named.items():
        if agent.game != game:
            raise ValueError(f"{name} plays {agent.game!r}; expected {game!r}")
    clips = [
        record_clip(name, agent, epsilon=epsilon, seed=seed, agent_steps=agent_steps)
        for name, agent in named.items()
    ]
    choices = [_choices(named.values(), clip.observations) for clip in clips]
    kinds = _kinds(named.values())
    alt = _describe(title, clips, choices)
    data = {
        "title": title,
        "label": alt,
        "steps_per_second": STEPS_PER_SECOND,
        "temperature": paper.TEMPERATURE,
        "clips": [
            pack(clip) | {"kind": kind, "outputs": agent.outputs, "choices": pack_array(best, "u1")}
            for clip, kind, agent, best in zip(clips, kinds, named.values(), choices, strict=True)
        ],
    }
    call = f"compare({', '.join(named)}; {game}, seed {seed})"
    return Comparison(call, data, draw(clips, kinds), alt, clips=clips)


def _name(agents: Any) -> dict[str, Agent]:
    if isinstance(agents, str | Path | Agent) or not 2 <= len(agents) <= 4:
        count = 1 if isinstance(agents, str | Path | Agent) else len(agents)
        raise ValueError(f"expected two to four agents; got {count}")
    if isinstance(agents, Mapping):
        return {str(name): find_agent(agent) for name, agent in agents.items()}
    named = {}
    for given in agents:
        agent = find_agent(given)
        name = name_of(given)
        if name in named:
            raise ValueError(f"two agents are called {name!r}; expected {{name: agent, ...}}")
        named[name] = agent
    return named


def _kinds(agents: Iterable[Agent]) -> list[str]:
    """Return each agent's key in `COLOURS`: its own kind's if that is free, else the next free."""
    kinds = []
    for agent in agents:
        is_teacher = kind_of(agent) == "teacher"
        wanted = tuple(COLOURS) if is_teacher else ("student", "third", "fourth", "teacher")
        kinds.append(next(kind for kind in wanted if kind not in kinds))
    return kinds


@torch.no_grad()
def _choices(agents: Iterable[Agent], observations: np.ndarray) -> np.ndarray:
    """Return each agent's greedy action in every picture, uint8 `[T, N]`."""
    columns = []
    for agent in agents:
        batches = torch.from_numpy(observations).split(128)
        columns.append(
            torch.cat([agent.network(batch.to(agent.device)).argmax(1) for batch in batches])
        )
    return torch.stack([column.cpu() for column in columns], 1).numpy().astype(np.uint8)


def _describe(title: str, clips: list[Clip], choices: list[np.ndarray]) -> str:
    ends = " and ".join(
        f"{clip.name} is at {clip.scores[-1]:g} after {len(clip.scores) / STEPS_PER_SECOND:.0f} s"
        for clip in clips
    )
    every = np.concatenate(choices)
    agreed = (every == every[:, :1]).all(1).mean()
    return f"{title} from the same start: {ends}; they would act alike in {agreed:.0%} of pictures."


def draw(clips: list[Clip], kinds: list[str]) -> Figure:
    """Draw the last picture that all clips have, above the scores."""
    moment = min(len(clip.frames) for clip in clips) - 1
    figure = Figure(figsize=(max(2.4 * len(clips), 5), 4.6), dpi=110, layout="constrained")
    top, bottom = figure.subfigures(2, height_ratios=(3, 1.2))  # type: ignore[misc]
    scores = bottom.subplots()
    for axes, clip, kind in zip(top.subplots(1, len(clips)), clips, kinds, strict=True):
        axes.imshow(clip.palette[clip.frames[moment]])
        axes.set_title(f"{clip.name}: {clip.scores[moment]:g}")
        axes.set_axis_off()
        seconds = np.arange(len(clip.scores)) / STEPS_PER_SECOND
        scores.plot(
            seconds, clip.scores, drawstyle="steps-post", color=COLOURS[kind], label=clip.name
        )
    scores.set(xlabel="seconds", ylabel="score")
    scores.axvline(moment / STEPS_PER_SECOND, color="grey", linestyle=":")
    bottom.legend(frameon=False, loc="outside right center")
    scores.spines[["top", "right"]].set_visible(False)
    return figure
