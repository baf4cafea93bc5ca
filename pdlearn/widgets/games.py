"""`all_games`: one network for several games plays all of them, beside each game's teacher."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.envs import STEPS_PER_SECOND
from pdlearn.games import game_by_name
from pdlearn.web.clips import Clip, pack, pack_array, record_clip
from pdlearn.widgets.face import Face, name_of

GAMES_IN_A_LINE = 3
# Values are not shown here; those of 18 actions would take a fifth of the room.
WITHOUT_VALUES = {"outputs": "none", "values": pack_array(np.zeros((0, 1)), "<f4")}


class AllGames(Face, script="games", style="games"):
    """Recorded games of a network and of its teachers; `clips` holds both of each game."""

    def __init__(
        self, call: str, data: dict, fallback: Figure, alt: str, *, clips: dict[str, list[Clip]]
    ):
        super().__init__(call, data, fallback, alt)
        self.clips = clips


def all_games(
    agent: Agent | str | Path, seed: int = 0, *, epsilon: float = 0.05, agent_steps: int = 100
) -> AllGames:
    """Record each game of a network for several games and of the game's shipped teacher.

    All are shown in step, at half of their resolution, so that many games fit into a notebook.

    Args:
        agent: an agent for several games, a shipped agent's name or a path
        seed: the seed of the starts and of the random actions, which are the same for both
        epsilon: the share of random actions, 0 to 1
        agent_steps: the longest recording, in agent steps of four frames; 15 take a second

    Returns:
        the widget; its `clips` hold the recordings of teacher and network by game, and
        `save(path)` writes it as a page

    Raises:
        ValueError: for an agent for one game
        CheckpointError: for a game without a shipped teacher, and for an unknown name
    """
    several = agent if isinstance(agent, Agent) else zoo.load_all_games(agent)
    name = name_of(several)
    if len(several.games) == 1:
        raise ValueError(f"{name} plays one game; expected a network for several")
    clips = {}
    for game in several.games:
        pair = {"teacher": zoo.load(f"{game}/teacher"), name: several.for_game(game)}
        clips[game] = [
            _halved(record_clip(who, one, epsilon=epsilon, seed=seed, agent_steps=agent_steps))
            for who, one in pair.items()
        ]
    alt = _describe(name, clips)
    data = {
        "title": f"{name} and its teachers",
        "label": alt,
        "steps_per_second": STEPS_PER_SECOND,
        "clips": [
            pack(clip) | {"title": game_by_name(game).title, "kind": kind} | WITHOUT_VALUES
            for game, pair_of_clips in clips.items()
            for kind, clip in zip(("teacher", "student"), pair_of_clips, strict=True)
        ],
    }
    return AllGames(f"all_games({name}; seed {seed})", data, draw(clips), alt, clips=clips)


def _halved(clip: Clip) -> Clip:
    """Return `clip` with every second line and column of its pictures."""
    return replace(clip, frames=np.ascontiguousarray(clip.frames[:, ::2, ::2]))


def _describe(name: str, clips: dict[str, list[Clip]]) -> str:
    told = [
        f"{game_by_name(game).title} {student.scores[-1]:g} ({teacher.scores[-1]:g})"
        for game, (teacher, student) in clips.items()
    ]
    longest = max(len(clip.scores) for pair in clips.values() for clip in pair)
    return (
        f"{name} plays {len(clips)} games, each beside its teacher. Scores of {name} after "
        f"{longest / STEPS_PER_SECOND:.0f} s, and of the teacher: {', '.join(told)}."
    )


def draw(clips: dict[str, list[Clip]]) -> Figure:
    """Draw the last picture of each clip with its score, three games in a line."""
    lines = -(-len(clips) // GAMES_IN_A_LINE)
    figure = Figure(figsize=(9, 2.3 * lines), dpi=100, layout="constrained")
    grid = figure.subplots(lines, 2 * GAMES_IN_A_LINE, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    pairs = (
        (game_by_name(game).title, clip) for game, pair_of in clips.items() for clip in pair_of
    )
    for axes, (title, clip) in zip(grid.flat, pairs, strict=False):
        axes.imshow(clip.palette[clip.frames[-1]])
        axes.set_title(f"{title}\n{clip.name}: {clip.scores[-1]:g}", fontsize=8)
    return figure
