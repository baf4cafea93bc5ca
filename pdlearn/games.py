"""The ten games of the paper: names, actions, reference scores, and scores relative to them.

All scores come from published tables. Those from no-op starts are from Mnih et al. 2015; those from
human starts are the DQN scores that policy distillation divides by (Nair et al. 2015). The two
protocols give different numbers for the same agent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pdlearn.schema import shown


@dataclass(frozen=True)
class Game:
    """One game: `name` is also ale-py's ROM name, `actions` its minimal action set in order."""

    name: str
    title: str
    actions: tuple[str, ...]
    random: float  # uniform random play, no-op starts
    human: float  # a human tester, no-op starts (Mnih et al. 2015)
    dqn: float  # Nature DQN, no-op starts
    paper_dqn: float  # DQN, human starts: the denominator of the paper's percentages

    @property
    def num_actions(self) -> int:
        return len(self.actions)


_MOVES = ("UP", "RIGHT", "LEFT", "DOWN")
_DIAGONALS = ("UPRIGHT", "UPLEFT", "DOWNRIGHT", "DOWNLEFT")
FULL_ACTIONS = (
    "NOOP", "FIRE", *_MOVES, *_DIAGONALS,
    "UPFIRE", "RIGHTFIRE", "LEFTFIRE", "DOWNFIRE",
    "UPRIGHTFIRE", "UPLEFTFIRE", "DOWNRIGHTFIRE", "DOWNLEFTFIRE",
)  # fmt: skip
_SIDEWAYS = ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE")
_BEAM_RIDER = (
    "NOOP", "FIRE", "UP", "RIGHT", "LEFT", "UPRIGHT", "UPLEFT", "RIGHTFIRE", "LEFTFIRE",
)  # fmt: skip
_ENDURO = (
    "NOOP", "FIRE", "RIGHT", "LEFT", "DOWN", "DOWNRIGHT", "DOWNLEFT", "RIGHTFIRE", "LEFTFIRE",
)  # fmt: skip
_MS_PACMAN = ("NOOP", *_MOVES, *_DIAGONALS)

GAMES = {
    game.name: game
    for game in (
        Game("beam_rider", "Beam Rider", _BEAM_RIDER, 363.9, 5774.7, 6846.0, 8672.4),
        Game("breakout", "Breakout", ("NOOP", "FIRE", "RIGHT", "LEFT"), 1.7, 31.8, 401.2, 303.9),
        Game("enduro", "Enduro", _ENDURO, 0.0, 309.6, 301.8, 475.6),
        Game("freeway", "Freeway", ("NOOP", "UP", "DOWN"), 0.0, 29.6, 30.3, 25.8),
        Game("ms_pacman", "Ms. Pacman", _MS_PACMAN, 307.3, 15693.4, 2311.0, 763.5),
        Game("pong", "Pong", _SIDEWAYS, -20.7, 9.3, 18.9, 16.2),
        Game("qbert", "Q*bert", ("NOOP", "FIRE", *_MOVES), 163.9, 13455.0, 10596.0, 4589.8),
        Game("riverraid", "River Raid", FULL_ACTIONS, 1338.5, 13513.3, 8316.0, 4065.3),
        Game("seaquest", "Seaquest", FULL_ACTIONS, 68.4, 20181.8, 5286.0, 2793.3),
        Game("space_invaders", "Space Invaders", _SIDEWAYS, 148.0, 1652.3, 1976.0, 1449.7),
    )
}  # fmt: skip


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the entry of `names` whose spelling is most similar to `name`."""
    return get_close_matches(name, list(names), n=1, cutoff=0.0)[0]


def game_by_name(name: str) -> Game:
    """Return the game called `name`; raise ValueError with the most similar name otherwise."""
    if name in GAMES:
        return GAMES[name]
    raise ValueError(
        f"unknown game {shown(name)}; did you mean {nearest(name, GAMES)!r}? "
        f"games: {', '.join(GAMES)}"
    )


def percent_of_range(score: float, lowest: float, highest: float) -> float:
    """Return `score` on the linear scale on which `lowest` is 0 and `highest` is 100."""
    return 100.0 * (score - lowest) / (highest - lowest)


def normalise(game: str, score: float) -> float:
    """Return the human-normalised score in percent: random play is 0, the human tester 100.

    Raises ValueError for a game that is not among the ten. Source: Mnih et al. 2015.
    """
    reference = game_by_name(game)
    return percent_of_range(score, reference.random, reference.human)


def columns_by_game(name: str, values: dict[str, float]) -> dict[str, float]:
    """Return the columns NAME_GAME of a row; none for one game, whose column is NAME."""
    return {f"{name}_{game}": v for game, v in values.items()} if len(values) > 1 else {}


def joint_score(scores: dict[str, float]) -> float:
    """Return one number for a network's mean scores by game, to compare checkpoints by.

    For one game it is the raw score. For several it is the mean of the human-normalised scores in
    percent; the raw score stands in for a game that is not among the ten.
    """
    if len(scores) == 1:
        return next(iter(scores.values()))
    percents = [normalise(g, score) if g in GAMES else score for g, score in scores.items()]
    return sum(percents) / len(percents)
