"""`pdlearn lessons`: copy the notebooks to a folder and open them in JupyterLab."""

from pathlib import Path
from typing import Annotated

import tyro


def lessons(
    folder: Annotated[Path, tyro.conf.Positional] = Path("pdlearn-lessons"),
    no_browser: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    allow_root: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    html: Path | None = None,
) -> None:
    """Copy the lessons and their exercises to a folder and open JupyterLab there.

    This JupyterLab saves the widgets with a notebook, also those that were not run again, and asks
    for no news. The user's own settings are not changed and come first.
    With --html, only write the lessons as pages.

    Args:
        folder: the folder of the copy; existing files are not overwritten
        no_browser: start JupyterLab without a browser; it prints its address
        allow_root: allow JupyterLab to run as root, for example in a container
        html: the folder to write pages to, which need neither a kernel nor a network
    """
    if html is not None:
        from pdlearn.lessons.html import write_pages

        print(f"{html}: {write_pages(html)} pages; open index.html")
        return

    import subprocess

    from pdlearn.lessons.places import copy_lessons

    new, kept = copy_lessons(folder)
    print(f"{folder}: {new} files copied, {kept} kept as they were", flush=True)
    command, env = jupyterlab()
    command.append(f"--ServerApp.root_dir={folder.resolve()}")
    if no_browser:
        command.append("--no-browser")
    if allow_root:
        command.append("--allow-root")
    status = subprocess.call(command, env=env)
    if status != 0:
        raise ValueError(f"JupyterLab ended with status {status}; the lessons are in {folder}")


def jupyterlab() -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment that start JupyterLab with the lessons' settings."""
    import os
    import sys

    from pdlearn.lessons.places import JUPYTER

    command = [
        sys.executable, "-m", "jupyterlab",
        "--ServerApp.kernel_websocket_connection_class=pdlearn.lessons.connection.PromptConnection",
        f"--LabApp.extra_labextensions_path={JUPYTER / 'labextensions'}",
    ]  # fmt: skip
    # The folder holds default settings, for this JupyterLab alone.
    config = [str(JUPYTER), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    return command, {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(config)}
