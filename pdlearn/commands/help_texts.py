"""What `--help` shows of an option whose default depends on other options."""

import functools
import inspect
import re
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro


def with_help(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return `command` with help that says nothing of a default of None or of an empty tuple.

    Such a default stands for a value that the command finds, and the option's text names it. tyro
    would add "(default: None)" to that text and "{None}|" to the option's type. It would also keep
    the line breaks of a docstring's indented lines, which are joined here.
    """

    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    shown = [
        parameter.replace(annotation=_shown(hints[name], parameter))
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


def _shown(hint: Any, parameter: inspect.Parameter) -> Any:
    markers = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    if parameter.default is None:
        metavar = f"[{_metavar(hint)}]" if tyro.conf.Positional in markers else _metavar(hint)
        return Annotated[hint, tyro.conf.arg(help_behavior_hint="", metavar=metavar)]
    if parameter.default == () and tyro.conf.UseAppendAction not in markers:
        return Annotated[hint, tyro.conf.arg(help_behavior_hint="")]
    return hint


def _metavar(hint: Any) -> str:
    """Return tyro's name of a type, without None."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind is Annotated:
        return _metavar(parts[0])
    if kind in (Union, types.UnionType):
        return "|".join(_metavar(part) for part in parts if part is not types.NoneType)
    if kind is Literal:
        return f"{{{','.join(parts)}}}"
    if kind is tuple:
        return f"[{_metavar(parts[0])} [{_metavar(parts[0])} ...]]"
    if hint is bool:
        return "{True,False}"
    return str(hint.__name__).upper()
