"""JSON objects, one a line, whoever wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from sources.formats import columns, meaning
from sources.formats.base import Format, Parsed
from sources.formats.json_members import Members
from sources.formats.json_strings import unescape_all
from sources.formats.json_text import flatten
from sources.formats.spans import Text, as_strings


@dataclass(frozen=True, kw_only=True)
class JsonFormat(Format):
    """Members become fields, nested ones named by their path; see `json_text`."""

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        text = Text.of(pc.ascii_trim_whitespace(as_strings(lines)))
        matched, members = flatten(text)
        if not matched.any():
            return Parsed.nothing(text.count)
        fields = columns.build(_pairs(text, members), first=meaning.KEYS)
        ts_ns = meaning.take_time(fields, text.count, received_ns, tz)
        level = meaning.take_level(fields, text.count)
        return Parsed(matched, ts_ns, level, meaning.present(fields))


def _pairs(text: Text, members: Members) -> columns.Pairs:
    def as_json(which: Any) -> pa.Array:
        return text.cut(members.raw_starts[which], members.raw_ends[which])

    return columns.Pairs(
        text=text,
        rows=members.rows,
        codes=members.codes,
        names=members.names,
        starts=members.starts,
        ends=members.ends,
        escaped=members.escaped,
        unescape=unescape_all,
        as_json=as_json,
    )


JSON = JsonFormat(
    name="json",
    title="JSON",
    description="One object a line: bunyan, pino, zap, logrus, zerolog, ECS, GELF, "
    "docker's json-file, MongoDB and any other. Nested objects are named by their path.",
    example='{"time":"2026-10-10T13:55:36Z","level":"warn","msg":"disk","disk":{"free":7}}',
)

FORMATS = (JSON,)
