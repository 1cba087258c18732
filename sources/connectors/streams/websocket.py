"""Follows a WebSocket: what is said after it opens, and what is made of what comes."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import orjson
from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from accounts.services.guarded_network import resolve
from sources.connectors.client_settings import USER_AGENT, context_of
from sources.connectors.streams.connector import Streaming
from sources.connectors.streams.extraction import Extracted, Extractor
from sources.connectors.streams.feed import Assignment, LoopFeed
from sources.connectors.streams.network import (
    CONNECT_SECONDS,
    StreamError,
    headers_of,
)
from sources.connectors.streams.parcels import Parcel
from sources.connectors.streams.paths import Path, text_of
from sources.connectors.streams.templates import filled, filled_url

LOGIN_SECONDS = 15.0
_SHOWN = 200
_PORTS = {"ws": 80, "wss": 443}


class SocketFeed(LoopFeed):
    """A feed over a WebSocket; a subclass knows the conversation."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where to connect to."""

    @abstractmethod
    async def talk(self, socket: ClientConnection) -> None:
        """Say what must be said, and deliver what comes until the connection ends."""

    @override
    async def follow(self) -> None:
        async with self._connected() as socket:
            await self.talk(socket)

    async def heard(self, socket: ClientConnection) -> str:
        """Return the next message. Raises StreamError when none comes for too long."""
        idle = self.config.get("idle_timeout_seconds") or None
        try:
            async with asyncio.timeout(idle):
                message = await socket.recv()
        except TimeoutError:
            raise StreamError(f"Nothing was said for {idle:g} s.") from None
        self.status.messages += 1
        if isinstance(message, bytes):
            return message.decode("utf-8", "replace")
        return message

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[ClientConnection]:
        parts = urlsplit(self.url)
        port = parts.port or _PORTS[parts.scheme]
        host = parts.hostname or ""
        async with asyncio.timeout(CONNECT_SECONDS):
            addresses = await resolve(host, port)
        options: dict[str, Any] = {"host": addresses[0], "port": port}
        if parts.scheme == "wss":
            options["ssl"] = context_of(self.config)
            options["server_hostname"] = self.config.get("tls_server_name") or host
        names = self.config.get("subprotocols") or []
        headers = headers_of(self.config)
        every = self.config.get("ping_seconds", 20) or None
        async with connect(
            self.url,
            additional_headers={k: v for k, v in headers.items() if k != "User-Agent"},
            user_agent_header=headers.get("User-Agent", USER_AGENT),
            subprotocols=[Subprotocol(name) for name in names] or None,
            proxy=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=2,
            ping_interval=every,
            ping_timeout=every,
            max_size=self.config.get("max_message_bytes", 2**20),
            max_queue=16,
            **options,
        ) as socket:
            yield socket


class Reply:
    """An answer that the protocol above the WebSocket wants to some messages."""

    def __init__(self, rule: Mapping[str, Any]) -> None:
        self._path = Path(rule["path"])
        self._wanted = rule.get("equals")
        self.text: str = rule["send"]

    def fits(self, message: str) -> bool:
        return is_said(self._path, self._wanted, message)


def is_said(path: Path, wanted: Any, message: str) -> bool:
    """Whether a message says that; with nothing wanted, whether it says anything."""
    try:
        found = path.first(orjson.loads(message))
    except orjson.JSONDecodeError:
        return False
    if wanted in (None, ""):
        return found is not None
    return found is not None and text_of(found) == text_of(wanted)


class WebSocketFeed(SocketFeed):
    """Says what the settings say, and reads messages as they describe them."""

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._extractor = Extractor(self.config)
        self._extractor.skip([self.position["id"]] if self.position.get("id") else [])
        self._replies = [Reply(rule) for rule in self.config.get("replies") or []]
        login = self.config.get("login_path")
        self._login = Path(login) if login else None

    @property
    @override
    def url(self) -> str:
        return filled_url(self.config["url"], self._values())

    @property
    @override
    def notes(self) -> list[str]:
        return self._extractor.problems

    def _values(self) -> dict[str, str]:
        """Return what placeholders stand for."""
        return {
            **(self.config.get("secrets") or {}),
            "last_id": self.position.get("id", ""),
            "last_time": self.position.get("time", ""),
        }

    @override
    async def talk(self, socket: ClientConnection) -> None:
        for text in self.config.get("handshake") or []:
            await socket.send(filled(text, self._values()))
        await self._log_in(socket)
        for text in self.config.get("subscribe") or []:
            await socket.send(filled(text, self._values()))
        resume = self.config.get("resume_message")
        if resume and (self.position.get("id") or self.position.get("time")):
            await socket.send(filled(resume, self._values()))
        self.status.connected()
        self.buffer.nudge()
        while True:
            await self._take(socket, await self.heard(socket))

    async def _log_in(self, socket: ClientConnection) -> None:
        """Raises StreamError unless the server says that we are in."""
        if self.config.get("login_message"):
            await socket.send(filled(self.config["login_message"], self._values()))
        if self._login is None:
            return
        wanted, last = self.config.get("login_equals", ""), "nothing"
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                while True:
                    last = await self.heard(socket)
                    if is_said(self._login, wanted, last):
                        return
                    await self._answer(socket, last)
        except TimeoutError:
            raise StreamError(
                f"The login was not answered as expected; the last that came: "
                f"{json.dumps(last[:_SHOWN], ensure_ascii=False)}."
            ) from None

    async def _answer(self, socket: ClientConnection, message: str) -> bool:
        """Return whether the message was one that wants a reply."""
        for reply in self._replies:
            if reply.fits(message):
                await socket.send(filled(reply.text, self._values()))
                return True
        return False

    async def _take(self, socket: ClientConnection, message: str) -> None:
        self.backoff.reset()
        if await self._answer(socket, message):
            return
        found = self._extractor.read(message)
        if found.records:
            self._advance(found)
            size = len(message.encode())
            position = dict(self.position) or None
            await self.deliver(Parcel(found.records, size=size, position=position))

    def _advance(self, found: Extracted) -> None:
        if found.last_id:
            self.position["id"] = found.last_id
        if found.last_time:
            self.position["time"] = found.last_time


class WebSocketStream(Streaming):
    """Follows the WebSocket of one source."""

    feed = WebSocketFeed
