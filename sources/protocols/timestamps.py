"""Times as senders write them: RFC 3339, or seconds to nanoseconds since the epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.moments import EPOCH
from sources.protocols import Terms, shown

# The magnitude tells the unit: until the year 5138 no two of these overlap.
_UNITS_NS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
# Beyond this a float no longer holds every integer.
EXACT_FLOAT = 2**53

_RFC3339 = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$"
_PARTS = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d))?\Z",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{1,25}(?:\.\d{1,25})?\Z", re.ASCII)
_EXAMPLE = "2026-11-21T13:00:00Z"


class InvalidTimeError(ValueError):
    """The text says what is wrong with the time."""


def column_to_ns(column: pa.Array, terms: Terms) -> pa.Array:
    """Return nanoseconds for a whole column of strings, int64 or double.

    Raises InvalidTimeError when any value needs a look of its own.
    """
    if pa.types.is_null(column.type):
        return column.cast(pa.int64())
    if pa.types.is_string(column.type):
        found = _strings_to_ns(column)
    elif pa.types.is_int64(column.type):
        found = _numbers_to_ns(column, _integers_to_ns)
    else:
        found = _numbers_to_ns(column, _floats_to_ns)
    bounds = pc.min_max(found).as_py()
    if bounds["min"] is not None and not (
        terms.earliest_ns <= bounds["min"] and bounds["max"] <= terms.latest_ns
    ):
        raise InvalidTimeError("out of bounds")
    return found


def values_to_ns(values: Sequence[Any], terms: Terms) -> list[int | str | None]:
    """Return nanoseconds, None for no time, or the text of what is wrong, one by one."""
    return [_value_to_ns(value, terms) for value in values]


def _value_to_ns(value: Any, terms: Terms) -> int | str | None:
    if value is None:
        return None
    try:
        found = time_to_ns(value)
    except InvalidTimeError as error:
        return str(error)
    if found < terms.earliest_ns:
        return f"timestamp {shown(value)} lies before {_iso(terms.earliest_ns)}"
    if found > terms.latest_ns:
        return f"timestamp {shown(value)} lies behind {_iso(terms.latest_ns)}"
    return found


def _iso(ns: int) -> str:
    return f"{EPOCH + timedelta(seconds=ns // 10**9):%FT%TZ}"


def time_to_ns(value: Any) -> int:
    """Return the nanoseconds since the epoch of one time. Raises InvalidTimeError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidTimeError(
            f"timestamp must be RFC 3339, as {_EXAMPLE}, or a number since the epoch"
        )
    if isinstance(value, str):
        return _string_to_ns(value)
    if isinstance(value, float):
        return int(_floats_to_ns(np.array([value]))[0])
    return value * _unit_ns(value)


def _unit_ns(value: int | Decimal) -> int:
    return next((unit for bound, unit in _UNITS_NS if value < bound), 1)


def _string_to_ns(text: str) -> int:
    if _NUMBER.match(text):
        number = Decimal(text)
        return int(number * _unit_ns(number))
    found = _PARTS.match(text)
    if found is None:
        raise InvalidTimeError(
            f"timestamp {shown(text)} is neither RFC 3339, as {_EXAMPLE}, nor a number "
            "since the epoch"
        )
    if not (found[8] or found[9]):
        raise InvalidTimeError(
            f"timestamp {shown(text)} has no zone: end it in Z or +01:00"
        )
    try:
        return _parts_to_ns(found)
    except (ValueError, OverflowError) as error:
        raise InvalidTimeError(
            f"timestamp {shown(text)} does not exist: {error}"
        ) from None


def _parts_to_ns(found: re.Match[str]) -> int:
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    leap = second == 60  # noqa: PLR2004 - RFC 3339 allows a leap second
    zone = UTC
    if found[9]:
        offset = timedelta(hours=int(found[10]), minutes=int(found[11]))
        zone = timezone(offset if found[9] == "+" else -offset)
    moment = datetime(year, month, day, hour, minute, second - leap, tzinfo=zone)
    since = moment - EPOCH
    seconds = since.days * 86_400 + since.seconds + leap
    return seconds * 10**9 + int((found[7] or "0")[:9].ljust(9, "0"))


def _strings_to_ns(column: pa.Array) -> pa.Array:
    if pc.all(pc.match_substring_regex(column, _RFC3339)).as_py() is False:
        raise InvalidTimeError("mixed")
    try:
        return column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise InvalidTimeError(str(error)) from None


def _numbers_to_ns(column: pa.Array, convert: Any) -> pa.Array:
    present = column.is_valid().to_numpy(zero_copy_only=False)
    filled = column.fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(convert(filled), mask=~present)


def _integers_to_ns(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Raises InvalidTimeError for what 64 bits of nanoseconds cannot hold."""
    unit = np.ones_like(values)
    for bound, unit_ns in reversed(_UNITS_NS):
        unit[values < bound] = unit_ns
    if np.any(values < 0) or np.any(values > np.iinfo(np.int64).max // unit):
        raise InvalidTimeError("out of range")
    return values * unit


def _floats_to_ns(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Floats carry microseconds: finer digits would be noise of the binary fraction."""
    if not np.all(np.abs(values) < EXACT_FLOAT):
        raise InvalidTimeError("timestamp is too large for a float: send an integer")
    sizes = [np.abs(values) < bound for bound, _ in _UNITS_NS[:2]]
    micros: npt.NDArray[np.float64] = np.rint(
        values * np.select(sizes, [1e6, 1e3], 1.0)
    )
    if not np.all(np.abs(micros) < EXACT_FLOAT):
        raise InvalidTimeError("timestamp lies in the far future")
    return micros.astype(np.int64) * 1000
