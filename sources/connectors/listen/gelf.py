"""GELF over UDP, chunked and packed or not, and over TCP and TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import pyarrow as pa
from typing_extensions import override

from monitoring.telemetry import FIELD_PREFIX, LogBatch, nanoseconds
from sources.connectors import SourceSpec
from sources.connectors.listen import Listener, Read
from sources.connectors.listen.admission import AdmittedStreams
from sources.connectors.listen.held import Piece
from sources.protocols import Decoded, MalformedBodyError, Terms
from sources.protocols.gelf import (
    Chunks,
    GelfError,
    NullFrames,
    decode_messages,
    unpacked,
)

NOT_GELF = "messages left out that are no GELF, the last because"
UNFINISHED = "messages left out of which not all chunks came within 5 seconds"
_BLANK = b" \t\r\n"


class Gelf(Listener):
    """Takes messages of Graylog's format."""

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        self._limit = int(spec.config["max_message_bytes"])
        self._chunks = Chunks()
        self._admitted = AdmittedStreams(self.labels, self.losses)

    @override
    def cutter(self) -> NullFrames:
        return NullFrames(self._limit)

    @override
    def read(self, pieces: Sequence[Piece], now: datetime) -> Read | None:
        whole = [pair for piece in pieces for pair in self._messages(piece, now)]
        self.losses.note(UNFINISHED, self._chunks.dropped)
        self._chunks.dropped = 0
        if not whole:
            return None
        messages = [message for message, _ in whole]
        terms = Terms(nanoseconds(now), self.labels, max_line_bytes=self._limit)
        try:
            decoded = decode_messages(messages, terms)
        except MalformedBodyError as error:
            self._refuse(str(error), len(messages))
            return None
        if decoded.rejected:
            self._refuse(decoded.rejected[-1].error, len(decoded.rejected))
        batch = _with_senders(decoded, [name for _, name in whole])
        return Read(self._admitted.bound(batch), sum(map(len, messages)))

    def _messages(self, piece: Piece, now: datetime) -> Iterator[tuple[bytes, str]]:
        """Yield what is whole now, unpacked."""
        pairs = zip(piece.messages, piece.senders, strict=True)
        if not piece.is_datagram:
            yield from ((m, s) for m, s in pairs if m.strip(_BLANK))
            return
        for datagram, sender in pairs:
            try:
                message = self._chunks.feed(datagram, sender, now=now.timestamp())
                if message is not None:
                    yield unpacked(message, limit=self._limit), sender
            except GelfError as error:
                self._refuse(str(error), 1)

    def _refuse(self, why: str, count: int) -> None:
        self.losses.note_last(NOT_GELF, why, count)


def _with_senders(decoded: Decoded[LogBatch], senders: list[str]) -> LogBatch:
    """Add who sent each message, unless some of them held more than one."""
    refused = {rejection.index for rejection in decoded.rejected}
    kept = [name for place, name in enumerate(senders) if place not in refused]
    batch, name = decoded.batch, f"{FIELD_PREFIX}sender"
    fits = len(kept) == batch.count and len(kept) + len(refused) == len(senders)
    if not fits or name in batch.table.column_names:
        return batch
    column = pa.array(kept, pa.large_string())
    return LogBatch(batch.streams, batch.table.append_column(name, column))
