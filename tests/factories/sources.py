"""Sources and what has come from them, for tests."""

from __future__ import annotations

from datetime import UTC, datetime

import factory
import numpy as np
import pyarrow as pa
from factory.django import DjangoModelFactory

from monitoring.labels import make_labels
from monitoring.services.series_refs import SeriesRefs
from monitoring.telemetry import LOG_COLUMNS, LogBatch, RefSamples, SampleBatch
from sources.models import BatchKind, DeadLetter, Source, SourceState
from sources.services.inbox import Arrival
from tests.factories.accounts import OrganizationFactory

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


class SourceFactory(DjangoModelFactory):
    """A push source with its state, unless told otherwise."""

    class Meta:
        model = Source
        skip_postgeneration_save = True

    organization = factory.SubFactory(OrganizationFactory)
    kind = Source.Kind.PUSH
    name = factory.Sequence(lambda n: f"source-{n}")

    @classmethod
    def _get_manager(cls, model_class):
        return model_class.unscoped

    @factory.post_generation
    def state(self, create, extracted, **kwargs):
        if create:
            SourceState.objects.create(source=self, **kwargs)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def log_batch(*lines: str, at: datetime | None = None, **labels: str) -> LogBatch:
    """Lines of one stream; their time is left to the parser unless it is given."""
    columns = {
        "stream": pa.array([0] * len(lines), pa.int32()),
        "ts_ns": pa.array([None if at is None else ns(at)] * len(lines), pa.int64()),
        "line": pa.array(lines, pa.large_string()),
        "level": pa.nulls(len(lines), pa.int8()),
    }
    streams = (make_labels({"source": "app", **labels}),)
    return LogBatch(streams, pa.table(columns, schema=LOG_COLUMNS))


def sample_batch(name: str, *values: float, at: datetime = NOW, **labels: str):
    """Samples of one series, a second apart."""
    start = int(at.timestamp() * 1000)
    return SampleBatch(
        series=(make_labels({"__name__": name, **labels}),),
        series_index=np.zeros(len(values), np.int32),
        ts_ms=start + 1000 * np.arange(len(values), dtype=np.int64),
        values=np.array(values, np.float64),
    )


def by_reference(organization, batch: SampleBatch, *, team=None) -> RefSamples:
    """The samples as they travel when their series are registered, which they are."""
    refs = SeriesRefs()
    owner = organization.pk, team.pk if team else None
    refs.refer(*owner, batch)
    refs.look_up(now=NOW)
    referring = refs.refer(*owner, batch)
    assert referring is not None
    return referring


def arrival(
    organization,
    batch: LogBatch | SampleBatch | RefSamples,
    *,
    source: Source | None = None,
    team=None,
    priority: int = Source.Priority.NORMAL,
    at: datetime = NOW,
) -> Arrival:
    is_logs = isinstance(batch, LogBatch)
    return Arrival(
        organization_id=organization.pk,
        source_id=source.pk if source else None,
        team_id=team.pk if team else None,
        priority=priority,
        kind=BatchKind.LOGS if is_logs else BatchKind.SAMPLES,
        payload=batch.encode(),
        count=batch.count,
        size=100 * batch.count,
        received_at=at,
    )


def dead_letter(organization, **given) -> DeadLetter:
    batch = log_batch("poison")
    return DeadLetter.unscoped.create(
        organization=organization,
        priority=Source.Priority.NORMAL,
        kind=BatchKind.LOGS,
        payload=batch.encode(),
        count=batch.count,
        size=100,
        received_at=NOW,
        attempts=5,
        error="ValueError: no",
        failed_at=NOW,
        **given,
    )
