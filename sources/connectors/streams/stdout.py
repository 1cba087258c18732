"""Rocket.Chat's log: entries that come live, and again in the queue of the last ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sources.connectors.streams import ddp
from sources.connectors.streams.extraction import Seen
from sources.connectors.streams.parcels import Record

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# How many ids of one millisecond are kept over a restart.
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log. Ids begin anew when the server does: time is a part of it."""

    key: str
    ts_ms: int
    text: str

    @property
    def record(self) -> Record:
        return Record(self.text, time=str(self.ts_ms) if self.ts_ms else "")


def entry_of(args: Any) -> Entry | None:
    """Return an entry as it comes live or stands in the queue; None for what is none."""
    if not isinstance(args, Mapping) or not isinstance(args.get("string"), str):
        return None
    ts_ms = _milliseconds(args.get("ts"))
    text = _COLOURS.sub("", args["string"]).rstrip("\n")
    return Entry(f"{args.get('id', '')}@{ts_ms}", ts_ms, text) if text else None


class Log:
    """Takes each entry once: the server writes them in the order of their times."""

    def __init__(self, position: Mapping[str, Any]) -> None:
        self._last_ms = int(position.get("ts", 0))
        self._keys: list[str] = list(position.get("keys", ()))
        self._seen = Seen(5000)
        for key in self._keys:
            self._seen.has(key)

    @property
    def position(self) -> dict[str, Any]:
        """The latest time, and the entries of that very millisecond."""
        return {"ts": self._last_ms, "keys": self._keys[-_KEPT:]}

    def missed(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries of the queue that did not come live."""
        last_ms = self._last_ms
        return self.live(e for e in entries if e.ts_ms >= last_ms)

    def live(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the entries that are new."""
        found = [entry for entry in entries if not self._seen.has(entry.key)]
        for entry in found:
            if entry.ts_ms > self._last_ms:
                self._last_ms, self._keys = entry.ts_ms, []
            if entry.ts_ms == self._last_ms:
                self._keys.append(entry.key)
        return found


def _milliseconds(value: Any) -> int:
    """Return 0 for what is no time."""
    found = ddp.milliseconds(value)
    if found is not None:
        return found
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return 0
    return int(moment.timestamp() * 1000) if moment.tzinfo else 0
