"""What the rules of one group read, together: at one moment, every block once.

A group's expressions are known before the first is evaluated. So their selectors are
gathered by what they look back over, and each gathering is one read.
What a rule has come to is laid over what is stored: the next rule sees it, although
the whole group is written only at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from accounts.scope import Scope
from monitoring import promql
from monitoring.labels import METRIC_NAME, Labels, Matcher, MatchOp, matches_all
from monitoring.promql.syntax import (
    Expr,
    MatrixSelector,
    Subquery,
    VectorSelector,
    children,
)
from monitoring.promql.values import Bools, Ints
from monitoring.services import queries, selection
from monitoring.services.selection import Selected
from monitoring.store import engine
from monitoring.store.blocks import Samples
from monitoring.store.known_series import index_of
from monitoring.store.series_index import SeriesIndex
from monitoring.telemetry import SeriesData, TooMuchDataError

_LOOKBACK_MS = queries.LOOKBACK // timedelta(milliseconds=1)

# A read may reach over so many times what its shortest selector looks back over: blocks
# are unpacked whole, so that it costs little.
_MOST_STRETCHED = 5

Matchers = tuple[Matcher, ...]
KnownSeries = SeriesIndex


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one selector reads."""

    matchers: Matchers
    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(slots=True)
class _Gathering:
    """Selectors that look back over about the same time, read at once when needed."""

    start_ms: int
    end_ms: int
    shortest_ms: int
    found: dict[Matchers, Selected] = field(default_factory=dict)
    run: Samples | None = None
    data: dict[_Wish, SeriesData] = field(default_factory=dict)
    wishes: set[_Wish] = field(default_factory=set)

    @classmethod
    def all_of(cls, wishes: Iterable[_Wish]) -> list[_Gathering]:
        """Put together what needs hardly more samples read than each by itself."""
        gatherings: list[_Gathering] = []
        for wish in sorted(set(wishes), key=lambda w: (w.length_ms, -w.end_ms)):
            fitting = (each for each in gatherings if each.has_room_for(wish))
            gathering = next(fitting, None)
            if gathering is None:
                gathering = cls(wish.start_ms, wish.end_ms, wish.length_ms)
                gatherings.append(gathering)
            gathering.start_ms = min(gathering.start_ms, wish.start_ms)
            gathering.end_ms = max(gathering.end_ms, wish.end_ms)
            gathering.wishes.add(wish)
        return gatherings

    def has_room_for(self, wish: _Wish) -> bool:
        start_ms = min(self.start_ms, wish.start_ms)
        end_ms = max(self.end_ms, wish.end_ms)
        return end_ms - start_ms <= _MOST_STRETCHED * self.shortest_ms


def known_series(organization_id: int) -> SeriesIndex:
    """Return the organization's series for SharedReads.

    Outside of a transaction that writes, what is new since the last time is all that
    is read, and kept for the next time.
    """
    return index_of(organization_id)


class SharedReads:
    """A Querier for some expressions at one moment, and what they come to."""

    def __init__(
        self,
        scope: Scope,
        exprs: Iterable[str],
        *,
        at: datetime,
        known: SeriesIndex | None = None,
    ) -> None:
        """`known` is what `known_series` returned a moment ago."""
        self.at = at
        self._scope = scope
        self._known = known
        self._base = queries.querier(scope)
        self._written = _Overlay()
        self._gatherings = {
            wish: gathering
            for gathering in _Gathering.all_of(_wishes(exprs, queries.milliseconds(at)))
            for wish in gathering.wishes
        }

    def instant(self, expr: str) -> promql.Result:
        """Return the expression's value at the moment.

        Raises promql.PromQLError and TooMuchDataError.
        """
        return promql.instant(
            self,
            expr,
            time_ms=queries.milliseconds(self.at),
            limits=queries.limits(queries.MAX_TIME, queries.LOOKBACK),
        )

    def lay_over(self, samples: Mapping[Labels, float]) -> None:
        """Let later expressions see samples of the moment that are not stored yet."""
        self._written.add(samples, queries.milliseconds(self.at))

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> SeriesData:
        wish = _Wish(tuple(matchers), start_ms, end_ms)
        stored = self._gathered(wish)
        if stored is None:
            stored = self._base.select(matchers, start_ms, end_ms)
        return self._written.over(stored, wish)

    def _gathered(self, wish: _Wish) -> SeriesData | None:
        """Return the wish's part of the common read, None if there is none."""
        gathering = self._gatherings.get(wish)
        if gathering is None:
            return None
        if wish not in gathering.data:
            try:
                run = self._read(gathering)
            except TooMuchDataError:
                return None  # Alone it may be little enough.
            found = gathering.found[wish.matchers]
            gathering.data[wish] = _series_data(found, run, wish)
        return gathering.data[wish]

    def _read(self, gathering: _Gathering) -> Samples:
        if gathering.run is None:
            for wish in gathering.wishes:
                if wish.matchers not in gathering.found:
                    found = selection.matching_series(
                        self._scope, wish.matchers, index=self._known
                    )
                    gathering.found[wish.matchers] = found
            gathering.run = self._read_all(gathering)
        return gathering.run

    def _read_all(self, gathering: _Gathering) -> Samples:
        found = list(gathering.found.values())
        ids = np.unique(np.concatenate([each.ids for each in found]))
        metrics = sorted({metric for each in found for metric in each.metrics})
        return engine.read_samples(
            self._scope.organization_id,
            ids,
            metrics if len(metrics) < queries.MANY_METRICS else None,
            gathering.start_ms,
            gathering.end_ms,
        )


def _wishes(exprs: Iterable[str], at_ms: int) -> Iterator[_Wish]:
    """Yield what the expressions read; what cannot be foreseen is left out."""
    for text in exprs:
        try:
            tree = promql.parse(text)
        except promql.PromQLError:
            continue  # Its own evaluation will say so.
        yield from _wishes_of(tree, at_ms)


def _wishes_of(expr: Expr, at_ms: int) -> Iterator[_Wish]:
    match expr:
        case Subquery():
            return
        case MatrixSelector(selector, range_ms):
            yield from _wish(selector, range_ms, at_ms)
        case VectorSelector():
            yield from _wish(expr, _LOOKBACK_MS, at_ms)
        case _:
            for child in children(expr):
                yield from _wishes_of(child, at_ms)


def _wish(selector: VectorSelector, length_ms: int, at_ms: int) -> Iterator[_Wish]:
    if selector.at is None:
        end_ms = at_ms - selector.offset_ms
        yield _Wish(selector.matchers, end_ms - length_ms + 1, end_ms)


def _series_data(found: Selected, run: Samples, wish: _Wish) -> SeriesData:
    """Return the selector's part of a greater run, which is sorted by series."""
    ids = found.ids
    first = np.searchsorted(run.series, ids, side="left")
    last = np.searchsorted(run.series, ids, side="right")
    taken = _ranges(first, last)
    ts_ms = run.ts_ms[taken]
    inside = (ts_ms >= wish.start_ms) & (ts_ms <= wish.end_ms)
    rows = np.repeat(np.arange(len(ids)), last - first)[inside]
    taken = taken[inside]
    counts = np.bincount(rows, minlength=len(ids))
    present = counts > 0
    return SeriesData(
        labels=found.table(np.flatnonzero(present)),
        offsets=np.concatenate(([0], np.cumsum(counts[present]))).astype(np.int64),
        ts_ms=run.ts_ms[taken],
        values=run.values[taken],
    )


def _ranges(first: Ints, last: Ints) -> Ints:
    """Return first[0] … last[0] - 1, first[1] … last[1] - 1, and so on."""
    counts = last - first
    before = np.cumsum(counts) - counts
    places: Ints = np.arange(int(counts.sum())) + np.repeat(first - before, counts)
    return places


class _Overlay:
    """Samples of one moment, by metric."""

    def __init__(self) -> None:
        self._series: dict[str, dict[Labels, float]] = {}
        self._ts_ms = 0

    def add(self, samples: Mapping[Labels, float], ts_ms: int) -> None:
        self._ts_ms = ts_ms
        for labels, value in samples.items():
            self._series.setdefault(dict(labels)[METRIC_NAME], {})[labels] = value

    def over(self, stored: SeriesData, wish: _Wish) -> SeriesData:
        if not self._series or not wish.start_ms <= self._ts_ms <= wish.end_ms:
            return stored
        found = self._matching(wish.matchers)
        return _merged(stored, found, self._ts_ms) if found else stored

    def _matching(self, matchers: Matchers) -> dict[Labels, float]:
        named = [m for m in matchers if m.name == METRIC_NAME]
        exact = [m.value for m in named if m.op is MatchOp.EQUAL]
        names = exact or list(self._series)
        return {
            labels: value
            for name in names
            for labels, value in self._series.get(name, {}).items()
            if matches_all(matchers, dict(labels))
        }


def _merged(stored: SeriesData, new: dict[Labels, float], ts_ms: int) -> SeriesData:
    """Add one sample to each series; it stands for one of the same time."""
    labels = list(dict.fromkeys([*stored.labels, *new]))
    place = {each: row for row, each in enumerate(labels)}
    rows = np.concatenate(
        [
            np.repeat(np.arange(len(stored.labels)), np.diff(stored.offsets)),
            np.array([place[each] for each in new], np.int64),
        ]
    )
    times = np.concatenate([stored.ts_ms, np.full(len(new), ts_ms, np.int64)])
    values = np.concatenate([stored.values, np.array(list(new.values()))])
    order = np.lexsort((times, rows))
    rows, times, values = rows[order], times[order], values[order]
    # The sort is stable: of doubles, the new one comes last.
    last: Bools = np.ones(len(rows), np.bool_)
    last[:-1] = (rows[1:] != rows[:-1]) | (times[1:] != times[:-1])
    counts = np.bincount(rows[last], minlength=len(labels))
    return SeriesData(
        labels=labels,
        offsets=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        ts_ms=times[last],
        values=values[last],
    )
