"""Following a stream for a few seconds, to see what comes; nothing of it is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sources.connectors import SourceSpec
from sources.connectors.streams.connector import Streaming
from sources.connectors.streams.feed import Assignment
from sources.connectors.streams.network import StreamError
from sources.connectors.streams.parcels import Buffer, Point, Record

SECONDS = 4.0
# Who has seen so many messages has seen enough.
ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What came while somebody waited; `error` says why it is not connected."""

    connected: bool
    messages: int
    records: Sequence[Record]
    points: Sequence[Point]
    error: str
    notes: Sequence[str]


def try_out(
    connector: type[Streaming],
    kind: str,
    config: Mapping[str, Any],
    seconds: float = SECONDS,
) -> Tried:
    """Follow the stream until enough has come, it cannot be, or the time is over."""
    woken = threading.Event()
    buffer = Buffer(woken.set)
    spec = SourceSpec(0, 0, None, kind, "test", config, {}, 1)
    feed = connector.feed(Assignment(spec, buffer, on_trial=True))
    deadline = time.monotonic() + seconds
    try:
        feed.start()
        while (left := deadline - time.monotonic()) > 0:
            if len(buffer.take()) >= ENOUGH or feed.status.error:
                break
            woken.wait(left)
            woken.clear()
    except StreamError as error:
        feed.status.failed(str(error))
    finally:
        feed.stop()
    parcels = buffer.take()
    return Tried(
        connected=feed.status.connects > 0,
        messages=feed.status.messages,
        records=[record for parcel in parcels for record in parcel.records],
        points=[point for parcel in parcels for point in parcel.points],
        error=feed.status.error,
        notes=[*feed.notes, *feed.status.troubles.values()],
    )
