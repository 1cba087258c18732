"""From an exposition to the samples of a target, with what Prometheus adds to them.

A series' labels are worked out when it is seen first: a target that exposes the same
series as before costs no work for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.labels import METRIC_NAME, Labels, make_labels, pack_labels
from monitoring.telemetry import (
    Exemplars,
    MetricMetadata,
    MetricType,
    PackedSeries,
    SampleBatch,
)
from sources.connectors.batches import join, of_one_time, stale
from sources.connectors.scrape.relabelling import relabel
from sources.connectors.scrape.settings import ScrapeSettings
from sources.connectors.scrape.targets import Target
from sources.protocols.exposition import Exposition

_GAUGE = MetricType.GAUGE
REPORTED: Mapping[str, MetricMetadata] = {
    "up": MetricMetadata(_GAUGE, "", "1 when the target could be scraped."),
    "scrape_duration_seconds": MetricMetadata(
        _GAUGE, "seconds", "How long the scrape took."
    ),
    "scrape_samples_scraped": MetricMetadata(
        _GAUGE, "", "Samples that the target exposed."
    ),
    "scrape_samples_post_metric_relabeling": MetricMetadata(
        _GAUGE, "", "Samples that were left after metric relabelling."
    ),
    "scrape_series_added": MetricMetadata(
        _GAUGE, "", "Series that were new in this scrape, about."
    ),
}


class LimitError(Exception):
    """The target exposes more than it may; the text says what."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What becomes of the series of an exposition."""

    exposed: Sequence[Labels]
    series: Sequence[bytes]  # packed, as they are stored
    place: npt.NDArray[np.int32]  # of each exposed series; -1: dropped


_NOTHING = _Plan((), (), np.empty(0, np.int32))


@dataclass(frozen=True, slots=True)
class Scraped:
    """What one scrape brought, counted as Prometheus counts."""

    batch: SampleBatch
    exposed: int = 0
    kept: int = 0
    added: int = 0


class History:
    """What a target exposed before: one for each target, used by one scrape at a time."""

    def __init__(self, target: Target, settings: ScrapeSettings, name: str) -> None:
        self._settings = settings
        self._own = dict(target.labels)
        # Nothing that a target says may hide which source brought it.
        self._forced = {"source": name}
        self._known: dict[Labels, bytes | None] = {}
        self._plan = _NOTHING
        self._tracked: frozenset[bytes] = frozenset()

    def take(self, exposition: Exposition, ts_ms: int) -> Scraped:
        """Raises LimitError, and remembers nothing of the exposition then."""
        exposed = exposition.batch
        plan, added = self._planned(exposed.series)
        place = plan.place[exposed.series_index]
        kept = place >= 0
        count = int(np.count_nonzero(kept))
        limit = self._settings.limits.samples
        if limit and count > limit:
            raise LimitError(f"{count} samples exceed the sample_limit of {limit}")
        times = exposed.ts_ms
        if not self._settings.honor_timestamps:
            times = np.full(len(times), ts_ms, np.int64)
        batch = SampleBatch(
            PackedSeries(plan.series),
            place[kept],
            times[kept],
            exposed.values[kept],
            exposed.metadata,
            _placed(exposed.exemplars, plan),
        )
        gone = self._follow(plan, exposition, place)
        self._plan = plan
        marked = join([batch, stale(gone, ts_ms)])
        return Scraped(marked, exposed.count, count, added)

    def end(self, ts_ms: int) -> SampleBatch:
        """Return stale markers of all that the target exposed last."""
        gone, self._tracked = self._tracked, frozenset()
        self._plan = _NOTHING
        return stale(sorted(gone), ts_ms)

    def report(
        self, scraped: Scraped, *, healthy: bool, seconds: float, ts_ms: int
    ) -> SampleBatch:
        """Return what is said of the scrape itself."""
        values = (healthy, seconds, scraped.exposed, scraped.kept, scraped.added)
        return of_one_time(
            self._report_series(), np.array(values, np.float64), ts_ms, REPORTED
        )

    def end_report(self, ts_ms: int) -> SampleBatch:
        """Return stale markers of the reports, for a target that is no more."""
        return stale(self._report_series(), ts_ms)

    def _report_series(self) -> list[bytes]:
        own = {**self._own, **self._forced}
        named = ({**own, METRIC_NAME: name} for name in REPORTED)
        return [pack_labels(make_labels(labels)) for labels in named]

    # --- Which series there are --------------------------------------------------------

    def _planned(self, exposed: Sequence[Labels]) -> tuple[_Plan, int]:
        """Return the plan of these series, and how many were not known. Raises LimitError."""
        if exposed == self._plan.exposed:
            return self._plan, 0
        known, added = {}, 0
        for labels in exposed:
            if labels in self._known:
                known[labels] = self._known[labels]
            else:
                known[labels] = self._final(labels)
                added += known[labels] is not None
        # Of what is not exposed now only the last scrape's series stay known.
        last = {s: self._known[s] for s in self._plan.exposed if s in self._known}
        self._known = {**last, **known}
        return _plan_of(exposed, known), added

    def _final(self, exposed: Labels) -> bytes | None:
        """Return a series' labels as they are stored. Raises LimitError."""
        labels = self._with_own(dict(exposed))
        kept = relabel(labels, self._settings.metric_relabel)
        if kept is None or not kept.get(METRIC_NAME):
            return None
        kept.update(self._forced)
        final = make_labels(kept)
        self._check(final)
        return pack_labels(final)

    def _with_own(self, labels: dict[str, str]) -> dict[str, str]:
        """Join the exposed labels with the target's, of which one has to give way."""
        if self._settings.honor_labels:
            return {**self._own, **labels}
        hidden = {n: labels[n] for n in self._own if labels.get(n)}
        joined = {**labels, **self._own}
        for name in sorted(hidden, key=len):
            free = f"exported_{name}"
            while free in joined:
                free = f"exported_{free}"
            joined[free] = hidden[name]
        return joined

    def _check(self, labels: Labels) -> None:
        """Raises LimitError."""
        limits = self._settings.limits
        if limits.labels and len(labels) > limits.labels:
            raise LimitError(
                f"{dict(labels)[METRIC_NAME]} has {len(labels)} labels, more than the "
                f"label_limit of {limits.labels}"
            )
        for name, value in labels:
            if limits.label_name and len(name) > limits.label_name:
                raise LimitError(f"the label name {name[:60]!r} is too long")
            if limits.label_value and len(value) > limits.label_value:
                raise LimitError(f"the value of label {name!r} is too long")

    def _follow(
        self, plan: _Plan, exposition: Exposition, place: npt.NDArray[np.int32]
    ) -> Sequence[bytes]:
        """Return the series that have ended, and remember what may end next time.

        A series that comes with times of its own is not followed, unless it is wished.
        """
        given = exposition.has_time
        settings = self._settings
        follows_all = (
            not settings.honor_timestamps or settings.track_timestamps_staleness
        )
        if plan is self._plan and (follows_all or not given.any()) and self._tracked:
            return ()
        rows = place if follows_all else place[~given]
        tracked = frozenset(plan.series[i] for i in np.unique(rows[rows >= 0]).tolist())
        gone, self._tracked = self._tracked - tracked, tracked
        return sorted(gone - frozenset(plan.series)) if gone else ()


def _plan_of(exposed: Sequence[Labels], known: Mapping[Labels, bytes | None]) -> _Plan:
    """Two series that relabelling has made one become one."""
    places: dict[bytes, int] = {}
    place = [
        -1 if final is None else places.setdefault(final, len(places))
        for final in map(known.__getitem__, exposed)
    ]
    return _Plan(exposed, list(places), np.array(place, np.int32))


def _placed(found: Exemplars, plan: _Plan) -> Exemplars:
    if not len(found):
        return found
    place = plan.place[found.series_index]
    rows = np.flatnonzero(place >= 0)
    return Exemplars(
        place[rows],
        found.ts_ms[rows],
        found.values[rows],
        [found.labels[row] for row in rows.tolist()],
    )
