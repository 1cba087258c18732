"""What surrounds a line in its stream, and which values the fields of lines have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from accounts.scope import Scope
from monitoring.services import selection
from monitoring.services.log_queries import deadline_in
from monitoring.services.logs import (
    InvalidCursorError,
    LogQuery,
    LogRecord,
    position_of,
    records,
    scan_of,
)
from monitoring.store import engine
from monitoring.store.interface import FoundLine, LogRun, LogScan, Position
from monitoring.telemetry import Level

MAX_AROUND = 500
# Lines of which the values of fields are counted; the newest are taken.
MAX_COUNTED = 100_000
MAX_VALUES = 100
# Distinct values of a field that are told apart while they are counted.
MAX_DISTINCT = 50_000

_LAST_NS = 2**63 - 1


class LineNotFoundError(LookupError):
    """No visible line has this id, or it is no longer kept."""


@dataclass(frozen=True, slots=True)
class LineContext:
    """A line between those of its stream, all in order of time."""

    before: list[LogRecord]
    line: LogRecord
    after: list[LogRecord]


def line_context(scope: Scope, line_id: str, *, before: int, after: int) -> LineContext:
    """Return up to so many lines (at most 500) before and after a line.

    Raises LineNotFoundError and LogTimeoutError.
    """
    try:
        place = position_of(line_id)
    except InvalidCursorError as error:
        raise LineNotFoundError(str(error)) from None
    if not selection.stream_labels(scope, [place.stream_id]):
        raise LineNotFoundError("No line has this id.")
    scan = LogScan(
        organization_id=scope.organization_id,
        start_ns=place.ts_ns,
        end_ns=_LAST_NS,
        streams=[place.stream_id],
        deadline=deadline_in(),
    )
    just_before = place._replace(row=place.row - 1)
    found = engine.read_logs(
        scan, newest_first=False, after=just_before, limit=_bounded(after) + 1
    )
    if not found or found[0].position != place:
        raise LineNotFoundError("No line has this id; it may no longer be kept.")
    earlier = _earlier(scan, place, _bounded(before))
    shown = records(scope, [*earlier, *found])
    at = len(earlier)
    return LineContext(shown[:at], shown[at], shown[at + 1 :])


def _earlier(scan: LogScan, place: Position, limit: int) -> list[FoundLine]:
    if not limit:
        return []
    past = replace(scan, start_ns=0, end_ns=place.ts_ns + 1)
    found = engine.read_logs(past, newest_first=True, after=place, limit=limit)
    return found[::-1]


def _bounded(count: int) -> int:
    return max(0, min(count, MAX_AROUND))


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field of some lines: how many have it, and its commonest values.

    `distinct` is None where there are more than MAX_DISTINCT.
    """

    name: str
    lines: int
    distinct: int | None
    top: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class FieldCounts:
    """Fields by the number of lines that have them.

    `lines` were counted; when `sampled`, they are the newest, and there are more.
    """

    lines: int
    sampled: bool
    levels: dict[Level, int]
    fields: list[FieldValues]


def field_values(scope: Scope, query: LogQuery, *, top: int = 10) -> FieldCounts:
    """Return the fields of the wanted lines with their commonest values.

    At most the newest 100,000 lines are looked at. Raises LogTimeoutError.
    """
    scan = scan_of(scope, query)
    tally = _Tally()
    if scan is None:
        return tally.result(top)
    with closing(engine.scan_logs(scan, newest_first=True, fields=None)) as runs:
        for run in runs:
            if tally.add(_newest(run, MAX_COUNTED - tally.lines)):
                break
    return tally.result(top)


def _newest(run: LogRun, most: int) -> tuple[LogRun, bool]:
    """Return the run's newest lines, and whether there are more."""
    cut = max(len(run.ts_ns) - most, 0)
    return (
        replace(
            run,
            ts_ns=run.ts_ns[cut:],
            levels=run.levels[cut:],
            lines=run.lines.slice(cut),
            fields={name: column.slice(cut) for name, column in run.fields.items()},
        ),
        cut > 0,
    )


@dataclass(slots=True)
class _Tally:
    lines: int = 0
    sampled: bool = False
    levels: dict[Level, int] = field(default_factory=dict)
    having: dict[str, int] = field(default_factory=dict)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    crowded: set[str] = field(default_factory=set)

    def add(self, newest: tuple[LogRun, bool]) -> bool:
        """Count a run; return whether enough lines were counted."""
        run, cut = newest
        if self.lines >= MAX_COUNTED:
            self.sampled = True
            return True
        self.lines += len(run.ts_ns)
        self.sampled |= cut
        for level, count in enumerate(np.bincount(run.levels).tolist()):
            if count:
                self.levels[Level(level)] = self.levels.get(Level(level), 0) + count
        for name, column in run.fields.items():
            self._add_field(name, column.drop_null())
        return self.sampled

    def _add_field(self, name: str, column: pa.LargeStringArray) -> None:
        if not len(column):
            return
        self.having[name] = self.having.get(name, 0) + len(column)
        known = self.values.setdefault(name, {})
        counted = pc.value_counts(column)
        for value, count in zip(
            counted.field("values").to_pylist(),
            counted.field("counts").to_pylist(),
            strict=True,
        ):
            if value in known or len(known) < MAX_DISTINCT:
                known[value] = known.get(value, 0) + count
            else:
                self.crowded.add(name)

    def result(self, top: int) -> FieldCounts:
        names: Sequence[str] = sorted(self.having, key=lambda n: (-self.having[n], n))
        return FieldCounts(
            lines=self.lines,
            sampled=self.sampled,
            levels=self.levels,
            fields=[self._field(name, min(top, MAX_VALUES)) for name in names],
        )

    def _field(self, name: str, top: int) -> FieldValues:
        known = self.values[name]
        best = sorted(known.items(), key=lambda item: (-item[1], item[0]))[:top]
        distinct = None if name in self.crowded else len(known)
        return FieldValues(name, self.having[name], distinct, best)
