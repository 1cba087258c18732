"""Rules of sources on the way from the inbox to the store, on real servers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import AuditEntry
from monitoring.labels import Matcher, MatchOp
from monitoring.services.logs import LogQuery, read_logs
from monitoring.services.queries import snapshot
from sources.models import DeadLetter, LogFormat, SourceMinute, SourceState
from sources.services import known_values
from sources.services.inbox import deposit
from sources.services.pipeline import drain
from tests.factories.sources import NOW, SourceFactory, arrival, log_batch, ns

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

JSON = [f'{{"level":"info","msg":"ok {i}","app":"a{i}","ms":"{i}"}}' for i in range(12)]
LOGFMT = [f"level=warn msg=careful code={i}" for i in range(12)]
COUNTER = {"name": "lines_seen_total", "type": "counter"}


@pytest.fixture(autouse=True)
def redis(redis_client):
    """Nudges and live events go to the run's own Redis."""
    known_values.forget()


def source_with(cast, **processing):
    return SourceFactory(organization=cast.acme, name="app", processing=processing)


def bring(cast, source, *lines, at=NOW):
    deposit([arrival(cast.acme, log_batch(*lines), source=source, at=at)])
    return drain(at)


def stored(scope, **labels):
    matchers = tuple(Matcher(n, MatchOp.EQUAL, v) for n, v in labels.items())
    start, end = ns(NOW - timedelta(hours=1)), ns(NOW + timedelta(hours=1))
    query = LogQuery(matchers, start, end, limit=1000, direction="forward")
    return list(read_logs(scope, query).records)


def lines(scope, **labels):
    return [record.line for record in stored(scope, **labels)]


def value(scope, name, at=NOW + timedelta(seconds=1)):
    found = [s for s in snapshot(scope, now=at) if s.name == name]
    return {tuple(sorted(s.labels.items())): s.value for s in found}


def test_what_rules_drop_is_not_stored_but_counted(cast):
    source = source_with(
        cast,
        filters=[{"action": "exclude", "contains": "debug"}],
        masks=[{"preset": "email"}],
    )

    bring(cast, source, "debug x", "mail a@b.example", "plain")

    assert lines(cast.system(), source="app") == ["mail [email]", "plain"]
    state = SourceState.objects.get(source=source)
    assert (state.lines_total, state.filtered_total, state.masked_total) == (3, 1, 1)
    minute = SourceMinute.objects.get(source=source)
    assert (minute.lines, minute.filtered, minute.masked) == (3, 1, 1)


def test_a_counter_goes_on_over_batches_that_come_late(cast):
    source = source_with(cast, metrics=[COUNTER])

    bring(cast, source, "a", "b")
    bring(cast, source, "c", at=NOW - timedelta(seconds=5))
    bring(cast, source, "d", "e", at=NOW)

    assert list(value(cast.system(), "lines_seen_total").values()) == [5.0]
    assert SourceState.objects.get(source=source).derived_total == 3


def test_batches_of_one_claim_count_together(cast):
    source = source_with(cast, metrics=[COUNTER])
    seconds = [NOW, NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]
    deposit(
        [arrival(cast.acme, log_batch("a"), source=source, at=at) for at in seconds]
    )

    drain(seconds[-1])

    assert list(value(cast.system(), "lines_seen_total", seconds[-1]).values()) == [3.0]


def test_too_many_series_do_not_hold_up_the_lines(cast):
    cast.acme.max_series = 0
    cast.acme.save()
    source = source_with(cast, metrics=[COUNTER])

    bring(cast, source, "a")

    assert lines(cast.system(), source="app") == ["a"]
    state = SourceState.objects.get(source=source)
    assert (state.derived_total, state.derive_errors_total) == (0, 1)
    assert "are not stored" in state.last_error


def test_the_bound_of_a_label_holds_over_batches(cast):
    source = source_with(cast, promote=[{"field": "app", "most": 2}])

    bring(cast, source, *JSON[:1] * 12)
    bring(cast, source, *JSON)

    assert len(stored(cast.system(), app="a0")) == 13
    assert len(stored(cast.system(), app="a1")) == 1
    assert len(stored(cast.system(), app="other")) == 10


def test_rules_that_cannot_be_read_let_nothing_through(cast):
    source = source_with(cast, masks=[{"preset": "bygone"}])

    for attempt in range(10):
        bring(cast, source, "secret", at=NOW + timedelta(hours=attempt))

    assert lines(cast.system(), source="app") == []
    assert DeadLetter.unscoped.filter(source=source).exists()


def test_another_format_is_noted_at_the_source(cast):
    source = source_with(cast)

    bring(cast, source, *JSON)
    bring(cast, source, *LOGFMT)

    state = SourceState.objects.get(source=source)
    assert (state.former_format, state.detected_format) == ("json", "logfmt")
    assert state.format_changed_at == NOW
    entry = AuditEntry.unscoped.get(action="source.format_change")
    assert (entry.before, entry.after) == ({"format": "json"}, {"format": "logfmt"})


def test_lines_of_containers_are_taken_out_of_their_wrappers(cast):
    source = source_with(cast)
    wrapped = [
        f"2026-11-21T12:59:{i:02d}Z stdout F {line}" for i, line in enumerate(JSON)
    ]

    bring(cast, source, *wrapped)

    assert lines(cast.system(), source="app") == JSON
    first = stored(cast.system(), source="app")[0]
    assert (first.fields["app"], first.fields["stream"]) == ("a0", "stdout")
    state = SourceState.objects.get(source=source)
    assert state.detected_format == "cri+json"


def test_a_described_format_is_recognised(cast):
    LogFormat.unscoped.create(
        organization=cast.acme,
        name="shop",
        syntax="pattern",
        expression="<time:%Y/%m/%d %H-%M-%S> !<level>! order=<order:int> <what>",
    )
    source = source_with(cast)

    bring(
        cast,
        source,
        *[f"2026/11/21 12-30-{i:02d} !WARN! order={i} late" for i in range(12)],
    )

    first = stored(cast.system(), source="app")[0]
    assert (first.level.word, first.fields) == ("warn", {"order": "0", "what": "late"})
    assert first.timestamp_ns == ns(NOW - timedelta(minutes=30))
    assert SourceState.objects.get(source=source).detected_format == "shop"
