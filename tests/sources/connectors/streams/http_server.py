"""An HTTP server whose answers go on until the script ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext


@dataclass
class Exchange:
    """One request, and its answer as it is written."""

    handler: BaseHTTPRequestHandler
    path: str
    headers: dict[str, str]
    body: str
    closed: threading.Event = field(default_factory=threading.Event)

    def begin(self, content_type: str, status: int = 200, **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()

    def write(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.handler.wfile.write(data)
        self.handler.wfile.flush()


class StreamServer:
    """Answers each request by the script, which may take as long as it likes."""

    def __init__(
        self, script: Callable[[Exchange], None], ssl: SSLContext | None = None
    ) -> None:
        self.asked: list[Exchange] = []
        self.ended = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size).decode()
                one = Exchange(self, self.path, dict(self.headers), body)
                outer.asked.append(one)
                with contextlib.suppress(OSError):
                    script(one)

            do_POST = do_GET  # noqa: N815 - the server's name

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                """Whoever asks may hang up."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._scheme = "https" if ssl else "http"
        if ssl is not None:
            self._server.socket = ssl.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/logs"

    def wait(self) -> None:
        """Keep an answer open until the server ends."""
        self.ended.wait(30)

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
