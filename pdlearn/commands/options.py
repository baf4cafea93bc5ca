"""The options that commands share, and what they mean: games, teachers, devices, settings."""

import dataclasses
import inspect
import itertools
import sys
import traceback
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import tyro

from pdlearn import presets
from pdlearn.commands.refusals import refuse_unless_one_each, refuse_unused
from pdlearn.games import game_by_name
from pdlearn.presets import kinds

if TYPE_CHECKING:  # torch is imported when a command runs
    from torch import nn

    from pdlearn.cards import StateCard
    from pdlearn.checkpoints import Agent

Budget = Literal["smoke", "fast", "full", "paper"]
Device = Literal["auto", "cpu", "cuda"]
Game = Annotated[str, tyro.conf.Positional]
Games = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="GAME [GAME ...]")]
Texts = tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]]  # --set a=1 b=2 --set c=3
Settings = Annotated[Texts, tyro.conf.arg(name="set", metavar="KEY=VALUE")]
TeacherSettings = Annotated[Texts, tyro.conf.arg(name="teacher-set", metavar="KEY=VALUE")]
Config = TypeVar("Config", bound=presets.Settings)


def known_game(game: str) -> str:
    """Return the name of one of the ten games; raise ValueError with the nearest right one."""
    return game_by_name(game).name


def load_any(
    name: str, game: str | None, preprocessing: str | None = None, device: str = "cpu"
) -> "Agent":
    """Return the agent of a name or file; say on standard error what a foreign file was taken for.

    `preprocessing` is the name of a profile for a foreign file.
    """
    from pdlearn.interop.teachers import load_teacher

    agent = load_teacher(name, game, preprocessing, device)
    if "recognised" in agent.card.get("made", {}):
        print(agent.card["made"]["recognised"], file=sys.stderr)
    return agent


def teachers_of(
    games: tuple[str, ...], names: tuple[str, ...], preprocessing: str | None = None
) -> "list[Agent]":
    """Return a teacher for each of `games`: those named, in the games' order, or the shipped ones.

    A name is that of a shipped agent or a file, also of another library.
    Raises ValueError for no game, an unknown game, or another number of names than of games, and
    CheckpointError for a teacher that is not there or plays another game.
    """
    from pdlearn import zoo
    from pdlearn.tensor_files import CheckpointError

    if not games:
        raise ValueError("expected a game, as in `pdlearn distill pong`; got none")
    refuse_unless_one_each("teacher", names, games)
    if names:
        return [
            load_any(name, game, preprocessing) for game, name in zip(games, names, strict=True)
        ]
    refuse_unused("with a shipped teacher", preprocessing=preprocessing)
    for game in games:
        if f"{known_game(game)}/teacher" not in zoo.names():
            raise CheckpointError(
                f"no teacher of {game!r} is shipped; train one with `pdlearn train {game}` and "
                "name its file with --teacher"
            )
    return [zoo.load(f"{game}/teacher") for game in games]


def new_student(path: str, num_actions: int) -> "nn.Module":
    """Return a network of the class that `path` names, with `num_actions` outputs.

    Raises ValueError as `network_by_path` does, and for a class that cannot be called so.
    """
    kind = network_by_path(path)
    try:
        inspect.signature(kind).bind(num_actions=num_actions)
    except TypeError:
        raise ValueError(
            f"--student {path!r}: expected a class that is called with num_actions=, alone"
        ) from None
    try:
        network = kind(num_actions=num_actions)
    except Exception as error:  # the user's code may raise anything
        raise ValueError(f"--student {path!r}: {_raised(error)}") from error
    if not hasattr(network, "arguments"):
        network.arguments = {"num_actions": num_actions}  # type: ignore[assignment]
    return network


def network_by_path(path: str) -> "type[nn.Module]":
    """Return the class that `package.module:Class` names, from the current folder or installed.

    Raises ValueError if there is none.
    """
    import importlib

    from torch import nn

    module, _, name = path.partition(":")
    sys.path.insert(0, "")
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise ValueError(
            f"--student {path!r}: {_raised(error)}; expected package.module:Class"
        ) from error
    finally:
        sys.path.remove("")
    if kind is None:
        raise ValueError(
            f"--student {path!r}: no {name!r} in {module}; expected package.module:Class"
        )
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ValueError(f"--student {path!r} is {kind!r}; expected a class of torch.nn.Module")
    return kind


def _raised(error: BaseException) -> str:
    """Return what was raised and where, in one line."""
    if isinstance(error, ImportError | ValueError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} ({error}) at {last.filename}, line {last.lineno}"


def slug(game: str) -> str:
    """Return a game's name as part of a folder's."""
    return game.replace("/", "-")


def device_by_name(name: str) -> str:
    """Return cpu or cuda for auto, cpu or cuda; raise ValueError for a GPU that is not there."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but torch sees no GPU; use --device cpu")
    return name


def settings_given(settings: Texts, **options: object) -> tuple[str, ...]:
    """Return the settings of all --set and those that have `options` of their own, as KEY=VALUE."""
    own = tuple(f"{key}={value}" for key, value in options.items() if value is not None)
    return (*own, *itertools.chain.from_iterable(settings))


def with_settings(config: Config, settings: tuple[str, ...]) -> Config:
    """Return `config` with `KEY=VALUE` settings.

    Raises ValueError for an unknown key or value, and for a key that is set twice.
    """
    known = kinds(config)
    keys: set[str] = set()
    for setting in settings:
        key, _, text = setting.partition("=")
        if key not in known:
            raise ValueError(f"unknown setting {setting!r}; settings: {', '.join(known)}")
        if key in keys:
            raise ValueError(f"expected {key} once; got it twice, the second time as {setting!r}")
        keys.add(key)
        kind = known[key]
        value: object
        try:
            if kind is bool:
                value = {"true": True, "false": False}[text.lower()]
            else:
                value = kind(text.replace("_", "")) if kind is int else kind(text)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{setting!r}: expected {key} as {kind.__name__}") from error
        config = dataclasses.replace(config, **{key: value})
    return config


def config_of_run(
    state: "StateCard", config: Config, settings: tuple[str, ...] = (), *, part: str | None = None,
) -> Config:  # fmt: skip
    """Return the settings of the run with the card `state`, changed by `settings`.

    `part` names settings within settings: the teacher's of an online run. A setting that the run
    did not know yet has its default, that of `config`'s type.
    """
    settings_then = state.config if part is None else state.config.get(part, {})
    begun = {key: settings_then[key] for key in kinds(config) if key in settings_then}
    return with_settings(type(config)(**begun), settings)
