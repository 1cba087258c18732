"""Lines with nothing but a time in front, and lines with nothing known at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
from typing_extensions import override

from sources.formats import timestamps
from sources.formats.base import Format, Parsed
from sources.formats.spans import as_strings


@dataclass(frozen=True, kw_only=True)
class TimestampedFormat(Format):
    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        strings = as_strings(lines)
        times = timestamps.parse_leading(strings, received_ns, tz=tz)
        matched = times.is_valid().to_numpy(zero_copy_only=False)
        return Parsed(matched, times, pa.nulls(len(strings), pa.int8()), {})


@dataclass(frozen=True, kw_only=True)
class RawFormat(Format):
    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        count = len(as_strings(lines))
        nothing = Parsed.nothing(count)
        return Parsed(
            np.ones(count, np.bool_), nothing.ts_ns, nothing.level, nothing.fields
        )


TIMESTAMPED = TimestampedFormat(
    name="timestamped",
    title="Text with a leading timestamp",
    description="Any line that begins with a time, in brackets or not; the level is the "
    "first level word near the start.",
    example="2026-10-10 13:55:36.120 WARN disk almost full",
)

RAW = RawFormat(
    name="raw",
    title="Raw text",
    description="Anything else: kept whole, with its arrival time if it names no other.",
    example="something happened",
)

FORMATS = (TIMESTAMPED, RAW)
