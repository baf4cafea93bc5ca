"""`pdlearn export`: an agent for other programs."""

from pathlib import Path
from typing import Annotated

import tyro


def export(
    agent: Annotated[str, tyro.conf.Positional],
    folder: Annotated[Path | None, tyro.conf.Positional] = None,
    *,
    game: str | None = None,
    onnx: Path | None = None,
    html: Path | None = None,
    push: str | None = None,
) -> None:
    """Write an agent as a folder in the Hugging Face Hub's form, an ONNX graph or a web page.

    Args:
        agent: a file, or a shipped agent such as pong/net3
        folder: where to write the folder
        game: which one, if the agent plays several; for one file, or of a foreign file
        onnx: write the network as an ONNX graph to this file (extra onnx)
        html: write a page on which the network decides in the browser, beside a recorded game
        push: upload the folder to this repository of the Hub, USER/NAME (extra hub); without a
            folder it is written for that alone
    """
    from pdlearn.interop.teachers import load_teacher

    if folder is None and onnx is None and html is None and push is None:
        raise ValueError("expected a folder, --onnx FILE, --html FILE or --push REPO; got none")
    if onnx is not None:
        from pdlearn.export.onnx import STATES, export_onnx

        largest = export_onnx(load_teacher(agent, game), onnx)
        size = onnx.stat().st_size / 1e3
        print(f"{onnx}: {size:.0f} kB, differs by at most {largest:.1e} on {STATES:,} states")
    if html is not None:
        from pdlearn.export.html import export_html

        page = export_html(load_teacher(agent, game), html)
        print(f"{page}: {page.stat().st_size / 1e3:.0f} kB")
    if push is not None:
        from pdlearn.export.hub import push_to_hub

        print(push_to_hub(load_teacher(agent, game), push, folder))
    elif folder is not None:
        from pdlearn.export.hub import export_agent

        print(export_agent(load_teacher(agent, game), folder))
