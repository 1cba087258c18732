"""Events of several lines, such as stack traces, that must not be torn apart."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from sources.connectors.file_tail.splitting import split
from sources.formats.multiline import continuation_mask

# An event is over when another begins, or when its file was quiet for so long.
EVENT_AFTER = timedelta(seconds=1)
_NEWLINE = 10


def last_event_start(
    data: bytes,
    *,
    encoding: str,
    max_bytes: int,
    format_name: str,
    event_start: str = "",
) -> int:
    """Return where the last event in these whole lines begins."""
    lines = split(data, encoding=encoding, max_bytes=max_bytes)
    continues = continuation_mask(lines.array, format_name, event_start=event_start)
    heads = np.flatnonzero(~continues)
    last = int(heads[-1]) if len(heads) else 0
    if last == 0:
        return 0
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
    return int(ends[last - 1]) + 1
