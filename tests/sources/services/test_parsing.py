from __future__ import annotations

from datetime import timedelta

import pytest

from monitoring.telemetry import Level, LogBatch
from sources.models import InboxBatch, SourceState
from sources.services.inbox import deposit
from sources.services.parsing import RAW_CHECKED_EVERY, Parser
from tests.factories.sources import NOW, SourceFactory, arrival, log_batch, ns

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

JSON = [f'{{"level":"error","msg":"failed {i}"}}' for i in range(20)]
LOGFMT = [f"level=warn msg=careful code={i}" for i in range(20)]
PLAIN = [f"something happened {i}" for i in range(20)]


@pytest.fixture(autouse=True)
def redis(redis_client):
    """Nudges go to the run's own Redis."""


@pytest.fixture
def source(cast):
    return SourceFactory(organization=cast.acme, name="app")


def parsed(cast, *batches, source=None, at=NOW) -> tuple[list[LogBatch], Parser]:
    InboxBatch.objects.all().delete()
    deposit([arrival(cast.acme, batch, source=source, at=at) for batch in batches])
    rows = list(InboxBatch.objects.order_by("pk"))
    parser = Parser(rows)
    claimed = [(row, LogBatch.decode(bytes(row.payload))) for row in rows]
    return list(parser.parse(claimed)), parser


def fields(batches) -> set[str]:
    return {name for batch in batches for name in batch.field_names}


def test_batches_of_one_source_are_parsed_as_one(cast, source):
    batches, _ = parsed(cast, log_batch("a"), log_batch("b"), source=source)

    assert [b.table.column("line").to_pylist() for b in batches] == [["a", "b"]]


def test_lines_pushed_without_a_source_are_parsed_by_what_they_are_now(cast):
    found = [
        fields(parsed(cast, log_batch(*lines))[0])
        for lines in (JSON, JSON, LOGFMT, PLAIN, JSON)
    ]

    assert found == [{"msg"}, {"msg"}, {"msg", "code"}, set(), {"msg"}]


def test_batches_of_different_seconds_keep_their_arrival(cast, source):
    late = [log_batch("a"), log_batch("b")]
    deposit(
        [
            arrival(cast.acme, late[0], source=source, at=NOW),
            arrival(cast.acme, late[1], source=source, at=NOW + timedelta(seconds=9)),
        ]
    )
    rows = list(InboxBatch.objects.order_by("pk"))

    batches = Parser(rows).parse([(r, LogBatch.decode(bytes(r.payload))) for r in rows])

    times = [b.table.column("ts_ns")[0].as_py() for b in batches]
    assert times == [ns(NOW), ns(NOW + timedelta(seconds=9))]


def test_a_format_is_recognised_once_there_are_enough_lines(cast, source):
    _, few = parsed(cast, log_batch(*JSON[:3]), source=source)
    _, enough = parsed(cast, log_batch(*JSON), source=source)

    assert few.recognised == {}
    assert enough.recognised == {source.pk: ("json", 1.0)}


def test_the_format_that_was_set_is_used(cast):
    source = SourceFactory(organization=cast.acme, format="raw")

    batches, parser = parsed(cast, log_batch(*JSON), source=source)

    assert (fields(batches), parser.recognised) == (set(), {})


def test_the_remembered_format_is_used(cast, source):
    SourceState.objects.filter(source=source).update(detected_format="logfmt")

    batches, parser = parsed(cast, log_batch(*LOGFMT), source=source)

    assert fields(batches) >= {"code"}
    assert parser.recognised == {}


def test_a_source_that_changes_its_format_is_recognised_anew(cast, source):
    SourceState.objects.filter(source=source).update(detected_format="json")

    batches, parser = parsed(cast, log_batch(*LOGFMT), source=source)

    assert fields(batches) >= {"code"}
    assert parser.recognised == {source.pk: ("logfmt", 1.0)}


def test_plain_text_is_looked_at_again_now_and_then(cast, source):
    SourceState.objects.filter(source=source).update(detected_format="raw")
    found = set()
    for _ in range(RAW_CHECKED_EVERY):
        _, parser = parsed(cast, log_batch(*JSON), source=source)
        found |= {name for name, _ in parser.recognised.values()}

    assert found == {"json"}


def test_pushes_without_a_source_are_recognised_each_time(cast):
    batches, parser = parsed(cast, log_batch(*JSON))

    assert set(batches[0].table.column("level").to_pylist()) == {Level.ERROR}
    assert parser.recognised == {}


def test_many_different_fields_are_not_put_into_one_table(cast):
    batches = [log_batch(f'{{"key_{i}_{j}":1}}') for i in range(3) for j in range(50)]

    found, _ = parsed(cast, *batches)

    assert sum(batch.count for batch in found) == 150
