"""`load_teacher`: an agent of any known library, as an agent of pdlearn."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pdlearn import zoo
from pdlearn.checkpoints import Agent
from pdlearn.envs.preprocessing import Preprocessing
from pdlearn.games import FULL_ACTIONS, GAMES, game_by_name
from pdlearn.interop.download import ADDRESS, WEIGHTS, download
from pdlearn.interop.files import Contents, read
from pdlearn.interop.layouts import Recognised, recognise
from pdlearn.interop.profiles import profile_by_name
from pdlearn.networks import QNetwork
from pdlearn.registry import describe_network
from pdlearn.tensor_files import CheckpointError

CONTAINERS = {"sb3": "an SB3 zip", "pfrl": "a PFRL zip", "gzip": "a gzip file"}


def load_teacher(
    path: str | Path,
    game: str | None = None,
    preprocessing: str | Preprocessing | None = None,
    device: torch.device | str = "cpu",
) -> Agent:
    """Return the agent in a file of pdlearn or of another library, or a shipped agent by its name.

    The file is recognised by the names and shapes of its tensors, and nothing but tensors is
    unpickled. `card["made"]["recognised"]` says in one line what was recognised and assumed, and
    `card["outputs"]` whether the network puts out values or the logits of a policy.

    Args:
        path: a file, a folder of `export_agent`, a name of `zoo.names`, or
            `hf://USER/REPOSITORY[@REVISION][/FILE]`
        game: one of the ten; most files of other libraries do not name theirs
        preprocessing: a profile, or the name of one in `interop.profiles.PROFILES`; None is the
            library's usual one
        device: of the network

    Returns:
        an agent for one game

    Raises:
        CheckpointError: for a file that is not recognised or does not play `game`
        ValueError: for an unknown game or profile, and for `preprocessing` of a file whose card
            names its own
    """
    if str(path).startswith(ADDRESS):
        path = download(str(path))
    if str(path) not in zoo.names() and (Path(path) / WEIGHTS).is_file():
        path = Path(path) / WEIGHTS
    path = str(path)
    if path in zoo.names() or not Path(path).exists() or is_ours(Path(path)):
        if preprocessing is not None:
            raise ValueError(
                f"{path}: its card names its preprocessing; expected none, got {preprocessing!r}"
            )
        return zoo.load_agent(path, game, device)
    path = Path(path)
    contents = read(path)
    name = _game_of(contents, game, path)
    try:
        found = recognise(contents.tensors, _actions_in(contents.facts), name)
        _refuse_raw_pixels(contents.facts)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    full = _full_action_set(found, name, path)
    if isinstance(preprocessing, Preprocessing):
        profile = preprocessing
    else:
        profile = profile_by_name(preprocessing or found.layout.profile)
    if full != profile.full_action_set:
        profile = Preprocessing(**{**vars(profile), "full_action_set": full})
    return Agent(found.network.to(device), _card(found, contents, name, profile, path))


def is_ours(path: Path) -> bool:
    """Return whether a file begins as pdlearn's own do; a FIFO, which may never, does not."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return b'"pdlearn"' in file.read(256)
    except (OSError, ValueError):
        return False


def _card(
    found: Recognised, contents: Contents, game: str, profile: Preprocessing, path: Path
) -> dict:
    maker = found.layout.maker
    outputs = "logits" if found.layout.head == "policy" else "q"
    container = CONTAINERS.get(contents.container, "a state dict")
    told = {
        "values": "values of {} actions",
        "quantiles": "quantiles of {} actions, collapsed to their means",
        "distribution": "value distributions of {} actions, collapsed to their means",
        "policy": "logits of a policy over {} actions",
    }[found.layout.head].format(found.num_actions)
    line = (
        f"{path.name}: {maker} in {container}, {told}; played as {game}; "
        f"assumed preprocessing: {profile.describe()}"
    )
    actions = FULL_ACTIONS if profile.full_action_set else game_by_name(game).actions
    return {
        "games": {game: list(actions)},
        **_size(found.network),
        "observation_shape": [4, 84, 84],
        "preprocessing": profile.card(),
        "outputs": outputs,
        "made": {
            "by": maker,
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "recognised": line,
        },
    }


def _size(network: nn.Module) -> dict:
    """Return a card's entries on a network: the name of its size, or also what it is."""
    if isinstance(network, QNetwork):
        return {"size": network.size}
    return {"size": type(network).__name__, "network": describe_network(network)}


def _game_of(contents: Contents, game: str | None, path: Path) -> str:
    """Return the game that was asked for, or else the one that the file names."""
    named = _game_in(contents.facts)
    if game is not None:
        game = game_by_name(game).name
        if named is not None and named != game:
            raise CheckpointError(f"{path}: made for {named!r}; expected {game!r}")
        return game
    if named is None:
        raise CheckpointError(f"{path}: names no game; expected game=, one of {', '.join(GAMES)}")
    return named


def _game_in(facts: dict[str, Any]) -> str | None:
    """Return the game whose Gymnasium id stands in CleanRL's arguments, None without one."""
    arguments = facts.get("args")
    stated = arguments.get("env_id") if isinstance(arguments, dict) else None
    plain = str(stated).split("/")[-1].split("-")[0].removesuffix("NoFrameskip").lower()
    return {name.replace("_", ""): name for name in GAMES}.get(plain)


def _actions_in(facts: dict[str, Any]) -> int | None:
    """Return the number of actions that SB3's settings state, None without one."""
    space = facts.get("action_space")
    stated = str(space.get("n")) if isinstance(space, dict) else ""
    return int(stated) if stated.isdecimal() else None


def _refuse_raw_pixels(facts: dict[str, Any]) -> None:
    settings = facts.get("policy_kwargs")
    if isinstance(settings, dict) and settings.get("normalize_images") is False:
        raise CheckpointError(
            "an SB3 policy with normalize_images=False; expected one that divides pixels by 255"
        )


def _full_action_set(found: Recognised, game: str, path: Path) -> bool:
    """Return whether the network has all 18 actions instead of the game's own."""
    own = GAMES[game].num_actions
    if found.num_actions == own:
        return False
    if found.num_actions == len(FULL_ACTIONS):
        return True
    raise CheckpointError(
        f"{path}: has {found.num_actions} actions; expected {own}, those of {game!r}, or all "
        f"{len(FULL_ACTIONS)}"
    )
