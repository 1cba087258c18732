"""Tables with a header line, separated by comma, semicolon or tab."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from sources.formats import timestamps
from sources.formats.base import Format, Parsed
from sources.formats.spans import Bools, as_strings

NAME = re.compile(r'"?[A-Za-z_][\w .()/%-]{0,60}"?\Z')
FEWEST_COLUMNS = 3


@dataclass(frozen=True, kw_only=True)
class CsvFormat(Format):
    """Recognised only: which column means what stands in a line that is long gone."""

    @override
    def matches(self, lines: Any) -> Bools:
        strings = as_strings(lines)
        count = len(strings)
        header = strings[0].as_py() if count else ""
        for separator in (",", ";", "\t"):
            names = header.split(separator)
            if len(names) >= FEWEST_COLUMNS and all(map(NAME.match, names)):
                return _regular(strings, separator, len(names))
        return np.zeros(count, np.bool_)

    @override
    def parse(
        self, lines: Any, received_ns: int, *, tz: tzinfo | None = None
    ) -> Parsed:
        strings = as_strings(lines)
        times = timestamps.parse_leading(strings, received_ns, tz=tz)
        level = pa.nulls(len(strings), pa.int8())
        return Parsed(self.matches(strings), times, level, {})


def _regular(strings: pa.Array, separator: str, width: int) -> Bools:
    """Return which lines have as many values as there are names."""
    bare = pc.replace_substring_regex(strings, r'"(?:[^"]|"")*"', "")
    counts = pc.count_substring(bare, separator).to_numpy(zero_copy_only=False)
    return np.asarray(counts == width - 1)


CSV = CsvFormat(
    name="csv",
    title="CSV with a header",
    description="Recognised by its header; lines are kept whole, with a leading time.",
    example="time,level,message",
)

FORMATS = (CSV,)
