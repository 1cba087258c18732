"""Points in time in UTC: numbers since 1970, RFC 3339 texts. Pure: used everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_BILLION = 1_000_000_000


def moment_of(ns: int) -> datetime:
    """Return the time that many nanoseconds after the epoch, to the microsecond."""
    return EPOCH + timedelta(microseconds=ns // 1000)


@overload
def iso(moment: datetime) -> str: ...


@overload
def iso(moment: datetime | None) -> str | None: ...


def iso(moment: datetime | None) -> str | None:
    """Return 2026-01-31T08:00:00.123456Z; no fraction where there is none."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_ms(moment: datetime) -> str:
    """Return 2026-01-31T08:00:00.123Z, always to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_ns(ts_ns: int) -> str:
    """Return 2026-01-31T08:00:00.123456789Z, always to the nanosecond."""
    seconds, rest = divmod(ts_ns, _BILLION)
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
