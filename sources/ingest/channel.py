"""Pushes straight from their connection: HTTP/1.1 of the shape that senders send.

A push of a thousand samples cost the web process as much in Twisted's HTTP, daphne's
requests and the messages of ASGI as in being decoded. So a request that is plainly a
push, one POST with a length and nothing unusual, is read here and given to the edge.
With the first request that is anything else the connection is daphne's for good, which
also answers whatever is wrong with it.

Source: RFC 9112; what is taken here is a strict part of it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from daphne.http_protocol import HTTPFactory
from twisted.internet.interfaces import IProtocol, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper
from typing_extensions import override

from sources.ingest.application import Asked, IngestEdge
from sources.ingest.bodies import DisconnectedError
from sources.ingest.refusals import Answer
from sources.ingest.waiting import headers_of

logger = logging.getLogger(__name__)

# Whoever says nothing for so long is let go, as Twisted does.
IDLE_SECONDS: Final = 60
# Larger bodies are daphne's, which keeps them on disk while they come.
MOST_BODY = 2**18
_END = b"\r\n\r\n"
_HEAD = re.compile(
    rb"POST (/[!-~]*) HTTP/1\.1((?:\r\n[-0-9A-Za-z]+:[ \t]*[ -~]*)+)", re.ASCII
)
# With these there is more to a request than its head and a body of known length.
_UNUSUAL = frozenset(
    {b"transfer-encoding", b"expect", b"upgrade", b"connection", b"te", b"trailer"}
)
_KEEP_ALIVE = b"keep-alive"


def take_connections(edge: IngestEdge) -> None:
    """Let daphne's new connections be the edge's while they bring nothing but pushes."""
    ordinary = HTTPFactory.buildProtocol

    def build(factory: HTTPFactory, address: Any) -> PushChannel:
        return PushChannel(edge, lambda: ordinary(factory, address))

    HTTPFactory.buildProtocol = build


class PushChannel(Protocol):
    """One connection. `ordinary` makes the protocol of those that are not only pushes."""

    def __init__(self, edge: IngestEdge, ordinary: Callable[[], IProtocol]) -> None:
        self._edge, self._ordinary = edge, ordinary
        self._received = b""
        self._asked: Asked | None = None
        self._missing = 0
        self._task: asyncio.Task[None] | None = None
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_lost = self._is_paused = False

    @override
    def connectionMade(self) -> None:
        if ISSLTransport.providedBy(self.transport):  # It may yet be HTTP/2.
            self._hand_over()
        else:
            self._heard_at = time.monotonic()
            self._watch()

    @override
    def dataReceived(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if self._task is None:
            self._heard_at = time.monotonic()
            self._go_on()
        elif len(self._received) > MOST_BODY:
            self._is_paused = True
            self._transport.pauseProducing()

    @override
    def connectionLost(self, reason: Any = None) -> None:
        """What is being committed is: its sender will send it again."""
        self._is_lost = True
        self._stop_watching()

    @property
    def _transport(self) -> Any:
        return self.transport

    def _watch(self) -> None:
        """Look at the time as seldom as it may have run out."""
        left = self._heard_at + IDLE_SECONDS - time.monotonic()
        if self._task is not None:
            left = IDLE_SECONDS
        if left <= 0:
            self._transport.loseConnection()
            return
        self._timer = asyncio.get_running_loop().call_later(left, self._watch)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        if self._asked is None and not self._read_head():
            self._hand_over()
            return
        if len(self._received) < self._missing:
            return
        asked, self._asked = self._asked, None
        if asked is None:
            return
        body = self._received[: self._missing]
        self._received = self._received[self._missing :]
        self._task = asyncio.ensure_future(self._serve(asked, body))
        self._task.add_done_callback(self._served)

    def _read_head(self) -> bool:
        """Find the next push in what has come. Whether it is one that is served here."""
        head, end, rest = self._received.partition(_END)
        scope = _scope(head) if end else None
        if scope is None:
            return False
        length = _length(scope["headers"])
        asked = None if length is None else self._edge.asked_of(scope)
        if asked is None or length is None:
            return False
        self._asked, self._missing, self._received = asked, length, rest
        return True

    async def _serve(self, asked: Asked, body: bytes) -> None:
        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        try:
            answer = await self._edge.answer(asked, receive)
        except DisconnectedError:
            return
        except Exception:
            logger.exception("A push could not be answered.")
            answer = Answer.text(500, "Internal Server Error\n")
        if not self._is_lost:
            self._transport.write(_response(answer))

    def _served(self, _task: asyncio.Task[None]) -> None:
        self._task = None
        if self._is_lost:
            return
        self._heard_at = time.monotonic()
        if self._is_paused:
            self._is_paused = False
            self._transport.resumeProducing()
        if self._received:
            self._go_on()

    def _hand_over(self) -> None:
        """Give the connection to an ordinary protocol, with what has come."""
        self._stop_watching()
        protocol: Any = self._ordinary()
        if isinstance(self._transport, ProtocolWrapper):
            self._transport.wrappedProtocol = protocol
        else:
            self._transport.protocol = protocol
        protocol.makeConnection(self._transport)
        if self._received:
            protocol.dataReceived(self._received)


def _scope(head: bytes) -> dict[str, Any] | None:
    """Return the scope of ASGI, as far as the edge reads it; None if it is unusual."""
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    target, lines = found.groups()
    headers = []
    for line in lines[2:].split(b"\r\n"):
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(b" \t")))
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "method": "POST",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
    }


def _length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return how long the body is; None if it is not said plainly, or too long."""
    given = dict(headers)
    length = given.get(b"content-length", b"")
    if len(given) < len(headers) or not length.isdigit():
        return None
    for name in _UNUSUAL.intersection(given):
        if name != b"connection" or given[name].lower() != _KEEP_ALIVE:
            return None
    return size if (size := int(length)) <= MOST_BODY else None


def _response(answer: Answer) -> bytes:
    head = [
        b"HTTP/1.1 %d %s" % (answer.status, HTTPStatus(answer.status).phrase.encode()),
        b"server: daphne",
        b"date: " + formatdate(usegmt=True).encode(),
    ]
    head += [name + b": " + value for name, value in headers_of(answer)]
    return b"\r\n".join([*head, b"", answer.content])
