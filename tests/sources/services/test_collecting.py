"""The collector by hand, one step after the other: no process, no waiting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from accounts.models import ProcessHeartbeat
from monitoring.telemetry import LogBatch, SampleBatch
from sources.models import (
    BatchKind,
    Cursor,
    InboxBatch,
    LogFormat,
    Source,
    SourceState,
)
from sources.services.backlog import backlog
from sources.services.collecting import Collector
from sources.services.leases import Holder
from tests.factories.accounts import OrganizationFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Collecting:
    def __init__(self, directory) -> None:
        self.directory = directory
        self.now = START
        self.collector = Collector(Holder.of_this_process(), lambda: None)

    def step(self, seconds: float = 5) -> None:
        """Let time pass, and the collector do all that is due then."""
        self.now += timedelta(seconds=seconds)
        for _ in range(20):
            if self.collector.step(self.now) > self.now:
                break

    def source(self, name: str = "app", kind: str = Source.Kind.FILE, **config):
        paths = {"paths": [f"{self.directory}/{name}.log"]}
        return Source.unscoped.create(
            organization=OrganizationFactory(),
            kind=kind,
            name=name,
            config=config or (paths if kind == Source.Kind.FILE else {}),
        )

    def write(self, text: str, name: str = "app") -> None:
        with (self.directory / f"{name}.log").open("a") as file:
            file.write(text)


@pytest.fixture
def collecting(tmp_path, settings):
    settings.FILE_SOURCE_ROOTS = [tmp_path]
    backlog.forget()
    one = Collecting(tmp_path)
    yield one
    one.collector.stop()
    backlog.forget()


def lines() -> list[str]:
    batches = InboxBatch.objects.filter(kind=BatchKind.LOGS).order_by("id")
    decoded = [LogBatch.decode(bytes(batch.payload)) for batch in batches]
    return [line for b in decoded for line in b.table.column("line").to_pylist()]


def test_lines_of_a_source_reach_the_inbox(collecting):
    source = collecting.source()
    collecting.write("one\ntwo\n")

    collecting.step()

    batch = InboxBatch.objects.get()
    assert (batch.source, batch.organization, batch.count, batch.size) == (
        source,
        source.organization,
        2,
        8,
    )
    assert lines() == ["one", "two"]


def test_a_format_of_ones_own_says_how_events_begin(collecting):
    paths = [f"{collecting.directory}/app.log"]
    source = collecting.source(paths=paths, multiline=True)
    LogFormat.unscoped.create(
        organization=source.organization,
        name="own",
        syntax="pattern",
        expression="#<number> <text>",
        event_start="^#",
    )
    Source.unscoped.update(format="own")
    collecting.write("#1 one\nand more\n#2 two\n")

    collecting.step()
    collecting.step()

    assert lines() == ["#1 one\nand more", "#2 two"]


def test_the_cursor_stands_behind_what_is_in_the_inbox(collecting):
    collecting.source()
    collecting.write("one\ntw")

    collecting.step()

    assert Cursor.objects.get().offset == 4


def test_an_added_source_is_taken_up(collecting):
    collecting.step()
    collecting.source()
    collecting.write("one\n")

    collecting.step(1)

    assert lines() == ["one"]


def test_an_edited_source_is_read_by_its_new_settings(collecting):
    source = collecting.source()
    collecting.write("one\n")
    collecting.step()

    source.labels = {"env": "prod"}
    source.save()
    collecting.write("two\n")
    collecting.step()

    batch = LogBatch.decode(bytes(InboxBatch.objects.latest("id").payload))
    assert dict(batch.streams[0])["env"] == "prod"
    assert lines() == ["one", "two"]


@pytest.mark.parametrize("change", ["disable", "delete"])
def test_a_source_that_is_gone_is_read_no_more(collecting, change):
    source = collecting.source()
    collecting.write("one\n")
    collecting.step()

    if change == "disable":
        Source.unscoped.filter(pk=source.pk).update(enabled=False)
    else:
        source.delete()
    before = lines()
    collecting.write("two\n")
    collecting.step()

    assert lines() == before


def test_a_disabled_source_is_free_for_others(collecting):
    source = collecting.source()
    collecting.step()

    Source.unscoped.filter(pk=source.pk).update(enabled=False)
    collecting.step()

    assert SourceState.objects.get().lease_holder == ""


def test_a_source_deleted_just_before_its_deposit_harms_no_other(collecting):
    doomed, other = collecting.source("doomed"), collecting.source("other")
    collecting.step()
    collecting.write("lost\n", "doomed")
    collecting.write("kept\n", "other")

    Cursor.objects.filter(source=doomed).delete()
    Source.unscoped.filter(pk=doomed.pk).delete()
    collecting.step(0.5)
    collecting.step(0.5)
    collecting.step()

    assert InboxBatch.objects.get().source == other


def test_a_source_of_another_host_is_left_to_it(collecting):
    collecting.source(paths=[f"{collecting.directory}/*.log"], host="elsewhere")
    collecting.write("one\n")

    collecting.step()

    assert lines() == []


def test_host_metrics_come_at_every_interval(collecting):
    collecting.source("host", Source.Kind.HOST, interval_seconds=10)

    for _ in range(5):
        collecting.step(5)

    batches = InboxBatch.objects.filter(kind=BatchKind.SAMPLES).order_by("id")
    times = [SampleBatch.decode(bytes(b.payload)).ts_ms[0] / 1000 for b in batches]
    assert [t - START.timestamp() for t in times] == [5 + 5, 20]


def test_a_full_inbox_holds_up_reading_and_loses_nothing(collecting, settings):
    settings.INGEST_BACKLOG_LIMIT = 1
    collecting.source()
    collecting.write("one\n")
    collecting.step()
    collecting.write("two\n")
    backlog.forget()
    collecting.step()
    while_full = lines()

    InboxBatch.objects.all().delete()
    backlog.forget()
    collecting.step(60)

    assert (while_full, lines()) == (["one"], ["two"])


def test_one_organizations_full_inbox_does_not_hold_up_another(collecting, settings):
    settings.INGEST_BACKLOG_LIMIT = 1
    collecting.source("full")
    collecting.source("other")
    collecting.write("one\n", "full")
    collecting.step()
    backlog.forget()

    collecting.write("two\n", "full")
    collecting.write("three\n", "other")
    collecting.step()

    assert lines() == ["one", "three"]


def test_a_problem_stands_at_the_source_until_it_has_passed(collecting):
    collecting.source()
    (collecting.directory / "app.log").write_bytes(b"\x00")
    collecting.step()
    during = SourceState.objects.get().last_error

    (collecting.directory / "app.log").write_text("text\n")
    collecting.step()

    assert during.endswith("app.log is not read: it is a binary file, not text.")
    assert (SourceState.objects.get().last_error, lines()) == ("", ["text"])


def test_a_problem_is_said_again_after_other_data_hid_it(collecting):
    collecting.source()
    (collecting.directory / "app.log").write_bytes(b"\x00")
    collecting.step()
    SourceState.objects.update(last_error="")

    collecting.step(61)
    collecting.step(5)

    assert "binary file" in SourceState.objects.get().last_error


def test_anothers_message_is_not_cleared(collecting):
    collecting.source()
    (collecting.directory / "app.log").write_bytes(b"\x00")
    collecting.step()
    SourceState.objects.update(last_error="3 logs not stored: too many streams")

    (collecting.directory / "app.log").write_text("text\n")
    collecting.step()

    assert SourceState.objects.get().last_error.startswith("3 logs not stored")


def test_it_beats(collecting):
    collecting.source()
    collecting.write("one\n")

    collecting.step()
    collecting.step()

    heartbeat = ProcessHeartbeat.objects.get()
    assert (heartbeat.kind, heartbeat.beat_at) == ("collector", collecting.now)
    assert heartbeat.detail == {"sources": 1, "lines": 1, "bytes": 4, "batches": 1}


def test_it_releases_its_leases_when_it_stops(collecting):
    collecting.source()
    collecting.step()

    collecting.collector.stop()

    assert SourceState.objects.get().lease_holder == ""


@pytest.mark.django_db(transaction=True)
def test_a_lost_database_is_waited_for(collecting):
    collecting.source()
    collecting.source("host", Source.Kind.HOST, interval_seconds=1)
    collecting.step()
    InboxBatch.objects.all().delete()
    collecting.write("one\n")
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    collecting.step(1)
    collecting.step(1)
    collecting.step(1)

    samples = InboxBatch.objects.filter(kind=BatchKind.SAMPLES)
    assert (lines(), samples.count()) == (["one"], 3)
