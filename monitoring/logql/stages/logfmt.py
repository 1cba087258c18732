"""logfmt: pairs are found with numpy in the bytes of all lines at once.

Only lines with escapes or stray quotes are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.gotemplates.literals import SURROGATES
from monitoring.logql.columns import (
    Bools,
    Column,
    Ints,
    coalesced,
    column,
    scattered,
    texts,
    without_empty,
)
from monitoring.logql.lines import (
    Columns,
    Lines,
    key_of,
    label_name,
    parsed_name,
)

LOGFMT_ERROR = "LogfmtParserErr"

_QUOTE, _EQUAL, _BACKSLASH, _SPACE = 34, 61, 92, 32
_PAIR = re.compile(
    r'(?P<key>[^\s="\x00-\x20]+)(?:=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"(?=[\x00-\x20]|\Z)'
    r'|(?P<plain>[^"\x00-\x20][^\x00-\x20"]*)?(?=[\x00-\x20]|\Z)))?(?=[\x00-\x20]|\Z)',
    re.DOTALL,
)
_BLANK = re.compile(r"[\x00-\x20]*")
_WORD = re.compile(r"[^\x00-\x20]+")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of some lines: pair `i` stands in line `rows[i]`.

    Its value is the bytes `starts[i]:ends[i]` of `data`.
    """

    rows: Ints
    keys: Ints
    names: Sequence[str]
    data: npt.NDArray[np.uint8]
    starts: Ints
    ends: Ints

    def of_key(self, name: str) -> tuple[Ints, Column] | None:
        if name not in self.names:
            return None
        chosen = np.flatnonzero(self.keys == self.names.index(name))
        values = _substrings(self.data, self.starts[chosen], self.ends[chosen])
        return self.rows[chosen], values


def _substrings(data: npt.NDArray[np.uint8], starts: Ints, ends: Ints) -> Column:
    """Return the texts between the borders, which ascend and do not overlap."""
    count = len(starts)
    if count == 0:
        return column([])
    # What lies between two texts is a text too, and then left out.
    offsets = np.empty(2 * count, np.int64)
    offsets[::2], offsets[1::2] = starts, ends
    whole = pa.LargeStringArray.from_buffers(
        2 * count - 1, pa.py_buffer(offsets), pa.py_buffer(data)
    )
    return whole.take(pa.array(np.arange(0, 2 * count - 1, 2)))


def _bytes_of(lines: Column) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Return the lines' bytes and the offsets of their borders in them."""
    if lines.null_count:
        lines = lines.fill_null("")
    _, offsets, data = lines.buffers()
    borders = np.frombuffer(offsets, np.int64)[
        lines.offset : lines.offset + len(lines) + 1
    ]
    whole = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    first = int(borders[0])
    return whole[first : int(borders[-1])], borders - first


def find_pairs(lines: Column) -> tuple[Pairs, Bools]:
    """Return the pairs of all plain lines, and which lines are not plain."""
    data, borders = _bytes_of(lines)
    quotes = np.flatnonzero(data == _QUOTE)
    odd = _odd_lines(data, borders, quotes)
    owners = np.searchsorted(borders, quotes, side="right") - 1
    starts, ends, rows = _words(data, borders, quotes[~odd[owners]])
    equal = np.append(np.flatnonzero(data == _EQUAL), len(data))
    middle = np.minimum(equal[np.searchsorted(equal, starts)], ends)
    odd[rows[middle == starts]] = True
    kept = ~odd[rows]
    starts, middle, ends, rows = starts[kept], middle[kept], ends[kept], rows[kept]
    keys = _substrings(data, starts, middle).dictionary_encode()
    value = np.minimum(middle + 1, ends)
    quoted = np.zeros(len(value), np.bool_)
    inside = value < ends
    quoted[inside] = data[value[inside]] == _QUOTE
    ids = keys.indices.to_numpy().astype(np.int64)
    names = [name or "" for name in texts(keys.dictionary)]
    return Pairs(rows, ids, names, data, value + quoted, ends - quoted), odd


def _odd_lines(data: npt.NDArray[np.uint8], borders: Ints, quotes: Ints) -> Bools:
    """Return the lines with a backslash, or a quote that opens or closes nothing."""
    count = len(borders) - 1
    odd = np.zeros(count, np.bool_)
    escapes = np.flatnonzero(data == _BACKSLASH)
    odd[np.searchsorted(borders, escapes, side="right") - 1] = True
    if len(quotes) == 0:
        return odd
    owners = np.searchsorted(borders, quotes, side="right") - 1
    sizes = np.bincount(owners, minlength=count)
    odd |= sizes % 2 == 1
    firsts = np.concatenate(([0], np.cumsum(sizes)))[owners]
    opening = (np.arange(len(quotes)) - firsts) % 2 == 0
    opens, closes = quotes[opening], quotes[~opening]
    lonely = (opens == borders[owners[opening]]) | (data[opens - 1] != _EQUAL)
    odd[owners[opening][lonely]] = True
    at_end = closes + 1 == borders[owners[~opening] + 1]
    following = data[np.minimum(closes + 1, len(data) - 1)]
    odd[owners[~opening][~at_end & (following > _SPACE)]] = True
    return odd


def _words(
    data: npt.NDArray[np.uint8], borders: Ints, quotes: Ints
) -> tuple[Ints, Ints, Ints]:
    """Return the borders of all words outside of quotes, and their lines."""
    blanks = np.flatnonzero(data <= _SPACE)
    blanks = blanks[np.searchsorted(quotes, blanks) % 2 == 0]
    owners = np.searchsorted(borders, blanks, side="right") - 1
    sizes = np.bincount(owners, minlength=len(borders) - 1) + 1
    starts = np.sort(np.concatenate((borders[:-1], blanks + 1)), kind="stable")
    ends = np.sort(np.concatenate((blanks, borders[1:])), kind="stable")
    rows = np.repeat(np.arange(len(borders) - 1), sizes)
    words = ends > starts
    return starts[words], ends[words], rows[words]


@dataclass(frozen=True, slots=True)
class Scanned:
    """The pairs of one line that is not plain, and what is wrong with it."""

    pairs: list[tuple[str, str]]
    complaint: str = ""


def scan(line: str) -> Scanned:
    """Read one line; what is no pair is passed over, and the first of it told."""
    pairs, complaint, position = [], "", 0
    while (position := _blank_end(line, position)) < len(line):
        found = _PAIR.match(line, position)
        if found is None:
            word = _WORD.match(line, position)
            complaint = complaint or (
                f"logfmt syntax error at pos {position + 1} : unexpected character"
            )
            position = word.end() if word else len(line)
            continue
        pairs.append((found["key"], _value(found)))
        position = found.end()
    return Scanned(pairs, complaint)


def _blank_end(line: str, position: int) -> int:
    found = _BLANK.match(line, position)
    return found.end() if found else position


def _value(found: re.Match[str]) -> str:
    if found["quoted"] is None:
        return found["plain"] or ""
    return _ESCAPE.sub(_unescape, found["quoted"])


def _unescape(found: re.Match[str]) -> str:
    text = found[1]
    if len(text) > 1:
        code = int(text[1:], 16)
        return "\ufffd" if code in SURROGATES else chr(code)
    return _ESCAPES.get(text, text)


# The lines that have a key, and its values.
Values = tuple[list[int], list[str]]


@dataclass(frozen=True, slots=True)
class Logfmt:
    """The labels of logfmt lines, made when asked for."""

    count: int
    own: frozenset[str]
    pairs: Pairs
    odd: Mapping[str, Values]
    keep_empty: bool
    keys: Mapping[str, Sequence[str]]
    final: bool = False
    _made: dict[str, Column | None] = field(default_factory=dict)

    def names(self) -> Iterable[str]:
        return {parsed_name(name, self.own) for name in self.keys if name}

    def get(self, name: str) -> Column | None:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Column | None:
        key = key_of(name, self.own)
        found = [] if key is None else self._columns(key)
        if not found:
            return None
        merged = coalesced(found)
        return merged if self.keep_empty else without_empty(merged)

    def _columns(self, name: str) -> list[Column]:
        return [each for key in self.keys.get(name, ()) for each in self.of_key(key)]

    def of_key(self, key: str) -> list[Column]:
        """Return the values of a key as it is written, from both kinds of lines."""
        plain = self.pairs.of_key(key)
        found = [] if plain is None else [scattered(self.count, *plain)]
        if key in self.odd:
            rows, values = self.odd[key]
            found.append(scattered(self.count, np.array(rows), column(values)))
        return found

    def take(self, rows: Ints) -> Selected:
        return Selected(self, rows)


@dataclass(frozen=True, slots=True)
class Selected:
    """Some lines of others, whose labels are still made only when asked for."""

    layer: Logfmt
    rows: Ints
    final: bool = False

    def names(self) -> Iterable[str]:
        return self.layer.names()

    def get(self, name: str) -> Column | None:
        found = self.layer.get(name)
        return None if found is None else found.take(pa.array(self.rows))

    def take(self, rows: Ints) -> Selected:
        return Selected(self.layer, self.rows[rows])


def parse_logfmt(lines: Lines, *, strict: bool, keep_empty: bool) -> Lines:
    layer, bad, complaints = read_logfmt(lines, keep_empty=keep_empty)
    found = lines.with_layer(layer)
    return found.with_error(bad, LOGFMT_ERROR, complaints) if strict else found


def read_logfmt(lines: Lines, *, keep_empty: bool) -> tuple[Logfmt, Bools, list[str]]:
    """Return the labels, and the lines that are not quite logfmt with the reasons."""
    pairs, odd = find_pairs(lines.text)
    rows = np.flatnonzero(odd)
    scanned = [scan(t or "") for t in texts(lines.text.take(pa.array(rows)))]
    bad = np.zeros(lines.count, np.bool_)
    complaints = [""] * lines.count
    for row, each in zip(rows.tolist(), scanned, strict=True):
        complaints[row], bad[row] = each.complaint, bool(each.complaint)
    values = _odd_values(rows, scanned)
    keys = _keys_by_name({*pairs.names, *values})
    layer = Logfmt(lines.count, lines.own, pairs, values, keep_empty, keys)
    return layer, bad, complaints


def _keys_by_name(keys: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key in sorted(keys):
        found.setdefault(label_name(key), []).append(key)
    return found


def _odd_values(rows: Ints, scanned: list[Scanned]) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for row, each in zip(rows.tolist(), scanned, strict=True):
        # Of a key that is twice in a line the last one counts.
        for key, value in each.pairs:
            places, values = found.setdefault(key, ([], []))
            places.append(row)
            values.append(value)
    return found


def extract_logfmt(
    lines: Lines,
    wanted: Sequence[tuple[str, str]],
    *,
    strict: bool,
    keep_empty: bool,
) -> Lines:
    """Make labels of some keys only, under names of the query's choice."""
    layer, bad, complaints = read_logfmt(lines, keep_empty=keep_empty)
    columns = {}
    for name, key in wanted:
        found = layer.of_key(key)
        if found:
            merged = coalesced(found)
            columns[parsed_name(name, lines.own)] = (
                merged if keep_empty else without_empty(merged)
            )
    found_lines = lines.with_layer(Columns(columns))
    return (
        found_lines.with_error(bad, LOGFMT_ERROR, complaints) if strict else found_lines
    )
