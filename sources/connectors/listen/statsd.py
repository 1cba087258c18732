"""statsd and DogStatsD over UDP, TCP and TLS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from typing_extensions import override

from sources.connectors import SourceSpec
from sources.connectors.listen import Listener, Read
from sources.connectors.listen.aggregation import Aggregation, Shape
from sources.connectors.listen.held import Held, Piece
from sources.protocols import shown
from sources.protocols.statsd import read
from sources.protocols.syslog_frames import StreamFrames

NOT_STATSD = "values left out that are no statsd, the last of them"
TOO_MANY = "values left out: the source has as many series as it may have"
_PIECE_BYTES = 8 * 2**20


class Statsd(Listener):
    """Adds up what it is sent, and brings that in at intervals."""

    # What is held are sums: they take in what comes while nothing can be stored.
    perishable: ClassVar[bool] = True

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        # It is polled every second anyway.
        self.held = Held(lambda: None)
        config = spec.config
        self._aggregation = Aggregation(
            Shape(
                labels=self.labels,
                is_summary=config["timers"] == "summary",
                seconds=sorted(map(float, config["timer_buckets"])),
                numbers=sorted(map(float, config["histogram_buckets"])),
            )
        )
        self._interval = timedelta(seconds=config["flush_seconds"])
        self._size = 0

    @override
    def open(self, now: datetime) -> None:
        super().open(now)
        self._flush_at = now + self._interval

    @override
    def cutter(self) -> StreamFrames:
        return StreamFrames(int(self.spec.config["max_message_bytes"]))

    @override
    def wants_at(self) -> datetime:
        return self._flush_at

    @override
    def read(self, pieces: Sequence[Piece], now: datetime) -> Read | None:
        self._absorb(pieces, now)
        self.keep_up(now)
        if now < self._flush_at and not (self.is_finishing and self._size):
            return None
        self._flush_at = max(self._flush_at + self._interval, now)
        size, self._size = self._size, 0
        plain, grown = self._aggregation.flush(int(now.timestamp() * 1000))
        return Read(plain, size, (grown,) if grown.count else ())

    @override
    def keep_up(self, now: datetime) -> None:
        while pieces := self.held.take(_PIECE_BYTES):
            self._absorb(pieces, now)

    def _absorb(self, pieces: Sequence[Piece], now: datetime) -> None:
        messages = [message for piece in pieces for message in piece.messages]
        if not messages:
            return
        events = read(messages)
        self._size += sum(map(len, messages))
        if events.ignored:
            last = shown(events.last_ignored)
            self.losses.note_last(NOT_STATSD, last, events.ignored)
        self._aggregation.add(events, int(now.timestamp() * 1000))
        self.losses.note(TOO_MANY, self._aggregation.refused)
        self._aggregation.refused = 0
