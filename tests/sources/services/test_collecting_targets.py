"""The collector with a source that scrapes a real server."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from monitoring.telemetry import SampleBatch
from sources.models import InboxBatch, Source, SourceState, SourceTargets
from sources.services.backlog import backlog
from sources.services.collecting import Collector
from sources.services.configs import checked_config
from sources.services.leases import Holder
from tests.factories.accounts import OrganizationFactory
from tests.sources.http_targets import Answer, HttpTarget

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Collecting:
    """Goes from one due time to the next."""

    def __init__(self) -> None:
        self.now = START
        self._woken = threading.Event()
        self.collector = Collector(Holder.of_this_process(), self._woken.set)

    def until(self, condition) -> None:
        for _ in range(200):
            due = self.collector.step(self.now)
            if condition():
                return
            if due > self.now:
                self._woken.wait(0.1)
                self._woken.clear()
                self.now = min(due, self.now + timedelta(seconds=1))
        raise AssertionError("it never came true")


@pytest.fixture
def http_target(settings):
    settings.SOURCE_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    target = HttpTarget()
    target.expose("a 1\n")
    yield target
    target.close()


@pytest.fixture
def collecting():
    backlog.forget()
    one = Collecting()
    yield one
    one.collector.stop()
    backlog.forget()


def scrape(http_target, **config) -> Source:
    given = {"targets": [http_target.address], **config}
    return Source.unscoped.create(
        organization=OrganizationFactory(),
        kind="scrape",
        name="web",
        config=checked_config("scrape", given),
    )


def test_what_a_target_exposes_reaches_the_inbox(collecting, http_target):
    source = scrape(http_target)

    collecting.until(InboxBatch.objects.exists)

    stored = InboxBatch.objects.get()
    batch = SampleBatch.decode(bytes(stored.payload))
    names = {dict(labels)["__name__"] for labels in batch.series}
    assert (stored.source, stored.count) == (source, 6)
    assert {"a", "up"} < names


def test_a_target_hears_the_secret_that_is_stored_encrypted(collecting, http_target):
    source = scrape(http_target, bearer_token="hunter2")
    assert "hunter2" not in str(source.config)

    collecting.until(InboxBatch.objects.exists)

    assert http_target.asked[0].headers["Authorization"] == "Bearer hunter2"


def test_how_targets_are_can_be_read(collecting, http_target):
    source = scrape(http_target)

    collecting.until(
        lambda: SourceTargets.objects.filter(active__0__health="up").exists()
    )

    targets = SourceTargets.objects.get(source=source)
    assert targets.active[0]["url"] == f"{http_target.url}/metrics"
    assert targets.is_down is False


def test_why_a_target_is_down_stands_at_the_source(collecting, http_target):
    source = scrape(http_target, path="/no")
    http_target.answer = lambda path: Answer(status=404)

    collecting.until(
        lambda: SourceState.objects.filter(last_error__contains="404").exists()
    )

    assert SourceState.objects.get(source=source).last_error == (
        f"{http_target.url}/no: server returned HTTP status 404."
    )
