"""Timestamps of whole columns at once, in nanoseconds since the epoch.

Known: ISO 8601 and its neighbours, access-log, syslog and ctime dates, seconds,
milliseconds, microseconds or nanoseconds since the epoch, and the other pictures in
`layouts`. A time without a zone is UTC unless a zone is given. A date without a year
is the latest such date that is not more than a day ahead of the arrival.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sources.formats import zones
from sources.formats.layouts import LAYOUTS, ZERO, Components, Layout, is_digit
from sources.formats.spans import Bools, Bytes, Ints, as_strings, heads

SECOND = 1_000_000_000
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
DAY = DAY_SECONDS * SECOND

# A line that claims an earlier or later time than this keeps its arrival time.
OLDEST = 400 * DAY
FURTHEST_AHEAD = DAY

# The longest timestamp, with fraction and zone.
WIDTH = 48
# How much of a line is looked at for a leading one.
HEAD = 64
NO_TIME = zones.NONE

# What int64 nanoseconds can hold, with room for a zone.
FIRST_YEAR, LAST_YEAR = 1680, 2260
LAST_NANOSECOND = 9.2e18
DECEMBER, LAST_HOUR, LAST_MINUTE, LEAP_SECOND = 12, 23, 59, 60

# From so many times on, equal ones are read once, if there are so many of each.
MANY, FEW_DISTINCT = 1_000, 4

# How many digits an epoch has, and how many nanoseconds each unit is.
EPOCH_SECONDS = 10
EPOCHS = {EPOCH_SECONDS: SECOND, 13: 1_000_000, 16: 1_000, 19: 1}


def parse(
    column: Any, received_ns: int, *, tz: tzinfo | None = None, leading: bool = False
) -> pa.Array:
    """Return the int64 column of the times; null where there is none.

    A value must be a timestamp and nothing else, or with `leading` begin with one.
    An epoch that leads a line counts only when it is plausible: it may be any number.
    """
    strings = as_strings(column)
    if len(strings) > MANY:
        # The same second stands in many lines.
        encoded = strings.dictionary_encode()
        if len(encoded.dictionary) * FEW_DISTINCT < len(strings):
            distinct = parse(encoded.dictionary, received_ns, tz=tz, leading=leading)
            return distinct.take(encoded.indices)
    matrix = heads(strings, WIDTH)
    lengths = np.minimum(pc.binary_length(strings).to_numpy(), WIDTH)
    times = np.full(len(matrix), NO_TIME)
    open_rows = np.arange(len(matrix))
    for layout in LAYOUTS:
        if not len(open_rows):
            break
        rows = open_rows[layout.matching(matrix[open_rows])]
        if not len(rows):
            continue
        found, end = _by_layout(layout, matrix[rows], received_ns, tz)
        done = _ended(matrix[rows], end, lengths[rows], leading=leading)
        if not layout.complete:
            # Another number behind a colon: an address, or a second that is none.
            done &= matrix[rows, np.minimum(end, WIDTH - 1)] != ord(":")
        times[rows] = np.where(done, found, NO_TIME)
        open_rows = np.flatnonzero(times == NO_TIME)
    if len(open_rows):
        found, end = _by_epoch(matrix[open_rows])
        done = _ended(matrix[open_rows], end, lengths[open_rows], leading=leading)
        if leading:
            done &= plausible(found, received_ns)
        times[open_rows] = np.where(done, found, NO_TIME)
    return pa.array(times, pa.int64(), mask=times == NO_TIME)


def parse_leading(
    lines: Any, received_ns: int, *, tz: tzinfo | None = None
) -> pa.Array:
    """Return the times that lines begin with, behind blanks and an opening bracket."""
    cut = pc.binary_slice(as_strings(lines).cast(pa.large_binary()), 0, HEAD)
    bare = pc.ascii_ltrim(cut.view(pa.large_string()), characters=" \t[(<\"'")
    return parse(bare, received_ns, tz=tz, leading=True)


def plausible(times: Ints, received_ns: int) -> Bools:
    earliest, latest = received_ns - OLDEST, received_ns + FURTHEST_AHEAD
    return np.asarray((times >= earliest) & (times <= latest))


def iso(times: pa.Array) -> pa.Array:
    """Return the int64 nanoseconds as RFC 3339 text in UTC; null stays null."""
    stamps = times.cast(pa.timestamp("ns", "UTC"))
    text = pc.strftime(stamps, format="%Y-%m-%dT%H:%M:%SZ", locale="C")
    return pc.replace_substring_regex(text, r"\.?0*Z$", "Z").cast(pa.large_string())


def _ended(head: Bytes, end: Ints, lengths: Ints, *, leading: bool) -> Bools:
    if not leading:
        return np.asarray(end == lengths)
    behind = head[np.arange(len(head)), np.minimum(end, WIDTH - 1)]
    letters = behind | 0x20
    word = ((behind >= ZERO) & (behind <= ZERO + 9)) | (
        (letters >= ord("a")) & (letters <= ord("z"))
    )
    return np.asarray((end == lengths) | ~word)


def _by_layout(
    layout: Layout, head: Bytes, received_ns: int, tz: tzinfo | None
) -> tuple[Ints, Ints]:
    """Return the times, and where in the head they end."""
    parts = layout.read(head)
    end = np.full(len(head), layout.width)
    nanos, offset = parts.nanos, np.full(len(head), NO_TIME)
    if layout.open_end:
        nanos, end = _fraction(head, layout.width)
        offset, end = zones.read(head, end)
    if not layout.dated:
        local = _latest_day(parts, received_ns, tz)
    elif layout.places.keys().isdisjoint("Yy"):
        local = _latest(parts, received_ns)
    else:
        local = _seconds(parts)
    valid = local != NO_TIME
    local = np.where(valid, local, 0)
    named = offset != NO_TIME
    if tz is not None and not named.all():
        offset = np.where(named, offset, zones.offsets(local, tz))
    else:
        offset = np.where(named, offset, 0)
    times = (local - offset) * SECOND + nanos
    return np.where(valid, times, NO_TIME), end


def _seconds(parts: Components) -> Ints:
    """Return seconds since the epoch, NO_TIME for what the calendar does not have."""
    valid = (parts.month >= 1) & (parts.month <= DECEMBER)
    valid &= (parts.year >= FIRST_YEAR) & (parts.year <= LAST_YEAR)
    for part, most in (
        (parts.hour, LAST_HOUR),
        (parts.minute, LAST_MINUTE),
        (parts.second, LEAP_SECOND),
    ):
        valid &= part <= most
    months = np.where(valid, (parts.year - 1970) * 12 + parts.month - 1, 0)
    first = _first_day(months)
    valid &= (parts.day >= 1) & (parts.day <= _first_day(months + 1) - first)
    clock = parts.hour * 3600 + parts.minute * 60 + parts.second
    return np.where(valid, (first + parts.day - 1) * 86_400 + clock, NO_TIME)


def _first_day(months: Ints) -> Ints:
    return months.astype("M8[M]").astype("M8[D]").astype(np.int64)


def _latest(parts: Components, received_ns: int) -> Ints:
    """Return the seconds in the latest year that is not ahead of the arrival."""
    received = received_ns // SECOND
    limit = received + FURTHEST_AHEAD // SECOND
    this_year = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=received)).year
    result = np.full(len(parts.year), NO_TIME)
    # A 29 February may be up to eight years back.
    for year in range(this_year + 1, this_year - 9, -1):
        open_rows = result == NO_TIME
        if not open_rows.any():
            break
        rest = parts.take(open_rows)
        times = _seconds(replace(rest, year=np.full(len(rest.year), year)))
        result[open_rows] = np.where(times <= limit, times, NO_TIME)
    return result


def _latest_day(parts: Components, received_ns: int, tz: tzinfo | None) -> Ints:
    """Return the seconds on the latest day that is not an hour ahead of the arrival."""
    received = np.array([received_ns // SECOND])
    if tz is not None:
        received = received + zones.offsets(received, tz)
    day = np.full(len(parts.hour), int(received[0]) // DAY_SECONDS)
    one = np.ones(len(day), np.int64)
    clock = _seconds(replace(parts, year=one * 1970, month=one, day=one))
    times = day * DAY_SECONDS + clock
    ahead = times > int(received[0]) + HOUR_SECONDS
    return np.where(clock == NO_TIME, NO_TIME, times - DAY_SECONDS * ahead)


def _fraction(head: Bytes, at: int) -> tuple[Ints, Ints]:
    """Return the nanoseconds of an optional .123 or ,123 at a place, and their end."""
    mark = head[:, at]
    present = ((mark == ord(".")) | (mark == ord(","))) & is_digit(head[:, at + 1])
    if not present.any():
        return np.zeros(len(head), np.int64), np.full(len(head), at)
    places = head[:, at + 1 : at + 10]
    digits = np.logical_and.accumulate(is_digit(places), axis=1) & present[:, None]
    values = np.where(digits, places - ZERO, 0).astype(np.int64)
    nanos = values @ (10 ** np.arange(8, -1, -1, dtype=np.int64))
    return nanos, at + np.where(present, 1 + digits.sum(axis=1), 0)


def _by_epoch(head: Bytes) -> tuple[Ints, Ints]:
    """Read numbers of 10, 13, 16 or 19 digits; seconds may have a fraction."""
    digit = np.logical_and.accumulate(is_digit(head[:, :20]), axis=1)
    end = digit.sum(axis=1)
    times = np.full(len(head), NO_TIME)
    for digits, unit in EPOCHS.items():
        rows = end == digits
        if not rows.any():
            continue
        places = head[rows, :digits].astype(np.int64) - ZERO
        # Ten digits reach 2286, nineteen may pass what int64 holds.
        value = places.astype(np.float64) @ 10.0 ** np.arange(digits - 1, -1, -1)
        exact = places @ (10 ** np.arange(digits - 1, -1, -1, dtype=np.int64))
        times[rows] = np.where(value * unit < LAST_NANOSECOND, exact * unit, NO_TIME)
    seconds = np.flatnonzero((end == EPOCH_SECONDS) & (times != NO_TIME))
    if len(seconds):
        nanos, ends = _fraction(head[seconds], EPOCH_SECONDS)
        times[seconds] += nanos
        end[seconds] = ends
    return times, np.where(times == NO_TIME, -1, end)
