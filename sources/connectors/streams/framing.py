"""Where messages end in a body that never does. Pure, and fed as bytes come."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sources.connectors.streams.network import StreamError

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


class Lines:
    """Lines that end in a newline."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._rest = most_bytes, b""

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that are whole now. Raises StreamError for one too long."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        _require_small(len(self._rest), self._most)
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]

    def end(self) -> list[str]:
        """Return what came behind the last newline."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest.strip() else []


class Documents:
    """JSON objects and lists one behind the other, with anything blank between."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._data = most_bytes, b""
        self._at = self._depth = 0
        self._in_text = False

    def feed(self, chunk: bytes) -> list[str]:
        """Return the documents that are whole now. Raises StreamError for one too long."""
        self._data += chunk
        found = list(self._documents())
        _require_small(len(self._data), self._most)
        return found

    def end(self) -> list[str]:
        rest, self._data = self._data.strip(b" \t\r\n,\x1e"), b""
        self._at = self._depth = 0
        return [rest.decode("utf-8", "replace")] if rest else []

    def _documents(self) -> Iterator[str]:
        while mark := (_INSIDE if self._in_text else _OUTSIDE).search(
            self._data, self._at
        ):
            self._at = mark.end()
            sign = mark[0]
            if sign == b"\\":
                if self._at == len(self._data):
                    self._at -= 1  # what is escaped is still to come
                    return
                self._at += 1
            elif sign == b'"':
                self._in_text = not self._in_text
            elif sign in b"{[":
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    yield self._cut()
        self._at = len(self._data)

    def _cut(self) -> str:
        whole, self._data = self._data[: self._at], self._data[self._at :]
        self._at = 0
        return whole.strip(b" \t\r\n,\x1e").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a server sends it; `id` is the last that was set."""

    data: str
    id: str
    name: str


class Events:
    """Server-sent events, as the HTML standard parses them."""

    def __init__(self, most_bytes: int, last_id: str = "") -> None:
        self.last_id = last_id
        self.retry_ms: int | None = None
        self._most, self._rest = most_bytes, ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._data: list[str] = []
        self._name = ""
        self._id = last_id
        self._begun = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that are whole now. Raises StreamError for one too long."""
        text = self._rest + self._decoder.decode(chunk)
        if not self._begun and text:
            text, self._begun = text.removeprefix("\ufeff"), True
        # A carriage return at the end may be the half of a line's end.
        held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n")
        *lines, rest = text.split("\n")
        self._rest = rest + held
        events = [event for line in lines if (event := self._line(line))]
        _require_small(len(self._rest) + sum(map(len, self._data)), self._most)
        return events

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatched()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value[:9])
        return None

    def _dispatched(self) -> Event | None:
        self.last_id = self._id
        data, name = "\n".join(self._data), self._name
        had, self._data, self._name = bool(self._data), [], ""
        return Event(data, self.last_id, name) if had and data else None


def _require_small(size: int, most: int) -> None:
    if size > most:
        raise StreamError(f"A message has more than {most:,} bytes.")
