"""From a push to the store: what comes again travels by reference, and answers stay."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from monitoring.services.queries import snapshot
from monitoring.telemetry import RefSamples, SampleBatch, decode_samples
from sources.ingest import application
from sources.models import InboxBatch
from sources.services.pipeline import drain
from tests.factories import remote_write as bodies
from tests.factories.accounts import make_token
from tests.sources.ingest.conftest import Client

pytestmark = pytest.mark.integration

WRITE = "/api/v1/write"
HEADERS = {"Content_Type": "application/x-protobuf", "Content_Encoding": "snappy"}
UP = {"__name__": "up", "job": "node"}
LOAD = {"__name__": "load", "job": "node"}
# Looks at what a thread of the edge does, and the pause between two of them.
LOOKS, PAUSE_SECONDS = 500, 0.02


@pytest.fixture
def sender(client, cast, monkeypatch):
    """One whose new series are looked up at once, not after a second."""
    monkeypatch.setattr(application, "_REGISTERED_SECONDS", 0)
    return client.as_token(make_token(cast.acme, "ingest"))


@pytest.fixture
def now():
    return datetime.fromtimestamp(int(time.time()), UTC)


def body(now, *values: float, labels=(UP, LOAD)) -> bytes:
    """A sample a series, in milliseconds that follow each other."""
    ms = int(now.timestamp() * 1000)
    series = [
        bodies.series(of_one, [(value, ms + n) for n, value in enumerate(values)])
        for of_one in labels
    ]
    return bodies.snappy(bodies.request(*series))


async def push(sender, content: bytes):
    (answer,) = await sender._send("POST", WRITE, [content], HEADERS)
    return answer


async def in_thread(work):
    def connected():
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(connected)


def arrived() -> list[SampleBatch | RefSamples]:
    payloads = InboxBatch.objects.order_by("id").values_list("payload", flat=True)
    return [decode_samples(bytes(payload)) for payload in payloads]


async def pushed_until_referring(sender, content: bytes):
    """Return the answer to the first push that came by reference."""
    for _ in range(LOOKS):
        answer = await push(sender, content)
        if isinstance((await in_thread(arrived))[-1], RefSamples):
            return answer
        await asyncio.sleep(PAUSE_SECONDS)
    raise AssertionError("every push came with its labels")


def test_what_is_registered_comes_by_reference(sender, cast, now):
    later = now + timedelta(seconds=1)

    async def told():
        first = await push(sender, body(now, 1.0, 2.0))
        labelled = await in_thread(arrived)
        await in_thread(lambda: drain(later))
        second = await pushed_until_referring(sender, body(later, 3.0, 4.0))
        referring = (await in_thread(arrived))[-1]
        await in_thread(lambda: drain(later))
        return first, labelled, second, referring

    first, labelled, second, referring = asyncio.run(told())

    assert [type(batch) for batch in labelled] == [SampleBatch]
    assert sorted(referring.values.tolist()) == [3.0, 3.0, 4.0, 4.0]
    assert (first.status_code, first.headers) == (second.status_code, second.headers)
    latest = snapshot(cast.system(), now=later + timedelta(seconds=1))
    assert [(sample.name, sample.value) for sample in latest] == [
        ("load", 4.0),
        ("up", 4.0),
    ]


def test_a_new_series_brings_the_labels_of_all(sender, now):
    async def told():
        await push(sender, body(now, 1.0, labels=[UP]))
        await in_thread(lambda: drain(now))
        await pushed_until_referring(sender, body(now, 2.0, labels=[UP]))
        await push(sender, body(now, 3.0, labels=[UP, LOAD]))
        return (await in_thread(arrived))[-1]

    last = asyncio.run(told())

    assert isinstance(last, SampleBatch)
    assert last.values.tolist() == [3.0, 3.0]


def test_another_organizations_series_come_with_their_labels(sender, cast, now):
    mallory = Client(sender.edge).as_token(make_token(cast.globex, "ingest"))

    async def told():
        await push(sender, body(now, 1.0))
        await in_thread(lambda: drain(now))
        await pushed_until_referring(sender, body(now, 2.0))
        await push(mallory, body(now, 3.0))
        return (await in_thread(arrived))[-1]

    assert isinstance(asyncio.run(told()), SampleBatch)
