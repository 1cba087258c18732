"""The collector's side of every stream: batches, positions and how it is going."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import Error as DatabaseFailure
from typing_extensions import override

from monitoring.telemetry import nanoseconds
from sources.connectors import Connector, Harvest, Move, Outcome, SourceSpec
from sources.connectors.streams.batches import lines_of, samples_of
from sources.connectors.streams.feed import Assignment, Feed, Status
from sources.connectors.streams.parcels import Buffer, Parcel
from sources.models import Source, SourceStream

logger = logging.getLogger(__name__)

_SHOW_EVERY = timedelta(seconds=5)
# Where a position is kept, what it is a position of.
_OF = "of"


class Streaming(Connector):
    """Keeps one stream connected, and stores what it brings with where it goes on."""

    # What follows the stream.
    feed: ClassVar[type[Feed]]

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        super().__init__(spec, wake)
        self._feed: Feed | None = None
        self._buffer = Buffer(wake)
        self._taken: Sequence[Parcel] = ()
        self._moves = 0
        self._refused = ""
        self._rejected = 0
        self._lost = 0
        self._before = (0, 0)  # reconnects and messages
        self._show_at: datetime | None = None
        self._shown: tuple[Any, ...] = ()

    @override
    def open(self, now: datetime) -> None:
        self.due_at = now

    @override
    def poll(self, now: datetime) -> Harvest | None:
        if self._feed is None:
            self._feed = self._begun()
        status = self._feed.status
        self.problem = " ".join(filter(None, (status.problem, self._refused)))
        self._show(status, now)
        self.due_at = now + _SHOW_EVERY
        self._taken = self._buffer.take()
        return self._harvest(now) if self._taken else None

    @override
    def settle(self, outcome: Outcome, now: datetime) -> None:
        if outcome is Outcome.STORED and self._feed is not None:
            self._moves += any(p.position is not None for p in self._taken)
            self._lost += self._rejected
            self._buffer.drop()
            self._feed.stored(self._taken)
        elif outcome is Outcome.CONFLICT:
            # Another collector is further than we are: go on from there.
            self._end()
        self._taken = ()
        self.due_at = now + _SHOW_EVERY if self._buffer.is_empty else now

    @override
    def close(self) -> None:
        """What is in the buffer comes again, where the server can send it again."""
        self._end()

    def _begun(self) -> Feed:
        """Raises django.db.Error."""
        row, _ = SourceStream.objects.get_or_create(source_id=self.spec.id)
        self._moves, self._lost = row.moves, row.lost
        self._before = (row.reconnects, row.messages)
        same = row.position.get(_OF) == identity(self.spec.config)
        position = dict(row.position) if same else {}
        position.pop(_OF, None)
        self._buffer = Buffer(self.wake)
        feed = self.feed(Assignment(self.spec, self._buffer, position))
        feed.start()
        return feed

    def _end(self) -> None:
        if self._feed is not None:
            self._feed.stop()
            self._feed = None

    def _harvest(self, now: datetime) -> Harvest:
        taken = self._taken
        records = [record for parcel in taken for record in parcel.records]
        points = [point for parcel in taken for point in parcel.points]
        decoded = lines_of(self.spec, records, nanoseconds(now))
        self._rejected = len(decoded.rejected)
        self._refused = (
            f"Lines are refused: {decoded.rejected[0].error}."
            if decoded.rejected
            else ""
        )
        positions = [p.position for p in taken if p.position is not None]
        move = None
        if positions:
            of = {_OF: identity(self.spec.config)}
            move = Move(self._moves, {**positions[-1], **of})
        return Harvest(
            decoded.batch,
            sum(parcel.size for parcel in taken),
            move=move,
            more=(samples_of(self.spec, points),) if points else (),
            rejected=self._rejected,
        )

    def _show(self, status: Status, now: datetime) -> None:
        """Write how it is going: at once when the connection has changed."""
        state = (status.connected_since, status.connects, status.error_at)
        if state == self._shown and self._show_at is not None and now < self._show_at:
            return
        self._show_at = now + _SHOW_EVERY
        try:
            if Source.unscoped.filter(pk=self.spec.id).exists():
                SourceStream.objects.filter(source_id=self.spec.id).update(
                    connected_since=status.connected_since,
                    reconnects=self._before[0] + status.reconnects,
                    messages=self._before[1] + status.messages,
                    lost=self._lost + status.lost,
                    last_error=status.error,
                    last_error_at=status.error_at,
                    updated_at=now,
                )
            self._shown = state
        except DatabaseFailure as error:
            logger.info("Stream %s is not shown: %s", self.spec.name, error)


def identity(config: Mapping[str, Any]) -> str:
    """Return what tells positions of one server from those of another."""
    keys = ("url", "mode", "id_path", "cursor_path")
    told = "\n".join(str(config.get(key, "")) for key in keys)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
