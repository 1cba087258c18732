"""Frames of syslog: what one message is, in a datagram and in a stream.

What a message says (RFC 3164 and 5424) is read by the formats of the pipeline, as for
every other line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_BOM = b"\xef\xbb\xbf"
# `LEN SP` of RFC 6587: no message is as long as more digits say.
_COUNT = re.compile(rb"[1-9]\d{0,8}")
_PRIORITY = re.compile(rb"<\d{1,3}>")
_NEXT = re.compile(rb"\n(?=<\d{1,3}>)")


def of_datagram(datagram: bytes) -> list[bytes]:
    """Return the messages of a datagram: usually one, but some senders batch them.

    A message with a priority may have lines of its own.
    """
    begins = _PRIORITY.match(datagram) is not None
    return _clean(_NEXT.split(datagram) if begins else datagram.split(b"\n"))


def _clean(frames: Sequence[bytes]) -> list[bytes]:
    """Drop line ends, the NUL that some senders add, and the mark that says UTF-8."""
    stripped = (frame.rstrip(b"\r\n\0") for frame in frames)
    return [_without_bom(frame) for frame in stripped if frame.strip()]


def _without_bom(frame: bytes) -> bytes:
    return frame.removeprefix(_BOM).replace(b" " + _BOM, b" ", 1)


@dataclass(slots=True)
class StreamFrames:
    """Cuts a TCP or TLS stream into messages, frame by frame.

    A frame that begins with a digit counts its octets, another ends with a newline
    (RFC 6587). What is longer than `limit` is let go by and counted in `dropped`.
    """

    limit: int
    dropped: int = 0
    _rest: bytearray = field(default_factory=bytearray)
    # Octets that are still to be passed over; -1: up to the next newline.
    _skip: int = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the messages that are whole now."""
        self._rest += piece
        data, place = bytes(self._rest), 0
        frames: list[bytes] = []
        while True:
            after = self._passed_over(data, place)
            if after is None:
                place = len(data)
                break
            place = after
            found = self._next(data, place)
            if found is None:
                break
            frame, place = found
            frames.append(frame)
        self._rest = bytearray(data[place:])
        return _clean(frames)

    def end(self) -> list[bytes]:
        """Return what came last, when the sender closes without ending the frame."""
        rest, skipping = bytes(self._rest), self._skip
        self._rest, self._skip = bytearray(), 0
        head, space, message = rest.partition(b" ")
        counted = space and head.isdigit()
        return [] if skipping else _clean([message if counted else rest])

    def _passed_over(self, data: bytes, place: int) -> int | None:
        """Return where the next frame begins, None when it has not come yet."""
        if self._skip > 0:
            passed = min(self._skip, len(data) - place)
            self._skip -= passed
            return place + passed if not self._skip else None
        if self._skip < 0:
            end = data.find(b"\n", place)
            if end < 0:
                return None
            self._skip, place = 0, end + 1
        # Some senders end counted frames with a newline too.
        while data[place : place + 1] in {b"\n", b"\r", b"\0"}:
            place += 1
        return place

    def _next(self, data: bytes, place: int) -> tuple[bytes, int] | None:
        """Return the frame and what is behind it, None when it is not whole yet."""
        count = _COUNT.match(data, place)
        if count is None or data[count.end() : count.end() + 1] not in {b"", b" "}:
            return self._line(data, place)
        start = count.end() + 1
        if start > len(data):
            return None
        return self._octets(data, start, int(count[0]))

    def _octets(self, data: bytes, start: int, size: int) -> tuple[bytes, int] | None:
        if size > self.limit:
            self.dropped += 1
            self._skip = size
            return b"", start
        end = start + size
        return (data[start:end], end) if end <= len(data) else None

    def _line(self, data: bytes, place: int) -> tuple[bytes, int] | None:
        end = data.find(b"\n", place)
        if (end if end >= 0 else len(data)) - place <= self.limit:
            return (data[place:end], end + 1) if end >= 0 else None
        self.dropped += 1
        if end < 0:
            self._skip = -1
        return b"", end + 1 if end >= 0 else len(data)
