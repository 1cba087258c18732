"""Joins the lines of a stack trace, or of any other event, into one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.telemetry import LogBatch
from sources.formats.registry import FORMATS
from sources.formats.spans import Bools, as_strings

# An event of more lines than this is cut.
MOST_LINES = 1000

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

FRAME, CODE = r'^  File "', r"^    \S"
EXCEPTION = r"^[a-zA-Z_][\w.]*(?:: |$)"
BLANK = r"^\s*$"


def continuation_mask(
    lines: Any, format_name: str | None = None, *, event_start: str = ""
) -> Bools:
    """Return which lines continue the one before them.

    Where the format says how an event begins, all other lines are continuations;
    `event_start` says it for a format that FORMATS has not.
    """
    lines = as_strings(lines)
    known = FORMATS.get(format_name or "")
    if known is not None and known.event_start:
        event_start = known.event_start
    if event_start:
        return ~_matching(lines, event_start)
    found = _matching(lines, CONTINUATION)
    if not found.any():
        return found
    found |= _matching(lines, EXCEPTION) & _behind_python_frame(lines)
    # A blank line belongs to the trace that goes on behind it.
    found[:-1] |= _matching(lines, BLANK)[:-1] & found[1:]
    return found


def _behind_python_frame(lines: pa.Array) -> Bools:
    """Return which lines come right behind the last frame of a Python traceback."""
    frame, code = _matching(lines, FRAME), _matching(lines, CODE)
    behind = np.zeros(len(lines), np.bool_)
    behind[2:] = frame[:-2]
    # Newer versions mark the place in a line of its own.
    behind[3:] |= frame[:-3]
    behind[1:] &= code[:-1]
    return behind


def _matching(lines: pa.Array, expression: str) -> Bools:
    found = pc.match_substring_regex(lines, expression)
    return np.array(found.to_numpy(zero_copy_only=False), np.bool_)


def join_multiline(
    batch: LogBatch, format_name: str | None = None, *, event_start: str = ""
) -> LogBatch:
    """Return the batch with continuation lines joined to the line they continue.

    Lines are joined by a newline, within one stream only. Time, level and fields are
    those of the first line. A continuation with nothing before it stays a line.
    """
    lines = as_strings(batch.table.column("line"))
    if not len(lines):
        return batch
    streams = batch.table.column("stream").to_numpy()
    # Each stream's lines in a row: streams may alternate within a batch.
    order = np.argsort(streams, kind="stable")
    lines = lines.take(pa.array(order))
    heads = ~continuation_mask(lines, format_name, event_start=event_start)
    heads[0] = True
    heads[1:] |= np.diff(streams[order]) != 0
    heads |= _too_far(heads)
    if heads.all():
        return batch
    first = np.flatnonzero(heads)
    offsets = pa.array(np.append(first, len(order)), pa.int64())
    groups = pa.LargeListArray.from_arrays(offsets, lines)
    joined = pc.binary_join(groups, pa.scalar("\n", pa.large_string()))
    back = np.argsort(order[first])
    table = batch.table.take(pa.array(order[first][back]))
    place = table.schema.get_field_index("line")
    return replace(
        batch, table=table.set_column(place, "line", joined.take(pa.array(back)))
    )


def _too_far(heads: Bools) -> Bools:
    """Return where an event has become so long that a new one begins."""
    order = np.arange(len(heads))
    since = order - np.maximum.accumulate(np.where(heads, order, 0))
    return np.asarray((since > 0) & (since % MOST_LINES == 0))
