"""Graylog's GELF 1.1: one JSON object a message, over HTTP, TCP or UDP."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from monitoring.telemetry import LogBatch
from sources.protocols import Decoded, MalformedBodyError, Terms
from sources.protocols.json_documents import (
    BOM,
    TooDeepError,
    concatenated,
    flattened,
)
from sources.protocols.log_rows import LogRows, level_of_severity

_KNOWN = frozenset(
    {"version", "host", "short_message", "message", "full_message", "timestamp"}
    | {"level"}
)
_CONTAINER = "container_name"


class GelfError(ValueError):
    """A message or datagram that is not GELF; the text says why."""


def decode(body: bytes, terms: Terms) -> Decoded[LogBatch]:
    """Read a body of one message or of several. Raises MalformedBodyError."""
    return decode_messages([body], terms)


def decode_messages(bodies: Iterable[bytes], terms: Terms) -> Decoded[LogBatch]:
    """Read unpacked messages: TCP frames, datagrams, bodies.

    What is not JSON is rejected alone. Raises MalformedBodyError when there is nothing
    to reject either.
    """
    rows = LogRows(terms)
    place = 0
    for body in bodies:
        try:
            for message in concatenated(body.removeprefix(BOM)):
                place += 1
                _add(rows, place - 1, message)
        except MalformedBodyError as error:
            rows.reject(place, str(error))
            place += 1
    if not place:
        raise MalformedBodyError("The body is empty: send a GELF message.")
    return rows.decoded()


def _add(rows: LogRows, place: int, message: Any) -> None:
    try:
        if not isinstance(message, dict):
            raise GelfError("a GELF message is a JSON object")  # noqa: TRY301 - one place refuses
        fields = _fields(message)
        labels = {"host": _text(message, "host")}
        if isinstance(fields.get(_CONTAINER), str):
            labels[_CONTAINER] = fields.pop(_CONTAINER)
        rows.add(
            place,
            _line(message),
            time=message.get("timestamp"),
            level=level_of_severity(message.get("level", 1)),
            labels=labels,
            fields=fields,
        )
    except (GelfError, TooDeepError) as error:
        rows.reject(place, str(error))


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value.strip():
        raise GelfError(f"{name} is required, and not empty")
    return value


def _line(message: dict[str, Any]) -> str:
    """The full message where it says more: a stack trace begins with the short one."""
    known = "short_message" in message or "message" not in message
    short = _text(message, "short_message" if known else "message")
    full = message.get("full_message")
    if not isinstance(full, str) or not full.strip():
        return short
    return full if full.startswith(short) else f"{short}\n{full}"


def _fields(message: dict[str, Any]) -> dict[str, Any]:
    """Additional fields begin with _; facility, file and line are those of GELF 1.0."""
    return flattened(
        {
            name.removeprefix("_"): value
            for name, value in message.items()
            if name not in _KNOWN
        }
    )


# --- TCP ------------------------------------------------------------------------------


@dataclass(slots=True)
class NullFrames:
    """Cuts a TCP stream at its NUL bytes. A frame beyond `limit` is let go by."""

    limit: int
    dropped: int = 0
    _rest: bytearray = field(default_factory=bytearray)
    _skipping: bool = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the frames that are whole now."""
        self._rest += piece
        *frames, rest = bytes(self._rest).split(b"\0")
        if frames and self._skipping:
            frames, self._skipping = frames[1:], False
        if len(rest) > self.limit:
            self.dropped += not self._skipping
            self._skipping, rest = True, b""
        self._rest = bytearray(rest)
        self.dropped += sum(len(frame) > self.limit for frame in frames)
        return [f for f in frames if f.strip() and len(f) <= self.limit]

    def end(self) -> list[bytes]:
        """Return what came after the last NUL, when the sender closes."""
        rest, skipping = bytes(self._rest), self._skipping
        self._rest, self._skipping = bytearray(), False
        return [rest] if rest.strip() and not skipping else []


# --- UDP ------------------------------------------------------------------------------

_MAGIC = b"\x1e\x0f"
_HEADER = 12
MAX_CHUNKS = 128
# All chunks of a message come within this time, says the specification.
CHUNK_SECONDS = 5.0


@dataclass(slots=True)
class _Partial:
    since: float
    total: int
    size: int = 0
    pieces: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Chunks:
    """Puts the datagrams of chunked messages together.

    At most `messages` unfinished ones of `limit` bytes in all are held; the oldest goes
    first. `dropped` counts what was never finished.
    """

    limit: int = 16 * 2**20
    messages: int = 1000
    dropped: int = 0
    _held: int = 0
    _partials: OrderedDict[tuple[object, bytes], _Partial] = field(
        default_factory=OrderedDict
    )

    def feed(self, datagram: bytes, sender: object, *, now: float) -> bytes | None:
        """Return a message that is whole now, still packed.

        `now` is in seconds of any clock. Raises GelfError.
        """
        self._expire(now)
        if datagram[:2] != _MAGIC:
            return datagram
        number, total = _numbers(datagram)
        key = (sender, datagram[2:10])
        partial = self._partials.setdefault(key, _Partial(now, total))
        if partial.total != total:
            raise GelfError(
                f"a chunk says {total} chunks, earlier ones {partial.total}"
            )
        if number not in partial.pieces:
            partial.pieces[number] = datagram[_HEADER:]
            partial.size += len(datagram) - _HEADER
            self._held += len(datagram) - _HEADER
        if len(partial.pieces) == total:
            self._forget(key)
            return b"".join(partial.pieces[place] for place in range(total))
        while self._held > self.limit or len(self._partials) > self.messages:
            self._drop_oldest()
        return None

    def _expire(self, now: float) -> None:
        while self._partials:
            if next(iter(self._partials.values())).since + CHUNK_SECONDS > now:
                return
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._forget(next(iter(self._partials)))
        self.dropped += 1

    def _forget(self, key: tuple[object, bytes]) -> None:
        self._held -= self._partials.pop(key).size


def _numbers(datagram: bytes) -> tuple[int, int]:
    if len(datagram) < _HEADER:
        raise GelfError("a chunk is shorter than its header")
    number, total = datagram[10], datagram[11]
    if not 0 < total <= MAX_CHUNKS or number >= total:
        raise GelfError(f"chunk {number} of {total}: there are at most {MAX_CHUNKS}")
    return number, total


def unpacked(message: bytes, *, limit: int) -> bytes:
    """Undo the packing of a datagram: gzip, zlib or none. Raises GelfError."""
    wbits = {b"\x1f\x8b": 31}.get(message[:2], 15 if message[:1] == b"\x78" else 0)
    if not wbits:
        return message
    stream = zlib.decompressobj(wbits)
    try:
        found = stream.decompress(message, limit + 1)
    except zlib.error as error:
        raise GelfError(f"the message is not valid gzip or zlib: {error}") from None
    if len(found) > limit:
        raise GelfError(f"the message has more than {limit} bytes unpacked")
    if not stream.eof:
        raise GelfError("the packed message ends too early")
    return found
