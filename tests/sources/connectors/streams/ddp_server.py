"""A Rocket.Chat as far as its log goes: DDP over a WebSocket, and REST beside it.

Written after Meteor's DDP.md and Rocket.Chat's server/stream/stdout.ts: the same
messages in the same order, and the queue of the last entries.
"""

from __future__ import annotations

import contextlib
import json
import threading
from http import HTTPStatus
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

TOKEN, USER = "the-token", "the-user"


class DdpServer:
    """One server; it can be cut off, and come back with what it holds."""

    def __init__(self, port: int = 0) -> None:
        self.queue: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.permissions = {"view-logs", "view-statistics"}
        self.asked: list[str] = []
        self.greets = True
        self.ping_first = True
        # What happens between a subscription and the look into the queue.
        self.meanwhile: list[str] = []
        self._subscribers: list[tuple[ServerConnection, str]] = []
        self._connections: list[ServerConnection] = []
        self._lock = threading.RLock()
        self._server = serve(
            self._serve, "127.0.0.1", port, process_request=self._rest, compression=None
        )
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- What happens in the server ----------------------------------------------------

    def log(self, text: str, ts_ms: int) -> None:
        """Write an entry: into the queue, and to whoever has subscribed."""
        with self._lock:
            entry = {
                "id": f"logid-{len(self.queue)}",
                "string": text,
                "ts": {"$date": ts_ms},
                "time": "unused",
            }
            self.queue.append(entry)
            self.emit("stream-stdout", "stdout", entry)

    def emit(self, collection: str, event: str, *args: Any) -> None:
        fields = {"eventName": event, "args": list(args)}
        told = {
            "msg": "changed",
            "collection": collection,
            "id": "id",
            "fields": fields,
        }
        with self._lock:
            for connection, name in self._subscribers:
                if name == collection:
                    with contextlib.suppress(ConnectionClosed, OSError):
                        connection.send(json.dumps(told))

    @property
    def has_subscriber(self) -> bool:
        return any(name == "stream-stdout" for _, name in self._subscribers)

    def kill(self) -> None:
        """Cut every connection in the middle, without a word."""
        with self._lock:
            self._subscribers = []
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.socket.shutdown(2)
            self._connections = []

    def close(self) -> None:
        self.kill()
        self._server.shutdown()
        self._thread.join()

    # --- DDP ---------------------------------------------------------------------------

    def _serve(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        if self.greets:
            self._say(connection, server_id="0")
        with contextlib.suppress(ConnectionClosed):
            for text in connection:
                told = json.loads(text)
                self.heard.append(told)
                getattr(self, f"_on_{told['msg']}")(connection, told)

    def _on_connect(self, connection: ServerConnection, told: dict[str, Any]) -> None:
        if told["version"] != "1":
            self._say(connection, msg="failed", version="1")
            return
        if self.ping_first:
            self._say(connection, msg="ping", id="p1")
        self._say(connection, msg="connected", session="s1")

    def _on_pong(self, connection: ServerConnection, told: dict[str, Any]) -> None:
        """Nothing is said to that."""

    def _on_method(self, connection: ServerConnection, told: dict[str, Any]) -> None:
        if told["params"][0].get("resume") == TOKEN:
            collection = {"msg": "added", "collection": "users", "id": USER}
            self._say(connection, **collection, fields={})
            result = {"id": USER, "token": TOKEN}
            self._say(connection, msg="result", id=told["id"], result=result)
            self._say(connection, msg="updated", methods=[told["id"]])
            return
        error = {"error": 403, "reason": "You've been logged out by the server."}
        self._say(connection, msg="result", id=told["id"], error=error)

    def _on_sub(self, connection: ServerConnection, told: dict[str, Any]) -> None:
        if told["name"] == "stream-stdout" and "view-logs" not in self.permissions:
            error = {"error": "not-allowed", "reason": "Not allowed"}
            self._say(connection, msg="nosub", id=told["id"], error=error)
            return
        with self._lock:
            self._subscribers.append((connection, told["name"]))
            for text in self.meanwhile if told["name"] == "stream-stdout" else []:
                self.log(text, 9_000)
        self._say(connection, msg="ready", subs=[told["id"]])
        self._say(connection, msg="removed", collection="other", id="id")

    def _say(self, connection: ServerConnection, **told: Any) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            connection.send(json.dumps(told))

    # --- REST --------------------------------------------------------------------------

    def _rest(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/websocket":
            return None
        self.asked.append(request.path)
        known = request.headers.get("X-Auth-Token") == TOKEN
        if not known or request.headers.get("X-User-Id") != USER:
            return _answer(HTTPStatus.UNAUTHORIZED, {"status": "error"})
        wanted = {
            "/api/v1/stdout.queue": ("view-logs", {"queue": list(self.queue)}),
            "/api/v1/statistics": ("view-statistics", STATISTICS),
            "/api/v1/users.presence": ("", PRESENCE),
        }
        permission, found = wanted[request.path]
        if permission and permission not in self.permissions:
            return _answer(HTTPStatus.FORBIDDEN, {"success": False})
        return _answer(HTTPStatus.OK, {**found, "success": True})


STATISTICS = {
    "version": "7.10.0",
    "totalUsers": 12,
    "onlineUsers": 1,
    "awayUsers": 0,
    "busyUsers": 0,
    "offlineUsers": 11,
    "totalMessages": 4321,
    "totalRooms": 9,
}
PRESENCE = {
    "users": [
        {"_id": "a", "status": "online"},
        {"_id": "b", "status": "online"},
        {"_id": "c", "status": "away"},
    ],
    "full": True,
}


def _answer(status: HTTPStatus, body: dict[str, Any]) -> Response:
    content = json.dumps(body).encode()
    headers = Headers(
        {"Content-Type": "application/json", "Content-Length": str(len(content))}
    )
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, content)
