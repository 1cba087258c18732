from __future__ import annotations

from datetime import timedelta

import pytest

from sources.models import SourceMinute, SourceState
from sources.processing import RateLimit
from sources.services.figures import note_limited
from sources.services.rate_limits import seconds_to_wait
from tests.factories.sources import NOW, SourceFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LIMIT = RateLimit(lines=10, burst_seconds=2)


@pytest.fixture(autouse=True)
def redis(redis_client):
    return redis_client


def comes(lines, *, after=0.0, size=0, limit=LIMIT, source=1):
    at = NOW + timedelta(seconds=after)
    return seconds_to_wait(source, limit, lines=lines, size=size, now=at)


def test_a_burst_comes_in_and_the_mean_is_kept():
    assert comes(20) == 0
    assert comes(1) == 1
    assert comes(1, after=0.5) == 0


def test_what_is_too_large_by_is_waited_for():
    assert comes(120) == 0
    assert comes(1) == 11
    assert comes(1, after=10.5) == 0


def test_bytes_have_a_limit_of_their_own():
    limit = RateLimit(size=100, burst_seconds=1)

    assert comes(10**6, size=300, limit=limit) == 0
    assert comes(1, size=1, limit=limit) == 3


def test_sources_do_not_share_their_limits():
    comes(20)

    assert comes(20, source=2) == 0


def test_while_redis_is_away_everything_may_come(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert [comes(20), comes(20)] == [0, 0]


def test_what_is_kept_out_is_counted(cast):
    source = SourceFactory(organization=cast.acme)

    note_limited(source.pk, 7, NOW)
    note_limited(source.pk, 5, NOW)

    assert SourceState.objects.get(source=source).limited_total == 12
    assert SourceMinute.objects.get(source=source).limited == 12
