"""W3C extended logs, as IIS and CloudFront write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from sources.formats import levels, timestamps
from sources.formats.base import MAX_COLUMNS, Fields, Format, Parsed
from sources.formats.spans import Ints, as_strings

HEADER = "#Fields:"
# The columns of IIS unless somebody chose others: without and with the referer.
IIS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
    "cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken"
)
DEFAULTS = (IIS, IIS.replace("cs(Referer) ", ""))
# More kinds of headers in one batch are no log of a server.
MOST_HEADERS = 16
LOOKS_LIKE_IIS = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ [A-Z]+ /\S* "


@dataclass(frozen=True, kw_only=True)
class W3cFormat(Format):
    """A `#Fields:` line in the batch names the columns of the lines behind it."""

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        strings = as_strings(lines)
        count = len(strings)
        directive = pc.match_substring_regex(strings, r"^#[A-Z][\w-]+:")
        matched = np.array(directive.to_numpy(zero_copy_only=False), np.bool_)
        fields: Fields = {}
        for names, rows in _sections(strings, matched):
            for name, column in _columns(strings, names, rows, matched).items():
                held = fields.get(name)
                fields[name] = column if held is None else pc.coalesce(held, column)
        ts_ns = _time(fields, count, received_ns, tz)
        status = fields.get("sc-status")
        level = (
            pa.nulls(count, pa.int8()) if status is None else levels.of_status(status)
        )
        used = {n: c for n, c in fields.items() if c.null_count < count}
        return Parsed(matched, ts_ns, level, used)


def _sections(strings: pa.Array, directive: Any) -> Iterator[tuple[list[str], Ints]]:
    """Yield the names of columns, with the rows that have them."""
    is_header = pc.starts_with(strings, HEADER).to_numpy(zero_copy_only=False)
    places = np.flatnonzero(is_header)
    # Many headers are one, written anew at every start of the server.
    encoded = strings.take(pa.array(places)).dictionary_encode()
    which = np.append(-1, encoded.indices.to_numpy())
    header = which[np.cumsum(is_header)]
    data = ~directive
    for code, text in enumerate(encoded.dictionary.to_pylist()[:MOST_HEADERS]):
        rows = np.flatnonzero(data & (header == code))
        yield text.removeprefix(HEADER).split(), rows
    rows = np.flatnonzero(data & (header < 0))
    like = pc.match_substring_regex(strings.take(pa.array(rows)), LOOKS_LIKE_IIS)
    for default in DEFAULTS:
        yield default.split(), rows[like.to_numpy(zero_copy_only=False)]


def _columns(strings: pa.Array, names: list[str], rows: Ints, matched: Any) -> Fields:
    """Return the columns of the rows with as many values as there are names."""
    width = len(names)
    if not width or width > MAX_COLUMNS or not len(rows):
        return {}
    part = strings.take(pa.array(rows))
    tabbed = pc.any(pc.match_substring(part, "\t")).as_py()
    lists = pc.split_pattern(part, "\t" if tabbed else " ")
    whole = pc.equal(pc.list_value_length(lists), width)
    good = rows[whole.to_numpy(zero_copy_only=False)]
    matched[good] = True
    values = lists.filter(whole).flatten()
    where = np.full(len(strings), -1)
    where[good] = np.arange(len(good)) * width
    fields: Fields = {}
    for place, name in enumerate(names):
        index = pa.array(where + place, mask=where < 0)
        column = values.take(index)
        fields[name] = pc.if_else(pc.equal(column, "-"), None, column)
    return fields


def _time(fields: Fields, count: int, received_ns: int, tz: tzinfo | None) -> pa.Array:
    day, clock = fields.pop("date", None), fields.pop("time", None)
    if day is None or clock is None:
        return pa.nulls(count, pa.int64())
    blank = pa.scalar(" ", pa.large_string())
    stamps = pc.binary_join_element_wise(day, clock, blank)
    return timestamps.parse(pc.fill_null(stamps, ""), received_ns, tz=tz)


W3C = W3cFormat(
    name="w3c",
    title="W3C extended (IIS)",
    description="Columns named by a `#Fields:` line; without one IIS's default columns.",
    example="2026-10-10 13:55:36 10.0.0.1 GET /cart id=7 443 - 203.0.113.7 curl/8.5 - "
    "500 0 0 31",
)

FORMATS = (W3C,)
