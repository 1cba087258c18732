"""The way from the inbox to the store, on real servers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from django.db import connection

from monitoring import live
from monitoring.labels import Matcher, MatchOp
from monitoring.models import SampleBlock, Series
from monitoring.services.logs import LogQuery, read_logs
from monitoring.services.queries import snapshot
from monitoring.telemetry import CorruptBatchError, LogBatch
from sources.models import (
    DeadLetter,
    InboxBatch,
    PipelineMinute,
    Source,
    SourceState,
)
from sources.services.inbox import deposit
from sources.services.pipeline import DrainOutcome, drain
from tests.factories.sources import (
    NOW,
    SourceFactory,
    arrival,
    by_reference,
    log_batch,
    ns,
    sample_batch,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def redis(redis_client):
    """Nudges and live events go to the run's own Redis."""


def stored_lines(scope, **labels: str) -> list[str]:
    matchers = tuple(Matcher(n, MatchOp.EQUAL, v) for n, v in labels.items())
    query = LogQuery(
        matchers=matchers,
        start_ns=ns(NOW - timedelta(hours=1)),
        end_ns=ns(NOW + timedelta(hours=1)),
        limit=1000,
        direction="forward",
    )
    return [record.line for record in read_logs(scope, query).records]


def corrupt(organization, source=None):
    return replace(
        arrival(organization, log_batch("x"), source=source), payload=b"garbage"
    )


def poison(organization, source=None):
    """A batch that decodes well and cannot be stored: its stream does not exist."""
    good = log_batch("poison", at=NOW)
    return arrival(organization, LogBatch((), good.table), source=source)


def test_lines_are_parsed_and_stored(cast):
    source = SourceFactory(organization=cast.acme, name="app")
    deposit([arrival(cast.acme, log_batch("ERROR payment failed"), source=source)])

    outcome = drain(NOW)

    assert outcome == DrainOutcome(batches=1, lines=1)
    assert stored_lines(cast.system(), source="app") == ["ERROR payment failed"]
    assert not InboxBatch.objects.exists()


def test_a_line_without_a_time_has_that_of_its_arrival(cast):
    deposit([arrival(cast.acme, log_batch("hello"), at=NOW - 5 * SECOND)])

    drain(NOW)

    query = LogQuery(
        matchers=(), start_ns=ns(NOW - 5 * SECOND), end_ns=ns(NOW - 5 * SECOND) + 1
    )
    assert [r.line for r in read_logs(cast.system(), query).records] == ["hello"]


def test_samples_are_stored(cast):
    deposit([arrival(cast.acme, sample_batch("up", 0.0, 1.0, at=NOW - SECOND))])

    assert drain(NOW) == DrainOutcome(batches=1, samples=2)

    latest = snapshot(cast.system(), names=["up"], now=NOW)
    assert [(sample.name, sample.value) for sample in latest] == [("up", 1.0)]


def test_an_empty_inbox_is_nothing(cast):
    assert drain(NOW).found_nothing


def test_the_urgent_come_first_and_then_the_oldest(cast):
    low, high = Source.Priority.LOW, Source.Priority.HIGH
    deposit(
        [
            arrival(cast.acme, log_batch("low"), priority=low),
            arrival(cast.acme, log_batch("first")),
            arrival(cast.acme, log_batch("second")),
            arrival(cast.acme, log_batch("high"), priority=high),
        ]
    )

    seen = []
    while not drain(NOW, max_batches=1).found_nothing:
        left = {line for b in InboxBatch.objects.all() for line in _lines(b)}
        seen.append(left)

    assert seen == [{"low", "first", "second"}, {"low", "second"}, {"low"}, set()]


def _lines(batch: InboxBatch) -> list[str]:
    table = LogBatch.decode(bytes(batch.payload)).table
    return table.column("line").to_pylist()


def test_batches_of_one_source_keep_their_order(cast):
    batches = [log_batch(f"line {i}", at=NOW) for i in range(30)]
    deposit([arrival(cast.acme, batch) for batch in batches])

    drain(NOW)

    assert stored_lines(cast.system()) == [f"line {i}" for i in range(30)]


def test_two_organizations_do_not_meet(cast):
    for organization in (cast.acme, cast.globex):
        source = SourceFactory(organization=organization, name="app")
        deposit([arrival(organization, log_batch(organization.slug), source=source)])
    deposit([arrival(cast.acme, sample_batch("up", 1.0))])

    drain(NOW)

    assert stored_lines(cast.system(cast.acme)) == ["acme"]
    assert stored_lines(cast.system(cast.globex)) == ["globex"]
    assert snapshot(cast.system(cast.globex), now=NOW) == []


def test_two_teams_do_not_see_each_others_lines(cast):
    for team in (cast.payments, cast.platform):
        deposit([arrival(cast.acme, log_batch(team.slug), team=team)])

    drain(NOW)

    assert stored_lines(cast.scope(cast.bob)) == ["payments"]
    assert stored_lines(cast.scope(cast.carol)) == ["platform"]
    assert sorted(stored_lines(cast.scope(cast.alice))) == ["payments", "platform"]


# --- Samples by reference ----------------------------------------------------------------


def latest(scope) -> dict[tuple[str, ...], float]:
    """The latest value of each series, by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for sample in snapshot(scope, now=NOW)
    }


def shown_live(redis, organization) -> list[tuple[str, dict[str, str], float, str]]:
    """What the topic `metrics` has shown: name, labels, value and the team."""
    entries = redis.xrange(live.stream_key(organization.pk, "metrics"))
    return [
        (event["name"], event["labels"], event["value"], entry[b"team"].decode())
        for _, entry in entries
        for event in orjson.loads(entry[b"events"])
    ]


def register(organization, *batches, team=None):
    deposit([arrival(organization, batch, team=team) for batch in batches])
    drain(NOW)


class TestByReference:
    def test_samples_are_stored(self, cast):
        register(cast.acme, sample_batch("up", 0.0, at=NOW - 9 * SECOND, job="api"))
        batch = sample_batch("up", 1.0, 2.0, at=NOW - SECOND, job="api")
        deposit([arrival(cast.acme, by_reference(cast.acme, batch))])

        assert drain(NOW) == DrainOutcome(batches=1, samples=2)

        assert latest(cast.system()) == {("up", "api"): 2.0}
        assert not InboxBatch.objects.exists()

    def test_they_are_counted(self, cast):
        source = SourceFactory(organization=cast.acme, name="app")
        register(cast.acme, sample_batch("up", 0.0))
        referring = by_reference(cast.acme, sample_batch("up", 1.0, 2.0))
        deposit([arrival(cast.acme, referring, source=source, at=NOW)])

        drain(NOW)

        state = SourceState.objects.get(source=source)
        assert (state.samples_total, state.bytes_total) == (2, 200)
        assert state.last_seen == NOW

    def test_they_are_shown_live_with_their_labels(self, cast, redis_client):
        register(cast.acme, sample_batch("up", 0.0, job="api"), team=cast.payments)
        batch = sample_batch("up", 1.0, 2.0, job="api")
        referring = by_reference(cast.acme, batch, team=cast.payments)
        deposit([arrival(cast.acme, referring, team=cast.payments)])
        redis_client.flushdb()

        drain(NOW)

        assert shown_live(redis_client, cast.acme) == [
            ("up", {"job": "api"}, 2.0, str(cast.payments.pk))
        ]

    def test_of_a_burst_nothing_is_shown_live(self, cast, redis_client, monkeypatch):
        register(cast.acme, *(sample_batch("up", 0.0, job=job) for job in "ab"))
        batches = [sample_batch("up", 1.0, job=job) for job in "ab"]
        deposit([arrival(cast.acme, by_reference(cast.acme, b)) for b in batches])
        redis_client.flushdb()
        monkeypatch.setattr(live, "BURST_SERIES", 1)

        drain(NOW)

        assert shown_live(redis_client, cast.acme) == []
        assert latest(cast.system()) == {("up", "a"): 1.0, ("up", "b"): 1.0}

    def test_they_come_with_others_in_one_drain(self, cast):
        register(cast.acme, sample_batch("up", 0.0, at=NOW - 9 * SECOND, job="known"))
        known = sample_batch("up", 1.0, job="known")
        register(cast.acme, sample_batch("up", 0.0, job="team"), team=cast.payments)
        of_team = by_reference(
            cast.acme, sample_batch("up", 4.0, job="team"), team=cast.payments
        )
        deposit(
            [
                arrival(cast.acme, by_reference(cast.acme, known)),
                arrival(cast.acme, sample_batch("up", 2.0, job="new")),
                arrival(cast.acme, log_batch("a line")),
                arrival(cast.acme, of_team, team=cast.payments),
                arrival(cast.globex, sample_batch("up", 3.0, job="known")),
            ]
        )

        assert drain(NOW) == DrainOutcome(batches=5, lines=1, samples=4)

        assert latest(cast.scope(cast.bob)) == {
            ("up", "known"): 1.0,
            ("up", "new"): 2.0,
            ("up", "team"): 4.0,
        }
        assert latest(cast.scope(cast.carol)).keys() == {
            ("up", "known"),
            ("up", "new"),
        }
        assert latest(cast.system(cast.globex)) == {("up", "known"): 3.0}

    def test_batches_of_one_drain_are_one_block(self, cast):
        register(cast.acme, sample_batch("up", 0.0), sample_batch("load", 0.0))
        before = SampleBlock.objects.count()
        batches = [sample_batch("up", 1.0), sample_batch("load", 2.0)]
        deposit([arrival(cast.acme, by_reference(cast.acme, b)) for b in batches])

        drain(NOW)

        assert SampleBlock.objects.count() == before + 1
        assert latest(cast.system()) == {("up",): 1.0, ("load",): 2.0}

    def test_a_corrupt_batch_is_a_dead_letter_at_once(self, cast):
        register(cast.acme, sample_batch("up", 0.0))
        referring = by_reference(cast.acme, sample_batch("up", 1.0))
        cut_off = replace(
            arrival(cast.acme, referring), payload=referring.encode()[:-1]
        )
        deposit([cut_off])

        assert drain(NOW).failed == 1

        assert DeadLetter.unscoped.get().error.startswith("not a batch of samples")

    def test_a_series_that_is_gone_holds_up_nobody_elses(self, cast, redis_client):
        register(cast.acme, *(sample_batch("up", 0.0, job=job) for job in "ab"))
        batches = [sample_batch("up", 1.0, job=job) for job in "ab"]
        deposit([arrival(cast.acme, by_reference(cast.acme, b)) for b in batches])
        Series.unscoped.get(labels={"job": "a"}).delete()
        redis_client.flushdb()

        assert drain(NOW) == DrainOutcome(batches=2, samples=2)

        assert latest(cast.system()) == {("up", "b"): 1.0}
        assert shown_live(redis_client, cast.acme) == [("up", {"job": "b"}, 1.0, "")]


# --- Counts ------------------------------------------------------------------------------


def test_a_source_counts_what_came_from_it(cast):
    source = SourceFactory(organization=cast.acme, name="app")
    deposit(
        [
            arrival(cast.acme, log_batch("a", "b"), source=source, at=NOW - SECOND),
            arrival(cast.acme, sample_batch("up", 1.0), source=source, at=NOW),
        ]
    )
    drain(NOW)
    deposit([arrival(cast.acme, log_batch("c"), source=source, at=NOW - 2 * SECOND)])

    drain(NOW)

    state = SourceState.objects.get(source=source)
    assert (state.lines_total, state.samples_total) == (3, 1)
    assert state.bytes_total == 400
    assert state.last_seen == NOW


def test_the_minute_counts_what_went_through(cast):
    deposit([arrival(cast.acme, log_batch("a"), at=NOW - SECOND)])
    drain(NOW)
    deposit([arrival(cast.acme, log_batch("b", "c"), at=NOW)])

    drain(NOW + 30 * SECOND)

    minute = PipelineMinute.objects.get(organization=cast.acme)
    assert (minute.minute, minute.lines, minute.batches) == (NOW, 3, 2)
    assert (minute.bytes, minute.latency_ms_sum) == (300, 31_000)


def test_a_recognised_format_is_remembered(cast):
    source = SourceFactory(organization=cast.acme, name="app")
    lines = [f'{{"level":"error","msg":"failed {i}"}}' for i in range(20)]
    deposit([arrival(cast.acme, log_batch(*lines), source=source)])

    drain(NOW)

    state = SourceState.objects.get(source=source)
    assert (state.detected_format, state.detected_confidence) == ("json", 1.0)


# --- Failures ----------------------------------------------------------------------------


def test_a_bad_batch_holds_up_nobody_else(cast):
    deposit(
        [
            arrival(cast.acme, log_batch("before")),
            poison(cast.acme),
            arrival(cast.acme, log_batch("after")),
            arrival(cast.globex, log_batch("elsewhere")),
        ]
    )

    outcome = drain(NOW)

    assert outcome == DrainOutcome(batches=3, lines=3, failed=1)
    assert stored_lines(cast.system()) == ["before", "after"]
    assert stored_lines(cast.system(cast.globex)) == ["elsewhere"]


def test_a_failed_batch_is_tried_again_later_each_time(cast):
    deposit([poison(cast.acme)])

    drain(NOW)

    batch = InboxBatch.objects.get()
    assert (batch.attempts, batch.not_before) == (1, NOW + SECOND)
    assert batch.last_error
    assert drain(NOW).found_nothing
    assert drain(NOW + SECOND).failed == 1
    assert InboxBatch.objects.get().not_before == NOW + 5 * SECOND


def test_after_its_last_attempt_a_batch_is_a_dead_letter(cast, settings):
    settings.INGEST_MAX_ATTEMPTS = 2
    source = SourceFactory(organization=cast.acme, name="app")
    deposit([poison(cast.acme, source)])

    drain(NOW)
    drain(NOW + SECOND)

    letter = DeadLetter.unscoped.get()
    assert (letter.source, letter.count, letter.attempts) == (source, 1, 2)
    assert letter.failed_at == NOW + SECOND
    assert not InboxBatch.objects.exists()
    state = SourceState.objects.get(source=source)
    assert state.last_error == f"1 logs not stored: {letter.error}"
    minute = PipelineMinute.objects.get(organization=cast.acme)
    assert (minute.failures, minute.lines) == (1, 0)


def test_a_corrupt_batch_is_a_dead_letter_at_once(cast):
    deposit([corrupt(cast.acme), arrival(cast.acme, log_batch("good"))])

    outcome = drain(NOW)

    assert outcome == DrainOutcome(batches=1, lines=1, failed=1)
    assert DeadLetter.unscoped.get().error.startswith("not an encoded batch")


def test_over_the_organizations_limit_a_batch_is_a_dead_letter_at_once(cast):
    cast.acme.max_streams = 1
    cast.acme.save()
    deposit([arrival(cast.acme, log_batch("a", host="a"))])
    drain(NOW)
    deposit([arrival(cast.acme, log_batch("b", host="b"))])
    deposit([arrival(cast.acme, log_batch("c", host="a"))])

    drain(NOW)

    assert sorted(stored_lines(cast.system())) == ["a", "c"]
    assert "1" in DeadLetter.unscoped.get().error


def test_a_failure_leaves_nothing_half_written(cast):
    """The bad batch comes last: what was written before it in the transaction goes."""
    deposit([arrival(cast.acme, log_batch("good"), team=cast.payments)])
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE sources_pipelineminute ADD CONSTRAINT broken CHECK (lines = 0)"
        )
    try:
        drain(NOW)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE sources_pipelineminute DROP CONSTRAINT broken")

    assert stored_lines(cast.system()) == []
    assert InboxBatch.objects.get().attempts == 1

    drain(NOW + SECOND)

    assert stored_lines(cast.system()) == ["good"]


def test_corrupt_bytes_are_told_apart():
    with pytest.raises(CorruptBatchError):
        LogBatch.decode(b"garbage")
