from __future__ import annotations

import asyncio
import contextvars
import threading
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from config.guard import RequestGuard
from monitoring import promql
from monitoring.services.cancellation import is_client_gone, watch_client
from monitoring.services.queries import range_query

pytestmark = pytest.mark.integration


def scope_of(*headers):
    return {"type": "http", "method": "POST", "path": "/", "headers": list(headers)}


async def reading(scope, receive, send):
    """Read the body and answer with its size, as Django would."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def test_an_ordinary_body_passes(settings):
    client = ApplicationCommunicator(RequestGuard(reading), scope_of())
    await client.send_input({"type": "http.request", "body": b"abc"})

    assert (await client.receive_output())["status"] == 200
    assert (await client.receive_output())["body"] == b"3"


async def test_a_body_that_is_announced_as_too_large_is_refused(settings):
    settings.INGEST_MAX_BODY_BYTES = 10
    client = ApplicationCommunicator(
        RequestGuard(reading), scope_of((b"content-length", b"11"))
    )

    assert (await client.receive_output())["status"] == 413
    assert b"body_too_large" in (await client.receive_output())["body"]


async def test_a_body_that_grows_too_large_is_cut_off(settings):
    settings.INGEST_MAX_BODY_BYTES = 10
    client = ApplicationCommunicator(RequestGuard(reading), scope_of())
    chunk = {"type": "http.request", "body": b"123456", "more_body": True}
    await client.send_input(chunk)
    await client.send_input(chunk)

    assert await client.receive_nothing()


async def test_work_in_a_thread_hears_that_the_client_has_left():
    begun, noticed = threading.Event(), threading.Event()

    def work():
        begun.set()
        while not is_client_gone():
            threading.Event().wait(0.01)
        noticed.set()

    async def answering(scope, receive, send):
        await receive()
        listening = asyncio.create_task(receive())
        await sync_to_async(work, thread_sensitive=False)()
        await listening

    client = ApplicationCommunicator(RequestGuard(answering), scope_of())
    await client.send_input({"type": "http.request"})
    await asyncio.to_thread(begun.wait, 10)
    await client.send_input({"type": "http.disconnect"})
    await client.wait(10)

    assert noticed.is_set()


@pytest.mark.django_db
def test_a_query_that_nobody_waits_for_is_cancelled(cast):
    end = datetime(2026, 1, 1, tzinfo=UTC)
    hour = timedelta(hours=1)

    def ask():
        watch_client().set()
        range_query(cast.system(), "vector(1)", start=end - hour, end=end, step=hour)

    with pytest.raises(promql.QueryCancelledError):
        contextvars.copy_context().run(ask)
