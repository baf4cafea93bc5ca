"""Build HTML pages that contain all they show: browser code, styles and data.

`player.js` and `player.css`, beside this file, are shared by the tour's page and the widgets.
"""

import base64
import json
import math
import re
from importlib import resources
from typing import Any

import numpy as np


def source(*names: str) -> str:
    """Return the text of files of the package, joined; `names` are relative to the package."""
    folder = resources.files("pdlearn")
    return "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)


def fill(template: str, **parts: str) -> str:
    """Return the package's file `template` with each `/*NAME*/` replaced by the part `name`.

    A mark inside a part is not replaced.
    """
    return re.sub(r"/\*([A-Z]+)\*/", lambda mark: parts[mark[1].lower()], source(template))


def with_player(template: str, data: object) -> str:
    """Return the page `template` with the player's style and script, and with `data`."""
    return fill(
        template, style=source("web/player.css"), player=source("web/player.js"), data=embed(data)
    )


def embed(data: object) -> str:
    """Return `data` as JSON that is safe in a script element; bytes become base64."""
    # Without "<" the JSON can neither close the script element nor open a comment in it.
    text = json.dumps(_plain(data), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    """Return `value` in JSON's types: numpy numbers become Python's, NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
