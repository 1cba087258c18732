"""The export format of systemd's journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from sources.formats import columns, meaning
from sources.formats.base import Format, Parsed
from sources.formats.pairing import places_of, split
from sources.formats.spans import Bools, Ints, Text, as_strings

MEMBER = r"^(?:__?)?[A-Z][A-Z0-9_]*=(?:.*)"
NEWLINE, EQUALS = b"\n="


@dataclass(frozen=True, kw_only=True)
class JournalFormat(Format):
    """An entry is one event of lines FIELD=value; `join_multiline` makes it so."""

    @override
    def matches(self, lines: Any) -> Bools:
        found = pc.match_substring_regex(as_strings(lines), MEMBER)
        return np.array(found.to_numpy(zero_copy_only=False), np.bool_)

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        text = Text.of(lines)
        matched = self.matches(lines)
        if not matched.any():
            return Parsed.nothing(text.count)
        fields = columns.build(_pairs(text).only(matched), first=meaning.KEYS)
        ts_ns = meaning.take_time(fields, text.count, received_ns, tz)
        level = meaning.take_level(fields, text.count)
        return Parsed(matched, ts_ns, level, meaning.present(fields))


def _pairs(text: Text) -> columns.Pairs:
    gaps, gap_rows = places_of(text, NEWLINE)
    words = split(text, gaps, gap_rows, places_of(text, EQUALS)[0])
    sound = words.equals > words.starts
    starts, ends = words.equals[sound] + 1, words.ends[sound]
    keys = text.cut(words.starts[sound], words.equals[sound]).dictionary_encode()

    def as_json(which: Ints) -> pa.Array:
        values = text.cut(starts[which], ends[which]).to_pylist()
        return pa.array([orjson.dumps(v).decode() for v in values], pa.large_string())

    return columns.Pairs(
        text=text,
        rows=words.rows[sound],
        codes=keys.indices.to_numpy().astype(np.int64),
        names=keys.dictionary.to_pylist(),
        starts=starts,
        ends=ends,
        escaped=np.zeros(len(starts), np.bool_),
        unescape=lambda values: values,
        as_json=as_json,
    )


JOURNAL = JournalFormat(
    name="journal_export",
    title="systemd journal export",
    description="`journalctl -o export`: one entry from `__CURSOR=` to the next. "
    "PRIORITY gives the level, __REALTIME_TIMESTAMP the time.",
    example="__CURSOR=s=7c1\n__REALTIME_TIMESTAMP=1791640536120345\nPRIORITY=4\n"
    "_HOSTNAME=web1\nMESSAGE=stock is low",
    event_start="^__CURSOR=",
)

FORMATS = (JOURNAL,)
