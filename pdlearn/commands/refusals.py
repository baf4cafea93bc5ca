"""What a command line may not hold, beside what its types exclude.

An option that a command would not use is refused: nothing that was given is dropped without a word.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from pdlearn.presets import Settings
from pdlearn.schema import Range, checked, shown

if TYPE_CHECKING:  # torch is imported when a command runs
    from pdlearn.cards import StateCard

MAY_REPEAT = {"--set", "--teacher-set", "--teacher", "--recording"}


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


def refuse_repeated(arguments: Sequence[str]) -> None:
    """Raise ValueError for an option that stands twice in a command line: one would be dropped."""
    names = [word.partition("=")[0].replace("_", "-") for word in arguments if word[:2] == "--"]
    for name in names:
        if names.count(name) > 1 and len(name) > 2 and name not in MAY_REPEAT:
            raise ValueError(f"expected {name} once; got it {names.count(name)} times")


def refuse_unused(why: str, **options: object) -> None:
    """Raise ValueError if one of the `options` has a value: the command would not use it."""
    for name, value in options.items():
        if value is not None and value is not False and value != ():
            shown_value = _listed(value) if isinstance(value, tuple) else shown(value)
            raise ValueError(f"expected no --{name.replace('_', '-')} {why}; got {shown_value}")


def refuse_unused_settings(why: str, settings: tuple[str, ...], *keys: str) -> None:
    """Raise ValueError if one of the `KEY=VALUE` settings has one of the `keys`."""
    for setting in settings:
        if setting.partition("=")[0] in keys:
            raise ValueError(f"expected no {setting} {why}, where it is not used")


def refuse_unless_one_each(what: str, given: tuple, games: tuple[str, ...]) -> None:
    """Raise ValueError if --`what` was given, but not once for each of `games`."""
    if given and len(given) != len(games):
        raise ValueError(
            f"expected one --{what} for each of {', '.join(games)}, or none; got {len(given)}"
        )


def state_to_resume(
    resume: Path, kinds_of_run: Sequence[str], games: Sequence[str], *,
    folder: Path | None, seed: int | None,
) -> "StateCard":  # fmt: skip
    """Return the card of the state of the run in `resume`.

    Raises ValueError if there is no run, if it is none of these kinds, and if `games`, `folder` or
    `seed` are given and not the run's.
    """
    from pdlearn.run_files import read_state

    if folder is not None and folder != resume:
        raise ValueError(f"expected --resume {resume} alone; got --folder {folder} beside it")
    state = read_state(resume)[1]
    if state.kind not in kinds_of_run:
        raise ValueError(
            f"{resume}: holds a run of {state.kind}; expected {' or '.join(kinds_of_run)}"
        )
    if games and tuple(games) != state.games:
        raise ValueError(f"{resume}: its games are {_listed(state.games)}; got {_listed(games)}")
    if seed is not None and seed != state.seed:
        raise ValueError(f"{resume}: its seed is {state.seed}; got --seed {seed}")
    return state


def refuse_overwriting(folder: Path, resume: Path | None) -> None:
    """Raise ValueError if a new run would take the folder of an old one."""
    if resume is None and (folder / "state.safetensors").exists():
        raise ValueError(
            f"{folder} already holds a run; go on with --resume {folder}, or name another --folder"
        )


def refuse_other_run(folder: Path, kind: str, config: Settings) -> None:
    """Raise ValueError if `folder` holds a run of another kind or with other settings."""
    from pdlearn.run_files import STATE, read_state

    if not (folder / STATE).exists():
        return
    state = read_state(folder)[1]
    then = {"method": state.kind, **state.config}
    for name, value in {"method": kind, **dataclasses.asdict(config)}.items():
        if then.get(name, value) != value:
            raise ValueError(
                f"{folder}: was begun with {name} {then[name]}; got {value}; go on with `pdlearn "
                f"train --resume {folder}`, or name another --folder"
            )


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
