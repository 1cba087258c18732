"""What is registered is read from the registry: who may refer to it, and how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitoring.labels import make_labels
from monitoring.models import SampleBlock, Series
from monitoring.services import series_refs
from monitoring.services.append import AppendOutcome, append_refs, append_samples
from monitoring.services.queries import querier
from monitoring.services.series_refs import SeriesRefs, named
from monitoring.store import registry
from monitoring.telemetry import (
    Exemplars,
    MetricMetadata,
    MetricType,
    RefSamples,
    SampleBatch,
    as_packed,
    make_ref,
)
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
MINUTE = 60.0
HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def fresh_caches():
    registry.forget()
    yield
    registry.forget()


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def minutes_pass(self, minutes: float) -> None:
        self.now += minutes * MINUTE


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def refs(clock):
    return SeriesRefs(clock=clock)


@pytest.fixture
def acme(cast):
    return cast.acme.pk


def samples(*jobs: str, ts_ms: int = NOW_MS, **more) -> SampleBatch:
    labels = [{"__name__": "up", "job": job} for job in jobs]
    rows = [(of_job, ts_ms, float(n)) for n, of_job in enumerate(labels)]
    return sample_batch(rows, **more)


def register(cast, *jobs: str, team_id=None, organization=None, now=NOW):
    scope = cast.system(organization or cast.acme)
    ts_ms = int(now.timestamp() * 1000)
    append_samples(scope, samples(*jobs, ts_ms=ts_ms), team_id=team_id, now=now)


def learned(refs, organization_id, batch, *, team_id=None, now=NOW):
    """What a batch is by reference, once its series have been looked up."""
    refs.refer(organization_id, team_id, batch)
    refs.look_up(now=now)
    return refs.refer(organization_id, team_id, batch)


def series_of(organization, job: str, team=None) -> Series:
    return Series.unscoped.get(
        organization=organization, labels={"job": job}, team=team
    )


# --- Who refers to what ------------------------------------------------------------------


def test_what_nobody_has_looked_up_travels_with_its_labels(cast, acme, refs):
    register(cast, "api")

    assert refs.refer(acme, None, samples("api")) is None
    assert refs.wants


def test_what_is_not_registered_travels_with_its_labels(acme, refs):
    assert learned(refs, acme, samples("api")) is None


def test_what_is_registered_travels_by_reference(cast, acme, refs):
    register(cast, "api", "db")
    batch = samples("db", "api", "db")

    found = learned(refs, acme, batch)

    api, db = (series_of(cast.acme, job) for job in ("api", "db"))
    assert found.series.tolist() == [db.pk, api.pk, db.pk]
    assert found.metrics.tolist() == [api.metric_id] * 3
    assert found.ts_ms.tolist() == batch.ts_ms.tolist()
    assert found.values.tolist() == batch.values.tolist()
    assert not refs.wants


def test_packed_label_sets_are_the_same_series(cast, acme, refs):
    register(cast, "api")
    learned(refs, acme, samples("api"))
    batch = samples("api")
    packed = SampleBatch(
        as_packed(batch.series), batch.series_index, batch.ts_ms, batch.values
    )

    assert refs.refer(acme, None, packed) is not None


def test_one_new_series_keeps_the_batch_from_referring(cast, acme, refs):
    register(cast, "api")

    assert learned(refs, acme, samples("api", "new")) is None
    assert refs.refer(acme, None, samples("api")) is not None


def test_another_organizations_series_is_not_taken_for_it(cast, acme, refs):
    register(cast, "api", organization=cast.globex)
    learned(refs, cast.globex.pk, samples("api"))

    assert learned(refs, acme, samples("api")) is None


def test_another_teams_series_is_not_taken_for_it(cast, acme, refs):
    payments, platform = cast.payments.pk, cast.platform.pk
    register(cast, "api", team_id=payments)
    register(cast, "api")

    of_payments = learned(refs, acme, samples("api"), team_id=payments)
    of_nobody = learned(refs, acme, samples("api"))

    assert learned(refs, acme, samples("api"), team_id=platform) is None
    assert of_payments.series.tolist() == [
        series_of(cast.acme, "api", cast.payments).pk
    ]
    assert of_nobody.series.tolist() == [series_of(cast.acme, "api").pk]


EXEMPLARS = Exemplars.of_rows([(0, NOW_MS, 1.0, make_labels({"trace_id": "a"}))])


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(
            samples("api", metadata={"up": MetricMetadata(MetricType.GAUGE)}),
            id="metadata",
        ),
        pytest.param(samples("api", exemplars=EXEMPLARS), id="exemplars"),
        pytest.param(samples("api", is_delta=True), id="deltas"),
        pytest.param(samples(), id="nothing"),
    ],
)
def test_what_is_more_than_samples_travels_with_its_labels(cast, acme, refs, batch):
    register(cast, "api")
    learned(refs, acme, samples("api"))

    assert refs.refer(acme, None, batch) is None
    assert not refs.wants


# --- How long ----------------------------------------------------------------------------


def test_after_half_an_hour_a_reference_is_looked_up_again(cast, acme, refs, clock):
    register(cast, "api")
    learned(refs, acme, samples("api"))

    clock.minutes_pass(29)
    assert refs.refer(acme, None, samples("api")) is not None
    assert not refs.wants
    clock.minutes_pass(1)

    assert refs.refer(acme, None, samples("api")) is not None
    assert refs.wants


def test_a_reference_that_was_looked_up_again_stays(cast, acme, refs, clock):
    register(cast, "api")
    batch = samples("api")
    learned(refs, acme, batch)
    for _ in range(6):
        clock.minutes_pass(30)
        assert refs.refer(acme, None, batch) is not None
        refs.look_up(now=NOW)

    assert refs.refer(acme, None, batch) is not None
    assert not refs.wants


def test_after_an_hour_a_reference_is_not_believed(cast, acme, refs, clock):
    register(cast, "api")
    learned(refs, acme, samples("api"))

    clock.minutes_pass(60)

    assert refs.refer(acme, None, samples("api")) is None


def test_being_used_does_not_make_a_reference_last_longer(cast, acme, refs, clock):
    register(cast, "api")
    learned(refs, acme, samples("api"))

    clock.minutes_pass(59)
    assert refs.refer(acme, None, samples("api")) is not None
    clock.minutes_pass(1)

    assert refs.refer(acme, None, samples("api")) is None


def test_a_series_that_was_deleted_meanwhile_is_forgotten(cast, acme, refs, clock):
    register(cast, "api")
    learned(refs, acme, samples("api"))
    series_of(cast.acme, "api").delete()
    for _ in range(2):
        clock.minutes_pass(30)
        refs.refer(acme, None, samples("api"))
        refs.look_up(now=NOW)

    assert refs.refer(acme, None, samples("api")) is None


# --- How many ----------------------------------------------------------------------------


def test_only_so_many_label_sets_wait_to_be_looked_up(cast, acme, refs, monkeypatch):
    monkeypatch.setattr(series_refs, "MOST_WANTED", 2)
    register(cast, "a", "b", "c")

    assert learned(refs, acme, samples("a", "b", "c")) is None
    assert refs.refer(acme, None, samples("a", "b")) is not None


def test_what_found_no_room_is_looked_up_the_next_time(cast, acme, refs, monkeypatch):
    monkeypatch.setattr(series_refs, "MOST_WANTED", 2)
    register(cast, "a", "b", "c")
    learned(refs, acme, samples("a", "b", "c"))

    refs.look_up(now=NOW)

    assert refs.refer(acme, None, samples("a", "b", "c")) is not None


class TestKnownSeries:
    @pytest.fixture(autouse=True)
    def two_at_most(self, monkeypatch):
        monkeypatch.setattr(series_refs, "MOST_KNOWN", 2)

    def test_only_so_many_are_known(self, cast, acme, refs):
        register(cast, "a", "b", "c")

        assert learned(refs, acme, samples("a", "b", "c")) is None
        assert refs.refer(acme, None, samples("a", "b")) is not None

    def test_what_there_is_no_room_for_is_not_looked_up(self, cast, acme, refs):
        register(cast, "a", "b", "c")
        learned(refs, acme, samples("a", "b"))

        refs.refer(acme, None, samples("c"))

        assert not refs.wants

    def test_they_are_looked_up_again_like_others(self, cast, acme, refs, clock):
        register(cast, "a", "b")
        batch = samples("a", "b")
        learned(refs, acme, batch)
        for _ in range(4):
            clock.minutes_pass(30)
            assert refs.refer(acme, None, batch) is not None
            refs.look_up(now=NOW)

        assert refs.refer(acme, None, batch) is not None

    def test_those_out_of_use_make_room(self, cast, acme, refs, clock):
        register(cast, "a", "b", "c", "d")
        learned(refs, acme, samples("a", "b"))

        clock.minutes_pass(60)

        assert learned(refs, acme, samples("c", "d")) is not None

    def test_those_of_another_organization_make_room(self, cast, acme, refs, clock):
        register(cast, "a", "b")
        register(cast, "a", "b", organization=cast.globex)
        learned(refs, acme, samples("a", "b"))
        assert learned(refs, cast.globex.pk, samples("a", "b")) is None

        clock.minutes_pass(60)

        assert learned(refs, cast.globex.pk, samples("a", "b")) is not None

    def test_more_than_one_statement_asks_for_are_found(
        self, cast, acme, refs, monkeypatch
    ):
        monkeypatch.setattr(series_refs, "_AT_ONCE", 1)
        register(cast, "a", "b")

        assert learned(refs, acme, samples("a", "b")) is not None


# --- In use ------------------------------------------------------------------------------


def test_a_series_that_is_looked_up_is_in_use(cast, acme, refs):
    register(cast, "api")
    later = NOW + timedelta(days=7)

    learned(refs, acme, samples("api"), now=later)

    assert series_of(cast.acme, "api").last_seen == later
    assert registry.delete_unused_series(acme, later) == 0


def test_a_look_soon_after_writes_nothing(cast, acme, refs):
    register(cast, "api")

    learned(refs, acme, samples("api"), now=NOW + timedelta(hours=6))

    assert series_of(cast.acme, "api").last_seen == NOW


# --- The labels of references ------------------------------------------------------------


def rows_of(batch: SampleBatch) -> list[tuple[str, int, float]]:
    jobs = [dict(labels)["job"] for labels in batch.series]
    places = batch.series_index.tolist()
    columns = (batch.ts_ms.tolist(), batch.values.tolist())
    return [(jobs[p], *row) for p, *row in zip(places, *columns, strict=True)]


def test_references_get_their_labels_back(cast, acme, refs):
    register(cast, "other", "api", "db")
    found = learned(refs, acme, samples("db", "api", "db"))

    batch = named(acme, found)

    assert sorted(batch.series) == sorted(samples("api", "db").series)
    assert rows_of(batch) == rows_of(samples("db", "api", "db"))


def test_of_a_series_that_is_gone_nothing_is_named(cast, acme, refs):
    register(cast, "a", "b", "c")
    found = learned(refs, acme, samples("b", "a", "c", "b"))
    series_of(cast.acme, "b").delete()

    assert rows_of(named(acme, found)) == [("a", NOW_MS, 1.0), ("c", NOW_MS, 2.0)]


@pytest.mark.parametrize("series_id", [1, 2**32 - 1])
def test_where_all_are_gone_nothing_is_left(acme, series_id):
    gone = RefSamples(
        np.array([make_ref(series_id, 1)]), np.array([NOW_MS]), np.array([1.0])
    )

    assert named(acme, gone).is_empty


def test_another_organizations_references_have_no_labels(cast, acme, refs):
    register(cast, "api", organization=cast.globex)
    found = learned(refs, cast.globex.pk, samples("api"))

    assert named(acme, found).is_empty


# --- Stored as others are ----------------------------------------------------------------


def stored(scope):
    data = querier(scope).select((), 0, NOW_MS + 2 * HOUR_MS)
    return (
        list(data.labels),
        data.offsets.tolist(),
        data.ts_ms.tolist(),
        data.values.tolist(),
    )


def test_answers_are_those_to_samples_with_labels(cast):
    times = [NOW_MS - 30 * HOUR_MS, NOW_MS - 3 * HOUR_MS, NOW_MS - 1, NOW_MS]
    labels = [{"__name__": name, "job": job} for name in ("up", "load") for job in "ab"]
    rows = [(of_job, ts, 1.5 * n) for n, of_job in enumerate(labels) for ts in times]
    batch = sample_batch(rows)
    for organization in (cast.acme, cast.globex):
        first = sample_batch([(of_job, NOW_MS - 2, 0.0) for of_job in labels])
        append_samples(cast.system(organization), first, team_id=None, now=NOW)
    found = learned(SeriesRefs(), cast.acme.pk, batch)

    outcomes = [
        append_refs(cast.system(cast.acme), found, now=NOW),
        append_samples(cast.system(cast.globex), batch, team_id=None, now=NOW),
    ]

    assert outcomes == [AppendOutcome(16)] * 2
    assert stored(cast.system(cast.acme)) == stored(cast.system(cast.globex))
    blocks = [
        list(
            SampleBlock.objects.filter(organization_id=organization.pk)
            .order_by("day", "min_ts")
            .values_list("day", "level", "min_ts", "max_ts", "count")
        )
        for organization in (cast.acme, cast.globex)
    ]
    assert blocks[0] == blocks[1]


def test_the_later_of_two_values_at_one_time_is_kept(cast, acme, refs):
    register(cast, "api")
    found = learned(refs, acme, samples("api", "api"))

    append_refs(cast.system(), found, now=NOW)

    assert stored(cast.system())[3] == [1.0]


@pytest.mark.parametrize(
    ("age_ms", "rejected"),
    [
        pytest.param(30 * 24 * HOUR_MS, {}, id="at_the_edge_of_retention"),
        pytest.param(30 * 24 * HOUR_MS + 1, {"older_than_retention": 1}, id="too_old"),
        pytest.param(-HOUR_MS, {}, id="an_hour_ahead"),
        pytest.param(-HOUR_MS - 1, {"too_far_in_the_future": 1}, id="too_new"),
        pytest.param(2**62, {"older_than_retention": 1}, id="absurd"),
    ],
)
def test_references_of_an_odd_time_are_rejected_with_the_reason(
    cast, acme, refs, age_ms, rejected
):
    register(cast, "api")
    found = learned(refs, acme, samples("api", ts_ms=NOW_MS - age_ms))

    outcome = append_refs(cast.system(), found, now=NOW)

    assert outcome == AppendOutcome(1 - len(rejected), rejected)
