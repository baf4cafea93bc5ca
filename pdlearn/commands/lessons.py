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

    This JupyterLab saves the widgets with a notebook and asks for no news. The user's own settings
    are not changed and come first.
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

    import os
    import subprocess
    import sys

    from pdlearn.lessons.places import JUPYTER, copy_lessons

    new, kept = copy_lessons(folder)
    print(f"{folder}: {new} files copied, {kept} kept as they were", flush=True)
    command = [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}",
        "--ServerApp.kernel_websocket_connection_class=pdlearn.lessons.connection.PromptConnection",
    ]  # fmt: skip
    if no_browser:
        command.append("--no-browser")
    if allow_root:
        command.append("--allow-root")
    # The folder holds default settings, for this JupyterLab alone.
    config = [str(JUPYTER), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    env = {**os.environ, "JUPYTER_CONFIG_PATH": os.pathsep.join(config)}
    status = subprocess.call(command, env=env)
    if status != 0:
        raise ValueError(f"JupyterLab ended with status {status}; the lessons are in {folder}")
