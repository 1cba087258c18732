"""What is known of streams without reading their lines: labels, numbers and sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from accounts.scope import Scope
from monitoring.labels import Labels, Matcher, make_labels, matches_all
from monitoring.services import selection
from monitoring.services.log_queries import log_querier
from monitoring.store import engine

Ints = npt.NDArray[np.int64]
Selector = tuple[Matcher, ...]

# What a block of lines is counted as where clients want to know of chunks.
LINES_PER_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class IndexStats:
    streams: int
    chunks: int
    entries: int
    bytes: int


class VolumeBy(StrEnum):
    """What a volume is told of: sets of labels, or each label by its name."""

    SERIES = "series"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Volumes:
    """Bytes of lines: `bytes[i, j]` of `names[i]` in window j, greatest sum first."""

    names: list[Labels]
    bytes: Ints


def streams_in(
    scope: Scope, selectors: Collection[Selector], start_ns: int, end_ns: int
) -> list[dict[str, str]]:
    """Return the visible streams with lines in the range that any selector takes.

    Without selectors all of them.
    """
    used = engine.streams_with_lines(scope.organization_id, start_ns, end_ns)
    found = selection.stream_labels(scope, used).values()
    if not selectors:
        return list(found)
    return [one for one in found if any(matches_all(s, one) for s in selectors)]


def label_names(
    scope: Scope, selectors: Collection[Selector], start_ns: int, end_ns: int
) -> list[str]:
    found = streams_in(scope, selectors, start_ns, end_ns)
    return sorted({name for labels in found for name in labels})


def label_values(
    scope: Scope,
    name: str,
    selectors: Collection[Selector],
    start_ns: int,
    end_ns: int,
) -> list[str]:
    found = streams_in(scope, selectors, start_ns, end_ns)
    return sorted({labels[name] for labels in found if name in labels})


def values_by_label(
    scope: Scope, selectors: Collection[Selector], start_ns: int, end_ns: int
) -> dict[str, set[str]]:
    values: dict[str, set[str]] = defaultdict(set)
    for labels in streams_in(scope, selectors, start_ns, end_ns):
        for name, value in labels.items():
            values[name].add(value)
    return values


def index_stats(
    scope: Scope, matchers: Sequence[Matcher], start_ns: int, end_ns: int
) -> IndexStats:
    """Return how much a query would read. Raises TooMuchDataError."""
    querier = log_querier(scope)
    window = np.array([start_ns], np.int64), np.array([end_ns], np.int64)
    lines = querier.count(matchers, (), *window).counts[:, 0]
    size = querier.count(matchers, (), *window, of_bytes=True).counts[:, 0]
    chunks = -(-lines // LINES_PER_CHUNK)
    return IndexStats(len(lines), int(chunks.sum()), int(lines.sum()), int(size.sum()))


def volumes(
    scope: Scope,
    matchers: Sequence[Matcher],
    windows: tuple[Ints, Ints],
    *,
    by: VolumeBy,
    target: Sequence[str] = (),
    limit: int,
) -> Volumes:
    """Return the greatest volumes of bytes in windows [starts, ends).

    `target` names the labels that are told; without it those of the matchers are, and
    all where there are none. Raises TooMuchDataError.
    """
    found = log_querier(scope).count(matchers, (), *windows, of_bytes=True)
    wanted = frozenset(target) or frozenset(m.name for m in matchers)
    keys = _by_label if by is VolumeBy.LABELS else _by_series
    sums = _summed(zip(found.labels, found.counts, strict=True), wanted, keys)
    ranked = sorted(sums.items(), key=lambda item: (-int(item[1].sum()), item[0]))
    kept = ranked[:limit]
    counts = [counted for _, counted in kept]
    empty = np.zeros((0, len(windows[0])), np.int64)
    return Volumes([name for name, _ in kept], np.stack(counts) if kept else empty)


def _summed(
    found: Iterable[tuple[Labels, Ints]],
    wanted: frozenset[str],
    keys: Callable[[Labels, frozenset[str]], Iterable[Labels]],
) -> dict[Labels, Ints]:
    sums: dict[Labels, Ints] = {}
    for labels, counts in found:
        for key in keys(labels, wanted):
            sums[key] = sums[key] + counts if key in sums else counts
    return sums


def _by_series(labels: Labels, wanted: frozenset[str]) -> list[Labels]:
    kept = make_labels(p for p in labels if not wanted or p[0] in wanted)
    return [kept] if kept else []


def _by_label(labels: Labels, wanted: frozenset[str]) -> list[Labels]:
    return [((name, ""),) for name, _ in labels if not wanted or name in wanted]
