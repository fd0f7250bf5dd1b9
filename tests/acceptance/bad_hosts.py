"""Hosts that are no exchange: they answer everything with 200 and nonsense, or never answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODIES = {
    "html": ("text/html", b"<html><body>It works!</body></html>"),
    "braces": ("application/json", b"{}"),
    "nothing": ("application/json", b""),
    "garbage": ("application/json", b"\x00<garbage>{]"),
}
"""What is answered, and as what."""


class _Nonsense(BaseHTTPRequestHandler):
    answer = ("", b"")

    def _answer(self) -> None:
        kind, body = self.answer
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_PUT = _answer  # noqa: N815 (names of the standard library's protocol)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def nonsense(body: str) -> Iterator[str]:
    """A host that answers everything with 200 and one of `BODIES`; its address."""
    handler = type("Nonsense", (_Nonsense,), {"answer": BODIES[body]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def silent() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
