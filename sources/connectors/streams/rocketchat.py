"""Follows a Rocket.Chat: its log over DDP, and how busy it is.

Live entries come by the stream stream-stdout; what was said while nobody listened
stands in GET /api/v1/stdout.queue, which is read after every connect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from typing_extensions import override
from websockets.asyncio.client import ClientConnection

from sources.connectors.streams import ddp
from sources.connectors.streams.activity import Heard, of_presence, of_statistics
from sources.connectors.streams.connector import Streaming
from sources.connectors.streams.feed import Assignment
from sources.connectors.streams.network import Http, StreamError, require_good, told
from sources.connectors.streams.parcels import Parcel, Point
from sources.connectors.streams.stdout import Entry, Log, entry_of
from sources.connectors.streams.websocket import LOGIN_SECONDS, SocketFeed

_LOGIN, _LOG, _MESSAGES, _STATUS = "login", "log", "messages", "status"
_LOG_STREAM = "stream-stdout"
_MESSAGE_STREAM, _STATUS_STREAM = "stream-room-messages", "stream-notify-logged"
# The queue holds the last thousand entries.
_MAX_QUEUE_BYTES = 32 * 2**20
_MAX_FIGURES_BYTES = 8 * 2**20
_QUEUE, _STATISTICS = "/api/v1/stdout.queue", "/api/v1/statistics"
_PRESENCE = "/api/v1/users.presence"
_FORBIDDEN = {401, 403}
_NO_LOG = (
    "Rocket.Chat does not let this user read the log ({reason}): give the user a role "
    "with the permission view-logs. From version 8 on there is no such log: follow the "
    "container's log, or let it push to Loki's address here."
)


class RocketChatFeed(SocketFeed):
    """One WebSocket for the log and what users do, and REST for the rest."""

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._log = Log(self.position)
        # Live entries, until those before them are known.
        self._waiting: list[Entry] | None = None
        self._heard = Heard()
        self._http: Http | None = None
        self._wants_log: bool = self.config.get("logs", True)
        self._wants_activity: bool = self.config.get("activity", True)
        self._handlers: Mapping[str, Callable[[list[Any]], None]] = {
            _MESSAGE_STREAM: lambda args: self._heard.message(),
            _STATUS_STREAM: self._heard.status,
        }

    @property
    @override
    def url(self) -> str:
        parts = urlsplit(self.config["url"])
        scheme = "wss" if parts.scheme == "https" else "ws"
        path = f"{parts.path.rstrip('/')}/websocket"
        return f"{scheme}://{parts.netloc}{path}"

    @override
    async def shut(self) -> None:
        if self._http is not None:
            await self._http.close()

    # --- The conversation --------------------------------------------------------------

    @override
    async def talk(self, socket: ClientConnection) -> None:
        await socket.send(ddp.CONNECT)
        await self._await(socket, "connected", "failed")
        login = ddp.method(_LOGIN, "login", {"resume": self.config["token"]})
        await socket.send(login)
        answer = await self._await(socket, "result")
        if answer.error:
            raise StreamError(f"Rocket.Chat refuses the token: {answer.error}.")
        self._waiting = [] if self._wants_log else None
        reporting = asyncio.create_task(self._report())
        try:
            await self._listen(socket)
        finally:
            reporting.cancel()

    async def _await(self, socket: ClientConnection, *kinds: str) -> ddp.Told:
        """Return the first message of these kinds; a ping in between is answered."""
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                while True:
                    found = await self._next(socket)
                    if found.kind == "failed":
                        raise StreamError("The server speaks another version of DDP.")
                    if found.kind in kinds:
                        return found
        except TimeoutError:
            raise StreamError("The server does not answer as a Rocket.Chat.") from None

    async def _next(self, socket: ClientConnection) -> ddp.Told:
        """Raises StreamError when nothing comes for too long."""
        found = ddp.parse(await self.heard(socket))
        if found.kind == "ping":
            await socket.send(ddp.pong(found))
        return found

    async def _listen(self, socket: ClientConnection) -> None:
        if self._wants_log:
            await socket.send(ddp.subscribe(_LOG, _LOG_STREAM, "stdout"))
        else:
            self._is_connected()
        if self._wants_activity:
            await socket.send(
                ddp.subscribe(_MESSAGES, _MESSAGE_STREAM, "__my_messages__")
            )
            await socket.send(ddp.subscribe(_STATUS, _STATUS_STREAM, "user-status"))
        while True:
            await self._hear(await self._next(socket))

    def _is_connected(self) -> None:
        self.status.connected()
        self.buffer.nudge()

    async def _hear(self, found: ddp.Told) -> None:
        """Raises StreamError when the log is not to be had."""
        if found.kind == "ready" and _LOG in found.subscriptions:
            self._is_connected()
            await self._back_fill()
        elif found.kind == "nosub":
            self._refused(found.id, found.error or "no reason given")
        elif found.kind == "changed":
            self.backoff.reset()
            name, args = found.event
            if name == _LOG_STREAM:
                await self._bring_live(_entries(args))
            elif name in self._handlers:
                self._handlers[name](args)

    async def _bring_live(self, entries: list[Entry]) -> None:
        if self._waiting is None:
            await self._bring(self._log.live(entries))
        else:
            self._waiting += entries

    def _refused(self, subscription: str, reason: str) -> None:
        if subscription == _LOG:
            raise StreamError(_NO_LOG.format(reason=reason))
        names = {_MESSAGES: "messages", _STATUS: "states of users"}
        about = names.get(subscription, subscription)
        self.status.trouble(about, f"Rocket.Chat does not tell of {about}: {reason}.")

    async def _bring(self, entries: list[Entry]) -> None:
        if entries:
            size = sum(len(entry.text.encode()) for entry in entries)
            records = [entry.record for entry in entries]
            await self.deliver(Parcel(records, size=size, position=self._log.position))

    # --- REST --------------------------------------------------------------------------

    async def _back_fill(self) -> None:
        """Bring what was written while nobody listened; live entries wait meanwhile."""
        found = await self._asked(_QUEUE, _MAX_QUEUE_BYTES, "the log's queue")
        queue = found.get("queue") if isinstance(found, Mapping) else None
        if isinstance(queue, list):
            await self._bring(self._log.missed(_entries(queue)))
        waiting, self._waiting = self._waiting or [], None
        await self._bring(self._log.live(waiting))

    async def _report(self) -> None:
        every = float(self.config.get("statistics_seconds", 60))
        while self._wants_activity:
            await self._tell_figures()
            await asyncio.sleep(every)

    async def _tell_figures(self) -> None:
        """Statistics need a permission; who is there, any user may know."""
        ts_ms = time.time_ns() // 10**6
        statistics = await self._asked(_STATISTICS, _MAX_FIGURES_BYTES, "statistics")
        presence = await self._asked(_PRESENCE, _MAX_FIGURES_BYTES, "users' presence")
        by_series: dict[tuple[str, str], Point] = {}
        for point in (
            *of_statistics(statistics, ts_ms),
            *of_presence(presence, ts_ms),  # the newer figures
            *self._heard.points(ts_ms),
        ):
            by_series[point.name, point.labels.get("status", "")] = point
        await self.deliver(Parcel(points=list(by_series.values())))

    async def _asked(self, path: str, limit: int, about: str) -> Any:
        """Return what REST answers; None, and why at the source, where it refuses."""
        if self._http is None:
            self._http = Http(self.config)
        headers = {
            "X-Auth-Token": self.config["token"],
            "X-User-Id": self.config["user_id"],
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        url = self.config["url"].rstrip("/") + path
        problem = ""
        try:
            async with self._http.ask("GET", url, headers=headers) as answer:
                if answer.status in _FORBIDDEN:
                    problem = "the user, its id or its permissions do not allow it"
                    return None
                await require_good(answer, url)
                return orjson.loads(await answer.body(limit))
        except (StreamError, orjson.JSONDecodeError) as error:
            problem = str(error).rstrip(".")
        except Exception as error:
            problem = told(error).rstrip(".")
            if not problem:
                raise
        finally:
            told_so = f"Rocket.Chat does not give {about}: {problem}."
            self.status.trouble(about, told_so if problem else "")
        return None


def _entries(args: list[Any]) -> list[Entry]:
    return [entry for one in args if (entry := entry_of(one)) is not None]


class RocketChatStream(Streaming):
    """Follows one Rocket.Chat."""

    feed = RocketChatFeed
