"""How `--help` shows options, and how a word of the command line becomes an option's value."""

import functools
import inspect
import re
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Union, get_args, get_type_hints

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

OPTIONS = ConstructorRegistry()


def with_help(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return `command` with help that says nothing of a default of None or of an empty tuple.

    Such a default stands for a value that the command finds, and the option's text names it. tyro
    would add "(default: None)" to that text. It would also keep the line breaks of a docstring's
    indented lines, which are joined here.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    shown = [
        parameter.replace(annotation=_shown(hints[name], parameter.default))
        for name, parameter in signature.parameters.items()
    ]

    @functools.wraps(command)
    def run(*values: Any, **options: Any) -> Any:
        return command(*values, **options)

    del run.__dict__["__wrapped__"]  # tyro would read the types there
    run.__doc__ = re.sub(r"\n {8}\s*", " ", inspect.getdoc(command) or "")
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    run.__dict__["__signature__"] = signature.replace(parameters=shown)
    return run


def _shown(hint: Any, default: Any) -> Any:
    is_repeatable = tyro.conf.UseAppendAction in get_args(hint)[1:]
    if default is None or (default == () and not is_repeatable):
        return Annotated[hint, tyro.conf.arg(help_behavior_hint="")]
    return hint


@OPTIONS.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Read `X | None` as X: None is only a default."""
    kinds = [kind for kind in get_args(info.type) if kind is not types.NoneType]
    if info.type_origin not in (Union, types.UnionType) or len(kinds) != 1:
        return None
    spec = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(kinds[0], info.markers))
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None
    return replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: [] if value is None else spec.str_from_instance(value),
    )


@OPTIONS.primitive_rule
def _number(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Say what was expected of a word that is no number."""
    if info.type not in (int, float):
        return None
    kind, expected = info.type, "an integer" if info.type is int else "a number"

    def read(words: list[str]) -> int | float:
        try:
            return kind(words[0])
        except ValueError:
            raise ValueError(f"expected {expected}; got {words[0]!r}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=kind.__name__.upper(),
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, (int, kind)) and not isinstance(value, bool),
        str_from_instance=lambda value: [str(value)],
    )
