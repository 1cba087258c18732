from __future__ import annotations

import math
import struct

import pytest
from django.utils import timezone

from monitoring.services.append import append_samples
from monitoring.telemetry import STALE_NAN_BITS
from tests.api_client import client_for
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

FEDERATE = "/prometheus/federate"
STALE = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]


@pytest.fixture
def stored(cast, redis_client):
    """Series as their newest sample says; returns that moment in milliseconds."""
    now = timezone.now()
    ms = int(now.timestamp() * 1000)
    rows = [
        ({"__name__": "up", "job": "a", "instance": "x"}, ms - 1000, 0.0),
        ({"__name__": "up", "job": "a", "instance": "x"}, ms, 1.0),
        ({"__name__": "up", "job": "gone"}, ms, STALE),
        ({"__name__": "up", "job": "old"}, ms - 301_000, 1.0),
        ({"__name__": "big", "text": 'a "b"\\\n'}, ms, 1234567.0),
        ({"__name__": "nothing"}, ms, math.nan),
    ]
    append_samples(cast.system(), sample_batch(rows), team_id=None, now=now)
    return ms


def test_the_newest_samples_come_as_a_scrape(cast, stored):
    response = client_for(cast.acme, "read").get(
        FEDERATE, {"match[]": ["up", '{__name__=~"big|nothing|up"}']}
    )

    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.content.decode().splitlines() == [
        "# TYPE big untyped",
        f'big{{text="a \\"b\\"\\\\\\n",instance=""}} 1.234567e+06 {stored}',
        "# TYPE nothing untyped",
        f'nothing{{instance=""}} NaN {stored}',
        "# TYPE up untyped",
        f'up{{instance="x",job="a"}} 1 {stored}',
    ]


def test_nothing_named_is_nothing_told(cast, stored):
    response = client_for(cast.acme, "read").get(FEDERATE)

    assert response.status_code == 200
    assert response.content == b""


def test_a_selector_that_is_none_is_refused(cast, redis_client):
    response = client_for(cast.acme, "read").get(FEDERATE, {"match[]": "up{"})

    assert response.status_code == 400


def test_others_series_are_not_federated(cast, stored):
    response = client_for(cast.globex, "read").get(FEDERATE, {"match[]": "up"})

    assert response.content == b""


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("status/config", "yaml"),
        ("status/flags", "query.lookback-delta"),
        ("status/runtimeinfo", "startTime"),
    ],
)
def test_the_status_pages_answer(cast, redis_client, path, key):
    response = client_for(cast.acme, "read").get(f"/prometheus/api/v1/{path}")

    assert key in response.json()["data"]


@pytest.mark.parametrize("word", ["healthy", "ready"])
def test_it_says_that_it_is_well(cast, redis_client, word):
    response = client_for(cast.acme, "read").get(f"/prometheus/-/{word}")

    assert response.content.decode() == f"Prometheus Server is {word.capitalize()}.\n"
