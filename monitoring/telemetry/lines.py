"""Lines: their levels, and the batch that they travel in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import pyarrow as pa

from monitoring.labels import Labels, make_labels
from monitoring.telemetry.encoding import decode, encode

# A structured field of a log line is the nullable string column "field.<name>".
FIELD_PREFIX = "field."


class Level(IntEnum):
    """Severity of a log line, ordered; stored as one byte."""

    UNKNOWN = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Level:
        """Return the level of its lower-case name. Raises ValueError."""
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(LEVEL_WORDS)
            raise ValueError(f"{word!r} is not one of {known}") from None


LEVEL_WORDS = tuple(level.word for level in Level)


def nanoseconds(moment: datetime) -> int:
    """Return nanoseconds since the epoch.

    By whole microseconds, because a float of seconds has not the digits.
    """
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


LOG_COLUMNS = pa.schema(
    [
        pa.field("stream", pa.int32()),  # index into `streams`
        pa.field("ts_ns", pa.int64()),  # null: the line carries no time of its own
        pa.field("line", pa.large_string()),
        pa.field("level", pa.int8()),  # null: not known yet, to be detected
    ]
)


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Log lines of some streams, in arrival order.

    `table` has the columns of LOG_COLUMNS and any number of nullable large_string
    columns "field.<name>" behind them. `ts_ns` counts nanoseconds since the epoch.
    """

    streams: tuple[Labels, ...]
    table: pa.Table

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    @property
    def is_empty(self) -> bool:
        return self.count == 0

    @property
    def field_names(self) -> list[str]:
        names = self.table.column_names
        return [
            n.removeprefix(FIELD_PREFIX) for n in names if n.startswith(FIELD_PREFIX)
        ]

    def encode(self) -> bytes:
        """Return the batch as an Arrow IPC stream compressed with lz4."""
        return encode(self.table, {"streams": self.streams})

    @classmethod
    def decode(cls, payload: bytes) -> LogBatch:
        """Raises CorruptBatchError."""
        table, header = decode(payload)
        return cls(tuple(make_labels(map(tuple, s)) for s in header["streams"]), table)
