"""Reading lines for query engines: LogQL's, rules', and whatever wants all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from accounts.scope import Scope
from monitoring.labels import Labels, Matcher, make_labels
from monitoring.services import selection
from monitoring.services.cancellation import is_client_gone
from monitoring.store import engine, log_search
from monitoring.store.interface import LogScan
from monitoring.store.log_search import InvalidFilterError
from monitoring.telemetry import (
    LineCounts,
    LineFilter,
    LogChunk,
    LogQuerier,
    TooMuchDataError,
)

__all__ = ["InvalidFilterError", "LogTimeoutError", "deadline_in", "log_querier"]

# What one read of lines may take.
MAX_TIME = timedelta(seconds=60)
# Streams times windows of one count: 160 MB of numbers.
MAX_COUNTS = 20_000_000


class LogTimeoutError(TooMuchDataError):
    """A read of lines took longer than it may."""


def deadline_in(limit: timedelta = MAX_TIME) -> Callable[[], None]:
    """Return a check that raises LogTimeoutError once the time is over."""
    seconds = min(limit, MAX_TIME).total_seconds()
    give_up_at = time.monotonic() + seconds

    def deadline() -> None:
        if is_client_gone():
            raise LogTimeoutError("the client has left")
        if time.monotonic() > give_up_at:
            raise LogTimeoutError(
                f"reading the lines took longer than {seconds:g} s: "
                "shorten the range, or name labels or a longer text to look for"
            )

    return deadline


def log_querier(scope: Scope, *, timeout: timedelta = MAX_TIME) -> LogQuerier:
    """Return a reader of the lines that the scope sees; its clock runs from now.

    It raises TooMuchDataError, LogTimeoutError being one, and InvalidFilterError.
    """
    return _ScopedLogQuerier(scope, deadline_in(timeout))


@dataclass(frozen=True, slots=True)
class _ScopedLogQuerier:
    scope: Scope
    deadline: Callable[[], None]
    known: dict[int, Labels] = field(default_factory=dict)

    def select(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        start_ns: int,
        end_ns: int,
        *,
        newest_first: bool = False,
        fields: Sequence[str] | None = None,
    ) -> Iterator[LogChunk]:
        scan = self._scan(matchers, filters, start_ns, end_ns)
        if scan is None:
            return
        runs = engine.scan_logs(scan, newest_first=newest_first, fields=fields)
        with closing(runs):
            for run in runs:
                labels = self._labels([run.stream_id]).get(run.stream_id)
                if labels is not None:
                    yield LogChunk(labels, run.ts_ns, run.levels, run.lines, run.fields)

    def count(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        starts_ns: npt.NDArray[np.int64],
        ends_ns: npt.NDArray[np.int64],
        *,
        of_bytes: bool = False,
    ) -> LineCounts:
        nothing = LineCounts((), np.zeros((0, len(starts_ns)), np.int64))
        if not len(starts_ns):
            return nothing
        scan = self._scan(matchers, filters, int(starts_ns[0]), int(ends_ns[-1]))
        if scan is None:
            return nothing
        self._admit(scan, len(starts_ns))
        counts = engine.count_windows(scan, starts_ns, ends_ns, of_bytes=of_bytes)
        labels = self._labels(list(counts))
        shown = [pk for pk in sorted(counts) if pk in labels and counts[pk].any()]
        if not shown:
            return nothing
        return LineCounts(
            [labels[pk] for pk in shown], np.stack([counts[pk] for pk in shown])
        )

    def _scan(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        start_ns: int,
        end_ns: int,
    ) -> LogScan | None:
        """Return what to look for; None when nothing can be found."""
        log_search.check(filters)
        streams = selection.matching_streams(self.scope, matchers)
        if (streams is not None and not streams) or end_ns <= start_ns:
            return None
        return LogScan(
            organization_id=self.scope.organization_id,
            start_ns=start_ns,
            end_ns=end_ns,
            streams=streams,
            filters=tuple(filters),
            deadline=self.deadline,
        )

    def _admit(self, scan: LogScan, windows: int) -> None:
        """Refuse a count whose answer alone would be too much."""
        streams = scan.streams
        if streams is None or len(streams) * windows > MAX_COUNTS:
            streams = engine.streams_with_lines(
                scan.organization_id, scan.start_ns, scan.end_ns
            )
        if len(streams) * windows > MAX_COUNTS:
            raise TooMuchDataError(
                f"the query counts {len(streams):,} streams at {windows:,} times, more"
                f" than {MAX_COUNTS:,} numbers: name labels or lengthen the step"
            )

    def _labels(self, ids: Sequence[int]) -> dict[int, Labels]:
        unknown = [pk for pk in ids if pk not in self.known]
        if unknown:
            found = selection.stream_labels(self.scope, unknown)
            self.known.update({pk: make_labels(one) for pk, one in found.items()})
        return self.known
