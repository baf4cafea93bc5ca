"""The `pdlearn` command. Each subcommand is a function in a file of `commands/`.

A subcommand's docstring is its help text. Torch is imported only when a command runs. Long commands
show a progress bar on standard error and print the path of their result on standard output.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any

import tyro

from pdlearn.commands.bench import bench
from pdlearn.commands.distill import distill
from pdlearn.commands.evaluate import evaluate
from pdlearn.commands.export import export
from pdlearn.commands.lessons import lessons
from pdlearn.commands.record import record
from pdlearn.commands.reproduce import reproduce
from pdlearn.commands.starts import starts
from pdlearn.commands.tour import tour
from pdlearn.commands.train import train
from pdlearn.commands.zoo import zoo


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status: 0, 2 for an invalid input, 130 for Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    commands: dict[str, Callable[..., Any]] = {
        "tour": tour, "train": train, "distill": distill, "record": record,
        "starts": starts, "evaluate": evaluate, "export": export, "zoo": zoo,
        "reproduce": reproduce, "lessons": lessons, "bench": bench,
    }  # fmt: skip

    try:
        tyro.extras.subcommand_cli_from_dict(
            commands, prog="pdlearn", args=arguments, sort_subcommands=False,
            description="Policy distillation: train DQN teachers, distil students, evaluate both.",
        )  # fmt: skip
    except (ValueError, OSError) as error:
        print(f"pdlearn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
