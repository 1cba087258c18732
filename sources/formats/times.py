"""Times written in a format that somebody has described, as for strftime."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sources.formats import zones

Longs = npt.NDArray[np.int64]

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905
# Directives, the group each is read into, and what it looks like.
DIRECTIVES: Mapping[str, tuple[str, str]] = {
    "Y": ("Y", r"\d{4}"),
    "y": ("y", r"\d{2}"),
    "m": ("m", r"\d{1,2}"),
    "d": ("d", r" ?\d{1,2}"),
    "e": ("d", r" ?\d{1,2}"),
    "H": ("H", r" ?\d{1,2}"),
    "I": ("I", r" ?\d{1,2}"),
    "M": ("M", r"\d{1,2}"),
    "S": ("S", r"\d{1,2}"),
    "f": ("f", r"\d{1,9}"),
    "L": ("f", r"\d{1,9}"),
    "N": ("f", r"\d{1,9}"),
    "b": ("b", r"[A-Za-z]{3}"),
    "B": ("b", r"[A-Za-z]{3,9}"),
    "h": ("b", r"[A-Za-z]{3}"),
    "p": ("p", r"[AaPp]\.?[Mm]\.?"),
    "z": ("z", r"(?:Z|[+-]\d{2}:?\d{2})"),
    "s": ("s", r"\d{1,11}"),
    "j": ("j", r"\d{1,3}"),
    "a": ("", r"[A-Za-z]{3}"),
    "A": ("", r"[A-Za-z]{3,9}"),
    "Z": ("", r"[A-Za-z]{1,5}"),
}
# Directives that stand for several.
_SHORT = {"%T": "%H:%M:%S", "%D": "%m/%d/%y", "%F": "%Y-%m-%d", "%R": "%H:%M"}


class InvalidTimeFormatError(ValueError):
    """A time format that cannot be read; the text says why."""


def check_time_format(text: str) -> None:
    """Raises InvalidTimeFormatError."""
    groups = [group for group, _ in _pieces(text) if group]
    doubles = {group for group in groups if groups.count(group) > 1}
    if doubles:
        raise InvalidTimeFormatError(f"The time format {text!r} says something twice.")
    if "s" in groups or {"H", "I"} & set(groups):
        return
    if not groups:
        raise InvalidTimeFormatError(
            f"The time format {text!r} has no directive, as in %Y-%m-%d %H:%M:%S."
        )


def expression_of(text: str) -> str:
    """Return an RE2 expression of such times, without named groups."""
    return "".join(expression for _, expression in _pieces(text))


def parse_as(column: Any, text: str, tz: tzinfo | None, received_ns: int) -> pa.Array:
    """Return nanoseconds since the epoch; null where the text is no such time.

    A time without a zone is in `tz`, or UTC; one without a year or a date is the
    latest such time that is not more than a day after the arrival.
    """
    found = pc.extract_regex(column, _grouped(text))
    parts = {f.name: pc.struct_field(found, f.name) for f in found.type}
    good = found.is_valid().to_numpy(zero_copy_only=False)
    nanos = (
        _fraction(parts["f"], good) if "f" in parts else np.zeros(len(good), np.int64)
    )
    if "s" in parts:
        seconds = _number(parts["s"], good)
    else:
        days, fits = _days(parts, good, received_ns)
        good &= fits
        clock, fits = _clock(parts, good)
        good &= fits
        seconds = days * 86400 + clock
        seconds = seconds - _offsets(parts, good, seconds, tz)
    return pa.array(seconds * 10**9 + nanos, pa.int64(), mask=~good)


@lru_cache(maxsize=512)
def _pieces(text: str) -> tuple[tuple[str, str], ...]:
    """Return groups and expressions; plain text has no group."""
    for short, long in _SHORT.items():
        text = text.replace(short, long)
    found: list[tuple[str, str]] = []
    for directive, plain in re.findall(r"%(.?)|([^%]+)", text, re.DOTALL):
        if plain:
            found.append(("", re.escape(plain)))
        elif directive == "%":
            found.append(("", "%"))
        elif directive in DIRECTIVES:
            found.append(DIRECTIVES[directive])
        else:
            known = ", ".join(f"%{name}" for name in DIRECTIVES)
            raise InvalidTimeFormatError(
                f"The time format {text!r} has the directive %{directive}; known: {known}."
            )
    return tuple(found)


@lru_cache(maxsize=512)
def _grouped(text: str) -> str:
    inner = "".join(
        f"(?P<{group}>{expression})" if group else expression
        for group, expression in _pieces(text)
    )
    return rf"^\s*{inner}\s*$"


def _number(column: Any, good: npt.NDArray[np.bool_]) -> Longs:
    trimmed = pc.utf8_trim_whitespace(pc.if_else(pa.array(good), column, "0"))
    return np.array(pc.cast(trimmed, pa.int64()).to_numpy(zero_copy_only=False))


def _fraction(column: Any, good: npt.NDArray[np.bool_]) -> Longs:
    digits = pc.ascii_rpad(pc.if_else(pa.array(good), column, "0"), 9, "0")
    return np.array(pc.cast(digits, pa.int64()).to_numpy(zero_copy_only=False))


def _month(column: Any) -> Longs:
    names = pc.utf8_lower(pc.utf8_slice_codeunits(column, 0, 3))
    places = pc.index_in(names, pa.array(_MONTHS, names.type))
    return np.array(pc.fill_null(places, -1).to_numpy(zero_copy_only=False)) + 1


def _days(
    parts: Mapping[str, Any], good: npt.NDArray[np.bool_], received_ns: int
) -> tuple[Longs, npt.NDArray[np.bool_]]:
    """Return days since the epoch, and which of them there are."""
    count = len(good)
    today = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=received_ns // 10**9)
    if not parts.keys() & {"Y", "y", "m", "b", "d", "j"}:
        return np.full(count, today.toordinal() - _EPOCH), np.ones(count, np.bool_)
    month = np.ones(count, np.int64)
    if "b" in parts:
        month = _month(parts["b"])
    elif "m" in parts:
        month = _number(parts["m"], good)
    day = _number(parts["d"], good) if "d" in parts else np.ones(count, np.int64)
    fits = (month >= 1) & (month <= 12) & (day >= 1)  # noqa: PLR2004 - months
    if "Y" in parts:
        year = _number(parts["Y"], good)
    elif "y" in parts:
        year = _number(parts["y"], good) + 2000
    else:
        year = np.full(count, today.year)
    days, last = _civil(year, np.clip(month, 1, 12), day)
    fits &= days <= last
    if "j" in parts:
        days = _civil(year, np.ones(count, np.int64), np.ones(count, np.int64))[0]
        days = days + _number(parts["j"], good) - 1
    elif not parts.keys() & {"Y", "y"}:
        ahead = days > today.toordinal() - _EPOCH + 1
        earlier, last = _civil(year - 1, np.clip(month, 1, 12), day)
        days = np.where(ahead, np.minimum(earlier, last), days)
    return days, fits


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()


def _civil(year: Longs, month: Longs, day: Longs) -> tuple[Longs, Longs]:
    """Return the day, and the last day of its month, since the epoch."""
    months = (year - 1970) * 12 + month - 1
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    after = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64)
    return first + day - 1, after - 1


def _clock(
    parts: Mapping[str, Any], good: npt.NDArray[np.bool_]
) -> tuple[Longs, npt.NDArray[np.bool_]]:
    """Return seconds since midnight, and which of them there are."""
    none = np.zeros(len(good), np.int64)
    hour = none
    if "H" in parts:
        hour = _number(parts["H"], good)
    elif "I" in parts:
        hour = _number(parts["I"], good) % 12
        if "p" in parts:
            after = pc.match_substring_regex(parts["p"], "^[Pp]")
            after = pc.fill_null(after, fill_value=False)
            hour = hour + 12 * after.to_numpy(zero_copy_only=False).astype(np.int64)
    minute = _number(parts["M"], good) if "M" in parts else none
    second = _number(parts["S"], good) if "S" in parts else none
    fits = (hour < 24) & (minute < 60) & (second <= 60)  # noqa: PLR2004 - a clock's
    return hour * 3600 + minute * 60 + second, fits


def _offsets(
    parts: Mapping[str, Any],
    good: npt.NDArray[np.bool_],
    local: Longs,
    tz: tzinfo | None,
) -> Longs:
    """Return seconds east of Greenwich."""
    if "z" not in parts:
        safe = np.where(good, local, 0)
        return np.zeros(len(good), np.int64) if tz is None else zones.offsets(safe, tz)
    texts = pc.if_else(pa.array(good), parts["z"], "Z")
    plain = pc.replace_substring(texts, ":", "")
    plain = pc.replace_with_mask(
        plain, pc.equal(plain, "Z"), pa.scalar("+0000", plain.type)
    )
    number = pc.cast(pc.utf8_slice_codeunits(plain, 1), pa.int64())
    value = np.array(number.to_numpy(zero_copy_only=False))
    seconds = value // 100 * 3600 + value % 100 * 60
    minus = pc.starts_with(plain, "-").to_numpy(zero_copy_only=False)
    return np.asarray(np.where(minus, -seconds, seconds))
