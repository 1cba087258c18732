"""Follows an answer that does not end, or asks for more every few seconds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urljoin, urlsplit

import orjson
from typing_extensions import override

from sources.connectors.streams.connector import Streaming
from sources.connectors.streams.extraction import Extracted, Extractor
from sources.connectors.streams.feed import Assignment, LoopFeed
from sources.connectors.streams.framing import Documents, Events, Lines
from sources.connectors.streams.network import (
    Answer,
    Http,
    StreamError,
    require_good,
)
from sources.connectors.streams.parcels import Parcel, Record
from sources.connectors.streams.paths import Path, text_of
from sources.connectors.streams.templates import filled, filled_url

_NOT_MODIFIED, _NO_CONTENT = 304, 204
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)
# Pages are asked for one after the other, but not for ever without a pause.
_PAGES_AT_ONCE = 100
_ACCEPT = {
    "sse": "text/event-stream",
    "lines": "application/x-ndjson, text/plain, */*",
    "json": "application/json, */*",
    "poll": "*/*",
}


class HttpFeed(LoopFeed):
    """Reads one URL in the way its mode says."""

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self._extractor = Extractor(self.config)
        self._extractor.skip(list(self.position.get("ids", ())))
        self._recent: list[str] = list(self.position.get("ids", ()))
        self._mode: str = self.config.get("mode", "lines")
        self._most: int = self.config.get("max_message_bytes", 2**20)
        cursor = self.config.get("cursor_path")
        self._cursor = Path(cursor) if cursor else None
        self._http: Http | None = None

    @property
    @override
    def notes(self) -> list[str]:
        return self._extractor.problems

    @override
    async def follow(self) -> None:
        if self._http is None:
            self._http = Http(self.config)
        if self._mode == "poll":
            await self._poll(self._http)
        else:
            await self._read(self._http)

    @override
    async def shut(self) -> None:
        if self._http is not None:
            await self._http.close()

    # --- Asking ------------------------------------------------------------------------

    def _values(self) -> dict[str, str]:
        return {
            **(self.config.get("secrets") or {}),
            "last_id": self.position.get("id", ""),
            "last_time": self.position.get("time", ""),
            "cursor": self.position.get("cursor", self.config.get("cursor_start", "")),
        }

    def _request(self) -> tuple[str, str, bytes]:
        method = self.config.get("method", "GET")
        url = filled_url(self.config["url"], self._values())
        body = filled(self.config.get("body", ""), self._values())
        return method, url, body.encode() if method == "POST" else b""

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": _ACCEPT[self._mode], "Accept-Encoding": "identity"}
        if self.config.get("body") and self.config.get("method") == "POST":
            headers["Content-Type"] = self.config.get("body_type", "application/json")
        if self._mode == "sse":
            headers["Cache-Control"] = "no-store"
            if self.position.get("id"):
                headers["Last-Event-ID"] = self.position["id"]
        return headers

    # --- An answer that goes on --------------------------------------------------------

    async def _read(self, http: Http) -> None:
        method, url, content = self._request()
        idle = self.config.get("idle_timeout_seconds") or None
        async with http.ask(
            method, url, headers=self._headers(), content=content, idle_seconds=idle
        ) as answer:
            await require_good(answer, url)
            if self._mode == "sse" and answer.status == _NO_CONTENT:
                raise StreamError("The server answered 204: it has no events to send.")
            self.status.connected()
            self.buffer.nudge()
            if self._mode == "sse":
                await self._read_events(answer)
            else:
                await self._read_messages(answer)

    async def _read_events(self, answer: Answer) -> None:
        if "text/event-stream" not in answer.headers.get("content-type", ""):
            raise StreamError("The answer is no text/event-stream.")
        events = Events(self._most, self.position.get("id", ""))
        async for chunk in answer.response.aiter_stream():
            for event in events.feed(chunk):
                found = self._extractor.read(event.data)
                if event.id:
                    self.position["id"] = event.id
                await self._bring([found], len(event.data))
            if events.retry_ms is not None:
                self.backoff.least = min(60.0, events.retry_ms / 1000)

    async def _read_messages(self, answer: Answer) -> None:
        framing = (Documents if self._mode == "json" else Lines)(self._most)
        async for chunk in answer.response.aiter_stream():
            await self._bring_all(framing.feed(chunk), len(chunk))
        await self._bring_all(framing.end(), 0)

    async def _bring_all(self, messages: Sequence[str], size: int) -> None:
        found = [self._extractor.read(m) for m in messages if m.strip()]
        for one in found:
            self._remember(one)
        await self._bring(found, size)

    def _remember(self, found: Extracted) -> None:
        if found.last_id:
            self.position["id"] = found.last_id
        if found.last_time:
            self.position["time"] = found.last_time

    async def _bring(self, found: Sequence[Extracted], size: int) -> None:
        """Deliver the records, with where it goes on behind them."""
        if not found:
            return
        self.backoff.reset()
        self.status.messages += len(found)
        records: list[Record] = [record for one in found for record in one.records]
        position = dict(self.position) or None
        if records or position:
            await self.deliver(Parcel(records, size=size, position=position))

    # --- Asking again and again --------------------------------------------------------

    async def _poll(self, http: Http) -> None:
        self.status.connected()
        every = float(self.config.get("interval_seconds", 30))
        while True:
            for _ in range(_PAGES_AT_ONCE):
                if not await self._page(http):
                    break
            self.status.error = ""
            await asyncio.sleep(every)

    async def _page(self, http: Http) -> bool:
        """Ask once; return whether there is more to be asked for at once."""
        method, url, content = self._request()
        next_url = self.position.pop("next", "")
        url = next_url or url
        headers = {**self._headers(), **({} if next_url else self._conditions())}
        async with http.ask(method, url, headers=headers, content=content) as answer:
            if answer.status == _NOT_MODIFIED:
                return False
            await require_good(answer, url)
            body = await answer.body(self._most)
        return await self._take(answer, url, body.decode("utf-8", "replace"))

    def _conditions(self) -> dict[str, str]:
        """Ask only for what is new, where nothing else in the URL says so."""
        names = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
        return {
            header: self.position[key]
            for key, header in names.items()
            if self.position.get(key)
        }

    async def _take(self, answer: Answer, url: str, body: str) -> bool:
        before = dict(self.position)
        found = self._read_body(body)
        for key, header in (("etag", "etag"), ("modified", "last-modified")):
            if answer.headers.get(header):
                self.position[key] = answer.headers[header]
        more = self._go_on(answer.headers, url, body)
        for one in found:
            self._remember(one)
        self._recent = [*self._recent, *(i for one in found for i in one.ids)][-200:]
        if self._recent:
            self.position["ids"] = self._recent
        if any(one.records for one in found) or self.position != before:
            await self._bring(found or [Extracted([])], len(body))
        return more

    def _read_body(self, body: str) -> list[Extracted]:
        """One document, or where it is none, a message on each line."""
        if self.config.get("payload", "json") == "text":
            return [self._extractor.read(body)]
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            return [self._extractor.read(m) for m in body.split("\n") if m.strip()]
        return [self._extractor.read(body)]

    def _go_on(self, headers: Mapping[str, str], url: str, body: str) -> bool:
        """Note where the next page begins; return whether there is one already."""
        if self._cursor is not None:
            cursor = _cursor_of(self._cursor, body)
            if cursor and cursor != self.position.get("cursor"):
                self.position["cursor"] = cursor
                self.position.pop("etag", None)
                return True
        link = _NEXT.search(headers.get("link", ""))
        if link:
            target = urljoin(url, link[1])
            if urlsplit(target)[:2] == urlsplit(url)[:2] and target != url:
                self.position["next"] = target
                return True
        return False


def _cursor_of(path: Path, body: str) -> str:
    try:
        return text_of(path.first(orjson.loads(body)))
    except orjson.JSONDecodeError:
        return ""


class HttpStream(Streaming):
    """Follows one URL."""

    feed = HttpFeed
