"""A JupyterLab connection that sends a game's pictures without delay.

`pdlearn lessons` starts JupyterLab with it. In another JupyterLab a key press waits a little longer
for its picture.
"""

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's websocket without Nagle's algorithm.

    A kernel sends "busy" before its answer. By TCP's default the answer then waits until the
    browser has acknowledged the first message, up to 40 ms on Linux (delayed acknowledgements).
    """

    def connect(self) -> Any:
        self.websocket_handler.set_nodelay(True)
        return super().connect()
