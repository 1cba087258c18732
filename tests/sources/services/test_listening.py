"""Sources that are sent to, worked by the collector step by step."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from monitoring.telemetry import LogBatch, SampleBatch
from sources.models import InboxBatch, Source, SourceState
from sources.services import collecting, loads
from sources.services.backlog import backlog
from sources.services.collecting import Collector
from sources.services.leases import Holder
from tests.factories.accounts import OrganizationFactory
from tests.sources.connectors.listening import PATIENCE, free_port

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Collecting:
    def __init__(self) -> None:
        self.now = START
        self.collector = Collector(Holder.of_this_process(), lambda: None)

    def step(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)
        self.collector.step(self.now)

    def step_until(self, condition) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            self.step()

    def source(self, kind: str = "syslog", name: str = "net", **config) -> Source:
        return Source.unscoped.create(
            organization=OrganizationFactory(), kind=kind, name=name, config=config
        )


@pytest.fixture
def collecting_():
    backlog.forget()
    one = Collecting()
    yield one
    one.collector.stop()
    backlog.forget()


def send(port: int, *messages: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(b"".join(message + b"\n" for message in messages))


def lines() -> list[str]:
    decoded = [LogBatch.decode(bytes(b.payload)) for b in InboxBatch.objects.all()]
    return [line for b in decoded for line in b.table.column("line").to_pylist()]


def test_what_is_sent_reaches_the_inbox(collecting_):
    port = free_port()
    source = collecting_.source(port=port, transport="tcp")
    collecting_.step()

    send(port, b"<13>hello")
    collecting_.step_until(lines)

    assert lines() == ["hello"]
    assert InboxBatch.objects.get().source == source


def test_stopping_stores_what_was_read(collecting_):
    port = free_port()
    collecting_.source(port=port, transport="tcp")
    collecting_.step()
    send(port, b"<13>hello")

    collecting_.collector.stop()

    assert lines() == ["hello"]


def test_stopping_stores_what_was_read_though_the_inbox_is_full(collecting_, settings):
    """Its senders have been told that it arrived."""
    port = free_port()
    collecting_.source(port=port, transport="tcp")
    collecting_.step()
    settings.INGEST_BACKLOG_LIMIT = 0
    send(port, b"<13>hello")
    collecting_.step_until(lambda: collecting_.collector.counts["refused"])

    collecting_.collector.stop()

    assert lines() == ["hello"]


def test_an_edited_source_keeps_what_it_had_read(collecting_):
    port = free_port()
    source = collecting_.source(port=port, transport="tcp")
    collecting_.step()
    send(port, b"<13>before")

    source.labels = {"env": "prod"}
    source.save()
    collecting_.step()
    collecting_.step()
    send(port, b"<13>after")
    collecting_.step_until(lambda: len(lines()) == 2)

    assert lines() == ["before", "after"]


def test_what_was_read_outlives_a_lost_database(collecting_, monkeypatch):
    port = free_port()
    collecting_.source(port=port, transport="tcp")
    collecting_.step()

    def away(*_args, **_more):
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(loads, "deposit", away)
        patched.setattr(collecting.connection, "close", lambda: None)
        send(port, b"<13>hello")
        collecting_.step_until(lambda: collecting_.collector._failures)
    collecting_.step_until(lines)

    assert lines() == ["hello"]


def test_a_full_inbox_makes_senders_wait_and_loses_nothing(collecting_, settings):
    port = free_port()
    collecting_.source(port=port, transport="tcp")
    collecting_.step()
    settings.INGEST_BACKLOG_LIMIT = 0
    send(port, b"<13>hello")
    collecting_.step_until(lambda: collecting_.collector.counts["refused"])

    settings.INGEST_BACKLOG_LIMIT = 1000
    backlog.forget()
    collecting_.step_until(lines)

    assert lines() == ["hello"]


def test_the_second_source_of_a_port_is_told(collecting_):
    port = free_port()
    first = collecting_.source(port=port, transport="tcp")
    second = collecting_.source(name="other", port=port, transport="tcp")

    collecting_.step()

    errors = dict(SourceState.objects.values_list("source_id", "last_error"))
    assert errors[first.pk] == ""
    assert "choose another port" in errors[second.pk]


def test_losses_are_counted_at_the_source(collecting_):
    port = free_port()
    source = collecting_.source(port=port, transport="tcp", max_message_bytes=480)
    collecting_.step()

    send(port, b"<13>" + b"x" * 600, b"<13>good")
    collecting_.step_until(lines)
    collecting_.step()

    state = SourceState.objects.get(source=source)
    assert state.rejected_total == 1
    assert "1 messages left out: they were longer" in state.last_error


def test_counters_of_statsd_come_as_what_they_grew_by(collecting_):
    port = free_port()
    collecting_.source("statsd", port=port, transport="tcp", flush_seconds=2)
    collecting_.step()

    send(port, b"hits:3|c", b"load:5|g")
    collecting_.step_until(lambda: InboxBatch.objects.count() == 2)

    found = [SampleBatch.decode(bytes(b.payload)) for b in InboxBatch.objects.all()]
    assert {
        (dict(b.series[0])["__name__"], b.is_delta, b.values.tolist()[0]) for b in found
    } == {("hits_total", True, 3.0), ("load", False, 5.0)}
