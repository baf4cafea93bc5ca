"""The options that commands share, and what they mean: games, teachers, devices, settings."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import tyro

from pdlearn import presets
from pdlearn.games import game_by_name
from pdlearn.presets import kinds
from pdlearn.schema import Range, checked

if TYPE_CHECKING:  # torch is imported when a command runs
    from torch import nn

    from pdlearn.cards import StateCard
    from pdlearn.checkpoints import Agent

Budget = Literal["smoke", "fast", "full", "paper"]
Device = Literal["auto", "cpu", "cuda"]
Game = Annotated[str, tyro.conf.Positional]
Games = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="GAME [GAME ...]")]
Settings = Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="KEY=VALUE")]
Config = TypeVar("Config", bound=presets.Settings)
TeacherSettings = Annotated[tuple[str, ...], tyro.conf.arg(name="teacher-set", metavar="KEY=VALUE")]


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
    from pdlearn.checkpoints import CheckpointError

    if not games:
        raise ValueError("expected a game, as in `pdlearn distill pong`; got none")
    refuse_unless_one_each("teacher", names, games)
    if names:
        return [
            load_any(name, game, preprocessing) for game, name in zip(games, names, strict=True)
        ]
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
    try:
        network = network_by_path(path)(num_actions=num_actions)
    except TypeError as error:
        raise ValueError(f"--student {path!r}: {error}; expected a class of num_actions") from error
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
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"--student {path!r}: {error}; expected package.module:Class") from error
    finally:
        sys.path.remove("")
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise ValueError(f"--student {path!r} is {kind!r}; expected a class of torch.nn.Module")
    return kind


def refuse_unless_one_each(what: str, given: tuple, games: tuple[str, ...]) -> None:
    """Raise ValueError if --`what` was given, but not once for each of `games`."""
    if given and len(given) != len(games):
        raise ValueError(
            f"expected one --{what} for each of {', '.join(games)}, or none; got {len(given)}"
        )


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


def with_settings(config: Config, settings: tuple[str, ...]) -> Config:
    """Return `config` with `KEY=VALUE` settings; raise ValueError for an unknown key or value."""
    known = kinds(config)
    for setting in settings:
        key, _, text = setting.partition("=")
        if key not in known:
            raise ValueError(f"unknown setting {setting!r}; settings: {', '.join(known)}")
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
    folder: Path, config: Config, settings: tuple[str, ...] = (), *,
    agent_steps: int | None = None, part: str | None = None, seed: int | None = None,
) -> tuple[Config, int]:  # fmt: skip
    """Return the settings and seed that the run in `folder` has, then with `settings`.

    They are those of the saved state. `part` names settings within settings: the teacher's of an
    online run. A setting that the run did not know yet has its default. Raises ValueError if there
    is no run, and for another `seed` than the run's.
    """
    state = state_of_run(folder)
    settings_then = state.config if part is None else state.config.get(part, {})
    begun = {key: settings_then[key] for key in kinds(config) if key in settings_then}
    if agent_steps is not None:
        begun["agent_steps"] = agent_steps
    if seed is not None and seed != state.seed:
        raise ValueError(f"{folder}: its seed is {state.seed}; got --seed {seed}")
    return with_settings(type(config)(**begun), settings), state.seed


def state_of_run(folder: Path) -> "StateCard":
    """Return the card of the state of the run in `folder`; raise ValueError if there is none."""
    from pdlearn.runs import read_state

    return read_state(folder)[1]


def refuse_beside_resume(folder: Path | None, resume: Path) -> None:
    """Raise ValueError if --folder names another folder than --resume."""
    if folder is not None and folder != resume:
        raise ValueError(f"expected --resume {resume} alone; got --folder {folder} beside it")


def refuse_overwriting(folder: Path, resume: Path | None) -> None:
    """Raise ValueError if a new run would take the folder of an old one."""
    if resume is None and (folder / "state.safetensors").exists():
        raise ValueError(
            f"{folder} already holds a run; go on with --resume {folder}, or name another --folder"
        )


def check_options(command: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raise ValueError for an option out of its type's range, and for a path that is a mistake.

    A path that reads as a number or begins with a dash is an option's value or name that was
    mistyped, as in `--folder -inf`.
    """
    types = get_type_hints(command, include_extras=True)
    for name, value in options.items():
        option = "--" + name.removesuffix("_file").replace("_", "-")
        if isinstance(value, Path):
            text = str(value)
            if text.startswith("-") or _is_number(text):
                raise ValueError(
                    f"expected {option} as a path; got {text}, which reads as a mistake"
                )
        elif _has_range(types[name]):
            checked(value, types[name], option)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _has_range(kind: Any) -> bool:
    return any(isinstance(each, Range) or _has_range(each) for each in get_args(kind))
