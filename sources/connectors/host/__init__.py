"""Watches the host that the collector runs on."""

from __future__ import annotations

import logging
import platform
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import psutil
from typing_extensions import override

from monitoring.labels import make_labels
from monitoring.telemetry import SampleBatch
from sources.connectors import Connector, Harvest, Outcome, SourceSpec
from sources.connectors.host.metrics import Sample, metadata_of
from sources.connectors.host.parts import PARTS, Before, Part, look_back

logger = logging.getLogger(__name__)

DEFAULT_INTERVAL_SECONDS = 5
_BOUNDS = (1, 300)
# How long what was seen is held while it cannot be stored.
_HELD = timedelta(minutes=10)
_BYTES_PER_SAMPLE = 16


class HostMetrics(Connector):
    """Looks at the host at every multiple of the interval."""

    perishable = True

    def __init__(
        self,
        spec: SourceSpec,
        wake: Callable[[], None],
        parts: Sequence[Part] = PARTS,
    ) -> None:
        super().__init__(spec, wake)
        self._parts = parts
        self._interval = _interval(spec)
        self._held: deque[SampleBatch] = deque(maxlen=max(1, _HELD // self._interval))
        self._failing: set[str] = set()
        self._before: Before

    @override
    def open(self, now: datetime) -> None:
        self._before = look_back(now)
        # Shares of CPU time need a moment to be shares of.
        self._next_look = self.due_at = now + min(self._interval, timedelta(seconds=1))

    @override
    def poll(self, now: datetime) -> Harvest | None:
        if now >= self._next_look:
            self._held.append(self._look(now))
            self._next_look = _next_multiple(now, self._interval)
        self.due_at = self._next_look
        if not self._held:
            return None
        batch = self._held[0]
        return Harvest(batch, batch.count * _BYTES_PER_SAMPLE)

    @override
    def settle(self, outcome: Outcome, now: datetime) -> None:
        if outcome is Outcome.STORED:
            self._held.popleft()
        # What was held is brought in at once, when it can be stored again.
        can_go_on = outcome is Outcome.STORED and self._held
        self.due_at = now if can_go_on else self._next_look

    @override
    def close(self) -> None:
        self._held.clear()

    def _look(self, now: datetime) -> SampleBatch:
        before, self._before = self._before, look_back(now)
        samples = [s for part in self._parts for s in self._ask(part, before)]
        return self._batch(samples, now)

    def _ask(self, part: Part, before: Before) -> list[Sample]:
        """Ask one part; a part that cannot be seen here does not spoil the others."""
        name = getattr(part, "__name__", str(part))
        try:
            samples = list(part(before, self._before))
        except (
            OSError,
            psutil.Error,
            RuntimeError,
            ValueError,
            NotImplementedError,
        ) as e:
            if name not in self._failing:
                logger.warning("No metrics of the host's %s: %s", name, e)
                self._failing.add(name)
            return []
        self._failing.discard(name)
        return samples

    def _batch(self, samples: Iterable[Sample], now: datetime) -> SampleBatch:
        found = list(samples)
        base = {"job": "host", "instance": platform.node(), **self.spec.labels}
        base["source"] = self.spec.name
        return SampleBatch(
            series=tuple(make_labels({**base, **dict(s.labels)}) for s in found),
            series_index=np.arange(len(found), dtype=np.int32),
            ts_ms=np.full(len(found), int(now.timestamp() * 1000), np.int64),
            values=np.array([s.value for s in found], np.float64),
            metadata={s.name: metadata_of(s.name) for s in found},
        )


def _interval(spec: SourceSpec) -> timedelta:
    wanted = spec.config.get("interval_seconds", DEFAULT_INTERVAL_SECONDS)
    try:
        seconds = float(wanted)
    except (TypeError, ValueError):
        seconds = DEFAULT_INTERVAL_SECONDS
    return timedelta(seconds=min(max(seconds, _BOUNDS[0]), _BOUNDS[1]))


def _next_multiple(now: datetime, interval: timedelta) -> datetime:
    """Return the next point of the grid, which is the same on every host."""
    step = interval.total_seconds()
    return datetime.fromtimestamp((now.timestamp() // step + 1) * step, UTC)
