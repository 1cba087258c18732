"""Trying out a scrape before it is saved: which targets answer, and with what."""

from __future__ import annotations

from collections.abc import Iterator

from monitoring.labels import METRIC_NAME, series_text
from monitoring.telemetry import SampleBatch
from sources.connectors.scrape.trying import Tried, try_out
from sources.services.kinds.base import Config, Probe, ProbedSample

SAMPLES_SHOWN = 20


def probe(config: Config) -> Probe:
    tried = try_out(config, {})
    total = sum(batch.count for batch in tried.batches)
    samples = [sample for batch in tried.batches for sample in _first(batch)]
    return Probe(
        ok=bool(tried.batches),
        text=_verdict(tried, total),
        problems=tried.problems,
        samples=samples[:SAMPLES_SHOWN],
        total=total,
    )


def _verdict(tried: Tried, total: int) -> str:
    if not tried.targets:
        told = "There is no target now."
        if tried.dropped:
            told = f"Relabelling drops all {tried.dropped} targets."
        return " ".join([told, *tried.problems[:1]])
    good, noun = len(tried.batches), "target" if tried.targets == 1 else "targets"
    first = (
        "" if tried.tried == tried.targets else f"Of {tried.targets} {noun} the first "
    )
    text = f"{first}{tried.tried} asked, {good} answered, with {total:,} samples."
    return " ".join([text, *tried.problems[:1]])


def _first(batch: SampleBatch) -> Iterator[ProbedSample]:
    count = min(batch.count, SAMPLES_SHOWN)
    for index, value in zip(
        batch.series_index[:count].tolist(), batch.values[:count].tolist(), strict=True
    ):
        labels = dict(batch.series[index])
        text = series_text(labels[METRIC_NAME], labels, hidden={"job", "source"})
        yield ProbedSample(text, value)
