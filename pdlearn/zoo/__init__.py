"""The shipped agents, by name: a game and a size, as in `pong/teacher` or `pong/net3`.

A network for several games is named after its size and what it learnt by, as in `multi3/kl`.
Beside some teachers lies half an hour of their play, `play.rec`, for lessons to learn from at once.
"""

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
    """Return the names of all shipped agents."""
    paths = sorted(FOLDER.glob("*/*.safetensors"))
    return [f"{path.parent.name}/{path.stem}" for path in paths]


def path(name: str) -> Path:
    """Return the file of a shipped agent."""
    game, size = name.split("/")
    return FOLDER / game / f"{size}.safetensors"


def score_of(name: str) -> float | None:
    """Return the mean score on a shipped agent's card; None if there is no such agent."""
    return load(name).score["mean"] if name in names() else None


def name_of(agent: Agent) -> str:
    """Return the name under which `agent` ships; that of one game's part is the whole's."""
    size, made = agent.card["size"], agent.card["made"]
    if size in MULTI_SIZES:
        return f"{size}/{made['config'].get('loss', 'dqn')}"
    return f"{agent.game}/{size}"


def load_agent(
    name: str | Path, game: str | None = None, device: torch.device | str = "cpu", *,
    network: nn.Module | None = None,
) -> Agent:  # fmt: skip
    """Return a shipped agent by its name, or the agent in a file by its path, on `device`.

    `game` chooses one game of a network for several. `network` is that of `read_agent`. Raises
    CheckpointError for a name that is neither, with the nearest right one, and for a file as
    `checkpoints.read_agent` does.
    """
    return read_agent(_file(name), game, device, network=network)


load = load_agent  # as in `zoo.load("pong/teacher")`


def load_all_games(name: str | Path, device: torch.device | str = "cpu") -> Agent:
    """Return an agent as `load` does, but with all the games that it plays, one or several."""
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
    """Return the shipped play of a game's teacher, a memory to sample states from.

    Raises CheckpointError for a game of which none is shipped.
    """
    shipped = {path.parent.name: path for path in FOLDER.glob("*/play.rec")}
    if game not in shipped:
        raise CheckpointError(
            f"no play of {game!r} is shipped; shipped: {', '.join(sorted(shipped))}; "
            f"record some with `pdlearn record {game} play.rec`"
        )
    return load_recording(shipped[game], game, device)[0]


def within_card(agent: Agent, result: Evaluation) -> bool:
    """Return whether the 95 % interval of `result` meets the one on the agent's card."""
    low, high = result.interval
    return low <= agent.score["high"] and agent.score["low"] <= high
