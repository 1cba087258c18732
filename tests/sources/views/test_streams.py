"""What the page of a stream says about its connection."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from sources.models import SourceStream
from tests.factories.sources import SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def page_of(client, cast, redis_client):
    """Return a function that opens the page of a WebSocket source, as Alice."""
    client.force_login(cast.alice)

    def open_page(**stream) -> str:
        config = {"url": "wss://logs.example.com/app?key=hunter2"}
        source = SourceFactory(organization=cast.acme, kind="websocket", config=config)
        if stream:
            SourceStream.objects.create(source=source, **stream)
        url = reverse("source-detail", args=[cast.acme.slug, source.pk])
        return client.get(url).content.decode()

    return open_page


def test_a_connection_that_stands_is_shown_with_its_past(page_of):
    now = timezone.now()

    page = page_of(
        connected_since=now,
        reconnects=3,
        messages=12,
        last_error="The server ended the connection.",
        last_error_at=now - timedelta(minutes=5),
    )

    assert "Connected" in page
    assert "3 times" in page
    assert "The server ended the connection." in page
    assert "wss://logs.example.com/app" in page
    assert "hunter2" not in page


def test_a_connection_that_does_not_stand_is_shown(page_of):
    page = page_of(reconnects=1, lost=2)

    assert "Not connected" in page
    assert "1 time<" in page
    assert "2 lost" in page


def test_a_stream_that_was_never_worked_has_no_connection_to_show(page_of):
    assert "Connected again" not in page_of()
