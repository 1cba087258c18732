from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pyarrow.dataset as ds
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Organization
from monitoring.labels import Matcher, MatchOp
from monitoring.models import ArchiveFile, LifecycleState, LogBlock, SampleBlock
from monitoring.services import archive, logs, retention
from monitoring.services.append import append_logs, append_samples
from monitoring.services.queries import querier
from monitoring.store import archive as files
from monitoring.store import registry, vault
from monitoring.telemetry import nanoseconds
from tests.factories.accounts import OrganizationFactory
from tests.factories.monitoring import log_batch, sample_batch, system_scope

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = NOW - 4 * DAY


@pytest.fixture(autouse=True)
def directory(tmp_path, settings):
    settings.ARCHIVE_URL, settings.ARCHIVE_AFTER_DAYS = str(tmp_path / "files"), 2
    return tmp_path / "files"


@pytest.fixture
def scope():
    registry.forget()
    yield system_scope(OrganizationFactory())
    registry.forget()


def append(scope, moment, env="prod", now=NOW):
    ns = nanoseconds(moment)
    samples = sample_batch([({"__name__": "up", "env": env}, ns // 10**6, 1.5)])
    append_samples(scope, samples, team_id=None, now=now)
    lines = log_batch([(ns, "a line")], labels={"env": env}, fields={"user": ["ada"]})
    append_logs(scope, lines, team_id=None, now=now)


def run(scope):
    return sum(
        m.records for m in archive.archive_organization(scope.organization_id, NOW)
    )


def lines_between(scope, start, end):
    query = logs.LogQuery((), nanoseconds(start), nanoseconds(end))
    return logs.read_logs(scope, query).records


def samples_between(scope, start, end):
    matchers = [Matcher("__name__", MatchOp.EQUAL, "up")]
    bounds = (nanoseconds(moment) // 10**6 for moment in (start, end))
    return querier(scope).select(matchers, *bounds).values.tolist()


def test_other_engines_read_the_files_by_their_partitions(scope, directory):
    append(scope, OLD)

    moved = run(scope)

    dataset = ds.dataset(directory, partitioning="hive")
    (line,) = dataset.to_table(filter=ds.field("signal") == "logs").to_pylist()
    (sample,) = (
        ds.dataset(next(directory.glob("*/signal=metrics")), partitioning="hive")
        .to_table()
        .to_pylist()
    )
    assert moved == 2
    assert line["organization"] == scope.organization_id
    assert (line["line"], line["level"], line["day"]) == (
        "a line",
        "info",
        "2026-11-17",
    )
    assert (line["labels"], line["fields"]) == ([("env", "prod")], [("user", "ada")])
    assert (sample["metric"], sample["value"]) == ("up", 1.5)
    assert sample["labels"] == [("env", "prod")]
    assert sample["timestamp"] == OLD


def test_what_is_archived_is_read_as_before(scope):
    append(scope, OLD)
    append(scope, NOW)
    before = lines_between(scope, OLD - DAY, NOW + DAY)

    run(scope)

    assert LogBlock.objects.filter(organization_id=scope.organization_id).count() == 1
    assert lines_between(scope, OLD - DAY, NOW + DAY) == before
    assert samples_between(scope, OLD, OLD) == [1.5]
    assert logs.log_labels(scope, nanoseconds(OLD), nanoseconds(OLD + DAY)) == {
        "env": ["prod"]
    }


def test_only_files_that_can_matter_are_opened(scope, directory):
    append(scope, OLD)
    append(scope, OLD - DAY)
    run(scope)

    for file in directory.glob(f"*/*/day={(OLD - DAY).date()}/*"):
        file.unlink()

    assert len(lines_between(scope, OLD - timedelta(hours=1), NOW)) == 1
    assert samples_between(scope, OLD - timedelta(hours=1), NOW) == [1.5]


def test_while_the_archive_is_away_nothing_is_lost_and_it_is_seen(
    scope, directory, settings, tmp_path
):
    (tmp_path / "blocked").write_text("no directory")
    append(scope, OLD)
    settings.ARCHIVE_URL = str(tmp_path / "blocked")

    assert archive.archive_all(NOW, seconds=10) == 0
    state = LifecycleState.unscoped.get(organization_id=scope.organization_id)
    settings.ARCHIVE_URL = str(directory)
    at_once = archive.archive_all(NOW, seconds=10)
    shown = lines_between(scope, OLD, NOW)
    later = archive.archive_all(state.next_try, seconds=10)

    assert (state.work, state.failures) == ("archive", 1)
    assert "could not be written" in state.error
    assert (at_once, len(shown), later) == (0, 1, 2)
    assert not LifecycleState.unscoped.exists()


def test_a_pause_grows_with_every_failure(scope, settings, tmp_path):
    (tmp_path / "blocked").write_text("no directory")
    settings.ARCHIVE_URL = str(tmp_path / "blocked")
    append(scope, OLD)
    pauses, now = [], NOW

    for _ in range(9):
        archive.archive_all(now, seconds=10)
        state = LifecycleState.unscoped.get()
        pauses.append((state.next_try - now).total_seconds())
        now = state.next_try

    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_what_a_killed_writer_left_is_swept_and_its_blocks_stay(scope, directory):
    append(scope, OLD)
    file = files.announce(scope.organization_id, "logs", OLD.date(), NOW)
    vault.write(file.path, b"PAR1, and not much more")
    part = directory / (file.path + ".part")
    part.write_text("half of it")

    early = archive.sweep(NOW + timedelta(minutes=30))
    late = archive.sweep(NOW + timedelta(hours=2))

    assert (early, late) == (0, 1)
    assert [path for path in directory.rglob("*") if path.is_file()] == []
    assert len(lines_between(scope, OLD, NOW)) == 1


def test_retention_deletes_files_and_gives_readers_time(scope, directory, settings):
    append(scope, OLD)
    run(scope)
    settings.LOG_RETENTION_DAYS = settings.METRIC_RETENTION_DAYS = 3

    retention.apply_retention(NOW)
    shown = lines_between(scope, OLD - DAY, NOW)
    files_left = len(list(directory.rglob("*.parquet")))
    swept = archive.sweep(NOW + timedelta(hours=1))

    assert (shown, files_left, swept) == ([], 2, 2)
    assert list(directory.rglob("*.parquet")) == []
    assert not ArchiveFile.objects.exists()


def test_the_files_of_a_deleted_organization_go(scope, directory):
    append(scope, OLD)
    run(scope)
    Organization.objects.filter(pk=scope.organization_id).delete()

    retention.apply_retention(NOW)
    archive.sweep(NOW + timedelta(hours=1))

    assert list(directory.rglob("*.parquet")) == []


def test_the_command_archives_and_verifies(scope, directory):
    now = timezone.now()
    append(scope, now - 4 * DAY, now=now)
    said = StringIO()

    call_command("archive", organization=scope.organization_slug, stdout=said)
    call_command("archive", "--verify", stdout=said)

    assert said.getvalue().count("1 records") == 2
    assert "as the manifest says" in said.getvalue()
    assert not SampleBlock.objects.filter(
        organization_id=scope.organization_id
    ).exists()


def test_the_command_tells_what_is_wrong(scope, directory):
    append(scope, OLD)
    run(scope)
    gone, cut = sorted(directory.rglob("*.parquet"))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    (directory / "foreign.parquet").write_text("?")
    said = StringIO()

    with pytest.raises(CommandError, match="3 problems"):
        call_command("archive", "--verify", stderr=said)

    assert "is missing" in said.getvalue()
    assert "bytes instead of" in said.getvalue()
    assert "is in no manifest" in said.getvalue()


def test_a_bucket_is_an_archive_too(scope, settings):
    # pyarrow's file system in memory stands for any that is reached by a URL.
    settings.ARCHIVE_URL = "mock:///bucket/vedette"
    append(scope, OLD)

    run(scope)

    assert len(lines_between(scope, OLD, NOW)) == 1
    assert samples_between(scope, OLD, NOW) == [1.5]
    assert list(archive.problems()) == []
