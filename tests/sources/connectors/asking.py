"""A connector that asks, by hand: time passes when the test says so."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np

from monitoring.telemetry import STALE_NAN_BITS, SampleBatch
from sources.connectors import Outcome, SourceSpec
from sources.services.kinds import KINDS, with_defaults

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_PATIENCE = 20  # seconds that an answer may take


class Asking:
    """Lets a connector do its work, turn by turn."""

    def __init__(self, connector_class, kind: str, labels=None, **config) -> None:
        self.now = START
        self._woken = threading.Event()
        filled = with_defaults(KINDS[kind], config)
        spec = SourceSpec(1, 1, None, kind, "shop", filled, labels or {}, 1)
        self.connector = connector_class(spec, self._woken.set)
        self.connector.open(self.now)
        self.connector.poll(self.now)

    def turn(self) -> SampleBatch:
        """Go on to the next time that something is due, and return what came of it."""
        self.now = max(self.now, self.connector.due_at)
        self._woken.clear()
        assert self.connector.poll(self.now) is None
        return self.harvest()

    def harvest(self) -> SampleBatch:
        """Wait until there is something to be stored, and store it."""
        while (harvest := self.connector.poll(self.now)) is None:
            assert self._woken.wait(_PATIENCE)
            self._woken.clear()
        self.connector.settle(Outcome.STORED, self.now)
        return harvest.batch

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def await_wake(self) -> None:
        assert self._woken.wait(_PATIENCE)
        self._woken.clear()


def is_stale(value: float) -> bool:
    return int(np.float64(value).view(np.uint64)) == STALE_NAN_BITS


def values(batch: SampleBatch) -> dict[str, float | str]:
    """Return each series' value, as PromQL writes the series; "stale" where it ended."""
    series = [written(labels) for labels in batch.series]
    return {
        series[index]: "stale" if is_stale(value) else value
        for index, value in zip(batch.series_index, batch.values.tolist(), strict=True)
    }


def written(labels) -> str:
    pairs = dict(labels)
    name = pairs.pop("__name__")
    inner = ",".join(f"{key}={value}" for key, value in sorted(pairs.items()))
    return f"{name}{{{inner}}}"


def found(batch: SampleBatch) -> dict[str, float | str]:
    """Return what a probe has found, without the labels of its target."""
    own = ("instance=", "job=", "target=", "source=")
    result = {}
    for series, value in values(batch).items():
        name, _, inner = series.removesuffix("}").partition("{")
        kept = [pair for pair in inner.split(",") if not pair.startswith(own)]
        result[f"{name}{{{','.join(kept)}}}" if kept else name] = value
    return result
