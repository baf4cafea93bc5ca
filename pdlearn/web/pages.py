"""Pages that hold all they show: shared browser code, data safe in a script, atomic writing.

`player.js` and `player.css`, beside this file, are what the tour's page and the widgets share.
"""

import base64
import json
import math
import os
import re
from importlib import resources
from pathlib import Path

import numpy as np


def source(*names: str) -> str:
    """Return files of the package, one after another; names are relative to it."""
    folder = resources.files("pdlearn")
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)


def fill(template: str, **parts: str) -> str:
    """Return the package's file `template` with each `/*NAME*/` replaced by the part of that name.

    What stands in a part is not looked at again.
    """
    return re.sub(r"/\*([A-Z]+)\*/", lambda mark: parts[mark[1].lower()], source(template))


def embed(data) -> str:
    """Return `data` as JSON that may stand in a script element; bytes become base64."""
    # Without "<" the JSON can neither close the script element nor open a comment in it.
    text = json.dumps(_plain(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def write_page(path: str | Path, text: str) -> None:
    """Write `text` to `path`, atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, "utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _plain(value):
    """Return `value` as JSON can hold it: numpy's numbers become Python's, NaN becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
