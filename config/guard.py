"""What stands around Django: bodies have a bound, and nobody works for who has left."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from django.conf import settings

from accounts.api.errors import error_body
from monitoring.services.cancellation import watch_client

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[..., Awaitable[None]]

_DISCONNECT = {"type": "http.disconnect"}


class RequestGuard:
    """An ASGI application around another one.

    Django keeps a whole body on disk before any view can refuse it: one that is
    announced as too large is a 413 at once, one that grows too large is cut off.
    """

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(
        self, scope: Mapping[str, Any], receive: Receive, send: Send
    ) -> None:
        limit = settings.INGEST_MAX_BODY_BYTES
        if _announced(scope) > limit:
            await _refuse(send, limit)
            return
        await self._inner(scope, _watched(receive, watch_client(), limit), send)


def _watched(receive: Receive, gone: threading.Event, limit: int) -> Receive:
    taken = 0

    async def watched() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            message = _DISCONNECT
        if message["type"] == "http.disconnect":
            gone.set()
        return message

    return watched


def _announced(scope: Mapping[str, Any]) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


async def _refuse(send: Send, limit: int) -> None:
    told = f"A body may have {limit} bytes: send less at a time."
    content = orjson.dumps(error_body("body_too_large", told))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": content})
