"""Time zones behind timestamps, and offsets of a named zone, in bulk."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import numpy as np

from sources.formats.layouts import ZERO, is_digit
from sources.formats.spans import Bools, Bytes, Ints

NONE = np.iinfo(np.int64).min

# Zone names that logs carry, in minutes east of Greenwich.
ZONES = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "CEST": 120,
    "EET": 120, "EEST": 180, "MSK": 180, "IST": 330, "JST": 540, "KST": 540,
    "AEST": 600, "AEDT": 660, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300,
    "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip
LONGEST_ZONE = 4
ZONE_CODES = sorted(
    (int.from_bytes(name.encode().ljust(4, b"\0"), "big"), minutes)
    for name, minutes in ZONES.items()
)


def read(head: Bytes, start: Ints) -> tuple[Ints, Ints]:
    """Return the offset in seconds, NONE where no zone is named, and its end."""
    cells = _cells(head, start, 7)
    spaced = cells[:, 0] == ord(" ")
    shifted = np.where(spaced[:, None], cells[:, 1:7], cells[:, 0:6])
    offset, width = _numeric_zone(shifted, tight=~spaced)
    named, named_width = _named_zone(shifted)
    use_name = (width == 0) & (named_width > 0)
    offset = np.where(use_name, named, offset)
    width = np.where(use_name, named_width, width)
    end = np.where(width > 0, start + width + spaced, start)
    return np.where(width > 0, offset, NONE), end


def _cells(head: Bytes, start: Ints, width: int) -> Bytes:
    padded = np.pad(head, ((0, 0), (0, width)))
    places = start[:, None] + np.arange(width)
    return np.take_along_axis(padded, places, axis=1)


def _numeric_zone(cells: Bytes, *, tight: Bools) -> tuple[Ints, Ints]:
    """Read Z, +hh:mm, +hhmm, and (only without a space before it) +hh."""
    values = cells.astype(np.int64) - ZERO
    digit = is_digit(cells)
    plus, minus = cells[:, 0] == ord("+"), cells[:, 0] == ord("-")
    hours = (plus | minus) & digit[:, 1] & digit[:, 2]
    colon = hours & (cells[:, 3] == ord(":")) & digit[:, 4] & digit[:, 5]
    plain = hours & digit[:, 3] & digit[:, 4]
    short = hours & tight & ~colon & ~plain
    minutes = np.where(colon, values[:, 4] * 10 + values[:, 5], 0)
    minutes = np.where(plain, values[:, 3] * 10 + values[:, 4], minutes)
    seconds = (values[:, 1] * 10 + values[:, 2]) * 3600 + minutes * 60
    zulu = tight & ((cells[:, 0] | 0x20) == ord("z"))
    offset = np.where(zulu, 0, np.where(minus, -seconds, seconds))
    width = np.select([zulu, colon, plain, short], [1, 6, 5, 3], 0)
    return offset, width


def _named_zone(cells: Bytes) -> tuple[Ints, Ints]:
    upper = (cells >= ord("A")) & (cells <= ord("Z"))
    length = np.logical_and.accumulate(upper, axis=1).sum(axis=1)
    letters = np.where(np.arange(4) < length[:, None], cells[:, :4], 0)
    packed = letters.astype(np.int64) @ np.array([1 << 24, 1 << 16, 1 << 8, 1])
    codes = np.array([code for code, _ in ZONE_CODES])
    at = np.minimum(np.searchsorted(codes, packed), len(codes) - 1)
    known = (codes[at] == packed) & (length <= LONGEST_ZONE)
    minutes = np.array([minutes for _, minutes in ZONE_CODES])[at]
    return minutes * 60, np.where(known, length, 0)


def offsets(local: Ints, tz: tzinfo) -> Ints:
    """Return the zone's offset from UTC at each local time; clocks change on hours."""
    hours, which = np.unique(local // 3600, return_inverse=True)
    start = datetime(1970, 1, 1, tzinfo=tz)
    offsets = [
        (start + timedelta(hours=int(hour))).utcoffset() or timedelta()
        for hour in hours
    ]
    return np.array([int(o.total_seconds()) for o in offsets], np.int64)[which]
