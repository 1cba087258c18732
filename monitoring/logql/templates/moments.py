"""Points in time with nanoseconds and a zone, laid out as Go does it: 2006-01-02."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from typing_extensions import override

from monitoring.moments import EPOCH

_BILLION = 10**9
_DEFAULT_LAYOUT = "2006-01-02 15:04:05.999999999 -0700 MST"

# Pieces of Go's reference time, the longer ones first.
_PIECE = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|002|01|02|03|04|05|06|15|PM|pm"
    r"|Z07:00|Z0700|-07:00|-0700|-07|[.,](?:0+|9+)(?!\d)|_2|1|2|3|4|5"
)
_PLAIN = {
    "2006": "%Y",
    "06": "%y",
    "01": "%m",
    "January": "%B",
    "Jan": "%b",
    "02": "%d",
    "002": "%j",
    "Monday": "%A",
    "Mon": "%a",
    "15": "%H",
    "03": "%I",
    "04": "%M",
    "05": "%S",
    "PM": "%p",
}
_BARE = {"1": "%m", "2": "%d", "3": "%I", "4": "%M", "5": "%S"}
_OTHERS: dict[str, Callable[[datetime], str]] = {
    "pm": lambda when: when.strftime("%p").lower(),
    "_2": lambda when: f"{when.day:2d}",
    "MST": lambda when: when.tzname() or "UTC",
}
_MONTHS = [
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
]
_READ = {
    "2006": r"(?P<year>\d{4})",
    "06": r"(?P<short_year>\d{2})",
    "01": r"(?P<month>\d{2})",
    "1": r"(?P<month>\d{1,2})",
    "Jan": r"(?P<name>[A-Za-z]{3})",
    "January": r"(?P<name>[A-Za-z]{3,9})",
    "02": r"(?P<day>\d{2})",
    "2": r"(?P<day>\d{1,2})",
    "_2": r" ?(?P<day>\d{1,2})",
    "002": r"(?P<yearday>\d{3})",
    "15": r"(?P<hour>\d{1,2})",
    "03": r"(?P<hour>\d{2})",
    "3": r"(?P<hour>\d{1,2})",
    "04": r"(?P<minute>\d{2})",
    "4": r"(?P<minute>\d{1,2})",
    "05": r"(?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?",
    "5": r"(?P<second>\d{1,2})(?P<fraction>[.,]\d{1,9})?",
    "PM": r"(?P<half>AM|PM)",
    "pm": r"(?P<half>am|pm)",
    "Mon": r"[A-Za-z]{3}",
    "Monday": r"[A-Za-z]+",
    "MST": r"(?P<zone>[A-Z]{3,4})",
    "Z07:00": r"(?P<offset>Z|[+-]\d{2}:\d{2})",
    "Z0700": r"(?P<offset>Z|[+-]\d{4})",
    "-07:00": r"(?P<offset>[+-]\d{2}:\d{2})",
    "-0700": r"(?P<offset>[+-]\d{4})",
    "-07": r"(?P<offset>[+-]\d{2})",
}


@dataclass(frozen=True, slots=True)
class Moment:
    ns: int
    zone: tzinfo = UTC

    @property
    def _when(self) -> datetime:
        whole = EPOCH + timedelta(seconds=self.ns // _BILLION)
        return whole.astimezone(self.zone)

    @override
    def __str__(self) -> str:
        return self.laid_out(_DEFAULT_LAYOUT)

    def __lt__(self, other: Moment) -> bool:
        return self.ns < other.ns

    def laid_out(self, layout: str) -> str:
        """Return the time in a layout. Raises OverflowError for far years."""
        when = self._when
        return _PIECE.sub(lambda found: self._piece(found[0], when), layout)

    def _piece(self, piece: str, when: datetime) -> str:
        if piece in _PLAIN:
            return when.strftime(_PLAIN[piece])
        if piece in _BARE:
            return when.strftime(_BARE[piece]).lstrip("0") or "0"
        if piece[0] in ".,":
            return self._fraction(piece)
        if piece in _OTHERS:
            return _OTHERS[piece](when)
        return _offset(piece, when)

    def _fraction(self, piece: str) -> str:
        digits = f"{self.ns % _BILLION:09d}"[: len(piece) - 1]
        if piece[1] == "9":
            digits = digits.rstrip("0")
        return piece[0] + digits if digits else ""


def _offset(piece: str, when: datetime) -> str:
    minutes = int((when.utcoffset() or timedelta()).total_seconds()) // 60
    if piece.startswith("Z") and minutes == 0:
        return "Z"
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    if piece == "-07":
        return f"{sign}{hours:02d}"
    return f"{sign}{hours:02d}{':' if ':' in piece else ''}{rest:02d}"


def zone_of(name: str) -> tzinfo:
    """Raises ValueError."""
    if name in {"", "UTC", "Local"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {name[:60]}") from None


def read_moment(layout: str, text: str, zone: tzinfo = UTC) -> Moment:
    """Read a text in a layout. Raises ValueError."""
    found = re.fullmatch(_reading(layout), text)
    if found is None:
        raise ValueError(f"parsing time {text[:60]!r} as {layout[:60]!r}: cannot parse")
    parts = {name: value for name, value in found.groupdict().items() if value}
    when = datetime(
        _year(parts),
        _month(parts),
        int(parts.get("day", "1")),
        tzinfo=_zone(parts, zone),
    ) + timedelta(
        hours=_hour(parts),
        minutes=int(parts.get("minute", "0")),
        seconds=int(parts.get("second", "0")),
        days=max(0, int(parts.get("yearday", "1")) - 1),
    )
    seconds = (when - EPOCH) // timedelta(seconds=1)
    fraction = int(parts.get("fraction", ".0")[1:].ljust(9, "0"))
    return Moment(seconds * _BILLION + fraction, when.tzinfo or UTC)


def _reading(layout: str) -> str:
    out, seen, position = "", set[str](), 0
    for found in _PIECE.finditer(layout):
        out += re.escape(layout[position : found.start()])
        piece = found[0]
        position = found.end()
        if piece[0] not in ".,":
            group = re.sub(r"\(\?P<(\w+)>", lambda g: _once(g, seen), _READ[piece])
            out += group
    return out + re.escape(layout[position:])


def _once(group: re.Match[str], seen: set[str]) -> str:
    name = group[1]
    if name in seen:
        return "(?:"
    seen.add(name)
    return group[0]


def _year(parts: dict[str, str]) -> int:
    if "short_year" in parts:
        short = int(parts["short_year"])
        return short + (1900 if short >= 69 else 2000)  # noqa: PLR2004  # as Go reads it
    return max(1, int(parts.get("year", "1970")))


def _month(parts: dict[str, str]) -> int:
    if "name" in parts:
        short = parts["name"][:3].title()
        if short not in _MONTHS:
            raise ValueError(f"unknown month {short}")
        return _MONTHS.index(short) + 1
    return int(parts.get("month", "1"))


def _hour(parts: dict[str, str]) -> int:
    hour = int(parts.get("hour", "0"))
    if "half" in parts:
        return hour % 12 + (12 if parts["half"].upper() == "PM" else 0)
    return hour


def _zone(parts: dict[str, str], default: tzinfo) -> tzinfo:
    offset = parts.get("offset")
    if offset is None or offset == "Z":
        return default if offset is None else UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60:
        raise ValueError(f"time zone offset out of range: {offset}")
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))
