"""Keeping one fault from filling the log: which is collected, and could feed itself."""

from __future__ import annotations

import logging
from collections import OrderedDict

from typing_extensions import override

# So many records of one message pass in a window; the first of the next tells the rest.
MOST_IN_WINDOW = 10
WINDOW_SECONDS = 60
# Messages that are remembered at a time.
_REMEMBERED = 1000


class LimitRepetition(logging.Filter):
    """Lets a message pass ten times a minute, whatever its arguments are."""

    def __init__(self) -> None:
        super().__init__()
        self._windows: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, str(record.msg))
        started, count = self._windows.pop(key, (record.created, 0))
        held_back = 0
        if record.created - started >= WINDOW_SECONDS:
            held_back = max(0, count - MOST_IN_WINDOW)
            started, count = record.created, 0
        self._windows[key] = (started, count + 1)
        if len(self._windows) > _REMEMBERED:
            self._windows.popitem(last=False)
        if held_back:
            record.msg = f"{record.msg} (and {held_back} more like it before)"
        return count < MOST_IN_WINDOW
