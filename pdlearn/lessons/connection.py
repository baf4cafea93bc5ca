"""A JupyterLab in which a game answers its keys at once."""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's websocket that holds no message back for the one before it.

    A kernel says that it is busy before it answers. By TCP's default the answer then waits until
    the browser has acknowledged that, which on Linux takes up to 40 ms (Nagle's algorithm and
    delayed acknowledgements).
    """

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()
