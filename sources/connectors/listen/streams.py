"""TCP and TLS: connections that are read as fast as what they bring can be stored."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol, cast

from typing_extensions import override

from sources.connectors.listen.endings import deafen, unread, waiting
from sources.connectors.listen.held import Held, Losses
from sources.connectors.listen.places import Senders
from sources.connectors.loops import LoopThread

TOO_LONG = "messages left out: they were longer than the source allows"
STRANGERS = "connections refused: their senders are in none of the allowed networks"
TOO_MANY = "connections refused: there were as many as the source allows"

_HANDSHAKE_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# When the listener ends: how long senders have to notice, and when one is done.
_FAREWELL_SECONDS = 2.0
_QUIET_SECONDS = 0.25


class Cutter(Protocol):
    """Cuts a stream into messages."""

    dropped: int

    def feed(self, piece: bytes) -> list[bytes]: ...

    def end(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """What is asked of connections."""

    cutter: Callable[[], Cutter]
    senders: Senders
    most: int
    idle_seconds: float
    context: ssl.SSLContext | None


class _Connection(asyncio.Protocol):
    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._cutter = streams.terms.cutter()
        self._sender = ""
        self.last_seen = asyncio.get_running_loop().time()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._sender = self._streams.admit(self)
        if not self._sender:
            self.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        self.last_seen = asyncio.get_running_loop().time()
        if self._sender:
            self._take(self._cutter.feed(data))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._sender:
            self._take(self._cutter.end())
            self._streams.connections.discard(self)

    def _take(self, messages: list[bytes]) -> None:
        dropped, self._cutter.dropped = self._cutter.dropped, 0
        self._streams.take(messages, self._sender, dropped)


class Streams:
    """Listens on a TCP port, in an event loop in a thread of its own."""

    def __init__(
        self, opened: socket.socket, terms: StreamTerms, held: Held, losses: Losses
    ) -> None:
        self.terms = terms
        self.connections: set[_Connection] = set()
        self._held, self._losses = held, losses
        self._is_paused = self._is_ending = False
        self._socket = opened
        self._thread = LoopThread(f"tcp-{opened.getsockname()[1]}")
        self._thread.run(self._serve(opened))

    def close(self) -> None:
        """Take what is on its way, and let go of the port and of all connections."""
        try:
            self._thread.run(self._end())
        finally:
            self._thread.close(asyncio.sleep(0))

    def go_on(self) -> None:
        """Hear that something held was stored; called from the collector's thread."""
        if self._is_paused and self._held.size < self._held.limit // 4:
            self._thread.loop.call_soon_threadsafe(self._resume)

    async def _serve(self, opened: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        secured = self.terms.context is not None
        self._server = await loop.create_server(
            lambda: _Connection(self),
            sock=opened,
            ssl=self.terms.context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if secured else None,
        )
        self._looking = loop.create_task(self._look_after_idle())

    async def _look_after_idle(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._is_paused:
                await self._end_idle()

    def admit(self, connection: _Connection) -> str:
        """Return the name of who connects, empty when that is not allowed."""
        peer = connection.transport.get_extra_info("peername")
        sender = self.terms.senders.name(peer[0]) if peer else ""
        if not sender:
            self._losses.note(STRANGERS)
            return ""
        if len(self.connections) >= self.terms.most:
            self._losses.note(TOO_MANY)
            return ""
        self.connections.add(connection)
        if self._is_paused:
            connection.transport.pause_reading()
        return sender

    def take(self, messages: list[bytes], sender: str, dropped: int) -> None:
        self._losses.note(TOO_LONG, dropped)
        if messages:
            self._held.add(messages, [sender] * len(messages), is_datagram=False)
        bearable = self._held.limit if self._is_ending else self._held.limit // 2
        if not self._is_paused and self._held.size > bearable:
            self._is_paused = True
            for connection in self.connections:
                connection.transport.pause_reading()

    def _resume(self) -> None:
        now = asyncio.get_running_loop().time()
        self._is_paused = False
        for connection in self.connections:
            connection.last_seen = now
            if not connection.transport.is_closing():
                connection.transport.resume_reading()

    async def _end_idle(self) -> None:
        oldest = asyncio.get_running_loop().time() - self.terms.idle_seconds
        silent = [one for one in self.connections if one.last_seen < oldest]
        await self._read_the_rest(silent)
        for connection in silent:
            connection.transport.close()

    # --- The end ---------------------------------------------------------------------------

    async def _end(self) -> None:
        """Let nobody lose what the system took from them in our name.

        Who waits to be accepted is; then senders hear that we write no more, upon which
        good ones close and connect anew; what they sent until then is read.
        """
        self._is_ending = True
        self._looking.cancel()
        await self._let_in_who_waits()
        self._server.close()
        if self._is_paused:
            self._resume()
        await self._say_farewell()
        await self._read_the_rest(self.connections)
        for connection in list(self.connections):
            connection.transport.abort()
        # Each hears of it in the next round of the loop, or the one behind that.
        for _ in range(3):
            await asyncio.sleep(0)

    async def _let_in_who_waits(self) -> None:
        """Accept them here, and await whom the server is accepting."""
        deafen(self._socket)
        await asyncio.gather(*[self._join(one) for one in waiting(self._socket)])
        accepted = asyncio.all_tasks() - {asyncio.current_task()}
        if accepted:
            await asyncio.wait(accepted, timeout=_FAREWELL_SECONDS)

    async def _join(self, opened: socket.socket) -> None:
        secured = self.terms.context is not None
        with contextlib.suppress(OSError):  # it speaks no TLS, or is gone again
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Connection(self),
                opened,
                ssl=self.terms.context,
                ssl_handshake_timeout=_FAREWELL_SECONDS if secured else None,
            )

    async def _say_farewell(self) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        for raw in _sockets(self.connections):
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_WR)
        while self.connections and loop.time() < start + _FAREWELL_SECONDS:
            seen = max(connection.last_seen for connection in self.connections)
            if loop.time() - max(seen, start) > _QUIET_SECONDS:
                return
            await asyncio.sleep(_QUIET_SECONDS / 10)

    async def _read_the_rest(self, connections: Collection[_Connection]) -> None:
        """Let the system acknowledge no more, and read what it has, if it can be held."""
        for raw in _sockets(connections):
            deafen(raw)
        while not self._is_paused:
            await asyncio.sleep(0)
            if not any(map(unread, _sockets(connections))):
                return


def _sockets(connections: Collection[_Connection]) -> list[socket.socket]:
    """Return those of connections that are still read."""
    return [
        connection.transport.get_extra_info("socket")
        for connection in connections
        if not connection.transport.is_closing()
    ]
