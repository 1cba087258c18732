"""Joins the lines of a stack trace, or of any other event, into one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import LogBatch
from sources.formats.spans import Bools, as_strings

CONTINUATION = (
    r"^(?:[ \t]+\S"
    r"|Caused by: |Suppressed: |\.\.\. \d+ (?:more|common frames omitted)|at \S+[(.]"
    r"|Traceback \(most recent call last\):|During handling of the above exception"
    r"|The above exception was the direct cause|--- End of (?:inner exception )?stack"
    r"|goroutine \d+ \[[^\]]*\]:|[a-zA-Z_][\w.\-/*()]*\([^)]*\)$|exit status \d+$"
    # The last line of a Python or Java trace: the exception's name and what it says.
    r"|(?:[a-zA-Z_$][\w$]*\.)*[A-Z][\w$]*(?:Error|Exception|Warning|Interrupt|Exit)(?::|$)"
    r")"
)


def continuation_mask(lines: Any) -> Bools:
    """Return which lines continue the one before them."""
    found = pc.match_substring_regex(as_strings(lines), CONTINUATION)
    return np.array(found.to_numpy(zero_copy_only=False), np.bool_)


def join_multiline(batch: LogBatch) -> LogBatch:
    """Return the batch with continuation lines joined to the line they continue.

    Lines are joined by a newline, within one stream only. Time, level and fields are
    those of the first line. A continuation with nothing before it stays a line.
    """
    lines = as_strings(batch.table.column("line"))
    if not len(lines):
        return batch
    streams = batch.table.column("stream").to_numpy()
    continued = continuation_mask(lines)
    # Each stream's lines in a row: streams may alternate within a batch.
    order = np.argsort(streams, kind="stable")
    heads = ~continued[order]
    heads[0] = True
    heads[1:] |= np.diff(streams[order]) != 0
    if heads.all():
        return batch
    first = np.flatnonzero(heads)
    offsets = pa.array(np.append(first, len(order)), pa.int64())
    groups = pa.LargeListArray.from_arrays(offsets, lines.take(pa.array(order)))
    joined = pc.binary_join(groups, pa.scalar("\n", pa.large_string()))
    back = np.argsort(order[first])
    table = batch.table.take(pa.array(order[first][back]))
    place = table.schema.get_field_index("line")
    return replace(
        batch, table=table.set_column(place, "line", joined.take(pa.array(back)))
    )
