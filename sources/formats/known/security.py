"""Events of security products: CEF and LEEF, with or without a syslog head."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from monitoring.telemetry import Level
from sources.formats import columns, levels, meaning, timestamps
from sources.formats.base import Fields, Parsed
from sources.formats.pairing import places_of
from sources.formats.patterns import PatternFormat
from sources.formats.spans import Ints, Text, as_strings

HEAD = (
    r"^(?:<\d{1,3}>)?(?:(?:\d )?(?P<ts>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+)"
    r" (?P<host>\S+) (?:\S+ )*?)?"
)
KEY = re.compile(r"[A-Za-z_][\w.\[\]-]*\Z")
SPACE, TAB, EQUALS, BACKSLASH = b" \t=\\"

# CEF's severity counts from 0 to 10, or is a word.
SEVERITY = (
    *[Level.INFO] * 4,
    *[Level.WARN] * 3,
    *[Level.ERROR] * 2,
    *[Level.FATAL] * 2,
)
WORDS = {
    "low": Level.INFO,
    "medium": Level.WARN,
    "high": Level.ERROR,
    "very-high": Level.FATAL,
}
TIME_KEYS = ("rt", "devTime", "end", "start")


def _parts(*names: str) -> str:
    return "".join(rf"\|(?P<{name}>(?:[^|\\]|\\.)*)" for name in names)


@dataclass(frozen=True, kw_only=True)
class EventFormat(PatternFormat):
    """Header parts between bars, then key=value pairs whose values may hold blanks."""

    separator: int

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        strings = as_strings(lines)
        matched, groups = self._extract(strings)
        if not matched.any():
            return Parsed.nothing(len(strings))
        extension = groups.pop("extension", pa.nulls(len(strings), pa.large_string()))
        delimiter = groups.pop("delimiter", None)
        if delimiter is not None:
            extension = _with_tabs(extension, delimiter)
        fields = columns.build(_pairs(Text.of(extension), self.separator))
        times = [fields[key] for key in TIME_KEYS if key in fields]
        ts_ns = pa.nulls(len(strings), pa.int64())
        for column in [*times, *(groups[k] for k in ("ts",) if k in groups)]:
            found = timestamps.parse(column, received_ns, tz=tz)
            ts_ns = pc.coalesce(ts_ns, found)
        head: Fields = {n: _unescape(c) for n, c in self.fields_of(groups).items()}
        severity = head.get("severity", fields.get("sev"))
        level = pa.nulls(len(strings), pa.int8())
        if severity is not None:
            level = _level(severity)
        return Parsed(matched, ts_ns, level, meaning.present({**fields, **head}))


def _level(severity: pa.Array) -> pa.Array:
    numbers = levels.of_numbers(severity, SEVERITY)
    return pc.coalesce(numbers, levels.of_words(severity, WORDS))


def _with_tabs(extension: pa.Array, delimiter: pa.Array) -> pa.Array:
    """Return the extensions with each line's own delimiter replaced by a tab."""
    for name in pc.unique(delimiter.drop_null()).to_pylist()[:MOST_DELIMITERS]:
        mark = _mark(name)
        if mark:
            rows = pc.fill_null(pc.equal(delimiter, name), fill_value=False)
            tabbed = pc.replace_substring(extension, mark, "\t")
            extension = pc.if_else(rows, tabbed, extension)
    return extension


# A batch has one product's lines; more delimiters than this are no LEEF.
MOST_DELIMITERS = 8


def _mark(name: str) -> str:
    """Return the delimiter that a LEEF 2.0 header names: itself, or as x09 or 0x09."""
    code = re.fullmatch(r"0?x([0-9A-Fa-f]{2,4})", name)
    return chr(int(code[1], 16)) if code else name


def _pairs(text: Text, separator: int) -> columns.Pairs:
    """Find keys before `=`; a value reaches to the key of the next pair."""
    equals, rows = places_of(text, EQUALS)
    bare = (equals == 0) | (text.data[equals - 1] != BACKSLASH)
    equals, rows = equals[bare], rows[bare]
    gaps, _ = places_of(text, separator)
    before = np.append(-1, gaps)[np.searchsorted(gaps, equals)]
    starts = np.maximum(before + 1, text.starts[rows])
    encoded = text.cut(starts, equals).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy().astype(np.int64)
    fine = np.array([KEY.match(name) is not None for name in names], np.bool_)[codes]
    equals, rows, starts, codes = equals[fine], rows[fine], starts[fine], codes[fine]
    ends = _value_ends(text, rows, starts)
    values = equals + 1

    def as_json(which: Ints) -> pa.Array:
        found = text.cut(values[which], ends[which]).to_pylist()
        return pa.array([orjson.dumps(v).decode() for v in found], pa.large_string())

    return columns.Pairs(
        text=text,
        rows=rows,
        codes=codes,
        names=names,
        starts=values,
        ends=ends,
        escaped=text.holds(BACKSLASH, values, ends),
        unescape=_unescape,
        as_json=as_json,
    )


def _value_ends(text: Text, rows: Ints, starts: Ints) -> Ints:
    ends = text.ends[rows].copy()
    same = rows[1:] == rows[:-1]
    ends[:-1][same] = starts[1:][same] - 1
    return ends


def _unescape(values: pa.Array) -> pa.Array:
    for escape, meant in ((r"\=", "="), (r"\|", "|"), (r"\n", "\n"), ("\\\\", "\\")):
        values = pc.replace_substring(values, escape, meant)
    return values


CEF = EventFormat(
    name="cef",
    title="CEF",
    description="ArcSight's Common Event Format. `rt` is the time, severity the level.",
    example="CEF:0|Acme|Firewall|1.2|100|port scan|8|src=203.0.113.7 "
    "rt=1791640536120 msg=many ports in a row",
    patterns=(
        HEAD
        + r"CEF:\d+"
        + _parts(
            "vendor", "product", "version", "signature", "name", "severity", "extension"
        )
        + "$",
    ),
    separator=SPACE,
)

LEEF = EventFormat(
    name="leef",
    title="LEEF",
    description="QRadar's Log Event Extended Format 1.0 and 2.0. `devTime` is the time, "
    "`sev` the level.",
    example="LEEF:2.0|Acme|Firewall|1.2|scan|^|src=203.0.113.7^sev=8^devTime=1791640536120",
    patterns=(
        HEAD
        + r"LEEF:2\.0"
        + _parts("vendor", "product", "version", "event")
        + r"\|(?P<delimiter>[^|]{0,6})\|(?P<extension>.*)$",
        HEAD
        + r"LEEF:1\.0"
        + _parts("vendor", "product", "version", "event")
        + r"\|(?P<extension>.*)$",
    ),
    separator=TAB,
)

FORMATS = (CEF, LEEF)
