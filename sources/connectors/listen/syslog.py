"""Syslog over UDP, TCP and TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
from typing_extensions import override

from monitoring.telemetry import nanoseconds
from sources.connectors import SourceSpec
from sources.connectors.listen import Listener, Read
from sources.connectors.listen.admission import AdmittedStreams
from sources.connectors.listen.held import Piece
from sources.connectors.listen.streams import TOO_LONG
from sources.connectors.listen.syslog_lines import batch_of, texts, texts_of_datagrams
from sources.protocols.log_rows import size_of
from sources.protocols.syslog_frames import StreamFrames


class Syslog(Listener):
    """Takes messages of RFC 5424 and RFC 3164, and whatever devices send for them."""

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        self._zone = ZoneInfo(spec.config["zone"])
        self._limit = int(spec.config["max_message_bytes"])
        self._streams_of_lines = AdmittedStreams(self.labels, self.losses)

    @override
    def cutter(self) -> StreamFrames:
        return StreamFrames(self._limit)

    @override
    def read(self, pieces: Sequence[Piece], now: datetime) -> Read | None:
        if not pieces:
            return None
        lines, senders = self._lines(pieces)
        batch = batch_of(lines, senders, nanoseconds(now), self._zone, self.labels)
        return Read(self._streams_of_lines.bound(batch), size_of(lines))

    def _lines(self, pieces: Sequence[Piece]) -> tuple[pa.Array, pa.Array]:
        """Return the messages, in the order in which they came, and their senders."""
        lines, senders = [], []
        for run in _runs(pieces):
            messages = [message for piece in run for message in piece.messages]
            names = [name for piece in run for name in piece.senders]
            if run[0].is_datagram:
                found = texts_of_datagrams(*self._short(messages, names))
            else:
                found = texts(messages), pa.array(names, pa.large_string())
            lines.append(found[0])
            senders.append(found[1])
        return pa.concat_arrays(lines), pa.concat_arrays(senders)

    def _short(
        self, messages: list[bytes], names: list[str]
    ) -> tuple[list[bytes], list[str]]:
        """Leave out datagrams over the limit, as frames of streams are."""
        if max(map(len, messages)) <= self._limit:
            return messages, names
        pairs = list(zip(messages, names, strict=True))
        kept = [pair for pair in pairs if len(pair[0]) <= self._limit]
        self.losses.note(TOO_LONG, len(pairs) - len(kept))
        return [message for message, _ in kept], [name for _, name in kept]


def _runs(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Return pieces that came one after the other in the same way."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        if runs and runs[-1][0].is_datagram is piece.is_datagram:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs
