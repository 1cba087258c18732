"""Takes pushes in front of Django, and hands it everything else.

The event loop only reads and answers: look-ups and decoding run in a few threads,
commits in the writer's. So one large body holds up nobody's page.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    close_old_connections,
    connections,
)
from django.utils import timezone

from sources.ingest.bodies import (
    BodyBudget,
    DisconnectedError,
    Receive,
    announced_size,
    read_body,
    refuse_announced,
)
from sources.ingest.pushes import ROUTES, Push, earlier_answer, prepare
from sources.ingest.refusals import Answer, RefusedError, busy, unavailable
from sources.ingest.requests import PushRequest
from sources.ingest.senders import (
    Believed,
    Sender,
    bearer_token,
    find_binding,
    find_sender,
    key_of,
)
from sources.ingest.writer import Writer
from sources.services.bindings import Binding
from sources.services.inbox import BacklogFullError, DuplicateReceiptError

logger = logging.getLogger(__name__)

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Result = TypeVar("Result")

_THREADS = 4
# How many of the largest bodies may be in memory at once.
_BODIES_HELD = 16
# A sender that takes longer than this to send its body is let go.
READ_SECONDS = 30.0
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class IngestEdge:
    """An ASGI application around another one. `close` is for tests and orderly ends."""

    def __init__(
        self,
        inner: Callable[..., Awaitable[None]],
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._inner = inner
        self._read_seconds = read_seconds
        self._senders: Believed[Sender] = Believed()
        self._bindings: Believed[Binding] = Believed()
        self._budget = BodyBudget(_BODIES_HELD * settings.INGEST_MAX_BODY_BYTES)
        self._writer = Writer()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="ingest")

    async def __call__(
        self, scope: Mapping[str, Any], receive: Receive, send: Send
    ) -> None:
        if scope["path"] not in ROUTES or scope["method"] in _READS:
            await self._inner(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive)
        except RefusedError as refused:
            answer = refused.answer()
        except DisconnectedError:
            return
        await _send(send, answer)

    def close(self) -> None:
        """Commit what waits, then give back threads and connections."""
        self._writer.close()
        together = threading.Barrier(_THREADS)

        def leave() -> None:
            together.wait()
            connections.close_all()

        for _ in range(_THREADS):
            self._pool.submit(leave)
        self._pool.shutdown()

    async def _answer(self, scope: Mapping[str, Any], receive: Receive) -> Answer:
        if scope["method"] != "POST":
            raise RefusedError(
                405,
                "method_not_allowed",
                f"{scope['method']} is not allowed here.",
                headers={"Allow": "GET, HEAD, OPTIONS, POST"},
            )
        try:
            return await self._take(PushRequest.of_asgi(scope), receive)
        except BacklogFullError as error:
            raise busy(error.retry_after_seconds) from None
        except IntegrityError:
            raise RefusedError(
                409, "source_gone", "The source was deleted a moment ago."
            ) from None
        except (DatabaseError, InterfaceError) as error:
            logger.warning("A push was refused, the database is away: %s", error)
            raise unavailable() from None

    async def _take(self, request: PushRequest, receive: Receive) -> Answer:
        sender = await self._sender(request)
        binding = await self._binding(request, sender)
        limit = settings.INGEST_MAX_BODY_BYTES
        with self._budget.hold(announced_size(request.headers, limit=limit)):
            raw = await read_body(
                receive, request.headers, limit=limit, seconds=self._read_seconds
            )
            push = Push(request, sender, binding, raw, timezone.now())
            return await self._store(push)

    async def _store(self, push: Push) -> Answer:
        parcel, answer = await self._in_thread(lambda: prepare(push))
        if parcel is None:
            return answer
        try:
            await asyncio.wrap_future(self._writer.put(parcel))
        except DuplicateReceiptError:
            return await self._in_thread(lambda: earlier_answer(push)) or answer
        return answer

    async def _sender(self, request: PushRequest) -> Sender:
        secret = bearer_token(request.headers.get("authorization", ""))
        refuse_announced(request.headers, limit=settings.INGEST_MAX_BODY_BYTES)
        slug = request.organization_slug
        key = key_of(secret, slug)
        known = self._senders.get(key)
        if known is not None:
            return known
        return await self._in_thread(
            lambda: self._senders.look_up(key, lambda: find_sender(secret, slug))
        )

    async def _binding(self, request: PushRequest, sender: Sender) -> Binding:
        key = (sender.scope.organization_id, sender.team_id, request.source)
        known = self._bindings.get(key)
        if known is not None:
            return known
        return await self._in_thread(
            lambda: self._bindings.look_up(
                key, lambda: find_binding(sender, request.source)
            )
        )

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _connected, work)


def _connected(work: Callable[[], Result]) -> Result:
    """A connection that the server has dropped is replaced, not used."""
    close_old_connections()
    return work()


async def _send(send: Send, answer: Answer) -> None:
    content = answer.content
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **answer.headers,
    }
    encoded = [
        (name.lower().encode(), value.encode()) for name, value in headers.items()
    ]
    await send(
        {"type": "http.response.start", "status": answer.status, "headers": encoded}
    )
    await send({"type": "http.response.body", "body": content})
