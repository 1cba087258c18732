"""The time range of a page: relative (`?range=1h`) or absolute (`?start=&end=`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Self
from urllib.parse import urlencode

# Steps that people read time in; a chart takes the first that needs few enough points.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
_DAY = 86400
LONGEST = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class RangeChoice:
    key: str
    label: str
    short: str
    length: timedelta


CHOICES = (
    RangeChoice("15m", "Last 15 minutes", "15 min", timedelta(minutes=15)),
    RangeChoice("1h", "Last hour", "1 h", timedelta(hours=1)),
    RangeChoice("3h", "Last 3 hours", "3 h", timedelta(hours=3)),
    RangeChoice("6h", "Last 6 hours", "6 h", timedelta(hours=6)),
    RangeChoice("24h", "Last 24 hours", "24 h", timedelta(days=1)),
    RangeChoice("7d", "Last 7 days", "7 d", timedelta(days=7)),
)
_BY_KEY = {choice.key: choice for choice in CHOICES}


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What a page shows; `key` is empty for an absolute range, which does not move on."""

    start: datetime
    end: datetime
    zone: tzinfo
    key: str = ""

    choices: ClassVar[tuple[RangeChoice, ...]] = CHOICES

    @classmethod
    def parse(
        cls,
        params: Mapping[str, str],
        *,
        now: datetime,
        zone: tzinfo,
        default: str = "1h",
    ) -> Self:
        """Return what the address says; nonsense falls back to the default range.

        Times without an offset are in the reader's zone.
        """
        start = _moment(params.get("start"), zone)
        end = _moment(params.get("end"), zone)
        if start is not None and end is not None and start < end:
            return cls(max(start, end - LONGEST), end, zone)
        choice = _BY_KEY.get(params.get("range", ""), _BY_KEY[default])
        return cls(now - choice.length, now, zone, choice.key)

    @property
    def is_live(self) -> bool:
        return bool(self.key)

    @property
    def label(self) -> str:
        if self.key:
            return _BY_KEY[self.key].label
        start, end = self.start.astimezone(self.zone), self.end.astimezone(self.zone)
        same_day = start.date() == end.date()
        return f"{start:%d %b %H:%M} to {end:{'%H:%M' if same_day else '%d %b %H:%M'}}"

    @property
    def short(self) -> str:
        return _BY_KEY[self.key].short if self.key else "custom"

    @property
    def params(self) -> list[tuple[str, str]]:
        """What stands in the address for this range."""
        if self.key:
            return [("range", self.key)]
        return [("start", self.start.isoformat()), ("end", self.end.isoformat())]

    @property
    def query(self) -> str:
        return urlencode(self.params)

    @property
    def start_local(self) -> str:
        return f"{self.start.astimezone(self.zone):%Y-%m-%dT%H:%M:%S}"

    @property
    def end_local(self) -> str:
        return f"{self.end.astimezone(self.zone):%Y-%m-%dT%H:%M:%S}"

    def step(self, *, points: int) -> timedelta:
        """Return a round step that gives at most so many points."""
        least = (self.end - self.start).total_seconds() / points
        for seconds in _STEPS:
            if seconds >= least:
                return timedelta(seconds=seconds)
        return timedelta(seconds=math.ceil(least / _DAY) * _DAY)

    def aligned(self, step: timedelta) -> tuple[datetime, datetime]:
        """Return start and end on multiples of the step, so that points stay put."""
        size = step.total_seconds()
        first = math.floor(self.start.timestamp() / size) * size
        last = math.ceil(self.end.timestamp() / size) * size
        zone = self.start.tzinfo
        return datetime.fromtimestamp(first, zone), datetime.fromtimestamp(last, zone)


def step_words(step: timedelta) -> str:
    """Return a step in whole units as people write it, such as "5 min"."""
    seconds = int(step.total_seconds())
    for size, unit in ((_DAY, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _moment(text: str | None, zone: tzinfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
