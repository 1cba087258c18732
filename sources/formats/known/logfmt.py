"""key=value pairs: logfmt, and text with pairs in it."""

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

from sources.formats import columns, meaning, timestamps
from sources.formats.base import Format, Parsed
from sources.formats.json_strings import unescape_all
from sources.formats.pairing import Words, split
from sources.formats.quoting import BACKSLASH, QUOTE, byte_set, scan
from sources.formats.spans import Bools, Ints, Text, as_strings

TELLING = byte_set(b'"\\= \t')
TRAILING = byte_set(b",;|")
KEY = re.compile(r"[A-Za-z_@][\w.@/-]*\Z")

# Fewer pairs are as likely an accident of a text.
FEWEST_PAIRS = 2


@dataclass(frozen=True, kw_only=True)
class PairsFormat(Format):
    # Whether words that are no pair may stand between the pairs.
    free_text: bool

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        strings = as_strings(lines)
        text = Text.of(strings)
        words, good = _words(text)
        pairs, sound = _pairs(text, words)
        counts = np.bincount(pairs.rows, minlength=text.count)
        matched = good & (counts >= FEWEST_PAIRS)
        if not self.free_text:
            matched &= np.bincount(words.rows[~sound], minlength=text.count) == 0
        if not matched.any():
            return Parsed.nothing(text.count)
        fields = columns.build(pairs.only(matched), first=meaning.KEYS)
        ts_ns = meaning.take_time(fields, text.count, received_ns, tz)
        if self.free_text and ts_ns.null_count:
            leading = timestamps.parse_leading(strings, received_ns, tz=tz)
            ts_ns = pc.coalesce(ts_ns, leading)
        level = meaning.take_level(fields, text.count)
        return Parsed(matched, ts_ns, level, meaning.present(fields))


def _words(text: Text) -> tuple[Words, Bools]:
    """Return the words, and which lines close every quote."""
    tokens, good = scan(text, TELLING)
    equal = tokens.kinds == ord("=")
    blank = (tokens.kinds != QUOTE) & ~equal
    gaps = tokens.places[blank].astype(np.int64)
    equals = tokens.places[equal].astype(np.int64)
    return split(text, gaps, tokens.rows[blank], equals), good


def _pairs(text: Text, words: Words) -> tuple[columns.Pairs, Bools]:
    """Return the pairs, and which of the words are one."""
    sound = words.equals > words.starts
    starts, equals = words.starts[sound], words.equals[sound]
    ends = words.ends[sound]
    ends = ends - (TRAILING[text.data[ends - 1]] & (ends - 1 > equals))
    encoded = text.cut(starts, equals).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy().astype(np.int64)
    fine = np.array([KEY.match(name) is not None for name in names], np.bool_)[codes]
    sound[sound] = fine
    quoted = (text.data[equals + 1] == QUOTE) & (text.data[ends - 1] == QUOTE)
    quoted &= ends - equals > 2  # noqa: PLR2004
    values, until = equals + 1 + quoted, ends - quoted
    pairs = columns.Pairs(
        text=text,
        rows=words.rows[sound],
        codes=codes[fine],
        names=names,
        starts=values[fine],
        ends=until[fine],
        escaped=(quoted & text.holds(BACKSLASH, values, until))[fine],
        unescape=unescape_all,
        as_json=lambda which: _json(text, values[fine][which], until[fine][which]),
    )
    return pairs, sound


def _json(text: Text, starts: Ints, ends: Ints) -> pa.Array:
    values = text.cut(starts, ends).to_pylist()
    return pa.array([orjson.dumps(v).decode() for v in values], pa.large_string())


LOGFMT = PairsFormat(
    name="logfmt",
    title="logfmt",
    description="Nothing but key=value pairs: logrus, go-kit, Heroku, Grafana. Values "
    "with blanks are quoted.",
    example='time=2026-10-10T13:55:36Z level=warn msg="disk almost full" free=7',
    free_text=False,
)

KEY_VALUE = PairsFormat(
    name="key_value",
    title="Text with key=value pairs",
    description="At least two pairs anywhere in a line; the time may lead the line.",
    example="2026-10-10 13:55:36 WARN login failed user=alice, client=203.0.113.7",
    free_text=True,
)

FORMATS = (LOGFMT, KEY_VALUE)
