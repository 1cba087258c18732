"""Takes pushes in front of Django, and hands it everything else.

The event loop reads, answers and decodes what is small: look-ups and other decoding
run in a few threads, commits in the writer's. So one large body holds up nobody's page.
"""

from __future__ import annotations

import asyncio
import logging
import math
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
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

from accounts.scope import Scope
from accounts.services.believed import Believed
from monitoring.services.series_refs import SeriesRefs
from sources.ingest.bodies import (
    BodyBudget,
    DisconnectedError,
    Receive,
    announced_size,
    read_body,
    read_pieces,
    refuse_announced,
    unpacked_size,
)
from sources.ingest.door import Door, Push
from sources.ingest.doors import ALL, DoorMap
from sources.ingest.pipelined import PipelinedWriter
from sources.ingest.pushes import earlier_answer, prepare, unpacked
from sources.ingest.quickness import Quickness
from sources.ingest.refusals import (
    Answer,
    RefusedError,
    busy,
    unauthenticated,
    unavailable,
)
from sources.ingest.requests import PushRequest
from sources.ingest.senders import Sender, find_binding, find_sender, key_of
from sources.ingest.waiting import Send, send_answer
from sources.ingest.writer import Parcel, Writer
from sources.services.bindings import Binding
from sources.services.inbox import BacklogFullError, DuplicateReceiptError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Asked = tuple[Door, PushRequest]

_THREADS = 4
# How many of the largest bodies may be in memory at once.
_BODIES_HELD = 16
# A sender that takes longer than this to send its body is let go.
READ_SECONDS = 30.0
# By then a worker has registered the new series of a push.
_REGISTERED_SECONDS = 1.0
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Whoever comes to an open door: it has nothing to store, and no telemetry to bring.
_NOBODY = (
    Sender(Scope.of_system(0, ""), None),
    Binding(None, None, 0, {}),
)


class IngestEdge:
    """An ASGI application around another one. `close` is for tests and orderly ends."""

    def __init__(
        self,
        inner: Callable[..., Awaitable[None]],
        *,
        doors: Sequence[Door] = ALL,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._inner = inner
        self._doors = DoorMap(doors)
        self._read_seconds = read_seconds
        self._senders: Believed[Sender] = Believed()
        self._bindings: Believed[Binding] = Believed()
        self._budget = BodyBudget(_BODIES_HELD * settings.INGEST_MAX_BODY_BYTES)
        self._writer = Writer()
        self._quickness = Quickness()
        self._refs = SeriesRefs()
        # Not wanted (0), at a time of the clock, or under way (infinite).
        self._look_up_at = 0.0
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="ingest")
        self._pipelined = PipelinedWriter(self._writer, self._pool)

    async def __call__(
        self, scope: Mapping[str, Any], receive: Receive, send: Send
    ) -> None:
        asked = self.asked_of(scope)
        if asked is None:
            await self._inner(scope, receive, send)
            return
        try:
            answer = await self.answer(asked, receive)
        except DisconnectedError:
            return
        await send_answer(send, answer, with_body=scope["method"] != "HEAD")

    def asked_of(self, scope: Mapping[str, Any]) -> Asked | None:
        """Return what is asked of which door; reads that none serves are Django's."""
        other: Asked | None = None
        for found in self._doors.at(scope["path"]):
            request = PushRequest.of_asgi(scope, found.groups)
            if not found.door.serves(request):
                continue
            if scope["method"] in found.door.methods:
                return found.door, request
            other = found.door, request
        return None if scope["method"] in _READS else other

    async def answer(self, asked: Asked, receive: Receive) -> Answer:
        """Take a push, whatever comes of it. Raises DisconnectedError."""
        door, request = asked
        try:
            return await self._answer(door, request, receive)
        except RefusedError as refused:
            return door.refuse(refused, request.headers)

    def close(self) -> None:
        """Commit what waits, then give back threads and connections.

        What the loop itself has under way may be committed or not: it is told to come
        again, as when the database is away.
        """
        self._pipelined.close()
        self._writer.close()
        together = threading.Barrier(_THREADS)

        def leave() -> None:
            together.wait()
            connections.close_all()

        for _ in range(_THREADS):
            self._pool.submit(leave)
        self._pool.shutdown()

    async def _answer(
        self, door: Door, request: PushRequest, receive: Receive
    ) -> Answer:
        if request.method not in door.methods:
            raise _not_allowed(door, request)
        try:
            return await self._take(door, request, receive)
        except BacklogFullError as error:
            raise busy(error.retry_after_seconds) from None
        except IntegrityError:
            raise RefusedError(
                409, "source_gone", "The source was deleted a moment ago."
            ) from None
        except (DatabaseError, InterfaceError) as error:
            logger.warning("A push was refused, the database is away: %s", error)
            raise unavailable() from None

    async def _take(self, door: Door, request: PushRequest, receive: Receive) -> Answer:
        if door.parameters is not None:
            request.check_parameters(door.parameters)
        sender, binding = _NOBODY
        if not door.open:
            sender = await self._sender(door, request)
            binding = await self._binding(request, sender)
        empty = Push(request, sender, binding, b"", timezone.now())
        if door.split is not None and "content-encoding" not in request.headers:
            return await self._take_pieces(door, door.split, empty, receive)
        limit = settings.INGEST_MAX_BODY_BYTES
        with self._budget.hold(announced_size(request.headers, limit=limit)):
            body = await read_body(
                receive, request.headers, limit=limit, seconds=self._read_seconds
            )
            push = replace(empty, body=body, received_at=timezone.now())
            return await self._store(door, push)

    async def _take_pieces(
        self, door: Door, split: Callable[[bytes], int], empty: Push, receive: Receive
    ) -> Answer:
        """Store piece by piece: what was sent before a refusal is kept."""
        limit = settings.INGEST_MAX_BODY_BYTES
        with self._budget.hold(limit // 10):
            async for piece in read_pieces(
                receive, split, limit=limit, seconds=self._read_seconds
            ):
                push = replace(empty, body=piece, received_at=timezone.now())
                answer = await self._store(door, push)
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    return answer
        return answer

    async def _store(self, door: Door, push: Push) -> Answer:
        parcel, answer = await self._prepared(door, push)
        if parcel is None:
            return answer
        try:
            await self._pipelined.commit(parcel)
        except DuplicateReceiptError:
            key = push.request.idempotency_key() or ""
            return await self._in_thread(lambda: earlier_answer(push, key)) or answer
        return answer

    async def _prepared(self, door: Door, push: Push) -> tuple[Parcel | None, Answer]:
        size = unpacked_size(push.body, door.encoding(push.request.headers))
        if not self._quickness.expects(door, push, size):
            prepared = await self._in_thread(lambda: _prepared(door, push, self._refs))
        else:
            with self._quickness.watching(push):
                prepared = _prepared(door, push, self._refs)
        self._look_up_when_due()
        return prepared

    def _look_up_when_due(self) -> None:
        """Ask for new series a moment after they came, with one of the next pushes."""
        moment = time.monotonic()
        if not self._refs.wants or moment < self._look_up_at:
            return
        if self._look_up_at:
            self._look_up_at = math.inf
            self._pool.submit(self._look_up_refs)
        else:
            self._look_up_at = moment + _REGISTERED_SECONDS

    def _look_up_refs(self) -> None:
        """Without the references samples go on coming with their labels."""
        try:
            _connected(lambda: self._refs.look_up(now=timezone.now()))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Series are not looked up, the database is away: %s", error)
        finally:
            self._look_up_at = 0.0

    async def _sender(self, door: Door, request: PushRequest) -> Sender:
        secret = _secret(door, request)
        refuse_announced(request.headers, limit=_announced_limit(door))
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


def _prepared(door: Door, push: Push, refs: SeriesRefs) -> tuple[Parcel | None, Answer]:
    return prepare(door, replace(push, body=unpacked(door, push)), refs)


def _secret(door: Door, request: PushRequest) -> str:
    """Return the token that the request carries. Raises RefusedError."""
    for read in door.credentials:
        secret = read(request.headers, request.parameters)
        if secret is not None:
            return secret
    raise unauthenticated(
        "Send a token with the permission “ingest”: Authorization: Bearer TOKEN.",
        door.challenge,
    )


def _announced_limit(door: Door) -> int:
    """A body that is stored piece by piece may be of any size."""
    return settings.INGEST_MAX_BODY_BYTES if door.split is None else sys.maxsize


def _not_allowed(door: Door, request: PushRequest) -> RefusedError:
    return RefusedError(
        405,
        "method_not_allowed",
        f"{request.method} is not allowed here.",
        headers={"Allow": ", ".join(sorted(_READS | door.methods))},
    )
