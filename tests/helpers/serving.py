"""An application at a real port, for browsers."""

import contextlib
import socket
import threading

import uvicorn


@contextlib.contextmanager
def served(app):
    """Serves an ASGI application in a thread; yields its address.

    Example:
        >>> with served(app) as address:
        ...     page.goto(address)
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}
        )
        # The socket listens already: who asks early waits in its queue.
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
