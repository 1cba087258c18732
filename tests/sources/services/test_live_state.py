from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from monitoring.live import stream_key
from sources.models import SourceState
from sources.models.source import QUIET_AFTER
from sources.services.live_state import anything_changed, publish_states
from sources.services.state import clear_error, note_error
from tests.factories.sources import NOW, SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

SECOND = timedelta(seconds=1)


@pytest.fixture
def published(redis_client):
    """Publish what has changed at a moment; return the events of an organization."""

    def publish(organization, now=NOW) -> list[dict]:
        redis_client.flushdb()
        publish_states(now)
        entries = redis_client.xrange(stream_key(organization.pk, "sources"))
        return [
            {**event, "team": content[b"team"].decode()}
            for _, content in entries
            for event in orjson.loads(content[b"events"])
        ]

    return publish


def seen(source, at) -> None:
    SourceState.objects.filter(source=source).update(last_seen=at, lines_total=7)


def test_what_came_in_is_shown(cast, published):
    source = SourceFactory(organization=cast.acme, name="app")
    seen(source, NOW)

    (event,) = published(cast.acme)

    assert event == {
        "id": source.pk,
        "name": "app",
        "status": "ok",
        "lines_total": 7,
        "bytes_total": 0,
        "samples_total": 0,
        "last_seen": "2026-11-21T13:00:00Z",
        "last_error": "",
        "team": "",
    }


def test_what_has_not_changed_is_not_shown(cast, published):
    seen(SourceFactory(organization=cast.acme), NOW - 5 * SECOND)

    assert published(cast.acme) == []
    assert not anything_changed(NOW)


def test_a_source_that_falls_quiet_is_shown(cast, published):
    seen(SourceFactory(organization=cast.acme), NOW - QUIET_AFTER)

    assert [event["status"] for event in published(cast.acme)] == ["quiet"]
    assert published(cast.acme, NOW + 5 * SECOND) == []


def test_an_error_is_shown(cast, published):
    source = SourceFactory(organization=cast.acme)
    note_error(source.pk, "cannot read\x00", NOW)

    (event,) = published(cast.acme)

    assert (event["status"], event["last_error"]) == ("error", "cannot read")


def test_each_sees_its_own(cast, published):
    for team in (cast.payments, None):
        seen(SourceFactory(organization=cast.acme, team=team), NOW)
    seen(SourceFactory(organization=cast.globex, name="theirs"), NOW)

    teams = sorted(event["team"] for event in published(cast.acme))

    assert teams == ["", str(cast.payments.pk)]


def test_an_error_is_taken_back_unless_there_is_another(cast, db):
    source = SourceFactory(organization=cast.acme)
    note_error(source.pk, "first", NOW)
    note_error(source.pk, "second", NOW)

    clear_error(source.pk, "first")
    assert SourceState.objects.get(source=source).last_error == "second"

    clear_error(source.pk, "second")
    state = SourceState.objects.get(source=source)
    assert (state.last_error, state.last_error_at) == ("", None)


def test_a_source_without_a_state_gets_one(cast, db):
    source = SourceFactory(organization=cast.acme)
    SourceState.objects.all().delete()

    note_error(source.pk, "cannot read", NOW)

    assert SourceState.objects.get(source=source).last_error == "cannot read"


def test_a_source_that_is_gone_is_left_alone(db):
    note_error(12345, "cannot read", NOW)

    assert not SourceState.objects.exists()
