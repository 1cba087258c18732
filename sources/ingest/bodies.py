"""Reading request bodies: never more than the limit, packed or not, never forever."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from typing import Any

import cramjam
import pyarrow as pa

from sources.ingest.refusals import RefusedError, malformed, overloaded, too_large

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

# A byte of a variable-length integer that another one follows.
_MORE = 0x80

ENCODINGS = ("identity", "gzip", "deflate", "zstd")


class DisconnectedError(Exception):
    """The client is gone: there is nobody to answer."""


class BodyBudget:
    """Bytes of bodies that may be in memory at once, over all requests.

    Used from the event loop alone, so it needs no lock.
    """

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0

    @contextmanager
    def hold(self, size: int) -> Iterator[None]:
        """Raises RefusedError; a lone request is let in whatever its size."""
        if self._held and self._held + size > self._most:
            raise overloaded()
        self._held += size
        try:
            yield
        finally:
            self._held -= size


def announced_size(headers: Mapping[str, str], *, limit: int) -> int:
    """Return how many bytes the request may bring. Raises RefusedError."""
    if "content-length" not in headers:
        return limit
    refuse_announced(headers, limit=limit)
    return int(headers["content-length"])


async def read_body(
    receive: Receive, headers: Mapping[str, str], *, limit: int, seconds: float
) -> bytes:
    """Return the body as it was sent. Raises RefusedError, DisconnectedError."""
    refuse_announced(headers, limit=limit)
    try:
        async with asyncio.timeout(seconds):
            return await _received(receive, limit)
    except TimeoutError:
        raise RefusedError(
            408, "body_timeout", f"The body did not arrive within {seconds:g} s."
        ) from None


def refuse_announced(headers: Mapping[str, str], *, limit: int) -> None:
    """Refuse what is announced as too large before a byte of it is read."""
    announced = headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise malformed("Content-Length is not a number.")
    if int(announced) > limit:
        raise too_large(limit)


async def _received(receive: Receive, limit: int) -> bytes:
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        piece, more = _piece(await receive())
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
    return b"".join(pieces)


async def read_pieces(
    receive: Receive, split: Callable[[bytes], int], *, limit: int, seconds: float
) -> AsyncIterator[bytes]:
    """Yield a body in pieces that end with a record, each once it is a tenth of the
    limit; the last one is whatever is left.

    A sender may take its time, but not longer than `seconds` between two messages.
    Raises RefusedError for a record beyond the limit, DisconnectedError.
    """
    body = bytearray()
    async for message in _messages(receive, seconds):
        body += message
        if len(body) < limit // 10:
            continue
        end = split(bytes(body))
        if end:
            yield bytes(body[:end])
            del body[:end]
        elif len(body) > limit:
            raise too_large(limit)
    yield bytes(body)


async def _messages(receive: Receive, seconds: float) -> AsyncIterator[bytes]:
    """Raises DisconnectedError, RefusedError."""
    more = True
    while more:
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            raise RefusedError(
                408, "body_timeout", f"Nothing more of the body came for {seconds:g} s."
            ) from None
        piece, more = _piece(message)
        yield piece


def _piece(message: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return what a message brings, and whether more comes. Raises DisconnectedError."""
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return message.get("body", b""), message.get("more_body", False)


def unpack(
    body: bytes, encoding: str, *, limit: int, known: Sequence[str] = ENCODINGS
) -> bytes:
    """Undo the Content-Encoding; a bomb is stopped at the limit. Raises RefusedError."""
    if encoding not in known:
        raise RefusedError(
            415,
            "unsupported_encoding",
            f"Content-Encoding {encoding[:60]!r} is not supported: use "
            f"{', '.join(known)}.",
            headers={"Accept-Encoding": ", ".join(known)},
        )
    if encoding == "identity":
        return body
    try:
        return _UNPACKERS[encoding](body, limit)
    except (zlib.error, EOFError, OSError, pa.ArrowInvalid, ValueError) as error:
        raise malformed(f"The body is not valid {encoding}: {error}.") from None


def unpacked_size(body: bytes, encoding: str) -> int | None:
    """Return how large a body says it is, or None where it does not say."""
    if encoding == "identity":
        return len(body)
    try:
        return _leading_varint(body) if encoding == "snappy" else None
    except EOFError:
        return None


def _gunzip(body: bytes, limit: int) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
        return _bounded(stream.read(limit + 1), limit)


def _inflate(body: bytes, limit: int) -> bytes:
    """Deflate comes with zlib's header, as the standard says, or bare, as some send it."""
    try:
        return _inflated(body, limit, wbits=zlib.MAX_WBITS)
    except zlib.error:
        return _inflated(body, limit, wbits=-zlib.MAX_WBITS)


def _inflated(body: bytes, limit: int, *, wbits: int) -> bytes:
    stream = zlib.decompressobj(wbits)
    unpacked = _bounded(stream.decompress(body, limit + 1), limit)
    if not stream.eof:
        raise EOFError("it ends too early")
    return unpacked


def _unzstd(body: bytes, limit: int) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
        return _bounded(stream.read(limit + 1), limit)


def _unsnappy(body: bytes, limit: int) -> bytes:
    """Snappy's block format, as remote write and Loki send it; it begins with the size."""
    announced = _leading_varint(body)
    if announced > limit:
        raise too_large(limit)
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from None


def _leading_varint(body: bytes) -> int:
    """Raises EOFError."""
    value = 0
    for place, byte in enumerate(body[:5]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < _MORE:
            return value
    raise EOFError("its length is cut off")


def _bounded(unpacked: bytes, limit: int) -> bytes:
    if len(unpacked) > limit:
        raise too_large(limit)
    return unpacked


_UNPACKERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "deflate": _inflate,
    "zstd": _unzstd,
    "snappy": _unsnappy,
}
