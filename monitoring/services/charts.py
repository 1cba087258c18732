"""What a page needs to draw a chart, on the server first and in the browser after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """One line; `compare` is the same of an earlier time, drawn in grey."""

    name: str
    values: Values
    area: bool = False
    compare: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    status: str
    value: float
    text: str
    # Whether everything above (or below) it is shaded: "above", "below" or "".
    band: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment: `kind` is "mark" or "alert"."""

    at_ms: int
    text: str
    kind: str = "mark"


@dataclass(frozen=True, slots=True)
class Chart:
    """A time chart with one axis; all series share `times_ms`.

    `unit` is percent, bytes, seconds, one of them per second ("bytes/s"), or empty
    for counts. `url` answers the same payload as JSON for what came since.
    """

    key: str
    title: str
    note: str
    unit: str
    times_ms: Sequence[int]
    series: Sequence[ChartSeries]
    start_ms: int
    end_ms: int
    height: int = 196
    top: float | None = None
    thresholds: Sequence[Threshold] = ()
    marks: Sequence[Mark] = ()
    url: str = ""
    empty: str = "Nothing was measured in this time."
    description: str = ""

    @property
    def is_empty(self) -> bool:
        return not any(v is not None for s in self.series for v in s.values)

    @property
    def payload(self) -> dict[str, Any]:
        """What the script draws the same chart from."""
        return {
            "key": self.key,
            "unit": self.unit,
            "height": self.height,
            "top": self.top,
            "start": self.start_ms,
            "end": self.end_ms,
            "times": list(self.times_ms),
            "series": [
                {
                    "name": s.name,
                    "values": list(s.values),
                    "area": s.area,
                    "compare": s.compare,
                }
                for s in self.series
            ],
            "thresholds": [
                {"status": t.status, "value": t.value, "text": t.text, "band": t.band}
                for t in self.thresholds
            ],
            "marks": [
                {"at": m.at_ms, "text": m.text, "kind": m.kind} for m in self.marks
            ],
            "url": self.url,
        }


@dataclass(frozen=True, slots=True)
class VolumeColumn:
    start_ms: int
    error: int
    warn: int
    info: int

    @property
    def total(self) -> int:
        return self.error + self.warn + self.info


@dataclass(frozen=True, slots=True)
class Volume:
    """Log lines over time by level; fatal counts as error, all the rest as info."""

    start_ms: int
    end_ms: int
    per: str
    columns: Sequence[VolumeColumn] = field(default_factory=tuple)

    @property
    def total(self) -> int:
        return sum(column.total for column in self.columns)

    @property
    def note(self) -> str:
        return f"{self.per}, by level"

    @property
    def description(self) -> str:
        errors = sum(column.error for column in self.columns)
        return f"{self.total:,} log lines {self.per}, {errors:,} of them errors."
