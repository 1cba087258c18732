from __future__ import annotations

import pytest

from sources.models import InboxBatch, SourceState
from tests.factories.accounts import make_token
from tests.factories.sources import SourceFactory

pytestmark = pytest.mark.integration


def test_who_pushes_over_the_limit_is_told_when_to_come_again(
    client, cast, redis_client
):
    limit = {"rate_limit": {"lines_per_second": 0.1, "burst_seconds": 10}}
    source = SourceFactory(organization=cast.acme, name="shop", processing=limit)
    sender = client.as_token(make_token(cast.acme, "ingest"))
    url = "/api/v1/logs?source=shop"

    first, second = (sender.post(url, b'{"line":"a"}\n{"line":"b"}') for _ in range(2))

    assert (first.status_code, second.status_code) == (202, 429)
    assert second.json()["error"]["code"] == "rate_limited"
    assert 10 <= int(second.headers["Retry-After"]) <= 21
    assert InboxBatch.objects.count() == 1
    assert SourceState.objects.get(source=source).limited_total == 2
