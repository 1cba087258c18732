"""Numbers, durations and sizes out of labels' texts, a column at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.gotemplates.literals import quote
from monitoring.logql.columns import (
    Bools,
    Column,
    Floats,
    bools,
    filled,
    map_texts,
    missing,
    texts,
)
from monitoring.logql.literals import duration_ns, size_bytes
from monitoring.logql.syntax import Unit

_FLOAT = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)"
    r"|[+-]?0[xX][0-9a-fA-F]+",
    re.IGNORECASE | re.ASCII,
)
_PLAIN = r"\A-?[0-9]{1,15}(\.[0-9]{1,15})?\z"
_WITH_UNIT = r"\A(?P<number>[0-9]{1,15}(?:\.[0-9]{1,9})?)(?P<unit>ns|us|µs|ms|s|m|h)\z"
_SECONDS: Mapping[str, float] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """`values` count where neither `absent` nor `bad`; `complaints` are for the bad."""

    values: Floats
    absent: Bools
    bad: Bools
    complaints: list[str]


def read_numbers(column: Column, unit: Unit) -> Numbers:
    """Durations come out in seconds."""
    column = filled(column)
    fast = _FAST[unit](column)
    if fast is not None:
        none = np.zeros(len(column), np.bool_)
        return Numbers(fast, none, none, [])
    absent = missing(column)
    outcomes, codes = map_texts(column, lambda text: _read(text, unit))
    values = np.array([value for value, _ in outcomes], np.float64)[codes]
    complaints = [complaint for _, complaint in outcomes]
    wrong = np.array([bool(text) for text in complaints], np.bool_)[codes] & ~absent
    told = [complaints[code] for code in codes.tolist()] if wrong.any() else []
    return Numbers(values, absent, wrong, told)


def _read(text: str, unit: Unit) -> tuple[float, str]:
    try:
        return _READERS[unit](text), ""
    except ValueError as error:
        return 0.0, str(error)


def parse_float(text: str) -> float:
    """Return what Go's ParseFloat does. Raises ValueError."""
    if not _FLOAT.fullmatch(text):
        raise ValueError(
            f"strconv.ParseFloat: parsing {quote(text[:80])}: invalid syntax"
        )
    if "x" in text.lower():
        return float(int(text, 16))
    return float(text)


def parse_seconds(text: str) -> float:
    try:
        return duration_ns(text) / 1e9
    except ValueError:
        raise ValueError(f"time: invalid duration {quote(text[:80])}") from None


_READERS: dict[Unit, Callable[[str], float]] = {
    Unit.NUMBER: parse_float,
    Unit.DURATION: parse_seconds,
    Unit.BYTES: size_bytes,
}


def _plain_numbers(column: Column) -> Floats | None:
    if not bools(pc.match_substring_regex(column, _PLAIN)).all():
        return None
    found: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _durations(column: Column) -> Floats | None:
    """Return seconds if every text is one number and one unit."""
    split = pc.extract_regex(column, _WITH_UNIT)
    if split.null_count:
        return None
    numbers = pc.struct_field(split, "number").cast(pa.float64())
    units = pc.struct_field(split, "unit").dictionary_encode()
    scales = np.array([_SECONDS[unit or ""] for unit in texts(units.dictionary)])
    codes = units.indices.to_numpy(zero_copy_only=False)
    values: Floats = numbers.to_numpy(zero_copy_only=False) * scales[codes]
    return values


_FAST: dict[Unit, Callable[[Column], Floats | None]] = {
    Unit.NUMBER: _plain_numbers,
    Unit.DURATION: _durations,
    Unit.BYTES: _plain_numbers,
}
