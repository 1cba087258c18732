"""Every address that takes telemetry: one module for each protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sources.ingest.door import Door
from sources.ingest.doors import (
    datadog,
    elastic,
    gelf,
    influx,
    journald,
    loki,
    otlp_logs,
    otlp_metrics,
    own,
    pushgateway,
    remote_write,
    splunk,
)

ALL: tuple[Door, ...] = (
    *own.DOORS,
    *loki.DOORS,
    *otlp_logs.DOORS,
    *otlp_metrics.DOORS,
    *elastic.DOORS,
    *splunk.DOORS,
    *gelf.DOORS,
    *journald.DOORS,
    *datadog.DOORS,
    *remote_write.DOORS,
    *pushgateway.DOORS,
    *influx.DOORS,
)

# The parts of a path that make it a regular expression.
_PATTERN = re.compile(r"[(\[?*+\\]")


@dataclass(frozen=True, slots=True)
class Found:
    """The door at a path, and the groups of its expression."""

    door: Door
    groups: Mapping[str, str]


class DoorMap:
    """Finds doors by path: most requests to the web process are for none of them."""

    def __init__(self, doors: Sequence[Door] = ALL) -> None:
        self._exact: dict[str, list[Door]] = {}
        self._patterns: list[tuple[re.Pattern[str], Door]] = []
        for door in doors:
            if _PATTERN.search(door.path):
                self._patterns.append((re.compile(door.path), door))
            else:
                self._exact.setdefault(door.path, []).append(door)

    def at(self, path: str) -> list[Found]:
        """Return the doors at the path, those of the plain path first."""
        found = [Found(door, {}) for door in self._exact.get(path, ())]
        for pattern, door in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                found.append(Found(door, match.groupdict(default="")))
        return found
