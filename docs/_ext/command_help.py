"""The directive `command-help NAME`: what `pdlearn NAME --help` prints."""

import contextlib
import io
import os
from unittest import mock

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pdlearn.cli import main

COLUMNS = "88"


def help_of(command: str) -> str:
    """Return the help text of a command as a terminal of 88 columns shows it, without colours."""
    printed = io.StringIO()
    plain = {"COLUMNS": COLUMNS, "NO_COLOR": "1", "TERM": "dumb"}
    with mock.patch.dict(os.environ, plain), contextlib.redirect_stdout(printed):
        with contextlib.suppress(SystemExit):
            main([command, "--help"])
    return printed.getvalue().strip("\n")


class CommandHelp(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        (name,) = self.arguments
        text = help_of(name)
        if not text.startswith(f"usage: pdlearn {name}"):
            raise self.error(f"pdlearn has no command {name!r}")
        return [nodes.literal_block(text, text, language="text", classes=["command-help"])]


def setup(app: Sphinx) -> dict:
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
