"""What a format is, and what parsing and recognising return."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.telemetry import LogBatch
from sources.formats.spans import Bools

Fields = dict[str, pa.Array]

# A batch never gets more columns than this, a line never more fields; what is over
# goes as a JSON object into the field REST.
MAX_COLUMNS = 128
MAX_FIELDS_PER_LINE = 64
REST = "_rest"

# Holds the time a line claims when that time is not believable.
CLAIMED = "claimed_timestamp"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The columns read out of some lines; every column is as long as the lines.

    `matched` marks the lines that have the format. `ts_ns` and `level` are null where
    the line does not say; `fields` are large_string, null where the line has none.
    """

    matched: Bools
    ts_ns: pa.Array
    level: pa.Array
    fields: Fields

    @classmethod
    def nothing(cls, count: int) -> Parsed:
        return cls(
            matched=np.zeros(count, np.bool_),
            ts_ns=pa.nulls(count, pa.int64()),
            level=pa.nulls(count, pa.int8()),
            fields={},
        )


@dataclass(frozen=True, kw_only=True)
class Format(ABC):
    """One way of writing log lines. `example` is a line that it recognises."""

    name: str
    title: str
    description: str
    example: str
    # What the first line of an event looks like where events have several lines.
    event_start: str = ""

    @abstractmethod
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        """Read the lines in bulk; a line of another format is not matched.

        `lines` is an Arrow string column. A time without a zone is in `tz`, or UTC.
        """

    def matches(self, lines: Any) -> Bools:
        """Return which lines have the format."""
        return self.parse(lines, received_ns=0).matched


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """A batch whose lines have time and level, with how many had the format."""

    batch: LogBatch
    format_name: str
    matched: int
    unmatched: int


@dataclass(frozen=True, slots=True)
class Detection:
    """Which format some lines have, and how sure that is (0 to 1).

    `alternatives` are the other formats that fit at all, with their confidence.
    """

    format_name: str
    confidence: float
    matched: int
    total: int
    unmatched_examples: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """One line as a person would check it; `timestamp` is None where it has none."""

    line: str
    timestamp: str | None
    level: str
    fields: Mapping[str, str] = field(default_factory=dict)
    matched: bool = True
