"""What a store of telemetry does, and the words it is spoken to with.

Ids of series and streams come from the registry, which is PostgreSQL's whatever the
store is. Who may see what has been decided before: a store knows no scope.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.store.blocks import Int64s, Samples
from monitoring.store.rollups import Coverage
from monitoring.store.states import Progress
from monitoring.telemetry import Level, LineFilter

ALL_LEVELS = frozenset(Level)

# What one read may load: 50 M samples take 1.2 GB.
MAX_SAMPLES = 50_000_000


def never() -> None:
    """The deadline of a reading that may take as long as it takes."""


@dataclass(frozen=True, slots=True)
class LogScan:
    """Which lines are wanted: start <= ts < end, in nanoseconds since the epoch.

    `streams` holds ids; None stands for all of the organization. Expressions of
    `filters` have been checked. `deadline` is called between blocks and ends the
    reading by raising.
    """

    organization_id: int
    start_ns: int
    end_ns: int
    streams: Sequence[int] | None = None
    filters: tuple[LineFilter, ...] = ()
    levels: frozenset[Level] = ALL_LEVELS
    deadline: Callable[[], None] = never

    @property
    def any_level(self) -> bool:
        return len(self.levels) == len(Level)


class Position(NamedTuple):
    """The place of a line in the one order of all lines; it never changes.

    `origin` and `row` tell lines of one stream and time apart, in order of arrival.
    """

    ts_ns: int
    stream_id: int
    origin: int
    row: int


@dataclass(frozen=True, slots=True)
class FoundLine:
    position: Position
    level: int
    line: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class LogRun:
    """Lines of one stream, sorted by time; `fields` are named without their prefix."""

    stream_id: int
    ts_ns: Int64s
    levels: npt.NDArray[np.int8]
    lines: pa.LargeStringArray
    fields: Mapping[str, pa.LargeStringArray]


class SourcesGoneError(Exception):
    """Blocks to be merged were merged or dropped by someone else meanwhile."""


class Store(Protocol):
    """Keeps samples and lines; joins the caller's transaction where it writes them."""

    def append_samples(
        self, organization_id: int, metrics: Int64s, samples: Samples, *, now: datetime
    ) -> None:
        """`metrics` has the metric id of every sample."""
        ...

    def append_logs(
        self,
        organization_id: int,
        streams: Int64s,
        ts_ns: Int64s,
        levels: npt.NDArray[np.int8],
        text: pa.Table,
        *,
        now: datetime,
    ) -> None:
        """`text` has the column "line" and columns "field.<name>"."""
        ...

    def read_samples(
        self,
        organization_id: int,
        series: Int64s,
        metrics: Sequence[int] | None,
        start_ms: int,
        end_ms: int,
    ) -> Samples:
        """Return the samples of these series (ids, sorted) with start <= ts <= end.

        They are sorted by series and time; of doubles, the last appended remains.
        `metrics` are the series' metrics; None spares the narrowing where nearly all
        of them are meant. Raises TooMuchDataError.
        """
        ...

    def rolled_up(
        self,
        organization_id: int,
        metrics: Sequence[int],
        series: Int64s,
        *,
        step_ms: int,
        start_ms: int,
        end_ms: int,
    ) -> Coverage:
        """Return the roll-ups of this step in start < ts <= end, as far as there are.

        A window that is in it is told whole: late samples included.
        """
        ...

    def read_logs(
        self, scan: LogScan, *, newest_first: bool, after: Position | None, limit: int
    ) -> list[FoundLine]:
        """Return the first `limit` wanted lines behind `after`, in the asked order."""
        ...

    def scan_logs(
        self, scan: LogScan, *, newest_first: bool, fields: Sequence[str] | None
    ) -> Generator[LogRun, None, None]:
        """Yield all wanted lines, run by run, by the first (or last) line of each.

        `fields` names those that are read; None stands for all.
        """
        ...

    def count_windows(
        self, scan: LogScan, starts_ns: Int64s, ends_ns: Int64s, *, of_bytes: bool
    ) -> dict[int, Int64s]:
        """Return the lines, or their bytes, of each stream in each of the windows.

        Window j is starts[j] <= ts < ends[j]; both ascend. The scan's own range must
        hold all windows. Streams without lines in them may be left out.
        """
        ...

    def count_logs(self, scan: LogScan) -> int:
        """Return the exact number of wanted lines."""
        ...

    def log_volume(self, scan: LogScan, step_ns: int) -> npt.NDArray[np.int64]:
        """Return the number of wanted lines by bucket and level.

        Buckets of `step_ns` begin at `scan.start_ns`; the last may be cut off.
        """
        ...

    def streams_with_lines(
        self, organization_id: int, start_ns: int, end_ns: int
    ) -> list[int]:
        """Return the ids of streams that may have lines in the range."""
        ...

    def prepare(self, days: Iterable[date], *, now: datetime) -> None:
        """Make ready for samples and lines of these days."""
        ...

    def organizations_to_compact(self) -> list[int]: ...

    def compact(self, organization_id: int, *, now: datetime) -> Iterator[int]:
        """Do one merge after the other; yield the number of blocks each has merged.

        Each merge is a transaction of its own, so that the caller may stop in between.
        0 means that another worker is compacting for the organization. Raises
        SourcesGoneError when another worker or retention was faster.
        """
        ...

    def progress(self, organization_id: int, *, now: datetime) -> Progress:
        """Return how far compaction has come."""
        ...

    def delete_before(self, *, samples: date, logs: date) -> int:
        """Delete all earlier days, outside any transaction; return their number."""
        ...

    def delete_orphans(self) -> int:
        """Delete what deleted organizations have left; return the number of blocks."""
        ...
