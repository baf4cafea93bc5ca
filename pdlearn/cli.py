"""The `pdlearn` command. Each subcommand is a function in a file of `commands/`.

A subcommand's docstring is its help text. Torch is imported only when a command runs. Long commands
show a progress bar on standard error and print the path of their result on standard output.
"""

import contextlib
import errno
import functools
import inspect
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tyro

from pdlearn.commands.bench import bench
from pdlearn.commands.course import course
from pdlearn.commands.distill import distill
from pdlearn.commands.doctor import doctor
from pdlearn.commands.evaluate import evaluate
from pdlearn.commands.export import export
from pdlearn.commands.help_texts import OPTIONS, with_help
from pdlearn.commands.lessons import lessons
from pdlearn.commands.record import record
from pdlearn.commands.refusals import check_options, refuse_repeated
from pdlearn.commands.reproduce import reproduce
from pdlearn.commands.starts import starts
from pdlearn.commands.tour import tour
from pdlearn.commands.train import train
from pdlearn.commands.zoo import zoo


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 2 for an invalid input, 130 for Ctrl-C.

    The status is 141 if the reader of the output has gone, as after `| head -1`. Signal handlers
    are as before when it returns.
    """
    commands: dict[str, Callable[..., Any]] = {
        "tour": tour, "doctor": doctor, "train": train, "distill": distill, "record": record,
        "starts": starts, "evaluate": evaluate, "export": export, "zoo": zoo,
        "reproduce": reproduce, "lessons": lessons, "course": course, "bench": bench,
    }  # fmt: skip

    _open_standard_files()
    try:
        with _terminating(), _any_console():
            refuse_repeated(sys.argv[1:] if arguments is None else arguments)
            tyro.extras.subcommand_cli_from_dict(
                {name: with_help(_checking(command)) for name, command in commands.items()},
                prog="pdlearn", args=arguments, sort_subcommands=False, registry=OPTIONS,
                description="Policy distillation: train DQN teachers, distil students, "
                "evaluate both.",
            )  # fmt: skip
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has no reader; the interpreter would try to write it at its end.
        _discard_output()
        return 141
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            error.filename = "standard output"  # of files, the writer gives the name
            _discard_output()
        with contextlib.suppress(OSError):  # nobody can read it
            print(f"pdlearn: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _checking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return `command` with its options checked before it runs."""

    @functools.wraps(command)
    def run(*values: Any, **options: Any) -> Any:
        check_options(command, inspect.signature(command).bind(*values, **options).arguments)
        return command(*values, **options)

    return run


def _open_standard_files() -> None:
    """Open what the caller has closed of the standard files, as by `>&-`.

    Otherwise the next file that is opened takes its number, and what is printed goes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number


def _discard_output() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _terminating() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C inside a `with` block; only the main thread may set a handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _any_console() -> Iterator[None]:
    """Replace characters that the console cannot show inside a `with` block."""
    consoles = [s for s in (sys.stdout, sys.stderr) if isinstance(s, io.TextIOWrapper)]
    before = [console.errors for console in consoles]
    for console in consoles:
        console.reconfigure(errors="replace")
    try:
        yield
    finally:
        for console, errors in zip(consoles, before, strict=True):
            with contextlib.suppress(ValueError, OSError):  # closed, or its reader has gone
                console.reconfigure(errors=errors)


if __name__ == "__main__":
    sys.exit(main())
