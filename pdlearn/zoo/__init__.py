"""The shipped agents, by name: a game and a size, as in `pong/teacher` or `pong/net3`.

A network for several games is named after its size and what it learnt by, as in `multi3/kl`.
Beside some teachers lies half an hour of their play, `play.rec`, for lessons to learn from at once.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from pdlearn.checkpoints import Agent, load_whole, read_agent
from pdlearn.evaluation import Evaluation
from pdlearn.files import as_path
from pdlearn.games import nearest
from pdlearn.networks import MULTI_SIZES
from pdlearn.replay.memory import Memory
from pdlearn.replay.recordings import load_recording
from pdlearn.tensor_files import CheckpointError

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """List all shipped agents.

    Returns:
        names, as `load_agent` takes them
    """
    paths = sorted(FOLDER.glob("*/*.safetensors"))
    return [f"{path.parent.name}/{path.stem}" for path in paths]


def with_teacher(games: Sequence[str]) -> list[str]:
    """Return those of `games` that have a shipped teacher.

    Args:
        games: names of games

    Returns:
        a part of them, in their order
    """
    return [game for game in games if f"{game}/teacher" in names()]


def path(name: str) -> Path:
    """Return the file of a shipped agent.

    Args:
        name: one of `names`

    Returns:
        its path in the package
    """
    game, size = name.split("/")
    return FOLDER / game / f"{size}.safetensors"


def score_of(name: str) -> float | None:
    """Return the mean score on a shipped agent's card.

    Args:
        name: as in `names`

    Returns:
        the raw score; None if there is no such agent
    """
    return load(name).score["mean"] if name in names() else None


def name_of(agent: Agent) -> str:
    """Return the name under which an agent ships; that of one game's part is the whole's.

    Args:
        agent: of a card with its size and how it was made

    Returns:
        the name, as in `load`
    """
    size, made = agent.card["size"], agent.card["made"]
    if size in MULTI_SIZES:
        return f"{size}/{made['config'].get('loss', 'dqn')}"
    return f"{agent.game}/{size}"


def load_agent(
    name: str | Path, game: str | None = None, device: torch.device | str = "cpu", *,
    network: nn.Module | None = None,
) -> Agent:  # fmt: skip
    """Return a shipped agent by its name, or the agent in a file by its path.

    Args:
        name: as in `names`, or a path
        game: one game of an agent for several; None: the only one
        device: of the network
        network: gets the weights; None: a new network of the card's size, or of the registered
            class that it names

    Returns:
        an agent for one game, as float32

    Raises:
        CheckpointError: for a name that is neither, with the most similar one; if the file is
            damaged, holds no agent, does not play `game`, plays several games where none is named,
            or its weights do not fit the network its card names
    """
    return read_agent(_file(name), game, device, network=network)


load = load_agent  # as in `zoo.load("pong/teacher")`


def load_all_games(name: str | Path, device: torch.device | str = "cpu") -> Agent:
    """Return an agent as `load_agent` does, but with all the games that it plays, one or several.

    Args:
        name: as in `names`, or a path
        device: of the network

    Returns:
        an agent, as float32

    Raises:
        CheckpointError: as `load_agent` does, for any number of games
    """
    return load_whole(_file(name), device)


def _file(name: str | Path) -> Path:
    """Return the file of a shipped agent, or `name` itself if it is a file's."""
    file = as_path(name)
    if str(name) in names():
        return path(str(name))
    if file.exists() or str(name).endswith(".safetensors"):
        return file
    raise CheckpointError(
        f"no shipped agent or file {str(name)!r}; did you mean {nearest(str(name), names())!r}? "
        f"shipped: {', '.join(names())}"
    )


def recording(game: str, device: torch.device | str = "cpu") -> Memory:
    """Return the shipped play of a game's teacher.

    Args:
        game: one of those with a recording
        device: of the memory

    Returns:
        a memory to sample states from

    Raises:
        CheckpointError: for a game without a shipped recording
    """
    shipped = {path.parent.name: path for path in FOLDER.glob("*/play.rec")}
    if game not in shipped:
        raise CheckpointError(
            f"no play of {game!r} is shipped; shipped: {', '.join(sorted(shipped))}; "
            f"record some with `pdlearn record {game} play.rec`"
        )
    return load_recording(shipped[game], game, device)[0]


def within_card(agent: Agent, result: Evaluation) -> bool:
    """Compare an evaluation with the one on the agent's card.

    Args:
        agent: for one game, with a score
        result: a new evaluation

    Returns:
        whether the two 95 % intervals meet
    """
    low, high = result.interval
    return low <= agent.score["high"] and agent.score["low"] <= high
